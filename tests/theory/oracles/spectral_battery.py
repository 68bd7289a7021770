"""Checks of the moments of filtered steps by other routes: the joint density of up to three eigenvalues, and traces known in closed form."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from unittest import mock

import numpy as np
import sympy
from law_battery import refused, require

from theory import InputError, NoClosedForm, Task, TaskSequence, initialized, one_block
from theory.conditions import Distillation, Flow, GradientDescent, MinNorm, Ridge, Rule

RULES = {  # rules with q(x) = x h(x) on n samples, written out
    Ridge(0.7): lambda x, n: x / (x + 0.7),
    Flow(1.5): lambda x, n: 1 - np.exp(-1.5 * x / n),
    GradientDescent(2, 0.05): lambda x, n: 0.1 * x / n - (0.05 * x / n) ** 2,
}
SIZES = ((1, 1), (1, 4), (3, 1), (2, 2), (2, 3), (5, 2), (3, 3), (3, 4), (5, 3))
GRAM = np.array([[1.0, 0.5], [0.5, 1.2]])


@lru_cache
def eigenvalues(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (N, k) of quadrature over N <= 3 ordered eigenvalues of A'A, and weights that sum to 1, from their joint density."""
    size, power = min(n, d), abs(n - d)
    points, weights = np.polynomial.legendre.leggauss({1: 400, 2: 120, 3: 44}[size])
    points, weights = (points + 1) / 2, weights / 2
    axes = np.meshgrid(*[points] * size, indexing="ij")
    mass = np.prod(np.meshgrid(*[weights] * size, indexing="ij"), axis=0)
    x = [(13 * axes[0]) ** 2]  # the largest, and each next one as a share of the one before, in roots
    mass = mass * 2 * 13**2 * axes[0]
    for axis in axes[1:]:
        mass = mass * 2 * axis * x[-1]
        x.append(x[-1] * axis**2)
    x = np.stack([value.ravel() for value in x])
    gaps = np.prod([x[i] - x[j] for i in range(size) for j in range(i + 1, size)], axis=0) if size > 1 else 1.0
    density = mass.ravel() * gaps * np.prod(x ** ((power - 1) / 2) * np.exp(-x / 2), axis=0)
    return x, density / density.sum()


@lru_cache
def moments(rule: Rule, n: int, d: int) -> tuple[float, float, float, float]:
    """a, b, m and k of a step by the joint density: E[B v v' B] for B with uniformly random eigenvectors."""
    x, weights = eigenvalues(n, d)
    q = RULES[rule](x, n)
    share, square, k, whole = ((value * weights).sum() for value in (q.sum(0), (q**2).sum(0), (q**2 / x).sum(0), q.sum(0) ** 2))
    along, trace = (whole + 2 * square) / (d * (d + 2)), square / d  # E (v'Bv)^2 = a + b and E |Bv|^2 = d a + b for |v| = 1
    a = (trace - along) / (d - 1) if d > 1 else 0.0
    return a, along - a, share / d, k


def close(found, right, tolerance: float = 1e-10) -> None:
    require(np.allclose(np.asarray(found, float), np.asarray(right, float), rtol=tolerance, atol=tolerance * 0.01), f"{found} {right}")


def check_few_eigenvalues(world) -> None:
    for rule in RULES:
        for n, d in SIZES:
            made, root = world.spectral.step_moments(rule, n, d)
            close(made[:4], moments(rule, n, d))
            require(root == math.inf and not made.pole)
            alone, _ = world.spectral.step_moments(rule, n, d, pairs=False)
            close((alone.a, alone.b, alone.m, alone.k), (0, made.a * d + made.b, made.m, made.k), 1e-12)
    close(world.spectral.step_moments(Ridge(1.0), 0, 5)[0], (0, 0, 0, 0, False))
    with mock.patch.object(world.spectral, "LARGEST", 3):
        require(math.isclose(world.spectral.step_moments(Ridge(np.array([12.0, 9.0])), 40, 60)[1], math.sqrt(109**2 - 9600)), "the least D")
    require(world.spectral.step_moments(Ridge(9.0), 2, 3000)[1] == math.inf, "few eigenvalues are exact in any dimension")


def check_traces(world) -> None:
    """One step of descent is linear in A'A, whose traces are known; two thirds of a step is nothing else."""
    for n, d in ((40, 30), (30, 41), (100, 7), (33, 33), (300, 300)):
        for rate in (0.01, 0.002):
            made, _ = world.spectral.step_moments(GradientDescent(1, rate), n, d)
            square, whole = rate**2 * d * (n + d + 1) / n, rate**2 * (d * d + 2 * d / n)
            along = (whole + 2 * square) / (d * (d + 2))
            a = (square / d - along) / (d - 1)
            close(made[:4], (a, along - a, rate, rate**2 * d / n), 1e-11)
    for n, d in ((5, 9), (20, 12)):  # the least step is the limit
        close(world.spectral.step_moments(Ridge(1e-10), n, d)[0][:4], world.projections.float_step_moments(n, d)[:4], 1e-8)
        close(world.spectral.step_moments(GradientDescent(10**7, 1e-3), n, d)[0][2:3], world.projections.float_step_moments(n, d)[2:3], 1e-8)
    at_zero = math.sqrt(2) * math.gamma(5 / 2) / math.gamma(2)  # density of singular values of a square Gaussian matrix (Edelman 1988)
    close(world.spectral.step_moments(Ridge(1e-14), 4, 4)[0].k * 1e-7, at_zero * math.pi / 4, 1e-5)


def check_orders(world) -> None:
    """Second order is as close to the exact moments as it says; first order is off by a share that halves with the size."""
    for n, d, lam in ((60, 60, 12.0), (40, 80, 9.0), (90, 45, 60.0)):
        exact, alone = (world.spectral.step_moments(Ridge(lam), n, d, pairs)[0] for pairs in (True, False))
        with mock.patch.object(world.spectral, "LARGEST", 3):
            world.spectral._sums.cache_clear()
            (made, root), (made_alone, _) = (world.spectral.step_moments(Ridge(lam), n, d, pairs) for pairs in (True, False))
            world.spectral._sums.cache_clear()
        require(math.isclose(root, math.sqrt(lam**2 + 2 * lam * (n + d) + (n - d) ** 2)))
        close(made_alone[1:4], alone[1:4], 5 / root**3)
        close(made[:2], exact[:2], 200 / root**3)
    with mock.patch.object(world.spectral, "LARGEST", 3):
        for rule, n, d in ((Ridge(0.1), 5, 5), (Flow(1.0), 50, 90), (Ridge(0.1), 51, 51)):
            refused(NoClosedForm, "too many for the exact law", world.spectral.step_moments, rule, n, d)
    off = []
    for size in (1, 2, 4):
        exact = world.spectral.step_moments(Ridge(12.0 * size), 12 * size, 14 * size, pairs=False)[0]
        off.append(np.divide(world.spectral._second_order(12 * size, 14 * size, 12.0 * size), (exact.m * 14 * size, exact.k)) - 1)
    require(np.all(np.abs(off[0]) < 2e-4) and np.allclose(np.divide(off[1:], off[:-1]), 1 / 8, atol=0.01), f"{off}")
    n, p = sympy.symbols("n p", positive=True, integer=True)
    lam, s = sympy.symbols("lambda sigma", positive=True)

    def two(p, q, n, lam, noise):
        tasks = [Task(n, noise, {"a": "a_0", "b": "b_0"}, ("a", "b"), rule=Ridge(lam)), Task(n, noise, {"a": "a_1"}, ("a",), rule=Ridge(lam))]
        return TaskSequence({"a": p, "b": q}, tasks, {"a": [[1, 0], [0, 1]], "b": [[2, 0], [0, 0]]})

    law = world.expected_errors(two(p, 3 * p, n, lam, s))
    require(law.status == "first order" and not law.conditions)
    off = []
    for size in (10, 20, 40):
        exact = world.expected_errors(two(size, 3 * size, 3 * size, 0.5 * size, 0.5))
        point = {p: size, n: 3 * size, lam: sympy.Rational(size, 2), s: sympy.Rational(1, 2)}
        off.append([float(law.errors[t, i].subs(point)) - exact.errors[t, i] for t, i in ((0, 1), (1, 0), (1, 1))])
    require(np.all(np.abs(off[0]) < 0.05) and np.allclose(np.divide(off[1:], off[:-1]), 0.5, atol=0.06), f"{off}")


@dataclass(frozen=True)
class Own(Rule):
    """A user's rule: ridge regression under another name."""

    penalty: float


def check_rules(world) -> None:
    refused(NoClosedForm, "no exact law is known for Own(penalty=0.7)", world.spectral.step_moments, Own(0.7), 3, 4)
    world.spectral.filter_values.register(Own, lambda rule, x, rows: 1 / (x + rule.penalty))
    for penalty in (0.7, 2.0):
        close(world.spectral.step_moments(Own(penalty), 3, 4)[0][:4], world.spectral.step_moments(Ridge(penalty), 3, 4)[0][:4], 1e-12)
    world.spectral.filter_values.register(Own, lambda rule, x, rows: (x > rule.penalty) / x)
    for size in (3, 30):
        refused(NoClosedForm, "not smooth enough", world.spectral.step_moments, Own(2.0), size, size)
    for n, d in ((6, 20), (200, 50)):
        rows = (math.sqrt(n) + math.sqrt(d) + 8.5) ** 2 / n
        for steps in (1, 10, 1000):
            border = (1 + math.exp(8.5**2 / 8 / steps)) / rows
            world.spectral.step_moments(GradientDescent(steps, 0.999 * border), n, d)
            refused(NoClosedForm, "rare trials in which descent diverges", world.spectral.step_moments, GradientDescent(steps, 1.01 * border), n, d)
    penalties, n = np.array([0.5, 0.7, 2.0]), np.array([[2], [3], [3]])
    grid, _ = world.spectral.step_moments(Ridge(penalties), n, 4)
    for i, j in np.ndindex(3, 3):
        close([value[i, j] for value in grid[:4]], world.spectral.step_moments(Ridge(penalties[j]), n[i, 0], 4)[0][:4], 1e-14)


def check_law(world) -> None:
    """Two tasks by hand, from the moments of the joint density: theta_2 - w_1 = x + B (y - x) + noise."""
    for first, second in ((Ridge(0.7), Flow(1.5)), (Flow(1.5), Ridge(0.7)), (MinNorm(), Ridge(0.7)), (Ridge(0.7), MinNorm())):
        for (n_1, n_2), d in (((3, 2), 5), ((5, 3), 2), ((6, 3), 3)):
            if MinNorm() in (first, second) and (n_1, n_2) != (3, 2):
                continue
            a, b, m, k = moments(first, n_1, d) if first in RULES else world.projections.float_step_moments(n_1, d)[:4]
            q, noise = a * d + b, 0.25
            e = (1 - 2 * m + q) * GRAM[0, 0] + k * noise
            a, b, m_2, k_2 = moments(second, n_2, d) if second in RULES else world.projections.float_step_moments(n_2, d)[:4]
            q_2 = a * d + b
            square = GRAM[0, 0] + GRAM[1, 1] - 2 * GRAM[0, 1]
            pull = -(1 - m) * (GRAM[0, 1] - GRAM[0, 0])
            seq = one_block(d, (n_1, n_2), 0.5, gram=GRAM)
            law = world.expected_errors(seq.under(rule=(first, second)))
            close(law.errors[0, 0], e)
            close(law.errors[1, 0], (1 - 2 * m_2 + q_2) * e + 2 * (m_2 - q_2) * pull + q_2 * square + k_2 * noise)
            require(law.status == "exact")
            step = q_2 * (e - 2 * pull + square) + k_2 * noise
            averaged = world.expected_errors(seq.under(rule=(first, second), average=[[1.0, 0.0], [0.7, 0.3]]))
            close(averaged.errors[1, 0], e + 2 * 0.3 * m_2 * (pull - e) + 0.09 * step)
    seq = initialized({"shared": 1, "specific": 2}, (3, 3), 0.5, gram={"shared": GRAM, "specific": GRAM})
    a, b, m, k = moments(Ridge(0.7), 3, 3)
    law = world.expected_errors(seq.under(rule=Ridge(0.7)))
    close(law.step_sizes[0], (a * 3 + b) * 2 + k * 0.25)
    tasks = [Task(3, 0.5, {"a": "u", "b": "v"}, ("a", "b")), Task(0, 0, {"a": "u"}, ("a",))]
    apart = TaskSequence({"a": 1, "b": 2}, tasks, {"a": [[2.0, 2.0], [2.0, 2.0]], "b": [[1.0, 0.0], [0.0, 0.0]]}, rule=Ridge(0.7))
    close(world.expected_errors(apart).errors[0, 1], 2 * (1 - 2 * m + b) + a * 3 + k * 0.25 / 3)
    task = replace(seq.tasks[0], train=("shared",))
    a, b, m, k = moments(Ridge(0.7), 3, 1)
    close(world.expected_errors(replace(seq, tasks=[task, seq.tasks[1]]).under(rule=Ridge(0.7))).step_sizes[0], b * 1 + k * 1.25)
    with mock.patch.object(world.spectral, "LARGEST", 3):
        second = world.expected_errors(one_block(60, (50, 70, 60), 0.5, gram=np.eye(3)).under(rule=(Ridge(9.0), Ridge(8.0), Ridge(30.0))))
    require(second.status == f"second order, D = {math.sqrt(81 + 18 * 110 + 100):.3g}", second.status)
    weighted = replace(seq, tasks=[replace(seq.tasks[0], weights={"shared": 2, "specific": 2}), seq.tasks[1]])
    for samples in (2, 5):
        heavy = replace(weighted, tasks=[replace(task, samples=samples) for task in weighted.tasks])
        refused(NoClosedForm, "weights of 1 only", world.expected_errors, heavy.under(rule=Ridge(1.0)))
    refused(NoClosedForm, "is not rational", world.expected_errors, one_block(3, (2,), 0, gram=[[1]]).under(rule=Ridge(sympy.Rational(1, 2))))
    refused(NoClosedForm, "is not rational", world.expected_errors, one_block(sympy.Symbol("p", integer=True), (2,), 0, gram=[[1]]).under(rule=Flow(sympy.Rational(1, 2))))


def check_distillation(world) -> None:
    """The least step of labels mixed with the teacher's outputs is a partial step; exact in fractions and symbols."""
    seq = one_block(7, (3, 2), sympy.Rational(1, 2), gram=[[1, 0], [0, 1]])
    strength = sympy.Symbol("L", positive=True)
    for given, share in ((1, sympy.Rational(1, 2)), (sympy.Rational(2, 3), sympy.Rational(3, 5)), (strength, 1 / (1 + strength)), (0, 1)):
        partial = replace(seq, tasks=[seq.tasks[0], replace(seq.tasks[1], scale=share)])
        made, right = (world.expected_errors(one) for one in (seq.under(rule=(MinNorm(), Distillation(given))), partial))
        require(sympy.simplify(made.errors[1, 0] - right.errors[1, 0]) == 0 == sympy.simplify(made.update_magnitude[1] - right.update_magnitude[1]))
    grid = world.expected_errors(seq.under(rule=Distillation(np.array([0.5, 1.0]))))
    close(grid.errors[1, 1, 0], world.expected_errors(seq.under(rule=Distillation(1))).errors[1, 0], 1e-14)
    again = replace(seq.tasks[1], start="zero")
    refused(InputError, "starts from zero", lambda: replace(seq, tasks=[seq.tasks[0], again]).under(rule=Distillation(1)))


QUICK_CHECKS = (check_few_eigenvalues, check_law, check_rules, check_traces)
LAW_OF_RULES = (check_law, check_orders, check_distillation)
SPECTRAL_CHECKS = (check_few_eigenvalues, check_law, check_rules, check_orders, check_distillation, check_traces)
