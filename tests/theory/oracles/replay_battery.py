"""Checks of the laws of replay, to be used on the law and on its mutants; see `law_battery`."""

from dataclasses import replace
from fractions import Fraction as F
from functools import cache

import numpy as np
import sympy
from law_battery import HALF, THIRD, close, floating, refused, require
from replay_route import least_norm_error, least_squares_error
from written_out import distances, fitted_part, nested_product, replay_from_zero, replay_nested, replay_pooled

from theory.errors import DomainError, NoClosedForm
from theory.problem import Task, TaskSequence

VECTORS = [[1, 2, 0, 0, 0, 0], [0, 1, 1, -1, 0, 0], [0, 0, 1, 0, 1, 1]]
GRAM = [[F(sum(x * y for x, y in zip(u, v))) for v in VECTORS] for u in VECTORS]
NOISES = (HALF, THIRD, F(1))
DISTANCES = distances(GRAM)
VARIANCES = [sigma**2 for sigma in NOISES]


def remembering(p, samples, memories, noises=NOISES, gram=GRAM, starts=None, truths=None) -> TaskSequence:
    """One block, every task trains it."""
    tasks, count = [], len(samples)
    for t, n in enumerate(samples):
        truth, start = truths[t] if truths else f"w_{t}", starts[t] if starts else "previous"
        tasks.append(Task(n, noises[t], {"a": truth}, ("a",), start=start, memory=memories[t]))
    return TaskSequence({"a": p}, tasks, None if truths else {"a": np.asarray(gram)[..., :count, :count]})


@cache
def nested() -> tuple[tuple[TaskSequence, list[list[F]], list[F]], ...]:
    """Sequences from the previous estimate with the errors of every task and the last step's size.

    The step is split by hand: inside the fresh directions (share n / (p - m)) what is left of the error to w_t, and
    noise of variance sigma^2 + R'_t over n of the p - m directions.
    """
    found = []
    for p, samples, memories in (
        (12, (3, 2, 2), ({}, {0: 2}, {0: 1, 1: 2})), (12, (3, 2, 2), ({}, {0: 3}, {})), (12, (3, 2, 0), ({}, {0: 3}, {1: 2})),
        (12, (3, 0, 2), ({}, {0: 2}, {0: 2})), (12, (3, 0, 2), ({}, {}, {0: 2})), (9, (4, 3, 15), ({}, {0: 4}, {0: 0})), (9, (7, 2, 1), ({}, {}, {1: 2})), (9, (4, 3, 12), ({}, {0: 4}, {})), (5, (3, 2, 1), ({}, {0: 1}, {1: 2})),
    ):  # fmt: skip
        errors, before, step = [], [GRAM[i][i] for i in range(3)], F(0)
        for t, n in enumerate(samples):
            m = sum(memories[t].values())
            if n > p:
                after = [DISTANCES[t][i] + VARIANCES[t] * F(p, n - p - 1) for i in range(3)]
                step = before[t] + VARIANCES[t] * F(p, n - p - 1)
            else:
                after = [replay_nested(p, memories[t], (t, n), VARIANCES, GRAM, before[i], i) for i in range(3)]
                kept = fitted_part(p, memories[t], VARIANCES, GRAM, t)
                step = (before[t] - kept) * F(n, p - m) + (VARIANCES[t] + kept) * F(n, p - m - n - 1)
            errors.append(after)
            before = after
        found.append((remembering(p, samples, memories), errors, step))
    return tuple(found)


def check_nested_memory(world) -> None:
    for seq, errors, step in nested():
        exact, rounded = world.expected_errors(seq), world.expected_errors(floating(seq))
        require(exact.errors.tolist() == errors and exact.step_sizes[2] == step and exact.conditions == (), "fractions")
        require(exact.update_magnitude.tolist() == exact.step_sizes.tolist() and exact.effective_noise.tolist() == VARIANCES, "steps and noise")
        require(close(rounded.errors, errors) and close(rounded.step_sizes[2], step) and close(rounded.effective_noise, VARIANCES), "floats")


@cache
def joint() -> tuple[tuple[TaskSequence, list[F], F], ...]:
    found = []
    for samples, memories, owners in (((2, 2), ({}, {0: 1}), [0, 1, 1]), ((2, 1), ({}, {0: 2}), [0, 0, 1]), ((2, 1, 1), ({}, {0: 1}, {0: 1, 1: 1}), [0, 1, 2])):
        tasks = len(samples)
        errors = [least_norm_error(6, owners, GRAM, VARIANCES, i) for i in range(tasks)]
        found.append((remembering(6, samples, memories, starts=["zero"] * tasks), errors, least_norm_error(6, owners, GRAM, VARIANCES, None)))
    return tuple(found)


def check_memory_from_zero(world) -> None:
    for seq, errors, square in joint():
        for made in (world.expected_errors(seq), world.expected_errors(floating(seq))):
            require(close(made.errors[-1], errors) and close(made.step_sizes[-1], square))
    seq = remembering(12, (3, 2, 2), ({}, {0: 2}, {0: 3, 1: 1}), starts=("previous", "previous", "zero"))
    rows = {0: 3, 1: 1, 2: 2}
    require(world.expected_errors(seq).errors[2].tolist() == [replay_from_zero(12, rows, VARIANCES, GRAM, i) for i in range(3)])


def _square(rows: dict[int, int], p: int) -> F:
    """E |theta|^2 of the least-norm fit: a fourth truth at zero."""
    gram = [[*row, F(0)] for row in GRAM] + [[F(0)] * 4]
    return replay_from_zero(p, rows, VARIANCES, gram, 3)


def _pooled_square(rows: dict[int, int], p: int) -> F:
    return replay_pooled(p, rows, VARIANCES, [[*row, F(0)] for row in GRAM] + [[F(0)] * 4], 3)


def check_updates_from_zero(world) -> None:
    everything = ({}, {0: 3}, {0: 3, 1: 2})
    squares = [_square(rows, 12) for rows in ({0: 3}, {0: 3, 1: 2}, {0: 3, 1: 2, 2: 2})]
    for starts in (["zero"] * 3, ["previous", "zero", "previous"], ["previous", "previous", "zero"]):
        law = world.expected_errors(remembering(12, (3, 2, 2), everything, starts=starts))
        require(law.update_magnitude.tolist() == [squares[0], squares[1] - squares[0], squares[2] - squares[1]], "Pythagoras")
    fresh = _square({1: 2}, 12)
    for kind in (lambda seq: seq, floating):
        seq = kind(remembering(12, (3, 2, 1), ({}, {}, {1: 1}), starts=["previous", "zero", "previous"]))
        value = world.expected_errors(seq).update_magnitude[1]
        require(close(value, squares[0] + fresh - 2 * F(3 * 2, 12 * 12) * GRAM[0][1]), "fresh start")
        many = kind(remembering(12, (3, 15, 1, 1), ({}, {}, {}, {2: 1}), (*NOISES, F(1)), _four(), ["previous", "zero", "previous", "previous"]))
        square = GRAM[1][1] + VARIANCES[1] * F(12, 15 - 12 - 1)
        value = world.expected_errors(many).update_magnitude[1]
        require(close(value, squares[0] + square - 2 * F(3, 12) * GRAM[0][1]), "fresh start with many samples")
        later = kind(remembering(12, (3, 2, 1), ({}, {0: 3}, {}), starts=["previous", "zero", "zero"]))
        mean = F(3, 12) * GRAM[0][2] + F(2, 12) * GRAM[1][2]  # E <theta_1, w_2> by R's linear part
        value = world.expected_errors(later).update_magnitude[2]
        require(close(value, _square({2: 1}, 12) + squares[1] - 2 * F(1, 12) * mean), "fresh start after memory")
        for samples, memories, starts in (
            ((3, 2, 2), ({}, {0: 3}, {0: 2, 1: 2}), "pzz"), ((3, 2, 2), ({}, {0: 3}, {0: 3, 1: 1}), "pzz"), ((3, 2, 2), ({}, {0: 3}, {1: 2}), "pzz"),
            ((3, 2, 2), ({}, {}, {1: 1}), "ppz"), ((3, 2, 2), ({}, {}, {0: 3, 1: 2}), "ppz"), ((3, 2, 2), ({}, {0: 2}, {0: 2, 1: 2}), "ppz"),
            ((3, 2, 1, 1), ({}, {}, {1: 2}, {1: 2, 2: 1}), "pppz"), ((3, 2, 15, 1, 1), ({}, {}, {}, {}, {3: 1}), "ppppz"),
        ):  # fmt: skip
            tasks = len(samples)
            names = [{"p": "previous", "z": "zero"}[c] for c in starts]
            silent = kind(remembering(12, samples, memories, [1] + [0] * (tasks - 1), [[0] * tasks] * tasks, names))
            unknown = world.expected_errors(silent)
            refused(NoClosedForm, f"for task {tasks - 1}, which fits stored samples", lambda law=unknown: law.update_magnitude)


def _four() -> list[list[F]]:
    return [[*row, F(0)] for row in GRAM] + [[F(0), F(0), F(0), F(1)]]


def check_replay_thresholds(world) -> None:
    for p in (6, 7, 8):
        for noises in ((HALF, HALF), (0.5, 0.5)):
            for starts in (None, ["zero"] * 2):
                words = f"task 1: the expected error is infinite unless |nbar - p| >= 2; here nbar = 7 rows (fresh and stored) meet p = {p} "
                refused(DomainError, words, world.expected_errors, remembering(p, (4, 4), ({}, {0: 3}), noises, starts=starts))
    for zero in (F(0), 0.0):
        for p in (5, 6, 7, 8, 9):
            equal = remembering(p, (4, 4), ({}, {0: 3}), (zero, zero), [[1, 1], [1, 1]], ["zero"] * 2)
            require(close(world.expected_errors(equal).errors[1], [max(1 - F(7, p), F(0))] * 2), "silent rows of one truth")
        for p in (6, 7, 8):
            refused(DomainError, "task 1", world.expected_errors, remembering(p, (4, 4), ({}, {0: 3}), (zero, zero), starts=["zero"] * 2))
    for noise in (HALF, 0.5):
        require(world.expected_errors(remembering(9, (4, 4), ({}, {0: 3}), (noise,) * 2)).errors[1, 0] > 0, "nbar = p - 2")
    grid = remembering(np.array([20, 7, 8, 9]), (4, 4), ({}, {0: 3}), (0.5, 0.5), starts=["zero"] * 2)
    refused(DomainError, "meet p = 7 parameters", world.expected_errors, grid)
    law = world.expected_errors(grid, outside="nan")
    require(np.isnan(law.errors[:, 1, 0]).tolist() == [False, True, True, False], "blank points")
    value = replay_from_zero(20, {0: 3, 1: 4}, [F(1, 4)] * 2, GRAM, 0)
    require(close(law.errors[0, 1, 0], value) and close(law.step_sizes[0, 1], value - GRAM[0][0] + 2 * (F(3, 20) * GRAM[0][0] + F(4, 20) * GRAM[0][1])))


def check_memory_without_law(world) -> None:
    three = ({}, {0: 3}, {0: 2})
    for seq, words in (
        (remembering(20, (5, 4, 3), ({}, {}, {0: 2})), "task 2 stores 2 samples of task 0, of which the estimate before it fits 0"),
        (remembering(20, (5, 4, 3), ({}, {0: 1}, {0: 2})), "task 2 stores 2 samples of task 0, of which the estimate before it fits 1"),
        (remembering(5, (9, 1), ({}, {0: 1})), "task 1 stores 1 samples of task 0, of which the estimate before it fits 0"),
        (remembering(20, (5, 4, 3), ({}, {0: 3}, {0: 3}), starts=("previous", "zero", "previous")), None),
        (remembering(20, (5, 4, 3), three), None),
    ):
        if words:
            refused(NoClosedForm, words, world.expected_errors, seq)
        else:
            world.expected_errors(seq)
    first = Task(3, HALF, {"b": "u", "c": "v"}, ("b", "c"))
    for settings, words in (
        ({"train": ("b",)}, "trains ['b'] of the blocks"), ({"weights": {"b": 2}}, "weighs its blocks unequally"), ({"scale": {"b": HALF}}, "takes a partial step"),
        ({"start": {"b": "zero"}}, "starts some blocks from zero"), ({"start": {"b": "zero", "c": "zero"}}, None), ({"weights": {"b": 2, "c": 2}}, None),
    ):  # fmt: skip
        second = Task(2, HALF, {"b": "x", "c": "y"}, settings.get("train", ("b", "c")), memory={0: 1}, **{k: v for k, v in settings.items() if k != "train"})
        seq = TaskSequence({"b": 2, "c": 4}, [first, second], {"b": [[1, 0], [0, 1]], "c": [[4, 1], [1, 2]]})
        if words:
            refused(NoClosedForm, f"task 1 {words}", world.expected_errors, seq)
            refused(NoClosedForm, f"task 1 {words}", world.expected_errors, replace(seq, tasks=[*seq.tasks, Task(1, 0, {"b": "r", "c": "s"}, ("b", "c"))], gram={"b": np.zeros((3, 3), int), "c": np.zeros((3, 3), int)}))
        else:
            gram = [[5, 1], [1, 3]]
            value = replay_from_zero(6, {0: 1, 1: 2}, [F(1, 4)] * 2, gram, 0)
            if "start" not in settings:
                before = F(1, 2) * 5 + F(3, 2) / 4
                value = replay_nested(6, {0: 1}, (1, 2), [F(1, 4)] * 2, gram, before, 0)
            require(world.expected_errors(seq).errors[1, 0] == value)


def _plain(*arguments, tasks: int = 2, **settings) -> TaskSequence:
    """No truths and unit noise in the first task only: a single atom, so that symbols stay cheap."""
    return remembering(*arguments, noises=(1, *[0] * (tasks - 1)), gram=[[0] * tasks] * tasks, **settings)


def _conditions(world, *arguments, regime="overparameterized", **settings) -> tuple:
    return world.expected_errors(_plain(*arguments, **settings), regime=regime).conditions


n_1, m, p, k = sympy.symbols("n_1 m p k", positive=True, integer=True)


def check_known_gaps(world) -> None:
    require(_conditions(world, m + 9, (m, 4), ({}, {0: m})) == (), "a known gap")
    for rest in (4, 5):
        noisy = remembering(m + rest, (m, 4), ({}, {0: m}), gram=[[1, 0], [0, 0]])
        refused(DomainError, "task 1", world.expected_errors, noisy)
    unrelated = remembering(m + 4, (m, 4, 1), ({}, {0: m}, {}), gram=[[1, 0, 0], [0, 0, 0], [0, 0, 1]])
    refused(DomainError, "task 1", world.expected_errors, unrelated)
    refused(DomainError, "task 1", _conditions, world, m + 3, (m, 4), ({}, {0: m}))
    refused(DomainError, "cannot be overparameterized", _conditions, world, m, (m + 2, k), ({}, {0: m}))


def check_conditions_on_stored_samples(world) -> None:
    third = _conditions(world, 12, (3, 2, 2), ({}, {0: m}, {0: m}), tasks=3)
    require(third == (sympy.Gt(12 - m - 2, 1), m <= 3, sympy.Gt(12 - m, 1)), "conditions are listed once")
    twice = _conditions(world, 20, (3, 3, 1), ({}, {0: 3}, {0: m, 1: m}), tasks=3)
    require(twice.count(m <= 3) == 1, "two tasks, one condition")
    require((n_1 >= 2) in _conditions(world, 12, (n_1, 3), ({}, {0: 2})), "a number out of a symbol")
    maybe = sympy.Symbol("m", nonnegative=True, integer=True)
    require((maybe <= 3) in _conditions(world, 12, (3, 2), ({}, {0: maybe})), "a count that may be zero")
    words, over = "stored samples that the previous estimate still fits", "overparameterized"
    refused(NoClosedForm, words, _conditions, world, p, (n_1, 3), ({}, {0: m}), regime=("underparameterized", over))  # least squares fits none
    refused(NoClosedForm, words, _conditions, world, p, (9, 3, 3), ({}, {0: 2}, {0: m + 5}), tasks=3)


def check_conditions_on_dimensions(world) -> None:
    require(_conditions(world, p, (4, 3), ({}, {0: 2})) == (sympy.Gt(p - 4, 1), sympy.Gt(p - 5, 1), sympy.Gt(p - 2, 1)))
    require(_conditions(world, p, (n_1, 3), ({}, {0: n_1})) == (p - n_1 > 1, p - n_1 - 3 > 1), "everything stored")
    require(_conditions(world, m + k + 9, (m + 2, 3), ({}, {0: m})) == (), "settled by assumptions")
    again = _conditions(world, p, (n_1, 2), ({}, {0: 2}), starts=("previous", "zero"))
    require(again[:2] == (p - n_1 > 1, p - 4 > 1) and not any(c.has(n_1) for c in again[1:]), "no stored sample is missing after a start from zero")
    many = _conditions(world, p, (n_1, 2), ({}, {}), regime=("underparameterized", "overparameterized"))
    require(many == (p - n_1 < -1, p - 2 > 1), "without memory")
    later = _conditions(world, p, (n_1, 2, 1), ({}, {}, {1: 1}), tasks=3, regime=("underparameterized", "overparameterized", "overparameterized"))
    require(later[:2] == (p - n_1 < -1, p - 2 > 1), "regimes")


def check_grids_of_dimensions(world) -> None:
    """n = 15 or 9 on both sides of the dimensions."""
    dims = np.array([12, 40])
    seq = remembering(dims, (3, 15, 1), ({}, {}, {0: 1}), (0.5, 1 / 3, 1.0), starts=("previous", "zero", "zero"))
    law = world.expected_errors(seq)
    for index, size in enumerate(dims.tolist()):
        square = _square({1: 15}, size) if size > 15 else GRAM[1][1] + VARIANCES[1] * F(size, 15 - size - 1)
        share = min(F(15, size), F(1))
        require(close(law._update_magnitude[index, 1], _square({0: 3}, size) + square - 2 * F(3, size) * share * GRAM[0][1]))
    mixed = remembering(np.array([5, 30]), (9, 1), ({}, {0: 1}), (0.5, 0.5))
    refused(NoClosedForm, "of which the estimate before it fits 0", world.expected_errors, mixed)


def check_replay_symbols(world) -> None:
    gram = [[F(2), F(0)], [F(0), F(0)]]
    law = world.expected_errors(remembering(p, (4, 3), ({}, {0: m}), noises=(HALF, 0), gram=gram))
    first = replay_from_zero(10, {0: 4}, [F(1, 4), F(0)], gram, 0)
    require(law.forgetting().subs({m: 2, p: 10}) == replay_nested(10, {0: 2}, (1, 3), [F(1, 4), F(0)], gram, first, 0) - first, "forgetting")
    joint = world.expected_errors(_plain(p, (4, 2), ({}, {0: 4}), starts=("previous", "zero")))
    require(sympy.cancel(joint.update_magnitude[1] - joint.step_sizes[1] + joint.step_sizes[0]) == 0, "Pythagoras")
    fresh = world.expected_errors(_plain(p, (4, 2), ({}, {0: 0}), starts=("previous", "zero")))
    require(sympy.cancel(fresh.update_magnitude[1] - 4 / (p - 5)) == 0, "a fresh start leaves the first estimate behind")
    part = world.expected_errors(_plain(p, (4, 2), ({}, {0: 2}), starts=("previous", "zero")))
    refused(NoClosedForm, "for task 1", lambda: part.update_magnitude)


def check_borders(world) -> None:
    """Steps without fresh rows, thresholds without noise, grids of samples, estimates that are no least-norm fit."""
    def law(*arguments, outside="raise", **settings):
        return world.expected_errors(remembering(*arguments, **settings), outside=outside)

    same, alone, small = [[1, 1, 1]] * 3, np.eye(4).tolist(), (0.1,) * 4
    erased = law(5, (9, 1, 1), ({}, {}, {1: 1}), noises=small, gram=alone, starts=("previous", "previous", "zero"))
    refused(NoClosedForm, "for task 2", lambda: erased.update_magnitude)
    for kind in (F, float):
        silent = law(5, (2, 2), ({}, {0: 2}), noises=(kind(0),) * 2, gram=same)
        require(close(silent.step_sizes[1], silent.errors[0, 0] * kind(2) / kind(3)), "one below the threshold, without noise")
        full = law(4, (2, 2, 0), ({}, {0: 2}, {0: 2, 1: 2}), noises=(kind(0),) * 3, gram=same)
        require(full.errors[2, 0] == 0 and full.step_sizes[2] == 0, "memory that determines everything")
    for size in (7, 8):
        blank = law(size, (4, 4), ({}, {0: 3}), noises=(0.5, 0.5), gram=alone, outside="nan")
        require(np.isnan(blank.errors[1]).all() and np.isnan(blank.step_sizes[1]) and np.isfinite(blank.errors[0]).all(), "blank at the threshold")
    past = law(5, (5, 9, 1, 1), ({}, {}, {}, {2: 1}), noises=small, gram=alone, outside="nan")
    require(np.isfinite(past.errors[1:]).all() and np.isnan(past.errors[0]).all(), "a blank is forgotten with the past")
    idle = law(5, (5, 0, 1, 1), ({}, {}, {}, {2: 1}), noises=small, gram=alone, outside="nan")
    require(np.isnan(idle.errors[:2]).all() and idle._step_sizes[1] == 0, "no samples, no step")
    for own, other in ((np.array([5, 10]), 8), (8, np.array([0, 4]))):
        grid = remembering(40, (own, other), ({}, {0: 3}), noises=(0.1, 0.1), gram=alone)
        for index in (0, 1):
            require(close(world.expected_errors(grid).errors[index], world.expected_errors(grid.at(index)).errors), "a grid of samples")
    partly = law(40, (np.array([5, 10]), 8), ({}, {0: 5}), noises=(0.1, 0.1), gram=alone, starts=("previous", "zero"))
    refused(NoClosedForm, "for task 1", lambda: partly.update_magnitude)


def check_fresh_memory(world) -> None:
    """Memory of a task that was only drawn is new data, once; written out for four tasks on p = 14 parameters."""
    p_, counts, sigma = 14, (3, 2, 4, 1), [F(1, 2), F(1, 3), F(1), F(1, 4)]
    vectors = [*VECTORS, [2, 0, 0, 1, 0, 0]]
    square = [sum(x * x for x in v) for v in vectors]
    apart = [[sum((x - y) ** 2 for x, y in zip(u, v)) for v in vectors] for u in vectors]
    gram = [[F(sum(x * y for x, y in zip(u, v))) for v in vectors] for u in vectors]

    def sequence(last=None, **second) -> TaskSequence:
        memory, start = last or ({1: 2}, "previous")
        extra = [{}, {"scale": 0, **second}, {"memory": {1: 2}}, {"memory": memory, "start": start}]
        tasks = [Task(counts[t], sigma[t], {"a": f"w_{t}"}, ("a",), **extra[t]) for t in range(4)]
        return TaskSequence({"a": p_}, tasks, {"a": gram})

    def inside(rows: dict[int, int], to: list) -> F:
        pairs = sum(n * rows[b] * apart[a][b] for a, n in rows.items() for b in rows if a < b)
        spread = sum(n * sigma[a] ** 2 for a, n in rows.items()) + F(pairs, p_)
        return sum(F(n, p_) * to[a] for a, n in rows.items()) + spread / (p_ - sum(rows.values()) - 1)

    first = [inside({0: 3}, apart[i]) + (1 - F(3, p_)) * square[i] for i in range(4)]
    both = {1: 2, 2: 4}
    second = [inside(both, apart[i]) + (1 - F(6, p_)) * first[i] for i in range(4)]
    third = [inside({1: 2, 3: 1}, apart[i]) + (1 - F(1, p_ - 2)) * (second[i] - inside({1: 2}, apart[i])) for i in range(4)]
    law = world.expected_errors(sequence())
    require(law.errors.tolist() == [first, first, second, third], "errors with memory drawn afresh")
    require(law.step_sizes[1] == law.update_magnitude[1] == 0 and law.step_sizes[2] == inside(both, first), "its steps")
    again = world.expected_errors(sequence(({1: 2}, "zero")))
    require(again.errors[3, 0] == inside({1: 2, 3: 1}, apart[0]) + (1 - F(3, p_)) * square[0], "and from zero")
    refused(NoClosedForm, "task 1 takes a partial step", world.expected_errors, sequence(start="zero"))
    refused(NoClosedForm, "task 1 takes a partial step", world.expected_errors, sequence(memory={0: 1}))
    refused(NoClosedForm, "task 1 takes a partial step", world.expected_errors, sequence(scale=F(1, 2)))
    tasks = sequence().tasks
    mixed = replace(sequence(), tasks=(*tasks[:2], replace(tasks[2], memory={0: 1, 1: 2}), tasks[3]))
    refused(NoClosedForm, "samples of task 1, of which the estimate before it fits 0", world.expected_errors, mixed)


def _integrated(p: int, rows: dict[int, int], to: list[list[F]]) -> list[F]:
    """Least-squares errors by integration, ``to`` every point whose squared distances to the truths are given."""
    owners = [s for s, n in rows.items() for _ in range(n)]
    return [least_squares_error(p, owners, VARIANCES, lambda s, o, x=x: (x[s] + x[o] - DISTANCES[s][o]) / 2) for x in to]


POOLED = ((1, (4, 2, 0), ({}, {0: 3}, {0: 2, 1: 1})), (2, (4, 2, 2), ({}, {0: 3}, {0: 1, 1: 1})), (3, (1, 4, 4), ({}, {0: 1}, {0: 1, 1: 1})), (3, (6, 5, 2), ({}, {}, {0: 1, 1: 3})))


@cache
def pooled() -> tuple[list[F], ...]:
    """Errors of the last of three tasks to every truth, and E |theta|^2."""
    to = [*DISTANCES, [GRAM[i][i] for i in range(3)]]
    return tuple(_integrated(p_, {**memories[2], 2: samples[2]}, to) for p_, samples, memories in POOLED)


def check_pooled(world) -> None:
    """More rows than parameters: the errors whatever came before, the size from zero; what comes later."""
    for (p_, samples, memories), right in zip(POOLED, pooled(), strict=True):
        for starts in (["previous"] * 3, ["zero"] * 3):
            for kind in (lambda seq: seq, floating):
                law = world.expected_errors(kind(remembering(p_, samples, memories, starts=starts)))
                require(close(law.errors[2], right[:3]), f"errors of {p_} parameters")
                if starts[2] == "zero":
                    require(close(law.step_sizes[2], right[3]), "size")
                refused(NoClosedForm, ", which fits stored samples but only part", lambda law=law: law.update_magnitude)
        refused(NoClosedForm, ", which fits stored samples but only part", lambda: world.expected_errors(remembering(p_, samples, memories)).step_sizes)
    later = remembering(3, (6, 4, 1, 0), ({}, {0: 3}, {}, {2: 1}), (*NOISES, F(1)), _four())
    law, before = world.expected_errors(later), replay_pooled(3, {0: 3, 1: 4}, VARIANCES, GRAM, 0)
    require(law.errors[2, 0] == F(1, 3) * (DISTANCES[2][0] + VARIANCES[2] / (3 - 2) * 3) + F(2, 3) * before, "fresh rows")
    words = "task 2 stores 1 samples of task 0, of which the estimate before it fits 0"
    refused(NoClosedForm, words, world.expected_errors, remembering(9, (9, 12, 1), ({}, {0: 3}, {0: 1}), (F(0), *NOISES[1:]), [[F(0)] * 3] * 3))


def check_pooled_updates(world) -> None:
    """Where theta_{t-1} is the fit of some of the rows alone: interpolating, or least squares itself."""
    for p_, samples, starts in ((9, (2, 3, 8), "ppp"), (9, (2, 3, 8), "zzz"), (4, (9, 2, 3), "ppp"), (4, (2, 5, 3), "pzp"), (3, (1, 4, 4), "ppz"), (1, (3, 2, 1), "ppp")):
        memories = ({}, {0: samples[0]}, {0: samples[0], 1: samples[1]})
        seq = remembering(p_, samples, memories, starts=[{"p": "previous", "z": "zero"}[c] for c in starts])
        rows = [{**memories[t], t: samples[t]} for t in range(3)]
        square = [_pooled_square(r, p_) if sum(r.values()) > p_ else _square(r, p_) for r in rows]
        for made in (world.expected_errors(seq), world.expected_errors(floating(seq))):
            for t in (1, 2):
                over = sum(rows[t].values()) < p_
                product = square[t - 1] if over else nested_product(p_, rows[t], rows[t - 1], VARIANCES, GRAM)
                require(close(made.update_magnitude[t], square[t] + square[t - 1] - 2 * product), f"update {t} of {p_} parameters")
                require(close(made.step_sizes[t], square[t]) if starts[t] == "z" else made.step_sizes[t] == made.update_magnitude[t], "step")
    again = world.expected_errors(remembering(4, (9, 2, 0), ({}, {0: 9}, {0: 9, 1: 2})))
    require(again.update_magnitude[2] == 0, "the same rows once more")
    part = world.expected_errors(remembering(3, (6, 4, 3), ({}, {0: 2}, {0: 2, 1: 4})))
    right = nested_product(3, {0: 2, 1: 4, 2: 3}, {0: 2, 1: 4}, VARIANCES, GRAM)
    squares = [_pooled_square(rows, 3) for rows in ({0: 2, 1: 4}, {0: 2, 1: 4, 2: 3})]
    require(part._unknown_updates == (1,) and part._update_magnitude[2] == sum(squares) - 2 * right, "least squares forgets what it was not fitted to")
    erased = world.expected_errors(remembering(4, (2, 9, 3), ({}, {}, {1: 9})))
    squares = [_pooled_square(rows, 4) for rows in ({1: 9, 2: 3}, {1: 9})]
    require(erased.update_magnitude[2] == sum(squares) - 2 * nested_product(4, {1: 9, 2: 3}, {1: 9}, VARIANCES, GRAM), "as many fresh samples do")
    drawn = remembering(2, (4, 2), ({}, {0: 3}), starts=["previous", "zero"])
    drawn = replace(drawn, tasks=(replace(drawn.tasks[0], scale=0), drawn.tasks[1]))
    require(world.expected_errors(drawn).update_magnitude[1] == _pooled_square({0: 3, 1: 2}, 2), "from nothing")
    same = [[F(1)] * 3] * 3
    for p_, last, kind in ((3, 2, F), (4, 1, F), (4, 0, F), (3, 2, float), (4, 1, float), (4, 0, float)):
        silent = world.expected_errors(remembering(p_, (3, 1, last), ({}, {0: 3}, {0: 3, 1: 1}), (kind(0),) * 3, same))
        require(silent.errors[2, 0] == 0 and close(silent.update_magnitude[1:], [max(1 - F(3, p_), 0), 0]), "all found at the threshold")
    noise = np.array([0.0, 0.5])
    partly = world.expected_errors(remembering(4, (3, 1, 1), ({}, {0: 3}, {0: 3, 1: 1}), (noise,) * 3, same), outside="nan")
    require(close(partly.update_magnitude[:, 2], [0, np.nan]), "without noise only")
    require(world.expected_errors(remembering(1, (1, 0), ({}, {0: 1}), (F(0),) * 2, same, ["zero"] * 2)).errors[1, 0] == 0, "one row, one parameter")


def check_pooled_grids_and_symbols(world) -> None:
    for grid, starts in (([3, 9, 14, 40], ["zero"] * 3), ([8, 14, 40], ["previous"] * 3)):
        seq = remembering(np.array(grid), (1, 4, 8), ({}, {0: 1}, {0: 1, 1: 4}), (0.0, 0.5, 0.5), np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]), starts)
        law = world.expected_errors(seq, outside="nan")
        for index in range(len(grid)):
            point = world.expected_errors(seq.at(index), outside="nan")
            for part in ("errors", "step_sizes", "update_magnitude"):
                require(close(getattr(law, part)[index], getattr(point, part)), f"{part} at point {index}")
    for memories, starts, unknown in (
        (({}, {}, {1: 9}), "ppz", (2,)), (({}, {}, {1: 2}, {1: 2, 2: 6}), "pppz", (2, 3)), (({}, {0: 1}), "pp", (1,)),
    ):  # fmt: skip
        samples = {3: (2, 9, 3), 4: (2, 2, 6, 1), 2: (2, 7)}[len(memories)]
        names = [{"p": "previous", "z": "zero"}[c] for c in starts]
        mixed = remembering(np.array([5, 40]), samples, memories, (0.5,) * 4, np.eye(4), names)
        require(world.expected_errors(mixed)._unknown_updates == unknown, "not known on both sides")
    mixed = remembering(np.array([5, 40]), (2, 6, 1), ({}, {0: 2}, {1: 1}), (0.5,) * 3, np.eye(3))
    refused(NoClosedForm, "of which the estimate before it fits 0", world.expected_errors, mixed)
    under = ("overparameterized", "underparameterized")
    law = world.expected_errors(remembering(p, (2, n_1), ({}, {0: 2}), (F(1, 2), F(0)), [[1, 0], [0, 1]]), regime=under)
    point = world.expected_errors(remembering(5, (2, 9), ({}, {0: 2}), (F(1, 2), F(0)), [[1, 0], [0, 1]]))
    require(law.conditions == (p - 2 > 1, p - n_1 - 2 < -1), "conditions")
    values = {p: 5, n_1: 9}
    require([e.subs(values) for e in law.errors[1]] == point.errors[1].tolist() and law.update_magnitude[1].subs(values) == point.update_magnitude[1], "symbols")
    law = world.expected_errors(_plain(p, (n_1, 2), ({}, {0: n_1})), regime="underparameterized")
    require(law.update_magnitude[1].subs(values) == world.expected_errors(_plain(5, (9, 2), ({}, {0: 9}))).update_magnitude[1], "more rows twice")


def check_untrained_blocks(world) -> None:
    """What no task trains is noise for good, and a part of the errors: 9/25 + 16/25 = 1."""
    still = [[F(16, 25), F(1, 5), 0], [F(1, 5), F(16, 25), 0], [0, 0, 0]]
    for p_, samples, memories in ((20, (5, 3, 4), ({}, {0: 3}, {0: 2, 1: 3})), (4, (9, 3, 4), ({}, {0: 3}, {0: 2, 1: 3}))):
        tasks = [Task(n, F(3, 5), {"a": f"w_{t}", **({"b": f"v_{t}"} if t < 2 else {})}, ("a",), memory=memory) for t, (n, memory) in enumerate(zip(samples, memories))]
        seq = TaskSequence({"a": p_, "b": 2}, tasks, {"a": GRAM, "b": still})
        plain = world.expected_errors(remembering(p_, samples, memories, noises=(F(1), F(1), F(3, 5))))
        for made in (world.expected_errors(seq), world.expected_errors(floating(seq))):
            require(close(made.errors, plain.errors + np.array([F(16, 25), F(16, 25), F(0)])), "errors")
            require(close(made._step_sizes, plain._step_sizes) and close(made.effective_noise, plain.effective_noise), "steps and noise")


REPLAY_CHECKS = (
    check_nested_memory, check_memory_from_zero, check_pooled_updates, check_pooled, check_untrained_blocks, check_updates_from_zero, check_replay_thresholds, check_memory_without_law,
    check_grids_of_dimensions, check_known_gaps, check_conditions_on_stored_samples, check_conditions_on_dimensions, check_replay_symbols, check_borders, check_fresh_memory,
    check_pooled_grids_and_symbols,
)  # fmt: skip
