"""Two tasks, excess-risk norm: task 1's error counts only the parameters that task 1 uses, not task 2's extra ones.

The step of task 2 mixes counted and uncounted parameters, so that E[P v v' P] = a |v|^2 I + b v v' enters itself.
Generalization counts task 2's own error as before; with p_2 = p_1 both norms agree.
"""

import sympy

from theory.formula import Family
from theory.ledger import criteria, notation as s
from theory.ledger.notation import Entry
from theory.ledger.two_tasks import DEVIATION_CASES, DIMENSIONS, OURS, PAPER_SETTING, excess_risk

ASSUMPTIONS = PAPER_SETTING[:2] + ("excess-risk norm: task 1's error counts only the parameters that task 1 uses",)
EXTRA = s.p_2 - s.p_1
STEP_A = ((s.a_A, s.spread(s.n_2, s.p_2)), (s.b_A, s.kept(s.n_2, s.p_2, s.a_A)))
STEP_B = ((s.a_B, s.spread(s.n_2, s.p + s.p_2)), (s.b_B, s.kept(s.n_2, s.p + s.p_2, s.a_B)))

FROZEN = (
    s.e_u + (s.r_A - s.a_A * EXTRA) * s.e_q + s.a_A * s.p_1 * s.d_q + s.b_A * (s.d_q - s.x_q) - 2 * s.r * s.a_A * EXTRA * s.c_q
    + s.k_A * (s.p_1 / s.p_2) * (s.g_u + s.sigma_2**2)
)  # fmt: skip
INITIALIZED = (
    (s.r_B - s.a_B * EXTRA) * s.E_1 + s.a_B * s.N * s.D + s.b_B * (s.D - s.x_q) - 2 * s.r * s.a_B * EXTRA * s.c_w
    + s.k_B * s.N / (s.p + s.p_2) * s.sigma_2**2
)  # fmt: skip

_TRAININGS = {
    "frozen": (FROZEN, criteria.FROZEN_TERMS + STEP_A, criteria.FROZEN_SECOND_ERROR, s.FROZEN_DOMAIN, s.FROZEN_NORMAL, False),
    "initialized": (INITIALIZED, criteria.INITIALIZED_TERMS + STEP_B, criteria.INITIALIZED_SECOND_ERROR, s.FULL_DOMAIN, s.FULL_NORMAL, True),
}


def _formulas(training: str) -> tuple[Entry, ...]:
    deviation, terms, second, domain, normal, train_shared = _TRAININGS[training]
    wanted = {
        "deviation": ("Deviation from task 1's parameters", deviation),
        "forgetting": ("Forgetting of task 1", deviation - s.E_1),
        "generalization": ("Average error over both tasks", sympy.Rational(1, 2) * (deviation + second)),
    }
    return tuple(
        Entry(
            name=f"{training}_{quantity}_excess_risk",
            statement=f"{words} under {training} training, in the excess-risk norm (p_2 > p_1).",
            expression=expression,
            intermediates=s.needed(terms, expression, domain + normal),
            parameters=s.meanings(*DIMENSIONS, *criteria.TRUTHS, "x_q"),
            quantity=quantity,
            build=excess_risk(train_shared),
            domain=domain,
            normal_domain=normal,
            source=OURS,
            status="exact",
            uses=s.DIVIDED,
            assumptions=ASSUMPTIONS,
        )
        for quantity, (words, expression) in wanted.items()
    )


FORMULAS = _formulas("frozen") + _formulas("initialized")
_CASES = (DEVIATION_CASES[3], {**DEVIATION_CASES[3], "x_q": 0.0, "sigma_2": 1.0}, {**DEVIATION_CASES[6], "p_2": 16, "n_2": 56, "x_q": 0.1})
FAMILIES = tuple(Family(formula.name, formula, _CASES, "p_2 > p_1, extra truth zero and not, both regimes") for formula in FORMULAS)
