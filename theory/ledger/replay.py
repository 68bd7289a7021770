"""Replay, joint training and hard constraints on stored samples; one block of parameters."""

from typing import Any

import sympy

from theory.formula import Condition, Family
from theory.ledger import notation as s
from theory.ledger.notation import Entry
from theory.ledger.one_block import D, T, _case, i, inner_products, j, n, p, sigma, w
from theory.problem import Task, TaskSequence

k, m = sympy.symbols("k m", nonnegative=True, integer=True)
nbar, spill = sympy.symbols("nbar spill", real=True)
mu, kap, J, E_1, r, c, delta, pairs, g, f = sympy.symbols("mu kap J E_1 r c delta pairs g f", real=True)
phi = sympy.Symbol("phi", nonnegative=True)
n_1, n_2, sigma_1, sigma_2 = s.n_1, s.n_2, s.sigma_1, s.sigma_2
w_11, d_w = sympy.symbols("w_11 d_w", nonnegative=True)
c_w = sympy.Symbol("c_w", real=True)
OURS = "derived for driftlaw; proved equal to the recursion for memory in the tests"
FEATURES = "all features i.i.d. N(0, 1), fresh data for each task; one block of parameters"
STREAM = {
    "p": "dimension of the parameters",
    "n": "fresh samples of every task",
    "k": "stored samples of each earlier task",
    "sigma": "standard deviation of the noise of every task",
    "T": "number of tasks",
    "w": "list of |w_i|^2, squared lengths of the truths",
    "D": "matrix of |w_i - w_j|^2, squared distances of the truths",
}


def replay(start: str) -> Any:
    """Return the builder of T tasks that fit k stored samples of each earlier task along with their own n."""

    def build(*, p: int, n: int, k: int, sigma: Any, w: Any, D: Any, **_: Any) -> TaskSequence:
        tasks = [Task(n, sigma, {"shared": f"w_{t}"}, ("shared",), start=start, memory={earlier: k for earlier in range(t)}) for t in range(len(w))]
        return TaskSequence({"shared": p}, tasks, {"shared": inner_products(w, D)})

    return build


def _generalization(stored: sympy.Expr) -> sympy.Expr:
    """G_T of the least-norm fit of n rows of task T and ``stored`` rows of each earlier task."""
    pull = sympy.Sum(stored * sympy.Sum(D[j, i], (j, 1, T - 1)) + n * D[T, i], (i, 1, T)) / (T * p)
    return pull + (1 - nbar / p) * sympy.Sum(w[i], (i, 1, T)) / T + spill / (p - nbar - 1)


def _terms(stored: sympy.Expr) -> tuple:
    pairs = stored**2 * sympy.Sum(D[j, i], (j, i + 1, T - 1), (i, 1, T - 2)) + stored * n * sympy.Sum(D[i, T], (i, 1, T - 1))
    return (nbar, n + (T - 1) * stored), (spill, nbar * sigma**2 + pairs / p)


def _domain() -> dict[str, Any]:
    finite, normal = s.below_threshold(nbar, p, 1)
    return {"domain": (finite,), "normal_domain": (normal,)}


FROM_ZERO = Entry(
    name="replay_generalization",
    statement="G_T of replay from zero: the least-norm fit of the current task's n samples and k stored ones of each earlier task. "
    "Truths that differ act like noise on one another (spill).",
    expression=_generalization(k),
    intermediates=_terms(k),
    parameters=STREAM,
    quantity="generalization",
    build=replay("zero"),
    source=OURS,
    status="exact",
    uses=s.STORED,
    assumptions=(FEATURES, "every task starts from zero", "stored samples are kept for good"),
    **_domain(),
)
JOINT = Entry(
    name="joint_generalization",
    statement="G_T of joint training: the least-norm fit of all samples of all tasks at once.",
    expression=_generalization(n),
    intermediates=_terms(n),
    parameters={name: meaning for name, meaning in STREAM.items() if name != "k"},
    quantity="generalization",
    build=lambda **case: replay("zero")(**{**case, "k": case["n"]}),
    source=OURS,
    status="exact",
    uses=s.STORED,
    assumptions=(FEATURES, "all samples at once, from zero"),
    **_domain(),
)

PAIR = {
    "p": "dimension of the parameters",
    "n_1": "samples of task 1",
    "n_2": "samples of task 2",
    "m": "stored samples of task 1 that must stay fitted",
    "sigma_1": "standard deviation of task 1's noise",
    "sigma_2": "standard deviation of task 2's noise",
    "w_11": "|w_1|^2, squared length of task 1's truth",
    "d_w": "|w_2 - w_1|^2, squared distance of the truths",
    "c_w": "<w_2 - w_1, w_1>, the change of the truth along it",
}


def constrained(*, p: int, n_1: int, n_2: int, m: int, sigma_1: Any, sigma_2: Any, w_11: Any, d_w: Any, c_w: Any = 0, **_: Any) -> TaskSequence:
    """Build two tasks of which the second keeps m samples of the first fitted."""
    tasks = [Task(n_1, sigma_1, {"shared": "w_1"}, ("shared",)), Task(n_2, sigma_2, {"shared": "w_2"}, ("shared",), memory={0: m})]
    return TaskSequence({"shared": p}, tasks, {"shared": [[w_11, w_11 + c_w], [w_11 + c_w, w_11 + 2 * c_w + d_w]]})


_CONSTRAINT_TERMS = (
    (r, 1 - n_1 / p),
    (E_1, r * w_11 + n_1 * sigma_1**2 / (p - n_1 - 1)),
    (mu, m * sigma_1**2 / (p - m - 1)),
    (kap, n_2 / (p - m - n_2 - 1)),
    (J, m / p * d_w + mu),
)
_CONSTRAINT = {
    "quantity": "forgetting",
    "parameters": PAIR,
    "build": constrained,
    "domain": (
        s.below_threshold(n_1, p, 1)[0],
        Condition(m <= n_1, "only samples of task 1 can be stored"),
        Condition(m + n_2 < p - 1, "stored and fresh samples together stay below the dimension"),
    ),
    "normal_domain": (s.below_threshold(n_1, p, 1)[1], s.below_threshold(m + n_2, p, 2)[1]),
    "source": OURS,
    "status": "exact",
    "uses": s.STORED,
    "assumptions": (FEATURES, "task 1 starts from zero and fits its samples; task 2 moves only where the m stored samples stay fitted (OGD, GEM as equality)"),
}
CONSTRAINTS_FORGETTING = Entry(
    name="constraints_forgetting",
    statement="Forgetting with hard constraints on m stored samples of task 1. The distance of the truths weighs more the more is stored: "
    "hard replay raises forgetting for dissimilar tasks.",
    expression=-n_2 / (p - m) * (E_1 - mu) + n_2 / p * d_w + kap * (sigma_2**2 + mu + m / p * d_w),
    intermediates=s.needed(_CONSTRAINT_TERMS, E_1 + mu + kap, ()),
    **{**_CONSTRAINT, "parameters": {name: meaning for name, meaning in PAIR.items() if name != "c_w"}},
)
CONSTRAINTS_SECOND_ERROR = Entry(
    name="constraints_second_error",
    statement="Error on task 2 with hard constraints on m stored samples of task 1, which spoil the fit by J.",
    expression=J + (1 - n_2 / (p - m)) * (E_1 + 2 * r * c_w + d_w - J) + kap * (sigma_2**2 + J),
    intermediates=_CONSTRAINT_TERMS,
    **{**_CONSTRAINT, "quantity": "error[1,1]"},
)

def pooled(*, p: int, n: int, k: int, sigma: Any, D: Any, **_: Any) -> TaskSequence:
    """Build T tasks of which the last fits its own n samples and k of each earlier task, which are only drawn (scale 0); w_1 = 0."""
    last = len(D) - 1
    tasks = [Task(n, sigma, {"shared": f"w_{t}"}, ("shared",), scale=0) for t in range(last)]
    tasks.append(Task(n, sigma, {"shared": f"w_{last}"}, ("shared",), memory=dict.fromkeys(range(last), k)))
    return TaskSequence({"shared": p}, tasks, {"shared": inner_products(D[0], D)})


POOLED = Entry(
    name="pooled_generalization",
    statement="G_T of replay or joint training with more rows than parameters: the least-squares fit of n samples of task T and k of each "
    "earlier task, whatever was trained before (k = n: all samples of all tasks).",
    expression=sympy.Sum(k * sympy.Sum(D[j, i], (j, 1, T - 1)) + n * D[T, i], (i, 1, T)) / (T * nbar) + (p * sigma**2 + g * pairs) / (nbar - p - 1),
    intermediates=(
        (nbar, n + (T - 1) * k),
        (pairs, k**2 * sympy.Sum(D[j, i], (j, i + 1, T - 1), (i, 1, T - 2)) + k * n * sympy.Sum(D[i, T], (i, 1, T - 1))),
        (g, (nbar * (2 * p + 1 - nbar) - 2) / (nbar * (nbar - 1) * (nbar + 2))),
    ),
    parameters={name: meaning for name, meaning in STREAM.items() if name != "w"},
    quantity="generalization",
    build=pooled,
    domain=(Condition(nbar > p + 1, "E tr (AA')^-1 is finite, and the rows determine all parameters"),),
    normal_domain=(Condition(nbar >= p + 8, "moments beyond the fourth exist"),),
    source=OURS,
    status="exact",
    uses=("replay", "inverse_wishart_mean", "rows_of_frames"),
    assumptions=(FEATURES, "all rows are fitted at once by least squares, with a full step"),
)

GUARDED = {
    "p": "dimension of the trained parameters",
    "n": "samples of every task",
    "m": "stored samples of task 1, at most n, whose fit all later tasks keep",
    "sigma": STREAM["sigma"],
    "phi": "squared length of every truth in what is not trained, noise to the rest; 0 if everything is trained",
    "T": STREAM["T"],
    "w": "list of |w_i|^2, squared lengths of the truths in the trained parameters",
    "D": "matrix of |w_i - w_j|^2, squared distances of the truths in the trained parameters",
}


def guarded(*, p: int, n: int, m: int, sigma: Any, phi: Any, w: Any, D: Any, **_: Any) -> TaskSequence:
    """Build T tasks that move where the fit of m samples of the first one stays; a block that is not trained if phi is not 0."""
    still = {"still": "v"} if phi else {}
    tasks = [Task(n, sigma, {"shared": f"w_{t}", **still}, ("shared",), memory={0: m} if t else None) for t in range(len(w))]
    grams = {"shared": inner_products(w, D), **{block: [[phi] * len(w)] * len(w) for block in still}}
    return TaskSequence({"shared": p, **dict.fromkeys(still, 1)}, tasks, grams)


_PROJECTED = (
    "stored samples are among those that task 1 trained on, and every step is the limit of small ones: GEM, A-GEM and OGD are then one path",
    "task 1 starts from zero; what is not trained stays at zero",
)
GEM_FIRST_ERROR = Entry(
    name="gem_first_error",
    statement="Error on task 1 after T tasks by GEM, A-GEM or OGD with small steps, where training interpolates: all later tasks move in the p - m "
    "directions in which m samples of task 1 stay fitted. The pole lies at p = n + m, and the distances weigh more the more is stored.",
    expression=phi + mu + r ** (T - 1) * (E_1 - mu) + (p - m) / (p - m - n - 1) * (1 - r ** (T - 1)) * (f + mu)
    + n / p * (1 + m / (p - m - n - 1)) * sympy.Sum(r ** (T - j) * D[j, 1], (j, 2, T)),
    intermediates=((f, sigma**2 + phi), (mu, m * f / (p - m - 1)), (r, 1 - n / (p - m)), (E_1, (1 - n / p) * w[1] + n * f / (p - n - 1))),
    parameters=GUARDED,
    quantity="error[-1,0]",
    build=guarded,
    domain=(
        Condition(m <= n, "only samples of task 1 can be stored"),
        Condition(m + n < p - 1, "stored and fresh samples together stay below the dimension"),
        Condition(T >= 2, "a later task keeps the samples"),
    ),
    normal_domain=(s.below_threshold(m + n, p, 2)[1],),
    source=OURS,
    status="exact",
    uses=s.STORED,
    assumptions=(FEATURES, *_PROJECTED),
)  # fmt: skip
GEM_MANY_SAMPLES = Entry(
    name="gem_many_samples",
    statement="Error on task 1 after a last task by GEM, A-GEM or OGD with more samples than free directions: m samples of task 1 stay fitted, "
    "least squares decides the rest, and nothing else of the past counts.",
    expression=phi + mu + (1 - m / p) * d_w + (p - m) / (n_2 - p + m - 1) * (sigma_2**2 + phi + mu + m / p * d_w),
    intermediates=((mu, m * (sigma_1**2 + phi) / (p - m - 1)),),
    parameters={
        **{name: PAIR[name] for name in ("n_2", "sigma_1", "sigma_2", "d_w")},
        **{name: GUARDED[name] for name in ("p", "phi")},
        "m": PAIR["m"],
    },
    domain=(
        Condition(m < p - 1, "E tr (A'A)^-1 of the stored samples is finite"),
        Condition(n_2 > p - m + 1, "the last task has more samples than free directions"),
    ),
    normal_domain=(s.below_threshold(m, p, 1)[1], Condition(n_2 >= p - m + 8, "moments of the last task beyond the fourth exist")),
    source=OURS.split(";")[0] + "; checked by projected gradient descent in the tests",
    status="exact",
    uses=s.WHOLE,
    assumptions=(FEATURES, *_PROJECTED),
)


def freshly_replayed(*, p: int, n_1: int, n_2: int, m: int, sigma_1: Any, sigma_2: Any, w_11: Any, d_w: Any, c_w: Any = 0, **_: Any) -> TaskSequence:
    """Build two tasks of which the second also fits m samples of the first task that are drawn afresh.

    They are the data of a third task with the first one's truth that is drawn but not trained on (scale 0).
    """
    tasks = [
        Task(n_1, sigma_1, {"shared": "w_1"}, ("shared",)),
        Task(m, sigma_1, {"shared": "w_1"}, ("shared",), scale=0),
        Task(n_2, sigma_2, {"shared": "w_2"}, ("shared",), memory={1: m}),
    ]
    across, square = w_11 + c_w, w_11 + 2 * c_w + d_w
    return TaskSequence({"shared": p}, tasks, {"shared": [[w_11, w_11, across], [w_11, w_11, across], [across, across, square]]})


FRESH_FORGETTING = Entry(
    name="fresh_replay_forgetting",
    statement="Forgetting when m samples of task 1 are drawn afresh and fitted along with task 2's, from the previous estimate: every row, "
    "old task or new, wears the first error down.",
    expression=n_2 / p * d_w - nbar / p * E_1 + spill / (p - nbar - 1),
    intermediates=(*_CONSTRAINT_TERMS[:2], (nbar, m + n_2), (spill, m * sigma_1**2 + n_2 * sigma_2**2 + m * n_2 * d_w / p)),
    parameters={**CONSTRAINTS_FORGETTING.parameters, "m": "freshly drawn samples of task 1"},
    quantity="forgetting",
    build=freshly_replayed,
    domain=(s.below_threshold(n_1, p, 1)[0], s.below_threshold(nbar, p, 2)[0]),
    normal_domain=(s.below_threshold(n_1, p, 1)[1], s.below_threshold(nbar, p, 2)[1]),
    source=OURS,
    status="exact",
    uses=s.STORED,
    assumptions=(FEATURES, "task 1 starts from zero; task 2 from the previous estimate", "memory is drawn afresh, never trained on before"),
)

FORMULAS = (FROM_ZERO, JOINT, CONSTRAINTS_FORGETTING, CONSTRAINTS_SECOND_ERROR, FRESH_FORGETTING, POOLED, GEM_FIRST_ERROR, GEM_MANY_SAMPLES)

_TRUTHS = [[1, 0, 0], [0, 1, 0], [0.5, 0, 1.2]]
_STREAMS = (
    {**_case(40, 8, 0.3, _TRUTHS), "k": 5},
    {**_case(40, 10, 0.5, _TRUTHS[:2]), "k": 10},
    {**_case(50, 6, 0.2, [[1, 0], [1, 0], [-1, 0.5], [0.9, 0.1]]), "k": 3},
)
_PAIR = {"p": 40, "n_1": 12, "n_2": 10, "sigma_1": 0.3, "sigma_2": 0.5, "w_11": 1.0, "d_w": 1.5, "c_w": -0.5}
_PAIRS = tuple({**_PAIR, **change} for change in ({"m": 0}, {"m": 6}, {"m": 12}, {"m": 12, "d_w": 0.1, "c_w": 0.0}))
_POOLED = tuple({**case, "p": dimension} for case, dimension in zip(_STREAMS, (10, 6, 3), strict=True))
_GUARDED = tuple(
    {**{name: value for name, value in case.items() if name != "k"}, "m": m, "phi": still} for case, m, still in zip(_STREAMS, (8, 4, 3), (0, 0.5, 0.3), strict=True)
)
FAMILIES = (
    Family("replay_generalization", FROM_ZERO, _STREAMS, "replay from zero, part and all of the earlier samples"),
    Family("joint_generalization", JOINT, tuple({**case, "p": 56} for case in _STREAMS), "joint training"),
    Family("constraints_forgetting", CONSTRAINTS_FORGETTING, _PAIRS, "none, half and all samples stored; similar and dissimilar tasks"),
    Family("constraints_second_error", CONSTRAINTS_SECOND_ERROR, _PAIRS, "the same experiments"),
    Family("pooled_generalization", POOLED, _POOLED, "more rows than parameters"),
    Family("gem_first_error", GEM_FIRST_ERROR, _GUARDED, "GEM, A-GEM and OGD as the step goes to zero, 2 to 4 tasks, with and without untrained parameters"),
    Family("fresh_replay_forgetting", FRESH_FORGETTING, _PAIRS[1:], "memory drawn afresh, similar and dissimilar tasks"),
)
