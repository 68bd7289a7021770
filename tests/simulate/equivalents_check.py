"""The error of deterministic equivalents against dimension: simulation beside `theory.equivalents`.

The equivalents are tested where no exact law exists, so simulation has to find differences of a hundredth. Training
with equal weights and training without the heavy blocks see the same draws and have exact expectations; what they
miss those by in the sample is taken out (control variates).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from simulate.evidence import Estimate
from simulate.sample.run import simulate
from theory.constructors import frozen_task, initialized
from theory.equivalents import approximate_errors
from theory.errors import DomainError, InputError
from theory.law import expected_errors
from theory.problem import Task, TaskSequence


@dataclass(frozen=True)
class EquivalentError:
    """What a deterministic equivalent misses by at several sizes of one experiment, and how fast that shrinks.

    Parameters
    ----------
    quantity : str
    factors : tuple of int
        Of the dimensions and sample counts.
    approximate : tuple of float
        The equivalent's values.
    errors : tuple of Estimate
        The equivalent minus the expectation.
    rate, rate_stderr : float
        Of a fit of ``error = c factor^-rate`` to the errors, weighted by their standard errors; 1 is the claim.
    """

    quantity: str
    factors: tuple[int, ...]
    approximate: tuple[float, ...]
    errors: tuple[Estimate, ...]
    rate: float
    rate_stderr: float

    @property
    def relative(self) -> tuple[float, ...]:
        """Errors as shares of the expectation."""
        return tuple(error.mean / (value - error.mean) for value, error in zip(self.approximate, self.errors, strict=True))

    def __str__(self) -> str:
        lines = [
            f"  x {factor}: equivalent {value:.5f}, off by {error.mean:+.5f} +- {error.stderr:.5f} ({100 * share:+.2f} %)"
            for factor, value, error, share in zip(self.factors, self.approximate, self.errors, self.relative, strict=True)
        ]
        return "\n".join([f"{self.quantity}: error ~ size^-{self.rate:.2f} (+- {self.rate_stderr:.2f})", *lines])


def equivalent_error(
    build: Callable[[int], TaskSequence],
    factors: Sequence[int] = (1, 2, 4, 8),
    trials: int = 4000,
    seed: int = 0,
    quantity: str = "deviation",
    *,
    workers: int | None = None,
) -> EquivalentError:
    """Measure the error of `theory.equivalents.approximate_errors` as dimensions grow.

    Parameters
    ----------
    build : callable
        Maps a factor to the experiment with dimensions and sample counts so many times as large.
    factors : sequence of int
        At least two.
    trials, seed, workers
        Of every simulation, as in `simulate.simulate`.
    quantity : str
        As in `theory.parse_quantity`.

    Raises
    ------
    InputError
        For fewer than two factors, or if an experiment weighs all blocks alike, where the law is exact.
    """
    factors = tuple(factors)
    if len(set(factors)) < 2:
        raise InputError(f"factors is {factors}; a rate needs at least two different ones, such as (1, 2, 4)")
    values, errors = [], []
    for factor in factors:
        seq = build(factor)
        if all(task.equally_weighted for task in seq.tasks):
            raise InputError(f"the experiment at factor {factor} weighs all blocks alike, where the law is exact; give weights that differ")
        values.append(float(approximate_errors(seq).read(quantity)))
        expectation = controlled_estimate(seq, quantity, trials, seed, workers=workers)
        errors.append(Estimate(values[-1] - expectation.mean, expectation.stderr, expectation.count, expectation.draws))
    return EquivalentError(quantity, factors, tuple(values), tuple(errors), *fitted_rate(factors, errors))


def controlled_estimate(seq: TaskSequence, quantity: str, trials: int, seed: Any = 0, *, workers: int | None = None) -> Estimate:
    """Estimate a quantity of an experiment with unequal weights, with the two ends of the weights as control variates.

    Notes
    -----
    With a the quantity's values and B those of the controls, whose expectations m are exact: the mean of
    a - (B - m) beta, beta from least squares on the sample. The standard error is that of the residuals.
    """
    run = simulate(seq, trials, seed, workers=workers)
    values, controls = run.per_trial(quantity), []
    for control in (_equal(seq), _light_only(seq)):
        try:
            exact = float(expected_errors(control).read(quantity))
        except DomainError:  # a threshold of that training alone
            continue
        controls.append(simulate(control, trials, seed, workers=workers).per_trial(quantity) - exact)
    if trials <= len(controls) + 1:
        raise InputError(f"trials is {trials}; the control variates need at least {len(controls) + 2}")
    design = np.column_stack([np.ones(trials), *controls])
    solution, *_ = np.linalg.lstsq(design, values, rcond=None)
    residual = values - design @ solution
    # the intercept is the mean at controls equal to their expectations
    spread = float(residual @ residual) / (trials - design.shape[1])
    return Estimate(float(solution[0]), math.sqrt(spread * np.linalg.pinv(design.T @ design)[0, 0]), trials, run.draws)


def fitted_rate(factors: Sequence[float], errors: Sequence[Estimate]) -> tuple[float, float]:
    """Fit ``error = c factor^-rate`` by weighted least squares; return the rate and its standard error.

    The rate is sought between -1 and 4.
    """
    x, y = np.log(np.asarray(factors, dtype=float)), np.array([error.mean for error in errors])
    weight = np.array([error.stderr for error in errors]) ** -2.0

    rates = np.linspace(-1, 4, 5001)
    shapes = np.exp(-rates[:, None] * x)
    scales = (shapes * weight * y).sum(axis=1) / (shapes**2 * weight).sum(axis=1)
    best = int(np.argmin((weight * (y - scales[:, None] * shapes) ** 2).sum(axis=1)))
    rate, slopes = float(rates[best]), np.stack([shapes[best], -scales[best] * x * shapes[best]])
    return rate, math.sqrt(np.linalg.pinv((slopes * weight) @ slopes.T)[1, 1])


def constrained_update(factor: int = 1, weight: float = 3.0, shared: int = 30, specific: int = 40, samples: tuple[int, int] = (20, 15)) -> TaskSequence:
    """Build two tasks of which the second minimises ``weight |shared step|^2 + |specific step|^2`` subject to its fit.

    One shared truth of squared length .3, specific truths of 2 at a squared distance of .8, noise .3: the best weight
    for the deviation is near 2, and better than both initialized (1) and frozen training (infinity).
    """
    gram = {"shared": [[0.3, 0.3], [0.3, 0.3]], "specific": [[2.0, 2.0], [2.0, 2.8]]}
    blocks = {"shared": shared * factor, "specific": specific * factor}
    seq = initialized(blocks, tuple(n * factor for n in samples), 0.3, gram=gram)
    return replace(seq, tasks=(seq.tasks[0], replace(seq.tasks[1], weights={"shared": float(weight)})))


def _equal(seq: TaskSequence) -> TaskSequence:
    return replace(seq, tasks=tuple(replace(task, weights=None) for task in seq.tasks))


def _light_only(seq: TaskSequence) -> TaskSequence:
    """The limit of heavy weights: every task trains its lightest blocks only."""

    def light(task: Task) -> Task:
        least = min(float(task.weight_of(block)) for block in task.train)
        heavy = tuple(block for block in task.train if float(task.weight_of(block)) > least)
        return replace(frozen_task(task, heavy), weights=None) if heavy else task

    return replace(seq, tasks=tuple(light(task) for task in seq.tasks))
