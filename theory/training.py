"""The law of training errors: E |A_i' theta_t - y_i|^2, the squared residual of task i's own samples after task t.

The estimate has seen A_i, so second moments of estimates and features have to be carried jointly. With x, y among theta
and the truths w_j, b and c blocks, the recursion keeps

    K_c[x, y] = E x_c . y_c,   and for every past task i   V_bc[x, y] = E |A_b|^2 x_c . y_c,   F_bc[x, y] = E <A_b' x_b, A_c' y_c>.

Label noise is one more block: a single parameter that no task trains, with the truth sigma. A later step is independent
of A_i given the past, so its first two moments (`theory.projections`) move all three alike. At task i itself A = H S^{1/2}, H
with q = min(n, d) orthonormal columns that point anywhere, S a Wishart matrix of size q with D = max(n, d) degrees of
freedom, independent of H. So E[A A' | H] = D P with P = H H', and what is left are moments of P up to the third and
E tr S tr S^{-1}. Samples of tasks that are still to come are fresh, and their residuals n_i times those of a new one.
Source: the project's derivation.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from theory.algebra import ExactAlgebra, FloatAlgebra, algebra_of
from theory.problem import TaskSequence
from theory.projections import third_moment, trace_product
from theory.recursion import StepGeometry, require_usual
from theory.values import FrozenArray, is_grid


def training_errors(seq: TaskSequence, outside: str, regimes: tuple[str, ...]) -> np.ndarray:
    """Compute ``[t, i]`` = E |A_i' theta_t - y_i|^2, shape (..., T, T), of an experiment without memory, under the least step."""
    require_usual(seq, rules=False)
    seq = _noise_as_a_block(seq)
    algebra, tasks = algebra_of(seq), seq.tasks
    moments, found = _Joint(seq, algebra), algebra.zeros(len(tasks), len(tasks))
    for t, task in enumerate(tasks):
        moments.step(t, StepGeometry(t, task.samples, seq.trained_dimension(t), algebra, outside, regimes[t]))
        for i in range(len(tasks)):
            found[..., t, i] = moments.residual(i)
        if task.takes_full_step:  # fits all samples, if they are fewer than parameters; said outright, it is exact in floats
            found[..., t, t] = np.where(moments.over, algebra.zeros(), found[..., t, t])
    empty = moments._blocks(algebra.lift(task.samples) == 0 for task in tasks)[..., None, :]
    return algebra.finish(np.where(empty, algebra.zeros(len(tasks), len(tasks)), found))


def _noise_as_a_block(seq: TaskSequence) -> TaskSequence:
    name = "".join(seq.blocks) + "'"  # unlike all others
    squares = [FrozenArray(task.noise.values**2) if is_grid(task.noise) else task.noise**2 for task in seq.tasks]
    gram = [[square if i == t else 0 for i in range(len(squares))] for t, square in enumerate(squares)]
    tasks = [replace(task, truth={**task.truth, name: f"{t}"}) for t, task in enumerate(seq.tasks)]
    return replace(seq, blocks={**seq.blocks, name: 1}, tasks=tasks, gram={**seq.gram, name: gram})


class _Joint:
    """The moments K, V and F; the last two axes of each are x and y, theta first, those before are blocks b and c."""

    def __init__(self, seq: TaskSequence, algebra: FloatAlgebra | ExactAlgebra) -> None:
        self.seq, self.algebra = seq, algebra
        self.K = algebra.zeros(1, len(seq.blocks), len(seq) + 1, len(seq) + 1)
        for c, block in enumerate(seq.blocks):
            self.K[..., 0, c, 1:, 1:] = algebra.gram[block]
        self.past: list[tuple[np.ndarray, np.ndarray]] = []  # V and F of every task so far
        self.size = self._blocks(map(algebra.lift, seq.blocks.values()))
        self.over: Any = None

    def residual(self, i: int) -> np.ndarray:
        """E |A_i' theta - y_i|^2 at present, of samples that were learned or are still to come."""
        used = np.isin(list(self.seq.blocks), list(self.seq.tasks[i].truth))
        if i < len(self.past):
            return np.where(np.outer(used, used), _missed(self.past[i][1], i), 0).sum((-2, -1))
        return np.where(used, _missed(self.K, i), 0).sum((-2, -1)) * self._spread(self.algebra.lift(self.seq.tasks[i].samples))

    def step(self, t: int, geometry: StepGeometry) -> None:
        """Apply task ``t``."""
        task, moments, names = self.seq.tasks[t], geometry.moments(), list(self.seq.blocks)
        self.over = self._spread(geometry.over)
        trained, used = np.isin(names, task.train), np.isin(names, list(task.truth))
        fixed = used & ~trained
        scale = self._blocks(self.algebra.lift(task.scale_of(block) if block in task.train else 0) for block in names)
        # least squares forget where they start, so that they may as well start from zero
        kept = ~(np.array([task.starts_from_zero(block) for block in names]) | (~self.over[..., None] & (scale == 1)))
        (d_b, d_c), (s_b, s_c), (kept_b, kept_c) = map(_both, (self.size, scale, kept))
        K = _started(self.K, kept_c, kept_c)
        error = _missed(K, t)
        f = np.where(fixed, error, 0).sum(-1, keepdims=True)
        a, b, m, k, _ = moments if moments.k is not None else moments._replace(k=0)  # at the threshold, where f vanishes
        n, d, a, b, m, k = (self._spread(value)[..., None, None] for value in (geometry.n, geometry.d, a, b, m, k))
        k = k if geometry.exact else np.where(f == 0, 0, k)
        one = np.eye(len(names), dtype=int)

        def moved(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            """K or V after the step, and the part of its second moment that points anywhere."""
            missed = _missed(lengths, t)
            total, kept = (np.where(blocks, missed, 0).sum(-1, keepdims=True) for blocks in (trained, fixed))
            every = np.where(a == 0, 0, a * total) + np.where(k == 0, 0, k / d * kept)  # nothing is left of a blank times 0
            along = (m * s_c)[..., None] * (lengths[..., t + 1, :] - lengths[..., 0, :])
            return _added(lengths, along, along, s_c**2, d_c * every + b * missed), every

        for i, (V, F) in enumerate(self.past):
            F, (V, every) = _started(F, kept_b, kept_c), moved(_started(V, kept_c, kept_c))
            along_b, along_c = F[..., t + 1, :] - F[..., 0, :], F[..., t + 1] - F[..., 0]
            both = b * _missed(F, t) + one * every
            self.past[i] = V, _added(F, (m * s_b)[..., None] * along_b, (m * s_c)[..., None] * along_c, s_b * s_c, both)

        q, longer = np.where(self.over[..., None, None], n, d), np.where(self.over[..., None, None], d, n)  # q and D
        c0, c1, c2 = third_moment(q, d, a, b)
        e_b, e_c = np.swapaxes(error, -2, -1), error
        total = np.where(trained, error, 0).sum(-1, keepdims=True)
        alike, unlike = q * f * (d_b * d_c + 2 * one * d_b), f * (trace_product(k, q, longer) - q) / np.where(d == 1, 1, d - 1)
        lengths = c0 * d_b * e_c + c1 * (d_b * (d_c * total + e_c) + 4 * one * e_c) + 2 * c2 * (one * (2 * e_c + d_c * total) + d_c * e_b)
        lengths = longer * lengths + (alike + unlike * ((d + 1) * d_b * d_c - 2 * one * d_b)) / (d * (d + 2))
        apart = n * d_b * (a * d_c * total + b * e_c) + k * d_c / d * (n * d_b * f + 2 * e_b)  # |A_b|^2 of a block that is not trained
        images = c0 * one * e_b + c1 * (one * (3 * e_b + d_b * total) + d_c * e_b + d_b * e_c)
        images = images + c2 * (d_b * d_c * total + d_b * e_c + d_c * e_b + one * (d_b * total + 4 * e_b))
        images = longer * images + (alike + unlike * (one * d * d_b - d_b * d_c)) / (d * (d + 2))
        share = s_c * np.where(trained[:, None], longer * ((b - a) * d_b + 2 * a * one), n * d_b * m)  # E |A_b|^2 of P_cc
        image = s_b * np.where(trained, longer * (b * one + a * d_b), m * d_b)  # E of A_c' A_b P_bc
        towards = K[..., t + 1, :] - K[..., 0, :]
        along = share[..., None] * towards
        V = _added((n * d_b)[..., None, None] * K, along, along, s_c**2, np.where(trained[:, None], lengths, apart))
        along = image[..., None] * towards
        self.past.append((V, _added((n * one)[..., None, None] * K, along, np.swapaxes(along, -3, -2), s_b * s_c, images)))
        self.K = moved(K)[0]

    def _spread(self, value: Any) -> np.ndarray:
        """One value for every entry of the leading axes."""
        return np.broadcast_to(np.asarray(value), self.algebra.lead)

    def _blocks(self, values: Iterable[Any]) -> np.ndarray:
        return np.stack([self._spread(value) for value in values], axis=-1)


def _both(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of block b along the rows, and of block c along the columns."""
    return values[..., :, None], values[..., None, :]


def _missed(moments: np.ndarray, t: int) -> np.ndarray:
    """The moment of theta - w_t with itself."""
    return moments[..., 0, 0] - moments[..., 0, t + 1] - moments[..., t + 1, 0] + moments[..., t + 1, t + 1]


def _started(moments: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Put theta to zero in blocks that are not kept, on the left and on the right."""
    moments = moments.copy()
    moments[..., 0, :] = np.where(left[..., None], moments[..., 0, :], 0)
    moments[..., 0] = np.where(right[..., None], moments[..., 0], 0)
    return moments


def _added(moments: np.ndarray, left: np.ndarray, right: np.ndarray, scale: np.ndarray, both: np.ndarray) -> np.ndarray:
    """Add to theta what has these moments, on the left, on the right and, times ``scale``, with itself; nothing is left of a blank times 0."""
    moments = moments.copy()
    moments[..., 0, :] += left
    moments[..., 0] += right
    moments[..., 0, 0] += np.where(scale == 0, 0, scale * both)
    return moments
