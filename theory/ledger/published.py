"""What is known of the paper's Lemma 4.2 (arXiv 2602.20796), and our reconstruction around it.

Published: r, r_A and v_1. The rest of the lemma could not be obtained; the form below is a reconstruction (u_2 = u_1),
so a disagreement concerns the reconstruction, not the paper's text.
"""

import sympy

from theory.formula import Condition, Family
from theory.ledger import notation as s
from theory.ledger.notation import Entry
from theory.ledger.two_tasks import DIMENSIONS, PAPER_SETTING, two_tasks

V_1 = 1 + s.p * s.n_2 / ((s.p + s.p_1) * (s.p_2 - s.n_2 - 1)) - s.p_1 * s.n_2 / ((s.p + s.p_1) * s.p_2)
SPLIT_IN_PROPORTION = Condition(sympy.Eq(s.u_11 * s.p_1, s.q_11 * s.p), "task 1's norm is split over the blocks as their dimensions are")

RECONSTRUCTION = Entry(
    name="v1_reconstruction",
    statement="If |u_1|^2 : |q_1|^2 = p : p_1 (or on average over a rotation-invariant truth) and u_2 = u_1, the frozen deviation is "
    "v_1 E_1 + (1 - r_A)|q_2 - q_1|^2 + k_A sigma_2^2. v_1, r and r_A are published; this form around them is reconstructed.",
    expression=s.v_1 * s.E_1 + (1 - s.r_A) * s.d_q + s.k_A * s.sigma_2**2,
    intermediates=s.needed(s.TASK_1 + s.ERROR_1 + s.FROZEN_STEP + ((s.v_1, V_1),), s.v_1 + s.E_1 + s.r_A + s.k_A, s.FROZEN_OVER_DOMAIN),
    parameters=s.meanings(*DIMENSIONS, "u_11", "q_11", "d_q"),
    quantity="deviation",
    build=two_tasks,
    domain=s.FROZEN_OVER_DOMAIN,
    normal_domain=s.FROZEN_OVER_NORMAL,
    exact_when=(SPLIT_IN_PROPORTION,),
    source="v_1: He, Bai, Yang, arXiv 2602.20796, Lemma 4.2; the form: reconstructed for driftlaw",
    status="reconstructed",
    uses=s.WHOLE,
    assumptions=PAPER_SETTING + ("u_2 = u_1",),
)

_GAP = (s.r - s.beta * s.N) * (s.u_11 - s.p * s.w_11 / s.N) * (1 + s.k_A - s.r_A)
RECONSTRUCTION_GAP = Entry(
    name="v1_reconstruction_gap",
    statement="Exact frozen deviation minus the reconstruction around v_1 (u_2 = u_1); for n_1 < p + p_1 zero if and only if "
    "|u_1|^2 : |q_1|^2 = p : p_1; with more samples nothing of the truth is left over, and it vanishes for every split.",
    expression=_GAP,
    intermediates=s.needed(s.TASK_1 + s.FROZEN_STEP, _GAP, s.FROZEN_OVER_DOMAIN),
    parameters=s.meanings(*(name for name in DIMENSIONS if not name.startswith("sigma")), "u_11", "q_11"),
    domain=s.FROZEN_OVER_DOMAIN,
    normal_domain=s.FROZEN_OVER_NORMAL,
    source="derived for driftlaw",
    status="exact",
    uses=s.DIVIDED,
    assumptions=PAPER_SETTING + ("u_2 = u_1",),
)

FORMULAS = (RECONSTRUCTION, RECONSTRUCTION_GAP)

_BASE = {"p": 20, "p_1": 30, "p_2": 30, "n_1": 15, "n_2": 10, "sigma_1": 0.3, "sigma_2": 0.5, "d_q": 0.0}
_EXAMPLE = {"p": 40, "p_1": 60, "p_2": 60, "n_1": 30, "n_2": 20, "sigma_1": 0.3, "sigma_2": 0.5, "d_q": 0.0, "u_11": 1.0, "q_11": 0.0}
FAMILIES = (
    Family(
        "v1_on_condition",
        RECONSTRUCTION,
        (
            {**_BASE, "u_11": 0.4, "q_11": 0.6},
            {**_BASE, "u_11": 2.0, "q_11": 3.0, "d_q": 1.0},
            {**_BASE, "u_11": 0.8, "q_11": 1.2, "p_2": 45, "d_q": 0.5, "x_q": 0.5},
        ),
        "the reconstruction where the norm is split in proportion to the dimensions",
    ),
    Family(
        "v1_off_condition",
        RECONSTRUCTION,
        (_EXAMPLE, {**_BASE, "u_11": 1.0, "q_11": 0.0}, {**_BASE, "u_11": 0.0, "q_11": 1.0, "d_q": 0.5}),
        "the reconstruction elsewhere: its mistake has the size of v1_reconstruction_gap",
        expected="disagree",
    ),
)
