"""The law by brute force: write the estimate out in the entries of each task's projection and integrate the squared errors.

No recursion over expected scalars takes part: theta_t is a vector of polynomials in the entries of P_1, ..., P_t and of
the noise steps g_1, ..., g_t; a squared error is a polynomial of degree two in each task's variables, and it is
integrated over the last task first. Two facts enter: g_t is centred with covariance f_t k / d I given the past (it is
rotation-invariant, f_t the variance of what the trained blocks cannot explain), and the moments of `haar_moments`.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from haar_moments import expected_noise_step, projection_moment
from polynomials import Polynomial, add, constant, integrate, multiply, scale, squared_length, subtract, variable

from theory.problem import Task, TaskSequence


class InfiniteExpectation(Exception):
    """A step at the interpolation threshold meets noise."""


class DirectRoute:
    """Expected errors, step sizes and update magnitudes of a small sequence whose truths are vectors of fractions."""

    def __init__(self, seq: TaskSequence) -> None:
        self.seq = seq
        self.noise_variance: list[Polynomial] = []
        self.theta = {block: [constant(0)] * dimension for block, dimension in seq.blocks.items()}
        tasks = len(seq)
        self.errors = np.empty((tasks, tasks), dtype=object)
        self.step_sizes, self.update_magnitude, self.effective_noise = (np.empty(tasks, dtype=object) for _ in range(3))
        for t, task in enumerate(seq.tasks):
            previous = {block: list(entries) for block, entries in self.theta.items()}
            start = self._train(t, task)
            self.effective_noise[t] = self.expectation(self.noise_variance[t], t - 1)
            self.step_sizes[t] = self.expectation(self._distance(start, task.train), t)
            self.update_magnitude[t] = self.expectation(self._distance(previous, tuple(seq.blocks)), t)
            for i in range(tasks):
                self.errors[t, i] = self.expectation(self._distance(self._truth(i), tuple(seq.tasks[i].truth)), t)

    def _truth(self, i: int) -> dict[str, list[Polynomial]]:
        return {block: [constant(entry) for entry in truth.values.tolist()] for block, truth in self.seq.tasks[i].truth.items()}

    def _distance(self, point: dict[str, list[Polynomial]], blocks: tuple[str, ...]) -> Polynomial:
        return add(*(squared_length([subtract(x, y) for x, y in zip(self.theta[block], point[block])]) for block in blocks))

    def _train(self, t: int, task: Task) -> dict[str, list[Polynomial]]:
        truth = self._truth(t)
        untrained = tuple(block for block in task.truth if block not in task.train)
        self.noise_variance.append(add(self._distance(truth, untrained), constant(Fraction(task.noise) ** 2)))
        for block in task.train:
            if task.starts_from_zero(block):
                self.theta[block] = [constant(0)] * self.seq.blocks[block]
        start = {block: list(self.theta[block]) for block in task.train}
        if task.samples == 0:
            return start
        places = [(block, k) for block in task.train for k in range(self.seq.blocks[block])]
        miss = [subtract(truth[block][k], self.theta[block][k]) for block, k in places]
        silent = not self.noise_variance[t]
        determined = task.samples >= len(places)  # the data span everything: P is the identity
        for i, (block, k) in enumerate(places):
            projected = [miss[i]] if determined else [multiply(variable((t, "P", min(i, j), max(i, j))), other) for j, other in enumerate(miss)]
            full = add(*projected, {} if silent else variable((t, "g", i)))
            self.theta[block][k] = add(self.theta[block][k], scale(full, Fraction(task.scale_of(block))))
        return start

    def expectation(self, polynomial: Polynomial, last: int) -> Fraction:
        """Integrate over the data of the tasks ``last``, ``last - 1``, ..., 0."""
        for t in range(last, -1, -1):
            polynomial = integrate(polynomial, lambda v, t=t: v[0] == t, lambda inner, t=t: self._moment(inner, t))
        return polynomial.get((), Fraction(0))

    def _moment(self, inner: tuple[tuple, ...], t: int) -> Polynomial:
        n, d = self.seq.tasks[t].samples, self.seq.trained_dimension(t)
        noise = [v[2] for v in inner if v[1] == "g"]
        entries = tuple(v[2:] for v in inner if v[1] == "P")
        if len(noise) % 2 or (noise and noise[0] != noise[-1]):
            return constant(0)
        if not noise:
            return constant(projection_moment(entries, n, d))
        if entries or len(noise) > 2:
            raise ValueError(f"monomial {inner}: squared errors mix no noise step with its projection")
        if abs(n - d) <= 1:
            raise InfiniteExpectation(f"task {t}: n = {n}, d = {d}")
        return scale(self.noise_variance[t], expected_noise_step(n, d) / d)
