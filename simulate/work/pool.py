"""Pools of workers; worker processes leave interrupts to their caller and end with it."""

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from loky import BrokenProcessPool, get_reusable_executor

from simulate.work.machine import LIMIT, cores
from simulate.work.progress import silence
from theory.notices import show_plainly

# What opens one: with its `submit`, which takes a function with its arguments and returns a future, and how many calls shall be out at a time.
Pool = tuple[Callable[..., Any], int]
OpenPool = Callable[[], AbstractContextManager[Pool]]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")


class WorkerLostError(Exception):
    """A worker died, which says nothing of the jobs that it had."""


@contextmanager
def processes(workers: int) -> Iterator[Pool]:
    """Worker processes with one BLAS thread and a share of the cores each; an early end kills them."""
    # Loky replaces a worker that has grown by 300 MB, as one does that keeps data sets; its jobs go on, nothing is lost.
    warnings.filterwarnings("ignore", "A worker (stopped|was restarted) while some jobs were given", UserWarning)
    # Until they were idle for so many seconds, the next call takes them over.
    env = {**ONE_THREAD, LIMIT: str(max(1, cores() // workers))}
    pool = get_reusable_executor(workers, timeout=300, initializer=_begin, initargs=(os.getpid(),), env=env)
    try:
        yield pool.submit, 2 * workers
    except BrokenProcessPool as error:  # whose other workers loky ends
        raise WorkerLostError(type(error).__name__) from error
    except BaseException:
        pool.shutdown(kill_workers=True)
        raise


def _begin(parent: int) -> None:
    """Run in new worker processes: Ctrl-C in a terminal reaches them too, and it shows their warnings, not their bars."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    silence()
    show_plainly()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process, and so its locks, soon after its parent: nobody takes its results any more."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
