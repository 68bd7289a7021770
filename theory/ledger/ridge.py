"""Ridge steps: regression around the previous estimate, for any numbers of samples and parameters.

Two functions of the eigenvalues x of A'A carry everything: S = E sum x / (x + lambda) and k = E sum x / (x + lambda)^2
(`theory.spectral`). There is no pole at n = p.
"""

from typing import Any, cast

import numpy as np
import sympy
from scipy.optimize import brentq, minimize_scalar

from theory.conditions import Distillation, Ridge
from theory.constructors import one_block
from theory.formula import Condition, Family
from theory.ledger import notation as s
from theory.ledger.notation import Entry
from theory.ledger.two_tasks import OURS
from theory.problem import TaskSequence
from theory.projections import float_step_moments
from theory.spectral import step_moments


class OfEigenvalues(sympy.Function):
    """A function that has a number where its arguments are numbers."""

    _imp_: Any

    def _eval_evalf(self, prec: int) -> Any:
        arguments: Any = self.args
        return sympy.Float(self._imp_(*map(float, arguments)), 17) if all(argument.is_number for argument in arguments) else None


class S(OfEigenvalues):
    """E sum x / (x + lambda) over the eigenvalues of A'A, for n samples, d parameters and the penalty lambda."""

    @staticmethod
    def _imp_(n: float, d: float, lam: float) -> float:
        return float(step_moments(Ridge(lam), n, d, pairs=False)[0].m) * d


class k(OfEigenvalues):
    """E sum x / (x + lambda)^2, the squared step per unit of noise."""

    @staticmethod
    def _imp_(n: float, d: float, lam: float) -> float:
        return float(step_moments(Ridge(lam), n, d, pairs=False)[0].k)


class boundary(OfEigenvalues):
    """Noise over the squared distance to go at which the best ridge step and the best partial step gain the same, for the alignment s."""

    @staticmethod
    def _imp_(n: float, d: float, s: float) -> float:
        plain = float_step_moments(np.asarray(n), np.asarray(d))

        def lead(noise: float) -> float:
            def ridge(root: float) -> float:
                made = step_moments(Ridge(float(np.exp(root))), n, d, pairs=False)[0]
                return float(made.b - 2 * s * made.m + noise * made.k)

            start = min(np.linspace(-12, 18, 31), key=ridge)
            least: Any = minimize_scalar(ridge, bounds=(start - 1, start + 1), method="bounded", options={"xatol": 1e-7})
            return float(-((plain.m * s) ** 2) / (plain.m + noise * plain.k) - least.fun)

        return float(cast(float, brentq(lead, 1e-9 * (1 - s), 1e4, xtol=1e-12)))


p, n_1, n_2 = sympy.symbols("p n_1 n_2", positive=True, integer=True)
lam_1, lam_2 = sympy.symbols("lambda_1 lambda_2", positive=True)
w_11, d_w = sympy.symbols("w_11 d_w", nonnegative=True)
m_1, m_2, k_1, k_2, q_2, X, e, f = sympy.symbols("m_1 m_2 k_1 k_2 q_2 X e f", real=True)
c_w, E_1 = s.c_w, s.E_1

ONE = {
    "p": "dimension of the parameters", "n_1": "samples of task 1", "sigma_1": s.MEANING["sigma_1"], "lambda_1": "penalty of task 1",
    "w_11": "|w_1|^2, squared length of the truth of task 1",
}  # fmt: skip
_TWO = {
    **ONE, "n_2": "samples of task 2", "sigma_2": s.MEANING["sigma_2"], "d_w": "|w_2 - w_1|^2, squared distance of the truths",
    "c_w": "<w_2 - w_1, w_1>, the change of the truth along it",
}  # fmt: skip
PENALTIES = {**_TWO, "lambda_2": "penalty of task 2"}


def one_ridge_task(*, p: int, n_1: int, sigma_1: float, lambda_1: float, w_11: float, **_: Any) -> TaskSequence:
    """Build one task with its penalty."""
    return one_block(p, (n_1,), float(sigma_1), gram=[[w_11]]).under(rule=Ridge(lambda_1))


def two_ridge_tasks(
    *, p: int, n_1: int, n_2: int, sigma_1: float, sigma_2: float, lambda_1: float, lambda_2: float, w_11: float, d_w: float, c_w: float, **_: Any
) -> TaskSequence:
    """Build two tasks on one block, each with its penalty."""
    gram = [[w_11, w_11 + c_w], [w_11 + c_w, w_11 + 2 * c_w + d_w]]
    return one_block(p, (n_1, n_2), (float(sigma_1), float(sigma_2)), gram=gram).under(rule=(Ridge(lambda_1), Ridge(lambda_2)))


def at_best_penalty(**case: Any) -> TaskSequence:
    """Build the same with the second penalty that is best for task 2."""
    return two_ridge_tasks(**{**case, "lambda_2": BEST_PENALTY(**case)})


FIRST: Any = ((m_1, S(n_1, p, lam_1) / p), (k_1, k(n_1, p, lam_1)), (E_1, (1 - m_1 - lam_1 * k_1 / p) * w_11 + k_1 * s.sigma_1**2), (X, -(1 - m_1) * c_w))
SECOND: Any = ((m_2, S(n_2, p, lam_2) / p), (k_2, k(n_2, p, lam_2)), (q_2, m_2 - lam_2 * k_2 / p))
_DISTANT = Condition(w_11 + s.sigma_1 + d_w > 0, "without a distance there is nothing to learn")
_SEEN: Any = ((e, E_1 - 2 * X + d_w),)
COMMON = {
    "source": OURS,
    "status": "exact",
    "uses": ("recursion", "spectral"),
    "rules": (Ridge,),
    "assumptions": (
        "all features i.i.d. N(0, 1), fresh data for each task",
        "each task minimises |A theta - y|^2 + lambda |theta - theta_start|^2 from the previous estimate, task 1 from zero",
    ),
}

ERROR = Entry(
    name="ridge_error",
    statement="Error after one ridge step, for any n_1 and p: what the penalty leaves of the truth, and the noise.",
    expression=E_1,
    intermediates=FIRST[:3],
    parameters=ONE,
    quantity="error[0,0]",
    build=one_ridge_task,
    **COMMON,
)
FORGETTING = Entry(
    name="ridge_forgetting",
    statement="Forgetting after two ridge steps: task 2's step moves on along task 1's error, towards the new truth, and by its noise.",
    expression=(q_2 - 2 * m_2) * E_1 + 2 * (m_2 - q_2) * X + q_2 * d_w + k_2 * s.sigma_2**2,
    intermediates=FIRST + SECOND,
    parameters=PENALTIES,
    quantity="forgetting",
    build=two_ridge_tasks,
    **COMMON,
)
THRESHOLD = Entry(
    name="ridge_forgetting_threshold",
    statement="Squared distance of the truths above which task 2 makes task 1 worse, at fixed c_w: forgetting is positive if and only if d_w exceeds it.",
    expression=((2 * m_2 - q_2) * E_1 - 2 * (m_2 - q_2) * X - k_2 * s.sigma_2**2) / q_2,
    intermediates=FIRST + SECOND,
    parameters={name: meaning for name, meaning in PENALTIES.items() if name != "d_w"},
    **COMMON,
)
BEST_PENALTY = Entry(
    name="ridge_best_penalty",
    statement="The penalty that is best for task 2's own error: parameters times noise over the squared distance e that the step has to go.",
    expression=p * s.sigma_2**2 / e,
    intermediates=FIRST + _SEEN,
    parameters={name: meaning for name, meaning in _TWO.items() if name != "n_2"},
    domain=(_DISTANT,),
    **COMMON,
)
LEAST_ERROR = Entry(
    name="ridge_least_error",
    statement="Task 2's error under the penalty that is best for it: the share 1 - S / p of the distance e is left, noise included.",
    expression=e * (1 - S(n_2, p, lam_2) / p),
    intermediates=FIRST + _SEEN + ((lam_2, p * s.sigma_2**2 / e),),
    parameters=_TWO,
    quantity="error[1,1]",
    build=at_best_penalty,
    domain=(Condition(s.sigma_2 > 0, "without noise the best penalty is 0, the least step"), _DISTANT),
    **{**COMMON, "uses": (*COMMON["uses"], "ridge_best_penalty")},
)

alignment = sympy.Symbol("s", real=True)
error, distance = sympy.symbols("e d_w", nonnegative=True)
BOUNDARY = Entry(
    name="order_of_ewc_and_lwf",
    statement="Noise f over the squared distance e + d_w that task 2's step has to go, above which the best ridge step (EWC) leaves less generalization "
    "error than the best partial step (LwF). Where truths agree EWC is never behind; at f = 0 LwF never is; there no regime changes the order.",
    expression=cast(Any, boundary)(n_2, p, alignment),
    intermediates=((alignment, (error + distance / 2) / (error + distance)),),
    parameters={
        "p": "trained parameters; the errors of others are a part of f", "n_2": "samples of task 2", "e": "error on task 1 before the step, whose "
        "expected direction is orthogonal to the change of truth", "d_w": "|w_2 - w_1|^2, squared distance of the truths",
    },
    domain=(Condition(sympy.Abs(n_2 - p) > 1, "partial steps have a mean"), Condition(distance > error / 10**5, "where truths agree EWC is never behind; near that the two gains cancel in floating point")),
    **{**COMMON, "rules": (Ridge, Distillation), "uses": (*COMMON["uses"], "projection_mean", "inverse_wishart_mean")},
)  # fmt: skip

FORMULAS = (ERROR, FORGETTING, THRESHOLD, BEST_PENALTY, LEAST_ERROR, BOUNDARY)

FIRST_TASK = {"p": 30, "n_1": 20, "sigma_1": 0.3, "lambda_1": 2.0, "w_11": 1.0}
_BASE = {**FIRST_TASK, "n_2": 30, "sigma_2": 0.4, "lambda_2": 5.0, "c_w": -0.3}
_ABOVE = {**_BASE, "p": 12, "n_1": 13, "n_2": 25, "lambda_1": 0.5, "c_w": 0.2}
# Truths at the threshold, to six digits, and on both of its sides.
_BESIDE = (*({**_BASE, "d_w": d_w} for d_w in (0.223464, 0.372439, 0.521415)), {**_ABOVE, "d_w": 0.315414})
FAMILIES = (
    Family("ridge_error", ERROR, tuple({**FIRST_TASK, "n_1": count} for count in (20, 30, 50)), "below, at and above n = p"),
    Family("ridge_forgetting", FORGETTING, _BESIDE, "below, at and above the distance from which task 2 harms"),
    Family("ridge_least_error", LEAST_ERROR, ({**_BASE, "d_w": 0.8}, {**_ABOVE, "d_w": 0.5}), "the penalty that is best for task 2"),
)
