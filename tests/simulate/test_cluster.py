"""Jobs and sweeps on a real local Dask cluster of two worker processes, one of which is killed in the middle."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from scaffold import ROOT

from simulate import grid, run_jobs, sweep
from simulate.work.jobs import JobError
from simulate.work.store import RunStore
from theory.errors import InputError

distributed = pytest.importorskip("distributed")


WORKER = """
import asyncio, sys
from distributed import Worker

async def work():
    async with Worker(sys.argv[1], nthreads=1, dashboard=False, silence_logs=50) as worker:
        await worker.finished()

asyncio.run(work())
"""


@pytest.fixture(scope="module")
def cluster():
    """Two workers, started anew whenever they die; Dask's nannies give up on one that dies as it starts."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # the deaths of workers are what is tested here
    quiet = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    with distributed.LocalCluster(n_workers=0, processes=True, **quiet) as found:
        running, ended = {}, threading.Event()

        def keep(name):
            command = [sys.executable, "-c", WORKER, found.scheduler_address]
            nothing = subprocess.DEVNULL
            while not ended.is_set():
                running[name] = subprocess.Popen(command, cwd=ROOT, stdout=nothing, stderr=nothing)
                running[name].wait()

        keepers = [threading.Thread(target=keep, args=(name,)) for name in range(2)]
        for keeper in keepers:
            keeper.start()
        yield found
        ended.set()
        for keeper, name in zip(keepers, range(2), strict=True):
            while keeper.is_alive():
                running[name].kill()
                keeper.join(0.1)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Seconds in which any machine gets there."""
    monkeypatch.setattr(importlib.import_module("simulate.work.jobs"), "STARTUP", 600)


def workers(cluster):
    """Process numbers of the workers that are up."""
    with distributed.Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2)
        return list(client.run(os.getpid).values())


def test_every_job_once_on_both_workers(cluster, tmp_path):
    """A worker waits in its first job until the other has begun one."""
    folder = str(tmp_path)

    def work(job):
        import os
        import time

        open(os.path.join(folder, str(os.getpid())), "w").close()
        while len(os.listdir(folder)) < 2:
            time.sleep(0.01)
        return job, os.getpid()

    running = set(workers(cluster))
    found = list(run_jobs(work, range(40), scheduler=cluster.scheduler_address))
    assert sorted(index for index, _ in found) == list(range(40)) and all(index == job for index, (job, _) in found)
    assert {process for _, (_, process) in found} == running and os.getpid() not in running


def test_errors_and_early_ends(cluster):
    def fail(job):
        if job == 3:
            raise ValueError("three")
        return job

    kept = []
    with pytest.raises(JobError, match="^3: ValueError: three"):
        for index, _ in run_jobs(fail, range(8), scheduler=cluster.scheduler_address):
            kept.append(index)
    assert sorted(kept) == [0, 1, 2, 4, 5, 6, 7]
    results = run_jobs(abs, range(50), scheduler=cluster.scheduler_address)
    next(results)
    results.close()
    assert sorted(run_jobs(abs, [-1, -2], scheduler=cluster.scheduler_address)) == [(0, 1), (1, 2)]


def test_jobs_are_handed_over_as_workers_need_them(cluster):
    sent = []

    class Job:
        def __reduce__(self):
            sent.append(self)
            return float, (0.06,)

    workers(cluster)
    results = run_jobs(time.sleep, [Job() for _ in range(200)], scheduler=cluster.scheduler_address)
    next(results)
    assert len(set(sent)) == 4
    results.close()


def test_a_sweep_completes_when_a_worker_is_killed_in_the_middle(cluster, tmp_path, monkeypatch):
    """The same bits as on this machine alone, every trial counted once."""
    build, cases, trials = _experiments()
    quiet = sweep(build, cases, ["forgetting", "deviation"], trials=trials, method="direct")
    monkeypatch.setattr(importlib.import_module("simulate.sweeps.chunks"), "JOB_SECONDS", 0.02)
    victim, stored = workers(cluster)[0], []

    class Store(RunStore):
        def put(self, key, record):
            stored.append(key)
            if len(stored) == 5:
                os.kill(victim, signal.SIGKILL)
            return super().put(key, record)

    store = Store(tmp_path)
    found = sweep(build, cases, ["forgetting", "deviation"], trials=trials, method="direct", store=store, scheduler=cluster.scheduler_address)
    assert len(stored) > 5, "the worker did not die in the middle"
    assert found.computed == len(cases) * trials == sum(row.estimate.count for row in found.rows[::2])
    assert [row.as_dict() for row in found.rows] == [row.as_dict() for row in quiet.rows]
    assert victim not in workers(cluster)
    assert sweep(build, cases, ["forgetting", "deviation"], trials=trials, method="direct", store=store).computed == 0


def test_a_job_that_kills_every_worker_is_given_up(cluster):
    def work(job):
        import os
        import signal

        if job == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return job

    kept = []
    with pytest.raises(JobError, match=r"workers died 3 times in a row \((KilledWorker|CommClosedError)\) while working on .*\b1\b"):
        for index, _ in run_jobs(work, range(4), scheduler=cluster.scheduler_address):
            kept.append(index)
    assert 1 not in kept and len(kept) == len(set(kept))


def test_a_worker_that_comes_late_is_waited_for_and_none_at_all_is_told_of(monkeypatch):
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        options, waited = {"scheduler": empty.scheduler_address}, []
        wait = distributed.Future.result

        def result(future, timeout=None):
            waited.append(timeout)
            if len(waited) == 1:
                return wait(future, timeout=0.01)
            empty.scale(1)
            return wait(future, timeout)

        monkeypatch.setattr(distributed.Future, "result", result)
        with pytest.raises(InputError, match=f"the Dask scheduler {empty.scheduler_address} has no workers"):
            list(run_jobs(abs, [-1], **options))
        assert list(run_jobs(abs, [-1], **options)) == [(0, 1)] and waited == [600, 600, None]


def _experiments():
    def build(p, n):
        import numpy as np

        from theory import initialized

        return initialized({"shared": p, "specific": 20}, (10, n), 0.3, gram={"shared": np.eye(2), "specific": np.eye(2)})

    return build, grid(p=range(30, 70, 2), n=(6, 12)), 1200
