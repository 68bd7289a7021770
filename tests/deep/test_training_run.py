"""Whole runs: configurations and keys, examples on the device, accuracies, records."""

import dataclasses
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_training import made_config, made_stream
from scaffold import python, refusals

from deep.data import Part
from deep.networks import build
from deep.runs import RunsFolder
from deep.streams import Split, stream
from deep.training import keys as run_keys
from deep.training.config import RunConfig
from deep.training.device import chosen_device
from deep.training.evaluate import accuracy
from deep.training.examples import Examples, Scaling, StreamExamples
from deep.training.run import cosine, train_run
from theory.errors import InputError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    return stream("split-digits")


@pytest.mark.parametrize(("strategy", "least"), [("initialized", 0.9), ("frozen", 0.9)])
def test_digits_are_learned(digits, strategy, least):
    """Task-incremental, the default settings: near 97 % and 98 %; 1 in 29 images of a task's validation part is 3.4 %."""
    record = train_run(RunConfig(strategy=strategy), digits)
    assert record.status == "finished" and record.metrics["task_accuracy"] > 0.97 and record.metrics["average_accuracy"] > least
    assert all(0.3 < share < 0.9 for share in record.baseline[1:])
    sizes = [len(task.training()) for task in digits]
    assert [result.examples for result in record.results] == [10 * size for size in sizes]
    assert [result.steps for result in record.results] == [10 * -(-size // 32) for size in sizes]
    assert all(result.losses[-1] < result.losses[0] / 2 and len(result.losses) == 10 for result in record.results)
    assert [len(result.cosines) for result in record.results] == [0, 1, 2, 3, 4]


def test_numbers_are_the_same_whatever_torch_is_set_to():
    """One thread, and denormal numbers are 0, also after a run within a run; afterwards all is as before."""
    seen, state = [], lambda: (torch.get_num_threads(), bool(torch.tensor(1e-40)))
    before = state()
    torch.set_num_threads(3)

    def watch(*_):
        train_run(made_config(), made_stream(), tasks=1)
        seen.append(state())

    train_run(made_config(), made_stream(), watch=watch)
    seen.append(state())
    torch.set_num_threads(before[0])
    assert seen == [(1, False)] * 3 + [(3, True)]


def test_the_test_part_is_read_only_when_asked_for(monkeypatch):
    used = []
    made = made_stream()
    for part in ("validation", "final_test"):
        original = getattr(type(made[0]), part)
        monkeypatch.setattr(type(made[0]), part, lambda task, part=part, original=original: used.append(part) or original(task))
    made.fingerprint  # reads everything, once
    results = {}
    for evaluate_on, part in (("validation", "validation"), ("test", "final_test")):
        used.clear()
        results[evaluate_on] = train_run(made_config(evaluate_on=evaluate_on), made)
        assert set(used) == {part}
    assert results["validation"].results[0].update == results["test"].results[0].update
    assert results["validation"].key != results["test"].key


def test_examples_are_scaled_by_the_first_task_alone():
    made = made_stream(shape=(4, 4, 3))
    examples = StreamExamples(made, "task", "validation", CPU, torch.float64)
    first = made[0].training().images.astype(float)
    for task in (0, 2):
        part = made[task].training()
        inputs, targets = examples.training(task).batch(torch.arange(len(part)))
        expected = (part.images - first.mean((0, 1, 2))) / first.std((0, 1, 2))
        np.testing.assert_allclose(inputs, expected.transpose(0, 3, 1, 2), rtol=1e-12, atol=1e-12)
        assert targets.tolist() == part.labels.tolist() and examples.training(task).inputs.dtype == torch.uint8
    flat = Scaling.of(np.full((2, 3, 3), 9, np.uint8), torch.float32, CPU)
    assert (float(flat.mean), float(flat.deviation)) == (9, 1)


def test_scenarios_decide_heads_and_candidates():
    """Class-incremental: units of the classes so far, and of the task itself where it is still to come."""
    made = made_stream()
    all_units = {(0, -1): None, (2, 0): None}
    so_far = {(0, -1): [0, 1], (2, 0): None, (0, 1): [0, 1, 2, 3], (1, -1): [0, 1, 2, 3]}
    expected = {"task": ((0, 1, 2), all_units), "domain": ((0, 0, 0), all_units), "class": ((0, 0, 0), so_far)}
    for scenario, (heads, candidates) in expected.items():
        examples = StreamExamples(made, scenario, "validation", CPU, torch.float32)
        assert tuple(examples.training(task).head for task in range(3)) == heads
        for (task, trained), units in candidates.items():
            found = examples.evaluation(task, trained)
            assert (None if found.candidates is None else found.candidates.tolist()) == units
            assert found.targets.tolist() == (made[task].validation().labels + (2 * task if scenario == "class" else 0)).tolist()
    training = StreamExamples(made, "class", "validation", CPU, torch.float32).training(1)
    assert training.candidates.tolist() == [0, 1, 2, 3] and set(training.targets.tolist()) == {2, 3}


def test_accuracy_among_candidates():
    network = build("mlp-100", (2, 2), (4,))
    with torch.no_grad():
        network.heads[0].weight.zero_()
        network.heads[0].bias.copy_(torch.tensor([1.0, 4, 3, 2]))
    inputs, targets = torch.zeros(4, 1, 2, 2), torch.tensor([1, 1, 1, 0])
    assert accuracy(network, Examples(inputs, targets)) == 0.75
    assert accuracy(network, Examples(inputs, targets, candidates=torch.tensor([0, 2]))) == 0.75
    assert accuracy(network, Examples(inputs, targets, candidates=torch.tensor([1, 2]))) == 0.25
    with pytest.raises(InputError, match="2 inputs and 3 targets"):
        Examples(inputs[:2], targets[:3])


@pytest.mark.parametrize("scenario", ["task", "domain", "class"])
def test_cosines_are_those_of_the_gradients_before_each_task(scenario):
    """Measured by hand on the whole training data; over the body where tasks have heads of their own."""
    made, gradients = made_stream(), []
    config = made_config(scenario=scenario, probe_examples=10**6, normalisation="none", precision="float64")
    examples = StreamExamples(made, scenario, "validation", CPU, torch.float64)
    starts = []

    record = train_run(config, made, watch=lambda task, _: starts.append(task.start.clone()))
    network = build("mlp-100", (4, 4), examples.view.sizes, "none").double()
    for task, start in enumerate(starts):
        torch.nn.utils.vector_to_parameters(start, network.parameters())
        inputs, targets = examples.training(task).batch(torch.arange(len(examples.training(task))))
        outputs = examples.training(task).among_candidates(network(inputs, examples.view.heads[task]))
        network.zero_grad()
        torch.nn.functional.cross_entropy(outputs, targets).backward()
        shared = network.body.parameters() if scenario == "task" else network.parameters()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in shared]))
        expected = [float(gradients[task] @ earlier / gradients[task].norm() / earlier.norm()) for earlier in gradients[:task]]
        np.testing.assert_allclose(record.results[task].cosines, expected, rtol=1e-8, atol=1e-10)


def test_without_probe_there_are_no_cosines():
    record = train_run(made_config(probe_examples=0), made_stream())
    assert [result.cosines for result in record.results] == [(), (None,), (None, None)]
    assert cosine(torch.zeros(2), torch.ones(2)) is None
    with_probe = train_run(made_config(), made_stream())
    assert [result.update for result in record.results] == [result.update for result in with_probe.results]
    assert [result.examples for result in record.results] == [result.examples for result in with_probe.results]


def test_update_magnitudes_are_norms_of_the_tasks_steps():
    steps = []
    record = train_run(made_config(), made_stream(), watch=lambda task, _: steps.append((task.flat.norms(task.step), float(task.step.double().norm()))))
    for result, (norms, total) in zip(record.results, steps, strict=True):
        assert result.update == norms
        np.testing.assert_allclose(result.update_magnitude, total, rtol=1e-6)


def test_a_run_that_diverges_is_recorded_as_failed():
    record = train_run(made_config(learning_rate=1e6, optimiser="sgd", epochs=4, normalisation="none"), made_stream())
    assert record.status == "failed" and record.results == () and record.failure.task == 0 and 0 < record.failure.step < 12
    assert "the training loss is" in record.failure.reason
    json.dumps(record.numbers(), allow_nan=False)


def test_pixels_are_scaled_as_asked_for():
    made = made_stream()
    raw = torch.from_numpy(made[1].training().images[:, None].copy()).double()
    for scaling, expected in (("unit", raw / 255), ("none", raw)):
        assert torch.equal(StreamExamples(made, "task", "test", CPU, torch.float64, scaling).training(1).batch(torch.arange(len(raw)))[0], expected)
    assert train_run(made_config(scaling="unit"), made).accuracy.tolist() != train_run(made_config(scaling="none"), made).accuracy.tolist()


def test_the_network_left_by_training_gives_the_recorded_accuracies():
    """Hand-made accuracy of the network as it is after each task."""
    made, found = made_stream(), []

    def watch(task, examples):
        row = []
        for number in range(3):
            part = made[number].validation()
            inputs = ((torch.from_numpy(part.images[:, None].copy()).double() - examples.scaling.mean) / examples.scaling.deviation)
            task.network.eval()
            row.append(float((task.network(inputs, number).argmax(1).numpy() == part.labels).mean()))
        found.append(row)

    record = train_run(made_config(precision="float64"), made, watch=watch)
    np.testing.assert_array_equal(record.accuracy, found)


def test_configurations_fill_in_defaults_and_come_back():
    assert (RunConfig().network, RunConfig().normalisation) == ("mlp-100", "none")
    assert (RunConfig(stream="split-mnist").network, RunConfig(stream="split-mnist").normalisation) == ("convnet", "group")
    config = RunConfig(stream="domains-mnist+kmnist", strategy="frozen", strategy_options={"depth": 1}, optimiser="adam")
    stored = json.loads(json.dumps(config.canonical()))
    assert RunConfig.from_canonical(stored) == config and RunConfig.from_canonical(stored).key == config.key
    with pytest.raises(InputError, match="unknown field of a configuration 'epoch' .did you mean 'epochs'"):
        RunConfig.from_canonical({**stored, "epoch": 3})


def test_keys_are_made_of_everything():
    changes = [
        {"stream": "permuted-digits"}, {"stream_options": {"tasks": 2}}, {"order": 1}, {"seed": 1}, {"strategy": "frozen"},
        {"strategy_options": {"start": "fresh"}}, {"network": "mlp-400"}, {"normalisation": "batch"}, {"scenario": "class"}, {"epochs": 3},
        {"batch_size": 3}, {"optimiser": "adam"}, {"learning_rate": 0.2}, {"momentum": 0.5}, {"weight_decay": 0.1}, {"keep_moments": True}, {"keep_features": True},
        {"precision": "float64"}, {"probe_examples": 3}, {"device": "cuda"}, {"evaluate_on": "test"}, {"own_parts": True},
        {"device": "cuda", "execution": "captured"}, {"iterations": 5}, {"scaling": "unit"}, {"first_weights": "glorot"},
    ]
    assert {name for change in changes for name in change} == {field.name for field in dataclasses.fields(RunConfig)}
    keys = [RunConfig(**change).key for change in [{}, *changes]]
    assert len(set(keys)) == len(keys) and RunConfig().key == keys[0]
    assert not {"iterations", "scaling", "first_weights"} & {*RunConfig().canonical()}  # so that keys of earlier runs stand
    program = "from deep.training.config import RunConfig; print(RunConfig().key)"
    assert python("-c", program).stdout.strip() == keys[0]


def test_keys_depend_on_the_numerics_version_and_stamps_on_what_trains(monkeypatch):
    config = RunConfig(strategy="frozen")
    key, files = config.key, set(config.stamp["files"])
    monkeypatch.setattr(run_keys, "NUMERICS", 2)
    assert config.key != key
    used = {f"deep/{name}.py" for name in ("training/loop", "training/optimiser", "strategies/frozen", "streams/split", "networks/mlp")}
    assert used <= files and not files & {"deep/strategies/threshold.py", "deep/runs/execute.py", "deep/studies/statistics.py"}
    assert set(config.stamp["packages"]) == {"numpy", "torch"}


def test_the_key_of_a_run_is_that_of_what_was_trained(digits, tmp_path):
    """Whatever is passed beside the configuration is in the key, or is refused."""
    config = RunConfig(epochs=1)
    with pytest.raises(InputError, match="the stream is made by .*tasks=2.*the configuration says .*stream_options"):
        train_run(config, stream("split-digits", tasks=2, validation_share=0.5))
    assert train_run(config, digits).key == train_run(config, stream("split-digits", tasks=5)).key == config.key
    part, other = (dataclasses.replace(digits, tasks=digits.tasks[places]) for places in (slice(2), slice(1, 3)))
    folder = RunsFolder(tmp_path).run(config.key)
    records = [train_run(config, some) for some in (part, other)]
    assert len({config.key, *(record.key for record in records)}) == 3
    with pytest.raises(InputError, match="the folder .* of another"):
        train_run(config, part, folder.path, folder.put_record)
    with pytest.raises(InputError, match="another run"):
        train_run(config, digits, folder.path)
    shuffled = dataclasses.replace(digits, tasks=digits.tasks[::-1])
    assert train_run(config, shuffled).key not in (config.key, *(record.key for record in records))


test_configurations_that_cannot_be_meant = refusals([
    (lambda: RunConfig(stream="split-mnst"), "did you mean 'mnist'"),
    (lambda: RunConfig(stream_options={"task": 3}), "did you mean 'tasks'"),
    (lambda: RunConfig(execution="captured"), "the device is 'cpu'; choose execution eager, or device cuda"),
])


def test_runs_that_cannot_be_trained(monkeypatch):
    with pytest.raises(InputError, match="depth 4 is beyond the network, which has 3 stages .hidden1, hidden2, head.; choose 1 to 3"):
        train_run(made_config(strategy="frozen", strategy_options={"depth": 4}), made_stream())
    with pytest.raises(InputError, match="the configuration says .'split-digits', 1, 0."):
        train_run(made_config(seed=1), made_stream())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="finds no CUDA device here; choose device cpu"):
        train_run(made_config(device="cuda"), made_stream())
    assert chosen_device("cpu") == CPU


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 17}])
def test_a_batch_of_one_that_cannot_be_normalised_is_refused_before_training(options):
    """Eighteen training images a task."""
    made = made_stream(shape=(16, 16))
    assert {len(task.train_indices) for task in made} == {18}
    with pytest.raises(InputError, match="holds a single one, and a stage of mlp-100 has one value for each channel.*group or layer"):
        train_run(made_config(**options), made)
    for other in ({"normalisation": "group"}, {"network": "convnet"}, {"batch_size": 16}):
        assert train_run(made_config(**{**options, **other}), made).status == "finished"


@pytest.mark.parametrize(("part", "options"), [("validation", {"validation_share": 0.0}), ("test", {})])
def test_a_part_without_images_names_an_option_that_exists(part, options):
    whole = stream("split-digits")[0].dataset
    odd = whole.test.labels % 2 == 1
    some = dataclasses.replace(whole, test=Part(whole.test.images[odd], whole.test.labels[odd])) if part == "test" else whole
    chosen = {"tasks": 10, **options}
    with pytest.raises(InputError, match="task 0 has no") as error:
        train_run(RunConfig(stream_options=chosen, evaluate_on=part, epochs=1), Split(**chosen).build(some))
    assert all(name in {field.name for field in dataclasses.fields(Split)} for name in re.findall(r"[a-z]+_[a-z]+", str(error.value)))


def test_no_memory_is_held_when_a_run_has_ended():
    """What waits for a collection of garbage is not there for other runs on a GPU."""
    import gc
    import weakref

    held = []
    gc.collect()
    gc.disable()
    try:
        train_run(made_config(optimiser="adam"), made_stream(), watch=lambda task, _: held.append(weakref.ref(task.flat)))
        assert len(held) == 3 and [flat() for flat in held] == [None] * 3
    finally:
        gc.enable()


def test_float32_on_a_gpu_is_float32(monkeypatch):
    """PyTorch's convolutions there round to 10 bits unless told otherwise; and the algorithms are those that repeat."""
    cudnn, matmul = SimpleNamespace(allow_tf32=True, deterministic=False), SimpleNamespace(allow_tf32=True)
    monkeypatch.setattr(torch.backends, "cudnn", cudnn)
    monkeypatch.setattr(torch.backends.cuda, "matmul", matmul)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert chosen_device("cuda").type == "cuda"
    assert (cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic) == (False, False, True)
