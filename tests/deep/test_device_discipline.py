"""What a GPU asks of the code, tested without one: all tensors of an operator in one place, no reading inside an epoch."""

from __future__ import annotations

import contextlib

import pytest
import torch
from made_training import made_config, made_examples, made_network, made_stream, made_task
from stand_in_device import DEVICE, StandInDevice
from torch import Tensor
from torch.utils._pytree import tree_map

from deep.path import measure_paths
from deep.strategies import STRATEGIES
from deep.strategies.base import Strategy
from deep.strategies.initialized import Initialized
from deep.training import checkpoint, loop, run as runs
from deep.training.captured import CapturedStep
from deep.training.examples import Examples
from deep.training.loop import train_task
from deep.training.run import train_run

OPTIONS = {"scheduled": {"masks": ("001", "011")}}
CASES = {
    "batch normalisation": {},
    "convolutions": {"network": "convnet"},
    "residual": {"network": "resnet18-20", "normalisation": "group"},
    "one head, all classes so far": {"scenario": "class"},
    "one head, domains": {"scenario": "domain"},
    "kept moments": {"optimiser": "adam", "keep_moments": True},
    "momentum and decay": {"momentum": 0.9, "weight_decay": 0.01},
}


@pytest.fixture
def device(monkeypatch):
    """Let runs compute on the stand-in."""
    monkeypatch.setattr(runs, "chosen_device", lambda name: DEVICE)
    monkeypatch.setattr(loop.torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # which knows no such device
    with StandInDevice() as mode:
        yield mode


@pytest.fixture
def steps(device, monkeypatch):
    """Crossings inside each step."""
    found = []
    plain = loop._Step.__call__

    def watched(step, indices):
        before = len(device.crossings)
        loss = plain(step, indices)
        found.append(device.crossings[before:])
        return loss

    monkeypatch.setattr(loop._Step, "__call__", watched)
    return found


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_keeps_to_the_device(name, steps):
    record = train_run(made_config(strategy=name, strategy_options=OPTIONS.get(name, {})), made_stream())
    assert record.status == "finished" and len(steps) == sum(result.steps for result in record.results)
    assert not any(steps)


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_every_kind_of_run_keeps_to_the_device(changes, steps):
    shape = (32, 32, 3) if "network" in changes else (4, 4)
    assert train_run(made_config(**changes), made_stream(shape=shape)).status == "finished"
    assert steps and not any(steps)


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")  # on the stand-in that does nothing
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_checkpoint_is_taken_back_to_the_device(name, device, tmp_path, monkeypatch):
    """It is read on the CPU; network, moments, gradients and the strategy's state have to go back."""
    config = made_config(strategy=name, strategy_options=OPTIONS.get(name, {}), optimiser="adam", keep_moments=True)

    def interrupted(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_run(config, made_stream(), tmp_path, interrupted)
    unpacked = checkpoint.unpacked

    def read(stored):
        return tree_map(lambda value: torch.ones(value.shape, dtype=value.dtype) if isinstance(value, Tensor) and value.is_meta else value, unpacked(stored))

    monkeypatch.setattr(checkpoint, "unpacked", read)
    assert train_run(config, made_stream(), tmp_path).status == "finished"


def test_an_epoch_waits_once(device):
    """The order of the examples goes to the device, the losses of the steps come back: as many crossings however many steps."""
    counts = []
    for count in (20, 200):
        task, options, optimiser = _task(count)
        before = len(device.crossings)
        train_task(task, Initialized(), options, optimiser)
        counts.append(len(device.crossings) - before)
    assert counts[0] == counts[1] == 2 * options.epochs + 1  # and one look at the parameters in the end


def test_a_recording_starts_and_ends_on_the_device(device, monkeypatch):
    """What a graph replays may read and write the device alone."""
    task, options, optimiser = _task(20)
    step = loop._Step(task, Initialized(), options, optimiser)
    optimiser.begin_task(task.flat.segments)
    inside = []

    def record(work):
        before = len(device.crossings)
        work()
        inside.append(device.crossings[before:])
        return work

    monkeypatch.setattr("deep.training.captured.record", record)
    taken = CapturedStep(step, 10, [task.flat.parameters.detach(), *optimiser.moments, *task.network.buffers()])
    optimiser.count_step()
    batch, before = torch.arange(10, device=DEVICE), len(device.crossings)
    taken(batch)
    assert inside == [[]] and len(device.crossings) == before


def test_paths_keep_to_the_device(device):
    assert len(measure_paths(made_config(), made_stream()).curves) == 2


class Reading(Initialized):
    """Looks at the gradient in every step."""

    name = "reading"

    def transform_gradient(self, gradient, task):
        return gradient if float(gradient.norm()) >= 0 else -gradient


class Elsewhere(Initialized):
    """Keeps its weights beside the device."""

    name = "elsewhere"

    def transform_gradient(self, gradient, task):
        return gradient * torch.ones(len(gradient))


def _task(count: int):
    examples = made_examples(count, dtype=torch.float32)
    there = Examples(examples.inputs.to(DEVICE), examples.targets.to(DEVICE))
    return made_task(made_network(dtype=torch.float32).to(DEVICE), there, precision="float32")


def test_the_stand_in_sees_reading_and_mixing(steps):
    """Both planted mistakes, and an index that would have to be carried over."""
    task, options, optimiser = _task(20)
    train_task(task, Reading(), options, optimiser)
    assert steps and all(crossings == ["aten._local_scalar_dense"] for crossings in steps)
    with pytest.raises(RuntimeError, match="combines tensors on the device with tensors beside it"):
        train_task(task, Elsewhere(), options, optimiser)
    with pytest.raises(RuntimeError, match="combines"):
        torch.zeros(3, device=DEVICE)[torch.tensor([0])]
    assert float(torch.ones(3, device=DEVICE).sum() * torch.tensor(2.0)) == 1


class Marking(Strategy):
    """Marks the node that gathers a weight's gradient, in the first step; sees whether it lives on in the second."""

    name = "marking"
    keep = False

    def __init__(self, weight):
        self.weight, self.seen, self.kept = weight, [], []

    def penalty(self, parameters, batch, task):
        node = torch.autograd.graph.get_gradient_edge(self.weight).node
        self.seen.append("marked" in node.metadata)
        node.metadata["marked"] = True
        if self.keep:
            self.kept.append(batch.outputs)


@pytest.mark.parametrize("keep", [False, True])
def test_no_graph_of_a_step_outlives_it(keep):
    """Autograd keeps a node for each weight as long as any graph with it lives, and with it the stream of that time.

    A recording that meets a node of an earlier, eager step fails on a GPU.
    """
    task, options, optimiser = made_task(made_network(), made_examples(20), epochs=1)
    strategy = Marking(next(task.network.parameters()))
    strategy.keep = keep
    task.gradient()
    train_task(task, strategy, options, optimiser)
    assert strategy.seen == [False, keep]
