"""Strategies, networks, streams and data sets of a user's own: in a run, in other processes, in keys; and what is refused."""

from __future__ import annotations

import importlib
import pickle
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from made_training import made_config, made_examples, made_network, made_stream, made_task
from scaffold import python, raising
from torch.func import functional_call, vmap

from deep.data import DATASETS
from deep.networks import NETWORKS, Architecture, build
from deep.networks.convnet import convnet
from deep.runs import RunsFolder
from deep.runs.execute import train_runs
from deep.strategies import STRATEGIES, Strategy
from deep.strategies.frozen import Frozen
from deep.streams import STREAMS, stream
from deep.training.config import RunConfig
from deep.training.memory import Memory
from deep.training.run import train_run
from theory.errors import InputError
from theory.own import SourceFile, load

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
    assert {"script.py", "mine.py", "mine", "helper"} <= set(found[0].stamp["files"]) or "beside.py" in found[0].stamp["files"]
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
