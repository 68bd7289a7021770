"""Two tasks: forgetting, generalization and update magnitude of frozen and initialized training, padded norm.

"From zero" is the second reading of initialized training, which starts task 2 again from zero.
"""

import sympy

from theory.formula import Family
from theory.ledger import notation as s
from theory.ledger.notation import Entry
from theory.ledger.two_tasks import DEVIATION_CASES, DIMENSIONS, OURS, PAPER_SETTING, from_zero_two_tasks, initialized_two_tasks, two_tasks

HALF = sympy.Rational(1, 2)
TRUTHS = ("u_11", "q_11", "d_u", "c_u", "d_q", "c_q")

# E L_2(theta_2) of each training, for G_2 = (E L_1(theta_2) + E L_2(theta_2)) / 2.
FROZEN_SECOND_ERROR = s.g_u + s.r_A * s.g_q + s.k_A * (s.g_u + s.sigma_2**2)
INITIALIZED_SECOND_ERROR = s.r_B * (s.E_1 + 2 * s.r * s.c_w + s.D) + s.k_B * s.sigma_2**2
FROM_ZERO_SECOND_ERROR = s.r_B * s.w_22 + s.k_B * s.sigma_2**2

FROZEN_TERMS = s.TASK_1 + s.ERROR_1 + s.BLOCK_ERRORS + s.TOWARDS_2 + s.FROZEN_STEP
INITIALIZED_TERMS = s.TASK_1 + s.ERROR_1 + s.DISTANCES + s.FULL_STEP
FROM_ZERO_TERMS = INITIALIZED_TERMS + ((s.w_22, s.w_11 + 2 * s.c_w + s.D), (s.S_1, (1 - s.r) * s.w_11 + s.kappa_1))

_TRAININGS = {
    "frozen": (FROZEN_TERMS, s.FROZEN_DOMAIN, s.FROZEN_NORMAL, two_tasks),
    "initialized": (INITIALIZED_TERMS, s.FULL_DOMAIN, s.FULL_NORMAL, initialized_two_tasks),
    "from_zero": (FROM_ZERO_TERMS, s.FULL_DOMAIN, s.FULL_NORMAL, from_zero_two_tasks),
}


def criterion(training: str, quantity: str, statement: str, expression: sympy.Expr) -> Entry:
    """Make the formula of one training and quantity; keeps only the intermediates and parameters that it uses."""
    terms, domain, normal, build = _TRAININGS[training]
    intermediates = s.needed(terms, expression, domain + normal)
    parts = [expression, *(definition for _, definition in intermediates), *(condition.relation for condition in domain)]
    names = {str(symbol) for part in parts for symbol in part.free_symbols}
    return Entry(
        name=f"{training}_{quantity}",
        statement=statement,
        expression=expression,
        intermediates=intermediates,
        parameters=s.meanings(*(name for name in DIMENSIONS + TRUTHS if name in names)),
        quantity="update_magnitude" if quantity == "update" else quantity,
        build=build,
        domain=domain,
        normal_domain=normal,
        source=OURS,
        status="exact",
        uses=s.DIVIDED if training == "frozen" else s.WHOLE,
        assumptions=PAPER_SETTING,
    )


FORMULAS = (
    criterion(
        "frozen", "forgetting",
        "Forgetting of task 1 under frozen training: task 2's samples replace a share of task 1's specific error by the distance of "
        "the specific truths, and amplify noise and the frozen shared error.",
        s.k_A * (s.g_u + s.sigma_2**2) - (1 - s.r_A) * (s.e_q - s.d_q),
    ),
    criterion(
        "frozen", "generalization",
        "Average error over both tasks after frozen training.",
        HALF * (s.e_u + s.r_A * s.e_q + (1 - s.r_A) * s.d_q + s.k_A * (s.g_u + s.sigma_2**2)) + HALF * FROZEN_SECOND_ERROR,
    ),
    criterion(
        "frozen", "update",
        "Squared update of task 2 under frozen training.",
        (1 - s.r_A) * s.g_q + s.k_A * (s.g_u + s.sigma_2**2),
    ),
    criterion(
        "initialized", "forgetting",
        "Forgetting of task 1 under initialized training: a share of task 1's error is replaced by the distance of the truths.",
        s.k_B * s.sigma_2**2 - (1 - s.r_B) * (s.E_1 - s.D),
    ),
    criterion(
        "initialized", "generalization",
        "Average error over both tasks after initialized training.",
        HALF * (s.r_B * s.E_1 + (1 - s.r_B) * s.D + s.k_B * s.sigma_2**2) + HALF * INITIALIZED_SECOND_ERROR,
    ),
    criterion(
        "initialized", "update",
        "Squared update of task 2 under initialized training.",
        (1 - s.r_B) * (s.E_1 + 2 * s.r * s.c_w + s.D) + s.k_B * s.sigma_2**2,
    ),
    criterion(
        "from_zero", "deviation",
        "Deviation from task 1's parameters when task 2 starts again from zero.",
        s.r_B * s.w_11 + (1 - s.r_B) * s.D + s.k_B * s.sigma_2**2,
    ),
    criterion(
        "from_zero", "forgetting",
        "Forgetting of task 1 when task 2 starts again from zero.",
        s.r_B * s.w_11 + (1 - s.r_B) * s.D + s.k_B * s.sigma_2**2 - s.E_1,
    ),
    criterion(
        "from_zero", "generalization",
        "Average error over both tasks when task 2 starts again from zero.",
        HALF * (s.r_B * s.w_11 + (1 - s.r_B) * s.D + s.k_B * s.sigma_2**2) + HALF * FROM_ZERO_SECOND_ERROR,
    ),
    criterion(
        "from_zero", "update",
        "Squared distance between the estimates after task 1 and after task 2, when task 2 starts again from zero.",
        (1 - s.r_B) * s.w_22 + s.k_B * s.sigma_2**2 + s.S_1 - 2 * (1 - s.r_B) * (1 - s.r) * (s.w_11 + s.c_w),
    ),
)  # fmt: skip

# One case over each side of both thresholds, kept small: the deviation's families carry the broad ones.
_SHORT = (DEVIATION_CASES[2], DEVIATION_CASES[3], DEVIATION_CASES[6])
FAMILIES = tuple(Family(formula.name, formula, _SHORT, "both regimes, moved truths, p_2 > p_1") for formula in FORMULAS)
