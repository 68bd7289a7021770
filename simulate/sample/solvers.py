"""Rules by which a task is learned: the least step that fits, ridge regression, gradient descent that stops early.

In the coordinates ``sqrt(lambda_b) theta_b`` of the step's weights, a rule other than the least step turns every
singular value s of the features into ``s g(s^2)`` where the least step has ``1/s``; g is the rule's filter.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from simulate.sample.steps import SOLVERS
from theory.errors import InputError

MIN_NORM = "min_norm"


@dataclass(frozen=True)
class MinNorm:
    """The least step that fits the data, or least squares where no step does.

    Parameters
    ----------
    route : {"auto", "gram", "qr"}
        How it is computed, without effect on what; see `simulate.simulate`.
    """

    route: str = "auto"

    def __post_init__(self) -> None:
        if self.route not in SOLVERS:
            near = difflib.get_close_matches(str(self.route), (*SOLVERS, MIN_NORM), n=1, cutoff=0.3)
            guess = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(
                f"there is no solver {self.route!r}; {guess}choose one of {', '.join(SOLVERS)}, {MIN_NORM}, Ridge(lam) or "
                "GradientDescent(steps, rate)"
            )


@dataclass(frozen=True)
class Ridge:
    """Ridge regression around the start: minimises ``|A step - r|^2 + lam sum_b lambda_b |step_b|^2``.

    Parameters
    ----------
    lam : float
        Penalty, above 0, on the scale of A'A (not divided by the number of samples); to 0 it gives the least step.
    """

    lam: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "lam", _positive(self.lam, "the penalty lam", "solver='min_norm' is the limit 0"))

    def filter(self, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
        """Compute g at eigenvalues of A'A."""
        return 1 / (eigenvalues + self.lam)

    def check(self, curvature: float) -> None:
        """Ridge regression works at any curvature."""


@dataclass(frozen=True)
class GradientDescent:
    """Plain gradient descent on all rows, on the loss ``|A theta - y|^2 / (2 rows)``, stopped after ``steps`` steps.

    Parameters
    ----------
    steps : int
        Number of steps, at least 1; to infinity it gives the least step.
    rate : float
        Length of a step over the gradient. Where a task weighs its blocks, block b descends at ``rate / lambda_b``.

    Notes
    -----
    Computed at once, not step by step: g(x) = (1 - (1 - rate x / rows)^steps) / x.
    """

    steps: int
    rate: float

    def __post_init__(self) -> None:
        if not isinstance(self.steps, Integral) or isinstance(self.steps, bool) or self.steps < 1:
            raise InputError(f"the number of gradient steps is {self.steps!r}; give a whole number of at least 1")
        object.__setattr__(self, "steps", int(self.steps))
        object.__setattr__(self, "rate", _positive(self.rate, "the rate of gradient descent", "such as 0.1"))

    def filter(self, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
        """Compute g at eigenvalues of A'A, shape (..., k)."""
        progress = np.minimum(self.rate / rows * eigenvalues, 2.0)  # beyond 2 the run is refused in the end
        slow = progress < 0.5
        fitted = np.where(slow, -np.expm1(self.steps * np.log1p(-np.where(slow, progress, 0.0))), 1 - (1 - progress) ** self.steps)
        # where a direction is not seen by any sample it does not matter
        return np.divide(fitted, eigenvalues, out=np.zeros_like(fitted), where=progress > 0)

    def check(self, curvature: float) -> None:
        """Refuse a rate at which descent diverges; ``curvature`` is the largest eigenvalue of any A'A / rows."""
        if self.rate * curvature > 2 * (1 + 1e-9):
            raise InputError(
                f"gradient descent diverges: the rate {self.rate:g} is above 2 / lambda_max in some trial; "
                f"the largest admissible rate for these trials is {_round_down(2 / curvature):g}"
            )


def as_rule(solver: Any) -> MinNorm | Ridge | GradientDescent:
    """Return the training rule that a ``solver`` argument means.

    Raises
    ------
    InputError
        If it is neither a rule nor the name of one.
    """
    if isinstance(solver, (MinNorm, Ridge, GradientDescent)):
        return solver
    return MinNorm() if isinstance(solver, str) and solver == MIN_NORM else MinNorm(solver)


def _positive(value: Any, what: str, hint: str) -> float:
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value < math.inf:
        raise InputError(f"{what} is {value!r}; give a finite number above 0 ({hint})")
    return float(value)


def _round_down(value: float) -> float:
    """Three significant digits, not above the value."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.floor(value / unit) * unit
