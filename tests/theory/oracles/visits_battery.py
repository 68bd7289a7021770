"""Checks of `theory.visits` on a task of one sample and one of m: a single angle, whose squared cosine is Beta(m/2, (d - m)/2).

At the nodes of a Gauss quadrature both projections are written down as matrices, and the training as products of them.
"""

from dataclasses import replace
from fractions import Fraction as F
from functools import cache
from itertools import product

import numpy as np
import sympy
from haar_moments import expected_noise_step, projection_moment
from law_battery import HALF, THIRD, close, refused, require
from scipy.special import roots_jacobi

from theory.conditions import Ridge
from theory.constructors import one_block
from theory.errors import NoClosedForm
from theory.problem import TaskSequence

GRAM, NOISE = [[1, THIRD], [THIRD, 2]], (HALF, THIRD)
ORDERS = ((0, 1, 0, 1, 0), (1, 1, 0, 1), (0, 1, 0, 0, 1, 0, 1, 0))


def two_tasks(d, m: int, visits=None, first: int = 1) -> TaskSequence:
    return one_block(d, (first, m), NOISE, gram=GRAM).under(visits=visits)


@cache
def routed(d: int, m: int, visits: tuple[int, ...], restart: int = 0, still: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors, step sizes and updates; at visit ``restart`` training starts from zero; ``still`` is the variance of what is not trained."""
    nodes, weights = roots_jacobi(20, (d - m) / 2 - 1, m / 2 - 1)
    gram, found = np.array(GRAM, dtype=float), []
    spread = [float(expected_noise_step(n, d)) * (float(sigma) ** 2 + still) / min(n, d) for n, sigma in zip((1, m), NOISE, strict=True)]
    for cosine in np.sqrt((1 + nodes) / 2):
        u = np.zeros(d)
        u[0], u[min(m, d - 1)] = cosine, np.sqrt(1 - cosine**2)
        projections = np.outer(u, u), np.diag((np.arange(d) < m).astype(float))

        def length(maps, projections=projections):
            truths = sum(gram[i, j] * np.trace(maps[i].T @ maps[j]) / d for i in (0, 1) for j in (0, 1))
            return truths + sum(spread[j] * np.trace(maps[j] @ projections[j] @ maps[j].T) for j in (0, 1))

        maps, rows = np.zeros((2, d, d)), []
        for t, j in enumerate(visits):
            start = 0 * maps if restart and t == restart else maps
            step = np.stack([projections[j] @ ((i == j) * np.eye(d) - start[i]) for i in (0, 1)])
            before, maps = maps, start + step
            errors = [gram[i, i] - 2 * sum(gram[i, k] * np.trace(maps[k]) / d for k in (0, 1)) + length(maps) + still for i in visits]
            rows.append([*errors, length(step), length(maps - before)])
        found.append(rows)
    mean = np.einsum("g,gtr->tr", weights / weights.sum(), found)
    return mean[:, :-2], mean[:, -2], mean[:, -1]


def check_visits(world) -> None:
    for visits in ORDERS:
        for seq, d, m in ((two_tasks(6, 2, visits), 6, 2), (two_tasks(5, 3, visits), 5, 3)):
            law = world.expected_errors(seq)
            require(all(close(made, right) for made, right in zip((law.errors, law.step_sizes, law.update_magnitude), routed(d, m, visits), strict=True)))
            require(law.errors[0, 0] == law.errors[0, visits.index(visits[0])] and law.conditions == ())


def check_orders_that_are_drawn(world) -> None:
    seq = one_block(6, (2, 2), HALF, gram=GRAM)
    for visits in (((0, 1),) * 3, ((0, 1), (1,), (1, 0, 0))):
        law = world.expected_errors(seq.under(visits=visits))
        made = [world.expected_errors(seq.under(visits=order)) for order in product(*visits)]
        require(all(close(getattr(law, part), sum(getattr(one, part) for one in made) / len(made)) for part in ("errors", "step_sizes", "update_magnitude", "effective_noise")))
    require(world.expected_errors(one_block(6, (2, 2), 1, gram=np.eye(2)).under(visits=((0, 1),) * 10)).errors.shape == (10, 10))
    other = two_tasks(6, 2, (0, 1, 0))
    require(world.expected_errors(replace(other, tasks=[*other.tasks[:2], replace(other.tasks[2], noise=5)])).effective_noise[2] == HALF**2, "that of the data")


def check_floats_and_grids(world) -> None:
    visits = ORDERS[0]
    law = world.expected_errors(two_tasks(np.array([6, 7, 3]), 2, visits), outside="nan")
    require(law.errors.shape == (3, 5, 5) and close(law.errors[0], routed(6, 2, visits)[0]) and close(law.step_sizes[1], routed(7, 2, visits)[1]))
    require(np.isnan(law.errors[2, 1:]).all(), "the second task is at its threshold")


def check_starts_and_untrained_blocks(world) -> None:
    seq = two_tasks(6, 2, ORDERS[0])
    restarted = replace(seq, tasks=[replace(task, start="zero" if t == 3 else "previous") for t, task in enumerate(seq.tasks)])
    law = world.expected_errors(restarted)
    require(all(close(made, right) for made, right in zip((law.errors, law.step_sizes, law.update_magnitude), routed(6, 2, ORDERS[0], 3), strict=True)))
    tasks = [replace(task, truth={**task.truth, "still": [HALF, HALF]}) for task in seq.tasks]
    law = world.expected_errors(TaskSequence({"shared": 6, "still": 2}, tasks, seq.gram))
    require(close(law.errors, routed(6, 2, ORDERS[0], 0, 0.5)[0]) and law.effective_noise[3] == HALF + THIRD**2)


def check_visits_without_a_step(world) -> None:
    idle = replace(two_tasks(6, 2), tasks=[two_tasks(6, 2).tasks[0], replace(two_tasks(6, 2).tasks[1], scale=0)])
    for seq in (idle.under(visits=(0, 1, 0)), two_tasks(6, 0, (0, 1, 0))):
        for sigma in (HALF, 0.5):
            law = world.expected_errors(replace(seq, tasks=[replace(task, noise=sigma) for task in seq.tasks]))
            require(close(law.errors[:, 0], law.errors[0, 0]) and close(law.errors[0, 0], F(5, 6) + F(1, 16)) and close(law.update_magnitude[1:], 0))


def check_many_samples(world) -> None:
    """More samples than parameters forget what was before, and bring the same estimate at every visit."""
    law = world.expected_errors(two_tasks(4, 2, (0, 1, 0, 1), first=9))
    once = world.expected_errors(two_tasks(4, 2, first=9))
    require(law.errors[:2, :2].tolist() == once.errors.tolist() and law.errors[2:].tolist() == law.errors[:2].tolist())
    require(law.update_magnitude[2] == law.update_magnitude[1] != 0, "what is undone")


def check_symbols(world) -> None:
    d = sympy.Symbol("d", positive=True, integer=True)
    made = world.expected_errors(two_tasks(d, 2, (0, 1, 0)))
    right = world.expected_errors(two_tasks(9, 2, (0, 1, 0)))
    require(all(made.errors[2, i].subs(d, 9) == sympy.Rational(right.errors[2, i]) for i in (0, 1)) and set(made.conditions) == {d - 1 > 1, d - 2 > 1})


def check_words(world) -> None:
    """E tr (P Q)^2 from the moments of entries of both; where Q = I, the rank of P."""
    require(all(world.visits._alternating(k, F(n), F(d), F(d)) == n for k in range(1, 8) for d in range(1, 6) for n in range(d + 1)))
    for n, m, d in ((2, 3, 5), (3, 3, 4), (2, 2, 2)):
        pairs = [(i, j, k, l) for i in range(d) for j in range(d) for k in range(d) for l in range(d)]
        right = sum(projection_moment(((i, j), (k, l)), n, d) * projection_moment(((j, k), (l, i)), m, d) for i, j, k, l in pairs)
        require(world.visits._alternating(2, F(n), F(m), F(d)) == right)


def check_what_has_no_law(world) -> None:
    three = one_block(9, (1, 1, 1), 0, gram=[[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    refused(NoClosedForm, "two tasks", world.expected_errors, three.under(visits=(0, 1, 2, 0)))
    refused(NoClosedForm, "1,024 orders", world.expected_errors, one_block(9, (2, 2), 1, gram=GRAM).under(visits=((0, 1),) * 11))
    refused(NoClosedForm, "Ridge", world.expected_errors, two_tasks(9, 2, (0, 1, 0)).under(rule=Ridge(1.0)))
    refused(NoClosedForm, "partial", world.expected_errors, replace(two_tasks(9, 2), tasks=[replace(t, scale=HALF) for t in two_tasks(9, 2).tasks]).under(visits=(0, 1, 0)))


VISITS_CHECKS = (
    check_visits, check_orders_that_are_drawn, check_floats_and_grids, check_visits_without_a_step, check_starts_and_untrained_blocks, check_many_samples, check_symbols, check_words, check_what_has_no_law,
)  # fmt: skip
