"""What is compared: a researcher's loops, the direct sampler on its backends, the reduced one, and the floors below them.

Every contender is a function of an experiment and a number of trials. All learn T tasks of one block of p parameters from
n samples each, noise 0.3, truths of length 1 at right angles.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from driftlaw import TaskSequence, one_block, simulate
from simulate.sample.batches import BATCH_BYTES
from simulate.work.machine import cores

NOISE = 0.3
FLOAT = 8

Contender = Callable[["Experiment", int], object]


@dataclass(frozen=True)
class Experiment:
    """One point of the benchmark.

    Parameters
    ----------
    tasks, samples, parameters : int
        T, n and p.
    noise : float
    """

    tasks: int
    samples: int
    parameters: int
    noise: float = NOISE

    @property
    def sequence(self) -> TaskSequence:
        """The experiment as the samplers take it; p is at least T."""
        return one_block(self.parameters, (self.samples,) * self.tasks, self.noise, gram=np.eye(self.tasks))


def lstsq_loop(experiment: Experiment, trials: int) -> np.ndarray:
    """Train one trial at a time with `numpy.linalg.lstsq`; return the errors on all tasks after each, shape (trials, T, T)."""
    t, n, p = experiment.tasks, experiment.samples, experiment.parameters
    rng, truths, errors = np.random.default_rng(0), np.eye(t, p), np.zeros((trials, t, t))
    for trial in range(trials):
        theta = np.zeros(p)
        for task in range(t):
            x = rng.standard_normal((n, p))
            y = x @ truths[task] + experiment.noise * rng.standard_normal(n)
            theta = theta + np.linalg.lstsq(x, y - x @ theta, rcond=None)[0]
            errors[trial, task] = ((theta - truths) ** 2).sum(axis=1)
    return errors


def inverse_loop(experiment: Experiment, trials: int) -> np.ndarray:
    """Do the same with ``X @ inv(X'X) @ (y - X'w)`` in torch, X of shape (p, n), single precision."""
    t, n, p = experiment.tasks, experiment.samples, experiment.parameters
    truths, errors = torch.eye(t, p), torch.zeros((trials, t, t))
    for trial in range(trials):
        theta = torch.zeros(p)
        for task in range(t):
            x = torch.randn(p, n)
            y = x.T @ truths[task] + experiment.noise * torch.randn(n)
            if p > n:
                theta = theta + x @ torch.inverse(x.T @ x) @ (y - x.T @ theta)
            else:
                theta = theta + torch.inverse(x @ x.T) @ x @ (y - x.T @ theta)
            errors[trial, task] = ((theta - truths) ** 2).sum(dim=1)
    return errors.numpy()


def sampler(experiment: Experiment, trials: int, **options: str) -> None:
    """Run `simulate.simulate`."""
    simulate(experiment.sequence, trials, **options)


def _in_threads(begin: Callable[[int], Callable[[int], object]], experiment: Experiment, trials: int) -> None:
    """Share the tasks of all trials among the cores, in batches of the sampler's size.

    Every core begins with the size of its batches, and calls what it gets with the tasks of each batch.
    """
    batch = max(1, BATCH_BYTES // (FLOAT * experiment.samples * experiment.parameters))
    total, workers = experiment.tasks * trials, cores()

    def work(share: int) -> None:
        size = min(batch, max(share, 1))
        done = begin(size)
        for first in range(0, share, size):
            done(min(size, share - first))

    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, [total // workers + (worker < total % workers) for worker in range(workers)]))


def numpy_draws(experiment: Experiment, trials: int) -> None:
    """Draw the features and the noise of all trials with NumPy in double precision, and do nothing else."""

    def begin(batch: int) -> Callable[[int], object]:
        generator = np.random.Generator(np.random.SFC64(0))
        drawn = np.empty((batch, experiment.samples * (experiment.parameters + 1)))
        return lambda count: generator.standard_normal(out=drawn[:count])

    _in_threads(begin, experiment, trials)


def torch_draws(experiment: Experiment, trials: int) -> None:
    """Draw the features and the noise of all trials with torch in single precision, and do nothing else."""

    def begin(batch: int) -> Callable[[int], object]:
        generator = torch.Generator().manual_seed(0)
        drawn = torch.empty(batch, experiment.samples * (experiment.parameters + 1))
        return lambda count: drawn[:count].normal_(generator=generator)

    _in_threads(begin, experiment, trials)


def gram_products(experiment: Experiment, trials: int) -> None:
    """Multiply features by their transpose in NumPy, on the same features over and over."""

    def begin(batch: int) -> Callable[[int], object]:
        x = np.full((batch, experiment.samples, experiment.parameters), 0.5)
        return lambda count: x[:count] @ x[:count].swapaxes(-1, -2)

    _in_threads(begin, experiment, trials)


def small_solves(experiment: Experiment, trials: int) -> None:
    """Solve the n x n systems in NumPy."""
    n = experiment.samples

    def begin(batch: int) -> Callable[[int], object]:
        kernel, right = np.tile(np.eye(n) + 0.1, (batch, 1, 1)), np.ones((batch, n, 1))
        return lambda count: np.linalg.solve(kernel[:count], right[:count])

    _in_threads(begin, experiment, trials)


LSTSQ, INVERSE, DIRECT, REDUCED = "loop: numpy lstsq", "loop: torch inverse", "direct: numpy float64", "reduced"
DRAWS, GRAM, SOLVES = "floor: draws, numpy float64", "floor: Gram products, numpy float64", "floor: n x n solves, numpy float64"
TORCH_SINGLE, TORCH_DRAWS = "direct: torch float32", "floor: draws, torch float32"

CONTENDERS: dict[str, Contender] = {
    LSTSQ: lstsq_loop,
    INVERSE: inverse_loop,
    DIRECT: partial(sampler, method="direct"),
    "direct: torch float64": partial(sampler, backend="torch"),
    TORCH_SINGLE: partial(sampler, backend="torch", dtype="float32"),
    REDUCED: partial(sampler, method="reduced"),
    DRAWS: numpy_draws,
    TORCH_DRAWS: torch_draws,
    GRAM: gram_products,
    SOLVES: small_solves,
}
if torch.cuda.is_available():
    for dtype in ("float64", "float32"):
        CONTENDERS[f"direct: torch cuda {dtype}"] = partial(sampler, backend="torch", device="cuda", dtype=dtype)
