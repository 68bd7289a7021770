"""The law of training errors: E |A_i' theta_t - y_i|^2, the squared residual of task i's own samples after task t.

The estimate has seen A_i, so second moments of estimates and features have to be carried jointly. With x, y among theta
and the truths w_j, b and c blocks, the recursion keeps for every task i that is over

    F = E <A_b' theta_b, A_c' theta_c>,  G_j = E <A_b' theta_b, A_c' w_{j,c}>,  V = E |A_b|^2 |theta_c|^2,
    Y_j = E |A_b|^2 theta_c . w_{j,c},   e = E <A_b' theta_b, eps_i>.

A later step is independent of A_i given the past, so its first two moments (`theory.projections`) move them linearly.
At task i itself A = H S^{1/2}, H with q = min(n, d) orthonormal columns that point anywhere, S a Wishart matrix of q
eigenvalues and D = max(n, d) degrees of freedom, independent of H. So E[A A' | H] = D P with P = H H', and three
facts enter:

    E P_ab P_cd P_ef = c0 [ab cd ef] + c1 [6 pairings that keep one pair] + c2 [8 that keep none], from tr P = q and P^2 = P;
    E tr S tr S^{-1} = q (q D - 2) / (D - q - 1);   H's columns are exchangeable and orthonormal.

Tasks that are still to come have fresh samples: n_i (E L_i(theta_t) + sigma_i^2). Source: the project's derivation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.algebra import algebra_of
from theory.problem import Task, TaskSequence
from theory.recursion import Recursion, StepGeometry


def training_errors(seq: TaskSequence, outside: str, regimes: tuple[str, ...]) -> np.ndarray:
    """Compute ``[t, i]`` = E |A_i' theta_t - y_i|^2, shape (..., T, T), of an experiment whose law exists and is without memory."""
    recursion = _Training(seq, algebra_of(seq), outside, regimes)
    recursion.run()
    return recursion.algebra.finish(recursion.found)


@dataclass
class _Seen:
    """Joint moments of a past task's features with the estimate, shapes (..., B, B), (..., B, B, T) and (..., B)."""

    F: np.ndarray
    G: np.ndarray
    V: np.ndarray
    Y: np.ndarray
    e: np.ndarray


class _Training(Recursion):
    """The recursion of errors, with the moments of every task's own samples beside it."""

    def __init__(self, seq: TaskSequence, *how: Any) -> None:
        super().__init__(seq, *how)
        tasks = len(seq)
        self.found, self.seen = self.algebra.zeros(tasks, tasks), []
        self.size = self._blocks(map(self.algebra.lift, seq.blocks.values()))
        self.grams = np.stack([np.broadcast_to(self.gram[b], (*self.algebra.lead, tasks, tasks)) for b in seq.blocks], axis=-3)
        self.counts = [self._spread(self.algebra.lift(task.samples)) for task in seq.tasks]

    def train(self, t: int, task: Task) -> tuple[Any, Any, Any]:
        """Apply task ``t``; note down the training errors after it."""
        result = super().train(t, task)
        for i, other in enumerate(self.seq.tasks):
            used = [block in other.truth for block in self.seq.blocks]
            ahead = sum(self.distances(block)[..., i] for block in other.truth) + self.algebra.noise_variance[i]
            untouched = i < t and not set(task.train) & set(other.truth)
            self.found[..., t, i] = self.counts[i] * ahead if i > t else self.found[..., t - 1, i] if untouched else self._residual(i, used)
        if task.takes_full_step:
            self.found[..., t, t] = np.where(self.over, self.algebra.zeros(), self.found[..., t, t])
        return result

    def reset(self, t: int, task: Task) -> dict[str, tuple[Any, Any]]:
        """Put blocks at their start, and move the moments by the step that follows."""
        before = super().reset(t, task)
        self._step(t, task)
        return before

    def _residual(self, i: int, used: list[bool]) -> Any:
        """E |sum_b A_b' (theta_b - w_b) - eps|^2 over the blocks that task i uses."""
        seen, inside = self.seen[i], np.outer(used, used)
        own = self.counts[i][..., None] * self.grams[..., i, i] - 2 * seen.e
        pairs = seen.F - 2 * seen.G[..., i]
        return np.where(inside, pairs, 0).sum((-2, -1)) + np.where(used, own, 0).sum(-1) + self.counts[i] * self.algebra.noise_variance[i]

    def _step(self, t: int, task: Task) -> None:
        """Move the moments of earlier tasks by the step of task ``t``, and begin those of its own samples."""
        names = list(self.seq.blocks)
        geometry = StepGeometry(t, task.samples, self.seq.trained_dimension(t), self.algebra, self.outside, self.regimes[t])
        moments = geometry.moments()
        self.over = self._spread(geometry.over, bool)
        trained, used = (np.array([block in those for block in names]) for those in (task.train, task.truth))
        scale = self._blocks(self.algebra.lift(task.scale_of(block) if block in task.train else 0) for block in names)
        # least squares forget where they start, so that they may as well start from zero
        kept = ~(np.array([task.starts_from_zero(block) for block in names]) | (trained & ~self.over[..., None] & (scale == 1)))
        products = np.stack([np.broadcast_to(self.products(block), self.grams.shape[:-3] + (len(self.seq),)) for block in names], axis=-2)
        products = np.where(kept[..., None], products, 0)
        square = np.where(kept, self._blocks(self.square[block] for block in names), 0)
        truth = self.grams[..., t, :]
        error = truth[..., t] - 2 * products[..., t] + square
        f = np.where(used & ~trained, error, 0).sum(-1) + self.algebra.noise_variance[t]
        k = 0 if moments.k is None else moments.k if geometry.exact else np.where(f == 0, 0, moments.k)
        n, d, a, b, m, k, f, variance = (
            self._spread(value)[..., None, None] for value in (geometry.n, geometry.d, moments.a, moments.b, moments.m, k, f, self.algebra.noise_variance[t])
        )
        # of blocks b (rows) and c (columns), as in the formulas
        one, d_b, d_c, s_b, s_c = np.eye(len(names), dtype=int), *_both(self.size), *_both(scale)
        truth_b, truth_c = truth[..., :, None, :], truth[..., None, :, :]
        kept_b, kept_c = _both(kept)
        for i, seen in enumerate(self.seen):
            count = self._spread(self.counts[i])[..., None, None]
            F, G = np.where(kept_b & kept_c, seen.F, 0), np.where(kept_b[..., None], seen.G, 0)
            V, Y = np.where(kept_c, seen.V, 0), np.where(kept_c[..., None], seen.Y, 0)
            to_b, to_c = _turned(G[..., t]) - F, G[..., t] - F
            missed = V - 2 * Y[..., t] + count * d_b * truth_c[..., t]
            noise = count * d_b * variance + np.where(used & ~trained, missed, 0).sum(-1, keepdims=True)
            every = a * np.where(trained, missed, 0).sum(-1, keepdims=True) + k * noise / d
            self.seen[i] = _Seen(
                F + m * (s_b * to_b + s_c * to_c) + s_b * s_c * (b * (one * count * truth_c[..., t] - F - to_b - to_c) + one * every),
                G + (m * s_b)[..., None] * ((one * count)[..., None] * truth_c - G),
                V + 2 * m * s_c * (Y[..., t] - V) + s_c**2 * (d_c * every + b * missed),
                Y + (m * s_c)[..., None] * ((count * d_b)[..., None] * truth_c - Y),
                np.where(kept, seen.e, 0) * (1 - m[..., 0] * scale),
            )
        q, longer = np.where(self.over[..., None, None], n, d), np.where(self.over[..., None, None], d, n)
        c2 = a * (d - 2 * q) / ((d + 4) * np.where(d == 2, 1, d - 2))  # for d = 2 the pairings depend on one another, and 0 will do
        c1 = (a - (d + 2) * c2) / 2
        c0 = b - a - (d + 1) * c1 - 2 * c2
        error_b, error_c = _both(error)
        total = np.where(trained, error, 0).sum(-1)[..., None, None]
        equal = q * f * (d_b * d_c + 2 * one * d_b)
        unequal = k * f * (longer + 1) * np.where(q == d, 1, (q - 1) / np.where(d == 1, 1, d - 1))
        lengths = c0 * d_b * error_c + c1 * (d_b * (d_c * total + error_c) + 4 * one * error_c)
        lengths = lengths + 2 * c2 * (one * (2 * error_c + d_c * total) + d_c * error_b)
        lengths = longer * lengths + (equal + unequal * ((d + 1) * d_b * d_c - 2 * one * d_b)) / (d * (d + 2))
        apart = n * d_b * (a * d_c * total + b * error_c) + k * d_c / d * (n * d_b * f + 2 * error_b)
        images = c0 * one * error_b + c1 * (one * (3 * error_b + d_b * total) + d_c * error_b + d_b * error_c)
        images = images + c2 * (d_b * d_c * total + d_b * error_c + d_c * error_b + one * (d_b * total + 4 * error_b))
        images = longer * images + (equal + unequal * (one * d * d_b - d_b * d_c)) / (d * (d + 2))
        norms = np.where(trained[:, None], longer * ((b - a) * d_b + 2 * a * one), n * d_b * m)  # E |A_b|^2 P_cc
        turned = np.where(trained, longer * (b * one + a * d_b), m * d_b)
        towards, back = (truth - products)[..., None, :, :], (products[..., t] - square)[..., None, :]
        self.seen.append(_Seen(
            n * one * square[..., None, :] + s_b * turned * back + _turned(s_b * turned * back) + s_b * s_c * images,
            (n * one)[..., None] * products[..., None, :, :] + (s_b * turned)[..., None] * towards,
            n * d_b * square[..., None, :] + s_c * (2 * norms * back + s_c * np.where(trained[:, None], lengths, apart)),
            (n * d_b)[..., None] * products[..., None, :, :] + (s_c * norms)[..., None] * towards,
            m[..., 0] * scale * self.size * variance[..., 0],
        ))

    def _spread(self, value: Any, dtype: Any = None) -> np.ndarray:
        """One value for every entry of the leading axes."""
        return np.broadcast_to(np.asarray(value, dtype=dtype or (object if self.algebra.exact else float)), self.algebra.lead)

    def _blocks(self, values: Iterable[Any]) -> np.ndarray:
        return np.stack([self._spread(value) for value in values], axis=-1)


def _both(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of block b along the rows, and of block c along the columns."""
    return values[..., :, None], values[..., None, :]


def _turned(matrix: np.ndarray) -> np.ndarray:
    return np.swapaxes(matrix, -2, -1)
