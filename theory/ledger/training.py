"""Training errors of two tasks on one block: what a second task does to the first one's own samples.

The first step leaves a residual r with A_1 r = 0, or none. So the second step P (w_2 - theta_1) + g_2 adds its own images: on average over
directions a |A_1|^2 |w_2 - theta_1|^2 + b |A_1' (w_2 - theta_1)|^2, and noise.
"""

from typing import Any

import sympy

from theory.constructors import one_block
from theory.formula import Condition, Family
from theory.ledger.notation import Entry, kept, noise_gain, off_threshold, spread, surviving
from theory.problem import TaskSequence

p, n_1, n_2 = sympy.symbols("p n_1 n_2", positive=True, integer=True)
sigma_1, sigma_2 = sympy.symbols("sigma_1 sigma_2", nonnegative=True)
w_11, d_w = sympy.symbols("w_11 d_w", nonnegative=True)
c_w, r_1, q_1, k_1, a_2, b_2, k_2, x_2 = sympy.symbols("c_w r_1 q_1 k_1 a_2 b_2 k_2 x_2", real=True)

MEANING = {
    "p": "dimension of the parameters",
    "n_1": "samples of task 1",
    "n_2": "samples of task 2",
    "sigma_1": "standard deviation of task 1's noise",
    "sigma_2": "standard deviation of task 2's noise",
    "w_11": "|w_1|^2, squared length of task 1's truth",
    "d_w": "|w_2 - w_1|^2, squared distance of the truths",
    "c_w": "<w_2 - w_1, w_1>, the change of the truth along it",
}


def two_steps(*, p: int, n_1: int, n_2: int, sigma_1: Any = 0, sigma_2: Any = 0, w_11: Any, d_w: Any = 0, c_w: Any = 0, **_: Any) -> TaskSequence:
    """Build two tasks on one block, each trained from the estimate before it."""
    return one_block(p, (n_1, n_2), (sigma_1, sigma_2), gram=[[w_11, w_11 + c_w], [w_11 + c_w, w_11 + 2 * c_w + d_w]])


_FINITE, _NORMAL = zip(off_threshold(n_1, p, 1), off_threshold(n_2, p, 2), strict=True)
_COMMON = {
    "build": two_steps,
    "normal_domain": _NORMAL,
    "status": "exact",
    "assumptions": ("all features i.i.d. N(0, 1), fresh data for each task", "both tasks train everything, task 1 from zero"),
}

FIRST_TASK = Entry(
    name="training_error_two_tasks",
    statement="Squared residual of task 1's own samples after task 2. What task 2 moves is spread over all directions (a_2), or shows on "
    "the samples themselves (b_2) where the truths differ and where noise was fitted.",
    expression=(n_1 - q_1) * sigma_1**2 + a_2 * x_2 + b_2 * (n_1 * d_w + q_1 * sigma_1**2) + k_2 * n_1 * sigma_2**2,
    intermediates=(
        (r_1, surviving(n_1, p)),
        (q_1, sympy.Piecewise((n_1, n_1 < p), (p, True))),
        (k_1, noise_gain(n_1, p)),
        (a_2, spread(n_2, p)),
        (b_2, kept(n_2, p, a_2)),
        (k_2, noise_gain(n_2, p)),
        (x_2, n_1 * p * (r_1 * (w_11 + 2 * c_w) + d_w) + k_1 * (n_1 * p - 2) * sigma_1**2),
    ),
    domain=_FINITE,
    parameters=MEANING,
    quantity="training_error[1,0]",
    source="derived for driftlaw; without noise, as we understand it (the text was not at hand), the forgetting of Evron et al., arXiv 2205.09588, "
    "averaged over Gaussian data",
    uses=("training", "projection_mean", "projection_spread", "inverse_wishart_mean", "wishart_traces"),
    **_COMMON,
)

REALIZABLE = Entry(
    name="evron_two_tasks",
    statement="Forgetting as we understand Evron et al. to define it, the mean squared residual of all tasks so far, of two tasks with one truth and no noise.",
    expression=n_1 * n_2 * (p - n_1) * (p - n_2) * w_11 / (2 * p * (p - 1) * (p + 2)),
    domain=(
        *(Condition(n <= p, f"task {task} is overparameterized; beyond, nothing is forgotten") for task, n in ((1, n_1), (2, n_2))),
        Condition(p >= 2, "there are directions to spread to"),
    ),
    parameters={name: MEANING[name] for name in ("p", "n_1", "n_2", "w_11")},
    quantity="training_forgetting",
    source="definition after Evron, Moroshko, Ward, Srebro, Soudry, arXiv 2205.09588, as we understand it: beyond the abstract the text was not at "
    "hand; expectation over Gaussian data derived for driftlaw",
    uses=("training", "projection_mean", "projection_spread"),
    **_COMMON,
)

FORMULAS = (FIRST_TASK, REALIZABLE)

_CASES = (
    {"p": 30, "n_1": 10, "n_2": 8, "sigma_1": 0.3, "sigma_2": 0.5, "w_11": 1.0, "d_w": 0.5, "c_w": -0.2},
    {"p": 40, "n_1": 20, "n_2": 30, "sigma_1": 0.5, "sigma_2": 0.0, "w_11": 2.0, "d_w": 0.0, "c_w": 0.0},
    {"p": 25, "n_1": 4, "n_2": 12, "sigma_1": 0.0, "sigma_2": 0.4, "w_11": 1.0, "d_w": 0.2, "c_w": 0.1},
    {"p": 12, "n_1": 30, "n_2": 26, "sigma_1": 0.5, "sigma_2": 0.4, "w_11": 1.0, "d_w": 0.05, "c_w": 0.0},
)
_QUIET = tuple({"p": p, "n_1": n_1, "n_2": n_2, "w_11": w} for p, n_1, n_2, w in ((30, 10, 8, 1.0), (30, 8, 20, 2.0), (60, 40, 5, 1.0)))
FAMILIES = (
    Family("training_error_two_tasks", FIRST_TASK, _CASES, "task 1's own samples after task 2: noise, moved truths, n above p"),
    Family("evron_two_tasks", REALIZABLE, _QUIET, "one truth, no noise, different numbers of samples"),
)
