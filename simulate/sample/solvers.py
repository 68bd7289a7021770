"""How every training rule of `theory.conditions` turns the singular values of the features.

In the coordinates ``sqrt(lambda_b) theta_b`` of the step's weights, a rule other than the least step turns every
singular value s of the features into ``s g(s^2)`` where the least step has ``1/s``; g is the rule's filter. A rule of
one's own is simulated after ``step_filter.register(MyRule)``. Distillation is a shorter least step (`simulate.sample.plan`).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from theory.conditions import RULES, Flow, GradientDescent, Ridge, Rule, by_condition
from theory.errors import InputError


@by_condition
def step_filter(rule: Any, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
    """Compute g at eigenvalues of A'A, shape (..., k)."""
    raise InputError(
        f"no sampler trains by {rule!r}; choose {RULES}, or register a filter with simulate.sample.solvers.step_filter.register"
    )


@step_filter.register
def _(rule: Ridge, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
    return 1 / (eigenvalues + rule.lam)


@step_filter.register
def _(rule: GradientDescent, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
    progress = np.minimum(rule.rate / rows * eigenvalues, 2.0)  # beyond 2 the run is refused in the end
    slow = progress < 0.5
    fitted = np.where(slow, -np.expm1(rule.steps * np.log1p(-np.where(slow, progress, 0.0))), 1 - (1 - progress) ** rule.steps)
    # where a direction is not seen by any sample it does not matter
    return np.divide(fitted, eigenvalues, out=np.zeros_like(fitted), where=progress > 0)


@step_filter.register
def _(rule: Flow, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
    fitted = -np.expm1(-rule.time / rows * eigenvalues)
    return np.divide(fitted, eigenvalues, out=np.zeros_like(fitted), where=fitted > 0)


def check_descent(curvatures: Mapping[Rule, float]) -> None:
    """Refuse rates at which descent diverges, from the largest eigenvalue of any A'A / rows under every rule."""
    for rule, curvature in curvatures.items():
        if isinstance(rule, GradientDescent) and rule.rate * curvature > 2 * (1 + 1e-9):
            raise InputError(
                f"gradient descent diverges: the rate {rule.rate:g} is above 2 / lambda_max in some trial; "
                f"the largest admissible rate for these trials is {_round_down(2 / curvature):g}"
            )


def _round_down(value: float) -> float:
    """Three significant digits, not above the value."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.floor(value / unit) * unit
