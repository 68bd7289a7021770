"""The job map: every job once, whatever dies or fails; the same on threads, processes and a real Dask cluster of two workers.

Functions stand inside tests, so that other processes get them by value.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import distributed
import pytest
import threadpoolctl
from scaffold import ROOT, assert_refused, python, raising, refusals
from tqdm import tqdm

from driftlaw import InputError, one_block, sweep
from simulate.work.files import is_locked
from simulate.work.jobs import JobError, run_jobs
from simulate.work.machine import cores
from simulate.work.progress import bar

GENEROUS = 600  # seconds, in which any machine gets there

DASK_WORKER = """
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
            command = [sys.executable, "-c", DASK_WORKER, found.scheduler_address]
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


@pytest.fixture
def way(request, monkeypatch):
    """Options that say where jobs run, after the words of a test's parameter."""
    if request.param == "cluster":
        monkeypatch.setattr("simulate.work.jobs.STARTUP", GENEROUS)
        return {"scheduler": request.getfixturevalue("cluster").scheduler_address}
    workers, kind = request.param.split()
    return {"kind": kind, "workers": int(workers)}


HERE = ["1 threads", "3 threads", "1 processes", "2 processes"]
everywhere = pytest.mark.parametrize("way", [*HERE, "cluster"], indirect=True)
in_two_processes = pytest.mark.parametrize("way", ["2 processes", "cluster"], indirect=True)


@everywhere
def test_every_job_once_with_its_index(way):
    found = list(run_jobs(lambda job: job * job, range(20, 50), **way))
    assert sorted(found) == [(i, (20 + i) ** 2) for i in range(30)]
    assert list(run_jobs(lambda job: job, [], **way)) == []


@in_two_processes
def test_jobs_run_beside_one_another(way, tmp_path):
    """A process waits in its first job until the other has begun one."""

    def work(job):
        (tmp_path / str(os.getpid())).touch()
        while len(os.listdir(tmp_path)) < 2:
            time.sleep(0.01)
        return os.getpid()

    assert len({process for _, process in run_jobs(work, range(40), **way)} - {os.getpid()}) == 2


def test_jobs_are_handed_over_as_workers_need_them(cluster):
    sent = []

    class Job:
        def __reduce__(self):
            sent.append(self)
            return float, (0.06,)

    cluster.wait_for_workers(2)
    results = run_jobs(time.sleep, [Job() for _ in range(200)], scheduler=cluster.scheduler_address)
    next(results)
    assert len(set(sent)) == 4
    results.close()


def test_results_come_as_they_end():
    gate = threading.Event()

    def wait(job):
        return gate.wait(GENEROUS) if job == 0 else job

    results = run_jobs(wait, range(4), workers=2)
    first = [next(results)[0] for _ in range(3)]
    gate.set()
    assert first == [1, 2, 3] and next(results) == (0, True)


def test_results_come_before_slow_jobs_that_were_handed_over_with_them():
    """Quick jobs first, so that many are handed over at a time."""
    gate = threading.Event()

    def work(job):
        if job < 60:
            return True
        return gate.wait(10) if job % 2 else not time.sleep(0.1)

    for index, result in run_jobs(work, range(80), workers=2):
        assert result
        if index >= 60:
            gate.set()


@everywhere
def test_a_failing_job_is_named_after_all_others_are_done(way):
    def fail(job):
        if job in (3, 5):
            raise KeyError(f"no {job}")
        return job

    kept = []
    with pytest.raises(JobError, match=r"2 of 12 jobs failed, the first of them: point 3: KeyError: 'no 3' \(.*test_jobs.py, line \d+\)"):
        for index, _ in run_jobs(fail, range(12), **way, label="point {}".format):
            kept.append(index)
    assert sorted(kept) == [index for index in range(12) if index not in (3, 5)]


def test_deliberate_errors_keep_their_words():
    refuse = raising(InputError("noise is -1; give at least 0"))
    assert_refused(lambda: list(run_jobs(refuse, [7], workers=1)), r"^7: noise is -1; give at least 0$", JobError)
    with pytest.raises(JobError, match=r"^2 of 2 jobs failed, the first of them: 7: .* at least 0; the results of the other jobs are kept$"):
        list(run_jobs(refuse, [7, 8], workers=1))


@in_two_processes
def test_killed_workers_lose_and_repeat_nothing(way, tmp_path):
    """More of them than are borne without a result in between."""
    folder = str(tmp_path)

    def work(job):
        time.sleep(0.06)  # so that jobs are handed over one by one
        flag = os.path.join(folder, str(job))
        if job % 10 == 5 and not os.path.exists(flag):
            open(flag, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return job, os.getpid()

    found = list(run_jobs(work, range(40), **way))
    assert len(os.listdir(folder)) == 4
    assert sorted(index for index, _ in found) == list(range(40)) and all(index == job for index, (job, _) in found)


@pytest.mark.slow
@in_two_processes
def test_a_job_that_always_kills_its_worker_is_given_up_after_the_others(way):
    def work(job):
        if job == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return job

    kept = []
    with pytest.raises(JobError, match=r"workers died 3 times in a row .* while working on .*\b2\b.*fewer workers"):
        for index, _ in run_jobs(work, range(12), **way):
            kept.append(index)
    # Three of the others, which are handed over with it, may be lost with it, and three that stand in line behind them.
    assert 2 not in kept and len(kept) == len(set(kept)) >= 5


def test_processes_share_the_cores_that_a_command_may_use(monkeypatch):
    here = cores()
    assert {share for _, share in run_jobs(lambda job: cores(), range(4), kind="processes", workers=2)} == {max(1, here // 2)}
    monkeypatch.setenv("DRIFTLAW_CORES", "1")
    assert cores() == 1
    for wrong in ("0", "many"):
        monkeypatch.setenv("DRIFTLAW_CORES", wrong)
        assert_refused(cores, f"DRIFTLAW_CORES is '{wrong}'; set it to a whole number")


def test_worker_processes_show_no_bars_of_their_own():
    assert isinstance(bar([]), tqdm)
    assert {shown for _, shown in run_jobs(lambda job: isinstance(bar([]), tqdm), range(4), kind="processes", workers=2)} == {False}


def test_worker_processes_leave_interrupts_to_the_caller():
    def interrupted(job):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        return job

    assert sorted(run_jobs(interrupted, range(4), kind="processes", workers=2)) == [(i, i) for i in range(4)]


WORKERS = """
import sys, threading
from pathlib import Path
from simulate import run_jobs
from simulate.work.files import locked

def work(path):
    with locked(Path(path)):
        sys.stdout.write("held\\n")
        sys.stdout.flush()
        threading.Event().wait()

list(run_jobs(work, sys.argv[1:], kind="processes", workers=2))
"""


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    """Their locks are free then; held by workers that nobody hears any more they would stop the next call."""
    paths = [str(tmp_path / name) for name in "ab"]
    command = [sys.executable, "-c", WORKERS, *paths]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert [parent.stdout.readline() for _ in paths] == ["held\n"] * 2
    assert all(is_locked(Path(path)) for path in paths)
    parent.kill()
    rest, _ = parent.communicate(timeout=GENEROUS)  # until the last process ends that has the pipe
    assert rest == "" and not any(is_locked(Path(path)) for path in paths)


def test_workers_warn_in_a_line():
    program = "import warnings; from simulate import run_jobs\nlist(run_jobs(lambda job: warnings.warn(f'of\\n{job}'), 'ab', kind='processes', workers=2))"
    found = python("-c", program)
    assert sorted(found.stderr.splitlines()) == ["warning: of a", "warning: of b"]


@everywhere
def test_an_early_end_leaves_the_next_call_whole(way):
    results = run_jobs(lambda job: job, range(100), **way)
    next(results)
    results.close()
    assert sorted(run_jobs(lambda job: -job, range(10), **way)) == [(i, -i) for i in range(10)]


def test_an_early_end_begins_nothing_more():
    gate, begun = threading.Event(), []

    def work(job):
        begun.append(job)
        return job == 0 or gate.wait(GENEROUS)

    before = set(threading.enumerate())
    results = run_jobs(work, range(100), workers=2)
    next(results)
    while len(begun) < 3:
        time.sleep(0.01)
    results.close()
    gate.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(GENEROUS)
    assert len(begun) == 3


def test_an_early_end_ends_worker_processes():
    results = run_jobs(lambda job: os.getpid() if job == 0 else threading.Event().wait(), range(10), kind="processes", workers=2)
    _, process = next(results)
    results.close()
    assert_refused(lambda: os.kill(process, 0), error=ProcessLookupError)


@pytest.mark.parametrize("way", HERE, indirect=True)
def test_blas_keeps_to_one_thread(way):
    def threads(job):
        time.sleep(0.005 * (job % 3))  # so that jobs end in the midst of others
        import numpy  # noqa: F401 - loads BLAS in a fresh process
        from threadpoolctl import threadpool_info

        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        assert all(seen <= {1} for _, seen in run_jobs(threads, range(30), **way))
        after = [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    assert after and set(after) == {2}


NOBODY = "tcp://127.0.0.1:1"
test_bad_options = refusals([
    (lambda: list(run_jobs(abs, [1], kind="fibres")), "kind is 'fibres'; choose one of threads, processes"),
    (lambda: list(run_jobs(abs, [1], workers=0)), "workers is 0; give a whole number of at least 1"),
    (lambda: list(run_jobs(abs, [1], workers=2.0)), "workers is 2.0"),
    (lambda: list(run_jobs(abs, [1], scheduler=NOBODY)), f"cannot reach .* '{NOBODY}': .*dask scheduler"),
    (lambda: list(run_jobs(abs, [1], scheduler=NOBODY, workers=3)), "a cluster brings its own workers"),
    (lambda: list(run_jobs(abs, [threading.Lock()], kind="processes")), "cannot be sent to other processes"),
])


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "simulate.work.cluster", raising=False)
    assert_refused(lambda: list(run_jobs(abs, [1], scheduler=NOBODY)), r"pip install 'driftlaw\[cluster\]'")


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

        monkeypatch.setattr("simulate.work.jobs.STARTUP", GENEROUS)
        monkeypatch.setattr(distributed.Future, "result", result)
        assert_refused(lambda: list(run_jobs(abs, [-1], **options)), f"the Dask scheduler {empty.scheduler_address} has no workers")
        assert list(run_jobs(abs, [-1], **options)) == [(0, 1)] and waited == [GENEROUS, GENEROUS, None]


def test_a_sweep_on_a_cluster_has_the_same_bits(cluster):
    build, arguments = (lambda p: one_block(p, (10, 8), 0.3, gram=[[1, 0], [0, 1]])), ([{"p": 30}, {"p": 40}], ["forgetting", "deviation"])
    here, there = (sweep(build, *arguments, trials=600, method="direct", scheduler=at) for at in (None, cluster.scheduler_address))
    assert there.computed == 1200 and [row.as_dict() for row in there.rows] == [row.as_dict() for row in here.rows]
