"""Checks of moment orders against cases worked out by hand, to be used on the code and on its mutants; see `law_battery`."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import sympy
from law_battery import HALF, refused, require

from theory.conditions import EWC, Distillation, Flow, Gaussian, GradientDescent, MinNorm, Ridge, StudentT, Subspace
from theory.constructors import frozen, initialized, one_block
from theory.errors import InputError
from theory.problem import Task, TaskSequence

INF = math.inf
EYE = {"shared": np.eye(2), "specific": np.eye(2)}


@cache
def hand_made() -> tuple[tuple[TaskSequence, list, list, list], ...]:
    """Orders of errors, steps and updates worked out by hand; the reasons stand in test_moments.py."""
    several = TaskSequence(
        {"a": 7, "b": 3},
        [
            Task(5, 0.5, {"a": "u"}, ("a",)),
            Task(1, 0.5, {"b": "v"}, ("b",)),
            Task(2, 0.5, {"a": "u", "b": "v"}, ("a", "b"), start={"b": "zero"}),
            Task(2, 0.5, {"a": "u", "b": "v"}, ("a", "b"), start="zero"),
        ],
        {"a": np.ones((4, 4)), "b": np.ones((4, 4))},
    )
    restarting = one_block(10, (8, 2), 0.5, gram=np.eye(2), start="zero")
    partial = one_block(10, (8, 20), 0.5, gram=np.eye(2))
    pole = replace(partial, tasks=[partial.tasks[0], replace(partial.tasks[1], samples=10, scale=0)])
    stored = TaskSequence({"a": 10}, [Task(4, 0.0, {"a": "u"}, ("a",)), Task(3, 0.0, {"a": "v"}, ("a",), memory={0: 3})], {"a": np.eye(2)})
    all_stored = TaskSequence(
        {"a": 6},
        [Task(8, 0.5, {"a": "u"}, ("a",)), Task(5, 0.5, {"a": "v"}, ("a",), memory={0: 8}), Task(9, 0.5, {"a": "w"}, ("a",), memory={0: 8, 1: 5})],
        {"a": np.eye(3)},
    )
    weighted = TaskSequence({"a": 5, "b": 5}, [Task(4, 0.0, {"a": "u", "b": "v"}, ("a", "b"), weights={"a": 2.0})], {"a": [[1.0]], "b": [[1.0]]})
    known = {"shared": np.ones((2, 2)), "specific": np.eye(2)}
    ones = {block: np.ones((3, 3)) for block in "abc"}
    restarted = TaskSequence(
        {"a": 7, "b": 3},
        [Task(5, 0.5, {"a": "a"}, ("a",)), Task(20, 0.5, {"b": "b"}, ("b",)), Task(2, 0.5, {"a": "a", "b": "b"}, ("b", "a"), start="zero")],
        {block: ones[block] for block in "ab"},
    )
    two_noises = TaskSequence(
        {"a": 7, "b": 3, "c": 40},
        [Task(5, 0.5, {"a": "a"}, ("a",)), Task(20, 0.5, {"b": "b"}, ("b",)), Task(20, 0.5, {"a": "a", "b": "b", "c": "c"}, ("c",))],
        ones,
    )
    return (
        (restarted, [[1.5, INF, 1.5], [1.5, 9.0, 1.5], [4.5] * 3], [1.5, 9.0, 4.5], [1.5, 9.0, 1.5]),
        (two_noises, [[1.5, INF, 1.5], [1.5, 9.0, 1.5], [1.5, 9.0, 1.5]], [1.5, 9.0, 1.5], [1.5, 9.0, 1.5]),
        (one_block(10, (6, 2, 8), 0.5, gram=np.eye(3)), [[2.5] * 3, [2.5] * 3, [1.5] * 3], [2.5, 2.5, 1.5], [2.5, 2.5, 1.5]),
        (one_block(10, (8, 10), (0.5, 0.0), gram=np.eye(2)), [[1.5] * 2, [INF] * 2], [1.5, 1.5], [1.5, 1.5]),
        (restarting, [[1.5] * 2, [4.5] * 2], [1.5, 4.5], [1.5, 1.5]),
        (one_block(10, (8, 0), 0.5, gram=np.eye(2)), [[1.5] * 2, [1.5] * 2], [1.5, INF], [1.5, INF]),
        (replace(partial, tasks=[partial.tasks[0], replace(partial.tasks[1], scale=0.5)]), [[1.5] * 2, [1.5] * 2], [1.5, 1.5], [1.5, 1.5]),
        (frozen({"shared": 40, "specific": 60}, (94, 20), 0.5, gram=EYE), [[3.5] * 2, [3.5] * 2], [3.5, 3.5], [3.5, 3.5]),
        (frozen({"shared": 40, "specific": 60}, (30, 57), 0.0, gram=EYE), [[INF] * 2, [2.0] * 2], [INF, 2.0], [INF, 2.0]),
        (frozen({"shared": 4, "specific": 6}, (12, 5), 0.0, gram=known), [[INF] * 2, [INF] * 2], [INF, INF], [INF, INF]),
        (several, [[1.5, INF, 1.5, 1.5], *[[1.5] * 4] * 2, [4.5] * 4], [1.5, 1.5, 1.5, 4.5], [1.5, 1.5, 1.5, 1.5]),
        (stored, [[INF] * 2, [2.5] * 2], [INF, 2.5], [INF, 2.5]),
        (all_stored, [[1.5] * 3, [4.0] * 3, [8.5] * 3], [1.5, 1.5, 4.0], [1.5, 1.5, 4.0]),
        (pole, [[1.5] * 2, [1.5] * 2], [1.5, INF], [1.5, INF]),
        (weighted, [[INF]], [INF], [INF]),
        (restarting.under(average=[[1, 0], [1, 1]]), [[1.5] * 2, [1.5] * 2], [1.5, 4.5], [1.5, 1.5]),
        (restarting.under(average=[[0, 0], [0, 1]]), [[INF] * 2, [4.5] * 2], [1.5, 4.5], [1.5, 1.5]),
        *remembered(),
        *beside_what_is_known(),
        *visited(),
        *with_flat_features(),
    )


def visited() -> tuple[tuple[TaskSequence, list, list, list], ...]:
    """Data that are used again; what is drawn has a truth that nobody knows, and rests on rows that were met before."""
    within, single, drawn = EWC(2.0, "sample"), ("a",), ((0, 1), (0, 1))
    exact = one_block(10, (13, 13), 0.0, np.eye(10)[:2].tolist())  # every step is right, until a penalty holds it back: nothing is known of that

    def ahead(visits: tuple) -> TaskSequence:
        return exact.under(rule=(within, *(MinNorm(),) * (len(visits) - 2), within), visits=visits)

    def beside(*squares: float, visits: tuple) -> TaskSequence:
        tasks = [Task(6, 0.0, {"a": [1.0] * 10, "b": [square] * 5}, single) for square in squares]
        return TaskSequence({"a": 10, "b": 5}, tasks).under(visits=visits)

    learned = TaskSequence({"a": 10, "b": 5}, [Task(8, 0.5, {"b": [1.0] * 5}, ("b",)), Task(6, 0.5, {"a": [1.0] * 10, "b": [1.0] * 5}, single)])
    both, no = 1 / (1 / 2.5 + 1 / 2), [0.0] * 3
    unknown = [INF, INF, 0.0]
    return (
        (exact.under(visits=drawn), [[INF] * 2] * 2, [INF] * 2, [INF] * 2),
        (ahead((0, 0)), [[INF] * 2] * 2, [INF] * 2, [INF] * 2),
        (ahead((1, 0, (0, 1))), [[INF] * 3, [INF] * 3, no], unknown, unknown),
        (ahead((0, 1, (0, 1), 0)), [*[[INF] * 4] * 3, [0.0] * 4], [INF, *unknown], [INF, *unknown]),
        (beside(0, 1, visits=drawn), [[2.5] * 2] * 2, [2.5] * 2, [2.5] * 2),
        (beside(0, 0, visits=(0, 0)), [[INF] * 2] * 2, [INF] * 2, [INF] * 2),
        (learned.under(visits=(0, 1, 1)), [[2.0, 2.0, 2.0], [2.0] * 3, [2.0, both, both]], [2.0, 2.0, both], [2.0, 2.0, both]),
        (learned.under(rule=(within, within, MinNorm()), visits=(0, 0, 1)), [[2.0] * 3, no, no], [2.0, 0.0, 0.0], [2.0, 0.0, 0.0]),
    )


def with_flat_features() -> tuple[tuple[TaskSequence, list, list, list], ...]:
    """Features of four directions out of ten are as near to the threshold as they are to four, and erase nothing."""
    plain, again = one_block(10, (6, 9), 0.5, gram=np.eye(2)), [Task(9, 0.5, {"a": "u"}, ("a",)), Task(6, 0.5, {"a": "v"}, ("a",), memory={0: 9})]
    return (
        (plain.under(Subspace(np.eye(10)[:, :4])), [[1.5] * 2] * 2, [1.5] * 2, [1.5] * 2),
        (plain.under(Gaussian([1.0] * 4 + [0.0] * 6)), [[1.5] * 2] * 2, [1.5] * 2, [1.5] * 2),
        (plain.under(Gaussian(np.diag([1.0] * 4 + [0.0] * 6))), [[1.5] * 2] * 2, [1.5] * 2, [1.5] * 2),
        (TaskSequence({"a": 10}, again, {"a": np.eye(2)}).under(Subspace(np.eye(10)[:, :4])), [[3.0] * 2, [0.5] * 2], [3.0, 0.5], [3.0, 0.5]),
    )


def remembered() -> tuple[tuple[TaskSequence, list, list, list], ...]:
    """Memory, with zeros in stored rows where their task does not use a block."""
    fours = {"a": np.full((2, 2), 4.0)}
    projected = TaskSequence({"a": 10}, [Task(4, 0.0, {"a": "u"}, ("a",)), Task(5, 0.0, {"a": "u"}, ("a",), memory={0: 4})], fours)
    noisy = replace(projected, tasks=[replace(projected.tasks[0], noise=0.5), projected.tasks[1]])
    heads = TaskSequence(
        {"a": 1, "g": 1, "h": 3},
        [Task(4, 0.5, {"a": "u", "g": "g"}, ("a", "g")), Task(2, 0.5, {"a": "u", "h": "h"}, ("a", "h"), memory={0: 4})],
        {block: np.ones((2, 2)) for block in "agh"},
    )
    last = (1.0 + 1.5**-1) ** -1  # two rows for the three parameters of h, and what g got wrong on the same stored rows
    apart = TaskSequence(
        {"a": 5, "b": 5},
        [Task(8, 0.5, {"a": "u"}, ("a",)), Task(3, 0.5, {"b": "v"}, ("b",)), Task(0, 0.5, {"a": "u", "b": "v"}, ("a", "b"), memory={0: 8, 1: 3})],
        {block: np.ones((3, 3)) for block in "ab"},
    )
    untouched = TaskSequence(
        {"g": 3, "h": 5}, [Task(10, 0.5, {"g": "g"}, ("g",)), Task(4, 0.0, {"h": "h"}, ("h",), memory={0: 5})], {block: np.ones((2, 2)) for block in "gh"}
    )
    return (
        (projected, [[INF] * 2] * 2, [INF] * 2, [INF] * 2),
        (noisy, [[3.5] * 2, [1.0] * 2], [3.5, 1.0], [3.5, 1.0]),
        (heads, [[1.5] * 2, [last] * 2], [1.5, last], [1.5, last]),
        (apart, [[2.0, INF, 2.0], [2.0, 1.5, 1.5], [1.5] * 3], [2.0, 1.5, 1.5], [2.0, 1.5, 1.5]),
        (untouched, [[4.0, INF]] * 2, [4.0, INF], [4.0, INF]),
        *(_joined(blocks, order) for blocks, order in ((10, 10.0), (11, 0.5))),  # beyond 2^10 patterns nothing is known
    )


def _joined(blocks: int, order: float) -> tuple[TaskSequence, list, list, list]:
    """One block a task, then all at once on what is stored of them."""
    names = [f"b{k}" for k in range(blocks)]
    own = [Task(20, 0.5, {name: "u"}, (name,)) for name in names]
    tasks = [*own, Task(0, 0.5, dict.fromkeys(names, "u"), tuple(names), memory=dict.fromkeys(range(blocks), 20))]
    seq = TaskSequence(dict.fromkeys(names, 1), tasks, {name: np.ones((blocks + 1, blocks + 1)) for name in names})
    errors = [[10.0 if i <= t or i == blocks else INF for i in range(blocks + 1)] for t in range(blocks)] + [[order] * (blocks + 1)]
    return seq, errors, [10.0] * blocks + [order], [10.0] * blocks + [order]


def beside_what_is_known() -> tuple[tuple[TaskSequence, list, list, list], ...]:
    """Block b learns without label noise beside an untrained block, which is or is not what it should be."""
    last = Task(6, 0.0, {"a": "u", "b": "v"}, ("b",))  # six rows, five parameters
    exact, moved, noisy = Task(12, 0.0, {"a": "u"}, ("a",)), Task(3, 0.0, {"a": "u"}, ("a",)), Task(3, 0.5, {"a": "u"}, ("a",))
    both = Task(3, 0.0, {"a": "u", "b": "v"}, ("a", "b"))

    def after(*tasks: Task, square: float = 1.0) -> TaskSequence:
        count = len(tasks) + 1
        return TaskSequence({"a": 10, "b": 5}, [*tasks, last], {"a": np.full((count, count), square), "b": np.ones((count, count))})

    return (
        (after(square=0.0), [[INF]], [INF], [INF]),
        (after(), [[1.0]], [1.0], [1.0]),
        (after(exact, moved), [[INF] * 3] * 3, [INF] * 3, [INF] * 3),
        (after(exact, noisy), [[INF] * 3, [4.0] * 3, [4.0, 4.0, 1.0]], [INF, 4.0, 1.0], [INF, 4.0, 1.0]),
        (after(exact, both), [[INF] * 3, [INF] * 3, [INF, 1.0, 1.0]], [INF, INF, 1.0], [INF, INF, 1.0]),
        (after(replace(exact, noise=0.5)), [[1.5] * 2, [1.5, 1.0]], [1.5, 1.0], [1.5, 1.0]),
    )


def check_damped_steps(world) -> None:
    for seq, *_ in hand_made():
        made = world.moment_orders(seq.under(rule=Ridge(1.0)))
        require(all(np.all(orders == INF) for orders in (made.errors, made.step_sizes, made.update_magnitude)))
    near = one_block(32, (31,), 0.5, gram=[[1]])  # gap 1: order 1 without damping
    rows = replace(near, blocks={"shared": 30}, tasks=[replace(near.tasks[0], samples=29)])
    for seq, edge, beyond in (
        (near, Ridge(1e-3 / 32), Ridge(0.99e-3 / 32)),
        (rows, GradientDescent(1740000, 0.5), GradientDescent(1740001, 0.5)),  # 29 * 30 / 870,000 = 1e-3
        (rows, Flow(870000.0), Flow(870000.5)),
    ):
        require(world.moment_orders(seq.under(rule=edge)).error(0, 0) == INF and world.moment_orders(seq.under(rule=beyond)).error(0, 0) == 1.0)
    heavy = one_block(30, (29, 60), 0.5, gram=np.eye(2))
    require(world.moment_orders(heavy).error(1, 0) == 15.5, "least squares erases")
    last = replace(heavy, tasks=[heavy.tasks[0], replace(heavy.tasks[1], rule=Ridge(1.0))])
    require(world.moment_orders(last).errors.tolist() == [[1.0] * 2] * 2, "ridge regression does not")
    require(world.moment_orders(heavy.under(rule=Distillation(0.5))).errors.tolist() == [[1.0] * 2] * 2, "nor does a partial step")


def check_heavy_features(world) -> None:
    """Student's t with 5 degrees of freedom leaves order 2.5 next to what is used and not trained, and nowhere else."""
    blocks, gram = {"shared": 40, "specific": 60}, {"shared": np.eye(2), "specific": np.eye(2)}
    made = world.moment_orders(frozen(blocks, (20, 20), 0.5, gram=gram).under(StudentT(5.0)))
    require(made.training_errors[:, 0].round(6).tolist() == [2.354651, 1.25], "with the samples' own tails")
    require(made.errors.tolist() == [[40.5] * 2, [2.5] * 2] and made.step_sizes.tolist() == [40.5, 2.5])
    near = world.moment_orders(frozen(blocks, (20, 59), 0.5, gram=gram).under(StudentT(5.0)))
    require(near.step_sizes.tolist() == [40.5, 1.0], "the heavier tail counts")
    require(world.moment_orders(initialized(blocks, (20, 20), 0.5, gram=gram).under(StudentT(5.0))).errors.tolist() == [[40.5] * 2] * 2)


def check_moment_orders(world) -> None:
    for seq, errors, steps, updates in hand_made():
        made = world.moment_orders(seq)
        require(made.errors.tolist() == errors and made.step_sizes.tolist() == steps and made.update_magnitude.tolist() == updates)
        each = world.moment_orders(replace(seq, average=None)).errors if seq.average is not None else np.array(errors)
        require(np.allclose(made.training_errors, each, rtol=1e-12), "those of training stay those of the estimates themselves")
        require(made.generalization() == min(errors[-1]), "a mean has the heaviest of its tails")


def check_moment_orders_of_open_experiments(world) -> None:
    for samples, noise in ((np.array([2, 3]), 0.5), (sympy.Symbol("n", integer=True, positive=True), HALF), (2, sympy.Symbol("s", positive=True))):
        refused(InputError, "moment orders need one numeric experiment", world.moment_orders, one_block(10, (samples,), noise, gram=[[1]]))


MOMENT_CHECKS = (check_moment_orders, check_damped_steps, check_heavy_features, check_moment_orders_of_open_experiments)
