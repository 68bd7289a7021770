"""The workers of a Dask cluster as a pool; needs the extra ``cluster``."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from distributed import CancelledError, Client, KilledWorker
from distributed.comm.core import CommClosedError

from simulate.work.pool import OpenPool, Pool, WorkerLostError
from theory.errors import InputError

# A job took several workers down; the scheduler is gone; a worker died while its results were fetched.
LOST = (KilledWorker, CancelledError, CommClosedError)


def cluster(address: str, patience: float) -> OpenPool:
    """Return what connects to a Dask scheduler, and waits so many seconds for it to come back and for a first worker."""
    with _reaching(address):  # for the first time, at once
        target = urlsplit(address)
        socket.create_connection((target.hostname, target.port), timeout=10).close()
    return partial(_connect, address, patience)


@contextmanager
def _connect(address: str, patience: float) -> Iterator[Pool]:
    with _reaching(address):
        client: Any = Client(address, timeout=patience, set_as_default=False)
    try:
        with client:
            if not client.nthreads():
                _await_worker(client, address, patience)
            yield partial(client.submit, pure=False), 2 * max(1, sum(client.nthreads().values()))
    except LOST as error:
        raise WorkerLostError(type(error).__name__) from error


@contextmanager
def _reaching(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"cannot reach the Dask scheduler {address!r}: {error}; give one like tcp://host:8786, as `dask scheduler` prints it") from None


def _await_worker(client: Client, address: str, patience: float) -> None:
    try:
        client.submit(int).result(patience)  # a task, since clusters that adapt to their work start workers for tasks alone
    except TimeoutError:
        raise InputError(f"the Dask scheduler {address} has no workers; start some with `dask worker {address}`") from None
