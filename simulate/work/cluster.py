"""Joblib's Dask backend, mended for jobs whose workers die; needs the extra ``cluster``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

from distributed import CancelledError
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker
from joblib._dask import DaskDistributedBackend

from theory.errors import InputError

# A job took several workers down; the scheduler is gone; a worker died while its results were fetched.
LOST = (KilledWorker, CancelledError, CommClosedError)


class DaskBackend(DaskDistributedBackend):
    """Works on the cluster whatever its size, and passes on what Dask says of a job, for which joblib waits for ever."""

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Number of cores of the cluster, at least 2: with 1, joblib works in this process and not on the cluster."""
        try:
            return max(super().effective_n_jobs(n_jobs), 2)
        except TimeoutError:  # there is none, and none came
            address = cast(Any, self.client.scheduler).address
            raise InputError(f"the Dask scheduler {address} has no workers; start some with `dask worker {address}`") from None

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> Future:
        """Schedule a batch; the callback gets its result, or the exception that kept it from one."""
        future = super().submit(func, callback)
        if callback is not None:
            future.add_done_callback(lambda done: callback(done.exception()) if done.exception() else None)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return the results of a batch, or raise what it ended with."""
        if isinstance(out, BaseException):
            raise out
        return super().retrieve_result_callback(out)
