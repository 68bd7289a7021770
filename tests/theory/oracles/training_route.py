"""Training errors by integration, entry by entry: E C_jk, E C_jk theta_l, E C_jk theta_l theta_m and E (A eps)_j theta_l with C = A A'.

No blocks, and no closed form of third moments: at task i the integrals of `haar_moments` give those of the projection, and
E[A A' | P] = max(n, d) P. The noise step g = A^+ nu has E C_jk g_l g_m = f (X jk lm + Y [jl km + jm kl]); both traces of it,
E tr S tr S^{-1} = k (q D - 2) by the score of a scaled Wishart matrix and E tr P, fix X and Y.
"""

from fractions import Fraction
from itertools import product

import numpy as np
from direct_route import DirectRoute, _step_moments
from haar_moments import expected_noise_step, projection_moment

from theory.problem import Task, TaskSequence


def _pairs(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """left[..., l] right[..., m] + left[..., m] right[..., l]"""
    made = left[..., :, None] * right[..., None, :]
    return made + np.swapaxes(made, -1, -2)


class TrainingRoute(DirectRoute):
    """Expected training errors ``training[t, i]`` of a sequence whose truths are vectors of fractions."""

    def __init__(self, seq: TaskSequence) -> None:
        self.joint: dict[int, list[np.ndarray]] = {}
        self.training = np.empty((len(seq), len(seq)), dtype=object)
        super().__init__(seq)

    def _train(self, t: int, task: Task) -> tuple[Fraction, Fraction]:
        for i in self.joint:
            self._follow(i, t, task)
        self.joint[t] = self._begin(t, task)
        result = super()._train(t, task)
        for i, other in enumerate(self.seq.tasks):
            ahead = other.samples * (self._error(i, other.truth) + Fraction(other.noise) ** 2)
            self.training[t, i] = self._residual(i) if i in self.joint else ahead
        return result

    def _sets(self, task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Entries that the task trains, those that it uses besides, the scales, and the entries that keep their value before the step."""
        trained, used = self._entries(dict.fromkeys(task.train, 1)), self._entries(dict.fromkeys(task.truth, 1))
        scales, kept = {b: task.scale_of(b) for b in task.train}, {b: 1 for b in task.train if task.starts_from_zero(b)}
        return trained, used - trained, self._entries(scales), 1 - self._entries(kept)

    def _follow(self, i: int, t: int, task: Task) -> None:
        C, M1, M2, E1 = self.joint[i]
        w, n, d = self.truths[t], task.samples, self.seq.trained_dimension(t)
        trained, fixed, scale, kept = self._sets(task)
        M1, M2, E1 = M1 * kept, M2 * np.outer(kept, kept), E1 * kept
        whole = M2 - _pairs(M1, w) + C[..., None, None] * np.outer(w, w)
        missed = whole * np.outer(trained, trained)
        f = C * Fraction(task.noise) ** 2 + np.einsum("jkll,l->jk", whole, fixed)
        share, same, crossed, _ = _step_moments(n, d, Fraction(0))
        noise = f * (expected_noise_step(n, d) / d) if n and f.any() else f * 0
        every = (crossed * np.einsum("jkll->jk", missed) + noise)[..., None, None] * np.diag(trained)
        along = (M1[..., :, None] * w - M2) * (share * scale)
        M2 = M2 + along + np.swapaxes(along, -1, -2) + np.outer(scale, scale) * ((same + crossed) * missed + every)
        self.joint[i] = [C, M1 + share * scale * (C[..., None] * w - M1), M2, E1 * (1 - share * scale)]

    def _begin(self, t: int, task: Task) -> list[np.ndarray]:
        w, n, d, size = self.truths[t], task.samples, self.seq.trained_dimension(t), len(self.mean)
        trained, fixed, scale, kept = self._sets(task)
        mean, square = kept * self.mean, np.outer(kept, kept) * self.square
        x, start_x = w - mean, np.outer(mean, w) - square  # E x_a and E start_l x_a of x = w - start
        xx = square - _pairs(mean, w) + np.outer(w, w)
        f, q, longer, share = self.effective_noise[t], min(n, d), max(n, d), Fraction(min(n, d), d)
        unit = expected_noise_step(n, d) / d if n and f else Fraction(0)
        Y = (unit * (q * longer - 2) - share * d) / (2 - d * (d + 1)) if d > 1 and unit else Fraction(0)
        X = share - (d + 1) * Y

        def P(*entries: tuple[int, int]) -> Fraction:
            if n >= d:
                return Fraction(all(j == k for j, k in entries))
            return projection_moment(entries, n, d) if n else Fraction(0)

        own = np.flatnonzero(trained).tolist()
        C = np.diag((trained + fixed) * n)
        M1, M2, E1 = C[..., None] * mean, C[..., None, None] * square, np.diag(scale) * (share * Fraction(task.noise) ** 2)
        for j, k, step in product(range(size), range(size), own):
            if trained[j] and trained[k]:
                towards = {a: longer * P((j, k), (step, a)) for a in own}
            else:
                towards = {step: share * n * (j == k)} if fixed[j] and fixed[k] else {}
                towards |= {k: share * (j == step)} if trained[j] and fixed[k] else {j: share * (k == step)} if fixed[j] and trained[k] else {}
            M1[j, k, step] += scale[step] * sum(p * x[a] for a, p in towards.items())
            gained = scale[step] * sum(p * start_x[:, a] for a, p in towards.items())
            M2[j, k, :, step] += gained
            M2[j, k, step, :] += gained
            for m in own:
                if trained[j] and trained[k]:
                    both = longer * sum(P((j, k), (step, a), (m, b)) * xx[a, b] for a, b in product(own, own))
                    both += f * (X * (j == k) * (step == m) + Y * ((j == step) * (k == m) + (j == m) * (k == step)))
                elif fixed[j] and fixed[k]:
                    both = n * (j == k) * sum(P((step, a), (m, b)) * xx[a, b] for a, b in product(own, own))
                    both += unit * (step == m) * (n * (j == k) * f + 2 * xx[j, k])
                elif (trained[j] and fixed[k]) or (fixed[j] and trained[k]):
                    inside, outside = (j, k) if trained[j] else (k, j)
                    both = sum((P((inside, step), (m, a)) + P((inside, m), (step, a))) * xx[outside, a] for a in own)
                else:
                    both = 0
                M2[j, k, step, m] += scale[step] * scale[m] * both
        return [C, M1, M2, E1]

    def _residual(self, i: int) -> Fraction:
        (C, M1, M2, E1), w, task = self.joint[i], self.truths[i], self.seq.tasks[i]
        used = self._entries(dict.fromkeys(task.truth, 1))
        whole = M2 - _pairs(M1, w) + C[..., None, None] * np.outer(w, w)
        return np.einsum("jkjk,j,k->", whole, used, used) - 2 * (E1.diagonal() * used).sum() + task.samples * Fraction(task.noise) ** 2
