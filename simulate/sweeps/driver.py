"""Sweeps: many experiments, many quantities, as many trials as asked for or as a precision takes; resumed at any time."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from simulate.sample.arrays.choice import choose_backend
from simulate.sample.methods import METHODS
from simulate.sample.streams import canonical_seed
from simulate.sweeps.chunks import Portion, Sampling, chunks_of, compute_job, pack, sampler_stamp
from simulate.sweeps.points import SweepPoint, make_points
from simulate.sweeps.precision import FIRST, FIXED, INFINITE, OPEN, next_goal, status
from simulate.sweeps.records import Found, PointRecord, keys_by_point
from simulate.sweeps.result import SweepResult, SweepRow
from simulate.sweeps.tally import Tally
from simulate.work.jobs import run_jobs
from simulate.work.progress import bar
from simulate.work.provenance import differences, named
from simulate.work.store import RunStore
from theory.checks import is_real, whole
from theory.errors import InputError
from theory.problem import TaskSequence
from theory.quantities import Quantity

DEFAULT_TRIALS = 4096


@dataclass(frozen=True)
class _Workplace:
    """Where and with what the chunks are computed; none of it changes a result."""

    workers: int | None
    kind: str
    scheduler: str | None
    memory_limit: float


def sweep(
    build: Callable[..., TaskSequence],
    cases: Any,
    quantities: str | Quantity | Sequence[str | Quantity],
    *,
    features: Any = None,
    solver: Any = None,
    risk: str | None = None,
    trials: int | None = None,
    precision: float | None = None,
    max_trials: int = 2**20,
    method: str = "auto",
    backend: str = "numpy",
    device: str = "cpu",
    dtype: str = "float64",
    seed: int = 0,
    store: RunStore | str | os.PathLike[str] | None = None,
    workers: int | None = None,
    kind: str = "threads",
    scheduler: str | None = None,
    memory_limit: float = 2**30,
    progress: bool = False,
) -> SweepResult:
    """Estimate quantities of many experiments, with their standard errors.

    Parameters
    ----------
    build : callable
        Makes a `theory.TaskSequence` of a case's keyword arguments.
    cases : iterable of mapping, or one mapping
        Values of all parameters, such as `simulate.grid` makes.
    quantities : str, Quantity or sequence of them
        The quantities, by name as `theory.parse_quantity` reads them, or as values.
    features, solver, risk
        In place of what the experiments say, as in `simulate.check`.
    trials : int, optional
        Of every point; 4,096 by default. Points draw independently of one another.
    precision : float, optional
        Instead of trials: sample every point until the relative standard error of all its quantities is at most this.
        Looked at after 1,024, 2,048, 4,096, ... trials only. Quantities of infinite variance, by the moment orders of
        `theory.moments`, have no standard error; they are said to be such and nobody waits for them. What counts where
        a mean is zero stands in `simulate.sweeps.precision.status`.
    max_trials : int
        Most trials of a point when sampling for precision; rows that did not get there have status "not reached".
    method, backend, device, dtype
        As in `simulate.simulate`. "auto" is settled by every experiment for itself.
    seed : int
        Chunk c of a point draws from the seed (seed, number of the point, c).
    store : RunStore or path, optional
        Where chunks are kept as they end. Another call with the same store computes only what is missing, after an
        interrupt too, and for more trials, other quantities or other points. Chunks of other code are used if the first
        of them, computed again, comes out the same; on another kind of processor, to 1e-6 of each number.
    workers, kind, scheduler
        As in `simulate.work.jobs.run_jobs`; they do not change a bit of the result.
    memory_limit : float
        Bytes that the working arrays of one worker may take.
    progress : bool
        Whether to show a progress bar, on a terminal only.

    Returns
    -------
    SweepResult

    Raises
    ------
    InputError
        If a case cannot be built or sampled, or an option makes no sense.
    JobError
        If a point fails while it is sampled; all others are done and stored first.

    Notes
    -----
    Stopping at a sample's own standard error favours samples with small ones. With 1,024 trials and more and doubling in
    between this shifts a mean by a small share of its standard error.

    Examples
    --------
    >>> import driftlaw as dl
    >>> def build(p):
    ...     return dl.one_block(p, (10, 10), noise=0.5, gram=[[1, 0.5], [0.5, 1]])
    >>> for row in dl.sweep(build, dl.grid(p=[40, 10_000]), "forgetting", trials=1000).rows:
    ...     print(row.case, row.estimate)
    {'p': 40} 0.1283 +- 0.0049 (1,000 trials)
    {'p': 10000} 0.000205 +- 0.000019 (1,000 trials)
    """
    goal = _first_goal(trials, precision, max_trials)
    sampling = _sampling(method, backend, device, dtype, seed)
    points = make_points(build, cases, quantities, sampling, features, solver, risk)
    store = store if store is None or isinstance(store, RunStore) else RunStore(store)
    workplace = _Workplace(workers, kind, scheduler, memory_limit)
    run = _Sweep(points, store, precision, max_trials, workplace, sampler_stamp(backend))
    adopted, aside = run.adopt()
    reached = run.sample(goal, progress)
    return SweepResult(tuple(run.rows(reached)), precision, max_trials, sampling.seed, run.computed, aside, adopted)


class _Sweep:
    """Points with their records; samples them, and reads the rows off."""

    def __init__(
        self, points: list[SweepPoint], store: RunStore | None, precision: float | None, max_trials: int, workplace: _Workplace, stamp: dict[str, Any]
    ) -> None:
        self._points, self._precision, self._max_trials, self._workplace = points, precision, max_trials, workplace
        self._store, self._stamp = store, stamp
        others = keys_by_point(store)
        self._by_key = {point.key: point for point in points}
        self._records = {key: PointRecord(key, store, stamp, others(key)) for key in self._by_key}
        self.computed = 0

    def adopt(self) -> tuple[int, int]:
        """Compute the first chunks of points that other code has stored; return how many stand and how many do not.

        Those that come out again are taken over, of several records the longest; the others are left aside, with a
        warning that names what differs.
        """
        doubts = [(self._by_key[key], found) for key, record in self._records.items() for found in record.doubtful]
        portions = [
            Portion(index, point.seq, _asked(point, names), point.sampling, (place,), self._workplace.memory_limit)
            for index, (point, found) in enumerate(doubts)
            for place, names in found.sample(point.own).items()
        ]
        again: list[dict[int, dict[str, Tally]]] = [{} for _ in doubts]
        labels = [point.label for point, _ in doubts]
        for _, found in self._run(portions, labels):
            for index, chunk, tallies in found:
                again[index].setdefault(chunk, {}).update(tallies)
        stand, fallen = set(), {}
        for (point, found), computed in zip(doubts, again, strict=True):
            if point.key not in stand and found.gives(computed, self._stamp):
                self._records[point.key].adopt(found, computed)
                stand.add(point.key)
                with suppress(InputError):  # a folder that one may only read: adopted for this call
                    self._records[point.key].save()
            else:
                fallen.setdefault(point.key, found)
        _warn({key: found for key, found in fallen.items() if key not in stand}, len(self._by_key), self._stamp)
        return len(stand), len(fallen.keys() - stand)

    def sample(self, goal: int, progress: bool) -> list[int]:
        """Sample all points until each has what it needs; return their numbers of trials."""
        goals = [goal if self._precision is None or point.measurable else 0 for point in self._points]
        with bar(total=0, unit="trial", unit_scale=True, shown=progress) as shown:
            active = [index for index, trials in enumerate(goals) if trials]
            while active:
                self._compute(active, goals, shown)
                active = [index for index in active if goals[index] < self._max_trials and self._is_open(self._points[index], goals[index])]
                for index in active:
                    goals[index] = next_goal(goals[index], self._max_trials)
        return goals

    def rows(self, goals: list[int]) -> list[SweepRow]:
        """Return a row for every quantity of every point."""
        return [self._row(point, text, trials) for point, trials in zip(self._points, goals, strict=True) for text in point.quantities]

    def _is_open(self, point: SweepPoint, trials: int) -> bool:
        return self._precision is not None and any(status(self._tally(point, name, trials), self._precision) == OPEN for name in point.measurable)

    def _tally(self, point: SweepPoint, name: str, trials: int) -> Any:
        return self._records[point.key].tally(name, trials, point.sampling.method)

    def _compute(self, active: list[int], goals: list[int], shown: Any) -> None:
        """Bring the active points to their goals, storing every chunk as it ends; on the bar what was stored before counts as done."""
        portions = self._missing(active, goals)
        total, missing = sum(goals[index] for index in active), sum(trials for portion in portions for _, trials in portion.chunks)
        if missing and self._store is not None:
            self._store.require_writable()
        shown.reset(total)
        shown.initial = shown.n = total - missing
        shown.refresh()
        for stamp, found in self._run(portions, [point.label for point in self._points]):
            touched = set()
            for index, chunk, tallies in found:
                record = self._records[self._points[index].key]
                record.add(chunk, tallies, stamp)
                touched.add(record)
                trials = next(iter(tallies.values())).count
                self.computed += trials
                shown.update(trials)
            for record in touched:
                record.save()

    def _run(self, portions: list[Portion], labels: list[str]) -> Iterator[tuple[dict[str, Any], list]]:
        """Compute portions at the workplace; yield stamp and chunks of every job as it ends."""

        def label(job: tuple[Portion, ...]) -> str:
            return ", ".join(labels[portion.point] for portion in job[:3]) + (" and others" if len(job) > 3 else "")

        place, jobs = self._workplace, list(pack(portions))
        options = {"workers": place.workers, "kind": place.kind, "scheduler": place.scheduler}
        for _, (stamp, found) in run_jobs(compute_job, jobs, **options, label=label):
            if changed := differences(stamp, self._stamp):
                raise InputError(f"the workers run another version of driftlaw or NumPy than this process ({named(changed)}); install the same there")
            yield stamp, found

    def _missing(self, active: list[int], goals: list[int]) -> list[Portion]:
        portions: dict[str, Portion] = {}
        for index in active:
            point = self._points[index]
            if point.key in portions:  # the same experiment stands in several cases
                continue
            record, names = self._records[point.key], tuple(point.quantities.values())
            chunks = tuple(record.missing(names, goals[index], point.sampling.method))
            if chunks:
                names = tuple(dict.fromkeys((*names, *record.known())))
                portions[point.key] = Portion(index, point.seq, _asked(point, names), point.sampling, chunks, self._workplace.memory_limit)
        return list(portions.values())

    def _row(self, point: SweepPoint, text: str, trials: int) -> SweepRow:
        name = point.quantities[text]
        order = point.orders[name]
        finite = name in point.measurable
        tally = self._tally(point, name, trials) if trials else None
        found = INFINITE if not finite else FIXED if tally is None or self._precision is None else status(tally, self._precision)
        how = point.sampling
        draws = (((point.key.split("-")[0], chunk), 0, count - 1) for chunk, count in chunks_of(trials, how.method))
        estimate = tally.estimate(draws) if tally is not None and finite else None
        mean = tally.mean if tally is not None and not 0 < order <= 1 else None  # below, not even the mean exists
        return SweepRow(point.case, point.label, text, mean, estimate, trials, order, found, how)


def _first_goal(trials: Any, precision: Any, max_trials: Any) -> int:
    """Check how much is asked for; return the trials at which to look first."""
    if precision is None:
        return DEFAULT_TRIALS if trials is None else whole(trials, "trials", 2)  # a single one has no standard error
    if trials is not None:
        raise InputError(f"trials is {trials!r} beside precision={precision!r}; give one of them (max_trials bounds a precision)")
    if not is_real(precision) or not 0 < precision < 1:
        raise InputError(f"precision is {precision!r}; give a relative standard error between 0 and 1, such as 1e-3")
    whole(max_trials, "max_trials", FIRST)
    return FIRST


def _sampling(method: str, backend: str, device: str, dtype: str, seed: Any) -> Sampling:
    if method not in METHODS:
        raise InputError(f"method is {method!r}; choose one of {', '.join(METHODS)}")
    choose_backend(backend, device, dtype)
    if not isinstance(canonical_seed(seed), int):
        raise InputError(f"seed is {seed!r}; give one whole number of at least 0")
    return Sampling(method, backend, device, dtype, int(seed))


def _asked(point: SweepPoint, names: tuple[str, ...]) -> tuple[str | Quantity, ...]:
    return tuple(point.own.get(name, name) for name in names)


def _warn(fallen: dict[str, Found], points: int, today: dict[str, Any]) -> None:
    """Say which code gives other numbers now than it gave when they were stored."""
    if fallen:
        changed = {name: None for found in fallen.values() for name in differences(found.stamp, today)}
        warnings.warn(
            f"{len(fallen)} of {points} points are stored with other numbers than this version gives "
            f"({named([*changed])} changed since); they are left aside and computed again",
            RuntimeWarning,
            stacklevel=4,
        )
