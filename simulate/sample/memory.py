"""Steps and paths under memories by sampling: in p dimensions, with vectors and no formula, and at a cost that does not depend on p.

Under one memory both give the inner products of g, gbar and the memory's gradient that a step consists of. Under several, both give vectors: in
p coordinates, or in as many as there are gradients (of a step) or samples (of a path), which turn the others away. `measure` applies the rule
for the multipliers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import nnls

from simulate.evidence import Estimate
from theory.checks import known, not_negative, positive, whole
from theory.errors import InputError
from theory.memory import CONSTANT, EQUALITY, FORMS, INSIDE, Memories, MemoryStep, StoredStep

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


# What a step under several memories consists of, in D coordinates: gradients that are seen, the current one first, shape (draws, 1 + V, D); the
# population gradients that they estimate, alike; first coordinates of the J groups, and D, shape (J + 1,).
Gradients = tuple[np.ndarray, np.ndarray, np.ndarray]


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


def by_vectors(start: Memories, count: int, rng: np.random.Generator) -> Gradients:
    """Draw ``count`` times all samples in p dimensions, held at once, and take the means of their gradients."""
    features, noise, at, edges = _data(start, start.samples, count, rng, reduced=False)
    return _means(features, noise, at, _rows(start.samples)), at, edges


def by_scalars(start: Memories, count: int, rng: np.random.Generator) -> Gradients:
    """Draw ``count`` times the same law as `by_vectors`, at a cost that depends on the numbers of memories and groups alone.

    Each mean has a chi-squared length of residuals and a normal direction, as in `reduced`; its parts in the groups share the length.
    """
    normal, _, at, edges = _data(start, [int(m > 0) for m in start.samples], count, rng, reduced=True)
    seen = at.copy()
    for row, i in enumerate(np.flatnonzero(start.samples)):
        m, sigma, delta, across = start.samples[i], start.sigma[i], float(np.linalg.norm(at[0, i])), normal[:, row]
        unit, s, root = at[0, i] / (delta or 1), math.hypot(delta, sigma), np.sqrt(rng.chisquare(m, (count, 1)))
        seen[:, i] = root / m * (s * across + (delta * root - (s - sigma) * (across @ unit)[:, None]) * unit)
    return seen, at, edges


def moved(seen: np.ndarray, edges: np.ndarray, strength: float, form: str = INSIDE) -> np.ndarray:
    """Return z for gradients that are seen, shape (draws, D): in each group the point nearest to g, or to g + strength (g_1 + ... + g_V), that meets all constraints."""
    g, memories = seen[:, :1], seen[:, 1:]
    current, square = (np.add.reduceat(memories * other, edges[:-1], axis=-1) for other in (g, memories))
    if memories.shape[1] == 1 or form == CONSTANT:
        v = multiplier(Products(current, square, current, current, current), strength, form)
    else:
        v, inside = np.zeros_like(current), strength * (known(form, FORMS[:3], "form of the strength of several memories") == INSIDE)
        for draw, group in np.argwhere(current.min(axis=1) < 0):
            own = seen[draw, :, edges[group] : edges[group + 1]]
            v[draw, :, group] = strength + nnls(own[1:].T, -own[0] - inside * own[1:].sum(axis=0))[0]
    return g[:, 0] + np.sum(np.repeat(v, np.diff(edges), axis=-1) * memories, axis=1)


def path(start: Memories, count: int, steps: int, rate: float, strength: float = 0.0, form: str = INSIDE, *, seed: Any = 0, reduced: bool = True, fitted: bool = False) -> np.ndarray:
    """Draw whole trainings on the current task, under memories that are drawn once; all features are held at once.

    Parameters
    ----------
    start : Memories
    count, steps : int
        Draws, at least 1, and steps of each.
    rate : float
        Learning rate; the step is theta - rate z.
    strength, form
        As in `multiplier`; several memories know no "equality".
    seed : int or sequence of int
    reduced : bool
        Turn the features such that all coordinates but as many as there are samples are 0: the same law, at a cost independent of p.
    fitted : bool
        Go first to the point nearest to ``start`` that fits all memories best: they are stored samples then, not fresh ones.

    Returns
    -------
    errors : array, shape (count, steps + 1, 1 + V)
        |theta - w|^2 of the current task and of those of the memories, before the first step and after each.

    Examples
    --------
    >>> from simulate.sample.memory import path
    >>> from theory.memory import Memories
    >>> start = Memories((1000,), (0, 20), (0.0, 0.5), [[1.2, 0.2], [0.2, 0.2]])
    >>> path(start, 100, 60, 0.1).mean(axis=0)[-1].round(2).tolist()
    [0.01, 0.96]
    """
    known(form, FORMS, "form of memory strength")
    strength, rate = not_negative(strength, "a memory strength"), positive(rate, "rate, the learning rate,", "a step needs a length")
    batch, counts = start.samples[0], (whole(steps, "steps, the number of steps,", 1) * start.samples[0], *start.samples[1:])
    features, noise, at, edges = _data(start, counts, whole(count, "count, the number of draws,", 1), np.random.default_rng(np.random.SeedSequence(seed)), reduced)
    if fitted:
        X, residuals = features[:, counts[0] :], (np.sum(features * np.repeat(at, counts, axis=1), axis=-1) - noise)[:, counts[0] :, None]
        at -= np.swapaxes(np.linalg.pinv(X) @ residuals, 1, 2)
    errors, rows = [np.sum(at**2, axis=-1)], _rows(counts)
    for step in range(steps):
        rows[0] = slice(step * batch, (step + 1) * batch)
        at -= rate * moved(_means(features, noise, at, rows), edges, strength, form)[:, None]
        errors.append(np.sum(at**2, axis=-1))
    return np.stack(errors, axis=1)


def measure(
    step: MemoryStep | StoredStep | Memories, values: Sequence[float], count: int = 100_000, seed: Any = 0, form: str = INSIDE, *,
    sampler: Callable[..., Products | Gradients] | None = None, debiased: bool = False,
) -> dict[str, Estimate]:  # fmt: skip
    """Estimate the quantities of a step at several memory strengths, all on the same draws.

    Parameters
    ----------
    step : MemoryStep, StoredStep or Memories
    values : sequence of float, length K
        Memory strengths.
    count : int
        Draws, at least 2.
    seed : int or sequence of int
    form, debiased
        As in `multiplier`.
    sampler : {reduced, direct}, {stored, stored_gain}, or {by_scalars, by_vectors}
        For each kind of step; the first at no cost in p, and by default but for stored samples.

    Returns
    -------
    quantities : dict of str to Estimate, shapes (K,)
        "violation", the share with <z, gbar> < 0 for any gbar; "gap", <z, g_m> - <z, gbar>; "progress", <z, g>, g the population's gradient;
        "retention", <z, gbar>; "square", |z|^2. Of several memories, "gap" and "retention" have the shape (K, V).

    Examples
    --------
    >>> from simulate.sample.memory import measure
    >>> from theory.memory import MemoryStep
    >>> found = measure(MemoryStep(p=400, m=400, sigma=0.5, distance=1.0, cos=-0.3), [0.0, 0.6], count=1000)
    >>> found["violation"].mean.tolist()
    [1.0, 0.0]
    """
    draw: Any = sampler or (by_scalars if isinstance(step, Memories) else reduced)
    if (draw in (by_scalars, by_vectors)) != isinstance(step, Memories):
        raise InputError(f"{draw.__name__} does not draw {type(step).__name__}; leave sampler out")
    products, rows = draw(step, whole(count, "count, the number of draws,", 2), np.random.default_rng(np.random.SeedSequence(seed))), []
    known(form, FORMS, "form of memory strength")
    if not len(values):
        raise InputError("there is no memory strength; give one or more of at least 0")
    if debiased and (not isinstance(products, Products) or products.unbiased is None):
        raise InputError(f"{draw.__name__} draws no single samples, from which the bias is estimated; use sampler=direct")
    for strength in values:
        not_negative(strength, "a memory strength")
        retention, gap, progress, square = _inner(products, strength, form, debiased)
        share = float(np.mean(retention.reshape(count, -1).min(axis=1) < 0))
        others = ((row.mean(axis=0), row.std(axis=0, ddof=1) / math.sqrt(count)) for row in (gap, progress, retention, square))
        rows.append([(share, math.sqrt(max(share * (1 - share), 1 / count) / count)), *others])  # none in n draws is not never
    return {name: Estimate(np.array([row[i][0] for row in rows]), np.array([row[i][1] for row in rows]), count) for i, name in enumerate(QUANTITIES)}


def _inner(products: Products | Gradients, strength: float, form: str, debiased: bool) -> tuple[np.ndarray, ...]:
    """<z, gbar>, <z, g_m> - <z, gbar>, <z, g> and |z|^2; of the first two, one for each of several memories."""
    if not isinstance(products, Products):
        seen, at, edges = products
        z = moved(seen, edges, strength, form)[:, :, None]
        population, gap = (at @ z)[:, :, 0], ((seen - at) @ z)[:, 1:, 0]
        return population[:, 1:], gap, population[:, 0], np.sum(z**2, axis=(1, 2))
    v = multiplier(products, strength, form, debiased)
    retention, progress, square, seen = (np.sum(part, axis=-1) for part in (
        products.conflict + v * products.earlier, products.square + v * products.current,
        products.square + 2 * v * products.current + v**2 * products.memory, products.current + v * products.memory,
    ))  # fmt: skip
    return retention, seen - retention, progress, square


def _rows(counts: Sequence[int]) -> list[slice]:
    return [slice(*ends) for ends in pairwise(accumulate(counts, initial=0))]


def _data(start: Memories, counts: Sequence[int], drawn: int, rng: np.random.Generator, reduced: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw features and noise of the counted samples; return population gradients, and where groups begin, in the same coordinates.

    Reduced: outside the k coordinates of the population gradients the features of a group have a Gram matrix of Wishart's law, and are
    its Bartlett factor, after a rotation.
    """
    rows, parts, at = sum(counts), [], []
    for size, own in zip(start.sizes, start.coordinates, strict=True):
        k = own.shape[1]
        i = np.arange(min(rows, size - k) if reduced else size - k)
        parts.append(rng.standard_normal((drawn, rows, k + len(i))))
        at.append(np.pad(own, ((0, 0), (0, len(i)))))
        if reduced:
            parts[-1][:, :, k:] = np.tril(parts[-1][:, :, k:])
            parts[-1][:, i, k + i] = np.sqrt(rng.chisquare(size - k - i, (drawn, len(i))))
    noise = rng.standard_normal((drawn, rows)) * np.repeat(start.sigma, counts)
    return np.concatenate(parts, axis=2), noise, np.tile(np.concatenate(at, axis=1), (drawn, 1, 1)), np.cumsum([0, *(part.shape[2] for part in parts)])


def _means(features: np.ndarray, noise: np.ndarray, at: np.ndarray, rows: Sequence[slice]) -> np.ndarray:
    """Mean gradients over the samples of each, at theta - w; the population's where there are none."""
    seen = at.copy()
    for i, own in enumerate(rows):
        X = features[:, own]
        if X.shape[1]:
            seen[:, i] = (np.swapaxes(X, 1, 2) @ (X @ at[:, i, :, None] - noise[:, own, None]))[:, :, 0] / X.shape[1]
    return seen


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
