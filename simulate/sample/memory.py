"""Steps under a memory by sampling: in p dimensions, with vectors and no formula, and at a cost that does not depend on p.

Both give the inner products of g, gbar and the memory's gradient that a step consists of; `measure` applies the rule for the multiplier.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from simulate.evidence import Estimate
from theory.checks import known, whole
from theory.errors import InputError
from theory.memory import CONSTANT, EQUALITY, FORMS, INSIDE, MemoryStep, StoredStep, not_negative

QUANTITIES = ("violation", "gap", "progress", "retention", "square")
_CHUNK = 4_000_000  # numbers that the direct samplers hold at once


class Products(NamedTuple):
    """Inner products of the gradients, by group: arrays of shape (draws, groups), or (groups,) where they are no random ones.

    Parameters
    ----------
    current, memory : array
        <g, g_m> and |g_m|^2.
    earlier : array
        <g_m, gbar>.
    conflict, square : array
        <g, gbar> and |g|^2.
    unbiased : array or None
        Estimate of |gbar|^2 from the samples' gradients, free of the length that their noise adds to g_m.
    """

    current: np.ndarray
    memory: np.ndarray
    earlier: np.ndarray
    conflict: np.ndarray
    square: np.ndarray
    unbiased: np.ndarray | None = None


def multiplier(products: Products, strength: float, form: str = INSIDE, debiased: bool = False) -> np.ndarray:
    """Return v of z = g + v g_m, for each draw and group.

    Parameters
    ----------
    products : Products
    strength : float
    form : {"inside", "added", "constant", "equality"}
        Where <g, g_m> is negative: the strength is a lower bound of the dual variable ("inside"), or is added to what projects
        g on the constraint ("added"); "constant" is v = strength and "equality" the projection, both whatever the sign.
    debiased : bool
        Divide by the unbiased estimate of |gbar|^2 in place of |g_m|^2.
    """
    length = products.memory if not debiased or products.unbiased is None else products.unbiased
    projecting = -products.current / length
    if form == CONSTANT:
        return np.full_like(projecting, strength)
    if form == EQUALITY:
        return projecting
    v = np.maximum(strength, projecting) if form == INSIDE else strength + projecting
    return np.where(products.current < 0, v, 0.0)


def reduced(step: MemoryStep, count: int, rng: np.random.Generator) -> Products:
    """Draw ``count`` memories by four scalars a group: the same law as `direct`, at a cost that does not depend on p or m.

    The residuals have the length s sqrt(C), C chi-squared with m degrees. Given them, the memory's gradient is normal across gbar,
    and along it a regression on the residuals.
    """
    J, size = step.groups, step.p // step.groups
    s, delta, unit = math.hypot(step.distance, step.sigma), step.distance / math.sqrt(J), 1 / math.sqrt(J)
    root = np.sqrt(rng.chisquare(step.m, count))[:, None]
    along, across = rng.standard_normal((2, count, J))
    rest = rng.chisquare(size - 2, (count, J))
    along = delta * root + s * along - (s - step.sigma) * unit**2 * along.sum(axis=1, keepdims=True)
    sine = math.sqrt(1 - step.cos**2)
    norm = step.norm * unit
    scale = root / step.m
    current = scale * norm * (step.cos * along + sine * s * across)
    memory = scale**2 * (along**2 + s**2 * (across**2 + rest))
    return Products(current, memory, scale * delta * along, np.full(J, step.cos * norm * delta), np.full(J, norm**2))


def direct(step: MemoryStep, count: int, rng: np.random.Generator) -> Products:
    """Draw ``count`` memories of m samples in p dimensions, and take the inner products of vectors."""
    J, size = step.groups, step.p // step.groups
    gbar, g = np.zeros((2, J, size))
    gbar[:, 0] = step.distance / math.sqrt(J)
    g[:, :2] = step.norm / math.sqrt(J) * np.array([step.cos, math.sqrt(1 - step.cos**2)])
    parts = []
    for drawn in _chunks(count, step.m * step.p):
        X = rng.standard_normal((drawn, step.m, step.p))
        each = X * (X @ gbar.ravel() - step.sigma * rng.standard_normal((drawn, step.m)))[:, :, None]
        parts.append(_products(each.reshape(drawn, step.m, J, size), g, gbar))
    return _joined(parts)


def stored(step: StoredStep, count: int, rng: np.random.Generator) -> Products:
    """Draw ``count`` times task 1 in p dimensions, fit it from zero, store m of its samples and go the share of the way to w_2."""
    w_1, w_2 = np.zeros((2, step.p))
    w_1[0], w_2[:2] = 1.0, (1.0, step.distance)
    parts = []
    for drawn in _chunks(count, step.n_1 * step.p):
        X = rng.standard_normal((drawn, step.n_1, step.p))
        y = X @ w_1 + step.sigma * rng.standard_normal((drawn, step.n_1))
        theta = (np.swapaxes(X, 1, 2) @ np.linalg.solve(X @ np.swapaxes(X, 1, 2), y[:, :, None]))[:, :, 0]
        theta += step.share * (w_2 - theta)
        X, y = X[:, : step.m], y[:, : step.m]
        each = X * (np.einsum("dnp,dp->dn", X, theta) - y)[:, :, None]
        parts.append(_products(each[:, :, None], (theta - w_2)[:, None], (theta - w_1)[:, None]))
    return _joined(parts)


def stored_gain(step: StoredStep, count: int, rng: np.random.Generator) -> Products:
    """Draw what the memory of `stored` adds, by three scalars: conflict and square are 0, for they are no matter of the memory."""
    c, m, total = step.share, step.m, math.hypot(step.distance, step.sigma)
    C, b, rest = rng.chisquare(m, (count, 1)), rng.standard_normal((count, 1)), rng.chisquare(step.p - 1, (count, 1))
    along = step.distance * np.sqrt(C) + step.sigma * b
    earlier = c / m * (C * (c * total**2 - step.sigma**2) + step.sigma * step.distance * np.sqrt(C) * b)
    return Products(-c * (1 - c) * total**2 * C / m, c**2 * C / m**2 * (along**2 + total**2 * rest), earlier, np.zeros(1), np.zeros(1))


def measure(
    step: MemoryStep | StoredStep, values: Sequence[float], count: int = 100_000, seed: Any = 0, form: str = INSIDE, *, sampler: Callable[..., Products] = reduced, debiased: bool = False,
) -> dict[str, Estimate]:  # fmt: skip
    """Estimate the quantities of a step at several memory strengths, all on the same draws.

    Parameters
    ----------
    step : MemoryStep or StoredStep
    values : sequence of float, length K
        Memory strengths.
    count : int
        Draws, at least 2.
    seed : int or sequence of int
    form, debiased
        As in `multiplier`.
    sampler : {reduced, direct, stored, stored_gain}

    Returns
    -------
    quantities : dict of str to Estimate, shapes (K,)
        "violation", the share with <z, gbar> < 0; "gap", <z, g_m> - <z, gbar>; "progress", <z, g>; "retention", <z, gbar>; "square", |z|^2.

    Examples
    --------
    >>> from simulate.sample.memory import measure
    >>> from theory.memory import MemoryStep
    >>> found = measure(MemoryStep(p=400, m=400, sigma=0.5, distance=1.0, cos=-0.3), [0.0, 0.6], count=1000)
    >>> found["violation"].mean.tolist()
    [1.0, 0.0]
    """
    products, rows = sampler(step, whole(count, "count, the number of draws,", 2), np.random.default_rng(np.random.SeedSequence(seed))), []
    known(form, FORMS, "form of memory strength")
    if not len(values):
        raise InputError("there is no memory strength; give one or more of at least 0")
    if debiased and products.unbiased is None:
        raise InputError(f"{sampler.__name__} draws no single samples, from which the bias is estimated; use sampler=direct")
    for strength in values:
        v = multiplier(products, not_negative(strength, "a memory strength"), form, debiased)
        retention, progress, square, seen = (np.sum(part, axis=-1) for part in (
            products.conflict + v * products.earlier, products.square + v * products.current,
            products.square + 2 * v * products.current + v**2 * products.memory, products.current + v * products.memory,
        ))  # fmt: skip
        share = float(np.mean(retention < 0))
        others = [(np.mean(row), np.std(row, ddof=1) / math.sqrt(count)) for row in (seen - retention, progress, retention, square)]
        rows.append([(share, math.sqrt(max(share * (1 - share), 1 / count) / count)), *others])  # none in n draws is not never
    found = np.array(rows, dtype=float)
    return {name: Estimate(found[:, i, 0], found[:, i, 1], count) for i, name in enumerate(QUANTITIES)}


def _chunks(count: int, size: int) -> list[int]:
    most = max(1, _CHUNK // size)
    return [min(most, count - start) for start in range(0, count, most)]


def _products(each: np.ndarray, g: np.ndarray, gbar: np.ndarray) -> Products:
    """Inner products of single samples' gradients, shape (draws, samples, groups, size), with g and gbar."""
    m, mean = each.shape[1], each.mean(axis=1)
    memory = np.sum(mean**2, axis=-1)
    unbiased = (m * memory - np.mean(np.sum(each**2, axis=-1), axis=1)) / (m - 1) if m > 1 else np.full_like(memory, np.nan)
    fixed = np.broadcast_to(np.sum(g * gbar, axis=-1), memory.shape), np.broadcast_to(np.sum(g**2, axis=-1), memory.shape)
    return Products(np.sum(g * mean, axis=-1), memory, np.sum(gbar * mean, axis=-1), *fixed, unbiased)


def _joined(parts: list[Products]) -> Products:
    return Products(*map(np.concatenate, zip(*parts, strict=True)))
