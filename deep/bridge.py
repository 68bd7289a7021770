"""The training loop on linear models with Gaussian tasks, run to its limit, where the theory knows every expectation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from deep.gaussian import GaussianTask, gaussian_tasks, heavy_ball
from deep.records import built
from simulate.evidence import Estimate
from theory.checks import whole
from theory.problem import TaskSequence

TRIALS_AT_ONCE = 128  # larger blocks leave the cache and are slower


@dataclass(frozen=True, eq=False)
class LinearRuns:
    """What the loop reached in every trial.

    Parameters
    ----------
    errors : array, shape (trials, T, T)
        ``errors[:, t, i]`` is the excess risk of task i after task t, |theta_t - w_i|^2.
    updates : array, shape (trials, T)
        |theta_t - theta_{t-1}|^2.
    estimates : array, shape (T, trials, dimensions)
        Parameters after each task.
    trained : tuple of tuple of bool
        For each task, the blocks that the strategy trained.
    """

    errors: np.ndarray
    updates: np.ndarray
    estimates: np.ndarray
    trained: tuple[tuple[bool, ...], ...]

    def deviation(self) -> np.ndarray:
        """Error of the task before the last one after the last one, in every trial."""
        return self.errors[:, -1, -2]

    def forgetting(self) -> np.ndarray:
        """Mean over the earlier tasks of what their errors grew by since their own training, in every trial."""
        return (self.errors[:, -1] - np.diagonal(self.errors, axis1=1, axis2=2))[:, :-1].mean(axis=1)


@dataclass(frozen=True)
class BridgeRecord:
    """Estimates from the loop on linear models, to be compared with the law.

    Parameters
    ----------
    blocks : mapping of str to int
    samples, noise : tuple
        Of each task.
    gram : mapping of str to list of list of float
        Inner products of the truths of each block.
    strategy : str
    strategy_options : mapping
    trained : tuple of tuple of str
        For each task, the blocks that the strategy trained.
    trials, seed : int
    estimates : mapping of str to tuple of float
        Mean and standard error of deviation, forgetting and update (of the last task).
    """

    KIND: ClassVar[str] = "bridge"

    blocks: Mapping[str, int]
    samples: tuple[int, ...]
    noise: tuple[float, ...]
    gram: Mapping[str, Any]
    strategy: str
    strategy_options: Mapping[str, Any]
    trained: tuple[tuple[str, ...], ...]
    trials: int
    seed: int
    estimates: Mapping[str, Any]

    from_json = classmethod(built)


def bridge_record(seq: TaskSequence, strategy: str, strategy_options: Mapping[str, Any] | None = None, trials: int = 1000, seed: int = 0) -> BridgeRecord:
    """Train by `train_linear` and return the estimates as a record."""
    runs = train_linear(seq, strategy, strategy_options, trials, seed)
    values = {"deviation": runs.deviation(), "forgetting": runs.forgetting(), "update": runs.updates[:, -1]}
    estimates = {name: Estimate.from_samples(draws) for name, draws in values.items()}
    return BridgeRecord(
        blocks={block: int(dimension) for block, dimension in seq.blocks.items()},
        samples=tuple(int(task.samples) for task in seq.tasks),
        noise=tuple(float(task.noise) for task in seq.tasks),
        gram={block: np.asarray(gram.values, dtype=float).tolist() for block, gram in seq.gram.items()},
        strategy=strategy,
        strategy_options=dict(strategy_options or {}),
        trained=tuple(tuple(block for block, moved in zip(seq.blocks, task, strict=True) if moved) for task in runs.trained),
        trials=trials,
        seed=seed,
        estimates={name: [estimate.mean, estimate.stderr] for name, estimate in estimates.items()},
    )


def train_linear(
    seq: TaskSequence, strategy: str, strategy_options: Mapping[str, Any] | None = None, trials: int = 1000, seed: int = 0, tolerance: float = 1e-10
) -> LinearRuns:
    """Train linear models on Gaussian tasks by the loop that trains networks: full batches, float64, to the limit.

    Parameters
    ----------
    seq : TaskSequence
        Says dimensions, samples, noise and inner products of truths; which blocks train is the strategy's to say. The
        blocks are the stages in their order, the last one is the head.
    strategy : str
    strategy_options : mapping, optional
    trials : int
    seed : int
        Trials 128 c to 128 c + 127 draw their tasks from the seed (seed, c).
    tolerance : float
        Share of the distance to the limit that may be left.

    Raises
    ------
    InputError
        For experiments that the loop cannot train, and what the strategy refuses.
    """
    import torch

    trials, seed = whole(trials, "the number of trials", 1), whole(seed, "the seed", 0)
    torch.set_num_threads(1)  # the products are small: more threads wait for each other, and sum in another order
    parts = []
    for number, first in enumerate(range(0, trials, TRIALS_AT_ONCE)):
        tasks = gaussian_tasks(seq, min(TRIALS_AT_ONCE, trials - first), (seed, number))
        parts.append(_train(dict(seq.blocks), tasks, strategy, dict(strategy_options or {}), tolerance))
    return LinearRuns(
        np.concatenate([part.errors for part in parts]), np.concatenate([part.updates for part in parts]),
        np.concatenate([part.estimates for part in parts], axis=1), parts[0].trained,
    )  # fmt: skip


def _train(blocks: dict[str, int], tasks: list[GaussianTask], name: str, options: dict[str, Any], tolerance: float) -> LinearRuns:
    import torch

    from deep.networks.linear import BlockLinear, half_squared_error
    from deep.strategies import strategy
    from deep.training.examples import Examples
    from deep.training.flat import FlatParameters
    from deep.training.loop import train_task
    from deep.training.optimiser import Optimiser
    from deep.training.options import LoopOptions
    from deep.training.task import TaskContext

    trials = tasks[0].targets.shape[1]
    network = BlockLinear(blocks, trials)
    flat, learner = FlatParameters(network), strategy(name, **options)
    learner.check(network.stages)
    first = flat.parameters.detach().clone()
    estimates, trained = [np.zeros((trials, sum(blocks.values())))], []
    for number, task in enumerate(tasks):
        examples = Examples(torch.from_numpy(task.inputs), torch.from_numpy(task.targets))
        context = TaskContext(number, flat, examples, first, loss=half_squared_error)
        trained.append((learner.plan if number else learner.first_plan)(context).trained)
        descent = heavy_ball(task, np.repeat(trained[-1], list(blocks.values())), tolerance)
        loop = LoopOptions(epochs=descent.steps, batch_size=len(examples), learning_rate=descent.learning_rate, momentum=descent.momentum, precision="float64")
        train_task(context, learner, loop, Optimiser(flat, loop))
        estimates.append(_rows(flat.parameters.detach().numpy(), blocks, trials))
    reached = np.stack(estimates[1:])
    truths = np.stack([task.truth for task in tasks])
    errors = np.square(reached[:, None] - truths[None, :, None]).sum(axis=-1)
    return LinearRuns(np.moveaxis(errors, 2, 0), np.square(np.diff(estimates, axis=0)).sum(axis=-1).T, reached, tuple(trained))


def _rows(parameters: np.ndarray, blocks: dict[str, int], trials: int) -> np.ndarray:
    """The flat vector, block by block and trial by trial, as one row of all blocks for each trial."""
    ends = np.cumsum([trials * dimension for dimension in blocks.values()])[:-1]
    return np.concatenate([part.reshape(trials, -1) for part in np.split(parameters, ends)], axis=1)
