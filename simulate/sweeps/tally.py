"""Running sums of a quantity over trials, which merge chunk by chunk and never lose the standard error."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulate.evidence import Estimate
from simulate.simulation import Simulation
from theory.errors import InputError
from theory.quantities import TRAINING, Quantity, parse_quantity


@dataclass(frozen=True)
class Tally:
    """Number of trials, mean, spread and size of one quantity.

    Parameters
    ----------
    count : int
        Trials, at least 1.
    mean : float
    squares : float
        Sum of squared deviations from the mean.
    scale : float
        Mean size of what the quantity is made of: the errors L_i(theta_i) of its tasks where it is a difference, as
        forgetting is, the mean itself for all others, which cannot be negative.
    """

    count: int
    mean: float
    squares: float
    scale: float

    @classmethod
    def of(cls, simulation: Simulation, quantity: str | Quantity) -> "Tally":
        """Count a quantity in all trials of a simulation; InputError for a value that is not finite."""
        quantity = parse_quantity(quantity, simulation.tasks)
        values = simulation.per_trial(quantity)
        if not np.all(np.isfinite(values)):
            bad = int((~np.isfinite(values)).sum())
            raise InputError(f"{quantity} is NaN or infinite in {bad} of {len(values)} trials; make noise and truths smaller")
        mean = float(values.mean())
        signed = bool(np.any(quantity.at(simulation.tasks) < 0))
        scale = float(np.mean(_own_errors(simulation, quantity))) if signed else mean
        return cls(len(values), mean, float(np.sum((values - mean) ** 2)), scale)

    def merge(self, other: "Tally") -> "Tally":
        """Pool the trials of both; the bits depend on the order, so merge chunks in theirs."""
        count = self.count + other.count
        share, gap = other.count / count, other.mean - self.mean
        squares = self.squares + other.squares + gap * gap * self.count * share
        return Tally(count, self.mean + gap * share, squares, self.scale + (other.scale - self.scale) * share)

    @property
    def stderr(self) -> float:
        """Standard error of the mean; infinite for a single trial."""
        return math.sqrt(self.squares / (self.count * (self.count - 1))) if self.count > 1 else math.inf

    def estimate(self, draws: Iterable[tuple[Any, int, int]]) -> Estimate:
        """Return the `Estimate`, with the provenance of its trials."""
        return Estimate(self.mean, self.stderr, self.count, frozenset(draws))


def _own_errors(simulation: Simulation, quantity: Quantity) -> np.ndarray:
    """Errors of the tasks that a quantity weighs, right after each was learned, shape (trials, tasks)."""
    tasks = np.array(quantity.tasks(simulation.tasks))
    if quantity.of == TRAINING:
        return simulation.per_trial(Quantity(quantity.name, lambda T: np.abs(quantity.at(T)), TRAINING))
    return simulation.errors_sample[:, tasks, tasks]
