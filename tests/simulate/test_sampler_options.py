"""What the sampler refuses, what it shows and what it loads."""

import io
import sys

import numpy as np
import sympy
from scaffold import assert_refused, raising, refusals

from driftlaw import Isotropic, Task, TaskSequence, one_block, simulate
from simulate.sample.learner import Learner
from simulate.work import progress

X = sympy.Symbol("x", positive=True)
N = sympy.Symbol("n", integer=True, positive=True)
ONES = {"a": np.ones(3)}


def single(samples=2, noise=0.1, truth=None, d=3, gram=None, **task):
    return TaskSequence({"a": d}, [Task(samples, noise, truth or ONES, ("a",), **task)], gram)


def apart(weight):
    task = Task(4, 1, {"a": np.ones(3), "b": np.ones(3)}, ("a", "b"), weights={"a": weight})
    return TaskSequence({"a": 3, "b": 3}, [task])


def refused(seq, **options):
    return lambda: simulate(seq, **{"trials": 3, **options})


test_refusals_name_the_value_and_the_remedy = refusals([
    (refused(single(samples=N)), "samples of task 0 is the symbol n.*substitute"),
    (refused(single(noise=X)), "noise of task 0 is the symbol x"),
    (refused(single(truth={"a": [1, X, 0]})), "entry of task 0's truth of block 'a' is the symbol x"),
    (refused(single(truth={"a": Isotropic(X)})), "norm of task 0's truth of block 'a' is the symbol x"),
    (refused(single(scale=X)), "scale of block 'a' in task 0 is the symbol x"),
    (refused(single(weights={"a": X})), "weight of block 'a' in task 0 is the symbol x"),
    (refused(single(truth={"a": "w"}, gram={"a": [[X]]})), r"entry of gram\['a'\] is the symbol x"),
    (refused(single(d=N, truth={"a": "w"}, gram={"a": [[1]]})), "dimension of block 'a' is the symbol"),
    (refused(TaskSequence({"a": 3}, [*single().tasks, Task(2, 1, ONES, ("a",), memory={0: N})])), "memory of task 0 in task 1"),
    (refused(single(noise=np.array([0.1, 0.2]))), r"grid of shape \(2,\).*seq\.at\(index\)"),
    (refused(single(truth={"a": "w"}, gram={"a": np.ones((4, 1, 1))})), r"grid of shape \(4,\).*seq\.at\(index\)"),
    (refused([1, 2]), "the experiment is a list"),
    (refused(one_block(3, (2, 2), 1, gram=[[1, 2], [2, 1]])), "eigenvalue -1 .*positive semidefinite"),
    (refused(one_block(2, (2, 2, 2), 1, gram=np.eye(3))), "has rank 3, but vectors of dimension 2.*at least 3"),
    (refused(apart(1e13)), "weights of task 0 run from 1 to 1e.13.*leave the heavy blocks out"),
    (refused(single(), trials=0), "trials is 0; give a whole number"),
    (refused(single(), solver="gramm"), "no solver 'gramm'; did you mean 'gram'"),
    (refused(single(), solver=3), "no solver 3.*choose one of auto, gram, qr"),
    (refused(one_block(10**9, (5, 5), 0, gram=np.eye(2))), "truths .* 16,000,000,000 bytes, beyond memory_limit=.*without training errors"),
    (refused(single(), memory_limit=100), "one trial takes about [0-9,]+ bytes.*memory_limit=100; raise .*at least"),
    *((refused(single(), **{name: bad}), f"{name} is {bad}") for name, bad in {"trials": True, "workers": 0, "memory_limit": -1, "seed": -1}.items()),
])


def test_a_step_below_the_refused_ratio_of_weights_is_taken():
    assert np.isfinite(simulate(apart(1e12), 20).errors_sample).all()


def test_a_failing_block_of_trials_stops_all_workers(monkeypatch):
    monkeypatch.setattr(Learner, "run", raising(RuntimeError("no step")))
    for workers in (1, 2):
        assert_refused(lambda: simulate(single(), 500, workers=workers), "no step", RuntimeError)


# --- surroundings


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_a_bar_on_a_terminal_and_lines_now_and_then_elsewhere(monkeypatch):
    for stream, seconds, shown in ((Terminal(), 60, "0/100"), (io.StringIO(), 60, ""), (io.StringIO(), 0, "/100")):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr(progress, "SECONDS", seconds)
        simulate(single(), 100, progress=True)
        assert shown in stream.getvalue() and bool(stream.getvalue()) == bool(shown) and ("\n" in stream.getvalue()) == (seconds == 0)
