"""The update magnitude as a control: task 2's step scaled by s, and the s at which task 1 suffers least.

Pathwise L_1(theta_1 + s Delta) - L_1(theta_1) = s^2 |Delta|^2 + 2 s <Delta, theta_1 - w_1>, so the expectation is a
parabola in s whose minimum s* may be negative or above 1.
"""

from dataclasses import replace
from typing import Any

import sympy

from theory.formula import Condition, Family
from theory.ledger import criteria, notation as s
from theory.ledger.notation import Entry
from theory.ledger.two_tasks import DEVIATION_CASES, DIMENSIONS, OURS, PAPER_SETTING, initialized_two_tasks, two_tasks
from theory.problem import TaskSequence

scale = sympy.Symbol("s", real=True)
U, C = sympy.symbols("U C", real=True)  # E |Delta|^2 and -E <Delta, theta_1 - w_1>

_PULL = {
    "frozen": ((C, (1 - s.r_A) * (s.e_q + s.r * s.c_q)), (U, (1 - s.r_A) * s.g_q + s.k_A * (s.g_u + s.sigma_2**2))),
    "initialized": ((C, (1 - s.r_B) * (s.E_1 + s.r * s.c_w)), (U, (1 - s.r_B) * (s.E_1 + 2 * s.r * s.c_w + s.D) + s.k_B * s.sigma_2**2)),
}
_TERMS = {"frozen": criteria.FROZEN_TERMS + _PULL["frozen"], "initialized": criteria.INITIALIZED_TERMS + _PULL["initialized"]}
_DOMAIN = {"frozen": (s.FROZEN_DOMAIN, s.FROZEN_NORMAL), "initialized": (s.FULL_DOMAIN, s.FULL_NORMAL)}
_BUILD = {"frozen": two_tasks, "initialized": initialized_two_tasks}


def scaled(training: str) -> Any:
    """Return the builder of two tasks whose second step is scaled by the case's ``s``."""

    def build(*, s: Any, **case: Any) -> TaskSequence:
        seq = _BUILD[training](**case)
        return replace(seq, tasks=(seq.tasks[0], replace(seq.tasks[1], scale=s)))

    return build


def _common(training: str, expression: sympy.Expr, quantity: str) -> dict[str, Any]:
    domain, normal = _DOMAIN[training]
    return {
        "name": f"{training}_{quantity}",
        "expression": expression,
        "intermediates": s.needed(_TERMS[training], expression, domain + normal),
        "parameters": s.meanings(*DIMENSIONS, *criteria.TRUTHS),
        "domain": domain,
        "normal_domain": normal,
        "source": OURS,
        "status": "exact",
        "uses": s.DIVIDED if training == "frozen" else s.WHOLE,
        "assumptions": PAPER_SETTING,
    }


def _partial_step(training: str) -> Entry:
    common = _common(training, s.E_1 - 2 * scale * C + scale**2 * U, "partial_step_deviation")
    common["parameters"] = {**common["parameters"], "s": "share of the full step that task 2 takes"}
    return Entry(
        statement=f"Deviation from task 1's parameters when task 2 takes the share s of its step under {training} training: a parabola.",
        quantity="deviation",
        build=scaled(training),
        **common,
    )


def _best_scale(training: str) -> Entry:
    common = _common(training, C / U, "best_scale")
    common["domain"] += (Condition(U > 0, "without a step there is nothing to scale"),)
    return Entry(
        statement=f"s*, the scale of task 2's step under {training} training at which task 1 is forgotten least; below 1 the full step is too long.", **common
    )


def _least_change(training: str) -> Entry:
    common = _common(training, -(C**2) / U, "least_forgetting")
    common["domain"] += (Condition(U > 0, "without a step there is nothing to scale"),)
    common["uses"] += (f"{training}_best_scale",)
    return Entry(
        statement=f"Forgetting of task 1 if task 2's step under {training} training is scaled by s = s*: never above zero.",
        quantity="forgetting",
        build=at_best_scale(training),
        **common,
    )


def at_best_scale(training: str) -> Any:
    """Return the builder of two tasks whose second step has the scale s* of the case."""

    def build(**case: Any) -> TaskSequence:
        return scaled(training)(s=BEST_SCALE[training](**case), **{key: value for key, value in case.items() if key != "s"})

    return build


BEST_SCALE = {training: _best_scale(training) for training in _BUILD}
PARTIAL_STEP = {training: _partial_step(training) for training in _BUILD}
LEAST_FORGETTING = {training: _least_change(training) for training in _BUILD}
FORMULAS = (*PARTIAL_STEP.values(), *BEST_SCALE.values(), *LEAST_FORGETTING.values())

_MOVED, _ABOVE = DEVIATION_CASES[2], DEVIATION_CASES[6]
FAMILIES = tuple(
    Family(formula.name, formula, ({**_MOVED, "s": 0.4}, {**_MOVED, "s": -0.5}, {**_ABOVE, "s": 1.1}), "short, backward and overlong steps")
    for formula in PARTIAL_STEP.values()
) + tuple(Family(formula.name, formula, (_MOVED, _ABOVE), "at s*") for formula in LEAST_FORGETTING.values())
