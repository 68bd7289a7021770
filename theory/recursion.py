"""The exact law: expected errors and step sizes of any sequence of tasks.

Each block b is described by the coefficients c_b with E theta_b = sum_j c_b[j] w_{j,b}, by s_b = E |theta_b|^2, and
by the Gram matrix g_b of its truths; a task updates them by rational operations only. The step on trained blocks S
is P delta_S + A (A'A)^{-1} nu, where P projects on the span of the data, delta is truth minus start, and nu, given
the past, is N(0, f I), independent of the data of S: label noise plus the error of the blocks that are used but not
trained. Source: the project's derivation; single block: Lin et al., arXiv 2302.05836.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from theory.algebra import ExactAlgebra, FloatAlgebra
from theory.conditions import HeadDistillation, MinNorm, Rule
from theory.errors import DomainError, NoClosedForm
from theory.problem import Task, TaskSequence
from theory.projections import StepMoments, exact_step_moments, float_step_moments, moments_beside_heads
from theory.quantities import Quantity, Readings, parse_quantity
from theory.rules import distillation
from theory.spectral import first_order, step_moments
from theory.values import is_grid, is_symbolic

OVER, UNDER = "overparameterized", "underparameterized"


@dataclass(frozen=True)
class Law(Readings):
    """Exact expectations of a `TaskSequence`; tasks count from 0, grid axes come first.

    Parameters
    ----------
    errors : ndarray, shape (..., T, T)
        ``errors[t, i]`` = E L_i(theta_t), the excess risk of task i after training on task t.
    step_sizes : ndarray, shape (..., T)
        E |theta_t - start_t|^2 over the blocks that task t trains.
    effective_noise : ndarray, shape (..., T)
        Variance f of what the trained blocks cannot explain: label noise plus error of used, untrained blocks.
    conditions : tuple
        Inequalities between symbols that were assumed (empty for numbers).
    status : str
        "exact", or up to which order in 1 / dimension: "second order, D = ..." for ridge steps of more than 1,000 samples and parameters
        (relative error about 1 / D^3), "first order" for those with symbols, and for what `theory.equivalents` computes.

    Examples
    --------
    >>> import driftlaw as dl
    >>> law = dl.expected_errors(dl.one_block(20, (5, 5), noise=0, gram=[[1, 0], [0, 1]]))
    >>> law.errors
    array([[Fraction(3, 4), Fraction(5, 4)],
           [Fraction(17, 16), Fraction(15, 16)]], dtype=object)
    >>> law.forgetting(), law.update_magnitude[1]
    (Fraction(5, 16), Fraction(5, 16))
    """

    errors: np.ndarray
    _step_sizes: np.ndarray = field(repr=False)
    effective_noise: np.ndarray
    conditions: tuple = ()
    _update_magnitude: Any = field(default=None, repr=False)
    _unknown_updates: tuple[int, ...] = field(default=(), repr=False)
    _unknown_steps: tuple[int, ...] = field(default=(), repr=False)
    _training: Callable[[], np.ndarray] | None = field(default=None, repr=False, compare=False)
    status: str = "exact"

    @cached_property
    def training_errors(self) -> np.ndarray:
        """E |A_i' theta_t - y_i|^2, the squared residual of task i's own samples after task t, shape (..., T, T).

        Computed when it is asked for, by `theory.training`; tasks i > t are still to come, so that their samples are fresh.

        Raises
        ------
        NoClosedForm
            With memory of earlier tasks, data that are used again or features with a covariance, and under other rules than the least step.

        Examples
        --------
        Two tasks without noise; what the second does to the first one's fit is a(5, 20) 5 * 20 (1 - 5/20):

        >>> import driftlaw as dl
        >>> dl.expected_errors(dl.one_block(20, (5, 5), noise=0, gram=[[1, 1], [1, 1]])).training_errors
        array([[Fraction(0, 1), Fraction(15, 4)],
               [Fraction(1125, 1672), Fraction(0, 1)]], dtype=object)
        """
        if self._training is None:
            raise NoClosedForm("training errors have no known closed form with memory, data that are used again or a covariance; simulate them, or leave these out")
        return self._training()

    @property
    def step_sizes(self) -> np.ndarray:
        """E |theta_t - start_t|^2 over the blocks that task t trains, shape (..., T)."""
        return _known(self._step_sizes, self._unknown_steps, "use the errors")

    @property
    def update_magnitude(self) -> np.ndarray:
        """E |theta_t - theta_{t-1}|^2 over all blocks, shape (..., T)."""
        return _known(self._update_magnitude, self._unknown_updates, "use step_sizes of starts from zero")

    def read(self, quantity: str | Quantity) -> Any:
        """Return the expectation of a quantity, given by name or as a value; grid axes stay."""
        return parse_quantity(quantity, len(self)).value(self)

    def __len__(self) -> int:
        return self.errors.shape[-1]


def _known(values: Any, unknown: tuple[int, ...], instead: str) -> Any:
    if unknown:
        raise NoClosedForm(
            f"E |theta_t - theta_(t-1)|^2 has no known closed form for task {unknown[0]}, which fits stored samples but only part of what the "
            f"estimate before it was fitted to; {instead}, or simulate it"
        )
    return values


def status_of(root: float) -> str:
    """Say how exact a law is by the least D of its steps to second order, infinite without such, and 0 with one to first order."""
    return "exact" if root == math.inf else f"second order, D = {root:.3g}" if root else "first order"


def require_usual(seq: TaskSequence, *, rules: bool) -> None:
    """Refuse feature laws, risks and, unless they may be others, rules for which no law is known; NoClosedForm says what to use instead."""
    unknown = [one for one in seq.unusual if not (rules and isinstance(one, Rule))] + ["averages of estimates"] * (seq.average is not None and not rules)
    if unknown:
        raise NoClosedForm(
            f"no exact law is known for {', '.join(map(str, unknown))}{'' if rules else ' here'}: laws are those of standard normal features, "
            f"{'' if rules else 'the least step '}and Euclidean errors; simulate the experiment, or leave the condition out"
        )


class StepGeometry:
    """Sample count, trained dimension and side of the threshold of one step, in the algebra of the run."""

    def __init__(self, t: int, rows: Any, dimension: Any, algebra: FloatAlgebra | ExactAlgebra, outside: str, regime: str, rule: Rule = MinNorm()) -> None:
        self.t, self.rows, self.dimension, self.outside, self.algebra, self.rule = t, rows, dimension, outside, algebra, rule
        self.n, self.d = algebra.lift(rows), algebra.lift(dimension)
        self.exact, self.condition, self.root = algebra.exact, None, math.inf
        self.filtered = not isinstance(rule, MinNorm)
        if self.filtered:  # no threshold, and nothing is forgotten for certain
            self.over, self.pole = True, False
            return
        if not algebra.exact:
            self.over: Any = self.n < self.d
            return
        gap = dimension - rows
        self.empty = rows == 0
        if is_symbolic(gap):
            self.over, pole = self._decide(gap, regime)
        else:
            self.over, pole = gap > 0, abs(gap) <= 1
        self.pole = pole and not self.empty

    def _decide(self, gap: Any, regime: str) -> tuple[bool, bool]:
        """Settle the side of the threshold for symbols, and record what was assumed."""
        if gap.is_number:
            return bool(gap > 0), bool(abs(gap) <= 1)
        over = regime == OVER
        self.condition = (gap > 1) if over else (gap < -1)
        if self.condition == True:  # noqa: E712 - a SymPy relation that the symbols' assumptions settle
            self.condition = None
        if self.condition == False:  # noqa: E712
            raise DomainError(
                f"task {self.t}: n = {self.rows} samples and d = {self.dimension} trained parameters cannot be {regime} under the symbols' "
                "assumptions; choose the other regime for this task, or change the assumptions"
            )
        return over, False

    def moments(self, pairs: bool = True) -> StepMoments:
        if self.filtered and isinstance(self.algebra, ExactAlgebra):
            self.root = 0.0
            return first_order(self.rule, self.rows, self.dimension, self.algebra.field)
        if self.filtered:
            moments, self.root = step_moments(self.rule, self.n, self.d, pairs)
            return moments
        if not self.exact:
            return float_step_moments(self.n, self.d)
        if self.empty:
            return StepMoments(0, 0, 0, 0, False)
        return exact_step_moments(self.n, self.d, self.over, self.pole)

    def noise_part(self, moments: StepMoments, variance: Any) -> Any:
        """Return k * variance, zero where the variance is zero even at the threshold."""
        quiet = variance == 0
        if isinstance(self.algebra, ExactAlgebra):
            if self.pole:
                if not self.algebra.vanishes(variance):
                    self._refuse(self.rows, self.dimension)
                return variance
            return variance * moments.k
        bad = moments.pole & ~quiet
        if self.outside == "raise" and np.any(bad):
            where = tuple(np.argwhere(bad)[0])
            n, d = (int(np.broadcast_to(x, bad.shape)[where]) for x in (self.n, self.d))
            self._refuse(n, d, f" at grid point {tuple(map(int, where))} ({int(bad.sum())} of {bad.size} points)" if bad.ndim else "")
        return np.where(quiet, 0.0, moments.k * variance)

    def _refuse(self, n: int, d: int, where: str = "") -> None:
        raise DomainError(
            f"task {self.t}{where}: the expected error is infinite unless |n - d| >= 2; here n = {n} samples meet d = {d} "
            "trained parameters with noise. Move n or d away from the interpolation threshold, set the noise to zero, "
            "or pass outside='nan' to leave such points blank (float64 only)"
        )


class Recursion:
    """State of the law while it runs through the tasks."""

    def __init__(self, seq: TaskSequence, algebra: FloatAlgebra | ExactAlgebra, outside: str, regimes: tuple[str, ...]) -> None:
        self.seq, self.algebra, self.outside, self.regimes = seq, algebra, outside, regimes
        tasks = len(seq)
        self.gram = algebra.gram
        self.diagonal = {block: np.einsum("...ii->...i", gram) for block, gram in self.gram.items()}
        self.users = {block: np.isin(np.arange(tasks), seq.users(block)) for block in seq.blocks}
        self.coefficients = {block: algebra.coefficients(tasks) for block in seq.blocks}
        self.square = {block: algebra.zeros() for block in seq.blocks}
        self.weights: Any = None if seq.averaging is None else (np.frompyfunc(algebra.lift, 1, 1) if algebra.exact else algebra.lift)(seq.averaging)
        kept = () if self.weights is None else seq.blocks
        self.towards = {block: algebra.zeros(tasks, tasks) for block in kept}  # [s, i] E theta_s . w_i
        self.between = {block: algebra.zeros(tasks, tasks) for block in kept}  # [s, t] E theta_s . theta_t
        self.conditions: list[Any] = []
        self.root = math.inf  # the least D of steps to second order, and 0 with one to first order

    def run(self) -> Law:
        tasks = len(self.seq)
        errors = self.algebra.zeros(tasks, tasks)
        steps, updates, noises = (self.algebra.zeros(tasks) for _ in range(3))
        for t, task in enumerate(self.seq.tasks):
            for between in self.between.values():
                between[..., t] = between[..., t - 1]  # zeros before the first
            steps[..., t], updates[..., t], noises[..., t] = self.train(t, task)
            for block, users in self.users.items():
                errors[..., t, :] += np.where(users, self.distances(block) if self.weights is None else self._averaged(block, t), 0)
        finish = self.algebra.finish
        return Law(finish(errors), finish(steps), finish(noises), tuple(self.conditions), finish(updates), status=status_of(self.root))

    def products(self, block: str) -> np.ndarray:
        """E theta_b . w_{i,b} for every task i, shape (..., T)."""
        return (self.gram[block] @ self.coefficients[block][..., None])[..., 0]

    def distances(self, block: str) -> np.ndarray:
        """E |theta_b - w_{i,b}|^2 for every task i, shape (..., T)."""
        return self.diagonal[block] - 2 * self.products(block) + self.square[block][..., None]

    def _averaged(self, block: str, t: int) -> np.ndarray:
        """E |average_b - w_{i,b}|^2 for every task i, shape (..., T)."""
        row, between = self.weights[..., [t], :], self.between[block]
        self.towards[block][..., t, :], between[..., t, t] = self.products(block), self.square[block]
        between[..., t, :t] = between[..., :t, t]
        used = np.flatnonzero(np.any(row[..., 0, :] != 0, axis=tuple(range(row.ndim - 2))))  # 0 times an infinite error is 0
        row, between, towards = row[..., used], between[..., used, :][..., used], self.towards[block][..., used, :]
        return self.diagonal[block] + (row @ between @ np.swapaxes(row, -1, -2) - 2 * (row @ towards))[..., 0, :]

    def reset(self, t: int, task: Task) -> dict[str, tuple[Any, Any]]:
        """Put blocks that start from zero there; return E theta_b . w_{t,b} and E |theta_b|^2 as they were."""
        before = {block: (self.products(block)[..., t], self.square[block]) for block in task.train}
        for block in task.train:
            if task.starts_from_zero(block):
                self.coefficients[block] = self.algebra.coefficients(len(self.seq))
                self.square[block] = self.algebra.zeros()
                if block in self.between:
                    self.between[block][..., t] = 0
        return before

    def train(self, t: int, task: Task) -> tuple[Any, Any, Any]:
        """Apply task ``t``; return its step size, update magnitude and effective noise."""
        before = self.reset(t, task)
        error = {block: self.distances(block)[..., t] for block in task.truth}
        noise = sum((error[block] for block in task.truth if block not in task.train), self.algebra.noise_variance[t])
        step_total, update_total = self.algebra.zeros(), self.algebra.zeros()
        for blocks, geometry, moments, variance in self._parts(t, task, error, noise):
            noise_part = geometry.noise_part(moments, variance)
            total = np.where(moments.a == 0, 0, sum(error[block] for block in blocks))  # nothing is left of a blank times 0
            for block in blocks:
                share = self.algebra.lift(self.seq.blocks[block]) / geometry.d
                step = total * (moments.a * self.algebra.lift(self.seq.blocks[block])) + error[block] * moments.b + noise_part * share
                scale = self.algebra.lift(task.scale_of(block))
                taken = np.where(moments.m * scale == 0, 0, step * scale**2)
                step_total, update_total = step_total + taken, update_total + taken
                if task.starts_from_zero(block):
                    product, square = before[block]
                    update_total = update_total - product * (moments.m * scale * 2) + square
                self._move(block, t, moments, scale, taken, geometry, noise_part * share)
        return step_total, update_total, variance

    def _parts(self, t: int, task: Task, error: dict[str, Any], noise: Any) -> list[tuple[Any, StepGeometry, StepMoments, Any]]:
        """Blocks that step together, with what their step is made of and what acts as its noise; the last one's is that of the task."""
        rule = self.seq.rule_of(t)
        if isinstance(rule, HeadDistillation):
            return self._beside_heads(t, task, rule, error, noise)
        geometry = self._geometry(t, self.seq.trained_dimension(t), self.regimes[t], rule)
        _refuse_weights(t, task, geometry)
        moments = geometry.moments(pairs=len(task.train) > 1)
        self.root = min(self.root, geometry.root)
        return [(task.train, geometry, moments, noise)]

    def _geometry(self, t: int, dimension: Any, regime: str, rule: Rule = MinNorm()) -> StepGeometry:
        geometry = StepGeometry(t, self.seq.tasks[t].samples, dimension, self.algebra, self.outside, regime, rule)
        if geometry.condition is not None:
            self.conditions.append(geometry.condition)
        return geometry

    def _beside_heads(self, t: int, task: Task, rule: Any, error: dict[str, Any], noise: Any) -> list[tuple[Any, StepGeometry, StepMoments, Any]]:
        """Own blocks take the least step by themselves; shared ones the share s of what that leaves, nothing if it fits."""
        teachers = self.seq.teachers(t)
        shared = next(iter(teachers))
        own = [block for block in task.train if block not in shared]
        head = self._geometry(t, self.seq.trained_dimension(t, shared), self.regimes[t])
        missed = noise + sum(error[block] for block in shared)
        parts = [(own, head, head.moments(), missed)]
        if len(teachers) == 1 and np.all(head.over):
            return parts
        geometry = self._geometry(t, self.seq.trained_dimension(t, own), OVER)
        gap = geometry.dimension - geometry.rows if self.algebra.exact else np.min(geometry.d - geometry.n)
        zero = is_grid(rule.strength) and np.any(rule.strength.values == 0)
        if len(teachers) > 1 or zero or np.any(head.over) or not (is_symbolic(gap) or gap > 1):
            raise NoClosedForm(
                f"no exact law is known for task {t} under {rule!r}: n = {task.samples!r} samples, own = {self.seq.trained_dimension(t, shared)!r} "
                f"parameters of its own and shared = {self.seq.trained_dimension(t, own)!r} ones have one for n < own and for own + 1 < n < shared - 1, "
                "all points of a grid on one side, at strengths above 0 and where all earlier tasks share the same blocks; simulate it, or take another grid"
            )
        moments = moments_beside_heads(geometry.n, geometry.d, head.d)
        share = self.algebra.lift(distillation(self.seq, t, rule).share)
        scaled = StepMoments(moments.a * share**2, moments.b * share**2, moments.m * share, moments.k * share**2, False)
        return [*parts, (shared, geometry, scaled, noise)]

    def _move(self, block: str, t: int, moments: StepMoments, scale: Any, taken: Any, geometry: StepGeometry, noise_share: Any) -> None:
        self.shift(block, t, moments.m * scale, taken)
        # A full step on n >= d samples forgets the past; said outright, it stays exact in floats and past a threshold.
        fresh = self.diagonal[block][..., t] + noise_share
        if geometry.exact:
            self.square[block] = fresh if not geometry.over and scale == 1 else self.square[block]
        else:
            self.square[block] = np.where(~geometry.over & (scale == 1), fresh, self.square[block])

    def shift(self, block: str, t: int, rate: Any, taken: Any) -> None:
        """Move ``block`` by the expected share ``rate`` towards truth t, with the expected squared step ``taken``."""
        self.square[block] = self.square[block] + (self.products(block)[..., t] - self.square[block]) * (rate * 2) + taken
        unit = self.algebra.coefficients(len(self.seq))
        unit[..., t] = 1
        factor = rate if self.algebra.exact else np.asarray(rate)[..., None]
        self.coefficients[block] = self.coefficients[block] * (1 - factor) + unit * factor
        if block in self.between:
            self.between[block][..., t] = self.between[block][..., t] * (1 - factor) + self.towards[block][..., t] * factor


def _refuse_weights(t: int, task: Task, geometry: StepGeometry) -> None:
    if geometry.filtered and {task.weight_of(block) for block in task.train} != {1}:
        raise NoClosedForm(f"task {t} weighs its blocks ({task.weights}) under {geometry.rule}: the law has weights of 1 only; scale the rule, or simulate it")
    if not task.equally_weighted and np.any(geometry.over):
        raise NoClosedForm(
            f"task {t} weighs its blocks unequally ({task.weights}) on an overparameterized step (n = {task.samples!r}): the exact "
            "law does not exist in closed form. Simulate it, or use equal weights"
        )
