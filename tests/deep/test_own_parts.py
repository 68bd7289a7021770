"""Strategies, networks, streams and data sets of a user's own: in a run, in other processes, in keys; and what is refused."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from made_training import made_config, made_examples, made_network, made_stream, made_task
from scaffold import python
from torch.func import functional_call, vmap

from deep.data import DATASETS
from deep.networks import NETWORKS
from deep.networks.convnet import convnet
from deep.runs import RunsFolder
from deep.strategies import STRATEGIES, Strategy
from deep.strategies.frozen import Frozen
from deep.streams import STREAMS, stream
from deep.training.config import RunConfig
from deep.training.memory import Memory
from deep.training.run import train_run
from theory.errors import InputError
from theory.own import SourceFile, load
from theory.parts import Place

MINE = '''
from dataclasses import dataclass
import numpy as np
from torch import nn
from deep.data import DATASETS, Dataset, Part
from deep.networks import NETWORKS, Network
from deep.strategies import STRATEGIES, Strategy
from deep.streams import STREAMS, Split
import helper

@STRATEGIES.register
@dataclass(eq=False)
class Weak(Strategy):
    name = "weak"
    scale: float = 1.0

    def transform_gradient(self, gradient, task):
        return gradient * self.scale * helper.FACTOR

@STREAMS.register
class Backwards(Split):
    kind = "backwards"

    def _tasks(self, divisions, seed, order):
        return super()._tasks(divisions, seed, order)[::-1]

def noise(name="noise"):
    images = np.random.default_rng(0).integers(0, 256, (80, 4, 4), dtype=np.uint8)
    return Dataset(name, tuple("abcd"), *[Part(images, np.arange(80) % 4)] * 2)

DATASETS.register(noise)

@NETWORKS.register(normalisation="group")
def two_layers(image_shape, head_sizes, normalisation):
    body = {"first": nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(image_shape)), WIDTH)), "second": nn.Linear(12, 10)}
    return Network(body, 10, head_sizes)

WIDTH = 12
'''
NAMED = {"strategy": "weak", "network": "two-layers", "stream": "backwards-noise", "stream_options": {"tasks": 2}, "epochs": 2, "batch_size": 8}
SCRIPT = '''
import sys
from pathlib import Path
from distributed import LocalCluster
from deep.runs.execute import DataSource, Job, train, train_runs
from deep.strategies import Strategy
from deep.training.config import RunConfig
from deep.training.run import train_run
from simulate import run_jobs
import mine
from theory.own import load

class Here(mine.Weak):
    name = "here"

def net(*shapes):
    return mine.two_layers(*shapes)

if __name__ == "__main__":
    beside = load("elsewhere/beside.py")
    stream = mine.Backwards(tasks=2).build(mine.noise("memory"), seed=1, order=1)
    wanted = [(Here(scale=0.5), net), (mine.Weak(scale=2.0), mine.two_layers), (beside.Beside(), net)]
    configs = [RunConfig(strategy=strategy, network=network, stream=stream, epochs=2) for strategy, network in wanted]
    numbers = {config.key: train_run(config).numbers() for config in configs}
    assert len({str(entry["results"]) for entry in numbers.values()}) == 3
    with LocalCluster(n_workers=1, processes=True, dashboard_address=":0") as cluster:
        for file in ("script.py", "helper.py", "elsewhere/beside.py"):
            Path(file).unlink()
        Path("mine.py").write_text("raise RuntimeError('the file was read again')")
        found = list(train_runs(configs, Path("runs"), workers=2))
        jobs = [Job(config, Path("cluster").resolve(), DataSource()) for config in configs]
        found += [record for _, record in run_jobs(train, jobs, scheduler=cluster.scheduler_address)]
    assert [numbers[record.key] == record.numbers() for record in found] == [True] * 6
    assert {"script.py", "mine.py", "helper", "beside.py"} <= {file for record in found for file in record.stamp["files"]}
'''


@pytest.fixture(autouse=True)
def unregistered(monkeypatch):
    """What a test registers is forgotten."""
    for parts in (STRATEGIES, NETWORKS, STREAMS, DATASETS):
        list(parts)
        for kept in ("_parts", "_places"):
            monkeypatch.setattr(parts, kept, dict(getattr(parts, kept)))


def written(folder: Path, text: str = MINE, name: str = "mine", helper: str = "FACTOR = 0.5\n") -> Path:
    (folder / "helper.py").write_text(helper)
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def test_a_script_and_its_workers_run_what_was_read(tmp_path):
    """In this process, in spawned ones and on a cluster, though the files are changed or gone by then."""
    pytest.importorskip("distributed")
    (tmp_path / "elsewhere").mkdir()
    beside = MINE.partition("@STREAMS")[0].replace("Weak", "Beside").replace("weak", "beside").replace("helper.FACTOR", "0.1")
    written(tmp_path / "elsewhere", beside.replace("import helper", ""), "beside")
    written(tmp_path, SCRIPT, "script")
    written(tmp_path)
    done = python("script.py", cwd=tmp_path, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr


def test_keys_know_what_files_compute(tmp_path, monkeypatch):
    def key(text: str = MINE, helper: str = "FACTOR = 0.5\n") -> str:
        load(written(tmp_path, text, helper=helper))
        return RunConfig(**NAMED).key

    shipped, before = RunConfig().key, key()
    assert before == key("# a comment\n" + MINE.replace('name = "weak"', '"""Says it."""\n    name = "weak"'), "FACTOR = 0.5  # of a gradient\n")
    others = [key(MINE.replace("[::-1]", "[1:]")), key(helper="FACTOR = 0.7\n")]
    bound = "\nimport sys, functools\nNETWORKS.register(functools.partial(two_layers, width=sys.width), name='two-layers')\n"
    for width in (7, 9, 7):
        monkeypatch.setattr("sys.width", width, raising=False)
        others.append(key(f"# {len(others)}\n" + MINE.replace("@NETWORKS", "if 1:\n  0\n#") + bound))
    assert len({before, *others}) == 5 and others[2] == others[4] and RunConfig().key == shipped


def test_a_configuration_keeps_the_parts_it_was_made_with(tmp_path):
    load(written(tmp_path))
    first = RunConfig(**NAMED)
    record = train_run(first)
    load(written(tmp_path, helper="FACTOR = 0.7\n"))
    second = RunConfig(**NAMED)
    assert train_run(second).numbers()["results"] != record.numbers()["results"]
    for config in (first, pickle.loads(pickle.dumps(first))):
        assert config.key == first.key and train_run(config).numbers() == record.numbers()


def test_objects_stand_for_names():
    made = stream("rotated-digits", seed=2, order=1, tasks=3)
    named = RunConfig(stream="rotated-digits", stream_options={"tasks": 3}, seed=2, order=1, strategy="frozen", strategy_options={"depth": 3}, network="convnet")
    assert RunConfig(stream=made, strategy=Frozen(depth=3), network=convnet) == named
    assert RunConfig(strategy=Frozen(), network=NETWORKS["mlp-400"].make).key == RunConfig(strategy=Frozen, network="mlp-400").key
    assert not named.own and named.stored() == named.canonical()


def test_two_parts_of_one_name(tmp_path):
    """Here they are refused; a worker that serves two users knows either."""
    one, two = (written(tmp_path, MINE + f"\n{name} = 1\n", name) for name in ("one", "two"))
    load(one)
    load(one.rename(tmp_path / "one.py"))  # again, as in a notebook
    with pytest.raises(InputError, match="two parts are called strategy 'weak': Weak in .*one.py and Weak in .*two.py; rename one"):
        load(two)
    sources = [SourceFile.read(path) for path in (one, two)]
    for source in sources:
        STRATEGIES.receive("weak", Place("", "Weak", source))
        assert STRATEGIES["weak"] is STRATEGIES.find("weak", source)
    assert STRATEGIES.find("weak", sources[0]) is not STRATEGIES["weak"]


def test_runs_go_on_once_their_file_is_loaded(tmp_path):
    load(path := written(tmp_path))
    config, runs = RunConfig(**NAMED), RunsFolder(tmp_path / "runs")
    folder = runs.run(config.key)
    folder.put_config(config.stored())
    assert runs.find(config.key).obstacle == "" and RunConfig.from_canonical(folder.config()).key == config.key
    load(written(tmp_path, MINE.replace("12", "13")))
    assert "mine.py, which has changed since" in runs.find(config.key).obstacle
    del STRATEGIES._parts["weak"]
    obstacle = runs.find(config.key).obstacle
    assert "strategy weak of " in obstacle and "unknown strategy 'weak'" in obstacle and f"--load {path}" in obstacle


class Replaying(Strategy):
    """Trains on what it remembers too."""

    name = "replaying"
    keep = "ring"

    def __init__(self):
        self.memory = Memory(6, self.keep)

    def penalty(self, parameters, batch, task):
        return sum(task.mean_loss(examples) for examples in self.memory.draw(task, 5)) if task.number else None

    def end_task(self, task):
        self.memory.see(task)


class Sampling(Replaying):
    name = "sampling"
    keep = "reservoir"


@pytest.mark.parametrize("kind", [Replaying, Sampling])
def test_a_memory_is_counted_and_comes_back_by_itself(kind, tmp_path):
    config, made = made_config(strategy=kind(), normalisation="group"), made_stream()
    whole = train_run(config, made)
    for number, result in enumerate(whole.results):
        assert result.examples == 2 * 18 + (5 * result.steps if number else 0)
    with pytest.raises(ZeroDivisionError):
        train_run(config, made, tmp_path, lambda record: len(record.results) == 2 and 1 / 0)
    assert train_run(config, made, tmp_path).numbers() == whole.numbers()


def test_what_a_memory_keeps():
    task, _, _ = made_task(made_network(), made_examples(40))
    ring, kept = Memory(5), np.zeros(60)
    for start in (0, 10):
        ring.see(task, range(start, start + 10))
    assert torch.equal(ring.examples[0].inputs, task.examples.subset(torch.arange(15, 20)).inputs)
    assert torch.equal(*(some.inputs.sort(0).values for some in (ring.draw(task, 9)[0], ring.examples[0]))) and len(ring.draw(task, 2)[0]) == 2
    for task.seed in range(400):
        reservoir = Memory(10, "reservoir")
        for task.number in (0, 1):
            reservoir.see(task, range(30))
        kept[[30 * number + place for _, number, place in reservoir.kept]] += 1
    assert kept.sum() == 400 * 10 and abs(kept / 400 - 1 / 6).max() < 5 * (5 / 36 / 400) ** 0.5


def test_every_way_through_the_network_is_counted():
    task, _, _ = made_task(made_network(), made_examples(40))
    inputs = task.examples.inputs
    next(iter(task.network.body.values()))(inputs[:7])
    vmap(lambda image: functional_call(task.network, {}, (image[None],)))(inputs[:5])
    assert task.looked_at == 12
    with pytest.raises(AttributeError):
        task.looked_at = 0


def bad(change: str, to: str, **config):
    """Return a call that loads the file, one text of which is another, and trains."""
    def call():
        assert change in MINE
        load(written(Path.cwd(), MINE.replace(change, to)))
        return train_run(RunConfig(**{**NAMED, **config}))

    return call


def local():
    class Local(Strategy):
        name = "local"

    sent = pickle.dumps(RunConfig(strategy=Local()))
    STRATEGIES._versions.clear()  # as in another process
    return pickle.loads(sent)


REFUSED = {
    "no such class": (bad('"weak"', '"week"'), "unknown strategy 'weak' .did you mean 'week'.*--load FILE.py"),
    "no name": (bad('    name = "weak"\n', ""), r"mine.py, line \d+: Weak in mine.py, line \d+ has no name; write name = "),
    "no kind": (bad('    kind = "backwards"\n', ""), 'has no name; write kind = '),
    "no strategy": (bad("(Strategy):", ":"), "is no class of strategies; derive it"),
    "no dataclass": (bad("scale: float = 1.0", "def __init__(self, depth): 0"), "takes depth, of which no configuration would know; make it a dataclass"),
    "name of ours": (bad('"weak"', '"frozen"'), "two parts are called strategy 'frozen': Frozen in deep.strategies.frozen and Weak in mine.py"),
    "no network": (bad("return Network(body, 10, head_sizes)", "return body"), r"(?s)two_layers in mine.py, line \d+ returns \{.*return a deep.networks.Network"),
    "heads": (bad("head_sizes)\n\nW", "head_sizes[1:])\n\nW"), r"(?s)returns Network.*; return .* with a head for each of \[2, 2\]"),
    "stages": (bad("WIDTH = 12", "WIDTH = 11"), r"the stage 'second' of two_layers in mine.py, line \d+ cannot take inputs of shape .2, 11."),
    "width": (bad("body, 10,", "body, 9,"), "the stage 'head' of two_layers .* cannot take inputs of shape .2, 10."),
    "other shape": (bad("nn.Linear(12, 10)", "nn.Flatten(0)"), r"the stage 'second' of two_layers .* returns shape \(24,\); shape \(2, '...'\) is wanted"),
    "no data": (bad('return Dataset(name,', 'return Dataset("nois",'), r"noise in mine.py, line \d+ returns .*; return .* called 'noise'"),
    "trains": (bad("WIDTH = 12", "from deep.training.run import *; from deep.training.config import *; train_run(RunConfig())"), "a run is trained while .*__main__"),
    "options": (lambda: RunConfig(strategy=Frozen(2), strategy_options={"depth": 3}), "strategy_options is .*3.* but that of the object given is {}"),
    "seed": (lambda: RunConfig(stream=stream("split-digits", seed=2), seed=1), "seed is 1, but that of the object given is 2"),
    "some tasks": (lambda: RunConfig(stream=dataclasses.replace(STREAM, tasks=STREAM.tasks[:3])), "has not all tasks"),
    "taken name": (lambda: RunConfig(stream=made_stream()), "two parts are called data set 'digits': digits in deep.data.digits and a value in memory"),
    "no JSON": (lambda: RunConfig(strategy=load(written(Path.cwd())).Weak(scale={1})), "JSON cannot hold"),
    "no stream": (lambda: RunConfig(stream=3), "the stream is 3; give a deep.streams.Stream"),
    "local": (local, "defines no strategy 'local' at its top"),
}
STREAM = stream("split-digits")


@pytest.mark.parametrize("case", REFUSED)
def test_errors_say_where_and_what(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        call()
