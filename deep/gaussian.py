"""Gaussian regression tasks for the training loop, many independent trials at once, drawn as `theory.problem` describes.

The trials of a block lie side by side in one array, so that a linear network with one parameter vector for each trial
is trained in a single run: their losses add up and none sees another.
"""

import math
from dataclasses import dataclass

import numpy as np

from theory.checks import whole
from theory.errors import InputError
from theory.problem import TaskSequence


@dataclass(frozen=True, eq=False)
class GaussianTask:
    """Data of one task in all trials.

    Parameters
    ----------
    inputs : array, shape (samples, trials, dimensions)
        Standard normal, the blocks one after another.
    targets : array, shape (samples, trials)
    truth : array, shape (dimensions,)
    """

    inputs: np.ndarray
    targets: np.ndarray
    truth: np.ndarray


def gaussian_tasks(seq: TaskSequence, trials: int, seed: int | tuple[int, ...]) -> list[GaussianTask]:
    """Draw the tasks of an experiment whose tasks use all blocks, with truths given by their inner products.

    Parameters
    ----------
    seq : TaskSequence
        Says dimensions, samples, noise and inner products; how its tasks are trained has no part in it.
    trials : int
    seed : int or tuple of int
        Task t draws from ``numpy.random.SeedSequence(seed, spawn_key=(t,))``.

    Raises
    ------
    InputError
        For tasks that leave a block out or have memory, and truths that do not fit into their block.
    """
    whole(trials, "the number of trials", 1)
    truths = np.concatenate([_truths(np.asarray(gram.values, dtype=float), seq.blocks[block], block) for block, gram in _grams(seq)], axis=1)
    tasks = []
    for number, task in enumerate(seq.tasks):
        if set(task.truth) != set(seq.blocks) or task.memory:
            raise InputError(f"task {number} leaves out a block or has memory; the training loop takes tasks that use all blocks and fresh data")
        generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        inputs = generator.standard_normal((int(task.samples), trials, truths.shape[1]))
        noise = float(task.noise) * generator.standard_normal((int(task.samples), trials))
        tasks.append(GaussianTask(inputs, inputs @ truths[number] + noise, truths[number]))
    return tasks


@dataclass(frozen=True)
class HeavyBall:
    """Step size, momentum and number of steps with which full-batch gradient descent reaches its limit."""

    learning_rate: float
    momentum: float
    steps: int


def heavy_ball(task: GaussianTask, trained: np.ndarray, tolerance: float) -> HeavyBall:
    """Choose the fastest gradient descent with momentum on the mean of half the squared residuals of every trial.

    Parameters
    ----------
    task : GaussianTask
    trained : array of bool, shape (dimensions,)
        Which dimensions train.
    tolerance : float
        Share of the first distance from the limit that may be left; sets the number of steps.

    Notes
    -----
    Polyak 1964: with curvatures in [mu, L], step 4/(sqrt L + sqrt mu)^2 and momentum ((sqrt L - sqrt mu)/(sqrt L +
    sqrt mu))^2 the distance shrinks by the root of the momentum a step, times a factor that grows linearly in the steps.
    The curvatures are those of all trials; directions without curvature are never left nor entered, so that
    the limit is the smallest step that fits the data, or least squares where there is no such step.
    """
    curvatures = _curvatures(task.inputs[..., trained])
    least, greatest = math.sqrt(curvatures.min()), math.sqrt(curvatures.max())
    rate = (greatest - least) / (greatest + least)
    steps = 1
    while steps * rate**steps > tolerance:
        steps += 1 + steps // 50
    return HeavyBall(4 / (greatest + least) ** 2, rate**2, steps)


def _curvatures(inputs: np.ndarray) -> np.ndarray:
    """Eigenvalues of the second derivative of every trial's loss that are not zero by construction."""
    rows = inputs.transpose(1, 0, 2)
    samples, dimensions = rows.shape[1:]
    products = rows @ rows.transpose(0, 2, 1) if samples <= dimensions else rows.transpose(0, 2, 1) @ rows
    return np.linalg.eigvalsh(products) / samples


def _grams(seq: TaskSequence) -> list:
    missing = [block for block in seq.blocks if block not in seq.gram]
    if missing:
        raise InputError(f"the inner products of the truths of {', '.join(missing)} are missing; give them in gram")
    return [(block, seq.gram[block]) for block in seq.blocks]


def _truths(gram: np.ndarray, dimension: int, block: str) -> np.ndarray:
    """Vectors with the given inner products; where they point does not matter to isotropic features."""
    values, vectors = np.linalg.eigh(gram)
    kept = values > 1e-12 * max(values.max(), 1.0)
    if kept.sum() > dimension:
        raise InputError(f"the truths of block {block!r} span {kept.sum()} dimensions, the block has {dimension}; make it larger")
    placed = np.zeros((len(gram), int(dimension)))
    placed[:, : kept.sum()] = vectors[:, kept] * np.sqrt(values[kept])
    return placed
