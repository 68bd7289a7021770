"""Small networks, streams and tasks for tests of training."""

from dataclasses import replace
from pathlib import Path

import torch
from scaffold import assert_refused

from deep.data import Dataset
from deep.networks import Network, build
from deep.records import RunRecord
from deep.strategies import STRATEGIES
from deep.streams import Split, Stream
from deep.training.examples import Examples
from deep.training.flat import FlatParameters
from deep.training.optimiser import Optimiser
from deep.training.options import LoopOptions
from deep.training.task import TaskContext
from driftlaw import RunConfig, train_run
from driftlaw.testing.contracts.streams import made_dataset

# All strategies that train any network, with options for three tasks and three stages.
ANY_NETWORK = [name for name in STRATEGIES if name != "ntk-cl"]
EVERY_STRATEGY = [(name, {"masks": ["010", "101"]} if name == "scheduled" else {}) for name in ANY_NETWORK]
EVERY_STRATEGY += [("initialized", {"start": "fresh"}), ("frozen", {"depth": 1}), ("frozen", {"depth": 3})]
OPTIMISERS = {
    "sgd": {"learning_rate": 0.1},
    "momentum": {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 0.01},
    "adam": {"optimiser": "adam", "learning_rate": 0.01, "weight_decay": 0.01},
}
OPTIONS = {"tasks": 3, "validation_share": 0.25}
QUICK = {"epochs": 2, "batch_size": 8, "probe_examples": 10, "normalisation": "batch", "stream": "split-digits", "stream_options": OPTIONS}


def made_stream(tasks: int = 3, train: int = 12, shape: tuple[int, ...] = (4, 4), seed: int = 0, order: int = 0) -> Stream:
    """Return a split stream that calls itself split-digits, with two classes a task."""
    dataset = made_dataset(classes=2 * tasks, train=train, test=6, shape=shape, name="digits")
    return Split(tasks=tasks, validation_share=0.25).build(dataset, seed, order)


def made_config(**changes) -> RunConfig:
    """Return a configuration of a quick run with batch normalisation."""
    return RunConfig(**{**QUICK, **changes})


def made_examples(count: int = 25, shape: tuple[int, ...] = (1, 4, 4), classes: int = 3, seed: int = 0, dtype: torch.dtype = torch.float64) -> Examples:
    """Return examples that need no scaling."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, *shape, generator=generator, dtype=dtype)
    return Examples(inputs, torch.randint(classes, (count,), generator=generator))


def made_network(
    name: str = "mlp-100", shape: tuple[int, ...] = (4, 4), heads: tuple[int, ...] = (3,), dtype: torch.dtype = torch.float64, **options
) -> Network:
    """Return a network in double precision."""
    return build(name, shape, heads, **options).to(dtype)


def made_task(network: Network, examples: Examples, number: int = 0, **options) -> tuple[TaskContext, LoopOptions, Optimiser]:
    """Return what `train_task` takes, but for the strategy."""
    loop = LoopOptions(**{"epochs": 2, "batch_size": 10, "precision": "float64", **options})
    flat = FlatParameters(network)
    task = TaskContext(number, flat, examples, flat.parameters.detach().clone())
    return task, loop, Optimiser(flat, loop)


def train_until(after: int, config: RunConfig, stream: Stream, folder: Path) -> None:
    """Train until so many tasks are stored, and interrupt the run then."""

    def store(record: RunRecord) -> None:
        assert record.status == "partial"
        if len(record.results) == after:
            raise KeyboardInterrupt

    assert_refused(lambda: train_run(config, stream, folder, store), error=KeyboardInterrupt)


def with_another_pixel(dataset: Dataset) -> Dataset:
    """Return the data set with one grey value changed in one training image."""
    images = dataset.train.images.copy()
    images.flat[0] += 1
    return replace(dataset, train=replace(dataset.train, images=images))
