"""What stands to be judged in one case: the experiment, the formula's value, and whether a sample can tell.

A normal interval lies where moments are missing, as near an interpolation threshold, so such cases are set apart
before anything is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from simulate.conditions import Conditions
from simulate.conjecture import Conjecture, NoValue
from simulate.targets import Target, parse_target
from simulate.wording import case_labels
from theory.errors import DomainError
from theory.moments import MomentOrders, moment_orders, step_slack
from theory.problem import TaskSequence

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
    target : Target or callable
    theory : float or None
        The formula's value; None only with a reason.
    moment_order : float
        Supremum of the finite moment orders of the target and its error scale.
    reason : str
        Why the case is not testable; empty if it is.
    conditions : Conditions
        Under which the experiment is simulated.
    """

    claim: Conjecture
    index: int
    label: str
    seq: TaskSequence
    target: Target | Callable
    theory: float | None
    moment_order: float
    reason: str
    conditions: Conditions

    @property
    def outside(self) -> bool:
        """Whether the formula does not speak of these conditions."""
        return _outside(self.claim, self.conditions)

    @property
    def quantity(self) -> str:
        """Name of the target."""
        return str(self.target) if isinstance(self.target, Target) else getattr(self.target, "__name__", "target")

    @property
    def scale_tasks(self) -> range:
        """Tasks i whose E L_i(theta_i) + sigma_i^2, on average, is the error scale of the case."""
        return _scale_tasks(self.target, len(self.seq))


def comparisons(claim: Conjecture) -> list[Comparison]:
    """Prepare all cases of a conjecture.

    Raises
    ------
    InputError
        If a case cannot be built, or the formula has no finite value where the experiment has one.
    """
    return [_comparison(claim, index, label) for index, label in enumerate(case_labels(claim.cases))]


def _comparison(claim: Conjecture, index: int, label: str) -> Comparison:
    seq = claim.sequence(index)
    target = claim.target if callable(claim.target) else parse_target(claim.target, len(seq))
    conditions = claim.conditions.of(seq)
    orders = moment_orders(seq, damped=conditions.damps(seq))
    tails = [orders.error(i, i) for i in _scale_tasks(target, len(seq))]
    of_features = conditions.moment_order(seq)
    order = min([_moment_order(orders, target), *tails, of_features])
    least = LEAST_ORDER_OUTSIDE if _outside(claim, conditions) else LEAST_MOMENT_ORDER
    reason = "" if order > least else _heavy_tail(seq, orders, order, least) if order < of_features else _heavy_features(order, least)
    theory = None
    try:
        theory = claim.value(index)
    except DomainError as error:
        reason = str(error)
    except NoValue:
        if not reason:  # at a threshold a formula may well be infinite
            raise
    return Comparison(claim, index, label, seq, target, theory, order, reason, conditions)


def _outside(claim: Conjecture, conditions: Conditions) -> bool:
    return claim.assumes_usual and not conditions.usual


def _moment_order(orders: MomentOrders, target: Target | Callable) -> float:
    """Moment order of the target; of everything in the experiment if the target is a function."""
    if not isinstance(target, Target):
        return float(orders.update_magnitude.min())  # whatever lacks moments got there by a step
    if target.quantity == "step_size":
        return float(orders.step_sizes[target.tasks[0]])
    if target.quantity == "update_magnitude":
        return float(orders.update_magnitude[target.tasks[0]])
    return float(getattr(orders, target.quantity)(*target.tasks))


def _scale_tasks(target: Target | Callable, tasks: int) -> range:
    """Tasks whose own error E L_i(theta_i) + sigma_i^2 is what a difference in the target is measured by."""
    if not isinstance(target, Target):
        return range(tasks)
    t = target.tasks[-1]
    if target.quantity == "deviation":
        return range(t - 1, t)
    if target.quantity in ("forgetting", "generalization"):
        return range(t if target.quantity == "forgetting" else t + 1)
    return range(t, t + 1)


def _heavy_tail(seq: TaskSequence, orders: MomentOrders, order: float, least: float) -> str:
    """Say which step makes the tail heavy: noise on a gap |n - d| leaves moments below (gap + 1) / 2."""
    place = ""
    for t, task in enumerate(seq.tasks):
        rows, dimension = task.samples + sum((task.memory or {}).values()), seq.trained_dimension(t)
        if orders.step_sizes[t] < math.inf and (step_slack(seq, t)[0] + 1) / 2 == order:
            gap = round(2 * order - 1)
            zeros = "" if abs(rows - dimension) == gap else " where zeros in stored samples count"
            place = f": task {t} fits {rows} samples with {dimension} trained parameters, |n - d| = {gap}{zeros}"
            break
    return (
        f"only moments below order {order:g} exist and a normal interval needs order above {least}{place}; "
        f"keep every noisy step's |n - d| at {LEAST_GAP} or more, or damp the steps"
    )


def _heavy_features(order: float, least: float) -> str:
    return (
        f"the features have moments below order {2 * order:g} only, which leaves errors next to frozen blocks moments below {order:g}, "
        f"and a normal interval needs order above {least}; raise the degrees of freedom above {2 * least}"
    )
