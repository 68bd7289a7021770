"""One step of training: the least-squares problem of a task, solved for many trials at once.

With features A (rows x d, all trained blocks side by side) and residual r at the start of the step, the step is
the least one in ``sum_b lambda_b |step_b|^2`` among those that minimise ``|A step - r|``, or a filtered form of it.
"""

import math
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate, combinations
from operator import iadd
from typing import Any

import numpy as np

# Rows and columns closer than this make A'A too ill-conditioned for comfort; QR never squares the condition.
NEAR_THRESHOLD = 8
FAR_WEIGHTS = 1e6

# Above this ratio of weights double precision no longer resolves what the heavy blocks have to fit.
MOST_WEIGHTS = 1e12

_MOST_SUPPORTS = 10


def choose_route(solver: str, groups: Sequence[tuple[int, frozenset[int]]], dimensions: Sequence[int], weights: Sequence[float]) -> str:
    """Return how to solve: "gram", "qr", or "svd" where A may lack full rank.

    Parameters
    ----------
    solver : {"auto", "gram", "qr"}
        What the caller asked for; deficient problems go to "svd" whatever it is.
    groups : sequence of (rows, support)
        Rows of A that share a pattern of zeros; the support holds the indices of the blocks they touch.
    dimensions, weights : sequence
        Of every trained block.
    """
    slack = rank_slack(groups, dimensions)
    if slack < 0:
        return "svd"
    if solver != "auto":
        return solver
    spread = max(weights) / min(weights) if sum(rows for rows, _ in groups) < sum(dimensions) else 1.0
    return "qr" if slack < NEAR_THRESHOLD or spread > FAR_WEIGHTS else "gram"


def rank_slack(groups: Sequence[tuple[int, frozenset[int]]], dimensions: Sequence[int]) -> int:
    """Return by how many rows or columns A is away from losing full rank; negative if it has lost it.

    Notes
    -----
    A matrix of zero blocks and Gaussian blocks has almost surely the largest rank that its pattern allows (Koenig's
    theorem): full row rank if no set of blocks holds more rows than it has columns, full column rank if no set of
    blocks has more columns than rows that touch it. Without zeros that is ``|rows - d|``.
    """
    rows, width = sum(count for count, _ in groups), sum(dimensions)
    supports = {support for count, support in groups if count}
    if len(supports) > _MOST_SUPPORTS:
        return -1
    unions = {frozenset().union(*chosen) for size in range(len(supports) + 1) for chosen in combinations(supports, size)}
    inside = {union: sum(count for count, support in groups if support <= union) for union in unions}
    columns = {union: sum(dimensions[block] for block in union) for union in unions}
    if rows < width:
        return min((columns[union] - inside[union] for union in unions if union), default=width)
    return min((rows - inside[union]) - (width - columns[union]) for union in unions if columns[union] < width)


def namespace(array: Any) -> Any:
    """Return the module of an array: NumPy, or torch, which is never imported for the sake of NumPy's arrays.

    What is used of it here goes by the same names and means the same in both.
    """
    return np if isinstance(array, np.ndarray) else sys.modules["torch"]


def predictions(features: Any, parameters: Any) -> Any:
    """Compute (..., rows) from features (..., rows, d) and parameters (..., d)."""
    # A row times a matrix: torch multiplies a matrix by a column ten times slower, NumPy's bits are the same.
    return (parameters[..., None, :] @ features.swapaxes(-1, -2))[..., 0, :]


def least_step(features: Sequence[np.ndarray], residual: np.ndarray, weights: Sequence[float], route: str) -> list[np.ndarray]:
    """Return the step of every trained block.

    Parameters
    ----------
    features : sequence of array, shape (trials, rows, d_b)
        Of every trained block; arrays of NumPy or torch, in double or single precision.
    residual : array, shape (trials, rows)
        Labels minus predictions at the start of the step.
    weights : sequence of float
        lambda_b of every trained block; without effect where A has full column rank.
    route : {"gram", "qr", "svd"}
        See `choose_route`.

    Returns
    -------
    list of array, shape (trials, d_b)
    """
    xp, right = namespace(residual), residual[..., None]
    wide = residual.shape[-1] < sum(block.shape[-1] for block in features)
    if route == "gram":
        return _gram_wide(features, right, weights) if wide else _gram_tall(features, right)
    scaled, roots = _weighted(features, weights)
    if route == "svd":
        cutoff = 10 * max(scaled.shape[1:]) * float(xp.finfo(scaled.dtype).eps)  # singular values that are zero but for rounding lie below
        solution = xp.linalg.pinv(scaled, rcond=cutoff) @ right
    elif wide:
        q, r = xp.linalg.qr(scaled.swapaxes(-1, -2))
        solution = q @ xp.linalg.solve(r.swapaxes(-1, -2), right)
    else:
        q, r = xp.linalg.qr(scaled)
        solution = xp.linalg.solve(r, q.swapaxes(-1, -2) @ right)
    return _by_block(solution, features, roots)


def filtered_step(
    features: Sequence[np.ndarray], residual: np.ndarray, weights: Sequence[float], route: str, g: Callable[[np.ndarray], np.ndarray]
) -> tuple[list[np.ndarray], float]:
    """Return the step A' g(AA') r of every trained block, and the largest eigenvalue of A'A; A in weighted coordinates.

    Parameters
    ----------
    features, residual, weights, route
        As in `least_step`, which is the case g(x) = 1/x. "gram" takes the eigenvalues of the smaller of AA' and A'A,
        the other routes the singular values of A.
    g : callable
        Maps eigenvalues, shape (trials, k), to the filter's values there.
    """
    right = residual[..., None]
    scaled, roots = _weighted(features, weights)
    turned = scaled.swapaxes(-1, -2)
    if route != "gram":
        u, s, v = np.linalg.svd(scaled, full_matrices=False)
        eigenvalues = s**2
        solution = v.swapaxes(-1, -2) @ ((s * g(eigenvalues))[..., None] * (u.swapaxes(-1, -2) @ right))
    else:
        wide = scaled.shape[-2] < scaled.shape[-1]
        eigenvalues, vectors = np.linalg.eigh(scaled @ turned if wide else turned @ scaled)
        eigenvalues = np.maximum(eigenvalues, 0.0)
        solution = right if wide else turned @ right
        solution = vectors @ (g(eigenvalues)[..., None] * (vectors.swapaxes(-1, -2) @ solution))
        solution = turned @ solution if wide else solution
    return _by_block(solution, features, roots), float(eigenvalues.max())


def penalised_step(features: Sequence[np.ndarray], residual: np.ndarray, penalties: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the step of every trained block under a penalty on every coordinate, and what each coordinate did for the loss on its path.

    Minimises ``|A step - r|^2 + sum_j D_j step_j^2``, by gradient flow from 0; D_j, shape (trials, d_b), may be 0. The path does for the mean
    of squares over two the integral of -slope_j d step_j, which adds up to the loss that training takes away.

    Notes
    -----
    With ``A'A + D = sum_k l_k v_k v_k'`` and b = A'r, the flow runs at ``sum_k exp(-l_k t) (v_k.b) v_k``. Integrated, its square in coordinate j is
    ``sum_kl v_kj v_lj (v_k.b)(v_l.b) / (l_k + l_l)``; the slope of the loss is that of the sum less the penalty's, D_j step_j.
    """
    stacked, given = np.concatenate(features, axis=-1), np.concatenate(penalties, axis=-1)
    rows, size = stacked.shape[1:]
    u, s, v = np.linalg.svd(np.concatenate([stacked, np.sqrt(given)[..., None] * np.eye(size)], axis=1), full_matrices=False)
    seen = s > 10 * (rows + size) * np.finfo(float).eps * s[:, :1]
    fitted = np.where(seen, (residual[:, None] @ u[:, :rows])[:, 0], 0.0)
    pull, both = s * fitted, s[:, :, None] ** 2 + s[:, None] ** 2
    turned, step = v.swapaxes(1, 2), (np.where(seen, fitted / np.where(seen, s, 1.0), 0.0)[:, None] @ v)[:, 0]
    speeds = np.divide(pull[:, :, None] * pull[:, None], both, out=np.zeros_like(both), where=both > 0)
    done = ((turned @ speeds * turned).sum(-1) + given * step**2 / 2) / rows
    return [step[:, span] for span in _spans(features)], [done[:, span] for span in _spans(features)]


def _weighted(features: Sequence[Any], weights: Sequence[float]) -> tuple[Any, list[float]]:
    """All features side by side in the coordinates in which the step is the least Euclidean one, and what leads back."""
    roots = [1.0 / math.sqrt(weight) for weight in weights]
    blocks = [block if root == 1.0 else block * root for block, root in zip(features, roots, strict=True)]
    return namespace(features[0]).concatenate(blocks, axis=-1), roots


def _spans(features: Sequence[Any]) -> list[slice]:
    """Where every block lies among the columns of all features side by side."""
    ends = list(accumulate(block.shape[-1] for block in features))
    return [slice(end - block.shape[-1], end) for end, block in zip(ends, features, strict=True)]


def _by_block(solution: Any, features: Sequence[Any], roots: Sequence[float]) -> list[Any]:
    return [solution[:, span, 0] * root for span, root in zip(_spans(features), roots, strict=True)]


def _gram_wide(features: Sequence[Any], right: Any, weights: Sequence[float]) -> list[Any]:
    products = (block @ block.swapaxes(-1, -2) for block in features)
    kernel = reduce(iadd, (product if weight == 1.0 else product / weight for product, weight in zip(products, weights, strict=True)))
    # One batched LU takes half the time of NumPy's batched Cholesky and the two triangular solves that it lacks.
    dual = namespace(right).linalg.solve(kernel, right).swapaxes(-1, -2)
    return [(dual @ block)[:, 0] / weight for block, weight in zip(features, weights, strict=True)]


def _gram_tall(features: Sequence[Any], right: Any) -> list[Any]:
    xp, spans = namespace(right), _spans(features)
    width = spans[-1].stop
    normal = xp.empty((len(right), width, width), dtype=right.dtype, device=right.device)
    target = xp.empty((len(right), width, 1), dtype=right.dtype, device=right.device)
    for a, block in enumerate(features):
        target[:, spans[a]] = block.swapaxes(-1, -2) @ right
        for b in range(a + 1):
            product = block.swapaxes(-1, -2) @ features[b]
            normal[:, spans[a], spans[b]] = product
            if a != b:
                normal[:, spans[b], spans[a]] = product.swapaxes(-1, -2)
    solution = xp.linalg.solve(normal, target)[..., 0]
    return [solution[:, span] for span in spans]
