"""Strategies, networks, streams and data sets of a user's own: in a run, in other processes, in keys; and what is refused."""

import importlib
import pickle
import sys
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_training import made_config, made_examples, made_network, made_stream, made_task
from scaffold import assert_refused, printed, refusals
from torch.func import functional_call, vmap

from deep.data import DATASETS
from deep.networks import NETWORKS
from deep.runs import RunsFolder
from deep.strategies import STRATEGIES
from deep.strategies.frozen import Frozen
from deep.streams import STREAMS
from deep.training.examples import Examples
from deep.training.memory import KEEPS, Memory, joined
from driftlaw import RunConfig, Strategy, load, stream, train_run
from theory.own import SourceFile
from theory.parts import Place

MINE = """
from dataclasses import dataclass
import numpy as np
from torch import nn
from deep import data, networks, strategies, streams
import helper

@strategies.STRATEGIES.register
@dataclass(eq=False)
class Weak(strategies.Strategy):
    name = "weak"
    scale: float = 1.0
    def transform_gradient(self, gradient, task):
        return gradient * self.scale * helper.FACTOR

@streams.STREAMS.register
class Backwards(streams.Split):
    kind = "backwards"
    def _tasks(self, divisions, seed, order):
        return super()._tasks(divisions, seed, order)[::-1]

@data.DATASETS.register
def noise(name="noise"):
    images = np.random.default_rng(0).integers(0, 256, (80, 4, 4), dtype=np.uint8)
    return data.Dataset(name, tuple("abcd"), *[data.Part(images, np.arange(80) % 4)] * 2)

@networks.NETWORKS.register(normalisation="group")
def two_layers(image_shape, head_sizes, normalisation):
    body = {"first": nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(image_shape)), WIDTH)), "second": nn.Linear(12, 10)}
    return networks.Network(body, 10, head_sizes)

WIDTH = 12
"""
VALUE = """
from functools import partial
from deep.networks import NETWORKS, mlp
NETWORKS.register(partial(mlp.mlp, width=7), name="value")
"""
NAMED = {"strategy": "weak", "network": "two-layers", "stream": "backwards-noise", "stream_options": {"tasks": 2}, "epochs": 2, "batch_size": 8}
SCRIPT = """
from pathlib import Path
from distributed import LocalCluster
from deep.runs.execute import DataSource, Job, train, train_runs
from deep.training.config import RunConfig
from deep.training.run import train_run
from simulate import run_jobs
from theory.own import load
import mine

class Here(mine.Weak):
    name = "here"

if __name__ == "__main__":
    stream = mine.Backwards(tasks=2).build(mine.noise("memory"), seed=1, order=1)
    strategies = [Here(scale=0.5), mine.Weak(scale=2.0), load("elsewhere/beside.py").Beside()]
    configs = [RunConfig(strategy=strategy, network=mine.two_layers, stream=stream, epochs=2) for strategy in strategies]
    numbers = {config.key: train_run(config).numbers() for config in configs}
    assert len({str(entry["results"]) for entry in numbers.values()}) == 3
    with LocalCluster(n_workers=1, processes=True, dashboard_address=":0") as cluster:
        for file in ("script.py", "helper.py", "mine.py", "elsewhere/beside.py"):
            Path(file).unlink() if file == "mine.py" else Path(file).write_text("raise RuntimeError('read again')")
        jobs = [Job(config, Path("cluster").resolve(), DataSource()) for config in configs]
        found = [record for _, record in run_jobs(train, jobs, scheduler=cluster.scheduler_address)] + list(train_runs(configs, Path("runs"), workers=2))
    assert [numbers[record.key] == record.numbers() for record in found] == [True] * 6
    assert {"script.py", "mine.py", "helper", "beside.py"} <= {file for record in found for file in record.stamp["files"]}
"""


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A folder of one's own; what a test registers is forgotten."""
    monkeypatch.chdir(tmp_path)
    for parts in (STRATEGIES, NETWORKS, STREAMS, DATASETS):
        list(parts)
        for kept in ("_parts", "_places"):
            monkeypatch.setattr(parts, kept, dict(getattr(parts, kept)))


def written(text: str = MINE, name: str = "mine.py", helper: str = "FACTOR = 0.5\n") -> Path:
    Path("helper.py").write_text(helper)
    path = Path(name)
    path.write_text(text)
    return path


@pytest.mark.slow
def test_a_script_and_its_workers_run_what_was_read(tmp_path):
    """In this process, in spawned ones and in a cluster's threads, though the files are changed or gone by then."""
    pytest.importorskip("distributed")
    Path("elsewhere").mkdir()
    beside = MINE.partition("@streams")[0].replace("Weak", "Beside").replace("weak", "beside")
    written(beside.replace("helper.FACTOR", "0.1").replace("import helper", ""), "elsewhere/beside.py")
    written(SCRIPT, "script.py")
    written()
    printed("script.py", cwd=tmp_path, OMP_NUM_THREADS="1")


def test_keys_know_what_files_compute(monkeypatch):
    def key(text: str = MINE, helper: str = "FACTOR = 0.5\n") -> str:
        load(written(text, helper=helper))
        return RunConfig(**NAMED).key

    shipped, before = RunConfig().key, key()
    assert before == key("# a comment\n" + MINE.replace('name = "weak"', '"""Says it."""\n    name = "weak"'), "FACTOR = 0.5  # of a gradient\n")
    keys = [before, key(MINE.replace("[::-1]", "[1:]")), key(helper="FACTOR = 0.7\n")]
    bound = "import sys, functools\nnetworks.NETWORKS.register(functools.partial(two_layers, width=sys.width), name='two-layers')\n"
    for width in (7, 9, 7):
        monkeypatch.setattr("sys.width", width, raising=False)
        keys.append(key(f"# {len(keys)}\n" + MINE.replace("@networks", "#") + bound))
    assert len(set(keys)) == 5 and keys[3] == keys[5] and RunConfig().key == shipped


def test_a_configuration_keeps_the_parts_it_was_made_with():
    load(written())
    first = RunConfig(**NAMED)
    record = train_run(first)
    load(written(helper="FACTOR = 0.7\n"))
    assert train_run(RunConfig(**NAMED)).numbers()["results"] != record.numbers()["results"]
    assert train_run(first).numbers() == record.numbers() == train_run(pickle.loads(pickle.dumps(first))).numbers()


def test_a_file_imports_its_neighbours_anew_if_theirs_have_changed():
    keys, numbers = set(), []
    for factor in (0.5, 0.1):
        Path("deeper.py").write_text(f"FACTOR = {factor}")
        load(written(helper="from deeper import FACTOR\n" + VALUE))
        config = RunConfig(**NAMED)
        keys.add(config.key)
        numbers.append(train_run(config).numbers()["results"])
    assert len(keys) == 2 and numbers[0] != numbers[1]


@pytest.mark.parametrize("imports", ["from .helper import FACTOR", "from again.helper import FACTOR", "from . import helper\nFACTOR = helper.FACTOR"])
def test_modules_of_a_package_that_are_imported_anew(imports, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    Path("again").mkdir()
    Path("again/__init__.py").touch()
    Path("again/helper.py").write_text("FACTOR = 0.5")
    written(MINE.replace("helper.FACTOR", "FACTOR").replace("import helper", imports), "again/mine.py")
    module = importlib.import_module("again.mine")
    first = RunConfig(**NAMED)
    old, first_numbers, sent = module.Weak, train_run(first).numbers(), pickle.dumps(first)
    Path("again/helper.py").write_text("FACTOR = 0.1  # another")
    for name in ("again.helper", "again.mine"):
        importlib.reload(sys.modules[name])
    second = RunConfig(**NAMED)
    assert_refused(lambda: RunConfig(**{**NAMED, "strategy": old}), "Weak was defined by again.mine before that was imported anew")
    assert second.key != first.key and train_run(second).numbers()["results"] != first_numbers["results"]
    assert_refused(lambda: train_run(first), "imported anew after the configuration was made")
    assert pickle.loads(sent).key == first.key and RunConfig(**{**NAMED, "strategy": module.Weak()}).key == second.key
    for name in ("again", "again.helper", "again.mine"):
        del sys.modules[name]


def test_copies_and_lists_change_nothing():
    load(written(MINE.replace("scale: float = 1.0", "scale: list = None").replace("self.scale", "self.scale.pop()")))
    first = RunConfig(**NAMED, strategy_options={"scale": [0.1, 0.5, 1.0] * 50})
    key, record = first.key, train_run(first)
    assert first.key == key and train_run(first).numbers() == record.numbers()
    load(written())
    second = RunConfig(**NAMED)
    assert deepcopy(first).key == key and RunConfig(**NAMED).key == second.key


def test_objects_stand_for_names():
    made = stream("rotated-digits", seed=2, order=1, tasks=3)
    named = RunConfig(stream=made.name, stream_options={"tasks": 3}, seed=2, order=1, strategy="frozen", strategy_options={"depth": 3}, network="convnet")
    assert RunConfig(stream=made, strategy=Frozen(depth=3), network=NETWORKS["convnet"].make) == named
    assert RunConfig(strategy=Frozen(), network=NETWORKS["mlp-400"].make).key == RunConfig(strategy=Frozen, network="mlp-400").key
    assert not named.own and named.stored() == named.canonical()


def test_two_parts_of_one_name():
    """Here they are refused; a worker that serves two users knows either."""
    one, two = written(name="one.py"), written(MINE + "two = 2\n", "two.py")
    load(one)
    load(written("# again, as in a notebook\n" + MINE, "one.py"))
    assert_refused(lambda: load(two), "two parts are called strategy 'weak': Weak in one.py and Weak in two.py; rename one")
    sources = [SourceFile.read(path) for path in (one, two)]
    for source in sources:
        STRATEGIES.receive("weak", Place("", "Weak", source))
        assert STRATEGIES["weak"] is STRATEGIES.find("weak", source)
    assert STRATEGIES.find("weak", sources[0]) is not STRATEGIES["weak"]


def test_runs_go_on_once_their_file_is_loaded():
    load(written())
    config, runs = RunConfig(**NAMED), RunsFolder("runs")
    runs.run(config.key).put_config(config.stored())
    assert runs.find(config.key).obstacle == "" and RunConfig.from_canonical(runs.find(config.key).config).key == config.key
    load(written(MINE.replace("12", "13")))
    assert "strategy weak of mine.py" in runs.find(config.key).obstacle and "has changed since" in runs.find(config.key).obstacle
    del STRATEGIES._parts["weak"]
    obstacle = runs.find(config.key).obstacle
    assert "unknown strategy 'weak'" in obstacle and "--load mine.py" in obstacle


@dataclass(eq=False)
class Replaying(Strategy):
    name = "replaying"
    keep: str = "ring"

    def __post_init__(self):
        self.memory = Memory(6, self.keep)

    def penalty(self, parameters, batch, task):
        return sum(task.mean_loss(examples) for examples in self.memory.draw(task, 5)) if task.number else None

    def end_task(self, task):
        self.memory.see(task)


@pytest.mark.parametrize("keep", KEEPS)
def test_a_memory_is_counted_and_comes_back_by_itself(keep, tmp_path):
    config, made = made_config(strategy=Replaying(keep), normalisation="group"), made_stream()
    whole = train_run(config, made)
    drawn = (0, 5, 4 if keep == "balanced" else 5)  # the last of one example for each of four classes
    assert [result.examples for result in whole.results] == [36 + count * result.steps for count, result in zip(drawn, whole.results, strict=True)]
    assert_refused(lambda: train_run(config, made, tmp_path, lambda record: len(record.results) == 2 and 1 / 0), error=ZeroDivisionError)
    assert train_run(config, made, tmp_path).numbers() == whole.numbers()


def test_what_a_memory_keeps():
    task, _, _ = made_task(made_network(), made_examples(40))
    ring, counts = Memory(5), np.zeros(60)
    for start in (0, 10):
        ring.see(task, range(start, start + 10))
    assert torch.equal(ring.examples[0].inputs, task.examples.inputs[15:20])
    assert torch.equal(*(some.inputs.sort(0).values for some in (ring.draw(task, 9)[0], ring.examples[0]))) and len(ring.draw(task, 2)[0]) == 2
    for task.seed in range(400):
        reservoir = Memory(10, "reservoir")
        for task.number in (0, 1):
            reservoir.see(task, range(30))
        counts[[30 * number + place for _, number, place in reservoir.kept]] += 1
    assert counts.sum() == 4000 and abs(counts / 400 - 1 / 6).max() < 5 * (5 / 36 / 400) ** 0.5
    balanced = Memory(12, "balanced")
    for task.number, present in enumerate((40, 4, 1)):
        task.examples = replace(made_examples(60), targets=torch.arange(60) % 3, head=task.number if task.number < 2 else 1)
        balanced.see(task, range(present))
    one, other = (Examples(torch.zeros(2, 1), torch.tensor([1, 0]), candidates=torch.tensor(units)) for units in ([1, 3], [0, 3]))
    assert joined([one, other], torch.tensor([0, 1, 3])).units.tolist() == [3, 1, 3, 0]
    kinds = Counter((examples.head, int(unit)) for examples in balanced.examples.values() for unit in examples.units)
    assert kinds == {(0, 0): 2, (0, 1): 2, (0, 2): 2, (1, 0): 2, (1, 1): 1, (1, 2): 1}


def test_every_way_through_the_network_is_counted():
    task, _, _ = made_task(made_network(), made_examples(40))
    task.network.body["hidden1"](task.examples.inputs[:7])
    vmap(lambda image: functional_call(task.network, {}, (image[None],)))(task.examples.inputs[:5])
    deepcopy(task.network)(task.examples.inputs[:3])  # a teacher
    assert task.looked_at == 15


def bad(change: str, to: str):
    """Return a call that loads the file, one text of which is another, and trains."""
    assert change in MINE
    return lambda: load(written(MINE.replace(change, to))) and train_run(RunConfig(**NAMED))


def changed(strategy):
    strategy.scale = 0.3
    return strategy


def elsewhere(config):
    """Send a configuration to what is like another process."""
    sent = pickle.dumps(config)
    STRATEGIES._versions.clear()
    return pickle.loads(sent)


test_errors_say_where_and_what = refusals([
    (bad('"weak"', '"week"'), "unknown strategy 'weak' .did you mean 'week'.*; .*mine.py.* registered none"),
    (bad('    name = "weak"\n', ""), r"mine.py, line \d+: Weak in mine.py, line \d+ has no name; write name = "),
    (bad("(strategies.Strategy):", ":"), "is no subclass of Strategy; derive it from"),
    (bad("scale: float = 1.0", "def __init__(self, depth): 0"), "takes depth, of which no record would know; make it a dataclass"),
    (bad('"weak"', '"frozen"'), "two parts are called strategy 'frozen': Frozen in deep.strategies.frozen and Weak in mine.py"),
    (bad("return networks.Network(body, 10, head_sizes)", "return body"), r"(?s)two_layers in mine.py, line \d+ returns \{.*return a deep.networks.Network"),
    (bad("WIDTH = 12", "WIDTH = 11"), r"the stage 'second' of two_layers in mine.py, line \d+ cannot take inputs of shape .2, 11."),
    (bad("nn.Linear(12, 10)", "nn.Flatten(0)"), r"the stage 'second' of two_layers .* returns shape \(24,\); shape \(2, '...'\) is wanted"),
    (bad("Dataset(name,", 'Dataset("nois",'), r"noise in mine.py, line \d+ gives the Dataset 'nois'; give .* called 'noise'"),
    (bad("10)}", '10)}; body["third"] = body["second"]'), "'second' and 'third' of two_layers in mine.py, line .* share a parameter"),
    (lambda: RunConfig(strategy=changed(load(written(MINE.replace(": float", ""))).Weak())), "scale of Weak in mine.py, line 10 is 0.3, but it is no option"),
    (bad("WIDTH = 12", "from deep.training.run import *; train_run(0)"), "a run is trained while the parts of mine.py are loaded.*__main__"),
    (lambda: RunConfig(strategy=Frozen(), strategy_options={"depth": 3}), "strategy_options is .*3.* but that of the object given is {}"),
    (lambda: RunConfig(stream=replace(made_stream(), tasks=made_stream().tasks[:2])), "has not all tasks"),
    (lambda: RunConfig(stream=made_stream()), "two parts are called data set 'digits': digits in deep.data.digits and a value in memory"),
    (lambda: RunConfig(network=lambda *shapes: None), 'is no maker of networks that has a name; register a function by'),
    (lambda: RunConfig(strategy=load(written()).Weak(scale={1})), "JSON cannot hold"),
    (lambda: elsewhere(RunConfig(strategy=dataclass(type("Local", (Strategy,), {"name": "local"})))), "defines no strategy 'local' at its top"),
])
