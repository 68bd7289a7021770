"""Other ways to share parameters: one head per task, partial freezing, and transfer in the manner of Ju et al."""

from dataclasses import replace
from typing import Any

import sympy

from theory.constructors import one_head_per_task, trainable_fraction
from theory.formula import Family
from theory.ledger import criteria, notation as s
from theory.ledger.notation import Entry
from theory.ledger.two_tasks import DIMENSIONS, OURS, PAPER_SETTING, initialized_two_tasks, two_tasks
from theory.problem import TaskSequence

h_22 = sympy.Symbol("h_22", nonnegative=True)
m = sympy.Symbol("m", positive=True, integer=True)
d, phi, r_S, k_S, a_S, b_S = sympy.symbols("d phi r_S k_S a_S b_S", real=True)
HEADS = {
    **s.meanings("p", "p_1", "n_1", "n_2", "sigma_1", "sigma_2", "u_11", "q_11", "d_u", "c_u"),
    "p_1": "dimension of task 1's head",
    "p_2": "dimension of task 2's head",
    "q_11": "squared length of task 1's head's truth",
    "h_22": "squared length of task 2's head's truth",
}
HEADS_ASSUMPTIONS = PAPER_SETTING[:2] + ("each task uses the shared parameters and its own head", "task 2's head starts from zero")


def heads(train_shared: bool) -> Any:
    """Return the builder of two tasks with one head each."""

    def build(*, p: int, p_1: int, p_2: int, n_1: int, n_2: int, sigma_1: Any, sigma_2: Any, u_11: Any, q_11: Any, h_22: Any,
              d_u: Any = 0, c_u: Any = 0, **_: Any) -> TaskSequence:  # fmt: skip
        shared = [[u_11, u_11 + c_u], [u_11 + c_u, u_11 + 2 * c_u + d_u]]
        return one_head_per_task(p, (p_1, p_2), (n_1, n_2), (sigma_1, sigma_2), gram={"shared": shared, "head": (q_11, h_22)}, train_shared=train_shared)

    return build


_HEAD_STEP = ((d, s.p + s.p_2), (r_S, s.surviving(s.n_2, d)), (a_S, s.spread(s.n_2, d)), (b_S, s.kept(s.n_2, d, a_S)), (k_S, s.noise_gain(s.n_2, d)))
HEADS_FROZEN = Entry(
    name="heads_frozen_forgetting",
    statement="With one head per task, frozen training never touches what task 1 uses: forgetting is zero in every single run.",
    expression=sympy.Integer(0),
    parameters=HEADS,
    quantity="forgetting",
    build=heads(False),
    domain=s.HEAD_DOMAIN,
    normal_domain=s.FROZEN_NORMAL,
    intermediates=s.TASK_1[:1],
    source=OURS,
    status="exact",
    assumptions=HEADS_ASSUMPTIONS,
)
HEADS_INITIALIZED = Entry(
    name="heads_initialized_forgetting",
    statement="Forgetting with one head per task under initialized training: the shared parameters move for task 2, its head's truth "
    "and the noise spill into them.",
    expression=a_S * s.p * (s.g_u + h_22) + b_S * s.g_u + k_S * s.p / d * s.sigma_2**2 - 2 * (1 - r_S) * (s.e_u + s.r * s.c_u),
    intermediates=s.TASK_1 + s.BLOCK_ERRORS[:1] + s.TOWARDS_2[:1] + _HEAD_STEP,
    parameters=HEADS,
    quantity="forgetting",
    build=heads(True),
    domain=s.BOTH_DOMAIN,
    normal_domain=s.FULL_NORMAL,
    source=OURS,
    status="exact",
    uses=s.DIVIDED,
    assumptions=HEADS_ASSUMPTIONS,
)


def partial_freezing(
    *, p: int, p_1: int, m: int, n_1: int, n_2: int, sigma_1: Any, sigma_2: Any, u_11: Any, q_11: Any, d_u: Any = 0, c_u: Any = 0, d_q: Any = 0,
    c_q: Any = 0, **_: Any,
) -> TaskSequence:  # fmt: skip
    """Build two tasks of which the second trains m of the p shared coordinates and everything specific."""
    gram = {"shared": [[u_11, u_11 + c_u], [u_11 + c_u, u_11 + 2 * c_u + d_u]], "specific": [[q_11, q_11 + c_q], [q_11 + c_q, q_11 + 2 * c_q + d_q]]}
    return trainable_fraction(m, {"shared": p, "specific": p_1}, (n_1, n_2), (sigma_1, sigma_2), gram=gram)


_TRAINED = m + s.p_1
PARTIAL = Entry(
    name="partial_freezing_deviation",
    statement="Deviation when m of the p shared parameters go on training (truths spread evenly over the coordinates): the share "
    "phi = m/p moves as under initialized training, the rest acts as noise. m = 0 is frozen, m = p initialized training.",
    expression=(1 - phi) * s.e_u + r_S * (phi * s.e_u + s.e_q) + (1 - r_S) * (phi * s.d_u + s.d_q) + k_S * ((1 - phi) * s.g_u + s.sigma_2**2),
    intermediates=s.TASK_1 + s.BLOCK_ERRORS + s.TOWARDS_2[:1]
    + ((phi, m / s.p), (r_S, s.surviving(s.n_2, _TRAINED)), (k_S, s.noise_gain(s.n_2, _TRAINED))),
    parameters={
        **s.meanings("p", "p_1", "n_1", "n_2", "sigma_1", "sigma_2", "u_11", "q_11", "d_u", "c_u", "d_q"),
        "m": "shared parameters that task 2 trains",
    },
    quantity="deviation",
    build=partial_freezing,
    domain=(s.FULL_DOMAIN[0], s.off_threshold(s.n_2, _TRAINED, 2)[0]),
    normal_domain=(s.FULL_NORMAL[0], s.off_threshold(s.n_2, _TRAINED, 2)[1]),
    source=OURS,
    status="exact",
    uses=s.DIVIDED,
    assumptions=PAPER_SETTING[:2] + ("truths spread evenly over the shared coordinates", "p_2 = p_1"),
)  # fmt: skip


def transfer(train_shared: bool) -> Any:
    """Return the builder of a source and a target task whose specific parameters start from zero."""

    def build(**case: Any) -> TaskSequence:
        seq = (initialized_two_tasks if train_shared else two_tasks)(**case)
        target = seq.tasks[1]
        return replace(seq, tasks=(seq.tasks[0], replace(target, start={b: "zero" for b in target.train if b != "shared"})))

    return build


_TRANSFER = {
    "parameters": s.meanings(*DIMENSIONS, *criteria.TRUTHS),
    "quantity": "error[1,1]",
    "source": "setting of Ju, Lin, Squillante, Liang, Shroff, arXiv 2306.04901; " + OURS,
    "status": "exact",
    "uses": s.DIVIDED,
    "assumptions": PAPER_SETTING + ("task 2's specific parameters start from zero",),
}
_Q_22 = sympy.Symbol("q_22", real=True)
_TARGET_TRUTH = ((_Q_22, s.q_11 + 2 * s.c_q + s.d_q),)
TRANSFER_INITIALIZED = Entry(
    name="transfer_initialized",
    statement="Error on the target task when the source's shared parameters are where training starts: they go on moving, and the specific "
    "ones, from zero, with them.",
    expression=s.r_B * (s.g_u + _Q_22) + s.k_B * s.sigma_2**2,
    intermediates=s.TASK_1 + s.BLOCK_ERRORS[:1] + s.TOWARDS_2[:1] + _TARGET_TRUTH + s.FULL_STEP,
    build=transfer(True),
    domain=s.FULL_DOMAIN,
    normal_domain=s.FULL_NORMAL,
    **_TRANSFER,
)
TRANSFER_FROZEN = Entry(
    name="transfer_frozen",
    statement="Error on the target task when the source's shared parameters are kept as they are: only the specific ones move, from zero.",
    expression=s.g_u + s.r_A * _Q_22 + s.k_A * (s.g_u + s.sigma_2**2),
    intermediates=s.TASK_1 + s.BLOCK_ERRORS[:1] + s.TOWARDS_2[:1] + _TARGET_TRUTH + s.FROZEN_STEP,
    build=transfer(False),
    domain=s.FROZEN_DOMAIN,
    normal_domain=s.FROZEN_NORMAL,
    **_TRANSFER,
)

FORMULAS = (HEADS_FROZEN, HEADS_INITIALIZED, PARTIAL, TRANSFER_INITIALIZED, TRANSFER_FROZEN)

_BASE = {"p": 20, "p_1": 30, "p_2": 30, "n_1": 15, "n_2": 10, "sigma_1": 0.3, "sigma_2": 0.5, "u_11": 1.0, "q_11": 0.5, "d_u": 0.6, "c_u": -0.4}
_ABOVE = {**_BASE, "p": 8, "p_1": 12, "p_2": 12, "n_1": 48, "n_2": 52, "sigma_2": 0.3}
_HEAD_CASES = ({**_BASE, "p_2": 20, "h_22": 0.8}, {**_ABOVE, "h_22": 1.5})
_MOVED = {"d_q": 1.0, "c_q": -0.3}
FAMILIES = (
    Family("heads_frozen_forgetting", HEADS_FROZEN, _HEAD_CASES, "zero in every run"),
    Family("heads_initialized_forgetting", HEADS_INITIALIZED, _HEAD_CASES, "both regimes"),
    Family(
        "partial_freezing_deviation",
        PARTIAL,
        tuple({**_BASE, **_MOVED, "m": count} for count in (5, 15)) + ({**_ABOVE, **_MOVED, "d_u": 0.1, "c_u": -0.05, "m": 4},),
        "m of p",
    ),
    Family("transfer_initialized", TRANSFER_INITIALIZED, ({**_BASE, **_MOVED}, {**_ABOVE, **_MOVED}), "shared parameters go on moving, both regimes"),
    Family("transfer_frozen", TRANSFER_FROZEN, ({**_BASE, **_MOVED}, {**_ABOVE, **_MOVED}), "shared parameters are kept, both regimes"),
)
