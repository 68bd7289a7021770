"""One block of parameters, T tasks with n samples each: Lin et al. (arXiv 2302.05836), Theorem 4.1."""

from fractions import Fraction
from typing import Any, cast

import numpy as np
import sympy

from theory.constructors import one_block
from theory.formula import Condition, Family
from theory.ledger.notation import WHOLE, Entry, below_threshold
from theory.problem import TaskSequence

p, n, T = sympy.symbols("p n T", positive=True, integer=True)
sigma = sympy.Symbol("sigma", nonnegative=True)
r = sympy.Symbol("r", real=True)
i, j, k = sympy.symbols("i j k", positive=True, integer=True)
w, D = (cast(Any, sympy.IndexedBase(name)) for name in "wD")

MEANING = {
    "p": "dimension of the parameters",
    "n": "samples of every task",
    "sigma": "standard deviation of the noise of every task",
    "T": "number of tasks",
    "w": "list of |w_i|^2, squared lengths of the truths",
    "D": "matrix of |w_i - w_j|^2, squared distances of the truths",
}
NOISE = p * sigma**2 / (p - n - 1)
ASSUMPTIONS = ("all features i.i.d. N(0, 1), fresh data for each task", "every task trains everything from the previous estimate, task 1 from zero")
SOURCE = "Lin, Ju, Liang, Shroff, arXiv 2302.05836, Theorem 4.1"


def equal_tasks(*, p: int, n: int, sigma: Any, w: Any, D: Any, **_: Any) -> TaskSequence:
    """Build T = len(w) tasks of n samples with squared lengths ``w`` and squared distances ``D`` of their truths."""
    return one_block(p, (n,) * len(w), sigma, gram=inner_products(w, D))


def inner_products(w: Any, D: Any) -> list[list[Any]]:
    """Gram matrix of vectors with squared lengths ``w`` and squared distances ``D``; fractions stay fractions."""
    half = [[w[a] + w[b] - D[a][b] for b in range(len(w))] for a in range(len(w))]
    return [[entry / 2 if isinstance(entry, float) else Fraction(entry) / 2 for entry in row] for row in half]


_FINITE, _NORMAL = below_threshold(n, p, 1)
_COMMON = {
    "parameters": MEANING,
    "build": equal_tasks,
    "intermediates": ((r, 1 - n / p),),
    "domain": (_FINITE,),
    "normal_domain": (_NORMAL,),
    "source": SOURCE,
    "status": "exact",
    "uses": WHOLE,
    "assumptions": ASSUMPTIONS,
}

_pulled = (1 - r) * (r ** (T - i) - r ** (j - i) + r ** (T - j))
FORGETTING = Entry(
    name="lin_forgetting",
    statement="Average forgetting F_T of T tasks on one block: decay of what was learned, pull of later truths, accumulated noise.",
    expression=sympy.Sum(
        (r**T - r**i) * w[i] + NOISE * (r**i - r**T) + sympy.Sum(_pulled * D[j, i], (j, i + 1, T)),
        (i, 1, T - 1),
    ) / (T - 1),
    quantity="forgetting",
    **{**_COMMON, "domain": (_FINITE, Condition(T >= 2, "forgetting needs an earlier task"))},
)  # fmt: skip

GENERALIZATION = Entry(
    name="lin_generalization",
    statement="Average generalization error G_T of T tasks on one block.",
    expression=NOISE * (1 - r**T) + sympy.Sum(r**T * w[k] + (1 - r) * sympy.Sum(r ** (T - i) * D[i, k], (i, 1, T)), (k, 1, T)) / T,
    quantity="generalization",
    **_COMMON,
)

LAST_ERROR = Entry(
    name="lin_first_error",
    statement="Error on the first task after T tasks on one block; task k's is the same with w_k and |w_i - w_k|^2 in the place of the first truth's.",
    expression=NOISE * (1 - r**T) + r**T * w[1] + (1 - r) * sympy.Sum(r ** (T - i) * D[i, 1], (i, 1, T)),
    quantity="error[-1,0]",
    **_COMMON,
)

FORMULAS = (FORGETTING, GENERALIZATION, LAST_ERROR)


def _case(p: int, n: int, sigma: float, truths: list[list[float]]) -> dict[str, Any]:
    """A case whose truths have the given coordinates in a common basis."""
    points = np.array(truths)
    distances = ((points[:, None] - points[None]) ** 2).sum(-1)
    return {"p": p, "n": n, "sigma": sigma, "T": len(points), "w": (points**2).sum(-1).tolist(), "D": distances.tolist()}


_CASES = (
    _case(30, 8, 0.3, [[1, 0], [0.6, 0.8]]),
    _case(30, 12, 0.5, [[1, 0, 0], [0, 1, 0], [0.5, 0, 1.2], [1, 0.2, 0]]),
    _case(40, 10, 0.0, [[1, 0], [1, 0], [-1, 0], [0, 2], [1, 1]]),
    _case(24, 14, 0.4, [[0.5, 0.5], [0.5, 0.4], [0.6, 0.5]]),
)
FAMILIES = (
    Family("lin_forgetting", FORGETTING, _CASES, "F_T for 2 to 5 tasks, similar and opposite truths"),
    Family("lin_generalization", GENERALIZATION, _CASES, "G_T at the same experiments"),
    Family("lin_first_error", LAST_ERROR, _CASES, "the first task's error at the same experiments"),
)
