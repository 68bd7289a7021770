"""Rules that hold on to earlier tasks: distillation with a head for each task, and EWC with the Fisher information of the samples."""

import math
from typing import Any

import sympy

from theory.conditions import EWC, HeadDistillation
from theory.constructors import one_block
from theory.errors import InputError
from theory.formula import Condition, Family
from theory.ledger import notation as s
from theory.ledger.architectures import HEADS, HEADS_ASSUMPTIONS, heads
from theory.ledger.notation import Entry
from theory.ledger.two_tasks import OURS
from theory.problem import TaskSequence

strength = sympy.Symbol("strength", positive=True)
w_11, d_w = sympy.symbols("w_11 d_w", nonnegative=True)
l, z, f = sympy.symbols("l z f", real=True)


def distilled_heads(*, strength: Any, **case: Any) -> TaskSequence:
    """Build two tasks with a head each, the second distilled by the first one's outputs."""
    return heads(True)(**{"h_22": 1, **case}).under(rule=HeadDistillation(strength))


_LEFT = s.n_2 - s.p_2
DISTILLED = Entry(
    name="distilled_heads_forgetting",
    statement="Forgetting under distillation with a head for each task, of more samples than task 2's head has parameters: the shared ones take "
    "the share z of the step that fits what the head leaves. With fewer samples nothing is forgotten, at any strength.",
    expression=z**2 * l * (s.g_u * (1 + s.p_2 * f) / s.p + s.sigma_2**2 * f) - 2 * z * l / s.p * (s.e_u + s.r * s.c_u),
    intermediates=s.TASK_1 + s.BLOCK_ERRORS[:1] + s.TOWARDS_2[:1] + ((z, 1 / (1 + strength)), (l, _LEFT), (f, 1 / (s.p - s.n_2 - 1))),
    parameters={**{name: meaning for name, meaning in HEADS.items() if name != "h_22"}, "strength": "weight of the previous outputs, above 0"},
    quantity="forgetting",
    build=distilled_heads,
    domain=(s.HEAD_DOMAIN[0], Condition(s.n_2 > s.p_2 + 1, "the head alone does not fit"), Condition(s.n_2 < s.p - 1, "the shared parameters do")),
    normal_domain=(s.FULL_NORMAL[0], Condition(_LEFT >= 8, "moments of the head exist"), Condition(s.p - s.n_2 >= 8, "those of the shared parameters, too")),
    source=OURS,
    status="exact",
    uses=(*s.DIVIDED, "wishart_traces"),
    rules=(HeadDistillation,),
    assumptions=HEADS_ASSUMPTIONS,
)  # fmt: skip

FISHER = Entry(
    name="empirical_fisher",
    statement="Mean of the empirical Fisher information of one parameter after the first task, mean_i r_i^2 x_ij^2 of its residuals r; zero where they are.",
    expression=sympy.Piecewise(((s.n_1 - s.p) / (s.n_1 + 2), s.n_1 > s.p), (0, True)) * s.sigma_1**2,
    parameters={"n_1": "samples of task 1", "p": "dimension of the parameters", "sigma_1": s.MEANING["sigma_1"]},
    source="what a sample x leaves of itself is 1 / (1 + t), t its leverage by the others: |x|^2 / (1 + t) is chi^2_n B (1 - B), B Beta(p/2, (n - p)/2)",
    status="exact",
    rules=(EWC,),
    assumptions=("all features i.i.d. N(0, 1)", "task 1 trains everything by least squares"),
)


def consolidated(*, p: int, n_1: int, n_2: int, sigma_1: Any, sigma_2: Any, w_11: Any, d_w: Any, c_w: Any = 0, strength: float = 1.0, **_: Any) -> TaskSequence:
    """Build two tasks on one block under EWC with the empirical Fisher information; their truths lie in a plane."""
    length, along = math.sqrt(w_11), c_w / (math.sqrt(w_11) or 1.0)
    if p < 2 or c_w**2 > w_11 * d_w * (1 + 1e-12):
        raise InputError(f"p is {p}, w_11 {w_11}, d_w {d_w} and c_w {c_w}; there are such truths in a plane if p >= 2 and c_w^2 <= w_11 d_w")
    first, second = [length, 0.0], [length + along, math.sqrt(max(d_w - along**2, 0.0))]
    return one_block(p, (n_1, n_2), (sigma_1, sigma_2), [one + [0.0] * (p - 2) for one in (first, second)]).under(rule=EWC(strength))


r_1, k_1, r_2, k_2 = sympy.symbols("r_1 k_1 r_2 k_2", real=True)
EWC_FORGETS = Entry(
    name="empirical_ewc_forgetting",
    statement="Forgetting under EWC with the empirical Fisher information where task 1 is interpolated: that of no penalty, at any strength.",
    expression=(1 - r_2) * (d_w - r_1 * w_11 - k_1 * s.sigma_1**2) + k_2 * s.sigma_2**2,
    intermediates=((r_1, 1 - s.n_1 / s.p), (k_1, s.noise_gain(s.n_1, s.p)), (r_2, s.surviving(s.n_2, s.p)), (k_2, s.noise_gain(s.n_2, s.p))),
    parameters={
        "p": "dimension of the parameters", **s.meanings("n_1", "n_2", "sigma_1", "sigma_2"), "w_11": "|w_1|^2, squared length of the truth of task 1",
        "d_w": "|w_2 - w_1|^2, squared distance of the truths",
    },
    quantity="forgetting",
    build=consolidated,
    domain=(s.below_threshold(s.n_1, s.p, 1)[0], s.off_threshold(s.n_2, s.p, 2)[0]),
    normal_domain=(s.below_threshold(s.n_1, s.p, 1)[1], s.off_threshold(s.n_2, s.p, 2)[1]),
    source=OURS,
    status="exact",
    uses=s.WHOLE,
    rules=(EWC,),
    assumptions=("all features i.i.d. N(0, 1), fresh data for each task", "task 1 starts from zero"),
)  # fmt: skip

FORMULAS = (DISTILLED, FISHER, EWC_FORGETS)
_HEADS = {
    "p": 60, "p_1": 20, "p_2": 6, "n_1": 30, "n_2": 16, "sigma_1": 0.3, "sigma_2": 0.5, "u_11": 1.0, "q_11": 0.5, "d_u": 0.6, "c_u": -0.3, "strength": 0.5,
}  # fmt: skip
_ONE = {"p": 40, "n_1": 20, "n_2": 15, "sigma_1": 0.3, "sigma_2": 0.5, "w_11": 1.0, "d_w": 0.6, "c_w": -0.4, "strength": 20.0}
FAMILIES = (
    Family("distilled_heads_forgetting", DISTILLED, (_HEADS, {**_HEADS, "n_1": 10, "n_2": 25, "strength": 2.0}), "a small head, at two strengths"),
    Family("empirical_ewc_forgetting", EWC_FORGETS, (_ONE, {**_ONE, "n_2": 60, "strength": 1.0}), "a strong penalty that is none"),
)
