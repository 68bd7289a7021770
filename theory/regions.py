"""Where frozen training beats initialized training: exact conditions for two tasks with u_2 = u_1 (padded norm).

Each case of the sample count n_2 has one inequality between zeta, which depends on the criterion, and quantities that
do not depend on task 2's truth. The conditions are algebra on the ledger's formulas; the tests compare them with the
law on thousands of random settings. The shared truth must not move; where it does, compare the formulas themselves
with `advantage`.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import sympy

from theory.errors import InputError
from theory.formula import Condition
from theory.ledger import notation as s

zeta = sympy.Symbol("zeta", real=True)

# What task 2 repairs of task 1's specific error less what it breaks, for each criterion.
ZETA = {"deviation": s.e_q - s.d_q, "forgetting": s.e_q - s.d_q, "generalization": s.e_q + s.r * s.c_q, "second_error": s.e_q + 2 * s.r * s.c_q + s.d_q}
PARAMETERS = ("p", "p_1", "p_2", "n_1", "n_2", "sigma_1", "sigma_2", "u_11", "q_11", "d_q", "c_q")


@dataclass(frozen=True)
class Region:
    """One case of n_2 and the condition under which frozen training wins in it.

    Parameters
    ----------
    name, statement : str
    case : tuple of Condition
        The range of n_2.
    wins : sympy relation
        Between zeta, e_u and the parameters; true if and only if frozen training has the smaller criterion.
    boundary : sympy.Expr
        The value of zeta (case 1 and 2) or of e_u (case 3) at which both trainings tie.
    """

    name: str
    statement: str
    case: tuple[Condition, ...]
    wins: Any
    boundary: sympy.Expr


_GAP_A, _GAP_B = s.p_2 - s.n_2 - 1, s.p + s.p_2 - s.n_2 - 1
_BOUNDARY_1 = (s.p_2 / s.p) * s.e_u * (s.p + 2 * s.p_2 - s.n_2 - 1) / _GAP_A + s.sigma_2**2 * s.p_2 * (s.p + s.p_2) / (_GAP_A * _GAP_B)
_K_A2, _K_B2, _R_B2 = s.p_2 / (s.n_2 - s.p_2 - 1), s.n_2 / _GAP_B, 1 - s.n_2 / (s.p + s.p_2)
_BOUNDARY_2 = (s.e_u * (1 - _R_B2 + _K_A2) - (_K_B2 - _K_A2) * s.sigma_2**2) / _R_B2
_BOUNDARY_3 = s.p * s.sigma_2**2 / (s.n_2 - s.p - s.p_2 - 1)

REGIONS = (
    Region(
        "fewer samples than specific parameters",
        "Frozen training wins if the specific error exceeds the amplified shared error and noise: a small distance alone is not enough.",
        (Condition(s.n_2 < s.p_2 - 1, "task 2 cannot even fill its specific parameters"),),
        zeta > _BOUNDARY_1,
        _BOUNDARY_1,
    ),
    Region(
        "between the two thresholds",
        "Near the pole of initialized training (n_2 just below p + p_2) noise ruins it and frozen training wins.",
        (Condition(s.n_2 > s.p_2 + 1, "above the threshold of frozen training"), Condition(s.n_2 < s.p + s.p_2 - 1, "below that of initialized training")),
        zeta > _BOUNDARY_2,
        _BOUNDARY_2,
    ),
    Region(
        "more samples than parameters",
        "Frozen training wins if task 1 knows the shared parameters better than task 2's own data would teach them; the distance does not matter.",
        (Condition(s.n_2 > s.p + s.p_2 + 1, "above both thresholds"),),
        s.e_u < _BOUNDARY_3,
        _BOUNDARY_3,
    ),
)


def frozen_wins(criterion: str, **case: Any) -> np.ndarray:
    """Whether frozen training has the smaller expected criterion, by the closed conditions; u_2 = u_1.

    Parameters
    ----------
    criterion : {"deviation", "forgetting", "generalization", "second_error"}
        The last is E L_2(theta_2) alone.
    **case
        The parameters p, p_1, p_2, n_1, n_2, sigma_1, sigma_2, u_11, q_11, d_q, c_q of `theory.ledger.notation`;
        numbers or arrays that broadcast.

    Returns
    -------
    ndarray of bool
        False within 1 of a threshold, where there is no comparison.
    """
    values = _arguments(criterion, case)
    cases, conditions = zip(*(functions for functions in _conditions(criterion)), strict=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.asarray(inside(*values), dtype=bool) & np.asarray(wins(*values), dtype=bool) for inside, wins in zip(cases, conditions, strict=True)]
    return np.logical_or.reduce(np.broadcast_arrays(*parts))


def critical_distance(**case: Any) -> np.ndarray:
    """Squared distance |q_2 - q_1|^2 below which frozen training forgets less, for n_2 below p + p_2; u_2 = u_1.

    Negative where frozen training loses at any distance, NaN within 1 of a threshold and for n_2 above p + p_2, where the
    distance does not matter. Parameters as in `frozen_wins`, without d_q and c_q.
    """
    values = _arguments("forgetting", {**case, "d_q": 0, "c_q": 0})
    n_2, p, p_2 = (np.asarray(values[PARAMETERS.index(name)]) for name in ("n_2", "p", "p_2"))
    with np.errstate(divide="ignore", invalid="ignore"):
        low, middle = (np.asarray(boundary(*values)) for boundary in _distance_boundaries())
    return np.where(n_2 < p_2 - 1, low, np.where((n_2 > p_2 + 1) & (n_2 < p + p_2 - 1), middle, np.nan))


def advantage(criterion: str, **case: Any) -> np.ndarray:
    """Expected criterion under initialized minus under frozen training, from the ledger's formulas; any truths.

    Parameters as in `frozen_wins`, and d_u, c_u (0 if left out). NaN or infinite at thresholds.
    """
    if criterion not in ("deviation", "forgetting", "generalization"):
        raise InputError(f"criterion is {criterion!r}; choose 'deviation', 'forgetting' or 'generalization'")
    values = {"d_u": 0, "c_u": 0, **case}
    with np.errstate(divide="ignore", invalid="ignore"):
        frozen, started = (_ledger_function(f"{training}_{criterion}") for training in ("frozen", "initialized"))
        return np.asarray(started(values), dtype=float) - np.asarray(frozen(values), dtype=float)


@cache
def _ledger_function(name: str) -> Any:
    from theory.formulas import FORMULAS

    formula = FORMULAS[name]
    symbols = [getattr(s, parameter) for parameter in formula.parameters]
    function = sympy.lambdify(symbols, formula.expanded, modules="numpy")

    def call(values: dict[str, Any]) -> Any:
        missing = [parameter for parameter in formula.parameters if parameter not in values]
        if missing:
            raise InputError(f"{name} needs the parameter {missing[0]!r}; the case has {', '.join(sorted(values)) or 'nothing'}")
        return function(*(np.asarray(values[parameter], dtype=float) for parameter in formula.parameters))

    return call


def _arguments(criterion: str, case: dict[str, Any]) -> list[np.ndarray]:
    if criterion not in ZETA:
        raise InputError(f"criterion is {criterion!r}; choose one of {', '.join(ZETA)}")
    missing = [name for name in PARAMETERS if name not in case]
    if missing:
        raise InputError(f"the case misses {missing[0]!r}; it has {sorted(case)} and needs {', '.join(PARAMETERS)}")
    return [np.asarray(case[name], dtype=float) for name in PARAMETERS]


def _substituted(expression: Any, criterion: str) -> Any:
    expression = expression.xreplace({zeta: ZETA[criterion]})
    for symbol, definition in reversed(s.TASK_1 + s.BLOCK_ERRORS):
        expression = expression.xreplace({symbol: definition})
    return expression


@cache
def _conditions(criterion: str) -> list[tuple[Any, Any]]:
    symbols = [getattr(s, name) for name in PARAMETERS]
    return [tuple(sympy.lambdify(symbols, _substituted(part, criterion), modules="numpy") for part in (_all(region.case), region.wins)) for region in REGIONS]


def _all(conditions: tuple[Condition, ...]) -> Any:
    first, *others = (condition.relation for condition in conditions)
    return cast(Any, sympy.And)(first, *others, evaluate=False) if others else first


@cache
def _distance_boundaries() -> list[Any]:
    symbols = [getattr(s, name) for name in PARAMETERS]
    return [sympy.lambdify(symbols, _substituted(s.e_q - boundary, "forgetting"), modules="numpy") for boundary in (_BOUNDARY_1, _BOUNDARY_2)]
