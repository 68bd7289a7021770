"""What stands to be judged in one case: the experiment, the formula's value, and whether a sample can tell.

A normal interval lies where moments are missing, as near an interpolation threshold, so such cases are set apart
before anything is drawn.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from simulate.verdicts.conjecture import Conjecture, NoValue
from simulate.wording import case_labels, round_up
from theory.conditions import CONSOLIDATING, StandardNormal, StudentT
from theory.errors import DomainError, InputError
from theory.moments import MomentOrders, moment_orders, step_slack
from theory.problem import TaskSequence
from theory.quantities import TRAINING, Quantity, parse_quantity

LEAST_MOMENT_ORDER = 4  # a normal interval holds its level at a thousand trials only above it
LEAST_ORDER_OUTSIDE = 2  # outside a formula's assumptions nothing is tested, but a standard error has to exist
LEAST_GAP = 8  # the |n - d| from which every noisy step has moments above that order


@dataclass(frozen=True, eq=False)
class Comparison:
    """A case of a conjecture, ready to be sampled, or with the reason why it cannot be.

    Parameters
    ----------
    claim : Conjecture
    index : int
        Of the case.
    label : str
        The case in a few words.
    seq : TaskSequence
    quantity : Quantity or callable
    theory : float or None
        The formula's value; None only with a reason.
    moment_order : float
        Supremum of the finite moment orders of the quantity and its error scale.
    reason : str
        Why the case is not testable; empty if it is.
    rival : TaskSequence, optional
        The experiment on the right, of the same draws.
    points : tuple of Comparison
        Of a limit: one for each size. Its own experiment is the largest.
    """

    claim: Conjecture
    index: int
    label: str
    seq: TaskSequence
    quantity: Quantity | Callable
    theory: float | None
    moment_order: float
    reason: str
    rival: TaskSequence | None = None
    points: tuple["Comparison", ...] = ()

    @property
    def experiments(self) -> tuple[TaskSequence, ...]:
        """What is simulated on one stream of draws."""
        return (self.seq,) if self.rival is None else (self.seq, self.rival)

    @property
    def value(self) -> float:
        """The formula's value in a case that is testable, so has one."""
        return cast(float, self.theory)

    @property
    def outside(self) -> bool:
        """Whether the formula does not speak of the experiment's features or rules; that it bounds what they do is the user's claim."""
        return _outside(self.claim, self.index, self.seq, self.claim.sizes[-1])

    @property
    def quantity_name(self) -> str:
        """What to call the quantity."""
        return self.quantity.name if isinstance(self.quantity, Quantity) else getattr(self.quantity, "__name__", "quantity")

    @property
    def scale_tasks(self) -> tuple[int, ...]:
        """Tasks i whose E L_i(theta_i) + sigma_i^2, times `rows` and on average, is the error scale of the case."""
        return _scale_tasks(self.quantity, len(self.seq))

    @property
    def of_training(self) -> bool:
        """Whether the quantity is of the data that the tasks were trained on."""
        return isinstance(self.quantity, Quantity) and self.quantity.of == TRAINING

    def rows(self, seq: TaskSequence, task: int) -> int:
        """How many errors of a single prediction the quantity adds up: the samples of a task, for residuals on all of them."""
        return max(int(seq.tasks[task].samples), 1) if self.of_training else 1

    @property
    def most_rows(self) -> int:
        """The most that it adds up of any task."""
        return max(self.rows(seq, task) for seq in self.experiments for task in self.scale_tasks)

    def error_scale(self, errors: Iterable[np.ndarray]) -> float:
        """Estimate the error scale from the errors of trials in each of the experiments, shape (trials, T, T); of two it is the average."""
        samples = zip(self.experiments, errors, strict=True)
        return float(np.mean([(e[:, i, i].mean() + float(seq.tasks[i].noise) ** 2) * self.rows(seq, i) for seq, e in samples for i in self.scale_tasks]))


def comparisons(claim: Conjecture) -> list[Comparison]:
    """Prepare all cases of a conjecture.

    Raises
    ------
    InputError
        If a case cannot be built, or the formula has no finite value where the experiment has one.
    """
    found = []
    for index, label in enumerate(case_labels(claim.cases)):
        points = tuple(_comparison(claim, index, label, size) for size in claim.sizes)
        found.append(_limit(claim, points) if claim.kind.along else points[0])
    return found


def _limit(claim: Conjecture, points: tuple[Comparison, ...]) -> Comparison:
    """The comparison in the limit, which can be tested if every size can."""
    ((name, sizes),) = (claim.kind.along or {}).items()
    label = f"{points[-1].label}, {name} to infinity" if claim.cases[points[-1].index] else f"{name} to infinity"
    reasons = [f"at {name}={size}: {point.reason}" for size, point in zip(sizes, points, strict=True) if point.reason]
    order = min(point.moment_order for point in points)
    return replace(points[-1], label=label, moment_order=order, reason=next(iter(reasons), ""), points=points)


def _comparison(claim: Conjecture, index: int, label: str, size: Mapping[str, Any]) -> Comparison:
    seq, rival = claim.sequence(index, size), claim.rival(index, size)
    quantity = claim.quantity if callable(claim.quantity) else parse_quantity(claim.quantity, len(seq))
    if rival is not None and len(rival) != len(seq):
        raise InputError(f"{label}: build makes {len(seq)} tasks, against {len(rival)}; compare experiments with as many tasks")
    orders = {one: moment_orders(one) for one in (seq, rival) if one is not None}
    order, heaviest = min(((_moment_order(orders[one], quantity), one) for one in orders), key=lambda pair: pair[0])
    # of single draws no moments are asked
    least = 0 if claim.kind.pathwise else LEAST_ORDER_OUTSIDE if _outside(claim, index, seq, size) else LEAST_MOMENT_ORDER
    reason = "" if order > least else _heavy(heaviest, quantity, orders[heaviest], least)
    theory = None
    try:
        theory = claim.value(index, size)
    except DomainError as error:
        reason = str(error)
    except NoValue:
        if not reason:  # at a threshold a formula may well be infinite
            raise
    return Comparison(claim, index, label, seq, quantity, theory, order, reason, rival)


def _outside(claim: Conjecture, index: int, seq: TaskSequence, size: Mapping[str, Any]) -> bool:
    """Whether features, rules, risk or averages are others than the formula speaks of: the usual ones, and rules of its kinds as its build says them."""
    if claim.kind.sign or claim.own_builder is None:
        return False
    spoken_of: Any = (*claim.rules, str) if claim.rules else ()  # risks and visits are texts, compared below
    if any(not isinstance(one, spoken_of) for one in seq.unusual):
        return True
    if not claim.rules and seq.average is not None:
        return True
    return bool(claim.rules) and _conditions(seq) != _conditions(claim.own_builder({**claim.cases[index], **size}))


def _conditions(seq: TaskSequence) -> Any:
    return [(seq.features_of(t), seq.rule_of(t), task.again) for t, task in enumerate(seq.tasks)], seq.risk, seq.average


def _moment_order(orders: MomentOrders, quantity: Quantity | Callable) -> float:
    """Order of a quantity and its error scale; of everything in the experiment if the quantity is a function."""
    tails = [orders.error(i, i) for i in _scale_tasks(quantity, len(orders.errors))]
    # whatever lacks moments got there by a step
    own = quantity.order(orders) if isinstance(quantity, Quantity) else float(orders.update_magnitude.min())
    return min([own, *tails])


def _scale_tasks(quantity: Quantity | Callable, tasks: int) -> tuple[int, ...]:
    """Tasks whose own error E L_i(theta_i) + sigma_i^2 is what a difference in the quantity is measured by."""
    return quantity.tasks(tasks) if isinstance(quantity, Quantity) else tuple(range(tasks))


def _heavy(seq: TaskSequence, quantity: Quantity | Callable, orders: MomentOrders, least: float) -> str:
    """Say what makes the tails heavy: a step near its threshold, or else the features."""
    usual = moment_orders(seq.under(StandardNormal()))
    order = _moment_order(usual, quantity)
    if order <= least:
        return _heavy_tail(seq, usual, order, least)
    from scipy.optimize import bisect

    needed = cast(float, bisect(lambda df: _moment_order(moment_orders(seq.under(StudentT(df))), quantity) - least, 2 + 1e-9, 1e9))
    return (
        f"the tails of the features leave only moments below order {_moment_order(orders, quantity):g}, "
        f"and a normal interval needs order above {least}; raise the degrees of freedom above {round_up(round(needed, 6))}"
    )


def _heavy_tail(seq: TaskSequence, orders: MomentOrders, order: float, least: float) -> str:
    """Say which step makes the tail heavy: noise on a gap |n - d| leaves moments below (gap + 1) / 2."""
    place = ""
    for t, task in enumerate(seq.tasks):
        rows, dimension = task.samples + sum((task.memory or {}).values()), seq.trained_dimension(t)
        if isinstance(rule := seq.rule_of(t), CONSOLIDATING) and rows < dimension and orders.step_sizes[t] == order:
            return f"order above {least} is needed, {order:g} is known to exist under {rule} in task {t} (n < d); take theory.constructors.ewc_rules, or simulate it"
        if orders.step_sizes[t] < math.inf and (step_slack(seq, t)[0] + 1) / 2 == order:
            gap = round(2 * order - 1)
            zeros = "" if abs(rows - dimension) == gap else " where zeros in stored samples count"
            place = f": task {t} fits {rows} samples with {dimension} trained parameters, |n - d| = {gap}{zeros}"
            break
    return (
        f"only moments below order {order:g} exist and a normal interval needs order above {least}{place}; "
        f"keep every noisy step's |n - d| at {LEAST_GAP} or more, or damp the steps"
    )
