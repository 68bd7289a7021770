"""Symbols and named intermediates that the ledger's formulas share (paper letters, tasks counted from 1)."""

from __future__ import annotations

import sympy

from theory.formula import Condition

p, p_1, p_2, n_1, n_2 = sympy.symbols("p p_1 p_2 n_1 n_2", positive=True, integer=True)
sigma_1, sigma_2 = sympy.symbols("sigma_1 sigma_2", nonnegative=True)
u_11, q_11, d_u, d_q = sympy.symbols("u_11 q_11 d_u d_q", nonnegative=True)
c_u = sympy.Symbol("c_u", real=True)

N, r, r_A, r_B, k_A, k_B, beta, E_1, e_u, e_q, w_11, g_u, kappa_1, xi, eta, v_1 = sympy.symbols(
    "N r r_A r_B k_A k_B beta E_1 e_u e_q w_11 g_u kappa_1 xi eta v_1", real=True
)

MEANING = {
    "p": "dimension of the shared parameters",
    "p_1": "dimension of task 1's specific parameters",
    "p_2": "dimension of task 2's specific parameters, at least p_1",
    "n_1": "samples of task 1",
    "n_2": "samples of task 2",
    "sigma_1": "standard deviation of task 1's noise",
    "sigma_2": "standard deviation of task 2's noise",
    "u_11": "|u_1|^2, squared length of the shared truth of task 1",
    "q_11": "|q_1|^2, squared length of the specific truth of task 1",
    "d_u": "|u_2 - u_1|^2, squared distance of the shared truths",
    "c_u": "<u_2 - u_1, u_1>, the change of the shared truth along it",
    "d_q": "|q_2 - q_1|^2, squared distance of the specific truths (task 1's padded with zeros)",
}

# After task 1, trained on everything from zero with n_1 < N - 1 samples.
TASK_1 = (
    (N, p + p_1),
    (w_11, u_11 + q_11),
    (r, 1 - n_1 / N),
    (beta, n_1 * (N - n_1) / (N * (N - 1) * (N + 2))),
    (kappa_1, n_1 * sigma_1**2 / (N - n_1 - 1)),
)
ERROR_1 = ((E_1, r * w_11 + kappa_1),)
BLOCK_ERRORS = (
    (e_u, (r - beta * N) * u_11 + beta * p * w_11 + p * kappa_1 / N),
    (e_q, (r - beta * N) * q_11 + beta * p_1 * w_11 + p_1 * kappa_1 / N),
)
FROZEN_STEP = ((r_A, 1 - n_2 / p_2), (k_A, n_2 / (p_2 - n_2 - 1)))
FULL_STEP = ((r_B, 1 - n_2 / (p + p_2)), (k_B, n_2 / (p + p_2 - n_2 - 1)))


def below_threshold(samples: sympy.Expr, dimension: sympy.Expr, task: int) -> tuple[Condition, Condition]:
    """Return the conditions for a finite mean and for a trusted normal interval of one overparameterized step."""
    finite = Condition(samples < dimension - 1, f"E tr (A'A)^-1 of task {task} is finite")
    return finite, Condition(samples <= dimension - 8, f"moments of task {task} beyond the fourth exist")


def meanings(*names: str) -> dict[str, str]:
    """Return the meanings of the named parameters."""
    return {name: MEANING[name] for name in names}
