"""Runs that are killed: trained again they give the same numbers as uninterrupted ones, and lose finished tasks never."""

from __future__ import annotations

import json

from scaffold import python

KILLS = 20

# One process imports torch; every run is a fork of it, so that a kill costs no start.
PROGRAM = f"""
import json, os, random, signal, sys
from pathlib import Path
from deep.runs.execute import DataSource, Job, train
from deep.runs.folder import RunsFolder
from deep.training.config import RunConfig

config = RunConfig(stream_options={{"train_examples": 120}}, epochs=4, momentum=0.9, keep_moments=True, strategy="frozen", probe_examples=50)

def forked(out, last=None):
    # Trains in a fork, which kills itself at its call number `last`; returns how many calls there were.
    calls = 0

    def count(frame, event, _):
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            sys.setprofile(count)
            train(Job(config, out, DataSource()))
            sys.setprofile(None)
            os.write(write, str(calls).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as told:
        return int(told.read() or 0)

def record(out):
    return RunsFolder(out).run(config.key).record()

root = Path(sys.argv[1])
train(Job(config, root / "warm-up", DataSource()))
calls = forked(root / "whole")
moments = random.Random(0)
left, wrong = [], 0
for number in range({KILLS}):
    out = root / str(number)
    forked(out, moments.randrange(calls))
    known = record(out) if RunsFolder(out).run(config.key).path.is_dir() else None
    left.append(-1 if known is None else len(known.results))
    forked(out)
    again = record(out)
    kept = known is None or [r.seconds for r in again.results[: len(known.results)]] == [r.seconds for r in known.results]
    wrong += not kept or again is None or again.status != "finished" or again.numbers() != record(root / "whole").numbers()
print(json.dumps({{"left": left, "wrong": wrong}}))
"""


def test_runs_that_were_killed_end_like_uninterrupted_ones(tmp_path):
    """Twenty kills at random calls, not at moments of a clock; tasks that were recorded before a kill are not trained again."""
    done = python("-c", PROGRAM, tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["wrong"] == 0 and len(result["left"]) == KILLS
    assert any(0 < tasks < 5 for tasks in result["left"])  # some kills hit a run between its tasks
