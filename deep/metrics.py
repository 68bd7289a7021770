"""Metrics of continual learning, of the accuracy matrix alone; pure NumPy.

``accuracy[t, k]`` is the accuracy on task k after training on task t, both counted from 0, as a share of 1.
"""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from theory.errors import InputError
from theory.quantities import ERRORS, Quantity, parse_quantity

_Z = 1.959963984540054  # beyond it, to both sides, lie 5 % of a standard normal
JUST_AFTER = Quantity("on each task just after it", lambda tasks: np.eye(tasks) / tasks)
SO_FAR = Quantity("on the tasks so far, after each", lambda tasks: np.tril(1 / np.arange(1, tasks + 1)[:, None] + np.zeros(tasks)) / tasks)


def read(quantity: str | Quantity, accuracy: Any) -> float:
    """Compute what a quantity's weights on errors[t, i] make of accuracies: a quantity of one's own on trained networks.

    Parameters
    ----------
    quantity : str or Quantity
        By name, as `theory.parse_quantity` reads it, or as a value; of errors. With accuracies in the place of errors
        "generalization" is the average accuracy, and "forgetting" what later tasks add to earlier ones.
    accuracy : array_like, shape (T, T)

    Raises
    ------
    InputError
        For a quantity of steps or of another size.
    """
    matrix = _matrix(accuracy)
    found = parse_quantity(quantity, len(matrix))
    if found.of != ERRORS:
        raise InputError(f"the quantity {found.name!r} is of {found.of}; accuracies stand in the place of errors only")
    return float(found.value(SimpleNamespace(errors=matrix), np.sum))


def average_accuracy(accuracy: Any) -> float:
    """Compute the mean accuracy on all tasks after the last one, Avg.Acc = mean_k a[T-1, k]."""
    return read("generalization", accuracy)


def task_accuracy(accuracy: Any) -> float:
    """Compute the mean accuracy on each task just after it was trained, Task.Acc = mean_k a[k, k]."""
    return read(JUST_AFTER, accuracy)


def incremental_accuracy(accuracy: Any) -> float:
    """Compute the mean over tasks of the mean accuracy on all tasks so far, mean_t mean_{k<=t} a[t, k] (arXiv 1611.07725)."""
    return read(SO_FAR, accuracy)


def forgetting(accuracy: Any) -> float:
    """Compute the mean loss of accuracy since a task was trained, mean_{k<T-1} (a[k, k] - a[T-1, k]).

    Raises
    ------
    InputError
        For fewer than two tasks.

    Notes
    -----
    As arXiv 2602.20796 defines it: from the accuracy just after the task, not from the best one ever.
    """
    return 0.0 - read("forgetting", _matrix(accuracy, least=2))


def backward_transfer(accuracy: Any, by_tasks: bool = False) -> float:
    """Compute what later tasks add to the accuracy on earlier ones, mean_{k<T-1} (a[T-1, k] - a[k, k]).

    Minus `forgetting`; both names are in use (Lopez-Paz and Ranzato, arXiv 1706.08840, use this one). Their code divides the sum by T
    instead of T - 1, and so does ``by_tasks``.
    """
    return -forgetting(accuracy) * _share(accuracy, by_tasks)


def forward_transfer(accuracy: Any, baseline: Any, by_tasks: bool = False) -> float:
    """Compute what earlier tasks add to the accuracy on a task not yet trained, mean_{k>=1} (a[k-1, k] - b[k]).

    Parameters
    ----------
    accuracy : array_like, shape (T, T)
    baseline : array_like, shape (T,)
        Accuracy of the untrained network on each task.
    by_tasks : bool
        Divide the sum by T instead of T - 1, as the authors' code does.

    Raises
    ------
    InputError
        For fewer than two tasks, or a baseline of another length.

    Notes
    -----
    Lopez-Paz and Ranzato, arXiv 1706.08840. With one head per task a[k-1, k] is read through a head that has not been
    trained, so that its expectation is near chance whatever the features are.
    """
    matrix = _matrix(accuracy, least=2)
    baseline = np.asarray(baseline, dtype=float)
    if baseline.shape != (len(matrix),):
        raise InputError(f"the baseline has shape {baseline.shape}; give one accuracy for each of the {len(matrix)} tasks")
    return float((np.diagonal(matrix, offset=1) - baseline[1:]).mean()) * _share(matrix, by_tasks)


def summary(accuracy: Any, baseline: Any) -> dict[str, float | None]:
    """Compute all metrics by name; those that need two tasks are None for one."""
    several = len(_matrix(accuracy)) > 1
    return {
        "average_accuracy": average_accuracy(accuracy),
        "task_accuracy": task_accuracy(accuracy),
        "forgetting": forgetting(accuracy) if several else None,
        "backward_transfer": backward_transfer(accuracy) if several else None,
        "forward_transfer": forward_transfer(accuracy, baseline) if several else None,
    }


def interval(share: float, images: float) -> tuple[float, float]:
    """Compute Wilson's 95 % interval of an accuracy that was measured on so many images; of the images alone, for the network as it was trained."""
    small = _Z**2 / images
    half = _Z * math.sqrt(share * (1 - share) / images + small / (4 * images))
    centre = share + small / 2
    return (centre - half) / (1 + small), (centre + half) / (1 + small)


def _share(accuracy: Any, by_tasks: bool) -> float:
    return 1 - 1 / len(accuracy) if by_tasks else 1.0


def _matrix(accuracy: Any, least: int = 1) -> np.ndarray:
    matrix = np.asarray(accuracy, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"the accuracy matrix has shape {matrix.shape}; it is square, one row after each task and one column for each")
    if len(matrix) < least:
        raise InputError(f"the accuracy matrix is of {len(matrix)} task(s); this metric compares tasks and needs at least {least}")
    if not np.all((matrix >= 0) & (matrix <= 1)):
        raise InputError("the accuracy matrix holds values outside [0, 1]; give shares, not per cent or counts")
    return matrix
