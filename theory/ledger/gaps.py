"""Averages, overlapping features, generalization gaps and more features, all of ridge steps: what claims on parameter-efficient tuning rest on.

Two scalars of each step, S and k of `theory.ledger.ridge`, and t = E sum x / (x + lambda)^3 carry everything. Products with tr W, W = A A',
follow by scaling A: E tr W phi(W) = n p E phi + 2 E d/ds phi(s W) at s = 1. The residual after a ridge step from zero is orthogonal but for
its penalty: A (A'theta_1 - y) = -lambda theta_1.
"""

from typing import Any

import sympy

from theory.conditions import Ridge, Subspace
from theory.constructors import overlapping
from theory.formula import Condition, Family
from theory.ledger import notation as s
from theory.ledger.notation import Entry
from theory.ledger.ridge import COMMON, FIRST, FIRST_TASK, ONE, PENALTIES, SECOND, OfEigenvalues, S, k, one_ridge_task, two_ridge_tasks
from theory.problem import Task, TaskSequence
from theory.spectral import nodes


class t(OfEigenvalues):
    """E sum x / (x + lambda)^3 over the eigenvalues of A'A."""

    @staticmethod
    def _imp_(n: float, d: float, lam: float) -> float:
        x, mass = nodes(int(n), int(d))
        return float(mass @ (x / (x + lam) ** 3))


p, n_1, n_2 = s.p, s.n_1, s.n_2
lam_1, lam_2 = sympy.symbols("lambda_1 lambda_2", positive=True)
w_11, d_w = sympy.symbols("w_11 d_w", nonnegative=True)
m_1, m_2, k_1, k_2, q_2, X = sympy.symbols("m_1 m_2 k_1 k_2 q_2 X", real=True)
c_w, E_1 = s.c_w, s.E_1
overlap = sympy.Symbol("rho", real=True)
d, n = sympy.symbols("d n", positive=True, integer=True)
sigma, first, more = sympy.symbols("sigma S_1 S_x", nonnegative=True)
lam_3 = sympy.Symbol("lambda_3", positive=True)
w_12, w_22, tau, own, along, length, a_2, b_2, step, r_1, r_3, k_3, slack, new = sympy.symbols("w_12 w_22 tau own along length a_2 b_2 step r_1 r_3 k_3 slack new", real=True)


def averaged_ridge_tasks(**case: Any) -> TaskSequence:
    """Build two tasks, each with its penalty, whose errors are those of the running mean."""
    return two_ridge_tasks(**case).under(average="mean")


def overlapping_ridge_tasks(
    *, p: int, n_1: int, n_2: int, sigma_1: float, sigma_2: float, lambda_1: float, lambda_2: float, w_11: float, d_w: float, c_w: float, rho: float, **_: Any
) -> TaskSequence:
    """Build two tasks on subspaces of dimension p at equal angles."""
    gram = [[w_11, w_11 + c_w], [w_11 + c_w, w_11 + 2 * c_w + d_w]]
    return overlapping(p, [[1, rho], [rho, 1]], (n_1, n_2), (sigma_1, sigma_2), gram).under(rule=(Ridge(lambda_1), Ridge(lambda_2)))


def _sets(train: tuple[str, ...], d: int, n: int, sigma: float, penalty: float, S_1: float, S_x: float) -> TaskSequence:
    task = Task(n, float(sigma), {"one": "w", "others": "v"}, train, rule=Ridge(penalty))
    return TaskSequence({"one": d, "others": 2 * d}, [task], {"one": [[S_1]], "others": [[S_x]]})


def single_set(*, lambda_1: float, d: int, n: int, sigma: float, S_1: float, S_x: float, **_: Any) -> TaskSequence:
    """Build a task that trains one of three sets of features."""
    return _sets(("one",), d, n, sigma, lambda_1, S_1, S_x)


def three_sets(*, lambda_3: float, d: int, n: int, sigma: float, S_1: float, S_x: float, **_: Any) -> TaskSequence:
    """Build a task that trains all three."""
    return _sets(("one", "others"), d, n, sigma, lambda_3, S_1, S_x)


_OWN: Any = (*FIRST[:2], (own, lam_1**2 * k_1 * w_11 / p + s.sigma_1**2 * (n_1 - p * m_1 - lam_1 * k_1)))
_TRUTHS: Any = ((w_12, w_11 + c_w), (w_22, w_11 + 2 * c_w + d_w))
_BOTH: Any = (*FIRST, *SECOND)
_LENGTH: Any = ((tau, (m_1 - lam_1 * k_1 / p) * w_11 + k_1 * s.sigma_1**2),)  # E |theta_1|^2
_OLD: Any = (
    *_BOTH, *_TRUTHS, *_LENGTH, *_OWN[2:], (a_2, ((p + 1) * q_2 - (n_2 + p + lam_2 + 1) * m_2 + n_2) / ((p - 1) * (p + 2))), (b_2, q_2 - p * a_2),
    (along, -2 * w_12 * (n_1 - lam_1 * m_1) + w_11 * (n_1 - 2 * lam_1 * m_1 + lam_1**2 * k_1 / p) + s.sigma_1**2 * (p * m_1 - lam_1 * k_1)),
    (length, -2 * w_12 * (n_1 * p * m_1 + 2 * lam_1 * k_1 / p)
     + w_11 * (n_1 * (p * m_1 - lam_1 * k_1) + 4 * lam_1 * (k_1 - lam_1 * t(n_1, p, lam_1)) / p)
     + s.sigma_1**2 * ((n_1 * p - 2) * k_1 + 4 * lam_1 * t(n_1, p, lam_1))),
)  # fmt: skip
_RESIDUAL = own - 2 * m_2 * lam_1 * (m_1 * w_12 - tau) + b_2 * along + a_2 * length  # but for what moves fresh samples as much: task 2's noise, and |w_2|^2
_SEVERAL = Condition(p > 1, "of one parameter all directions are one")
_BRACKET = q_2 * w_22 + k_2 * s.sigma_2**2 + 2 * m_2 * (m_1 * w_11 - tau)
_OVERLAPS: Any = (*FIRST[:2], *SECOND, *_TRUTHS, *_LENGTH)
_STEP: Any = (*_BOTH, (step, q_2 * (E_1 - 2 * X + d_w) + k_2 * s.sigma_2**2))
_OVERLAPPING = {
    **COMMON, "rules": (Ridge, Subspace), "uses": ("spectral",), "domain": (Condition(sympy.Abs(overlap) <= 1, "a cosine"),),
    "assumptions": ("features of each task i.i.d. N(0, 1) on a subspace of dimension p, all principal angles of both equal, fresh data for each task", COMMON["assumptions"][1]),
}  # fmt: skip
_COSINE = {**PENALTIES, "rho": "cosine of all principal angles between the features of both tasks"}
_SETS = {
    "d": "features of one set", "n": "samples", "sigma": "standard deviation of the noise", "S_1": "squared length of the truth in one set", "S_x": "the same in two further sets",
}  # fmt: skip
_ONE_SET: Any = ((k_1, k(n, d, lam_1)), (r_1, 1 - S(n, d, lam_1) / d - lam_1 * k_1 / d))
_THREE_SETS: Any = ((k_3, k(n, 3 * d, lam_3)), (r_3, 1 - S(n, 3 * d, lam_3) / (3 * d) - lam_3 * k_3 / (3 * d)))

OWN_TRAINING = Entry(
    name="ridge_training_error",
    statement="Squared residual of a ridge step on its own samples, summed over them.",
    expression=own, intermediates=_OWN, parameters=ONE, quantity="training_error[0,0]", build=one_ridge_task, **COMMON,
)  # fmt: skip
OWN_GAP = Entry(
    name="ridge_own_gap",
    statement="Generalization gap of the task just learned: mean squared error on fresh samples minus that on its own.",
    expression=E_1 + s.sigma_1**2 - own / n_1, intermediates=(*_OWN[:2], FIRST[2], *_OWN[2:]), parameters=ONE, **COMMON,
)  # fmt: skip
OLD_TRAINING = Entry(
    name="ridge_old_training_error",
    statement="Squared residual on task 1's samples after a ridge step on task 2, summed over them.",
    expression=_RESIDUAL + n_1 * (q_2 * w_22 + k_2 * s.sigma_2**2), intermediates=_OLD, parameters=PENALTIES, quantity="training_error[1,0]", build=two_ridge_tasks, domain=(_SEVERAL,),
    **{**COMMON, "uses": ("spectral",)},
)  # fmt: skip
OLD_GAP = Entry(
    name="ridge_interplay_gap",
    statement="Generalization gap of task 1 after task 2: mean squared error on fresh samples of task 1 minus that on those it was trained on. Of task 2 it "
    "depends on the penalty, the samples and <w_1, w_2> alone: its noise, and |w_2|^2 at that, move both alike.",
    expression=(1 - 2 * m_2 + q_2) * E_1 + 2 * (m_2 - q_2) * X - q_2 * (w_11 + 2 * c_w) + s.sigma_1**2 - new / n_1,
    intermediates=(*_OLD, (new, _RESIDUAL)), parameters={name: words for name, words in PENALTIES.items() if name not in ("sigma_2", "d_w")}, domain=(_SEVERAL,), **COMMON,
)  # fmt: skip
MEAN_FORGETTING = Entry(
    name="mean_forgetting",
    statement="Forgetting of the running mean after two ridge steps: that of half of the second step, from which training that restarts there would go on.",
    expression=-m_2 * (E_1 - X) + step / 4, intermediates=_STEP, parameters=PENALTIES, quantity="forgetting", build=averaged_ridge_tasks, **COMMON,
)  # fmt: skip
MEAN_GAIN = Entry(
    name="averaging_gain",
    statement="By how much the running mean of two estimates forgets less than the last one: positive if and only if the second step's square exceeds 4/3 of "
    "what it goes along task 1's error.",
    expression=3 * step / 4 - m_2 * (E_1 - X), intermediates=_STEP, parameters=PENALTIES, **COMMON,
)  # fmt: skip
OVERLAP_FORGETTING = Entry(
    name="overlap_forgetting",
    statement="Forgetting where the features of two tasks lie at equal angles, a polynomial of their cosine rho: zero at 0, and falling there if and only if "
    "truths agree, <w_1, w_2> > 0, and task 1's penalty left some of it.",
    expression=overlap * (-2 * m_2 * (1 - m_1) * w_12 + overlap * _BRACKET - 2 * overlap**2 * q_2 * m_1 * w_12 + overlap**3 * q_2 * tau),
    intermediates=_OVERLAPS, parameters=_COSINE, quantity="forgetting", build=overlapping_ridge_tasks, **_OVERLAPPING,
)  # fmt: skip
OVERLAP_TRANSFER = Entry(
    name="overlap_new_error",
    statement="Error of the second of two tasks whose features lie at equal angles: less than without the first one if and only if rho lies between 0 and "
    "2 m_1 <w_1, w_2>/tau, tau the mean squared length of the first estimate.",
    expression=(1 - 2 * m_2 + q_2) * (w_22 - 2 * overlap * m_1 * w_12 + overlap**2 * tau) + k_2 * s.sigma_2**2,
    intermediates=_OVERLAPS, parameters=_COSINE, quantity="error[1,1]", build=overlapping_ridge_tasks, **_OVERLAPPING,
)  # fmt: skip
SINGLE = Entry(
    name="single_set_error",
    statement="Error of a ridge step on one of three sets of features, to which the others' signal is noise.",
    expression=r_1 * first + k_1 * (sigma**2 + more) + more, intermediates=_ONE_SET, parameters={**_SETS, "lambda_1": "penalty with one set"},
    quantity="error[0,0]", build=single_set, **COMMON,
)  # fmt: skip
TRIPLED = Entry(
    name="three_sets_error",
    statement="Error of a ridge step on three sets of features.",
    expression=r_3 * (first + more) + k_3 * sigma**2, intermediates=_THREE_SETS, parameters={**_SETS, "lambda_3": "penalty with three sets"},
    quantity="error[0,0]", build=three_sets, **COMMON,
)  # fmt: skip
TRIPLING = Entry(
    name="tripling_threshold",
    statement="Squared length of the truth in two further sets of features above which training on all three leaves the smaller error.",
    expression=((r_3 - r_1) * first + (k_3 - k_1) * sigma**2) / (1 + k_1 - r_3), intermediates=(*_ONE_SET, *_THREE_SETS),
    parameters={**{name: words for name, words in _SETS.items() if name != "S_x"}, "lambda_1": "penalty with one set", "lambda_3": "penalty with three sets"}, **COMMON,
)  # fmt: skip

FORMULAS = (OWN_TRAINING, OWN_GAP, OLD_TRAINING, OLD_GAP, MEAN_FORGETTING, MEAN_GAIN, OVERLAP_FORGETTING, OVERLAP_TRANSFER, SINGLE, TRIPLED, TRIPLING)

_TWO_TASKS = {**FIRST_TASK, "p": 20, "n_2": 20, "sigma_2": 0.4, "lambda_2": 3.0, "c_w": -0.3, "d_w": 0.9}
_THREE = {"d": 12, "n": 20, "sigma": 0.3, "S_1": 1.0, "S_x": 0.4, "lambda_1": 2.0, "lambda_3": 3.0}
_SIDES = tuple({**_TWO_TASKS, "n_1": n_1, "n_2": n_2} for n_1, n_2 in ((12, 30), (20, 20), (40, 8)))
FAMILIES = (
    Family("ridge_training_error", OWN_TRAINING, tuple({**_TWO_TASKS, "n_1": count} for count in (12, 20, 40)), "below, at and above n = p"),
    Family("ridge_old_training_error", OLD_TRAINING, tuple({**_TWO_TASKS, "p": p, "n_1": n_1} for p, n_1 in ((12, 2), (3, 3), (3, 5))), "below, at and above n = p"),
    Family("mean_forgetting", MEAN_FORGETTING, _SIDES, "below, at and above n = p"),
    Family("overlap_forgetting", OVERLAP_FORGETTING, tuple({**_TWO_TASKS, "p": 10, "n_1": 6, "n_2": 8, "rho": rho, "c_w": 0.1} for rho in (0.2, 0.6, -0.4)), "small, large and opposed overlap"),
    Family("overlap_new_error", OVERLAP_TRANSFER, tuple({**_TWO_TASKS, "p": 10, "n_1": 6, "n_2": 8, "rho": rho, "c_w": 0.1} for rho in (0.3, 0.9)), "with and without a gain from task 1"),
    Family("single_set_error", SINGLE, tuple({**_THREE, "n": count} for count in (8, 12, 30)), "below, at and above n = d"),
    Family("three_sets_error", TRIPLED, tuple({**_THREE, "n": count} for count in (20, 36, 60)), "below, at and above n = 3 d"),
)

_ABSTRACT = "NTK-CL, arXiv 2407.17120, abstract; in our model and words (reconstructed: the theorems' text was not at hand)"
_GAPS = ("ridge_own_gap", "ridge_interplay_gap")
# Name, statement, source, what it rests on, and in words where it holds and where it fails; `theory.gaps` measures what is called as it is.
CLAIMS = (
    (
        "samples_reduce_gaps", "More training samples reduce the generalization gaps within a task and between tasks.", _ABSTRACT, (*_GAPS, "ridge_least_error", "ridge_forgetting"),
        "nearly all penalties, and a task's own error at its best penalty always",
        "few samples under a weak penalty on the way to as many as parameters, where the gap peaks. And the gap is not forgetting, which more samples of a dissimilar next "
        "task make larger",
    ),
    (
        "orthogonality_protects", "Orthogonal features of tasks keep the old task's error from growing.", _ABSTRACT, ("overlap_forgetting", "overlap_new_error"),
        "no overlap, where no draw forgets whatever the truths; any overlap lets some truth of the next task forget, for its length enters with rho^2 q_2 > 0",
        "truths that agree, where a small overlap lowers the old task's error: the slope at 0 is -2 m_2 (1 - m_1) <w_1, w_2>. Then zero overlap gives up backward transfer, "
        "and forward transfer for 0 < rho < 2 m_1 <w_1, w_2>/tau",
    ),
    (
        "regularization_reduces_gaps", "Regularization reduces the generalization gaps within a task and between tasks.", _ABSTRACT, (*_GAPS, "ridge_error", "recursion", "spectral"),
        "a task's own gap under strong penalties. For the error of a stream there is one best penalty, five to thousands of times that of a single task: it does the work of averaging",
        "the gap between tasks, which a stronger penalty on the next task leaves larger, since the estimate stays where it fits the old samples",
    ),
    (
        "tripling_reduces_gaps", "Three sets of features in place of one reduce both generalization gaps.", _ABSTRACT, (*_GAPS, "ridge_error", "ridge_forgetting", "ridge_best_penalty", "tripling_threshold"),
        "hardly anywhere under the best penalties of each side; the error falls if and only if the signal in the further sets exceeds `tripling_threshold`",
        "nearly every setting with tuned penalties: three times the parameters fit more of the samples. Three noisy views of one signal are another model, in which they help",
    ),
    (
        "forgetting_is_gaps", "Forgetting at test time is the generalization gap of training.", _ABSTRACT, ("ridge_forgetting", *_GAPS, "ridge_training_error", "ridge_old_training_error"),
        "with a second term: forgetting is the change of the old task's gap plus that of its training error, to rounding",
        "most settings, for the gap alone: it knows nothing of task 2's noise and of |w_2|^2 at given <w_1, w_2>, of which forgetting grows without bound; at n_2 >= p without a penalty the estimate does not depend on old samples, so that their gap is 0 whatever is forgotten",
    ),
    (
        "averaging_helps", "A moving average of the parameters improves on the last estimate.", _ABSTRACT, ("recursion", "spectral"),
        "different tasks, or much noise; weak penalties. With least steps of more samples than parameters and equal k sigma^2 the running mean is the best of all weights of sum 1",
        "tasks that agree, with fewer samples than parameters under a strong penalty: early estimates are far from the truth, and the mean keeps them",
    ),
    (
        "one_estimate_for_all", "One averaged estimate makes parameters stored for each task unnecessary.", _ABSTRACT, ("recursion", "spectral"),
        "similar tasks, where one mean learns from all samples; it needs no more than itself, the last estimate and a count",
        "dissimilar tasks, each of which an estimate of its own serves better",
    ),
    (
        "frozen_features_keep", "Frozen features with a stored mean of each class forget nothing.", "driftlaw; common practice in the field",
        ("known_prototypes_accuracy", "prototype_competition", "prototype_drift"),
        "a task's own classes told apart from one another, whose accuracy does not change at all; or classes so far apart that new ones do not come between. The price "
        "is one mean a class, which is stored for good",
        "all classes at once: new ones compete with old ones though no parameter moves. Where features move on, stored means are stale, and drift comes on top",
    ),
)  # fmt: skip
