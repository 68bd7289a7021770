"""How often the verdicts of `simulate.check` go wrong, measured by running its whole procedure thousands of times.

A meta-run is one run of the procedure: pilot, planned trials, z, Holm's p, verdict, at false-alarm rates that can be measured. What is
judged leaves nothing to spare, which is hardest for what is right:

- **equality**: deviation and forgetting of one experiment as a family of two, by the formulas of the ledger;
- **bound**: the exact deviation as its own bound, from above and from below, each alone;
- **ordering**: frozen against initialized training at the distance of truths where their expected deviations tie (`theory.regions`),
  to both sides, each alone, on paired draws of the direct sampler (all others are judged on draws of the reduced one);
- **limit**: the proportional limit of the deviation along four sizes, where its gap has terms in 1/p and 1/p^2.

The same statements moved by exactly delta, up or down and one at a time, stand for the smallest mistake that the power is promised for.

What was found (figures/records/calibration.jsonl), down to the smallest gap that is judged: every promise is kept, none of 276 rates is
off. Two formulas share a rate, so in 20,000 runs at 0.05 a right one of them is called wrong in 3.1 to 4.2 %, at 0.01 in 0.65 to 0.94 %;
they agree in 95.8 % or more; mistakes of delta are seen in 99.6 % or more. What is judged alone has the rate for itself:

- a bound is called violated in 4.7 to 5.3 % of 4,000 runs at 0.05, in 0.75 to 1.25 % at 0.01,
- an ordering in 4.1 to 5.5 and 0.90 to 1.20 % of 2,000,
- a limit is called wrong in 4.1 to 4.6 and 0.70 to 0.80 % of 1,000.

Mistakes of delta are seen in 97.7 % or more. What is off by delta holds up to delta, or agrees, in 1.6 % at most, at either rate.

Errors are skewed, so for frozen training near the threshold six in ten of the large z are negative, and a formula that is too high by
delta is missed more often than one that is too low. Two-sided rates do not feel it: one tail makes up for the other. A bound from below
would: 3.1 % of those 20,000 z lie below the lower 2.5 % quantile. So where one side alone is wrong, z is corrected for the mean's skewness
(`simulate.evidence.symmetric`). False-alarm rates far below 1e-4, the default of 1e-6 too, are out of reach of such counts: there a
verdict rests on the normal law.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from numbers import Integral
from typing import Any

import numpy as np

from simulate.calibration import report as words
from simulate.calibration.report import BOUND, EQUALITY, LIMIT, ORDERING, TAILS, CalibrationReport, Rate, Subject, make_report
from simulate.evidence import upper_quantile
from simulate.sample.run import simulate
from simulate.sample.streams import NUMERICS
from simulate.simulation import Simulation
from simulate.verdicts.comparison import LEAST_GAP, Comparison, comparisons
from simulate.verdicts.conjecture import Conjecture, conjecture
from simulate.verdicts.judge import decide, draw_samples
from simulate.verdicts.planning import Levels, Settings
from simulate.verdicts.report import RIGHT, WRONG
from simulate.work.jobs import run_jobs
from simulate.work.keys import canonical, run_key
from simulate.work.provenance import differences, equal, named, stamp
from simulate.work.store import RunStore
from theory.errors import InputError
from theory.formulas import FORMULAS, MODULES
from theory.law import expected_errors
from theory.ledger.two_tasks import initialized_two_tasks, two_tasks
from theory.limits import proportional_limit
from theory.regions import critical_distance

QUANTITIES: tuple[str, ...] = ("deviation", "forgetting")
FALSE_ALARMS = (0.01, 0.05)  # the strictest first: the samples of the others are its first trials
LIMITS = tuple(upper_quantile(tail / 2) for tail in TAILS)
SAMPLES = 2  # n of both tasks; few, because the noise of a step is most skewed then
META_RUNS_PER_JOB = 250  # part of what a stored part is
_SEEDS = 2**32  # more than the meta-runs of any calibration

# From far from the interpolation threshold to the smallest gap that is still judged. Some 4,500 trials resolve these deltas.
SUBJECTS = (
    Subject("frozen", LEAST_GAP, 0.028),
    Subject("frozen", 12, 0.0155),
    Subject("frozen", 40, 0.0043),
    Subject("initialized", LEAST_GAP, 0.0205),
    Subject("frozen", LEAST_GAP, 0.022, BOUND),
    Subject("initialized", LEAST_GAP, 0.016, BOUND),
    Subject("frozen", LEAST_GAP, 0.0065, ORDERING),
    Subject("frozen", 40, 0.0009, ORDERING),
    Subject("frozen", LEAST_GAP, 0.042, LIMIT),
    Subject("frozen", 20, 0.024, LIMIT),
)
RELATIONS = {EQUALITY: ("==",), BOUND: ("<=", ">="), ORDERING: ("<=", ">="), LIMIT: ("==",)}  # each judged on its own
MISTAKES = {"==": ((words.TOO_HIGH, 1), (words.TOO_LOW, -1)), "<=": ((words.TOO_LOW, -1),), ">=": ((words.TOO_HIGH, 1),)}  # of what stands on the right


@dataclass(frozen=True)
class Job:
    """Meta-runs ``first`` to ``first + count - 1`` of a subject."""

    subject: Subject
    first: int
    count: int
    seed: int


def calibrate(
    meta_runs: int = 20_000,
    *,
    seed: int = 0,
    false_alarm: float = 1e-3,
    subjects: tuple[Subject, ...] = SUBJECTS,
    earlier: Iterable[Rate] = (),
    store: RunStore | None = None,
    workers: int | None = None,
    kind: str = "processes",
    progress: bool = False,
) -> CalibrationReport:
    """Measure the error rates of verdicts, and compare them with what is promised.

    Parameters
    ----------
    meta_runs : int
        Runs of the procedure for every subject; at least 1.
    seed : int
        Equal seeds give equal reports; more meta-runs extend a sample.
    false_alarm : float
        Probability that the report calls any rate off its promise although all are kept.
    subjects : tuple of Subject
        Trainings, gaps to the interpolation threshold, the delta that the verdicts shall resolve there, and kinds of statement.
    earlier : iterable of Rate
        Rates of an earlier report (`simulate.calibration.report.read_rates`) on other subjects, to be judged along with these.
    store : RunStore, optional
        Keeps finished parts, so that an interrupted calibration goes on where it was; parts of other code are used if
        the first one of a subject comes out again.
    workers, kind : int, str
        Of `simulate.work.jobs.run_jobs`; processes are faster, since small arrays hold the interpreter lock. They do not
        change the result.
    progress : bool
        Whether to show a progress bar, on a terminal only.

    Returns
    -------
    CalibrationReport

    Raises
    ------
    InputError
        If an argument makes no sense.
    """
    for name, value, least in (("meta_runs", meta_runs, 1), ("seed", seed, 0)):
        if not isinstance(value, Integral) or isinstance(value, bool) or not least <= value < _SEEDS:
            raise InputError(f"{name} is {value!r}; give a whole number of at least {least} and below {_SEEDS}")
    if not 0 < false_alarm < 1:
        raise InputError(f"false_alarm is {false_alarm!r}; give a number between 0 and 1, such as 1e-3")
    jobs = [Job(subject, first, min(META_RUNS_PER_JOB, meta_runs - first), seed) for first in range(0, meta_runs, META_RUNS_PER_JOB) for subject in subjects]
    # the bar counts what is left to do
    compute = partial(run_jobs, meta_runs_of, workers=workers, kind=kind, progress="calibrate" if progress else None)
    found = _stored(jobs, store, compute)
    missing = [index for index, counts in enumerate(found) if counts is None]
    if missing and store is not None:
        store.require_writable()
    for place, counts in compute([jobs[index] for index in missing]):
        found[missing[place]] = counts
        if store is not None:
            store.put(_key(jobs[missing[place]]), {"stamp": _stamp(), "counts": {"numbers": counts}})
    totals: dict[Subject, Counter[str]] = {subject: Counter() for subject in subjects}
    for job, counts in zip(jobs, found, strict=True):
        totals[job.subject].update(counts)  # not +, which drops events that never happened
    orders = {
        subject: {name: one.moment_order for relation in RELATIONS[subject.kind] for name, one in by_name(subject, relation).items()} for subject in subjects
    }
    return make_report(totals, orders, FALSE_ALARMS, Settings().power, false_alarm, seed, earlier)


def meta_runs_of(job: Job) -> Counter[str]:
    """Run the procedure as often as the job says, and count what comes out."""
    counts: Counter[str] = Counter()
    for run in range(job.first, job.first + job.count):
        sampler = prefixes(simulate, "direct" if job.subject.kind == ORDERING else "reduced")  # what is ordered is paired
        for level in FALSE_ALARMS:
            settings = Settings(job.subject.delta, level, seed=job.seed * _SEEDS + run)
            counts.update(judge_once(job.subject, settings, sampler))
    return counts


def judge_once(subject: Subject, settings: Settings, sampler: Callable[..., Simulation]) -> Counter[str]:
    """Run the procedure once on a subject; judge right statements, and statements off by delta, on the same samples."""
    counts: dict[str, int] = {"runs": 1}
    for relation in RELATIONS[subject.kind]:
        names, right = zip(*by_name(subject, relation).items(), strict=True)
        start = "" if subject.kind == EQUALITY else f"{names[0]}: "
        levels = Levels.of(settings, len(right))
        samples = draw_samples(right, levels, settings, sampler, workers=1)
        verdicts = decide(right, samples, levels, settings)
        found = {one.verdict for one in verdicts}
        counts |= {"trials": samples[0].estimate.count, start + words.FALSE_ALARM: not found.isdisjoint(WRONG), start + words.AGREEMENT: found.issubset(RIGHT)}
        for place, (name, verdict) in enumerate(zip(names, verdicts, strict=True)):
            for tail, limit in zip(TAILS, LIMITS, strict=True):
                tails = {"above": verdict.z > limit, "below": verdict.z < -limit} if relation == "==" else {words.BELOW: verdict.p_holm <= tail}
                counts |= {f"{name}: {side} {tail:g}": beyond for side, beyond in tails.items()}
            for mistake, sign in MISTAKES[relation]:
                moved = [*right]
                moved[place] = shifted(right[place], sign * settings.delta * error_scale(subject))
                said = decide(moved, samples, levels, settings)[place].verdict
                counts[f"{name}: {mistake}"] = said in WRONG
                if subject.kind != EQUALITY:
                    counts[f"{name}: {words.HELD}"] = counts.get(f"{name}: {words.HELD}", False) or said in RIGHT
    return Counter({f"{settings.false_alarm:g}: {name}": int(count) for name, count in counts.items()})


def by_name(subject: Subject, relation: str) -> dict[str, Comparison]:
    """Return the subject's `family` by its names: quantities, with the relation where one is judged alone."""
    names = QUANTITIES if subject.kind == EQUALITY else (f"{QUANTITIES[0]} {relation}",)
    return dict(zip(names, family(subject, relation), strict=True))


def shifted(comparison: Comparison, shift: float) -> Comparison:
    """Move what stands on the right, at every size of a limit."""
    return replace(comparison, theory=comparison.value + shift, points=tuple(shifted(point, shift) for point in comparison.points))


def statements(subject: Subject, relation: str = "==") -> list[Conjecture]:
    """Make the right statements about a subject, which leave nothing to spare: a bound is attained, what is ordered ties.

    The limit is that of dimensions and samples in fixed ratios, along sizes up to eight times the smallest; its gap has terms of all
    orders in 1/p.
    """
    quantity, wide = QUANTITIES[0], SAMPLES + subject.gap
    case = {"n_1": SAMPLES, "n_2": SAMPLES, "sigma_1": 1.0, "sigma_2": 1.0, "u_11": 1.0, "q_11": 1.0, "d_u": 0.0, "c_u": 0.0, "d_q": 0.5}
    if subject.kind == LIMIT:
        ratios = lambda p: {**case, "p": p, "p_1": p, "p_2": p, "n_1": 3 * p // 5, "n_2": 3 * p // 5}  # noqa: E731
        limit, _ = proportional_limit(FORMULAS[f"{subject.training}_{quantity}"]).value(**ratios(5))
        build = lambda p: two_tasks(**ratios(p), train_shared=subject.training == "initialized")  # noqa: E731
        return [conjecture(limit, quantity, build, along={"p": [5 * subject.gap // 2 * times for times in (1, 2, 4, 8)]})]
    if subject.kind == ORDERING:
        case |= {"p": 5, "p_1": wide, "p_2": wide, "u_11": 0.25, "q_11": 12.0}
        case["d_q"] = float(critical_distance(**case))
        return [conjecture(None, quantity, two_tasks, case, against=initialized_two_tasks, relation=relation)]
    # frozen training steps in the specific block alone, initialized in both, and both fit n samples with n + gap parameters
    shared, specific = (20, wide) if subject.training == "frozen" else (5, wide - 5)
    case |= {"p": shared, "p_1": specific, "p_2": specific}
    judged = QUANTITIES if subject.kind == EQUALITY else QUANTITIES[:1]
    return [conjecture(FORMULAS[f"{subject.training}_{one}"], cases=case, relation=relation) for one in judged]


@lru_cache
def family(subject: Subject, relation: str = "==") -> tuple[Comparison, ...]:
    """Return the subject's comparisons that are judged together, one for each of `statements`.

    Raises
    ------
    InputError
        If the gap is so small that they are not testable.
    """
    found = tuple(comparisons(claim)[0] for claim in statements(subject, relation))
    if any(one.reason for one in found):
        raise InputError(f"the gap is {subject.gap}, where nothing is judged: {found[0].reason}")
    return found


@lru_cache
def error_scale(subject: Subject) -> float:
    """Compute the exact error scale of both quantities, E L_1(theta_1) + sigma_1^2, which the pilot estimates."""
    seq = family(subject, RELATIONS[subject.kind][0])[0].seq
    return float(expected_errors(seq).error(0, 0)) + float(seq.tasks[0].noise) ** 2


def prefixes(sampler: Callable[..., Simulation], method: str = "reduced") -> Callable[..., Simulation]:
    """Return a sampler that draws with one method, and once only where the first trials of known draws are asked for."""
    known: dict[Any, Simulation] = {}

    def sample(seq: Any, trials: int, seed: tuple[int, ...], **options: Any) -> Simulation:
        key = seq, seed  # what is ordered shares seeds
        if key not in known or known[key].trials < trials:
            known[key] = sampler(seq, trials, seed, **{**options, "method": method})
        longest = known[key]
        if longest.trials == trials:
            return longest
        arrays = (longest.errors_sample, longest.step_sizes_sample, longest.update_magnitude_sample)
        errors, steps, updates = (np.asarray(array[:trials]) for array in arrays)
        draws = frozenset((source, first, first + trials - 1) for source, first, _ in longest.draws)
        return Simulation(errors, steps, updates, draws, longest.experiment, method=longest.method)

    return sample


def _stored(jobs: list[Job], store: RunStore | None, compute: Callable[[list[Job]], Iterator]) -> list[Counter[str] | None]:
    """Return what is stored; of other code only where a subject's first part of that code comes out again."""
    if store is None:
        return [None] * len(jobs)
    records, today = [store.get(_key(job)) for job in jobs], _stamp()
    doubtful: dict[Any, list[int]] = {}
    for index, record in enumerate(records):
        if record is not None and differences(record["stamp"], today):
            code = canonical([record["stamp"]["files"], record["stamp"]["packages"]])
            doubtful.setdefault((jobs[index].subject, code), []).append(index)
    places = list(doubtful.values())
    if places:
        store.require_writable()
    for place, counts in compute([jobs[indices[0]] for indices in places]):
        first = records[places[place][0]]
        stands = equal(first["counts"]["numbers"], counts)
        for index in places[place]:
            records[index] = store.put(_key(jobs[index]), {**records[index], "stamp": today}) if stands else None
        if not stands:
            changed, subject = named(differences(first["stamp"], today)), jobs[places[place][0]].subject
            warnings.warn(
                f"{len(places[place])} stored parts of {subject.training} training at gap {subject.gap} hold other counts than "
                f"this version gives ({changed} changed since); they are computed again",
                RuntimeWarning,
                stacklevel=3,
            )
    return [None if record is None else Counter(record["counts"]["numbers"]) for record in records]


def _key(job: Job) -> str:
    subject = {name: value for name, value in asdict(job.subject).items() if value != EQUALITY}  # not named where it was the only kind
    return run_key({"calibration": {**asdict(job), "subject": subject}, "false_alarms": FALSE_ALARMS, "tails": TAILS}, f"numerics {NUMERICS}")


@lru_cache
def _stamp() -> dict[str, Any]:
    """Stamp of the code that a count depends on, with the chapters of formulas, which are found by their file names."""
    return stamp(__name__, *(module.__name__ for module in MODULES))
