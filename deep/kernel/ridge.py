"""Ridge regression task after task, by kernels alone or by weights; errors, forgetting and a bound of what it says.

A step is f_t = f_(t-1) + K(., X_t) (K(X_t, X_t) + penalty)^-1 (Y_t - f_(t-1)(X_t)), from f_0 = 0. Where f is linear in theta and K is the
product of its features, f_t minimises |f(X_t) - Y_t|^2 + penalty |theta - theta_(t-1)|^2.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import solve

from deep.data import Part
from deep.records import built
from deep.streams import StreamTask

Rows = Sequence[slice]  # where the examples of each task stand among all


@dataclass(frozen=True)
class KernelRecord:
    """What was computed, and numbers by name: one, or one for each seed."""

    KIND: ClassVar[str] = "kernel"
    settings: Mapping[str, Any]
    measured: Mapping[str, Any]
    from_json = classmethod(built)


def gathered(tasks: Sequence[StreamTask]) -> tuple[list[Part], list[Rows]]:
    """Return the training, validation and test parts of tasks, in this order, and where the examples of each kind stand once they are joined."""
    parts = [images(task) for images in (StreamTask.training, StreamTask.validation, StreamTask.final_test) for task in tasks]
    rows = [slice(*ends) for ends in itertools.pairwise(itertools.accumulate(map(len, parts), initial=0))]
    return parts, [rows[first : first + len(tasks)] for first in range(0, len(rows), len(tasks))]


def kernel_step(before: np.ndarray, kernel: np.ndarray, own: slice, targets: np.ndarray, penalty: float) -> np.ndarray:
    """Compute what N examples are told after a task, shape (N, outputs), from what they were told before and their kernel with the task's own, (N, n)."""
    return before + kernel @ solve(kernel[own] + penalty * np.eye(kernel.shape[1]), targets[own] - before[own], assume_a="pos")


def kernel_steps(kernel: np.ndarray, rows: Rows, targets: np.ndarray, penalty: float) -> np.ndarray:
    """Compute the functions after each task, shape (T, N, outputs), from the kernel of all N examples with those of training, which come first."""
    found = [np.zeros_like(targets)]
    for own in rows:
        found.append(kernel_step(found[-1], kernel[:, own], own, targets, penalty))
    return np.stack(found[1:])


def ridge_steps(features: np.ndarray, rows: Rows, targets: np.ndarray, penalty: float) -> np.ndarray:
    """Compute the weights after each task, shape (T, d, outputs), from features of shape (N, d): the same steps by another route."""
    found = [np.zeros((features.shape[1], targets.shape[1]))]
    for x, y in ((features[own], targets[own]) for own in rows):
        found.append(found[-1] + solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (y - x @ found[-1]), assume_a="pos"))
    return np.stack(found[1:])


def drift_bound(kernel: np.ndarray, functions: np.ndarray, rows: Rows, targets: np.ndarray, penalty: float, seen: slice) -> float:
    """Bound |f_T - f_1| on some examples: sum over t > 1 of |K(seen, X_t)|_op |Y_t - f_(t-1)(X_t)| / (penalty + least eigenvalue of K(X_t, X_t))."""
    least = [penalty + max(np.linalg.eigvalsh(kernel[own, own])[0], 0.0) for own in rows[1:]]
    sizes = [np.linalg.norm(kernel[seen, own], 2) * np.linalg.norm(targets[own] - before[own]) for before, own in zip(functions, rows[1:], strict=False)]
    return float(np.divide(sizes, least).sum())


def squared_errors(functions: np.ndarray, targets: np.ndarray, rows: Rows) -> np.ndarray:
    """Compute each function's mean squared error, added over outputs, on each task's examples; shape (functions, T)."""
    return np.stack([np.square(functions[:, own] - targets[own]).sum(-1).mean(-1) for own in rows], 1)


def forgetting(errors: np.ndarray) -> float:
    """Return the mean over earlier tasks of what their errors, shape (T, T), grew by since their own training."""
    return float((errors[-1] - np.diag(errors))[:-1].mean())
