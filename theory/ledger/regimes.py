"""Fine-tuning regimes: what a trained subspace forgets, and the published claims that `theory.regimes` measures."""

from typing import Any

import sympy

from theory.formula import Condition, Family
from theory.ledger import notation as s
from theory.ledger.notation import Entry
from theory.ledger.two_tasks import OURS
from theory.problem import TaskSequence
from theory.regimes import subspace

p, d, n = sympy.symbols("p d n", positive=True, integer=True)
sigma = sympy.Symbol("sigma", nonnegative=True)
w_11, d_w = sympy.symbols("w_11 d_w", nonnegative=True)
r, kappa, f, f_2, E_1 = sympy.symbols("r k f f_2 E_1", real=True)
c_w = s.c_w


def two_regimes(*, p: int, d: int, n: int, sigma: Any, w_11: Any, d_w: Any, c_w: Any) -> TaskSequence:
    """Build two tasks of n samples of which d of p parameters are trained, with truths spread evenly."""
    return subspace(d, p, (n, n), sigma, [[w_11, w_11 + c_w], [w_11 + c_w, w_11 + 2 * c_w + d_w]])


SUBSPACE_FORGETTING = Entry(
    name="subspace_forgetting",
    statement="Forgetting where two tasks train the same d of p parameters. Below n it is (d/p)|w_2 - w_1|^2 and more by what longer truths leave untrained; "
    "it has a pole at d = n; above, it falls with d.",
    expression=(1 - r) * (d / p * d_w - E_1) + kappa * f_2,
    intermediates=(
        (r, s.surviving(n, d)), (kappa, s.noise_gain(n, d)), (f, sigma**2 + (1 - d / p) * w_11), (f_2, f + (1 - d / p) * (2 * c_w + d_w)),
        (E_1, r * d / p * w_11 + kappa * f),
    ),
    parameters={
        "p": "dimension of all parameters",
        "d": "dimension of the subspace that is trained",
        "n": "samples of both tasks",
        "sigma": "standard deviation of the noise of both tasks",
        "w_11": "|w_1|^2, squared length of the truth of task 1",
        "d_w": "|w_2 - w_1|^2, squared distance of the truths",
        "c_w": "<w_2 - w_1, w_1>, the change of the truth along it",
    },
    quantity="forgetting",
    build=two_regimes,
    domain=(Condition(d <= p, "the subspace is one of the parameters"), s.off_threshold(n, d, 1)[0]),
    normal_domain=(s.off_threshold(n, d, 1)[1],),
    source=OURS,
    status="exact",
    uses=s.WHOLE,
    assumptions=("all features i.i.d. N(0, 1), fresh data for each task", "truths are spread evenly over the parameters; what is not trained stays at zero"),
)  # fmt: skip

FORMULAS = (SUBSPACE_FORGETTING,)
_CASE = {"p": 60, "n": 20, "sigma": 0.3, "w_11": 1.0, "d_w": 1.0, "c_w": -0.5}
FAMILIES = (
    Family("subspace_forgetting", SUBSPACE_FORGETTING, tuple({**_CASE, "d": d} for d in (6, 12, 30, 60)), "a trained subspace below and above its samples"),
)

_DIGEST = "arXiv 2604.21927, in our words after a summary"
# Name, statement, source, what it rests on, and in words where it holds and where it fails; `theory.regimes` measures what is called as it is.
CLAIMS = (
    (
        "ranking_over_regimes", "The ranking of methods of continual learning is not the same in all fine-tuning regimes.", _DIGEST, (*s.STORED, "recursion", "spectral"),
        "different tasks with little noise, where LwF passes EWC as more is trained: the alignment of tasks asks for a shorter step, what is not trained for "
        "a penalty, as noise does; and similar tasks with little noise, where GEM goes from last to first once there is room for stored samples. Strengths "
        "that are tuned in one regime and used in another make changes of places many times as large",
        "tasks with one truth and noise, where EWC is never behind LwF (proved for strengths free for each task); two tasks without noise and without untrained "
        "parameters, where LwF is never behind EWC (proved); and against plain training, which is strength 0 of every method",
    ),
    (
        "winners_by_depth", "Of LwF and online EWC, LwF is the better one where the head alone is trained, EWC where nearly everything is.", _DIGEST, (*s.WHOLE, "spectral"),
        "similar tasks with noise, where EWC leads with everything trained, too",
        "the head: what is not trained is noise, against which a penalty is better than a shorter step; and different tasks with little noise, where LwF leads with "
        "nearly everything trained",
    ),
    (
        "head_only_ranking", "Where every task has a head of its own and heads alone are trained, methods can be ranked.", _DIGEST, (),
        "one head for all tasks, or shared parameters that are trained along",
        "every stream: penalties of EWC and SI are those of parameters that earlier tasks use, LwF keeps outputs of old heads (computed), GEM those on old tasks. A new head "
        "is in none of them, so that all methods are one, forgetting is 0, and the ranking is void",
    ),
    (
        "update_norm_over_regimes", "The norm of the updates grows with the number of trained parameters.", _DIGEST, (*s.WHOLE, "spectral"),
        "fewer trained parameters than samples; training that is stopped early",
        "converged training of more parameters than samples: the part of the way that is gone falls with d, and so does the noise that is fitted, n/(d - n - 1) times "
        "what is not trained",
    ),
    (
        "correlation_over_regimes", "The correlation of update norm and forgetting rises with the number of trained parameters.", _DIGEST, s.WHOLE,
        "tasks of different size: a large one takes a long step and breaks much; with few parameters trained, what is not trained hides it. These are correlations of "
        "expectations over steps and orders, not of single runs, whose chance lowers them",
        "similar tasks of one size, of which the longer step repairs more: with one truth and no noise forgetting is minus the squared update in every run",
    ),
    (
        "forgetting_over_dimension", "Forgetting grows with the dimension of the subspace that is trained (asked as an open question).", _DIGEST, s.WHOLE,
        "d < n - 1, where two tasks forget (d/p)|w_2 - w_1|^2",
        "d > n + 1: past the pole at d = n, made of noise and of what is not trained, two tasks forget less with every parameter that is trained too; "
        "with everything trained (n/p)(|w_2 - w_1|^2 - (1 - n/p)|w_1|^2) and noise, below 0 for similar tasks (`subspace_forgetting`)",
    ),
    (
        "shared_space_adapts", "Where tasks share a part of the parameters, a new task adapts faster: it needs fewer samples to an error.",
        "He, Bai, Yang, arXiv 2602.20796, in our words after a summary", s.DIVIDED,
        "initialized training with E|theta_1 - w_2|^2 < |w_2|^2, for any error that is reached with fewer samples than parameters; frozen training after a task 1 that "
        "taught the shared part well",
        "opposed specific truths, or much noise in task 1; and frozen training for errors below the one that task 1 left in the shared part",
    ),
)  # fmt: skip
