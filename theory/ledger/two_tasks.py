"""Two tasks in the paper's setting: shared parameters, specific parameters that grow from p_1 to p_2, padded norm."""

from __future__ import annotations

from typing import Any

from theory.constructors import expanding
from theory.formula import Family, Formula
from theory.ledger import notation as s
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
    d_u: Any = 0, c_u: Any = 0, d_q: Any = 0, c_q: Any = 0, extra: Any = 0, train_shared: bool = False, **_: Any,
) -> TaskSequence:  # fmt: skip
    """Build the two-task experiment of a case.

    Parameters
    ----------
    p, p_1, p_2, n_1, n_2, sigma_1, sigma_2, u_11, q_11, d_u, c_u, d_q
        As in `theory.ledger.notation.MEANING`.
    c_q : number
        <q_2 - q_1, q_1>.
    extra : number
        The part of d_q that lies in the p_2 - p_1 extra parameters.
    train_shared : bool
        Initialized training of task 2 instead of frozen.
    """
    gram = {
        "shared": _pair(u_11, d_u, c_u),
        "specific": _pair(q_11, d_q - extra, c_q),
        "extra": extra,
    }
    return expanding(p, (p_1, p_2 - p_1), (n_1, n_2), (sigma_1, sigma_2), gram=gram, train_shared=train_shared)


def initialized_two_tasks(**case: Any) -> TaskSequence:
    """Build the two-task experiment of a case under initialized training."""
    return two_tasks(**{**case, "train_shared": True})


def _pair(square: Any, distance: Any, along: Any) -> list[list[Any]]:
    """Gram matrix of v and v + delta from |v|^2, |delta|^2 and <delta, v>."""
    return [[square, square + along], [square + along, square + 2 * along + distance]]


_FIRST, _FIRST_NORMAL = s.below_threshold(s.n_1, s.N, 1)
_FROZEN, _FROZEN_NORMAL = s.below_threshold(s.n_2, s.p_2, 2)
_FULL, _FULL_NORMAL = s.below_threshold(s.n_2, s.p + s.p_2, 2)
FROZEN_DOMAIN, FROZEN_NORMAL = (_FIRST, _FROZEN), (_FIRST_NORMAL, _FROZEN_NORMAL)
FULL_DOMAIN, FULL_NORMAL = (_FIRST, _FULL), (_FIRST_NORMAL, _FULL_NORMAL)

FROZEN_DEVIATION = Formula(
    name="frozen_deviation",
    statement="Deviation from task 1's parameters after frozen training on task 2: shared error, specific error that task 2's "
    "samples did not touch, distance of the specific truths, and noise amplified by the frozen shared error g_u.",
    expression=s.e_u + s.r_A * s.e_q + (1 - s.r_A) * s.d_q + s.k_A * (s.g_u + s.sigma_2**2),
    intermediates=s.TASK_1 + s.BLOCK_ERRORS + s.FROZEN_STEP + ((s.g_u, s.e_u + 2 * s.r * s.c_u + s.d_u),),
    parameters=s.meanings(*DIMENSIONS, "u_11", "q_11", "d_u", "c_u", "d_q"),
    target="deviation",
    build=two_tasks,
    domain=FROZEN_DOMAIN,
    normal_domain=FROZEN_NORMAL,
    source=OURS,
    status="exact",
    assumptions=PAPER_SETTING,
)

INITIALIZED_DEVIATION = Formula(
    name="initialized_deviation",
    statement="Deviation from task 1's parameters after initialized training on task 2: the surviving error of task 1, the "
    "distance of the truths, and amplified noise.",
    expression=s.r_B * s.E_1 + (1 - s.r_B) * (s.d_u + s.d_q) + s.k_B * s.sigma_2**2,
    intermediates=s.TASK_1 + s.ERROR_1 + s.FULL_STEP,
    parameters=s.meanings(*DIMENSIONS, "u_11", "q_11", "d_u", "d_q"),
    target="deviation",
    build=initialized_two_tasks,
    domain=FULL_DOMAIN,
    normal_domain=FULL_NORMAL,
    source=OURS + "; with one block, Lin et al., arXiv 2302.05836",
    status="exact",
    assumptions=PAPER_SETTING,
)

FORMULAS = (FROZEN_DEVIATION, INITIALIZED_DEVIATION)

_BASE = {"p": 20, "p_1": 30, "p_2": 30, "n_1": 15, "n_2": 10, "sigma_1": 0.3, "sigma_2": 0.5}
_CASES = (
    {**_BASE, "u_11": 1.0, "q_11": 0.0, "d_u": 0.0, "c_u": 0.0, "d_q": 0.0},
    {**_BASE, "u_11": 0.0, "q_11": 1.0, "d_u": 0.0, "c_u": 0.0, "d_q": 0.5},
    {**_BASE, "u_11": 1.0, "q_11": 0.5, "d_u": 0.6, "c_u": -0.4, "d_q": 1.0, "c_q": -0.3},
    {**_BASE, "u_11": 0.5, "q_11": 2.0, "d_u": 0.3, "c_u": 0.2, "d_q": 1.5, "c_q": 0.7, "p_2": 45, "extra": 0.5},
    {**_BASE, "u_11": 1.0, "q_11": 1.0, "d_u": 0.0, "c_u": 0.0, "d_q": 0.2, "n_1": 38, "n_2": 20},
    {**_BASE, "u_11": 2.0, "q_11": 1.0, "d_u": 0.5, "c_u": 0.5, "d_q": 0.2, "p": 40, "p_1": 16, "p_2": 24, "n_1": 40, "sigma_1": 0.0, "sigma_2": 0.0},
)
FAMILIES = (
    Family("frozen_deviation", FROZEN_DEVIATION, _CASES, "frozen deviation over splits of the norm, moved truths, p_2 > p_1, no noise"),
    Family("initialized_deviation", INITIALIZED_DEVIATION, _CASES, "initialized deviation at the same experiments"),
)
