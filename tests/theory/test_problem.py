"""Experiments as data: equality and hashing, grids, what is accepted near the border, lazy imports."""

import pickle
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
import sympy
from scaffold import assert_refused

import theory
from theory import Isotropic, Task, TaskSequence, expected_errors
from theory.values import FrozenArray, FrozenMapping

HALF = Fraction(1, 2)
ONES = np.ones((2, 2))


def task(samples=2, noise=0.5, truth=None, train=("a",), **settings) -> Task:
    return Task(samples, noise, {"a": [1.0, 0.0, 0.0]} if truth is None else truth, train, **settings)


def sequence(blocks=None, tasks=None, gram=None) -> TaskSequence:
    return TaskSequence({"a": 3} if blocks is None else blocks, [task()] if tasks is None else tasks, gram)


def two(gram, **blocks) -> TaskSequence:
    return TaskSequence({"a": 3, **blocks}, [task(truth={"a": "v"}), task(truth={"a": "w"})], {"a": gram})


# ---------------------------------------------------------------- accepted, although near the border


@pytest.mark.parametrize("two", [2.0, np.float64(2), Fraction(2), np.int32(2), sympy.Integer(2), sympy.Float(2)])
def test_whole_numbers_may_be_written_as_floats(two):
    made = sequence(blocks={"a": 3 * two / 2}, tasks=[task(samples=two), task(memory={0: two})])
    assert made == sequence(tasks=[task(samples=2), task(memory={0: 2})]) and type(made.tasks[0].samples) is type(made.blocks["a"]) is int
    assert task(samples=np.array([3.0, 1.0])) == task(samples=np.array([3, 1]))


def test_rows_of_gram_for_tasks_that_do_not_use_the_block_are_ignored():
    first, second = task(1, truth={"a": "v"}), task(1, truth={"b": "w"}, train=("b",))
    seq = TaskSequence({"a": 3, "b": 3}, [first, second], {"a": [[2, 7], [8, -1]], "b": [[-1, 3], [4, 2]]})
    assert expected_errors(seq).errors[1, 0] == expected_errors(seq).errors[0, 0]


def test_symbols_that_might_be_equal_are_accepted_as_symmetric():
    x, y = sympy.symbols("x y")
    assert two([[1, x * (y + 1)], [x * y + x, 1]]).gram["a"].shape == (2, 2)


def test_gram_symmetric_up_to_rounding():
    assert two(np.array([[1.0, 0.1 + 0.2], [0.3, 1.0]])).gram["a"].shape == (2, 2)


def test_numbers_keep_their_kind():
    made = task(samples=np.int64(4), noise=sympy.Rational(1, 3), scale=1.0)
    assert type(made.samples) is int and made.noise == Fraction(1, 3) and type(made.noise) is Fraction and type(made.scale) is int
    assert type(task(noise=sympy.Float(0.25)).noise) is float and type(task(noise=np.array(0.25)).noise) is float
    assert type(task(noise=sympy.Integer(2)).noise) is int


# ---------------------------------------------------------------- values: frozen, equal, hashable


def test_equal_experiments_are_equal_and_hash_alike():
    def build(entry):
        return sequence(tasks=[task(truth={"a": [entry, 0.0, 0.0]}, scale={"a": HALF}, weights={"a": 2}, start={"a": "zero"}), task(memory={0: 1})])

    assert build(1.0) == build(1.0) and hash(build(1.0)) == hash(build(1.0)) and len({build(1.0), build(1.0), build(2.0)}) == 2
    assert build(1.0) != build(2.0)
    assert sequence(tasks=[task()]) != sequence(tasks=[task(), task()])
    assert two(ONES) == two(ONES) and two(ONES) != two(2 * ONES) and hash(two(ONES)) == hash(two(ONES.copy()))


@pytest.mark.parametrize(
    "change", [{"samples": 3}, {"noise": 0.4}, {"truth": {"a": [0.0, 1.0, 0.0]}}, {"start": "zero"}, {"scale": 0.5}, {"weights": {"a": 2}}, {"memory": {0: 1}}]
)
def test_every_field_counts_for_equality(change):
    assert task(**change) != task()


def test_experiments_cannot_be_changed():
    seq = sequence()
    with pytest.raises(FrozenInstanceError):
        seq.tasks = ()
    with pytest.raises(TypeError):
        seq.blocks["a"] = 5
    with pytest.raises(ValueError):
        seq.tasks[0].truth["a"].values[0] = 3.0


def test_the_callers_array_is_copied():
    vector = np.array([1.0, 0.0, 0.0])
    made = task(truth={"a": vector})
    vector[0] = 5.0
    assert made.truth["a"].values[0] == 1.0


def test_experiments_survive_pickling():
    seq = sequence(tasks=[task(samples=np.array([1, 2])), task(scale={"a": HALF}, memory={0: 1}, truth={"a": Isotropic(2, "v")})])
    assert pickle.loads(pickle.dumps(seq)) == seq
    symbolic = two([[sympy.Symbol("x"), 0], [0, 1]])
    assert pickle.loads(pickle.dumps(symbolic)) == symbolic


def test_frozen_values():
    array = FrozenArray([1, 2])
    assert array == FrozenArray(np.array([1, 2])) and array != FrozenArray([1, 3]) and array != FrozenArray([1.0, 2.0]) and array != [1, 2]
    assert len(array) == 2 and np.asarray(array) is array.values and np.asarray(array, dtype=float).dtype == float
    assert repr(array) == "array([1, 2])" and repr(FrozenArray(np.ones((4, 4)))) == "array(shape=(4, 4))"
    copy = np.array(array, copy=True)
    copy[0] = 9
    assert array.values[0] == 1
    mapping = FrozenMapping({"b": 1, "a": 2})
    assert list(mapping) == ["b", "a"] and mapping == {"a": 2, "b": 1} and hash(mapping) == hash(FrozenMapping({"b": 1, "a": 2}))
    assert mapping == FrozenMapping({"b": 1, "a": 2}) != FrozenMapping({"a": 2, "b": 1})  # blocks draw their data in order


# ---------------------------------------------------------------- reading an experiment


def test_used_users_and_trained_dimension():
    seq = TaskSequence(
        {"a": 3, "b": 4},
        [Task(1, 0, {"b": "v", "a": "u"}, ("b", "a")), Task(1, 0, {"b": "w"}, ("b",)), Task(1, 0, {"a": "x", "b": "w"}, ("a",))],
        {"a": np.zeros((3, 3)), "b": np.zeros((3, 3))},
    )
    assert len(seq) == 3 and seq.used(0) == ("a", "b") and seq.used(1) == ("b",)
    assert seq.users("a") == (0, 2) and seq.users("b") == (0, 1, 2)
    assert [seq.trained_dimension(t) for t in range(3)] == [7, 4, 3]


def test_settings_of_a_task():
    made = Task(1, 0, {"a": "u", "b": "v"}, ("a", "b"), start={"b": "zero"}, scale={"a": HALF}, weights={"a": 2})
    assert (made.scale_of("a"), made.scale_of("b")) == (HALF, 1) and not made.takes_full_step
    assert (made.starts_from_zero("a"), made.starts_from_zero("b")) == (False, True)
    assert (made.weight_of("a"), made.weight_of("b")) == (2, 1) and not made.equally_weighted
    plain = Task(1, 0, {"a": "u", "b": "v"}, ("a",), start="zero", weights={"a": 2})
    assert plain.equally_weighted and plain.takes_full_step and plain.starts_from_zero("a") and not plain.starts_from_zero("b")
    assert Task(1, 0, {"a": "u"}, ("a",)).weight_of("a") == 1


def test_grids_and_the_experiment_at_one_point():
    d, n, sigma = np.array([[4], [6]]), np.array([1, 2, 9]), np.array([0.1, 0.2, 0.3])
    gram = np.arange(1.0, 7.0).reshape(2, 3)[..., None, None] * np.ones((2, 2))
    seq = TaskSequence(
        {"a": d, "b": 2},
        [
            Task(n, sigma, {"a": "u", "b": Isotropic(sigma, "v")}, ("a", "b"), scale={"a": sigma}),
            Task(3, 0.5, {"a": "u", "b": Isotropic(2, "v")}, ("a",), weights={"a": n}),
        ],
        {"a": gram},
    )
    assert seq.grid_shape == (2, 3)
    point = seq.at((1, 2))
    assert point.grid_shape == () and point.blocks == {"a": 6, "b": 2}
    first, second = point.tasks
    assert (first.samples, first.noise, first.scale, first.truth["b"]) == (9, 0.3, {"a": 0.3}, Isotropic(0.3, "v"))
    assert second.weights == {"a": 9} and second.noise == 0.5
    assert np.array_equal(point.gram["a"].values, 6 * np.ones((2, 2)))
    assert type(first.samples) is int and type(first.noise) is float


def test_entries_of_a_gram_matrix_may_be_grids():
    length = np.array([1.0, 2.0])
    seq = two([[length, 0], [0, 3]])
    assert seq.grid_shape == (2,) and np.array_equal(seq.at(1).gram["a"].values, [[2.0, 0], [0, 3]])


def test_grid_points_of_trained_dimensions():
    seq = TaskSequence({"a": np.array([3, 5]), "b": 2}, [Task(1, 0, {"a": "u", "b": "v"}, ("a", "b"))], {"a": [[1]], "b": [[1]]})
    assert np.array_equal(seq.trained_dimension(0).values, [5, 7])


# ---------------------------------------------------------------- lazy imports


def test_the_package_lists_and_finds_its_names():
    assert {"Task", "TaskSequence", "expected_errors", "moment_orders", "formulas", "InputError"} <= set(dir(theory))
    assert all(getattr(theory, name) is not None for name in theory.__all__)
    assert theory.formulas.FORMULAS and theory.Formula.__name__ == "Formula"
    assert_refused(lambda: theory.expected_error, "has no attribute 'expected_error'; it offers .*expected_errors", AttributeError)
