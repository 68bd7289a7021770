"""The job map: independent jobs on threads, processes or a Dask cluster, results as they end.

Sweeps, checks of many cases and the deep experiments share it. It knows nothing of what a job is.
"""

from __future__ import annotations

import pickle
import socket
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import Any, cast
from urllib.parse import urlsplit

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool
from threadpoolctl import threadpool_limits

from simulate.work.machine import cores
from simulate.work.pool import ProcessBackend
from theory.errors import DriftlawError, InputError

KINDS = ("threads", "processes")
STARTUP = 60  # seconds in which a cluster's scheduler has to answer, and a first worker to come (back)
PATIENCE = 3  # deaths of workers in a row, with no job ending in between, after which the jobs at hand are given up


class JobError(DriftlawError):
    """Jobs failed, or their workers died again and again; all other jobs were done first."""


@dataclass(frozen=True)
class _Failure:
    """What a job raised, in a form that travels between processes."""

    error: str
    place: str
    deliberate: bool


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
    options = _backend(workers, kind, scheduler)
    return _bar(_run(function, jobs, options, label), len(jobs), progress)


def _run(function: Callable, jobs: list[Any], options: Callable, label: Callable[[Any], str]) -> Iterator[tuple[int, Any]]:
    failures: dict[int, _Failure] = {}
    with options() as parallel_options:
        for index, result in _survive(function, jobs, parallel_options, label):
            if isinstance(result, _Failure):
                failures[index] = result
            else:
                yield index, result
    if failures:
        raise _job_error(failures, jobs, label)


def _survive(function: Callable, jobs: list[Any], options: dict[str, Any], label: Callable[[Any], str]) -> Iterator[tuple[int, Any]]:
    """Run all jobs; when workers die, run those again that have not ended, the suspects last."""
    pending = list(range(len(jobs)))
    deaths = 0
    while pending:
        started, ended = [], set()
        try:
            for index, result in _map(function, jobs, pending, started, options):
                ended.add(index)
                deaths = 0
                yield index, result
        except _lost_worker_errors() as error:
            deaths += 1
            suspects = [index for index in started if index not in ended]
            if deaths == PATIENCE:
                named = ", ".join(label(jobs[index]) for index in suspects[:4])
                raise JobError(
                    f"workers died {deaths} times in a row ({type(error).__name__}) while working on {named}"
                    f"{' and others' if len(suspects) > 4 else ''}, perhaps for lack of memory; use fewer workers or smaller jobs"
                ) from error
            rest = set(pending) - ended
            pending = [index for index in pending if index in rest - set(suspects)] + [index for index in suspects if index in rest]
            continue
        except pickle.PicklingError as error:
            raise InputError(f"the jobs cannot be sent to other processes: {error}; use threads, or functions and values that pickle") from error
        return


def _map(function: Callable, jobs: list[Any], pending: list[int], started: list[int], options: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    """Hand the pending jobs to joblib, noting in ``started`` which it has taken."""

    def calls() -> Iterator[Any]:
        for index in pending:
            started.append(index)
            yield delayed(_call)(function, index, jobs[index])

    results: Any = cast(Any, Parallel(return_as="generator_unordered", **options)(calls()))
    try:
        for result in results:  # noqa: UP028 - `yield from` would pass an early close on, past the next lines
            yield result
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # joblib's, on jobs that an interrupt leaves undone
            results.close()


def _call(function: Callable, index: int, job: Any) -> tuple[int, Any]:
    try:
        return index, function(job)
    except Exception as error:
        text = str(error) if isinstance(error, DriftlawError) else f"{type(error).__name__}: {error}"
        return index, _Failure(text, _place(error), isinstance(error, DriftlawError))


def _place(error: Exception) -> str:
    """Say in which file and line an exception was raised."""
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    file = frame.f_code.co_filename
    if file.startswith("<"):  # pickling by value may drop a function's file, but keeps that of its module
        file = frame.f_globals.get("__file__") or file
    return f"{file}, line {line}"


def _job_error(failures: dict[int, _Failure], jobs: list[Any], label: Callable[[Any], str]) -> JobError:
    index = min(failures)
    failure = failures[index]
    place = "" if failure.deliberate else f" ({failure.place})"
    count = f"{len(failures)} of {len(jobs)} jobs failed, the first of them: " if len(failures) > 1 else ""
    kept = "; the results of the other jobs are kept" if len(jobs) > 1 else ""
    return JobError(f"{count}{label(jobs[index])}: {failure.error}{place}{kept}")


def _backend(workers: Any, kind: str, scheduler: str | None) -> Callable:
    """Check the options; return a context manager that makes joblib's."""
    if kind not in KINDS:
        raise InputError(f"kind is {kind!r}; choose one of {', '.join(KINDS)}")
    if workers is not None and (not isinstance(workers, Integral) or isinstance(workers, bool) or workers < 1):
        raise InputError(f"workers is {workers!r}; give a whole number of at least 1, or None for all cores")
    if scheduler is not None:
        if workers is not None:
            raise InputError(f"workers is {workers!r} beside a scheduler; a cluster brings its own workers, leave it out")
        return lambda: _cluster(scheduler)
    count = workers or cores()
    return lambda: _local(int(count), kind)


@contextmanager
def _local(workers: int, kind: str) -> Iterator[dict[str, Any]]:
    """Work on this machine, with BLAS on one thread: set here, because limits that threads set for themselves cross one another."""
    backend: Any = "sequential" if workers == 1 else "threading"
    if workers > 1 and kind == "processes":
        backend = ProcessBackend()
    with threadpool_limits(1, user_api="blas"):
        yield {"n_jobs": workers, "backend": backend}


@contextmanager
def _cluster(address: str) -> Iterator[dict[str, Any]]:
    """Connect to a Dask scheduler for as long as the jobs run."""
    try:
        from distributed import Client

        from simulate.work.cluster import DaskBackend
    except ImportError:
        raise InputError("a scheduler needs dask and distributed; install them with: pip install 'driftlaw[cluster]'") from None
    try:
        target = urlsplit(address)
        socket.create_connection((target.hostname, target.port), timeout=10).close()  # Dask's own attempt takes half a minute to fail
        client = Client(address, timeout=STARTUP, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"cannot reach the Dask scheduler {address!r}: {error}; give one like tcp://host:8786, as `dask scheduler` prints it") from None
    with client:
        yield {"n_jobs": -1, "backend": DaskBackend(client=client, wait_for_workers_timeout=STARTUP, pure=False)}


def _lost_worker_errors() -> tuple[type[BaseException], ...]:
    """Exceptions that say that a worker died, not that a job failed."""
    try:
        from simulate.work.cluster import LOST
    except ImportError:
        return (BrokenProcessPool,)
    return (BrokenProcessPool, *LOST)


def _bar(results: Iterator[tuple[int, Any]], total: int, title: str | None) -> Iterator[tuple[int, Any]]:
    if title is None:
        return results
    from tqdm import tqdm

    return iter(tqdm(results, total=total, desc=title, unit="job", disable=None))  # None: shown on a terminal only
