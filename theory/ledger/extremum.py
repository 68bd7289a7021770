"""Forgetting of frozen training against the number p_2 of task 2's specific parameters, and its extremum.

The paper (arXiv 2602.20796, around Theorem 4.4) reports an extremum when xi > eta > 0 and diminishing returns beyond;
its definitions of xi and eta could not be obtained. Here both are reconstructed: padded norm; p_1, n_2, truths fixed.
"""

from typing import Any

import sympy

from theory.formula import Condition, Family
from theory.ledger import notation as s
from theory.ledger.notation import Entry
from theory.ledger.two_tasks import DIMENSIONS, OURS, PAPER_SETTING, two_tasks

_TERMS = s.TASK_1 + s.BLOCK_ERRORS + s.TOWARDS_2[:1] + ((s.eta, s.g_u + s.sigma_2**2), (s.xi, s.e_q - s.d_q))
_SOURCE = "xi > eta > 0: He, Bai, Yang, arXiv 2602.20796, around Theorem 4.4; xi, eta and the forms: reconstructed for driftlaw"
_TRUTHS = ("u_11", "q_11", "d_u", "c_u", "d_q")
XI_ABOVE_ETA = (Condition(s.xi > s.eta, "otherwise forgetting has no interior extremum"), Condition(s.eta > 0, "eta is a variance"))

FORGETTING = Entry(
    name="frozen_forgetting_in_p2",
    statement="Forgetting of task 1 after frozen training on task 2, as a function of p_2: amplified frozen error eta against xi, what "
    "task 2 repairs of task 1's specific error less what the distance of the truths breaks.",
    expression=s.n_2 * (s.eta / (s.p_2 - s.n_2 - 1) - s.xi / s.p_2),
    intermediates=_TERMS,
    parameters=s.meanings(*DIMENSIONS, *_TRUTHS),
    quantity="forgetting",
    build=two_tasks,
    domain=s.FROZEN_OVER_DOMAIN,
    normal_domain=s.FROZEN_OVER_NORMAL,
    source=OURS,
    status="exact",
    uses=s.DIVIDED,
    assumptions=PAPER_SETTING,
)

P2_STAR = Entry(
    name="p2_star",
    statement="If xi > eta > 0, forgetting under frozen training is stationary in p_2 exactly at p_2*, a minimum below zero, from which "
    "it rises to 0; the minimum lies inside p_2 >= p_1 only if p_2* > p_1.",
    expression=(s.n_2 + 1) * sympy.sqrt(s.xi) / (sympy.sqrt(s.xi) - sympy.sqrt(s.eta)),
    intermediates=_TERMS,
    parameters=s.meanings("p", "p_1", "n_1", "n_2", "sigma_1", "sigma_2", *_TRUTHS),
    domain=(s.FROZEN_OVER_DOMAIN[0], *XI_ABOVE_ETA),
    normal_domain=(s.FROZEN_OVER_NORMAL[0],),
    source=_SOURCE,
    status="reconstructed",
    uses=s.DIVIDED,
    assumptions=PAPER_SETTING + ("p_1, n_2 and the truths stay fixed while p_2 varies",),
)

FORGETTING_AT_P2_STAR = Entry(
    name="forgetting_at_p2_star",
    statement="If p_2 = p_2*, forgetting under frozen training has its least value over p_2.",
    expression=-s.n_2 * (sympy.sqrt(s.xi) - sympy.sqrt(s.eta)) ** 2 / (s.n_2 + 1),
    intermediates=_TERMS,
    parameters=P2_STAR.parameters,
    quantity="forgetting",
    build=two_tasks,
    domain=P2_STAR.domain,
    normal_domain=s.FROZEN_OVER_NORMAL,
    exact_when=(Condition(sympy.Eq(s.p_2, P2_STAR.expression), "p_2 = p_2*"),),
    source=_SOURCE,
    status="reconstructed",
    uses=s.DIVIDED,
    assumptions=P2_STAR.assumptions,
)

FORMULAS = (FORGETTING, P2_STAR, FORGETTING_AT_P2_STAR)


def case_with_minimum_at(p_2: int, **case: Any) -> dict[str, Any]:
    """Complete a case so that p_2* is the whole number ``p_2``, by the choice of q_1's length.

    At the extremum sqrt(xi / eta) = p_2 / (p_2 - n_2 - 1). Both sides' squares are affine in |q_1|^2, so their values at 0 and
    at 1 give the solution, exactly; it is rounded to float.
    """
    rate = sympy.Rational(p_2, p_2 - case["n_2"] - 1) ** 2
    known = {getattr(s, name): sympy.Rational(str(value)) for name, value in case.items() if name in s.MEANING}

    def gap(square: int) -> sympy.Expr:
        values = {**known, s.q_11: sympy.Integer(square)}
        for symbol, definition in _TERMS:
            values[symbol] = definition.xreplace(values)
        return values[s.xi] - rate * values[s.eta]

    return {**case, "p_2": p_2, "q_11": float(gap(0) / (gap(0) - gap(1)))}


_BASE = {"p": 10, "p_1": 30, "n_1": 15, "n_2": 10, "sigma_1": 0.2, "sigma_2": 0.3, "u_11": 0.3, "d_u": 0.0, "c_u": 0.0, "d_q": 0.1}
_MINIMA = (
    case_with_minimum_at(33, **_BASE),
    case_with_minimum_at(44, **{**_BASE, "d_q": 0.0}),
    case_with_minimum_at(36, **{**_BASE, "n_2": 8, "d_u": 0.05, "c_u": -0.05}),
)
FAMILIES = (
    Family(
        "frozen_forgetting_in_p2",
        FORGETTING,
        tuple({**_MINIMA[0], "p_2": p_2} for p_2 in (30, 60)) + ({**_BASE, "q_11": 0.1, "p_2": 40, "d_q": 1.0, "x_q": 0.4},),
        "forgetting on both sides of p_2*, and where distant truths leave no minimum",
    ),
    Family("forgetting_at_p2_star", FORGETTING_AT_P2_STAR, _MINIMA, "the least forgetting, at experiments whose p_2* is a whole number"),
)
