"""Joblib's process backend, mended for jobs that are ended early."""

from __future__ import annotations

import queue
import signal
import warnings

from joblib._parallel_backends import LokyBackend


class ProcessBackend(LokyBackend):
    """Worker processes with one BLAS thread each, which leave interrupts to the process that hands out the jobs."""

    def __init__(self, nesting_level: int = 0) -> None:
        # Loky replaces a worker that has grown by 300 MB, as one does that keeps data sets; its jobs go on, nothing is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=1, initializer=_ignore_interrupts)

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """End the workers; jobs still in line are taken out first, for the pool's own thread fails on them."""
        try:
            while self._workers is not None:
                self._workers._work_ids.get_nowait()
        except queue.Empty:
            pass
        super().abort_everything(ensure_ready)


def _ignore_interrupts() -> None:
    """Run in new worker processes: Ctrl-C in a terminal reaches them too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
