"""The direct sampler: draws every sample, solves every regression, over blocks of trials in parallel threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from simulate.sample.features import FeatureLaw, StandardNormal, check_features
from simulate.sample.learner import Learner
from simulate.sample.plan import Plan, make_plan
from simulate.sample.solvers import MIN_NORM, GradientDescent, MinNorm, Ridge
from simulate.sample.streams import TRIALS_PER_BLOCK, Streams, canonical_seed
from simulate.simulation import Simulation
from theory.errors import InputError
from theory.problem import TaskSequence

# Batches above this size are no faster, they only take memory.
_BATCH_BYTES = 2**22

RISKS = ("euclidean", "features")


@dataclass(frozen=True)
class Experiment:
    """A task sequence under other conditions than those that the formulas assume.

    Parameters
    ----------
    seq : TaskSequence
    features : FeatureLaw
    solver : MinNorm, Ridge or GradientDescent
    risk : {"euclidean", "features"}
    """

    seq: TaskSequence
    features: FeatureLaw
    solver: MinNorm | Ridge | GradientDescent
    risk: str


def simulate(
    seq: TaskSequence,
    trials: int,
    seed: int | tuple[int, ...] = 0,
    *,
    features: FeatureLaw = StandardNormal(),
    solver: str | MinNorm | Ridge | GradientDescent = MIN_NORM,
    risk: str = "euclidean",
    memory_limit: float = 2**30,
    workers: int | None = None,
    progress: bool = False,
) -> Simulation:
    """Sample the errors, step sizes and update magnitudes of learning a sequence of tasks.

    Every trial draws features and Gaussian noise, and truths where they are random, then solves each task's
    least-squares problem from where the training starts.

    Parameters
    ----------
    seq : TaskSequence
        A single experiment, all of its values numbers.
    trials : int
        Number of independent repetitions.
    seed : int or tuple of int
        Trial k depends on the seed and k only: more trials extend a sample, and experiments that differ in their
        training alone see the same data.
    features : StandardNormal, Gaussian, Rademacher or StudentT
        Law of the features (`simulate.sample.features`). All laws are made of the same draws, so that runs under
        two of them are paired.
    solver : {"min_norm", "auto", "gram", "qr"}, MinNorm, Ridge or GradientDescent
        The training rule (`simulate.sample.solvers`), always from where the training starts. "min_norm" or "auto" is
        the least step that fits; "gram" and "qr" name the way to compute it: by normal equations, which "auto" takes
        unless the number of rows is within 8 of the number of trained parameters or weights or variances differ by
        more than 1e6, or by QR. Problems that may be rank-deficient take the pseudo-inverse under every solver.
    risk : {"euclidean", "features"}
        Norm of the errors: the Euclidean distance of estimate and truth, or the mean squared error of predictions
        ``(theta - w)' Sigma (theta - w)`` with the features' covariance. Steps are measured in the Euclidean norm.
    memory_limit : float
        Bytes that the working arrays of all workers may take together; the results themselves, ``8 * (T^2 + 2 T)``
        bytes a trial, come on top.
    workers : int, optional
        Threads; all available cores by default. Neither they nor the memory limit change a bit of the result.
    progress : bool
        Whether to show a progress bar, on a terminal only.

    Returns
    -------
    Simulation

    Raises
    ------
    InputError
        If an option or a value of the experiment is of no use here, or gradient descent diverges in some trial.
    """
    seed, plan = canonical_seed(seed), make_plan(seq, solver, check_features(features), check_risk(risk))
    tasks = len(plan.tasks)
    results = fill(
        lambda streams, count: Learner(plan, streams, count), plan, seed, trials, ((tasks, tasks), (tasks,), (tasks,)),
        memory_limit=memory_limit, workers=workers, progress=progress,
    )  # fmt: skip
    rule = MinNorm() if isinstance(plan.rule, MinNorm) else plan.rule  # the route changes rounding only
    experiment = seq if (features, rule) == (StandardNormal(), MinNorm()) else Experiment(seq, features, rule, risk)
    return Simulation(*results, frozenset({(seed, 0, len(results[0]) - 1)}), experiment)


def fill(
    make: Callable[[Streams, int], Learner], plan: Plan, seed: Any, trials: int, shapes: Sequence[tuple[int, ...]], *,
    memory_limit: float, workers: int | None, progress: bool,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Run learners over all trials, in blocks and batches that do not change the results.

    Parameters
    ----------
    make : callable
        Makes the learner of a batch from its streams and its number of trials.
    plan : Plan or other object with its ``bytes_per_trial`` and ``rule``
    shapes : sequence of tuple of int
        Of one trial in every array of results that the learner fills in.

    Other parameters are those of `simulate`.
    """
    _check_options(trials, memory_limit, workers)
    results = tuple(np.zeros((int(trials), *shape)) for shape in shapes)
    starts = range(0, int(trials), TRIALS_PER_BLOCK)
    workers, batch = _share_memory(plan, memory_limit, min(workers or _cores(), len(starts)))
    largest = 0.0
    with threadpool_limits(1, user_api="blas"), _bar(trials, progress) as bar:  # threaded BLAS sums in another order
        for finished, curvature in _blocks(make, seed, batch, workers, results, starts):
            bar.update(finished)
            largest = max(largest, curvature)
    if not isinstance(plan.rule, MinNorm):
        plan.rule.check(largest)
    return results


def _blocks(
    make: Callable, seed: Any, batch: int, workers: int, results: tuple[np.ndarray, ...], starts: range
) -> Iterator[tuple[int, float]]:
    """Fill in the results block by block; yield the number of trials and the largest curvature of each as it is finished."""

    def run(start: int) -> tuple[int, float]:
        end = min(start + TRIALS_PER_BLOCK, len(results[0]))
        streams, largest = Streams(seed, start // TRIALS_PER_BLOCK), 0.0
        for first in range(start, end, batch):
            last = min(first + batch, end)
            learner = make(streams, last - first)
            learner.run(*(array[first:last] for array in results))
            largest = max(largest, learner.curvature)
        return end - start, largest

    if workers == 1:
        yield from map(run, starts)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        for future in as_completed([pool.submit(run, start) for start in starts]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _share_memory(plan: Plan, limit: float, workers: int) -> tuple[int, int]:
    """Number of workers and of trials in a batch that keep the working arrays below the limit."""
    need = plan.bytes_per_trial
    if need > limit:
        raise InputError(
            f"one trial takes about {need:,} bytes of working memory, above memory_limit={limit:,}; "
            f"raise memory_limit to at least {need:,} or make the experiment smaller"
        )
    workers = min(workers, int(limit // need))
    room = min(limit // workers, max(_BATCH_BYTES, need))
    return workers, min(TRIALS_PER_BLOCK, int(room // need))


def check_risk(risk: Any) -> str:
    """Return ``risk`` if it names a norm of the errors; InputError otherwise."""
    if risk not in RISKS:
        raise InputError(f"risk is {risk!r}; choose one of {', '.join(RISKS)}")
    return risk


def _check_options(trials: Any, memory_limit: Any, workers: Any) -> None:
    if not _is_whole(trials) or trials < 1:
        raise InputError(f"trials is {trials!r}; give a whole number of at least 1")
    if workers is not None and (not _is_whole(workers) or workers < 1):
        raise InputError(f"workers is {workers!r}; give a whole number of threads of at least 1, or None for all cores")
    if not isinstance(memory_limit, Real) or isinstance(memory_limit, bool) or not memory_limit > 0:
        raise InputError(f"memory_limit is {memory_limit!r}; give a positive number of bytes, such as 2**30")


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Silent:
    """Stands in for a progress bar."""

    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def update(self, _: int) -> None:
        return None


def _bar(trials: int, progress: bool) -> Any:
    if not progress:
        return _Silent()
    from tqdm import tqdm

    return tqdm(total=trials, unit="trial", disable=None)  # None: shown on a terminal only
