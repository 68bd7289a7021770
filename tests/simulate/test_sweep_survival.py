"""Sweeps that are killed, interrupted or computed by others: nothing lost, nothing repeated, not a bit changed."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from scaffold import ROOT

from simulate import sweep
from simulate.sweeps.chunks import Sampling, chunks_of, point_number
from simulate.sweeps.points import make_points
from simulate.verdicts.lemma import load_sweep
from simulate.work.store import RunStore

SWEEP = """
import numpy as np
from theory import initialized

quantities = ["forgetting", "deviation"]
grid = {"p": tuple(range(30, 70, 4)), "n": (6, 12)}

def build(p, n):
    return initialized({"shared": p, "specific": 20}, (10, n), 0.3, gram={"shared": np.eye(2), "specific": np.eye(2)})
"""
KILLS = 20

# Imports and builds once, then forks a child for each line read: its answer is how the child ended. A child logs every
# chunk that it begins and that comes to be stored; its chunks are jobs of their own. It kills itself at an event, which
# is the begin of a chunk or of a step of a write.
ZYGOTE = """
import importlib, os, signal, sys, threading
import simulate.sweeps.chunks as chunks
from simulate import sweep
from simulate.verdicts.lemma import load_sweep
from pathlib import Path

driver = importlib.import_module("simulate.sweeps.driver")
wanted = load_sweep(Path(sys.argv[1]))
points = driver.make_points(wanted.build, wanted.cases, wanted.quantities, chunks.Sampling("direct"))
driver.make_points = lambda *_: points
chunks.JOB_SECONDS = 0.0
lock, events = threading.Lock(), 0

def event(function, last, before=lambda *_: None):
    def called(*arguments, **options):
        global events
        before(*arguments)
        with lock:
            events += 1
            if events == last:
                os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return called

for line in sys.stdin:
    folder, log, trials, workers, last = line.split()
    child = os.fork()
    if child == 0:
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        def begun(seq, count, seed):
            os.write(handle, f"begun {seed[1]} {seed[2]}\\n".encode())
        chunks.simulate = event(chunks.simulate, int(last), begun)
        os.fsync, os.replace = event(os.fsync, int(last)), event(os.replace, int(last))
        def handed_over(*arguments, real=driver.run_jobs, **options):
            for index, (code, found) in real(*arguments, **options):
                for point, chunk, _ in found:
                    os.write(handle, f"taken {point} {chunk}\\n".encode())
                yield index, (code, found)
        driver.run_jobs = handed_over
        sweep(wanted.build, wanted.cases, wanted.quantities, trials=int(trials), method="direct", store=folder, workers=int(workers))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mysweep.py"
    path.write_text(SWEEP)
    return path


def read(file):
    wanted = load_sweep(file)
    return wanted.build, wanted.cases, wanted.quantities


def stored_chunks(folder, numbers):
    store = RunStore(folder)
    return {(numbers[key], int(chunk)) for key in store.keys() for chunk in store.get(key)["chunks"]}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_twenty_random_moments(file, tmp_path, workers):
    """Every run computes only what no earlier one has stored, what is stored stays, and the end is that of one quiet run."""
    build, cases, quantities = read(file)
    trials, folder, log = 1000, tmp_path / "store", tmp_path / "log"
    points = make_points(build, cases, quantities, Sampling("direct"))
    numbers = {point.key: point_number(point.seq) for point in points}
    everything = {(number, chunk) for number in numbers.values() for chunk, _ in chunks_of(trials, "direct")}
    quiet = sweep(build, cases, quantities, trials=trials, method="direct", workers=1)
    command = [sys.executable, "-c", ZYGOTE, str(file)]
    killed, before, moments = 0, set(), random.Random(workers)
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote:

        def run_to(last):
            log.unlink(missing_ok=True)
            print(folder, log, trials, workers, last, file=zygote.stdin, flush=True)
            status = int(zygote.stdout.readline())
            lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
            return status, lambda kind: [(int(one), int(two)) for what, one, two in lines if what == kind]

        events = 4 * len(everything)  # chunk, two syncs and a replacement
        for kill in range(KILLS + 1):  # all over the work, which about ends with them
            status, logged = run_to(moments.randint(1, 2 * events // KILLS) if kill < KILLS else 0)
            killed += status == -signal.SIGKILL
            begun = logged("begun")
            taken = {(numbers[points[point].key], chunk) for point, chunk in logged("taken")}
            assert len(begun) == len(set(begun)) and not set(begun) & before, "a chunk was computed again although it was stored"
            after = stored_chunks(folder, numbers) if folder.exists() else set()
            assert before <= after, "a stored chunk was lost"
            assert len(taken - after) <= (1 if status else 0), "more was lost than what was being stored"
            if workers == 1:  # threads run ahead of the one that stores, by as much as the machine lets them
                assert len(set(begun) - after) <= (1 if status else 0), "more was lost than was in the works"
            before = after
    assert status == 0 and killed >= 5 and before == everything
    assert not list(folder.glob("*.tmp"))
    found = sweep(build, cases, quantities, trials=trials, method="direct", store=folder)
    assert found.computed == 0 and [row.as_dict() for row in found.rows] == [row.as_dict() for row in quiet.rows]


def run(*arguments, **options):
    command = [sys.executable, "-m", "simulate", "sweep", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options)


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--workers", 2), ("--workers", 2, "--processes")], ids=["threads", "processes"])
def test_an_interrupt_leaves_a_state_to_go_on_from(file, tmp_path, options):
    """Ctrl-C goes to the whole group of processes, as a terminal sends it."""
    arguments = (file, "--trials", 400_000, "--method", "direct", "--json", *options)
    interrupted = run(*arguments)
    folder = file.with_suffix(".sweep")
    while not list(folder.glob("*.json")):
        assert interrupted.poll() is None
        time.sleep(0.02)
    os.killpg(interrupted.pid, signal.SIGINT)
    out, err = interrupted.communicate()
    assert interrupted.returncode == 130 and out == ""
    assert err == f"\ninterrupted: finished chunks are kept in {folder}, run the same command again to go on\n"
    records = [RunStore(folder).get(key)["chunks"] for key in RunStore(folder).keys()]
    kept = sum(tally["forgetting[1]"][0] for record in records for tally in record.values())
    assert 0 < kept < 20 * 400_000
    again = run(file, "--trials", 256, "--method", "direct", "--json")
    found = json.loads(again.communicate()[0])
    assert found["computed"] == 256 * (20 - sum("0" in record for record in records))
    build, cases, quantities = read(file)
    assert found["rows"] == [row.as_dict() for row in sweep(build, cases, quantities, trials=256, method="direct").rows]
