"""Captured steps. Without a GPU the recording is played by plain calls: everything but the graph itself is tested."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_training import OPTIMISERS, made_config, made_examples, made_network, made_stream, made_task

from deep.strategies import strategy
from deep.strategies.initialized import Initialized
from deep.training import captured
from deep.training.config import RunConfig
from deep.training.loop import train_task
from deep.training.run import train_run
from theory.errors import InputError

KINDS = OPTIMISERS | {"adam, moments kept": {**OPTIMISERS["adam"], "keep_moments": True}}


@pytest.fixture
def recordings(monkeypatch):
    """Record on the CPU: the work runs a few times, as on a GPU before the recording, and is called again at a replay."""
    made = []

    def record(work):
        calls = []
        made.append(calls)
        for _ in range(captured._WARM_UP):
            work()

        def replay():
            calls.append(None)
            work()

        return replay

    monkeypatch.setattr(captured, "record", record)
    return made


def train(execution, count=25, **options):
    """Train two tasks, the second one with step weights; return the network's state and what the loop returned."""
    examples = made_examples(count, (1, 8, 8))
    task, loop, optimiser = made_task(made_network("convnet", (8, 8), normalisation="batch"), examples, execution=execution, **options)
    found = [train_task(task, Initialized(), loop, optimiser)]
    later = type(task)(1, task.flat, examples, task.first)
    found.append(train_task(later, strategy("constrained"), loop, optimiser))
    return task.network.state_dict(), found


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_captured_training_is_eager_training(options, recordings):
    """Bit for bit: parameters, statistics, losses; the warm-up leaves no trace and the ragged batch is trained on."""
    eager, captured_ = train("eager", **options), train("captured", **options)
    assert eager[1] == captured_[1]
    assert all(torch.equal(value, captured_[0][name]) for name, value in eager[0].items())
    assert [len(calls) for calls in recordings] == [4, 4]  # of two tasks, each two epochs of two full batches


def test_batches_that_are_all_small_are_never_recorded(recordings):
    assert train("eager", count=7)[1] == train("captured", count=7)[1] and not recordings


def test_all_full_batches_go_through_the_same_memory(recordings):
    """A graph reads and writes where it did when it was recorded; another place would not reach it."""
    places = set()

    def step(indices):
        places.add(indices.data_ptr())
        return indices.double().mean()

    taken = captured.CapturedStep(step, 10, [torch.zeros(1, dtype=torch.float64)])
    first, second = (taken(torch.arange(start, start + 10)) for start in (0, 10))
    assert first is second and float(second) == 14.5 and len(places) == 1


@pytest.mark.parametrize("hook", ["penalty", "transform_gradient", "after_step"])
def test_a_strategy_that_takes_part_in_steps_is_refused(hook):
    """By its class or by itself."""
    changed = Initialized()
    setattr(changed, hook, print)
    for looking in (changed, type("Looking", (Initialized,), {"name": "looking", hook: print})()):
        with pytest.raises(InputError, match=rf"{looking.name} training takes part in every step \({hook}\).*execution eager"):
            captured.check_capturable(looking, "cuda")


@pytest.mark.parametrize("name", ["initialized", "frozen", "threshold", "graded", "per-stage", "magnitude", "constrained"])
def test_the_strategies_that_decide_between_tasks_can_be_captured(name):
    assert RunConfig(execution="captured", device="cuda", strategy=name).execution == "captured"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_on_a_gpu_captured_training_is_eager_training(options):
    """The same kernels in another order of launching; rounding of sums that the libraries choose may differ."""
    records = [
        train_run(made_config(device="cuda", execution=execution, precision="float64", strategy="frozen", **options), made_stream())
        for execution in ("eager", "captured")
    ]
    for left, right in zip(records[0].results, records[1].results, strict=True):
        np.testing.assert_allclose(left.losses, right.losses, rtol=1e-9)
        np.testing.assert_allclose(left.update, right.update, rtol=1e-9)
