"""How much a single run fluctuates: the variance of the two-task deviation under initialized training.

With x = theta_1 - w_1 and y = w_2 - w_1, given x the deviation Q = |x + P (y - x) + g|^2 has mean
r_B |x|^2 + (1 - r_B)|y|^2 + k_B sigma_2^2, and its variance needs |x|^2, |x|^4 and (x.y)^2 only; their expectations
follow from a beta law for (I - P_1) w_1 and a ratio of chi-squares for the noise, which are independent.
"""

import sympy

from theory.formula import Condition
from theory.ledger import notation as s
from theory.ledger.notation import Entry
from theory.ledger.two_tasks import DIMENSIONS, OURS, PAPER_SETTING, initialized_two_tasks

d, m_1, g_2, g_4, x_2, x_4, xy_2, y_N, V_2 = sympy.symbols("d m_1 g_2 g_4 x_2 x_4 xy_2 y_N V_2", real=True)

_TERMS = (
    (s.N, s.p + s.p_1),
    (d, s.p + s.p_2),
    (s.w_11, s.u_11 + s.q_11),
    (s.D, s.d_u + s.d_q),
    (s.c_w, s.c_u + s.c_q),
    (y_N, s.D - s.x_q),
    (m_1, s.N - s.n_1),
    (s.beta, s.n_1 * m_1 / (s.N * (s.N - 1) * (s.N + 2))),
    (g_2, s.n_1 * s.sigma_1**2 / (m_1 - 1)),
    (g_4, s.n_1 * (s.n_1 + 2) * s.sigma_1**4 / ((m_1 - 1) * (m_1 - 3))),
    (x_2, m_1 / s.N * s.w_11 + g_2),
    (x_4, m_1 * (m_1 + 2) / (s.N * (s.N + 2)) * s.w_11**2 + 2 * m_1 / s.N * s.w_11 * g_2 + g_4),
    (xy_2, s.beta * s.w_11 * y_N + (m_1 * (m_1 + 2) / (s.N * (s.N + 2)) - s.beta) * s.c_w**2 + y_N * g_2 / s.N),
    (s.r_B, 1 - s.n_2 / d),
    (s.k_B, s.n_2 / (d - s.n_2 - 1)),
    (s.a_B, s.n_2 * (d - s.n_2) / (d * (d - 1) * (d + 2))),
    (V_2, 2 * s.n_2 * (d - 1) / ((d - s.n_2 - 1) ** 2 * (d - s.n_2 - 3))),
)

INITIALIZED_VARIANCE = Entry(
    name="initialized_deviation_variance",
    statement="Variance, over runs, of the deviation from task 1's parameters after initialized training on task 2.",
    expression=2 * s.a_B * (x_4 + s.D**2 - 2 * xy_2 - (s.D**2 - 2 * s.D * x_2 + x_4) / d)
    + 4 * s.sigma_2**2 * s.D * s.k_B / d + s.sigma_2**4 * V_2 + s.r_B**2 * (x_4 - x_2**2),
    intermediates=_TERMS,
    parameters=s.meanings(*DIMENSIONS, "u_11", "q_11", "d_u", "c_u", "d_q", "c_q", "x_q"),
    build=initialized_two_tasks,
    domain=(
        Condition(s.n_1 < s.N - 3, "the error of task 1 has a finite second moment"),
        Condition(s.n_2 < s.p + s.p_2 - 3, "the noise part of task 2's step has a finite second moment"),
    ),
    normal_domain=(
        Condition(s.n_1 <= s.N - 16, "moments of task 1 beyond the eighth exist"),
        Condition(s.n_2 <= s.p + s.p_2 - 16, "moments of task 2 beyond the eighth exist"),
    ),
    source=OURS.split(";")[0] + "; checked by direct simulation in the tests",
    status="exact",
    uses=("projection_mean", "projection_spread", "inverse_wishart_mean", "inverse_wishart_square"),
    assumptions=PAPER_SETTING,
)  # fmt: skip

FORMULAS = (INITIALIZED_VARIANCE,)
FAMILIES = ()
