"""Checks of `theory.training` whose right answers come from integrals (`training_route`)."""

from dataclasses import replace
from functools import cache

import numpy as np
import sympy
from law_battery import HALF, THIRD, check_a_blank_stays_in_its_block, close, floating, refused, require
from training_route import TrainingRoute

from theory.conditions import Ridge
from theory.constructors import one_block
from theory.errors import NoClosedForm
from theory.problem import Task, TaskSequence

U, V = ([2, -1, 1], [1, 1, 0], [0, 3, 1]), ([1, 2], [-1, 1], [3, 0])


def _tasks(*settings: dict, size: int = 3) -> TaskSequence:
    """Blocks a and ' of ``size`` and two parameters; every task uses both unless it says otherwise."""
    tasks = []
    for t, own in enumerate(settings):
        truth = {"a": [*U[t], 2][:size], "'": V[t]}
        own = {"samples": 1, "noise": HALF, "train": ("a", "'"), "truth": truth, **own}
        tasks.append(Task(**{**own, "truth": {b: truth[b] for b in own["truth"]}}))
    return TaskSequence({"a": size, "'": 2}, tasks)


@cache
def integrated() -> tuple[tuple[TaskSequence, list], ...]:
    """Experiments with their integrals: frozen and uneven steps, starts from zero, no noise at the threshold, few parameters, many samples."""
    sequences = (
        _tasks({"samples": 2}, {"samples": 1}),
        _tasks({"samples": 2, "train": ("'",), "truth": ("'",), "noise": 0}, {"samples": 1, "train": ("a",)}, {"samples": 3, "noise": 1}),
        _tasks({"samples": 3, "scale": {"a": THIRD, "'": 2}}, {"samples": 1, "train": ("a",), "scale": HALF}, {"start": {"a": "zero"}}),
        _tasks({"samples": 7}, {"samples": 4, "train": ("'",), "truth": ("'",)}, {"samples": 8, "scale": {"a": 1, "'": HALF}}),
        _tasks({"samples": 2, "train": ("'",), "noise": 0, "truth": ("'",)}, {"samples": 2}, {"train": ("a",), "truth": ("a",)}),
        _tasks({"samples": 2, "train": ("a",)}, {"samples": 4, "train": ("'",)}, size=4),
        _tasks({"samples": 4, "train": ("a", "'"), "noise": 0}, {"samples": 0}, {"samples": 5, "noise": 0}),
        TaskSequence({"a": 1, "c": 1}, [Task(n, 0, {"a": [1], "c": [t]}, ("a", "c")) for t, n in enumerate((1, 1, 3))]),
        one_block(1, (1, 4, 1), (0, HALF, 0), truth=[[1], [2], [0]]),
    )
    return tuple((seq, TrainingRoute(seq).training.tolist()) for seq in sequences)


def check_training_in_fractions(world) -> None:
    for seq, right in integrated():
        require(world.expected_errors(seq).training_errors.tolist() == right)


def check_training_in_floats(world) -> None:
    for seq, right in integrated():
        made = world.expected_errors(floating(seq)).training_errors
        require(close(made, right) and all((made[t, t] == 0) == (right[t][t] == 0) for t in range(len(seq))), "fitted is fitted")


def check_training_on_grids(world) -> None:
    noise = np.array([[0.5], [0.0]])
    grid = one_block(np.array([7, 12]), (6, 20), noise, gram=[[1.0, 0.5], [0.5, 2.0]])
    made = world.expected_errors(grid, outside="nan").training_errors
    require(np.isnan(made[0, 0, 0, 1]) and np.isnan(made).sum() == 1, "blank where the estimate is, not after least squares")
    for index in ((0, 1), (1, 0), (1, 1)):
        require(close(made[index], world.expected_errors(grid.at(index)).training_errors))


def check_training_of_symbols(world) -> None:
    p, s = sympy.symbols("p s", positive=True)
    made = world.expected_errors(one_block(p, (3, 2), s, gram=[[1, HALF], [HALF, 2]])).training_errors
    right = world.expected_errors(one_block(9, (3, 2), THIRD, gram=[[1, HALF], [HALF, 2]])).training_errors
    put = [[entry.subs({p: 9, s: sympy.Rational(1, 3)}) for entry in row] for row in made]
    require(all(sympy.Rational(right[t, i]) == put[t][i] for t in (0, 1) for i in (0, 1)))


def check_training_that_has_no_law(world) -> None:
    seq = one_block(9, (3, 2), 0, gram=[[1, 1], [1, 1]])
    stored = replace(seq, tasks=[seq.tasks[0], replace(seq.tasks[1], memory={0: 1})])
    refused(NoClosedForm, "with memory, data that are used again", lambda: world.expected_errors(stored).training_errors)
    refused(NoClosedForm, "Ridge", lambda: world.expected_errors(seq.under(rule=Ridge(1.0))).training_errors)


TRAINING_CHECKS = (
    check_training_in_fractions, check_training_in_floats, check_a_blank_stays_in_its_block, check_training_on_grids, check_training_of_symbols, check_training_that_has_no_law,
)  # fmt: skip
