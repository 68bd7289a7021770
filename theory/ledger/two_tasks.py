"""Two tasks in the paper's setting: shared parameters, specific parameters that grow from p_1 to p_2, padded norm."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from theory.constructors import expanding
from theory.formula import Family
from theory.ledger import notation as s
from theory.ledger.notation import Entry
from theory.problem import TaskSequence

PAPER_SETTING = (
    "all features i.i.d. N(0, 1), fresh data for each task, independent Gaussian label noise",
    "task 1 trains everything from zero; minimum-norm steps that fit the data",
    "padded norm: task 1's error counts task 2's extra parameters with truth zero",
)
OURS = "derived for driftlaw from E[P v v' P] of a uniformly random projection; proved equal to the recursion in the tests"
DIMENSIONS = ("p", "p_1", "p_2", "n_1", "n_2", "sigma_1", "sigma_2")


def two_tasks(
    *, p: int, p_1: int, p_2: int, n_1: int, n_2: int, sigma_1: Any, sigma_2: Any, u_11: Any = 0, q_11: Any = 0,
    d_u: Any = 0, c_u: Any = 0, d_q: Any = 0, c_q: Any = 0, x_q: Any = 0, train_shared: bool = False, norm: str = "padded", **_: Any,
) -> TaskSequence:  # fmt: skip
    """Build the two-task experiment of a case.

    Parameters
    ----------
    p, p_1, p_2, n_1, n_2, sigma_1, sigma_2, u_11, q_11, d_u, c_u, d_q, c_q, x_q
        As in `theory.ledger.notation.MEANING`.
    train_shared : bool
        Initialized training of task 2 instead of frozen.
    norm : {"padded", "excess_risk"}
        Whether task 1's error counts task 2's extra parameters.
    """
    gram = {"shared": _pair(u_11, d_u, c_u), "specific": _pair(q_11, d_q - x_q, c_q), "extra": x_q}
    return expanding(p, (p_1, p_2 - p_1), (n_1, n_2), (sigma_1, sigma_2), gram=gram, norm=norm, train_shared=train_shared)


def initialized_two_tasks(**case: Any) -> TaskSequence:
    """Build the two-task experiment of a case under initialized training."""
    return two_tasks(**{**case, "train_shared": True})


def from_zero_two_tasks(**case: Any) -> TaskSequence:
    """Build the two-task experiment of a case with task 2 trained on everything from zero; most quantities do not ask for sigma_1."""
    seq = initialized_two_tasks(**{"sigma_1": 0, **case})
    return replace(seq, tasks=(seq.tasks[0], replace(seq.tasks[1], start="zero")))


def excess_risk(train_shared: bool) -> Callable[..., TaskSequence]:
    """Return the builder of the two-task experiment in the excess-risk norm."""
    return lambda **case: two_tasks(**{**case, "norm": "excess_risk", "train_shared": train_shared})


def _pair(square: Any, distance: Any, along: Any) -> list[list[Any]]:
    """Gram matrix of v and v + delta from |v|^2, |delta|^2 and <delta, v>."""
    return [[square, square + along], [square + along, square + 2 * along + distance]]


FROZEN_DEVIATION = Entry(
    name="frozen_deviation",
    statement="Deviation from task 1's parameters after frozen training on task 2: shared error, specific error that task 2's "
    "samples did not touch, distance of the specific truths, and noise amplified along with the frozen shared error g_u.",
    expression=s.e_u + s.r_A * s.e_q + (1 - s.r_A) * s.d_q + s.k_A * (s.g_u + s.sigma_2**2),
    intermediates=s.TASK_1 + s.BLOCK_ERRORS + s.FROZEN_STEP + s.TOWARDS_2[:1],
    parameters=s.meanings(*DIMENSIONS, "u_11", "q_11", "d_u", "c_u", "d_q"),
    quantity="deviation",
    build=two_tasks,
    domain=s.FROZEN_DOMAIN,
    normal_domain=s.FROZEN_NORMAL,
    source=OURS,
    status="exact",
    uses=s.DIVIDED,
    assumptions=PAPER_SETTING,
)

INITIALIZED_DEVIATION = Entry(
    name="initialized_deviation",
    statement="Deviation from task 1's parameters after initialized training on task 2: the surviving error of task 1, the "
    "distance of the truths, and amplified noise.",
    expression=s.r_B * s.E_1 + (1 - s.r_B) * (s.d_u + s.d_q) + s.k_B * s.sigma_2**2,
    intermediates=s.needed(s.TASK_1 + s.ERROR_1 + s.FULL_STEP, s.E_1 + s.r_B + s.k_B, s.FULL_DOMAIN),
    parameters=s.meanings(*DIMENSIONS, "u_11", "q_11", "d_u", "d_q"),
    quantity="deviation",
    build=initialized_two_tasks,
    domain=s.FULL_DOMAIN,
    normal_domain=s.FULL_NORMAL,
    source=OURS + "; with one block, Lin et al., arXiv 2302.05836",
    status="exact",
    uses=s.WHOLE,
    assumptions=PAPER_SETTING,
)

FORMULAS = (FROZEN_DEVIATION, INITIALIZED_DEVIATION)

_BASE = {"p": 20, "p_1": 30, "p_2": 30, "n_1": 15, "n_2": 10, "sigma_1": 0.3, "sigma_2": 0.5, "c_q": 0.0, "x_q": 0.0}
DEVIATION_CASES = (
    {**_BASE, "u_11": 1.0, "q_11": 0.0, "d_u": 0.0, "c_u": 0.0, "d_q": 0.0},
    {**_BASE, "u_11": 0.0, "q_11": 1.0, "d_u": 0.0, "c_u": 0.0, "d_q": 0.5},
    {**_BASE, "u_11": 1.0, "q_11": 0.5, "d_u": 0.6, "c_u": -0.4, "d_q": 1.0, "c_q": -0.3},
    {**_BASE, "u_11": 0.5, "q_11": 2.0, "d_u": 0.3, "c_u": 0.2, "d_q": 1.5, "c_q": 0.7, "p_2": 45, "x_q": 0.5},
    {**_BASE, "u_11": 1.0, "q_11": 1.0, "d_u": 0.0, "c_u": 0.0, "d_q": 0.2, "n_1": 34, "n_2": 14},
    {**_BASE, "u_11": 2.0, "q_11": 1.0, "d_u": 0.5, "c_u": 0.5, "d_q": 0.2, "p": 40, "p_1": 16, "p_2": 40, "n_1": 36, "sigma_1": 0.0, "sigma_2": 0.0},
    {**_BASE, "u_11": 1.0, "q_11": 0.5, "d_u": 0.2, "c_u": -0.1, "d_q": 0.4, "c_q": 0.1, "p": 8, "p_1": 12, "p_2": 12, "n_1": 48, "n_2": 52, "sigma_2": 0.3},
)
FAMILIES = (
    Family("frozen_deviation", FROZEN_DEVIATION, DEVIATION_CASES, "splits of the norm, moved truths, p_2 > p_1, no noise, n above d"),
    Family("initialized_deviation", INITIALIZED_DEVIATION, DEVIATION_CASES, "initialized deviation at the same experiments"),
)
