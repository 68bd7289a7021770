"""Which moments of errors and steps exist: the tails decide whether a normal interval means anything.

The noise part of a step on n samples with d trained parameters has squared length f chi^2_n / chi^2_{d-n+1} (n < d)
or f chi^2_d / chi^2_{n-d+1} (n >= d): moments of order q exist if and only if q < (|d - n| + 1) / 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theory.errors import InputError
from theory.law import expected_errors, task_index
from theory.problem import TaskSequence
from theory.values import is_symbolic


@dataclass(frozen=True)
class MomentOrders:
    """Supremum tau of the finite moment orders of every quantity; the mean is finite iff tau > 1, the variance iff tau > 2.

    Parameters
    ----------
    errors : ndarray, shape (T, T)
        Order of L_i(theta_t).
    step_sizes, update_magnitude : ndarray, shape (T,)
        Order of the squared steps.
    """

    errors: np.ndarray
    step_sizes: np.ndarray
    update_magnitude: np.ndarray

    def error(self, t: int, i: int) -> float:
        """Order of L_i(theta_t)."""
        tasks = len(self.errors)
        return float(self.errors[task_index(t, tasks, 0, "error"), task_index(i, tasks, 0, "error")])

    def deviation(self, t: int = -1) -> float:
        """Order of L_{t-1}(theta_t)."""
        t = task_index(t, len(self.errors), 1, "deviation")
        return float(self.errors[t, t - 1])

    def forgetting(self, t: int = -1) -> float:
        """Smallest order among the terms of forgetting."""
        t = task_index(t, len(self.errors), 1, "forgetting")
        return float(min(min(self.errors[t, i], self.errors[i, i]) for i in range(t)))

    def generalization(self, t: int = -1) -> float:
        """Smallest order among the terms of generalization."""
        t = task_index(t, len(self.errors), 0, "generalization")
        return float(self.errors[t, : t + 1].min())


def moment_orders(seq: TaskSequence) -> MomentOrders:
    """Compute the moment orders of all errors, step sizes and update magnitudes.

    Parameters
    ----------
    seq : TaskSequence
        A single numeric experiment. Steps with memory or unequal weights get the order of a noisy step on all
        their rows, which is never too high.
    """
    if seq.grid_shape or any(is_symbolic(value) for value in seq.values()):
        raise InputError("moment orders need one numeric experiment; pick a grid point with seq.at(index), or substitute the symbols")
    quiet = _quiet_steps(seq)
    tasks = len(seq)
    order = dict.fromkeys(seq.blocks, math.inf)
    errors, steps, updates = np.empty((tasks, tasks)), np.empty(tasks), np.empty(tasks)
    for t, task in enumerate(seq.tasks):
        previous = min(order[block] for block in task.train)
        for block in task.train:
            order[block] = math.inf if task.starts_from_zero(block) else order[block]
        steps[t] = _train(seq, t, order, quiet[t])
        updates[t] = min(steps[t], previous)
        errors[t] = [min(order[block] for block in seq.used(i)) for i in range(tasks)]
    return MomentOrders(errors, steps, updates)


def _train(seq: TaskSequence, t: int, order: dict[str, float], quiet: bool) -> float:
    """Update the blocks' orders by task ``t`` and return the order of its step."""
    task = seq.tasks[t]
    rows, dimension = task.samples + sum((task.memory or {}).values()), seq.trained_dimension(t)
    if rows == 0:
        return math.inf
    untrained = min((order[block] for block in task.truth if block not in task.train), default=math.inf)
    noise = math.inf if quiet else min((abs(rows - dimension) + 1) / 2, untrained)
    start = min(order[block] for block in task.train)
    erased = rows >= dimension and task.takes_full_step and not task.memory
    for block in task.train:
        order[block] = noise if erased else min(start, noise)
    return min(start, noise)


def _quiet_steps(seq: TaskSequence) -> list[bool]:
    """Whether each step is exactly free of noise (conservatively False with memory or unequal weights)."""
    if any(task.memory or not task.equally_weighted for task in seq.tasks):
        return [False] * len(seq)
    with np.errstate(invalid="ignore"):
        noise = expected_errors(_floating(seq), outside="nan").effective_noise
    return [bool(f == 0) for f in noise]


def _floating(seq: TaskSequence) -> TaskSequence:
    """The same experiment with float noise, so that thresholds give NaN instead of an error."""
    from dataclasses import replace

    return replace(seq, tasks=tuple(replace(task, noise=float(task.noise)) for task in seq.tasks))
