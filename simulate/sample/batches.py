"""Blocks and batches of trials: runs learners over all trials in parallel threads, within a bound on memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from simulate.sample.solvers import GradientDescent, MinNorm, Ridge
from simulate.sample.streams import TRIALS_PER_BLOCK, Streams
from theory.errors import InputError

# Batches above this size are no faster, they only take memory.
BATCH_BYTES = 2**22


class Learning(Protocol):
    """What the trials of a batch are learned by; ``run`` fills in the arrays of results."""

    curvature: float

    def run(self, *results: np.ndarray) -> None: ...


class Costs(Protocol):
    """What a plan says about its learners."""

    @property
    def bytes_per_trial(self) -> int: ...

    @property
    def rule(self) -> MinNorm | Ridge | GradientDescent: ...


def fill(
    make: Callable[[Streams, int], Learning], plan: Costs, seed: Any, trials: int, shapes: Sequence[tuple[int, ...]], *,
    memory_limit: float, workers: int | None, progress: bool, block_trials: int = TRIALS_PER_BLOCK,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Run learners over all trials, in blocks and batches that do not change the results.

    Parameters
    ----------
    make : callable
        Makes the learner of a batch from its streams and its number of trials.
    plan : Plan or other object with its ``bytes_per_trial`` and ``rule``
    shapes : sequence of tuple of int
        Of one trial in every array of results that the learner fills in.
    block_trials : int
        Trials that share their streams; part of what a seed means.

    Other parameters are those of `simulate.simulate`.
    """
    _check_options(trials, memory_limit, workers)
    results = tuple(np.zeros((int(trials), *shape)) for shape in shapes)
    starts = range(0, int(trials), block_trials)
    workers, batch = share_memory(plan, memory_limit, min(workers or cores(), len(starts)), block_trials)
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
        end = min(start + starts.step, len(results[0]))
        streams, largest = Streams(seed, start // starts.step), 0.0
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


def share_memory(plan: Costs, limit: float, workers: int, block_trials: int = TRIALS_PER_BLOCK) -> tuple[int, int]:
    """Return the numbers of workers and of trials in a batch that keep the working arrays below the limit."""
    need = plan.bytes_per_trial
    if need > limit:
        raise InputError(
            f"one trial takes about {need:,} bytes of working memory, above memory_limit={limit:,}; "
            f"raise memory_limit to at least {need:,} or make the experiment smaller"
        )
    workers = min(workers, int(limit // need))
    room = min(limit // workers, max(BATCH_BYTES, need))
    return workers, min(block_trials, int(room // need))


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_options(trials: Any, memory_limit: Any, workers: Any) -> None:
    if not _is_whole(trials) or trials < 1:
        raise InputError(f"trials is {trials!r}; give a whole number of at least 1")
    if workers is not None and (not _is_whole(workers) or workers < 1):
        raise InputError(f"workers is {workers!r}; give a whole number of threads of at least 1, or None for all cores")
    if not isinstance(memory_limit, Real) or isinstance(memory_limit, bool) or not memory_limit > 0:
        raise InputError(f"memory_limit is {memory_limit!r}; give a positive number of bytes, such as 2**30")


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


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
