"""Exact laws for replay: stored samples of earlier tasks are fitted along with the new ones.

They cover experiments in which every task trains the same parameters with full steps, so that the blocks act as one of
dimension p; what no task ever trains is noise on the labels. Rows of task s among the data of a step: n_s, in all nbar;
D_{s,s'} = |w_s - w_s'|^2. The part of theta - w_i inside the span of the data has expected squared length

    R_i = sum_s (n_s / p) D_{s,i} + [sum_s n_s sigma_s^2 + sum_{s<s'} n_s n_s' D_{s,s'} / p] / (p - nbar - 1).

If the m stored rows were fitted before, the step moves inside their orthogonal complement, of dimension p - m, and
meets there n = nbar - m fresh directions:

    E_{t,i} = R_i + (1 - n / (p - m)) (E_{t-1,i} - R'_i),   R' = R of the stored rows alone.

A start from zero is the case without stored rows, E_{t-1,i} = |w_i|^2 and all nbar rows fresh. Memory of a task that was
only drawn (scale 0) has never been trained on, so its rows are fresh too: E_{t,i} = R_i + (1 - nbar / p) E_{t-1,i}.
More rows than parameters are fitted by least squares, whatever came before; with N = nbar

    E_{t,i} = sum_s (n_s / N) D_{s,i} + {p sum_s n_s sigma_s^2 / N + g sum_{s<s'} n_s n_s' D_{s,s'}} / (N - p - 1),
    g = (N (2 p + 1 - N) - 2) / (N (N - 1) (N + 2)).

For A = U W^{1/2} with W = A'A the rows of U are independent of W and uniform in direction, |u|^2 ~ Beta(p/2, (N - p)/2): with E tr W tr W^{-1} =
p (N p - 2) / (N - p - 1) this gives E |x|^2 x'W^{-2} x / p for a row x, and all rows alike give the rest. Source: the project's derivation. From the
previous estimate, nested memories are also the law of GEM, A-GEM and OGD as the step goes to zero: they move where stored predictions stay.
"""

from collections.abc import Callable
from itertools import combinations
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
        estimate fits or more rows than parameters.
    """
    for t in range(len(seq)):
        require_one_block(seq, t)
    return Replay(seq, algebra, outside, regimes).run()


def require_one_block(seq: TaskSequence, t: int) -> None:
    task, trained = seq.tasks[t], {block for task in seq.tasks for block in task.train}
    if set(task.train) != trained:
        reason = f"trains {sorted(task.train)} of the blocks {sorted(trained)}"
    elif not task.takes_full_step and not (task.takes_no_step and not task.memory and task.start == PREVIOUS):
        reason = f"takes a partial step (scale={task.scale!r})"
    elif not task.equally_weighted:
        reason = f"weighs its blocks unequally ({task.weights})"
    elif len({task.starts_from_zero(block) for block in task.train}) > 1:
        reason = f"starts some blocks from zero and others not ({task.start})"
    else:
        return
    raise NoClosedForm(f"task {t} {reason}; with memory, or data that are used again, the law exists only when every task trains the same blocks alike. Simulate it instead")


class Replay:
    """Expected squared distances of the estimate to every truth and (last column) to zero, task after task."""

    def __init__(self, seq: TaskSequence, algebra: FloatAlgebra | ExactAlgebra, outside: str, regimes: tuple[str, ...]) -> None:
        self.seq, self.algebra, self.outside, self.regimes = seq, algebra, outside, regimes
        self.dimension = seq.trained_dimension(0)
        self.p = algebra.lift(self.dimension)
        tasks, trained = len(seq), seq.tasks[0].train
        self.products = algebra.zeros(tasks + 1, tasks + 1)
        self.products[..., :tasks, :tasks] = sum(algebra.gram[block] for block in seq.blocks if block in trained)
        square = np.einsum("...ii->...i", self.products)
        self.distance = square[..., :, None] + square[..., None, :] - 2 * self.products
        self.error = square.copy()
        idle = [np.einsum("...ii->...i", algebra.gram[block]) for block in seq.blocks if block not in trained]
        self.untrained = sum(idle, algebra.zeros(tasks))
        self.noise = [algebra.noise_variance[t] + self.untrained[..., t] for t in range(tasks)]
        self.fitted: dict[int, Any] = {}
        self.unseen = {t for t, task in enumerate(seq.tasks) if task.takes_no_step}  # drawn, never trained on
        self.alone: dict[int, Any] | None = {}  # rows of which theta is the least-norm or least-squares fit, whatever came before
        self.conditions: list[Any] = []
        self.unknown_steps: list[int] = []
        self.unknown_updates: list[int] = []

    def run(self) -> Law:
        tasks = len(self.seq)
        errors = self.algebra.zeros(tasks, tasks)
        steps, updates, noises = (self.algebra.zeros(tasks) for _ in range(3))
        for t in range(tasks):
            steps[..., t], updates[..., t] = self.train(t)
            errors[..., t, :] = self.error[..., :tasks] + self.untrained
            noises[..., t] = self.noise[t]
        finish, unknown = self.algebra.finish, (tuple(self.unknown_updates), tuple(self.unknown_steps))
        return Law(finish(errors), finish(steps), finish(noises), tuple(self.conditions), finish(updates), *unknown)

    def train(self, t: int) -> tuple[Any, Any]:
        """Apply task ``t``; return its step size and update magnitude."""
        task = self.seq.tasks[t]
        stored = {s: count for s, count in (task.memory or {}).items() if is_symbolic(count) or count > 0}
        restart = all(task.starts_from_zero(block) for block in task.train)
        previous, alone, over = self.error, self.alone, bool(self.fitted)
        if restart:
            self.error, self.fitted, self.alone = self.distance[..., -1].copy(), {}, {}
        if t in self.unseen:
            return self.algebra.zeros(), self.algebra.zeros()
        step = self._fit_with_memory(t, stored, restart) if stored else self._fit_fresh(t)
        self.unseen = self.unseen.difference(stored)
        if step is None:
            step = self._update(t, previous, alone, over)
            self.unknown_steps += [t] * (t in self.unknown_updates)
        if not restart:
            return step, step
        return step, self._update(t, previous, alone, over) if stored else self._fresh_update(t, previous)

    def _fit_fresh(self, t: int) -> Any:
        task = self.seq.tasks[t]
        geometry = StepGeometry(t, task.samples, self.dimension, self.algebra, self.outside, self.regimes[t])
        if geometry.condition is not None:
            self.conditions.append(geometry.condition)
        moments = geometry.moments()
        noise = geometry.noise_part(moments, self.noise[t])
        step = np.where(moments.m == 0, self.algebra.zeros(), self.error[..., t] * moments.m + noise)
        m = moments.m if geometry.exact else np.asarray(moments.m)[..., None]
        kept = self.error * (1 - m) if geometry.exact else np.where(m == 1, 0.0, self.error * (1 - m))  # nothing is kept of a blank
        self.error = self.distance[..., t, :] * m + kept + noise[..., None]
        if np.any(geometry.n != 0):
            over, rows = geometry.over, {t: _plain_count(task.samples)}
            self.alone = rows if self.alone == {} or not np.any(over) else None
            self.fitted = rows if np.all(over) else {}
        return step

    def _fit_with_memory(self, t: int, stored: dict[int, Any], restart: bool) -> Any:
        """Fit stored and fresh rows; return the expected squared step, None where it depends on what the stored rows were fitted by."""
        own = _plain_count(self.seq.tasks[t].samples)
        rows = {**stored, t: own}
        over = self._over(t, sum(rows.values()))
        unseen = not restart and set(stored) <= self.unseen
        anew = restart or unseen or not np.any(over)
        if not anew:
            self._require_fitted(t, stored)
            if np.all(own == 0):  # every row is fitted already
                return self.algebra.zeros()
        kept = {} if anew else stored
        inside, inside_kept = self._inside(t, rows), self._inside(t, kept)
        total, m = (self.algebra.lift(sum(counts.values())) for counts in (rows, kept))
        with np.errstate(divide="ignore", invalid="ignore"):
            fresh = (total - m) / (self.p - m)
        before = self.error
        self.error = self._either(_last_axis(over), lambda: inside + (before - inside_kept) * _last_axis(1 - fresh), lambda: inside)
        nested = self.alone is not None and self._cover(rows, self.alone)
        self.alone = rows if nested or not np.any(over) else None
        self.fitted = rows if np.all(over) else {}
        if restart:
            return self.error[..., -1]
        if unseen:
            return self._inside_from(t, rows, before)
        if not np.all(over):
            return None
        noise = (self.noise[t] + inside_kept[..., t]) * (total - m)
        return (before[..., t] - inside_kept[..., t]) * fresh + self._spread(t, noise, sum(rows.values()))

    def _over(self, t: int, total: Any) -> Any:
        """Whether there are at most as many rows as parameters; what is assumed of symbols for it is noted."""
        gap = self.dimension - total if self.algebra.exact else self.p - total
        if not is_symbolic(gap):
            return gap >= 0
        geometry = StepGeometry(t, total, self.dimension, self.algebra, self.outside, self.regimes[t])
        if geometry.condition is not None and geometry.condition not in self.conditions:
            self.conditions.append(geometry.condition)
        return geometry.over

    def _either(self, over: Any, below: Callable[[], Any], above: Callable[[], Any]) -> Any:
        """Values for at most as many rows as parameters and for more; each alone may have a pole on the other side."""
        if self.algebra.exact:
            return below() if over else above()
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(over, below(), above())

    def _inside(self, t: int, rows: dict[int, Any]) -> np.ndarray:
        """R_i for every target, shape (..., T + 1)."""
        return np.stack([self._inside_from(t, rows, self.distance[..., i, :]) for i in range(len(self.seq) + 1)], axis=-1)

    def _inside_from(self, t: int, rows: dict[int, Any], error: np.ndarray) -> np.ndarray:
        """R for an estimate with squared distances ``error`` (..., T + 1) to the truths and to zero."""
        if not rows:
            return self.algebra.zeros()
        counts = {s: self.algebra.lift(count) for s, count in rows.items()}
        total = sum(rows.values())
        over, p, N = self._over(t, total), self.p, self.algebra.lift(total)
        value = sum((error[..., s] * (n / self._either(over, lambda: p, lambda: N)) for s, n in counts.items()), self.algebra.zeros())
        mismatch = sum((self.noise[s] * n for s, n in counts.items()), self.algebra.zeros())
        mismatch = self._either(over, lambda: mismatch, lambda: mismatch * (p / N))
        for s, other in combinations(rows, 2):
            pairs = counts[s] * counts[other]
            gain = self._either(over, lambda: pairs / p, lambda: pairs * (N * (2 * p + 1 - N) - 2) / (N * (N - 1) * (N + 2)))
            mismatch = mismatch + self.distance[..., s, other] * gain
        return value + self._spread(t, mismatch, total)

    def _spread(self, t: int, mismatch: np.ndarray, total: Any) -> np.ndarray:
        """mismatch / (|p - nbar| - 1), refused where that is no expectation."""
        if not self.algebra.exact:
            quiet, gap = mismatch == 0, abs(self.p - total)
            fine = (gap > 1) | quiet
            if self.outside == "raise" and not np.all(fine):
                self._refuse(t, total, int(np.broadcast_to(self.p, fine.shape)[tuple(np.argwhere(~fine)[0])]))
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(fine, np.where(quiet, 0.0, mismatch / (gap - 1)), np.nan)
        gap = self.dimension - total
        if (not is_symbolic(gap) or gap.is_number) and abs(gap) <= 1:
            if not np.all(mismatch == 0):
                self._refuse(t, total, self.dimension)
            return mismatch
        lifted = self.p - self.algebra.lift(total)
        return mismatch / ((lifted if self._over(t, total) else -lifted) - 1)

    def _refuse(self, t: int, total: Any, dimension: Any) -> None:
        raise DomainError(
            f"task {t}: the expected error is infinite unless |nbar - p| >= 2; here nbar = {total} rows (fresh and stored) meet p = {dimension} "
            "parameters with noise or differing truths. Store fewer samples or more, or pass outside='nan' (float64 only)"
        )

    def _require_fitted(self, t: int, stored: dict[int, Any]) -> None:
        for s, count in stored.items():
            available = self.fitted.get(s, 0)
            fits = count <= available
            if is_symbolic(available - count) and fits != False:  # noqa: E712 - a SymPy relation that the symbols' assumptions settle
                if not self._certainly_at_most(count, available) and fits not in self.conditions:
                    self.conditions.append(fits)
            elif np.any(count > available):
                raise NoClosedForm(
                    f"task {t} stores {count} samples of task {s}, of which the estimate before it fits {available}: the law needs stored "
                    "samples that the previous estimate still fits (least squares fits none). Carry them through every task between, start from zero, or simulate it"
                )

    @staticmethod
    def _certainly_at_most(count: Any, bound: Any) -> bool:
        gap = bound - count
        return gap.is_nonnegative is True if is_symbolic(gap) else bool(np.all(gap >= 0))

    def _cover(self, rows: dict[int, Any], others: dict[int, Any]) -> bool:
        return all(s in rows and self._certainly_at_most(count, rows[s]) for s, count in others.items())

    def _fresh_update(self, t: int, previous: np.ndarray) -> Any:
        """E |theta_t - theta_{t-1}|^2 of a start from zero on fresh rows alone."""
        rate = self.algebra.lift(self.seq.tasks[t].samples) / self.p
        rate = np.minimum(rate, 1) if not self.algebra.exact else (rate if self.fitted else 1)
        product = (previous[..., -1] + self.distance[..., t, -1] - previous[..., t]) * rate  # 2 E theta_t . theta_{t-1}
        return self.error[..., -1] + previous[..., -1] - product

    def _update(self, t: int, previous: np.ndarray, alone: dict[int, Any] | None, fitted: bool) -> Any:
        """E |theta_t - theta_{t-1}|^2 where theta_{t-1} is the fit (without error if ``fitted``) of rows alone that theta_t fits too."""
        square, previous_square, rows = self.error[..., -1], previous[..., -1], self.alone or {}
        if alone is None or not self._cover(rows, alone):
            self.unknown_updates.append(t)
            return self.algebra.zeros()
        over = self._over(t, sum(rows.values()))
        if np.all(over) or not alone:
            return square - previous_square  # theta_{t-1} is the projection of theta_t on its own data
        both = square + previous_square - 2 * self._product(rows, alone, fitted)
        return self._either(over, lambda: square - previous_square, lambda: both)

    def _product(self, rows: dict[int, Any], alone: dict[int, Any], fitted: bool) -> Any:
        """E theta_t . theta_{t-1} of a least-squares fit of N rows and of the fit of M of them, by the independence that gave g.

        With means w of the rows' truths, and d = min(M, p):

            (M/N) (1 - c) |w_M|^2 + c w_M . w_N + {(d / M) sum_s m_s sigma_s^2 + h sum_{s<s'} m_s m_s' D_{s,s'}} / (N - d - 1),
            M <= p:  c = M (N - p) / (p (N - M)),   h = (N - 1) / (N M);
            M > p:   c = 1,   h = {M (N - 2)(p + 2) - (M + 2)(N - p - 1)} / {N M (M - 1)(M + 2)}.
        """
        lift, p = self.algebra.lift, self.p
        N, M = (lift(sum(counts.values())) for counts in (rows, alone))
        over = fitted if self.algebra.exact else p >= M
        d = self._either(over, lambda: M, lambda: p)
        pull = self._either(over, lambda: M * (N - p) / (p * (N - M)), lambda: N / N)
        mismatch = sum((self.noise[s] * (lift(m) * d / M) for s, m in alone.items()), self.algebra.zeros())
        for s, other in combinations(alone, 2):
            above = lambda: (M * (N - 2) * (p + 2) - (M + 2) * (N - p - 1)) / (N * M * (M - 1) * (M + 2))  # noqa: E731
            gain = self._either(over, lambda: (N - 1) / (N * M), above)
            mismatch = mismatch + self.distance[..., s, other] * (lift(alone[s]) * lift(alone[other]) * gain)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = np.where(mismatch == 0, mismatch, mismatch / (N - d - 1)) if np.any(mismatch != 0) else mismatch
        means = [sum(self.products[..., s, o] * (lift(m) * lift(n)) for s, m in alone.items() for o, n in others.items()) for others in (alone, rows)]
        return means[0] * ((1 - pull) / (N * M)) + means[1] * (pull / (N * M)) + spread


def _plain_count(count: Any) -> Any:
    """A number of samples for arithmetic: grids as arrays."""
    return count.values if is_grid(count) else count


def _last_axis(value: Any) -> Any:
    """Let a coefficient with grid axes multiply an array with one more axis."""
    return value[..., None] if isinstance(value, np.ndarray) else value
