"""Check formulas against simulation: the only place where a formula meets a sample.

Trials are fixed in advance: a pilot on draws of its own gives the error scale and the variance of every case, the
number of comparisons gives the simultaneous levels, and both give the trials. Then each case is judged once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np

from simulate.evidence import Estimate, holm, skewness, variance_upper_bound
from simulate.sample.run import simulate
from simulate.simulation import Simulation
from simulate.verdicts.comparison import Comparison, comparisons
from simulate.verdicts.conjecture import Conjecture, conjecture
from simulate.verdicts.planning import Levels, Settings, TrialPlan, plan_trials
from simulate.verdicts.report import AGREE, DISAGREE, NOT_TESTABLE, OUTSIDE, UNDECIDED, CheckReport, Judged, TailRates, Verdict, standard_score
from simulate.work.keys import canonical, draw_key
from simulate.work.progress import bar as progress_bar
from theory.errors import InputError
from theory.problem import TaskSequence
from theory.quantities import Quantity

PILOT, JUDGED = 1, 2  # phases, part of the seed, so that their draws are disjoint
CHUNK = 2**14  # trials simulated at once; part of what a seed means
ROUNDING = 1e-10  # error of the sampler's linear algebra, relative to the largest quantity of the experiment
LEAST_SCALE = 1e-6  # error scale, relative to the same, below which differences are rounding


def check(
    formula: Any,
    quantity: str | Quantity | Callable[[Simulation], Any] | None = None,
    build: Callable[..., TaskSequence] | None = None,
    cases: Iterable[Mapping[str, Any]] | None = None,
    *,
    delta: float = 0.02,
    false_alarm: float = 1e-6,
    power: float = 0.95,
    seed: int = 0,
    pilot_trials: int = 512,
    max_trials: int = 2**20,
    min_trials: int = 0,
    expected: str = "agree",
    exact: bool | None = None,
    features: Any = None,
    solver: Any = None,
    workers: int | None = None,
    progress: bool = False,
    name: str | None = None,
    target: str | Quantity | Callable[[Simulation], Any] | None = None,
) -> CheckReport:
    """Judge a formula by simulation: agree, disagree, undecided or not testable.

    Parameters
    ----------
    formula : sympy.Expr, callable or theory.Formula
        An expression whose symbols are the keys of a case, or a function of them as keyword arguments. A
        `theory.Formula` brings its own quantity and build.
    quantity : str, theory.Quantity or callable
        The quantity, such as "deviation", "forgetting" or "error[1,0]" (`theory.parse_quantity`), a `theory.Quantity`, or a function
        of a `simulate.Simulation` that returns one value for each trial.
    build : callable
        Makes a `theory.TaskSequence` of a case's keyword arguments.
    cases : iterable of mapping, or one mapping
        Values of all parameters.
    delta : float
        Difference that matters, as a share of the case's error scale, E L_i(theta_i) + sigma_i^2 on average over
        the tasks i that the quantity looks back on; times n_i for training errors, which add up over samples.
    false_alarm : float
        Probability of "disagree" anywhere although the formula is right in all cases.
    power : float
        Probability that a difference of delta is called "disagree" in its case, and that a formula that is right
        agrees in all cases.
    seed : int
        Equal seeds give equal reports.
    pilot_trials, max_trials, min_trials : int
        Trials of a case's pilot, the most for its judged sample, and the least where the plan asks for fewer.
    expected : {"agree", "disagree"}
        What the report's exit status counts as success.
    exact : bool, optional
        Whether the formula claims to be exact; by default what the status of a `theory.Formula` says, else True.
    features, solver
        Law of the features and training rule in place of what the experiments say, as in `simulate.simulate`, or
        functions that map a case's `TaskSequence` to them. A `theory.Formula` says nothing of others than standard normal features and least
        steps: there the verdict is "outside assumptions", with the relative difference of simulation and formula. An
        expression or a function is judged as always.
    workers : int, optional
        Threads of the sampler; they do not change the result.
    progress : bool
        Whether to show a progress bar, on a terminal only.
    name : str, optional
        What to call the formula.
    target : str, theory.Quantity or callable, optional
        Former name of ``quantity``.

    Returns
    -------
    CheckReport
        Prints as sentences; ``rows()`` for programs, ``verdict`` and ``exit_status`` for scripts.

    Raises
    ------
    InputError
        If a case misses a parameter, has no finite value, or an argument makes no sense.

    Notes
    -----
    With K testable cases and z_alpha the normal quantile of 1 - false_alarm / (2 K), a case agrees if
    ``mean - theory +- z_alpha stderr`` lies inside +-delta, and disagrees if its Holm-adjusted p-value is at most
    false_alarm, which takes precedence. Cases whose moment order is at most 4 are not testable.

    Examples
    --------
    The error that one task leaves, with its noise term forgotten:

    >>> import sympy
    >>> import driftlaw as dl
    >>> n, p = sympy.symbols("n p")
    >>> def build(n, p):
    ...     return dl.one_block(p, (n,), noise=0.5, gram=[[1]])
    >>> print(dl.check(1 - n / p, "error[0,0]", build, dl.grid(n=[10], p=[20, 40])))
    -n/p + 1: disagree (2 disagree of 2 cases)
      disagree      -n/p + 1, p=20: theory 0.5000, simulation 0.7764 +- 0.0024 (10,752 trials, z=+114.6); ...
      ...
    >>> dl.check(1 - n / p + n / (4 * (p - n - 1)), "error[0,0]", build, dl.grid(n=[10], p=[30, 40])).verdict
    'agree'
    """
    settings = Settings(delta, false_alarm, power, seed, pilot_trials, max_trials, min_trials)
    claim = conjecture(
        formula, quantity if target is None else target, build, cases, name=name, expected=expected, exact=exact, features=features, solver=solver
    )
    return check_all([claim], settings, workers=workers, progress=progress)[0]


def check_all(
    conjectures: Sequence[Conjecture], settings: Settings = Settings(), *, workers: int | None = None, progress: bool = False
) -> list[CheckReport]:
    """Judge several conjectures in one run, whose false-alarm rate and Holm adjustment count all their cases."""
    names = [claim.name for claim in conjectures]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two conjectures are called {name!r}, so their reports could not be told apart; rename one")
    prepared = [comparisons(claim) for claim in conjectures]
    testable = [one for cases in prepared for one in cases if not one.reason]
    levels = Levels.of(settings, max(len(testable), 1))
    samples = draw_samples(testable, levels, settings, simulate, workers=workers, progress=progress)
    verdicts = dict(zip(testable, decide(testable, samples, levels, settings), strict=True))
    tails = {one: sample.tails for one, sample in zip(testable, samples, strict=True)}
    return [
        CheckReport(
            claim.name,
            tuple(verdicts[one] if one in verdicts else _not_testable(one) for one in cases),
            sum((tails[one] for one in cases if one in tails), TailRates()),
            claim.expected,
            claim.exact,
        )
        for claim, cases in zip(conjectures, prepared, strict=True)
    ]


@dataclass(frozen=True)
class _Pilot:
    """Error scale, rounding error and planned trials of a case; whether its trials differ by no more than rounding."""

    delta: float
    rounding: float
    plan: TrialPlan
    deterministic: bool


@dataclass(frozen=True)
class Sample:
    """The judged sample of a case, which knows no theory."""

    pilot: _Pilot
    estimate: Estimate
    tails: TailRates

    @property
    def stderr(self) -> float:
        """Standard error of the mean, rounding included."""
        return math.hypot(self.estimate.stderr, self.pilot.rounding)


def _simulations(seq: TaskSequence, settings: Settings, sampler: Callable[..., Simulation], phase: int, trials: int) -> Iterator[Simulation]:
    """Simulate in chunks, so that memory does not grow with the trials; every chunk has a stream of its own."""
    stream = (int(settings.seed), phase, crc32(canonical(draw_key(seq)).encode()))
    for chunk, first in enumerate(range(0, trials, CHUNK)):
        seed = (*stream, chunk)
        yield sampler(seq, min(CHUNK, trials - first), seed)


def _per_trial(comparison: Comparison, simulation: Simulation) -> np.ndarray:
    return simulation.per_trial(comparison.quantity)


def draw_samples(
    comparisons: Sequence[Comparison],
    levels: Levels,
    settings: Settings,
    sampler: Callable[..., Simulation],
    *,
    workers: int | None = None,
    progress: bool = False,
) -> list[Sample]:
    """Plan and draw the samples of testable comparisons; those of one experiment share its draws (Holm holds under any dependence).

    Parameters
    ----------
    comparisons, levels, settings
        ``levels`` are those of the run's number of comparisons.
    sampler : callable
        Called as `simulate.simulate` is: experiment, trials, seed, and workers by name.
    workers, progress
        As in `check`.
    """
    sampler = partial(sampler, workers=workers)
    groups: dict[TaskSequence, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.seq, []).append(comparison)
    samplers = {
        experiment: partial(sampler, training_errors=True) if any(one.of_training for one in group) else sampler
        for experiment, group in groups.items()
    }
    pilots = {experiment: _pilots(experiment, group, levels, settings, samplers[experiment]) for experiment, group in groups.items()}
    trials = {experiment: max(pilot.plan.trials for pilot in group) for experiment, group in pilots.items()}
    samples = {}
    with progress_bar(total=sum(trials.values()), unit="trial", unit_scale=True, shown=progress) as bar:
        for experiment, group in groups.items():
            parts: list[list[np.ndarray]] = [[] for _ in group]
            draws: set = set()
            for simulation in _simulations(experiment, settings, samplers[experiment], JUDGED, trials[experiment]):
                for comparison, part in zip(group, parts, strict=True):
                    part.append(_per_trial(comparison, simulation))
                draws |= simulation.draws
                bar.update(simulation.trials)
            random = [comparison for comparison, pilot in zip(group, pilots[experiment], strict=True) if not pilot.deterministic]
            for comparison, pilot, part in zip(group, pilots[experiment], parts, strict=True):
                values = np.concatenate(part)
                # one quantity an experiment: those that share draws are no independent evidence on the tails
                tails = TailRates.measure(values) if comparison in random[:1] and not comparison.outside else TailRates()
                samples[comparison] = Sample(pilot, Estimate.from_samples(values, draws), tails)
    return [samples[comparison] for comparison in comparisons]


def _pilots(
    experiment: TaskSequence, group: list[Comparison], levels: Levels, settings: Settings, sampler: Callable[..., Simulation]
) -> list[_Pilot]:
    """Fix the trials of the comparisons of one experiment from draws that take no part in the verdict."""
    simulations = list(_simulations(experiment, settings, sampler, PILOT, settings.pilot_trials))
    errors = np.concatenate([simulation.errors_sample for simulation in simulations])
    steps = np.concatenate([simulation.update_magnitude_sample for simulation in simulations])
    variances = [float(task.noise) ** 2 for task in experiment.tasks]
    # medians: a later task may have erased errors whose mean is infinite
    size = max(float(np.median(errors, axis=0).max()), float(np.median(steps, axis=0).max()), *variances)
    pilots = []
    for comparison in group:
        values = np.concatenate([_per_trial(comparison, simulation) for simulation in simulations])
        rows = {i: comparison.rows(i) for i in comparison.scale_tasks}
        scale = float(np.mean([(errors[:, i, i].mean() + variances[i]) * rows[i] for i in rows]))
        largest = size * max(rows.values())
        delta = settings.delta * max(scale, LEAST_SCALE * largest) or np.finfo(float).tiny
        deterministic = float(np.ptp(values)) <= ROUNDING * largest
        variance, skew = (0.0, 0.0) if deterministic else (variance_upper_bound(values), skewness(values))
        plan = plan_trials(variance, delta, levels, settings.max_trials, skew, settings.min_trials)
        pilots.append(_Pilot(delta, ROUNDING * largest, plan, deterministic))
    return pilots


def decide(comparisons: Sequence[Comparison], samples: Sequence[Sample], levels: Levels, settings: Settings) -> list[Judged]:
    """Compare the theory of every comparison with its sample, and judge all of them as one run."""
    scores = [standard_score(s.estimate.mean - one.value, s.stderr) for one, s in zip(comparisons, samples, strict=True)]
    adjusted = holm([p for _, p in scores]).tolist()
    judged = zip(comparisons, samples, scores, adjusted, strict=True)
    return [_judge(one, sample, z, p_holm, levels, settings) for one, sample, (z, _), p_holm in judged]


def _judge(comparison: Comparison, sample: Sample, z: float, p_holm: float, levels: Levels, settings: Settings) -> Judged:
    half_width = levels.z_alpha * sample.stderr
    inside = abs(sample.estimate.mean - comparison.value) + half_width <= sample.pilot.delta
    return Judged(
        formula=comparison.claim.name,
        quantity=comparison.quantity_name,
        case=comparison.claim.cases[comparison.index],
        label=comparison.label,
        verdict=OUTSIDE if comparison.outside else DISAGREE if p_holm <= settings.false_alarm else AGREE if inside else UNDECIDED,
        theory=comparison.value,
        moment_order=comparison.moment_order,
        mean=sample.estimate.mean,
        stderr=sample.stderr,
        trials=sample.estimate.count,
        z=z,
        p_holm=p_holm,
        delta=sample.pilot.delta,
        detectable=levels.detectable(sample.stderr),
        standard_errors=levels.z_alpha + levels.z_power,
        half_width=half_width,
        needed=sample.pilot.plan.needed,
        delta_share=settings.delta,
        conditions=(comparison.claim.label or ", ".join(map(str, comparison.seq.unusual))) if comparison.seq.unusual else "",
    )


def _not_testable(comparison: Comparison) -> Verdict:
    return Verdict(
        comparison.claim.name,
        comparison.quantity_name,
        comparison.claim.cases[comparison.index],
        comparison.label,
        NOT_TESTABLE,
        comparison.theory,
        comparison.moment_order,
        reason=comparison.reason,
    )
