"""Random rational cases of every formula in the ledger, with their exact values from the law.

A value never comes from another formula of the ledger: it is the law's, or, for quantities that the law does not
state (an optimum, a variance, the published form), derived here from the law or from integrals.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction as F
from functools import lru_cache
from typing import Any

import gap_points
import memory_points
import prototype_points
import sympy
from exact_values import in_domain
from haar_moments import chi_square_moment, projection_moment
from scipy.optimize import brentq, minimize_scalar

from theory.conditions import Ridge
from theory.constructors import one_block
from theory.errors import DriftlawError
from theory.formula import Formula
from theory.formulas import FAMILIES, FORMULAS
from theory.law import expected_errors
from theory.ledger import gaps, memory, notation as s, prototypes
from theory.ledger.regimes import two_regimes
from theory.ledger.replay import constrained, freshly_replayed, guarded, pooled
from theory.ledger.training import two_steps
from theory.ledger.two_tasks import two_tasks
from theory.optima import best_penalty
from theory.problem import Task, TaskSequence
from theory.recursion import Law

Case = dict[str, Any]
NOISES = (F(1, 2), F(1), F(2, 3), F(5, 4), F(2))


@lru_cache(maxsize=4096)
def law_of(seq: TaskSequence) -> Law:
    return expected_errors(seq)


# ---------------------------------------------------------------- random cases


def _vector(rng: random.Random, size: int = 3) -> list[F]:
    return [F(rng.randint(-12, 12), rng.randint(1, 4)) for _ in range(size)]


def _dot(left: list[F], right: list[F]) -> F:
    return sum((x * y for x, y in zip(left, right)), F(0))


def _difference(rng: random.Random) -> tuple[F, F, F]:
    """|v|^2, |y|^2 and <y, v> of a truth v and a change y."""
    v, y = _vector(rng), _vector(rng)
    return _dot(v, v), _dot(y, y), _dot(y, v)


def two_task_case(rng: random.Random, first: str, second: str) -> Case:
    """First task below or above its threshold; second below p_2, between p_2 and p + p_2, or above both."""
    p, p_1 = rng.randint(4, 60), rng.randint(2, 60)
    p_2 = p_1 + rng.choice([0, rng.randint(1, 30)])
    N = p + p_1
    n_1 = rng.randint(1, N - 2) if first == "below" else rng.randint(N + 2, 3 * N)
    low, high = {"below": (1, p_2 - 2), "between": (p_2 + 2, p + p_2 - 2), "above": (p + p_2 + 2, 3 * (p + p_2))}[second]
    (u_11, d_u, c_u), (q_11, d_q, c_q) = _difference(rng), _difference(rng)
    x_q = F(rng.randint(1, 30), 4) if p_2 > p_1 else F(0)
    return {
        "p": p, "p_1": p_1, "p_2": p_2, "n_1": n_1, "n_2": rng.randint(low, max(low, high)), "sigma_1": rng.choice(NOISES), "sigma_2": rng.choice(NOISES),
        "u_11": u_11, "d_u": d_u, "c_u": c_u, "q_11": q_11, "d_q": d_q + x_q, "c_q": c_q, "x_q": x_q,
        "h_22": _dot(*[_vector(rng)] * 2), "m": rng.randint(1, p), "s": F(rng.randint(-8, 12), rng.randint(1, 4)),
    }  # fmt: skip


def stream_case(rng: random.Random, tasks: int) -> Case:
    """T tasks on one block, with memory for the replay laws."""
    truths = [_vector(rng) for _ in range(tasks)]
    n = rng.randint(1, 20)
    k = rng.randint(0, n)
    distances = [[_dot([x - y for x, y in zip(v, w)], [x - y for x, y in zip(v, w)]) for w in truths] for v in truths]
    return {
        "p": tasks * n + rng.randint(2, 60), "n": n, "k": k, "sigma": rng.choice(NOISES), "T": tasks,
        "w": [_dot(v, v) for v in truths], "D": distances, "truths": truths,
    }  # fmt: skip


def pooled_case(rng: random.Random, tasks: int) -> Case:
    """More rows than parameters."""
    case = stream_case(rng, tasks)
    case |= {"n": case["n"] + 2, "k": case["k"] + rng.randint(0, 2)}
    return {**case, "p": rng.randint(1, case["n"] + (tasks - 1) * case["k"] - 2)}


def guarded_case(rng: random.Random, tasks: int) -> Case:
    case = stream_case(rng, tasks)
    m = rng.randint(0, case["n"])
    return {**case, "m": m, "phi": rng.choice((F(0), F(1, 2), F(3))), "p": case["n"] + m + rng.randint(2, 40)}


def crowded_case(rng: random.Random) -> Case:
    """A last task with more samples than the directions that stored ones leave."""
    p, _, d_w = rng.randint(4, 40), rng.random(), _difference(rng)[1]
    m = rng.randint(1, p - 2)
    return {"p": p, "m": m, "n_2": p - m + rng.randint(2, 40), "sigma_1": rng.choice(NOISES), "sigma_2": rng.choice(NOISES), "phi": F(rng.randint(0, 4), 3), "d_w": d_w}


def constraint_case(rng: random.Random) -> Case:
    w_11, d_w, c_w = _difference(rng)
    n_1, n_2 = rng.randint(1, 30), rng.randint(1, 30)
    m = rng.randint(0, n_1)
    p = max(n_1, m + n_2) + rng.randint(2, 60)
    return {"p": p, "n_1": n_1, "n_2": n_2, "m": m, "sigma_1": rng.choice(NOISES), "sigma_2": rng.choice(NOISES), "w_11": w_11, "d_w": d_w, "c_w": c_w}


def step_case(formula: Formula, rng: random.Random, first: str, second: str) -> Case:
    """Two tasks on one block, each with fewer samples than parameters or with more; what the formula does not name is zero."""
    w_11, d_w, c_w = _difference(rng)
    p = rng.randint(4, 60)
    counts = [rng.randint(1, p - 2) if side == "below" else rng.randint(p + 2, 3 * p) for side in (first, second)]
    values = {"sigma_1": rng.choice(NOISES), "sigma_2": rng.choice(NOISES), "w_11": w_11, "d_w": d_w, "c_w": c_w}
    return {"p": p, "n_1": counts[0], "n_2": counts[1]} | {name: value * (name in formula.parameters) for name, value in values.items()}


def regime_case(rng: random.Random, side: str) -> Case:
    """A trained part of the parameters with fewer samples than it has dimensions, or with more."""
    w_11, d_w, c_w = _difference(rng)
    p = rng.randint(4, 60)
    d = rng.randint(3, p)
    n = rng.randint(1, d - 2) if side == "below" else rng.randint(d + 2, 3 * d)
    return {"p": p, "d": d, "n": n, "sigma": rng.choice(NOISES), "w_11": w_11, "d_w": d_w, "c_w": c_w}


def minimum_case(rng: random.Random) -> Case:
    """A case with xi > eta > 0, both squares of fractions, so that p_2* is rational.

    xi and eta are affine in d_q and d_u, which enter nowhere else: both are rounded to squares by the choice of these.
    """
    side = rng.choice(["below", "above"])
    while True:
        case = two_task_case(rng, side, "below")
        case |= {"q_11": 100 * case["q_11"], "c_q": F(0), "c_u": case["c_u"] / 8, "x_q": F(0)}
        errors = _block_errors(case)
        least = errors["u"] + 2 * errors["r"] * case["c_u"] + case["sigma_2"] ** 2
        root_eta = F(math.isqrt(int(16 * max(least, 0))) + rng.randint(1, 3), 4)
        root_xi = F(math.isqrt(int(16 * errors["q"])), 4)
        case |= {"d_u": root_eta**2 - least, "d_q": errors["q"] - root_xi**2, "root_eta": root_eta, "root_xi": root_xi}
        if root_xi > root_eta and case["d_q"] >= 0 <= case["d_u"] and case["c_u"] ** 2 <= case["u_11"] * case["d_u"]:
            return case


def _block_errors(case: Case) -> dict[str, F]:
    """E |theta_0 - w_0|^2 by block and the share r that task 0 leaves, from the law of task 0 alone."""
    task = Task(case["n_1"], case["sigma_1"], {"shared": "u", "specific": "q"}, ("shared", "specific"))
    seen = [Task(0, 0, {"shared": "u"}, ("shared",)), Task(0, 0, {"specific": "q"}, ("specific",))]
    grams = {"shared": [[case["u_11"]] * 3] * 3, "specific": [[case["q_11"]] * 3] * 3}
    errors = law_of(TaskSequence({"shared": case["p"], "specific": case["p_1"]}, [task, *seen], grams)).errors
    return {"u": errors[0, 1], "q": errors[0, 2], "r": max(1 - F(case["n_1"], case["p"] + case["p_1"]), F(0))}


def in_floats(case: Case) -> Case:
    return {key: float(entry) if isinstance(entry, F) else entry for key, entry in case.items()}


# ---------------------------------------------------------------- exact values


def _law_value(formula: Formula, case: Case) -> F:
    return law_of(formula.build(**case)).read(formula.quantity)


def _stream(formula: Formula, case: Case) -> F:
    """The ledger's builders of one-block streams work in floats; this one is exact."""
    gram = [[_dot(v, w) for w in case["truths"]] for v in case["truths"]]
    start = "previous" if formula.name.startswith("lin") else "zero"
    seq = one_block(case["p"], (case["n"],) * case["T"], case["sigma"], gram=gram, start=start)
    memories = [dict.fromkeys(range(t), _stored(formula, case)) for t in range(case["T"])]
    tasks = [replace(task, memory=memory) for task, memory in zip(seq.tasks, memories, strict=True)]
    return law_of(replace(seq, tasks=tasks) if start == "zero" else seq).read(formula.quantity)


def _parabola(formula: Formula, case: Case) -> tuple[F, F]:
    """Best scale of task 1's step for L_0, and the change of L_0 there, from three laws."""
    seq = two_tasks(**{**case, "train_shared": formula.name.startswith("initialized")})
    at = {s: law_of(replace(seq, tasks=[seq.tasks[0], replace(seq.tasks[1], scale=s)])).errors[1, 0] for s in (-1, 0, 1)}
    curvature, slope = (at[1] + at[-1]) / 2 - at[0], (at[1] - at[-1]) / 2
    best = -slope / (2 * curvature)
    return best, best * slope + best**2 * curvature


def published_form(case: Case) -> F:
    """v_1 E_1 + (1 - r_A)|q_2 - q_1|^2 + k_A sigma_2^2 with the published v_1."""
    p, p_1, p_2, n_2 = (case[name] for name in ("p", "p_1", "p_2", "n_2"))
    v_1 = 1 + F(p * n_2, (p + p_1) * (p_2 - n_2 - 1)) - F(p_1 * n_2, (p + p_1) * p_2)
    error = law_of(two_tasks(**case)).errors[0, 0]
    return v_1 * error + F(n_2, p_2) * case["d_q"] + F(n_2, p_2 - n_2 - 1) * case["sigma_2"] ** 2


P2 = sympy.Symbol("p_2", positive=True, integer=True)


def forgetting_in_p2(case: Case) -> sympy.Expr:
    """The law's forgetting as a rational function of p_2, all else in numbers."""
    law = expected_errors(two_tasks(**{**case, "p_2": P2}))
    return sympy.together(law.forgetting())


def _slope(case: Case) -> sympy.Poly:
    """Numerator of the derivative of the law's forgetting in p_2, without factors of its poles."""
    return sympy.Poly(sympy.fraction(sympy.cancel(forgetting_in_p2(case).diff(P2)))[0], P2)


def _minimum(formula: Formula, case: Case) -> F:
    """Stationary point of the law's forgetting beyond p_2 = n_2 + 1, or the value there."""
    (root,) = {root for root in sympy.roots(_slope(case), filter="Q") if root > case["n_2"] + 1}
    found = root if formula.name == "p2_star" else forgetting_in_p2(case).subs(P2, root)
    return F(int(found.p), int(found.q))


def _variance(formula: Formula, case: Case) -> F:
    """Var |theta_2 - w_1|^2 from E P_ij P_kl = A delta_ij delta_kl + B (delta_ik delta_jl + delta_il delta_jk).

    With x = theta_1 - w_1, y = w_2 - w_1, z = y - x: Q = |x|^2 + 2 x'Pz + z'Pz + |g|^2 + 2 y'g (as z'g = z'Pg), and
    |g|^2 ~ sigma^2 chi^2_n / chi^2_{d-n+1} independent of P.
    """
    N, d = case["p"] + case["p_1"], case["p"] + case["p_2"]
    w, y, c = case["u_11"] + case["q_11"], case["d_u"] + case["d_q"], case["c_u"] + case["c_q"]
    y_seen = y - case["x_q"]
    A, B, m, g_2, g_4 = _step_numbers(case["n_1"], N, case["sigma_1"])
    # x = -(I - P) w + g: |x|^2 = w - w'Pw + |g|^2, x.y = -w.y + y'Pw + y.g
    x_2 = (1 - m) * w + g_2
    x_4 = w**2 * (1 - 2 * m + A + 2 * B) + 2 * (1 - m) * w * g_2 + g_4
    xy_2 = c**2 * (1 - 2 * m + A + B) + B * w * y_seen + y_seen * g_2 / N
    A, B, m, g_2, g_4 = _step_numbers(case["n_2"], d, case["sigma_2"])
    # Q given x: |x|^2 + F + |g|^2 + 2 y'g with F = z'Pz + 2 x'Pz = (z + x)'P(z + x) - x'Px = y'Py - x'Px
    squares = (A + 2 * B) * (y**2 + x_4) - 2 * (A * y * x_2 + 2 * B * xy_2)  # E F^2
    mean = x_2 + m * (y - x_2) + g_2
    second = x_4 + squares + g_4 + 2 * m * (y * x_2 - x_4) + 2 * x_2 * g_2 + 2 * m * (y - x_2) * g_2 + 4 * y * g_2 / d
    return second - mean**2


def _step_numbers(n: int, d: int, sigma: F) -> tuple[F, F, F, F, F]:
    """A, B, E P_00, and the first two moments of the squared noise step."""
    ratio = [chi_square_moment(n, q) * chi_square_moment(d - n + 1, -q) * sigma ** (2 * q) for q in (1, 2)]
    return projection_moment(((0, 0), (1, 1)), n, d), projection_moment(((0, 1), (0, 1)), n, d), projection_moment(((0, 0),), n, d), *ratio


def _ridge_threshold(formula: Formula, case: Case) -> float:
    """Where the law's forgetting, linear in the squared distance of the truths, is zero."""
    near, far = (law_of(FORMULAS["ridge_forgetting"].build(**{**case, "d_w": d_w})).forgetting() for d_w in (1.0, 2.0))
    return 1 - near / (far - near)


def _crowded(formula: Formula, case: Case) -> F:
    """By two laws of fresh steps: of the stored samples in p parameters, and of the last task in the p - m that they leave free."""
    p, m, phi, d_w = (case[name] for name in ("p", "m", "phi", "d_w"))
    kept, free = ({noise: law_of(one_block(d, (n,), noise, gram=[[1 - noise]])).errors[0, 0] for noise in (0, 1)} for d, n in ((p, m), (p - m, case["n_2"])))
    fitted = kept[1] * (case["sigma_1"] ** 2 + phi)
    return phi + kept[0] * d_w + fitted + free[1] * (case["sigma_2"] ** 2 + phi + fitted + (1 - kept[0]) * d_w)


def _fisher(n: int, d: int) -> F:
    """n (E B - E B^2) / d for B Beta(d/2, (n - d)/2)."""
    return F(n, d) * (F(d, n) - F(d * (d + 2), n * (n + 2)))


def _order(formula: Formula, case: Case) -> float:
    """Where the laws of the best ridge step and the best partial step towards part of a truth are equally far from that part."""
    s, measured = (case["e"] + case["d_w"] / 2) / (case["e"] + case["d_w"]), Task(0, 0.0, {"a": "z"}, ("a",))

    def missed(noise: float, **step: Any) -> float:
        task = Task(case["n_2"], noise**0.5, {"a": "w"}, ("a",), **step)
        return float(expected_errors(TaskSequence({"a": case["p"]}, [task, measured], {"a": [[1.0, s], [s, s * s]]})).errors[0, 1])

    def lead(noise: float) -> float:
        ridge = minimize_scalar(lambda root: missed(noise, rule=Ridge(math.exp(root))), bracket=(math.log(noise), 3))
        return ridge.fun - minimize_scalar(lambda scale: missed(noise, scale=float(scale)), bracket=(0, 1)).fun

    return brentq(lead, 1e-6, 10, xtol=1e-14)


STREAMS = ("lin_forgetting", "lin_generalization", "lin_first_error", "replay_generalization", "joint_generalization")
VALUES: Mapping[str, Callable[[Formula, Case], F]] = {
    **dict.fromkeys(STREAMS, _stream),
    **dict.fromkeys(("frozen_best_scale", "initialized_best_scale"), lambda formula, case: _parabola(formula, case)[0]),
    **dict.fromkeys(("frozen_least_forgetting", "initialized_least_forgetting"), lambda formula, case: _parabola(formula, case)[1]),
    "v1_reconstruction": lambda formula, case: published_form(case),
    "v1_reconstruction_gap": lambda formula, case: law_of(two_tasks(**case)).deviation() - published_form(case),
    **dict.fromkeys(("p2_star", "forgetting_at_p2_star"), _minimum),
    "initialized_deviation_variance": _variance,
    "ridge_forgetting_threshold": _ridge_threshold,
    "order_of_ewc_and_lwf": _order,
    "empirical_fisher": lambda formula, case: _fisher(case["n_1"], case["p"]) * case["sigma_1"] ** 2,
    "ridge_best_penalty": lambda formula, case: best_penalty(FORMULAS["ridge_forgetting"].build(**case)).choice,
    "gem_many_samples": _crowded,
    **{name: lambda formula, case: gap_points.VALUES[formula.name](case) for name in gap_points.VALUES},
    **{name: lambda formula, case, own=chapter: own.VALUES[formula.name](case) for chapter in (memory_points, prototype_points) for name in chapter.VALUES},
}
RATIONAL = [name for name, formula in FORMULAS.items() if not formula.rules]  # whose values are fractions


def value(formula: Formula, case: Case) -> F:
    """The exact value that the formula should have at the case."""
    return VALUES.get(formula.name, _law_value)(formula, case)


SIDES = tuple((first, second) for first in ("below", "above") for second in ("below", "above"))
CLASSES = tuple((first, second) for first in ("below", "above") for second in ("below", "between", "above"))


def cases(formula: Formula, each: int, seed: int = 0) -> list[Case]:
    """At least ``each`` cases in every class that the formula's domain reaches (sides of the thresholds, or numbers of tasks)."""
    for chapter in (memory, prototypes):
        if formula in chapter.FORMULAS:
            return [*chapter.CASES]
    if formula in gaps.FORMULAS:
        return [*gap_points.CASES]
    own = [case for family in FAMILIES.values() if family.formula is formula for case in family.cases]
    if formula.rules and formula.rules != (Ridge,):
        return own or [{"n_1": 30, "p": 12, "sigma_1": 0.5, "n_2": 8, "e": 0.4, "d_w": d_w} for d_w in (0.9, 1e-4)]
    if formula.rules:
        return [{"n_2": 9, "sigma_2": 0.4, "lambda_2": 3.0, "d_w": 0.8, "c_w": -0.3, **case} for case in FAMILIES["ridge_error"].cases]
    rng = random.Random(seed)
    if formula.build in (pooled, guarded):
        make = pooled_case if formula.build is pooled else guarded_case
        return [make(rng, tasks) for tasks in (2, 3, 4, 5) for _ in range(each)]
    if formula.name == "gem_many_samples":
        return [crowded_case(rng) for _ in range(2 * each)]
    if "T" in formula.parameters:
        return [stream_case(rng, tasks) for tasks in (2, 3, 4, 5) for _ in range(each)]
    if formula.build in (constrained, freshly_replayed):
        return [constraint_case(rng) for _ in range(2 * each)]
    if formula.build is two_steps:
        drawn = [step_case(formula, rng, first, second) for first, second in SIDES for _ in range(2 * each)]
        return [case for case in drawn if has_value(formula, case)]
    if formula.build is two_regimes:
        return [regime_case(rng, side) for side in ("below", "above") for _ in range(2 * each)]
    if formula.name in ("p2_star", "forgetting_at_p2_star"):
        return [minimum_case(rng) for _ in range(max(each // 4, 6))]
    found = []
    for number, (first, second) in enumerate(CLASSES):
        rng, made = random.Random(100 * seed + number), 0
        for _ in range(6 * each):  # a class outside the domain yields nothing
            case = two_task_case(rng, first, second)
            if "d_u" not in formula.parameters and "u_2 = u_1" in formula.assumptions:
                case |= {"d_u": F(0), "c_u": F(0)}
            if in_domain(formula, case):
                found.append(case)
                made += 1
            if made == each:
                break
    return found


# ---------------------------------------------------------------- where there is a value

SIZES = ("sigma_1", "sigma_2", "u_11", "d_u", "c_u", "q_11", "d_q", "c_q", "x_q", "h_22")
FEWER_SAMPLES = ("v1_reconstruction", "v1_reconstruction_gap", "frozen_forgetting_in_p2")  # forms for n_2 < p_2 only


def _stored(formula: Formula, case: Case) -> int:
    """Rows of each earlier task that a step fits."""
    return {"lin": 0, "replay": case["k"], "joint": case["n"]}[formula.name.split("_")[0]]


def has_value(formula: Formula, case: Case) -> bool:
    """Whether the quantity is finite at the case and the form is meant for it, by the law and the integrals."""
    if formula.name in FEWER_SAMPLES and case["n_2"] >= case["p_2"]:
        return False
    if formula.build is pooled and case["n"] + (case["T"] - 1) * case["k"] <= case["p"]:
        return False
    if formula.build is guarded and (case["T"] < 2 or case["n"] + case["m"] >= case["p"]):
        return False
    if formula.name == "gem_many_samples" and (case["m"] >= case["p"] or case["n_2"] <= case["p"] - case["m"]):
        return False
    if formula.name in STREAMS and case["n"] + (case["T"] - 1) * _stored(formula, case) >= case["p"]:
        return False  # stated for fewer rows than parameters
    if formula.build in (constrained, freshly_replayed) and max(case["n_1"], case["m"] + case["n_2"]) >= case["p"]:
        return False
    if formula.name == "evron_two_tasks" and not case["p"] >= max(case["n_1"], case["n_2"], 2):
        return False  # stated for overparameterized tasks of more than one parameter
    try:
        if formula.name in ("p2_star", "forgetting_at_p2_star"):
            return _slope(case).count_roots(case["n_2"] + 1) > 0  # by Sturm's theorem
        value(formula, case)
    except (DriftlawError, ZeroDivisionError, ValueError):
        return False
    return True


def probes(formula: Formula, seed: int = 0, shifts: tuple[int, ...] = tuple(range(-5, 6))) -> list[Case]:
    """Cases whose counts lie ``shifts`` away from each threshold, and others on both sides of every further border."""
    rng = random.Random(seed)
    found = []
    if formula.build in (pooled, guarded):
        for tasks in (1, 2, 3):
            case = (pooled_case if formula.build is pooled else guarded_case)(rng, tasks)
            rows = case["n"] + ((tasks - 1) * case["k"] if formula.build is pooled else case["m"])
            found += [{**case, "p": rows - shift} for shift in shifts if rows > shift]
            found += [{**case, "m": case["n"] + shift, "p": 90} for shift in (0, 1, 2) if formula.build is guarded]
    elif formula.name == "gem_many_samples":
        case = crowded_case(rng)
        case |= {"p": case["m"] + 12}
        found += [{**case, "n_2": 12 - shift} for shift in shifts]
        found += [{**case, "m": case["p"] + shift} for shift in (-3, -2, -1, 0, 1)]
    elif "T" in formula.parameters:
        for tasks in (1, 2, 3):
            case = stream_case(rng, tasks)
            rows = {case["n"], case["n"] + (tasks - 1) * case["k"], tasks * case["n"]}
            found += [{**case, "p": count - shift} for count in sorted(rows) for shift in shifts if count > shift]
    elif formula.build in (constrained, freshly_replayed):
        for _ in range(2):
            case = constraint_case(rng)
            found += [{**case, "p": border - shift} for border in (case["n_1"], case["m"] + case["n_2"]) for shift in shifts if border > shift]
            found += [{**case, "m": case["n_1"] + shift, "p": 90} for shift in (0, 1, 2)]
    elif formula.build is two_regimes:
        case = {**regime_case(rng, "below"), "p": 30}
        found += [{**case, "d": 12, "n": 12 + shift} for shift in shifts] + [{**case, "n": 5, "d": 30 + shift} for shift in shifts]
    elif formula.build is two_steps:
        for first, second in SIDES:
            case = step_case(formula, rng, first, second)
            found += [{**case, name: max(case["p"] + shift, 0)} for name in ("n_1", "n_2") for shift in shifts]
        found += [{**case, "p": p, "n_1": 1, "n_2": 1} for p in (1, 2, 3)]
    elif formula.name in ("p2_star", "forgetting_at_p2_star"):
        for _ in range(3):
            case = minimum_case(rng)
            level = case["d_q"] + case["root_xi"] ** 2 - case["root_eta"] ** 2  # where xi = eta
            found += [{**case, "d_q": level + F(shift, 1000)} for shift in (-1, 1, 1000)]
            quiet = {**case, "sigma_1": F(1, 1000)}
            found += [{**quiet, "n_1": max(case["p"] + case["p_1"] + shift, 0)} for shift in range(-3, 4)]
        nothing = {"n_1": 0, "u_11": F(0), "c_u": F(0), "d_u": F(0), "q_11": F(2), "d_q": F(1), "c_q": F(0)}
        found += [{**case, **nothing, "sigma_2": sigma} for sigma in (F(0), F(1, 2))]  # eta = sigma_2^2
    else:
        for first in ("below", "above"):
            case = two_task_case(rng, first, "below")
            if "d_u" not in formula.parameters and "u_2 = u_1" in formula.assumptions:
                case |= {"d_u": F(0), "c_u": F(0)}
            sizes = {case["p_2"], case["p"] + case["p_2"], case["m"] + case["p_1"]}
            found += [{**case, "n_1": max(case["p"] + case["p_1"] + shift, 0)} for shift in shifts]
            found += [{**case, "n_2": max(size + shift, 0)} for size in sorted(sizes) for shift in shifts]
            found += [{**case, "n_2": n, **{name: case[name] / 10**6 for name in SIZES}} for n in (0, 1)]
            if any(condition.relation == (s.p_2 >= s.p_1) for condition in formula.domain):
                found += [{**case, "p_2": case["p_1"] + shift} for shift in (-1, 0)]
    return found
