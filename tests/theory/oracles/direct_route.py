"""The law by integration: E theta and E theta theta', entry by entry in the parameters, carried from task to task.

No recursion over blocks takes part. Given the past, task t moves the trained entries by S (P (w - start) + g), with P the
projection on the span of its data and S the scales. Two facts enter: the integrals of `haar_moments` for E P_ij and
E P_ij P_kl, and that g is centred, independent of P and rotation-invariant, hence of covariance f k / d I, where f is the
variance of what the trained blocks cannot explain.
"""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from haar_moments import expected_noise_step, projection_moment

from theory.problem import Task, TaskSequence


class InfiniteExpectation(Exception):
    """A step at the interpolation threshold meets noise."""


class DirectRoute:
    """Expected errors, step sizes and update magnitudes of a sequence whose truths are vectors of fractions."""

    def __init__(self, seq: TaskSequence) -> None:
        self.seq = seq
        tasks, size = len(seq), sum(seq.blocks.values())
        self.truths = [
            np.concatenate([task.truth[b].values.astype(object) if b in task.truth else [0] * d for b, d in seq.blocks.items()]) for task in seq.tasks
        ]
        self.mean, self.square = np.full(size, Fraction(0)), np.full((size, size), Fraction(0))
        self.errors = np.empty((tasks, tasks), dtype=object)
        self.step_sizes, self.update_magnitude, self.effective_noise = (np.empty(tasks, dtype=object) for _ in range(3))
        self.means, self.products = [], {}  # of estimates, and of two of them, parameter by parameter
        for t, task in enumerate(seq.tasks):
            self.effective_noise[t] = self._error(t, set(task.truth) - set(task.train)) + Fraction(task.noise) ** 2
            self.step_sizes[t], self.update_magnitude[t] = self._train(t, task)
            self.means.append(self.mean)
            self.products[t, t] = self.square.diagonal()
            self.errors[t] = [self._error(i, seq.tasks[i].truth) for i in range(tasks)]

    def averaged(self, weights: np.ndarray) -> np.ndarray:
        """Errors of the sums of estimates whose weights stand in the rows."""
        found = np.empty_like(self.errors)
        for t, i in np.ndindex(found.shape):
            square = sum(weights[t, r] * weights[t, s] * self.products[min(r, s), max(r, s)] for r in range(t + 1) for s in range(t + 1))
            mean, w = sum(weights[t, s] * self.means[s] for s in range(t + 1)), self.truths[i]
            found[t, i] = sum((square - 2 * mean * w + w**2) * self._entries(dict.fromkeys(self.seq.tasks[i].truth, 1)), Fraction(0))
        return found

    def _entries(self, value_of: dict[str, object]) -> np.ndarray:
        """The value of its block for every parameter, 0 for blocks that are not named."""
        return np.concatenate([np.full(d, value_of.get(block, 0), dtype=object) for block, d in self.seq.blocks.items()])

    def _error(self, i: int, blocks: Iterable[str]) -> Fraction:
        """E |theta - w_i|^2 over some blocks."""
        w = self.truths[i]
        return sum((self.square.diagonal() - 2 * self.mean * w + w**2) * self._entries(dict.fromkeys(blocks, 1)), Fraction(0))

    def _train(self, t: int, task: Task) -> tuple[Fraction, Fraction]:
        """Move the moments; return step size and update magnitude."""
        w, n, d = self.truths[t], task.samples, self.seq.trained_dimension(t)
        trained, scale = self._entries(dict.fromkeys(task.train, 1)), self._entries({b: task.scale_of(b) for b in task.train})
        kept = 1 - self._entries({b: 1 for b in task.train if task.starts_from_zero(b)})
        start_mean, start = kept * self.mean, np.outer(kept, kept) * self.square
        missed = np.outer(trained, trained) * (start - np.outer(start_mean, w) - np.outer(w, start_mean) + np.outer(w, w))
        share, same, crossed, noise = _step_moments(n, d, self.effective_noise[t])
        everywhere = np.diag(trained) * (crossed * missed.trace() + noise)
        step = np.outer(scale, scale) * ((same + crossed) * missed + everywhere)
        along = (np.outer(self.mean, w) - self.square * kept) * (share * scale)  # E theta_{t-1} step'
        moved = kept[:, None] * along
        for s, mean in enumerate(self.means):
            held = kept * self.products[s, t - 1]
            self.products[s, t] = held + share * scale * (w * mean - held)
        before, square = self.square, start + moved + moved.T + step
        self.mean, self.square = start_mean + share * scale * (w - start_mean), square
        return step.trace(), square.trace() - 2 * ((before * kept).trace() + along.trace()) + before.trace()


def _step_moments(n: int, d: int, variance: Fraction) -> tuple[Fraction, Fraction, Fraction, Fraction]:
    """E P_00, E P_00 P_11, E P_01 P_01, and the variance of the noise step in each parameter."""
    if n == 0:
        return (Fraction(0),) * 4
    if variance and abs(n - d) <= 1:
        raise InfiniteExpectation(f"n = {n}, d = {d}")
    noise = variance * expected_noise_step(n, d) / d if variance else Fraction(0)
    if n >= d:  # the data span everything: P is the identity
        return Fraction(1), Fraction(1), Fraction(0), noise
    return projection_moment(((0, 0),), n, d), projection_moment(((0, 0), (1, 1)), n, d), projection_moment(((0, 1), (0, 1)), n, d), noise
