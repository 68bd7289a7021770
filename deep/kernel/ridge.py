"""Ridge regression task after task, by kernels alone or by weights, and the errors, forgetting and bound of its functions.

A step is f_t = f_(t-1) + K(., X_t) (K(X_t, X_t) + penalty)^-1 (Y_t - f_(t-1)(X_t)), from f_0 = 0. It minimises
|f(X_t) - Y_t|^2 + penalty |theta - theta_(t-1)|^2 where f is linear in theta and K is the product of its features.
"""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.linalg import solve

Rows = Sequence[slice]  # where the examples of each task stand among all


def kernel_steps(
    kernels: Iterable[np.ndarray], rows: Rows, targets: np.ndarray, penalty: float, starts: Iterable[np.ndarray | None] = itertools.repeat(None)
) -> np.ndarray:
    """Compute the functions after each task, shape (T, N, outputs), on N examples.

    Parameters
    ----------
    kernels : iterable of array, shapes (N, n_t)
        Of all examples with those of each task.
    rows : sequence of slice or index array
        Where the examples of each task stand.
    targets : array, shape (N, outputs)
    penalty : float
    starts : iterable of array, shape (N, outputs)
        What each task starts from; None: what the task before left.
    """
    found = [np.zeros_like(targets)]
    for kernel, own, start in zip(kernels, rows, starts, strict=False):
        before = found[-1] if start is None else start
        found.append(before + kernel @ solve(kernel[own] + penalty * np.eye(kernel.shape[1]), targets[own] - before[own], assume_a="pos"))
    return np.stack(found[1:])


def ridge_steps(features: np.ndarray, rows: Rows, targets: np.ndarray, penalty: float) -> np.ndarray:
    """Compute the weights after each task, shape (T, d, outputs), from features of shape (N, d): the same steps by another route."""
    found = [np.zeros((features.shape[1], targets.shape[1]))]
    for own in rows:
        x = features[own]
        residual = targets[own] - x @ found[-1]
        found.append(found[-1] + solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ residual, assume_a="pos"))
    return np.stack(found[1:])


def drift_bound(kernels: Iterable[np.ndarray], functions: np.ndarray, rows: Rows, targets: np.ndarray, penalty: float, seen: slice) -> float:
    """Bound |f_T - f_1| on some examples: sum over t > 1 of |K(seen, X_t)|_op |Y_t - f_(t-1)(X_t)| / (penalty + least eigenvalue of K(X_t, X_t))."""
    terms = []
    for kernel, own, before in list(zip(kernels, rows, (0 * functions[0], *functions), strict=False))[1:]:
        least = penalty + max(np.linalg.eigvalsh(kernel[own])[0], 0.0)
        terms.append(np.linalg.norm(kernel[seen], 2) * np.linalg.norm(targets[own] - before[own]) / least)
    return float(sum(terms))


def squared_errors(functions: np.ndarray, targets: np.ndarray, rows: Rows) -> np.ndarray:
    """Compute each function's mean squared error, added over outputs, on each task's examples; shape (functions, T)."""
    return np.stack([np.square(functions[:, own] - targets[own]).sum(-1).mean(-1) for own in rows], 1)


def forgetting(errors: np.ndarray) -> float:
    """Return the mean over earlier tasks of what their errors, shape (T, T), grew by since their own training."""
    return float((errors[-1] - np.diag(errors))[:-1].mean())
