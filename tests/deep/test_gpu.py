"""What a GPU asks of the code, tested without one: tensors in one place, no reading inside an epoch, steps that are recorded."""

import contextlib

import numpy as np
import pytest
import torch
from made_training import ANY_NETWORK, OPTIMISERS, made_config, made_examples, made_network, made_stream, made_task, train_until
from scaffold import assert_refused
from stand_in_device import DEVICE, StandInDevice
from torch import Tensor
from torch.utils._pytree import tree_map

from deep.path import measure_paths
from deep.strategies import STRATEGIES, strategy
from deep.strategies.initialized import Initialized
from deep.training import captured, checkpoint, loop, run as runs
from deep.training.captured import CapturedStep
from deep.training.device import chosen_device
from deep.training.examples import Examples
from deep.training.loop import train_task
from deep.training.task import TaskContext
from driftlaw import RunConfig, Strategy, expected_errors, one_block, simulate, train_run

CASES = {
    "batch normalisation": {},
    "convolutions": {"network": "convnet"},
    "residual": {"network": "resnet18-20", "normalisation": "group"},
    "one head, all classes so far": {"scenario": "class"},
    "one head, domains": {"scenario": "domain"},
    "kept moments": {"optimiser": "adam", "keep_moments": True},
    "kept features": {"keep_features": True, "strategy": "frozen", "strategy_options": {"depth": 1}},
    "momentum and decay": OPTIMISERS["momentum"],
    **{name: {"strategy": name, "strategy_options": {"masks": ("001", "011")} if name == "scheduled" else {}} for name in ANY_NETWORK},
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


@pytest.mark.slow
@pytest.mark.parametrize("case", [name for name in CASES if name != "gem"])
def test_every_kind_of_run_keeps_to_the_device(case, steps):
    changes = CASES[case]
    shape = (32, 32, 3) if "network" in changes else (4, 4)
    record = train_run(made_config(**changes), made_stream(shape=shape))
    assert record.status == "finished" and len(steps) == sum(result.steps for result in record.results)
    assert not any(steps)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")  # on the stand-in that does nothing
@pytest.mark.parametrize("name", ANY_NETWORK)
def test_a_checkpoint_is_taken_back_to_the_device(name, device, tmp_path, monkeypatch):
    """It is read on the CPU; network, moments, gradients and the strategy's state have to go back."""
    config = made_config(**CASES[name], optimiser="adam", keep_moments=True)
    train_until(1, config, made_stream(), tmp_path)
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
    taken = CapturedStep(step, 10, [task.flat.parameters.detach(), *optimiser.moments, *task.network.buffers()], task.flat.passed)
    optimiser.count_step()
    batch, before = torch.arange(10, device=DEVICE), len(device.crossings)
    taken(batch)
    assert inside == [[]] and len(device.crossings) == before


def test_the_exact_dual_of_gem_goes_to_the_cpu_and_back(steps):
    record = train_run(made_config(strategy="gem"), made_stream())
    first = record.results[0].steps
    assert not any(steps[:first]) and {tuple(found) for found in steps[first:]} == {("aten._to_copy",) * 2}


def test_paths_keep_to_the_device(device):
    assert len(measure_paths(made_config(), made_stream()).curves) == 2


def _task(count: int):
    examples = made_examples(count, dtype=torch.float32)
    there = Examples(examples.inputs.to(DEVICE), examples.targets.to(DEVICE))
    return made_task(made_network(dtype=torch.float32).to(DEVICE), there, precision="float32")


def test_the_stand_in_sees_reading_and_mixing(steps):
    """Both planted mistakes, and an index that would have to be carried over."""
    task, options, optimiser = _task(20)
    reading, elsewhere = Initialized(), Initialized()
    reading.transform_gradient = lambda gradient, task: gradient if float(gradient.norm()) >= 0 else -gradient
    elsewhere.transform_gradient = lambda gradient, task: gradient * torch.ones(len(gradient))
    train_task(task, reading, options, optimiser)
    assert steps and all(crossings == ["aten._local_scalar_dense"] for crossings in steps)
    assert_refused(lambda: train_task(task, elsewhere, options, optimiser), "combines tensors on the device with tensors beside it", RuntimeError)
    assert_refused(lambda: torch.zeros(3, device=DEVICE)[torch.tensor([0])], "combines", RuntimeError)
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
    found.append(train_task(later, STRATEGIES["constrained"](), loop, optimiser))
    return task.network.state_dict(), found


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_captured_training_is_eager_training(options, recordings):
    """Bit for bit: parameters, statistics, losses; the warm-up leaves no trace and the ragged batch is trained on."""
    eager, captured_ = train("eager", **options), train("captured", **options)
    assert eager[1] == captured_[1]
    assert all(torch.equal(value, captured_[0][name]) for name, value in eager[0].items())
    assert [len(calls) for calls in recordings] == [4, 4]  # of two tasks, each two epochs of two full batches


@pytest.mark.parametrize("name", ["ewc", "si", "lwf", "fast-gem"])
def test_captured_hooks_do_what_they_do_eagerly(name, recordings):
    """Bit for bit, what is passed forward too: what a hook changes is put back after the runs that recording takes."""
    found = []
    for execution in ("eager", "captured"):
        first, loop, optimiser = made_task(made_network(), made_examples(25), execution=execution, optimiser="adam", learning_rate=0.01)
        learner = strategy(name, strength=2.0)
        trained = [train_task(TaskContext(number, first.flat, made_examples(25, seed=number), first.first), learner, loop, optimiser) for number in range(3)]
        found.append((trained, first.flat.parameters.tolist(), [value.tolist() for value in learner.state().values() if isinstance(value, Tensor)]))
    assert found[0] == found[1] and [len(calls) for calls in recordings] == [4, 4, 4]


def test_batches_that_are_all_small_are_never_recorded(recordings):
    assert train("eager", count=7)[1] == train("captured", count=7)[1] and not recordings


def test_all_full_batches_go_through_the_same_memory(recordings):
    """A graph reads and writes where it did when it was recorded; another place would not reach it."""
    places = set()

    def step(indices):
        places.add(indices.data_ptr())
        return indices.double().mean()

    taken = captured.CapturedStep(step, 10, [torch.zeros(1, dtype=torch.float64)], made_task(made_network(), made_examples(20))[0].flat.passed)
    first, second = (taken(torch.arange(start, start + 10)) for start in (0, 10))
    assert first is second and float(second) == 14.5 and len(places) == 1


@pytest.mark.parametrize("hook", ["penalty", "transform_gradient", "after_step"])
def test_a_strategy_that_takes_part_in_steps_is_refused(hook):
    """By its class or by itself."""
    changed = Initialized()
    setattr(changed, hook, print)
    for looking in (changed, type("Looking", (Initialized,), {"name": "looking", hook: print})()):
        assert_refused(lambda: captured.check_capturable(looking, "cuda"), rf"{looking.name} training takes part in every step \({hook}\).*execution eager")


@pytest.mark.parametrize("name", ["initialized", "frozen", "threshold", "graded", "per-stage", "magnitude", "constrained"])
def test_the_strategies_that_decide_between_tasks_can_be_captured(name):
    assert RunConfig(execution="captured", device="cuda", strategy=name).execution == "captured"


def same(left, right, tolerance):
    """The same kernels in another order, or those of another library: rounding of sums may differ, nothing else."""
    assert left.status == right.status == "finished"
    for one, other in zip(left.results, right.results, strict=True):
        np.testing.assert_allclose(one.losses, other.losses, rtol=tolerance)
        np.testing.assert_allclose(one.update, other.update, rtol=tolerance)
        assert one.examples == other.examples


CARD = "cuda" if torch.cuda.is_available() else "cpu"
ON_CARD = CASES if CARD == "cuda" else {"one head, all classes so far": CASES["one head, all classes so far"]}  # a rehearsal


@pytest.mark.gpu
@pytest.mark.skipif(CARD == "cpu", reason="no CUDA device")
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("name", ["frozen", *(name for name, kind in STRATEGIES.items() if kind.captured)])
def test_on_a_gpu_captured_training_is_eager_training(name, options):
    runs = (train_run(made_config(device="cuda", execution=execution, precision="float64", strategy=name, **options), made_stream()) for execution in ("eager", "captured"))
    same(*runs, 1e-9)


@pytest.mark.gpu
@pytest.mark.parametrize("changes", ON_CARD.values(), ids=ON_CARD)
def test_on_a_gpu_training_is_what_it_is_on_the_cpu(changes):
    """In double precision; two epochs of a task multiply rounding by little."""
    shape = (32, 32, 3) if "network" in changes else (4, 4)
    same(*(train_run(made_config(**changes, device=device, precision="float64"), made_stream(shape=shape)) for device in ("cpu", CARD)), 1e-6)


@pytest.mark.gpu
def test_on_a_gpu_single_precision_is_single_precision():
    """Sums of n = 512 products of about 1 err by about n roundings of 24 bits (3e-5 seen), but by 1e-2 where factors have 11 (TF32)."""
    device = chosen_device(CARD)
    left, right = torch.randn(64, 512, generator=torch.Generator().manual_seed(1)), torch.randn(32, 512, generator=torch.Generator().manual_seed(2))
    exact = left.double() @ right.double().T
    left, right = left.to(device), right.to(device)
    convolved = torch.nn.functional.conv2d(left[..., None, None], right[..., None, None])[..., 0, 0]
    for product in (left @ right.T, convolved):
        assert float((product.cpu().double() - exact).abs().max()) < 4 * 512 * torch.finfo(torch.float32).eps


@pytest.mark.gpu
def test_on_a_gpu_the_sampler_samples_the_law():
    """Both precisions; nine errors and more within 5 standard errors of the law, false-alarm rate below 1e-5."""
    sequence = one_block(40, (20, 10, 60), 0.5, gram=np.eye(3))
    for dtype in ("float64", "float32"):
        found = simulate(sequence, 4000, 7, backend="torch", device=CARD, dtype=dtype).errors
        assert np.all(np.abs(found.mean - expected_errors(sequence).errors) < 5 * found.stderr)
