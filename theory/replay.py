"""Exact laws for replay: stored samples of earlier tasks are fitted along with the new ones.

They cover experiments in which every task uses and trains the same parameters with full steps, so that the blocks
act as one of dimension p. Rows of task s among the data of a step: n_s, in all nbar; D_{s,s'} = |w_s - w_s'|^2.
The part of theta - w_i inside the span of the data has expected squared length

    R_i = sum_s (n_s / p) D_{s,i} + [sum_s n_s sigma_s^2 + sum_{s<s'} n_s n_s' D_{s,s'} / p] / (p - nbar - 1).

If the m stored rows were fitted before, the step moves inside their orthogonal complement, of dimension p - m, and
meets there n = nbar - m fresh directions:

    E_{t,i} = R_i + (1 - n / (p - m)) (E_{t-1,i} - R'_i),   R' = R of the stored rows alone.

A start from zero is the case without stored rows, E_{t-1,i} = |w_i|^2 and all nbar rows fresh. Memory of a task that was
only drawn (scale 0) has never been trained on, so its rows are fresh too: E_{t,i} = R_i + (1 - nbar / p) E_{t-1,i}. Source: the project's
derivation; hard constraints on the stored samples (OGD and GEM with equality) are the case of two tasks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from theory.algebra import ExactAlgebra, FloatAlgebra
from theory.errors import DomainError, NoClosedForm
from theory.problem import PREVIOUS, TaskSequence
from theory.recursion import Law, StepGeometry
from theory.values import is_grid, is_symbolic


def replay_law(seq: TaskSequence, algebra: FloatAlgebra | ExactAlgebra, outside: str, regimes: tuple[str, ...]) -> Law:
    """Compute the law of a sequence with memory; see `theory.law.expected_errors` for the arguments.

    Raises
    ------
    NoClosedForm
        Names the requirement that fails: one set of blocks, full steps, equal weights, stored rows that the previous
        estimate fits, at most p rows.
    """
    for t in range(len(seq)):
        _require_one_block(seq, t)
    return _Replay(seq, algebra, outside, regimes).run()


def _require_one_block(seq: TaskSequence, t: int) -> None:
    task = seq.tasks[t]
    if set(task.train) != set(seq.blocks):
        reason = f"trains {sorted(task.train)} of the blocks {sorted(seq.blocks)}"
    elif not task.takes_full_step and not (task.takes_no_step and not task.memory and task.start == PREVIOUS):
        reason = f"takes a partial step (scale={task.scale!r})"
    elif not task.equally_weighted:
        reason = f"weighs its blocks unequally ({task.weights})"
    elif len({task.starts_from_zero(block) for block in task.train}) > 1:
        reason = f"starts some blocks from zero and others not ({task.start})"
    else:
        return
    raise NoClosedForm(f"task {t} {reason}; with memory the law exists only when every task trains all blocks alike. Simulate it instead")


class _Replay:
    """Expected squared distances of the estimate to every truth and (last column) to zero, task after task."""

    def __init__(self, seq: TaskSequence, algebra: FloatAlgebra | ExactAlgebra, outside: str, regimes: tuple[str, ...]) -> None:
        self.seq, self.algebra, self.outside, self.regimes = seq, algebra, outside, regimes
        self.dimension = seq.trained_dimension(0)
        self.p = algebra.lift(self.dimension)
        products = sum(algebra.gram[block] for block in seq.blocks)
        tasks = len(seq)
        padded = algebra.zeros(tasks + 1, tasks + 1)
        padded[..., :tasks, :tasks] = products
        square = np.einsum("...ii->...i", padded)
        self.distance = square[..., :, None] + square[..., None, :] - 2 * padded
        self.error = square.copy()
        self.fitted: dict[int, Any] = {}
        self.unseen = {t for t, task in enumerate(seq.tasks) if task.takes_no_step}  # drawn, never trained on
        self.least_norm = True  # theta is the least-norm fit of the rows in `fitted`
        self.conditions: list[Any] = []
        self.unknown_updates: list[int] = []

    def run(self) -> Law:
        tasks = len(self.seq)
        errors = self.algebra.zeros(tasks, tasks)
        steps, updates, noises = (self.algebra.zeros(tasks) for _ in range(3))
        for t in range(tasks):
            steps[..., t], updates[..., t] = self.train(t)
            errors[..., t, :] = self.error[..., :tasks]
            noises[..., t] = self.algebra.noise_variance[t]
        finish = self.algebra.finish
        return Law(finish(errors), finish(steps), finish(noises), tuple(self.conditions), finish(updates), tuple(self.unknown_updates))

    def train(self, t: int) -> tuple[Any, Any]:
        """Apply task ``t``; return its step size and update magnitude."""
        task = self.seq.tasks[t]
        stored = {s: count for s, count in (task.memory or {}).items() if is_symbolic(count) or count > 0}
        restart = all(task.starts_from_zero(block) for block in task.train)
        previous, previous_fit, was_least = self.error, self.fitted, self.least_norm
        if restart:
            self.error, self.fitted, self.least_norm = self.distance[..., -1].copy(), {}, True
        if t in self.unseen:
            return self.algebra.zeros(), self.algebra.zeros()
        step = self._fit_with_memory(t, stored, restart) if stored else self._fit_fresh(t)
        self.unseen = self.unseen.difference(stored)
        if not restart:
            return step, step
        return step, self._restart_update(t, stored, previous, previous_fit, was_least)

    def _fit_fresh(self, t: int) -> Any:
        task = self.seq.tasks[t]
        geometry = StepGeometry(t, task.samples, self.dimension, self.algebra, self.outside, self.regimes[t])
        if geometry.condition is not None:
            self.conditions.append(geometry.condition)
        moments = geometry.moments()
        noise = geometry.noise_part(moments, self.algebra.noise_variance[t])
        step = self.error[..., t] * moments.m + noise
        m = moments.m if geometry.exact else np.asarray(moments.m)[..., None]
        kept = self.error * (1 - m) if geometry.exact else np.where(m == 1, 0.0, self.error * (1 - m))  # nothing is kept of a blank
        self.error = self.distance[..., t, :] * m + kept + noise[..., None]
        if np.any(geometry.n != 0):
            over = bool(np.all(geometry.over))
            self.least_norm = self.least_norm and not self.fitted and over
            self.fitted = {t: _plain_count(task.samples)} if over else {}
        return step

    def _fit_with_memory(self, t: int, stored: dict[int, Any], restart: bool) -> Any:
        own = _plain_count(self.seq.tasks[t].samples)
        unseen = not restart and set(stored) <= self.unseen
        if not restart and not unseen:
            self._require_fitted(t, stored)
            if np.all(own == 0):  # every row is fitted already
                return self.algebra.zeros()
        rows = {**stored, t: own}
        kept = {} if restart or unseen else stored
        inside, inside_kept = self._inside(t, rows), self._inside(t, kept)
        total, m = (self.algebra.lift(sum(counts.values())) for counts in (rows, kept))
        fresh = (total - m) / (self.p - m)
        before = self.error
        self.error = inside + (before - inside_kept) * _last_axis(1 - fresh)
        covers = all(s in rows and self._certainly_at_most(count, rows[s]) for s, count in self.fitted.items())
        self.least_norm = self.least_norm and covers
        self.fitted = rows
        if restart:
            return self.error[..., -1]
        if unseen:
            return self._inside_from(t, rows, before)
        noise = (self.algebra.noise_variance[t] + inside_kept[..., t]) * (total - m)
        return (before[..., t] - inside_kept[..., t]) * fresh + self._spread(t, noise, sum(rows.values()))

    def _inside(self, t: int, rows: dict[int, Any]) -> np.ndarray:
        """R_i for every target, shape (..., T + 1)."""
        return np.stack([self._inside_from(t, rows, self.distance[..., i, :]) for i in range(len(self.seq) + 1)], axis=-1)

    def _inside_from(self, t: int, rows: dict[int, Any], error: np.ndarray) -> np.ndarray:
        """R for an estimate with squared distances ``error`` (..., T + 1) to the truths and to zero."""
        counts = {s: self.algebra.lift(count) for s, count in rows.items()}
        total = sum(rows.values())
        value = sum((error[..., s] * (n / self.p) for s, n in counts.items()), self.algebra.zeros())
        mismatch = sum((self.algebra.noise_variance[s] * n for s, n in counts.items()), self.algebra.zeros())
        for s in rows:
            for other in rows:
                if s < other:
                    mismatch = mismatch + self.distance[..., s, other] * (counts[s] * counts[other] / self.p)
        return value + self._spread(t, mismatch, total)

    def _spread(self, t: int, mismatch: np.ndarray, total: Any) -> np.ndarray:
        """mismatch / (p - nbar - 1), refused where that is no expectation."""
        if not self.algebra.exact:
            quiet, over = mismatch == 0, self.p - total
            fine = (over > 1) | (quiet & (over >= 0))
            if self.outside == "raise" and not np.all(fine):
                self._refuse(t, total, int(np.broadcast_to(self.p, fine.shape)[tuple(np.argwhere(~fine)[0])]))
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(fine, np.where(quiet, 0.0, mismatch / (self.p - total - 1)), np.nan)
        gap = self.dimension - total
        if is_symbolic(gap) and not gap.is_number:
            if (gap > 1) not in (True, *self.conditions):
                self.conditions.append(gap > 1)
        elif gap < 0 or (gap <= 1 and not np.all(mismatch == 0)):
            self._refuse(t, total, self.dimension)
        elif gap <= 1:
            return mismatch
        return mismatch / (self.p - self.algebra.lift(total) - 1)

    def _refuse(self, t: int, total: Any, dimension: Any) -> None:
        if total > dimension:
            raise NoClosedForm(
                f"task {t} fits {total} rows (fresh and stored) with {dimension} parameters: with memory the law is known only for "
                "overparameterized steps. Store fewer samples, or simulate it"
            )
        raise DomainError(
            f"task {t}: the expected error is infinite unless nbar < p - 1; here nbar = {total} rows (fresh and stored) meet p = {dimension} "
            "parameters with noise or differing truths. Store fewer samples, or pass outside='nan' (float64 only)"
        )

    def _require_fitted(self, t: int, stored: dict[int, Any]) -> None:
        for s, count in stored.items():
            available = self.fitted.get(s, 0)
            if is_symbolic(available - count):
                if not self._certainly_at_most(count, available) and (count <= available) not in self.conditions:
                    self.conditions.append(count <= available)
            elif np.any(count > available):
                raise NoClosedForm(
                    f"task {t} stores {count} samples of task {s}, of which the estimate before it fits {available}: the law needs stored "
                    "samples that the previous estimate still fits. Carry them through every task between, start from zero, or simulate it"
                )

    @staticmethod
    def _certainly_at_most(count: Any, bound: Any) -> bool:
        gap = bound - count
        return gap.is_nonnegative is True if is_symbolic(gap) else bool(np.all(gap >= 0))

    def _restart_update(self, t: int, stored: dict[int, Any], previous: np.ndarray, previous_fit: dict[int, Any], was_least: bool) -> Any:
        """E |theta_t - theta_{t-1}|^2 of a start from zero."""
        square, previous_square = self.error[..., -1], previous[..., -1]
        if not stored:
            rate = self.algebra.lift(self.seq.tasks[t].samples) / self.p
            rate = np.minimum(rate, 1) if not self.algebra.exact else (rate if self.fitted else 1)
            product = (previous_square + self.distance[..., t, -1] - previous[..., t]) * rate  # 2 E theta_t . theta_{t-1}
            return square + previous_square - product
        rows = self.fitted
        if was_least and all(s in rows and self._certainly_at_most(count, rows[s]) for s, count in previous_fit.items()):
            return square - previous_square  # theta_{t-1} is the projection of theta_t on its own data
        self.unknown_updates.append(t)
        return self.algebra.zeros()


def _plain_count(count: Any) -> Any:
    """A number of samples for arithmetic: grids as arrays."""
    return count.values if is_grid(count) else count


def _last_axis(value: Any) -> Any:
    """Let a coefficient with grid axes multiply an array with one more axis."""
    return value[..., None] if isinstance(value, np.ndarray) else value
