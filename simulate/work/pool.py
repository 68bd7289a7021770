"""Joblib's process backend, mended for jobs that are ended early and for callers that are killed."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
import warnings

from joblib._parallel_backends import LokyBackend

from theory.notices import show_plainly


class ProcessBackend(LokyBackend):
    """Worker processes with one BLAS thread each, which leave interrupts to their caller and end with it."""

    def __init__(self, nesting_level: int = 0) -> None:
        # Loky replaces a worker that has grown by 300 MB, as one does that keeps data sets; its jobs go on, nothing is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
        start = {"initializer": _begin, "initargs": (os.getpid(),)}
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=1, **start)

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """End the workers; jobs still in line are taken out first, for the pool's own thread fails on them."""
        try:
            while self._workers is not None:
                self._workers._work_ids.get_nowait()
        except queue.Empty:
            pass
        super().abort_everything(ensure_ready)


def _begin(parent: int) -> None:
    """Run in new worker processes: Ctrl-C in a terminal reaches them too, and it shows their warnings."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    show_plainly()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process, and so its locks, soon after its parent: nobody takes its results any more."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
