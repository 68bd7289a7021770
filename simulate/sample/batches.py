"""Blocks and batches of trials: runs learners over all trials in parallel threads, within a bound on memory.

Points of a grid are not batched together: besides its trials a call takes 0.7 ms, 0.8 % of 512 trials with n = 50 and
p = 100, and less where p is larger.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Protocol

import numpy as np
from threadpoolctl import ThreadpoolController

from simulate.sample.solvers import check_descent
from simulate.sample.streams import TRIALS_PER_BLOCK, Streams
from simulate.sample.truths import SMALLER
from simulate.work.machine import cores
from simulate.work.progress import bar as progress_bar
from theory.checks import positive, whole
from theory.conditions import Rule
from theory.errors import InputError

# Batches above this size are no faster, they only take memory.
BATCH_BYTES = 2**22


class Learning(Protocol):
    """What the trials of a batch are learned by; ``run`` fills in the results of all, or of as many first ones as the arrays have."""

    curvatures: dict[Rule, float]

    def run(self, *results: Any, **_: Any) -> None: ...


class Costs(Protocol):
    """What a plan says about its learners."""

    @property
    def bytes_per_trial(self) -> int: ...


def fill(
    make: Callable[[Streams, int], Learning], plan: Costs, seed: Any, trials: int, shapes: Sequence[tuple[int, ...]], *,
    memory_limit: float, workers: int | None, progress: bool, block_trials: int = TRIALS_PER_BLOCK,
    streams: Callable[[Any, int], Streams] = Streams, together: int | None = None,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Run learners over all trials, in blocks and batches that do not change the results.

    Parameters
    ----------
    make : callable
        Makes the learner of a batch from its streams and its number of trials.
    plan : Plan or other object with its ``bytes_per_trial``
    shapes : sequence of tuple of int
        Of one trial in every array of results that the learner fills in.
    block_trials : int
        Trials that share their streams; part of what a seed means.
    streams : callable
        Makes the streams of a block from the seed and the block's number.
    together : int, optional
        Trials of every batch, for learners whose bits depend on it; divides ``block_trials``. What a last batch has too
        many is learned all the same. By default as many as memory allows.

    Other parameters are those of `simulate.simulate`.
    """
    check_options(trials, memory_limit, workers)
    results = tuple(np.zeros((int(trials), *shape)) for shape in shapes)
    starts = range(0, int(trials), block_trials)
    workers, batch = share_memory(plan, memory_limit, min(workers or cores(), len(starts)), block_trials, together)
    largest: dict[Rule, float] = {}
    with _blas().limit(limits=1, user_api="blas"), progress_bar(total=trials, unit="trial", shown=progress) as bar:  # threaded BLAS sums in another order
        for finished, curvatures in _blocks(make, lambda block: streams(seed, block), batch, workers, results, starts, together):
            bar.update(finished)
            _raise_to(largest, curvatures)
    check_descent(largest)
    return results


@functools.cache
def _blas() -> ThreadpoolController:
    """Find NumPy's BLAS, once, because that takes as long as a thousand reduced trials."""
    return ThreadpoolController()


def _blocks(
    make: Callable, streams: Callable[[int], Streams], batch: int, workers: int, results: tuple[np.ndarray, ...], starts: range, together: int | None
) -> Iterator[tuple[int, dict[Rule, float]]]:
    """Fill in the results block by block; yield the number of trials and the largest curvatures of each as it is finished."""

    def run(start: int) -> tuple[int, dict[Rule, float]]:
        end = min(start + starts.step, len(results[0]))
        shared, largest = streams(start // starts.step), {}
        for first in range(start, end, batch):
            last = min(first + batch, end)
            learner = make(shared, together or last - first)
            learner.run(*(array[first:last] for array in results))
            _raise_to(largest, learner.curvatures)
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


def _raise_to(largest: dict[Rule, float], curvatures: dict[Rule, float]) -> None:
    for rule, curvature in curvatures.items():
        largest[rule] = max(largest.get(rule, 0.0), curvature)


def share_memory(plan: Costs, limit: float, workers: int, block_trials: int = TRIALS_PER_BLOCK, together: int | None = None) -> tuple[int, int]:
    """Return the numbers of workers and of trials in a batch that keep the working arrays below the limit."""
    need = plan.bytes_per_trial * (together or 1)
    if need > limit:
        trials = f"{together} trials, which are drawn together, take" if (together or 1) > 1 else "one trial takes"
        raise InputError(f"{trials} about {need:,} bytes of working memory, above memory_limit={limit:,}; raise memory_limit to at least {need:,}, {SMALLER}")
    workers = min(workers, int(limit // need))
    room = min(limit // workers, max(BATCH_BYTES, need))
    return workers, together or min(block_trials, int(room // need))


def check_options(trials: Any, memory_limit: Any, workers: Any) -> None:
    """Refuse options that cannot be meant."""
    whole(trials, "trials", 1)
    if workers is not None:
        whole(workers, "workers", 1)
    positive(memory_limit, "memory_limit", "bytes, such as 2**30")
