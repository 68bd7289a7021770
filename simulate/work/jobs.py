"""The job map: independent jobs on threads, processes or a Dask cluster, results as they end.

Sweeps, checks of many cases and the deep experiments share it. It knows nothing of what a job is.
"""

import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain, takewhile
from pickle import PicklingError
from queue import SimpleQueue
from typing import Any

import numpy  # noqa: F401 - a limit binds only the BLAS that is loaded before it is set
from threadpoolctl import threadpool_limits

from simulate.work.machine import cores
from simulate.work.pool import OpenPool, Pool, WorkerLostError, processes
from simulate.work.progress import bar
from theory.checks import whole
from theory.errors import DriftlawError, InputError

KINDS = ("threads", "processes")
STARTUP = 60  # seconds in which a cluster's scheduler has to answer, and a first worker to come (back)
PATIENCE = 3  # deaths of workers in a row, with no job ending in between, after which the jobs at hand are given up
MOMENT = 0.05  # seconds of short jobs that a worker does in one go: long beside handing them out


class JobError(DriftlawError):
    """Jobs failed, or their workers died again and again; all other jobs were done first."""


class _Failure(str):
    """What a job raised, and where, in words that travel between processes."""


def run_jobs(
    function: Callable[[Any], Any],
    jobs: Sequence[Any],
    *,
    workers: int | None = None,
    kind: str = "threads",
    scheduler: str | None = None,
    progress: str | None = None,
    label: Callable[[Any], str] = repr,
) -> Iterator[tuple[int, Any]]:
    """Call a function on every job; yield (index, result) of each as it ends, in any order.

    Parameters
    ----------
    function : callable
        Takes one job. Its result may depend on the job alone, because a job may run twice if a worker dies.
    jobs : sequence
        What the function is called on. Other processes get copies of function and jobs.
    workers : int, optional
        Threads or processes; all available cores by default. One works in this thread. A cluster brings its own.
    kind : {"threads", "processes"}
        Where the jobs run without a scheduler. NumPy's and torch's long operations run side by side in threads;
        what spends its time in Python needs processes.
    scheduler : str, optional
        Address of a Dask scheduler, such as "tcp://host:8786"; the jobs run on its workers, which need driftlaw too.
    progress : str, optional
        Title of a progress bar that counts jobs, on a terminal only; none by default.
    label : callable
        Names a job in errors.

    Yields
    ------
    tuple of (int, result)
        Every index exactly once, unless its job fails.

    Raises
    ------
    JobError
        After all other jobs are done and yielded, if a job raised an exception or killed its workers.
    InputError
        If an option makes no sense, the cluster is out of reach, or jobs cannot be sent to other processes.

    Notes
    -----
    A worker that dies takes down no result: whatever was not yielded yet is done again. BLAS runs on one thread while jobs
    run, so that neither speed nor bits depend on how many run side by side (Dask starts its workers like that by itself).
    """
    jobs = list(jobs)
    open_pool = _workplace(workers, kind, scheduler)
    results = _run(function, jobs, open_pool, label)
    return iter(bar(results, total=len(jobs), desc=progress, unit="job")) if progress else results


def _run(function: Callable, jobs: list[Any], open_pool: OpenPool | None, label: Callable[[Any], str]) -> Iterator[tuple[int, Any]]:
    """Run all jobs, with BLAS on one thread: set here, because limits that threads set for themselves cross one another."""
    failures: dict[int, _Failure] = {}
    with threadpool_limits(1, user_api="blas"):
        here = ((index, _call(function, job)) for index, job in enumerate(jobs))
        for index, result in _survive(function, jobs, open_pool, label) if open_pool else here:
            if isinstance(result, _Failure):
                failures[index] = result
            else:
                yield index, result
    if failures:
        index = min(failures)
        count = f"{len(failures)} of {len(jobs)} jobs failed, the first of them: " if len(failures) > 1 else ""
        kept = "; the results of the other jobs are kept" if len(jobs) > 1 else ""
        raise JobError(f"{count}{label(jobs[index])}: {failures[index]}{kept}")


def _survive(function: Callable, jobs: list[Any], open_pool: OpenPool, label: Callable[[Any], str]) -> Iterator[tuple[int, Any]]:
    """Run all jobs; when workers die, run those again that have not ended, the suspects last."""
    todo = dict.fromkeys(range(len(jobs)))
    deaths = 0
    while todo:
        busy: dict[Any, list[int]] = {}
        try:
            with open_pool() as (submit, ahead):
                for index, result in _map(partial(submit, _work, function), jobs, todo, busy, ahead):
                    del todo[index]
                    deaths = 0
                    yield index, result
        except WorkerLostError as error:
            deaths += 1
            suspects = list(chain.from_iterable(busy.values()))
            if deaths == PATIENCE:
                named = ", ".join(label(jobs[index]) for index in suspects[:4])
                raise JobError(
                    f"workers died {deaths} times in a row ({error}) while working on {named}"
                    f"{' and others' if len(suspects) > 4 else ''}, perhaps for lack of memory; use fewer workers or smaller jobs"
                ) from error
            for index in suspects:
                todo[index] = todo.pop(index)
        except (PicklingError, TypeError) as error:
            raise InputError(f"the jobs or their results cannot be sent to other processes: {error}; use threads, or functions and values that pickle") from error


def _map(submit: Callable, jobs: list[Any], todo: Iterable[int], busy: dict[Any, list[int]], ahead: int) -> Iterator[tuple[int, Any]]:
    """Hand jobs over as workers need them, short ones in batches, noting in ``busy`` what they have; yield results as they end."""
    line, ended, size = deque(todo), SimpleQueue(), 1
    while line or busy:
        while line and len(busy) < ahead:
            batch = [line.popleft() for _ in range(max(1, min(size, len(line) // ahead)))]
            future = submit([(index, jobs[index]) for index in batch])
            busy[future] = batch
            future.add_done_callback(ended.put)
        future = ended.get()
        results, brief = future.result()
        batch = busy.pop(future)
        line.extendleft(reversed(batch[len(results) :]))
        size = 2 * len(batch) if brief else 1
        yield from results


def _work(function: Callable, batch: list[tuple[int, Any]]) -> tuple[list[tuple[int, Any]], bool]:
    """Do jobs for a moment, the others are given back; return results, and whether it was long enough for more."""
    end = time.monotonic() + MOMENT
    begun = takewhile(lambda _: time.monotonic() < end, batch)
    return [(index, _call(function, job)) for index, job in begun], time.monotonic() < end


def _call(function: Callable, job: Any) -> Any:
    try:
        return function(job)
    except DriftlawError as error:
        return _Failure(error)
    except Exception as error:
        return _Failure(f"{type(error).__name__}: {error} ({_place(error)})")


def _place(error: Exception) -> str:
    """Say in which file and line an exception was raised."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    file = frame.f_code.co_filename
    if file.startswith("<"):  # pickling by value may drop a function's file, but keeps that of its module
        file = frame.f_globals.get("__file__") or file
    return f"{file}, line {line}"


def _workplace(workers: Any, kind: str, scheduler: str | None) -> OpenPool | None:
    """Check the options; return what opens the pool that they name, or None for this thread."""
    if kind not in KINDS:
        raise InputError(f"kind is {kind!r}; choose one of {', '.join(KINDS)}")
    if scheduler is None:
        count = cores() if workers is None else whole(workers, "workers", 1)
        return None if count == 1 else partial(processes if kind == "processes" else _threads, count)
    if workers is not None:
        raise InputError(f"workers is {workers!r} beside a scheduler; a cluster brings its own workers, leave it out")
    try:
        from simulate.work.cluster import cluster
    except ImportError:
        raise InputError("a scheduler needs dask and distributed; install them with: pip install 'driftlaw[cluster]'") from None
    return cluster(scheduler, STARTUP)


@contextmanager
def _threads(workers: int) -> Iterator[Pool]:
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool.submit, 2 * workers
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
