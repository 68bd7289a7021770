"""Sweeps that are killed, interrupted or computed by others: nothing lost, nothing repeated, not a bit changed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulate import sweep
from simulate.runs import RunStore
from simulate.sweeps.chunks import chunks_of

ROOT = Path(__file__).resolve().parents[2]
SWEEP = """
import numpy as np
from theory import initialized

targets = ["forgetting", "deviation"]
grid = {"p": tuple(range(30, 70, 4)), "n": (6, 12)}

def build(p, n):
    return initialized({"shared": p, "specific": 20}, (10, n), 0.3, gram={"shared": np.eye(2), "specific": np.eye(2)})
"""
KILLS = 20

# Imports once, then forks a child for each line read: its answer is the child's number. A child logs every chunk that it
# begins, and its chunks are jobs of their own, so that a kill comes between, into and after writes of every kind.
ZYGOTE = """
import os, sys
import simulate.sweeps.chunks as chunks
from simulate import sweep
from simulate.lemma import load_sweep
from pathlib import Path

wanted, real = load_sweep(Path(sys.argv[1])), chunks.simulate
chunks.JOB_SECONDS = 0.0
for line in sys.stdin:
    folder, log, trials, workers = line.split()
    child = os.fork()
    if child == 0:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        def logged(seq, count, seed, **options):
            os.write(handle, f"{seed[1]} {seed[2]}\\n".encode())
            return real(seq, count, seed, **options)
        chunks.simulate = logged
        sweep(wanted.build, wanted.cases, wanted.targets, trials=int(trials), method="direct", store=folder, workers=int(workers))
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mysweep.py"
    path.write_text(SWEEP)
    return path


def read(file):
    defined = {}
    exec(SWEEP, defined)
    from simulate import grid

    return defined["build"], grid(**defined["grid"]), defined["targets"]


def stored_chunks(folder, numbers):
    store = RunStore(folder)
    return {(numbers[key], int(chunk)) for key in store.keys() for chunk in store.get(key)}


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_twenty_random_moments(file, tmp_path, workers):
    """Every run computes only what no earlier one has stored, what is stored stays, and the end is that of one quiet run."""
    from simulate.sweeps.chunks import Sampling, point_number
    from simulate.sweeps.points import make_points

    build, cases, targets = read(file)
    trials, folder, log = 1000, tmp_path / "store", tmp_path / "log"
    points = make_points(build, cases, targets, Sampling("direct"))
    numbers = {point.key: point_number(point.seq) for point in points}
    everything = {(number, chunk) for number in numbers.values() for chunk, _ in chunks_of(trials, "direct")}
    started = time.monotonic()
    quiet = sweep(build, cases, targets, trials=trials, method="direct", workers=1)
    pause = (time.monotonic() - started) / KILLS * 2  # so that kills fall all over the work, which about ends with them
    in_the_works = 1 if workers == 1 else 4 * workers  # threads run ahead of the one that stores
    killed, before, moments = 0, set(), random.Random(workers)
    command = [sys.executable, "-c", ZYGOTE, str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote:
        for kill in range(KILLS + 1):
            log.unlink(missing_ok=True)
            print(folder, log, trials, workers, file=zygote.stdin, flush=True)
            child = int(zygote.stdout.readline())
            if kill < KILLS:
                time.sleep(moments.uniform(0, 2) * pause)
                os.kill(child, signal.SIGKILL)
            status = int(zygote.stdout.readline())
            killed += status == -signal.SIGKILL
            begun = [tuple(map(int, line.split())) for line in log.read_text().splitlines()] if log.exists() else []
            assert len(begun) == len(set(begun)) and not set(begun) & before, "a chunk was computed again although it was stored"
            after = stored_chunks(folder, numbers) if folder.exists() else set()
            assert before <= after, "a stored chunk was lost"
            assert len(set(begun) - (after - before)) <= (in_the_works if status else 0), "more was lost than what was in the works"
            before = after
    assert status == 0 and killed >= 5 and before == everything
    found = sweep(build, cases, targets, trials=trials, method="direct", store=folder)
    assert found.computed == 0 and [row.as_dict() for row in found.rows] == [row.as_dict() for row in quiet.rows]


def run(*arguments, **options):
    command = [sys.executable, "-m", "simulate", "sweep", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options)


@pytest.mark.parametrize("options", [("--workers", 2), ("--workers", 2, "--processes")], ids=["threads", "processes"])
def test_an_interrupt_leaves_a_state_to_go_on_from(file, tmp_path, options):
    """Ctrl-C goes to the whole group of processes, as a terminal sends it."""
    arguments = (file, "--trials", 400_000, "--method", "direct", "--json", *options)
    interrupted = run(*arguments)
    folder = file.with_suffix(".sweep")
    deadline = time.monotonic() + 60
    while not list(folder.glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(interrupted.pid, signal.SIGINT)
    out, err = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130 and out == ""
    assert err == f"interrupted; finished chunks are kept in {folder}, run the same command again to go on\n"
    records = [RunStore(folder).get(key) for key in RunStore(folder).keys()]
    kept = sum(tally["forgetting[1]"][0] for record in records for tally in record.values())
    assert 0 < kept < 20 * 400_000
    again = run(file, "--trials", 256, "--method", "direct", "--json")
    found = json.loads(again.communicate(timeout=60)[0])
    assert found["computed"] == 256 * (20 - sum("0" in record for record in records))
    build, cases, targets = read(file)
    assert found["rows"] == [row.as_dict() for row in sweep(build, cases, targets, trials=256, method="direct").rows]


def test_a_killed_worker_process_changes_nothing(tmp_path):
    """One of two worker processes dies in the middle; its chunks are computed again and count once."""
    import numpy as np

    from theory import initialized

    flag, main = str(tmp_path / "killed"), os.getpid()

    def build(p):
        return initialized({"shared": p, "specific": 20}, (10, 8), 0.3, gram={"shared": np.eye(2), "specific": np.eye(2)})

    cases, targets = [{"p": p} for p in range(30, 42)], ["forgetting"]
    quiet = sweep(build, cases, targets, trials=500, method="direct")
    with pytest.MonkeyPatch.context() as patch:
        import simulate.jobs
        import simulate.sweeps.chunks as chunks

        work = chunks.compute_job

        def dying(job):
            if job[0].point > 5 and os.getpid() != main and not os.path.exists(flag):
                open(flag, "w").close()
                os.kill(os.getpid(), signal.SIGKILL)
            return work(job)

        patch.setattr(chunks, "JOB_SECONDS", 0.0)
        patch.setattr(sys.modules["simulate.sweeps.driver"], "compute_job", dying)
        found = sweep(build, cases, targets, trials=500, method="direct", kind="processes", workers=2, store=tmp_path / "store")
    assert os.path.exists(flag) and found.computed == 12 * 500
    assert [row.as_dict() for row in found.rows] == [row.as_dict() for row in quiet.rows]
    assert sweep(build, cases, targets, trials=500, method="direct", store=tmp_path / "store").computed == 0
