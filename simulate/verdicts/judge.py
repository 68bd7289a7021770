"""Check formulas against simulation: the only place where a formula meets a sample.

Trials are fixed in advance: a pilot on draws of its own gives the error scale and the variance of every case, the
number of comparisons gives the simultaneous levels, and both give the trials. Then each case is judged once.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import methodcaller
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from simulate.evidence import Estimate, asymmetric, holm, one_sided_p, skewness, symmetric, variance_upper_bound
from simulate.sample.run import simulate
from simulate.simulation import Simulation
from simulate.verdicts.comparison import Comparison, comparisons
from simulate.verdicts.conjecture import Conjecture, conjecture
from simulate.verdicts.planning import Levels, Settings, TrialPlan, fitting, plan_trials, powers_of
from simulate.verdicts.report import NOT_TESTABLE, OUTSIDE, UNDECIDED, CheckReport, Judged, TailRates, Verdict, standard_score
from simulate.work.jobs import run_jobs
from simulate.work.keys import canonical, draw_key
from simulate.work.progress import bar as progress_bar
from theory.errors import InputError
from theory.problem import TaskSequence
from theory.quantities import Quantity

PILOT, JUDGED = 1, 2  # phases, part of the seed, so that their draws are disjoint
CHUNK = 2**14  # trials simulated at once; part of what a seed means
MANY = 2**19  # trials of a run that outweigh the start of worker processes
ROUNDING = 1e-10  # error of the sampler's linear algebra, relative to the largest quantity of the experiment
LEAST_SCALE = 1e-6  # error scale, relative to the same, below which differences are rounding
LACK_OF_FIT = 0.01  # of calling the fit of any right limit of the run lacking


def check(
    formula: Any = None,
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
    risk: str | None = None,
    workers: int | None = None,
    progress: bool = False,
    name: str | None = None,
    target: str | Quantity | Callable[[Simulation], Any] | None = None,
    relation: str = "==",
    against: Callable[..., TaskSequence] | None = None,
    along: Mapping[str, Iterable[Any]] | None = None,
    rate: float | Iterable[float] = (1, 2),
    pathwise: bool = False,
    method: str = "direct",
) -> CheckReport:
    """Judge a statement by simulation: that a formula is right, is a bound, is a limit, or that one experiment does better than another.

    Parameters
    ----------
    formula : sympy.Expr, callable or theory.Formula
        What stands on the right: an expression whose symbols are the keys of a case, or a function of them as keyword arguments. A
        `theory.Formula` brings its own quantity and build. None if ``against`` is given.
    quantity : str, theory.Quantity or callable
        The quantity, such as "deviation", "forgetting" or "error[1,0]" (`theory.parse_quantity`), a `theory.Quantity`, or a function
        of a `simulate.Simulation` that returns one value for each trial.
    build : callable
        Makes a `theory.TaskSequence` of a case's keyword arguments.
    cases : iterable of mapping, or one mapping
        Values of all parameters; none are needed if ``along`` gives all.
    delta : float
        Difference that matters, as a share of the case's error scale, E L_i(theta_i) + sigma_i^2 on average over
        the tasks i that the quantity looks back on; times n_i for training errors, which add up over samples.
    false_alarm : float
        Probability of "disagree" or "violated" anywhere although the statement is right in all cases.
    power : float
        Probability that a difference of delta is called "disagree" in its case, and that a formula that is right
        agrees in all cases.
    seed : int
        Equal seeds give equal reports.
    pilot_trials, max_trials, min_trials : int
        Trials of a case's pilot, the most for its judged sample, and the least where the plan asks for fewer.
    expected : {"agree", "disagree"}
        What the report's exit status counts as success; of bounds, "disagree" stands for "violated".
    exact : bool, optional
        Whether the formula claims to be exact; by default what the status of a `theory.Formula` says, else True.
    features, solver
        Law of the features and training rule in place of what the experiments say, as in `simulate.simulate`, or
        functions that map a case's `TaskSequence` to them. A `theory.Formula` says nothing of others than standard normal features and least
        steps: there the verdict is "outside assumptions", with the relative difference of simulation and formula. An
        expression or a function is judged as always.
    risk : {"euclidean", "features"}, optional
        Norm of the errors in place of what the experiments say (`theory.TaskSequence`).
    workers : int, optional
        Threads of the sampler; they do not change the result.
    progress : bool
        Whether to show a progress bar, on a terminal only.
    name : str, optional
        What to call the formula.
    target : str, theory.Quantity or callable, optional
        Former name of ``quantity``.
    relation : {"==", "<=", ">="}
        Of the quantity's mean to what stands on the right.
    against : callable, optional
        A second builder in place of the formula: the quantity in the one experiment is compared with that in the other, on the same draws.
        Experiments that differ in their training alone see the same data. The error scale is the average over both.
    along : mapping, optional
        One parameter with four sizes or more, such as ``{"p": (50, 100, 200, 400)}``, which no case gives: the statement is about the limit.
        Formula and build get case and size. The error scale is that of the largest size.
    rate : float or sequence of float
        Powers of 1/size in which the gap of both sides falls to its limit. The fit is tested, and what does not fit is undecided. But a
        gap that falls more slowly than stated can look like a wrong limit.
    pathwise : bool
        Whether the bound is claimed of every draw in place of the mean. ``delta`` plays no part then.
    method : {"direct", "reduced", "banded", "auto"}
        Sampler, as in `simulate.simulate`; the verdict names any but the direct one. Orderings are judged by the direct one.

    Returns
    -------
    CheckReport
        Prints as sentences; ``rows()`` for programs, ``verdict`` and ``exit_status`` for scripts.

    Raises
    ------
    InputError
        If a case misses a parameter, has no finite value, or an argument makes no sense or does not go with another.

    Notes
    -----
    With K testable cases and z_alpha the normal quantile of 1 - false_alarm / (2 K), a case agrees if
    ``mean - theory +- z_alpha stderr`` lies inside +-delta, and disagrees if its Holm-adjusted p-value is at most
    false_alarm, which takes precedence. Cases whose moment order is at most 4 are not testable.

    Bounds and orderings are one-sided: z_alpha is the quantile of 1 - false_alarm / K. They are violated if the Holm-adjusted one-sided p
    of the excess is at most false_alarm, and hold up to delta if ``excess + z_alpha stderr <= delta``. A tight bound is attained, so
    no sample shows that it holds without a delta. Tails do not matter to pathwise bounds: one violation beyond rounding refutes them.

    In a limit, the gaps of the sizes are fitted by weighted least squares, and the intercept is judged. Each size gets trials in proportion to
    its weight in the fit and the spread of its trials, so that the intercept's standard error reaches the goal. The fit lacks if chi-squared
    of the residuals has a p below 0.01 / K.

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
    >>> exact = 1 - n / p + n / (4 * (p - n - 1))
    >>> dl.check(exact, "error[0,0]", build, dl.grid(n=[10], p=[30, 40])).verdict
    'agree'

    A bound, of the mean and of every draw:

    >>> print(dl.check(1 + n / (4 * (p - n - 1)), "error[0,0]", build, dict(n=10, p=30), relation="<=", name="bound"))
    bound: holds up to delta (1 holds up to delta of 1 cases)
      holds up to delta  bound, n=10 p=30: bound 1.1316, simulation 0.7980 +- 0.0022 (4,096 trials, z=-151.2); the mean is at least 0.3231 below ...
      ...
    >>> print(dl.check(1, "error[0,0]", build, dict(n=10, p=30), relation="<=", pathwise=True, name="bound"))
    bound: violated (1 violated of 1 cases)
      violated      bound, n=10 p=30: bound 1, 291 violations in 4,096 draws; the worst is 1.53753 in trial 1998 of seed ...

    One experiment against another, trial by trial on the same data:

    >>> def noisy(n, p):
    ...     return dl.one_block(p, (n,), noise=1, gram=[[1]])
    >>> print(dl.check(None, "error[0,0]", build, dict(n=10, p=30), against=noisy, relation="<="))
    build <= noisy: holds up to delta (1 holds up to delta of 1 cases)
      holds up to delta  build <= noisy, n=10 p=30: difference -0.3946 +- 0.0028 (6,912 paired trials, ...); the mean is at least ... below noisy; ...

    A limit in proportion:

    >>> def half(p):
    ...     return dl.one_block(p, (p // 2,), noise=0.5, gram=[[1]])
    >>> print(dl.check(0.75, "error[0,0]", half, along={"p": (50, 100, 200, 400)}, method="reduced", name="limit"))
    limit: agree (1 agree of 1 cases)
      agree         limit, p to infinity: limit of theory 0.7500, simulation ... gap fitted in p^-1, p^-2 over p=50, 100, 200, 400, lack of fit p = ...
      ...
    """
    settings = Settings(delta, false_alarm, power, seed, pilot_trials, max_trials, min_trials)
    kind = {"relation": relation, "against": against, "along": along, "rate": rate, "pathwise": pathwise, "method": method}
    chosen = {"name": name, "expected": expected, "exact": exact, "features": features, "solver": solver, "risk": risk, **kind}
    claim = conjecture(formula, quantity if target is None else target, build, cases, **chosen)
    return check_all([claim], settings, workers=workers, progress=progress)[0]


def check_all(
    conjectures: Sequence[Conjecture], settings: Settings = Settings(), *, workers: int | None = None, progress: bool = False, processes: bool = False
) -> list[CheckReport]:
    """Judge several conjectures in one run, whose false-alarm rate and Holm adjustment count all their cases."""
    names = [claim.name for claim in conjectures]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two conjectures are called {name!r}, so their reports could not be told apart; rename one")
    prepared = [comparisons(claim) for claim in conjectures]
    testable = [one for cases in prepared for one in cases if not one.reason]
    levels = Levels.of(settings, max(len(testable), 1))
    samples = draw_samples(testable, levels, settings, simulate, workers=workers, progress=progress, processes=processes)
    verdicts = dict(zip(testable, decide(testable, samples, levels, settings), strict=True))
    tails = {one: sample.tails for one, sample in zip(testable, samples, strict=True)}
    reports = []
    for claim, cases in zip(conjectures, prepared, strict=True):
        found = tuple(verdicts[one] if one in verdicts else _not_testable(one) for one in cases)
        reports.append(CheckReport(claim.name, found, sum((tails[one] for one in cases if one in tails), TailRates()), claim.expected, claim.exact))
    return reports


@dataclass(frozen=True)
class _Pilot:
    """Error scale, rounding error, and moments of a trial of a case: zero where trials differ by no more than rounding."""

    delta: float
    rounding: float
    variance: float
    skewness: float
    plan: TrialPlan = TrialPlan(0, 0)


@dataclass(frozen=True)
class Sample:
    """The judged sample of a case, which knows no theory.

    A limit's has a sample for each size in ``points``, and the matrix ``fit`` that makes coefficients of their means. For pathwise bounds
    there are ``values`` of all trials, and the ``largest`` term of each, which rounding is relative to. ``asymmetry`` is the mean's skewness,
    which two-sided statements do not need: what one tail has too much, the other has too little.
    """

    pilot: _Pilot
    estimate: Estimate
    tails: TailRates
    method: str = "direct"
    points: tuple["Sample", ...] = ()
    fit: Any = None
    values: Any = None
    asymmetry: float = 0.0
    largest: Any = None

    @property
    def stderr(self) -> float:
        """Standard error of the mean, rounding included."""
        return math.hypot(self.estimate.stderr, self.pilot.rounding)


def _stream(seq: TaskSequence, settings: Settings, phase: int) -> tuple[int, ...]:
    return (int(settings.seed), phase, crc32(canonical(draw_key(seq)).encode()))


class _Chunk(NamedTuple):
    """Trials that are simulated at once, so that memory does not grow with their number; a job for another process.

    Every chunk has a stream of its own, the same for both experiments of a pair.
    """

    experiments: tuple[TaskSequence, ...]
    trials: int
    seed: tuple[int, ...]
    options: dict[str, Any]

    def simulated(self, sampler: Callable[..., Simulation]) -> list[Simulation]:
        return [sampler(seq, self.trials, self.seed, **self.options) for seq in self.experiments]


def _chunks(group: list[Comparison], settings: Settings, phase: int, trials: int) -> list[_Chunk]:
    """Cut the trials of comparisons of one experiment, or of one pair, into chunks."""
    one = group[0]
    options = ({} if one.claim.kind.method == "direct" else {"method": one.claim.kind.method}) | ({"training_errors": True} if any(c.of_training for c in group) else {})
    stream = _stream(one.seq, settings, phase)
    return [_Chunk(tuple(one.experiments), min(CHUNK, trials - first), (*stream, chunk), options) for chunk, first in enumerate(range(0, trials, CHUNK))]


def _per_trial(comparison: Comparison, simulations: list[Simulation]) -> np.ndarray:
    """Values of the quantity in all trials, less those in the rival experiment on the same draws."""
    values, *rival = (simulation.per_trial(comparison.quantity) for simulation in simulations)
    return values - rival[0] if rival else values


def _largest(simulation: Simulation) -> np.ndarray:
    """The largest error or step of every trial: its own rounding is relative to it, however heavy the tails are."""
    return np.maximum(simulation.errors_sample.max(axis=(1, 2)), simulation.update_magnitude_sample.max(axis=1))


def draw_samples(
    comparisons: Sequence[Comparison],
    levels: Levels,
    settings: Settings,
    sampler: Callable[..., Simulation],
    *,
    workers: int | None = None,
    progress: bool = False,
    processes: bool = False,
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
    processes : bool
        Whether many trials may be drawn in processes, which wait for one another less than threads. They do not change the result.
    """
    threads = partial(sampler, workers=workers)
    groups: dict[Any, list[Comparison]] = {}
    for one in (point for comparison in comparisons for point in comparison.points or (comparison,)):
        groups.setdefault((one.experiments, one.claim.kind.method), []).append(one)
    pilots = {one: pilot for group in groups.values() for one, pilot in zip(group, _pilots(group, settings, threads), strict=True)}
    for comparison in comparisons:
        pilots |= _planned(comparison, pilots, _own(comparison, levels, settings), settings)
    chunks = {key: _chunks(group, settings, JUDGED, max(pilots[one].plan.trials for one in group)) for key, group in groups.items()}
    jobs = [(key, place, chunk) for key, found in chunks.items() for place, chunk in enumerate(found)]
    trials = sum(chunk.trials for _, _, chunk in jobs)
    if processes and trials >= MANY:
        drawn = run_jobs(methodcaller("simulated", partial(sampler, workers=1)), [chunk for *_, chunk in jobs], workers=workers, kind="processes")
    else:
        drawn = enumerate(chunk.simulated(threads) for *_, chunk in jobs)
    samples: dict[Comparison, Sample] = {}
    parts: dict[Any, dict[int, _Part]] = {key: {} for key in groups}
    with progress_bar(total=trials, unit="trial", unit_scale=True, shown=progress) as bar:
        for index, simulations in drawn:
            key, place, chunk = jobs[index]
            parts[key][place] = _Part.of(groups[key], simulations)
            bar.update(chunk.trials)
            if len(parts[key]) == len(chunks[key]):
                samples |= _samples(groups[key], pilots, [part for _, part in sorted(parts.pop(key).items())])
    return [_extrapolated(one, [samples[point] for point in one.points]) if one.points else samples[one] for one in comparisons]


class _Part(NamedTuple):
    """What a group of comparisons needs of a chunk: the values of each, the largest terms of pathwise ones, where they were drawn and how."""

    values: list[np.ndarray]
    largest: np.ndarray
    draws: frozenset
    method: str

    @classmethod
    def of(cls, group: list[Comparison], simulations: list[Simulation]) -> "_Part":
        largest = _largest(simulations[0]) if any(one.claim.kind.pathwise for one in group) else np.empty(0)
        return cls([_per_trial(one, simulations) for one in group], largest, frozenset(simulations[0].draws), simulations[0].method)


def _samples(group: list[Comparison], pilots: Mapping[Comparison, _Pilot], parts: list[_Part]) -> dict[Comparison, Sample]:
    """Put the chunks of a group together, in their order."""
    draws = frozenset().union(*(part.draws for part in parts))
    random = [one for one in group if pilots[one].variance and one.rival is None]
    samples = {}
    for one, *values in zip(group, *(part.values for part in parts), strict=True):
        values = np.concatenate(values)
        # one quantity an experiment: those that share draws are no independent evidence on the tails
        tails = TailRates.measure(values) if one in random[:1] and not one.outside else TailRates()
        asymmetry = skewness(values) / math.sqrt(len(values)) if one.claim.kind.sign and pilots[one].variance else 0.0
        pathwise = {"values": values, "largest": np.concatenate([part.largest for part in parts]) * one.most_rows} if one.claim.kind.pathwise else {}
        samples[one] = Sample(pilots[one], Estimate.from_samples(values, draws), tails, parts[-1].method, **pathwise, asymmetry=asymmetry)
    return samples


def _own(comparison: Comparison, levels: Levels, settings: Settings) -> Levels:
    """Levels of a comparison: a bound is wrong to one side only."""
    return Levels.of(settings, levels.cases, sides=1) if comparison.claim.kind.sign else levels


def _pilots(group: list[Comparison], settings: Settings, sampler: Callable[..., Simulation]) -> list[_Pilot]:
    """Measure the comparisons of one experiment, or of one pair, on draws that take no part in the verdict."""
    chunks = [chunk.simulated(sampler) for chunk in _chunks(group, settings, PILOT, settings.pilot_trials)]
    runs = list(zip(*chunks, strict=True))
    errors = [np.concatenate([simulation.errors_sample for simulation in run]) for run in runs]
    steps = [np.concatenate([simulation.update_magnitude_sample for simulation in run]) for run in runs]
    variances = [float(task.noise) ** 2 for seq in group[0].experiments for task in seq.tasks]
    # medians: a later task may have erased errors whose mean is infinite
    size = max(*(float(np.median(sample, axis=0).max()) for sample in (*errors, *steps)), *variances)
    pilots = []
    for comparison in group:
        values = np.concatenate([_per_trial(comparison, simulations) for simulations in chunks])
        largest = size * comparison.most_rows
        delta = settings.delta * max(comparison.error_scale(errors), LEAST_SCALE * largest) or np.finfo(float).tiny
        certain = comparison.claim.kind.pathwise or float(np.ptp(values)) <= ROUNDING * largest
        moments = (0.0, 0.0) if certain else (variance_upper_bound(values), skewness(values))
        pilots.append(_Pilot(delta, ROUNDING * largest, *moments))
    return pilots


def _planned(comparison: Comparison, pilots: Mapping[Comparison, _Pilot], levels: Levels, settings: Settings) -> dict[Comparison, _Pilot]:
    """Fix the trials of a comparison: of a limit, those of each size, in proportion to its weight in the fit and the spread of its trials.

    With weights c and standard deviations s of one trial, sum (c s)^2 / trials is least for a given sum of trials where these are
    proportional to |c| s; fitting by weighted least squares only lowers it.
    """
    points = comparison.points or (comparison,)
    variances = [pilots[point].variance for point in points]
    if comparison.points:
        spread = np.abs(fitting(_terms(comparison), np.ones(len(points)))[0]) * np.sqrt(variances)
        variances = (spread * spread.sum()).tolist()
    delta = pilots[points[-1]].delta  # of a limit: relative to the error scale of the largest size
    planned = {}
    for point, variance in zip(points, variances, strict=True):
        plan = plan_trials(variance, delta, levels, settings.max_trials, pilots[point].skewness, settings.min_trials)
        planned[point] = replace(pilots[point], plan=plan)
    return planned


def _terms(comparison: Comparison) -> np.ndarray:
    return powers_of([next(iter(size.values())) for size in comparison.claim.sizes], comparison.claim.kind.rate)


def _extrapolated(comparison: Comparison, points: list[Sample]) -> Sample:
    """Fit the limit of the means; its trials are those of all sizes."""
    stderr = np.array([point.stderr for point in points])
    fit = fitting(_terms(comparison), stderr)
    mean, error = float(fit[0] @ [point.estimate.mean for point in points]), float(np.linalg.norm(fit[0] * stderr))
    plan = TrialPlan(sum(point.pilot.plan.needed for point in points), sum(point.estimate.count for point in points))
    draws = frozenset().union(*(point.estimate.draws for point in points))
    estimate, tails = Estimate(mean, error, plan.trials, draws), sum((point.tails for point in points), TailRates())
    method = " and ".join(dict.fromkeys(point.method for point in points))
    asymmetry = float((fit[0] * stderr / (error or 1.0)) ** 3 @ [point.asymmetry for point in points])  # third cumulants add up
    return Sample(replace(points[-1].pilot, rounding=0.0, plan=plan), estimate, tails, method, tuple(points), fit, asymmetry=asymmetry)


def decide(comparisons: Sequence[Comparison], samples: Sequence[Sample], levels: Levels, settings: Settings) -> list[Judged]:
    """Compare every comparison's right-hand side with its sample, and judge all of them as one run."""
    found = [(_every_draw if one.claim.kind.pathwise else _mean)(one, sample) for one, sample in zip(comparisons, samples, strict=True)]
    adjusted = holm([p for p, _ in found]).tolist()
    judged = zip(comparisons, samples, found, adjusted, strict=True)
    return [_judge(one, sample, facts, p_holm, _own(one, levels, settings), settings) for one, sample, (_, facts), p_holm in judged]


def _mean(comparison: Comparison, sample: Sample) -> tuple[float, dict[str, Any]]:
    """Compute p of a statement on means, and the facts behind it: the value on the right, z, and of a limit how well the fit does.

    The gaps' distance from the fit is chi-squared with as many degrees of freedom as there are sizes left over.
    """
    from scipy.special import chdtrc

    facts: dict[str, Any] = {"theory": comparison.value}
    if comparison.points:
        values, terms = np.array([point.value for point in comparison.points]), _terms(comparison)
        gaps = np.array([point.estimate.mean for point in sample.points]) - values
        left = (gaps - terms @ (sample.fit @ gaps)) / np.maximum([point.stderr for point in sample.points], np.finfo(float).tiny)
        facts = {"theory": float(sample.fit[0] @ values), "lack_of_fit": float(chdtrc(len(gaps) - terms.shape[1], np.sum(left**2)))}
    z, p = standard_score(sample.estimate.mean - facts["theory"], sample.stderr)
    sign = comparison.claim.kind.sign
    return one_sided_p(symmetric(sign * z, sign * sample.asymmetry)) if sign else p, {**facts, "z": z}


def _every_draw(comparison: Comparison, sample: Sample) -> tuple[float, dict[str, Any]]:
    """Compare every draw with the bound, beyond rounding; one violation refutes it, so that p is 0 or 1."""
    excess = comparison.claim.kind.sign * (sample.values - comparison.value)
    excess -= np.maximum(sample.pilot.rounding, ROUNDING * np.maximum(sample.largest, np.abs(sample.values)))
    worst, violations = int(excess.argmax()), int(np.sum(excess > 0))
    facts = {"violations": violations, "worst": float(sample.values[worst]), "worst_draw": divmod(worst, CHUNK)}
    return float(not violations), {"theory": comparison.value, "z": math.nan, **facts}


def _judge(comparison: Comparison, sample: Sample, facts: dict[str, Any], p_holm: float, levels: Levels, settings: Settings) -> Judged:
    claim, count = comparison.claim, sample.estimate.count
    half_width = -asymmetric(-levels.z_alpha, claim.kind.sign * sample.asymmetry) * sample.stderr
    difference, kind, detectable = sample.estimate.mean - facts["theory"], replace(claim.kind, method=sample.method), levels.detectable(sample.stderr)
    inside = claim.kind.pathwise or (claim.kind.sign * difference if claim.kind.sign else abs(difference)) + half_width <= sample.pilot.delta
    misfit = facts.get("lack_of_fit", 1.0) < LACK_OF_FIT / levels.cases  # the intercept of another curve is no limit
    wrong, right = kind.words
    verdict = OUTSIDE if comparison.outside else UNDECIDED if misfit else wrong if p_holm <= settings.false_alarm else right if inside else UNDECIDED
    if claim.kind.pathwise:
        chunk, trial = facts.pop("worst_draw")
        facts |= {"worst_seed": (*_stream(comparison.seq, settings, JUDGED), chunk), "worst_trial": trial}
        # were so many draws violations, none among N would have probability (1 - share)^N, the run's level
        detectable, facts["share"] = math.nan, -math.expm1(math.log(settings.false_alarm / levels.cases) / count)
    unusual = [*comparison.seq.unusual, *(["averages of estimates"] if comparison.seq.average is not None else [])]
    return Judged(
        **_judged(comparison),
        verdict=verdict,
        mean=sample.estimate.mean,
        stderr=sample.stderr,
        trials=count,
        p_holm=p_holm,
        delta=sample.pilot.delta,
        detectable=detectable,
        standard_errors=levels.z_alpha + levels.z_power,
        half_width=half_width,
        needed=sample.pilot.plan.needed,
        delta_share=settings.delta,
        conditions=(claim.label or ", ".join(map(str, unusual))) if unusual else "",
        kind=kind,
        misfit=misfit,
        asymmetry=sample.asymmetry,
        **facts,
    )


def _judged(comparison: Comparison) -> dict[str, Any]:
    """What a verdict says of its comparison, whatever came out."""
    named = {"formula": comparison.claim.name, "quantity": comparison.quantity_name, "case": comparison.claim.cases[comparison.index]}
    return {**named, "label": comparison.label, "moment_order": comparison.moment_order}


def _not_testable(comparison: Comparison) -> Verdict:
    return Verdict(**_judged(comparison), verdict=NOT_TESTABLE, theory=comparison.theory, reason=comparison.reason, kind=comparison.claim.kind)
