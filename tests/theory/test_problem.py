"""Experiments as data: equality and hashing, grids, what is accepted near the border, what is refused in which words, lazy imports."""

import pickle
import re
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
import sympy
from scaffold import assert_refused, refusals

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


def test_the_interpolation_threshold_is_no_input_error():
    assert sequence(tasks=[task(samples=3)]).trained_dimension(0) == 3


def test_zero_samples_zero_noise_and_zero_truth_are_experiments():
    seq = sequence(tasks=[task(samples=0, noise=0, truth={"a": [0, 0, 0]})])
    assert seq.tasks[0].samples == 0 and seq.tasks[0].noise == 0


def test_all_samples_of_an_earlier_task_may_be_stored():
    assert sequence(tasks=[task(), task(memory={0: 2})]).tasks[1].memory == {0: 2}


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


# ---------------------------------------------------------------- what is refused, and with which words


NAMED = {"a": "w"}
M = sympy.Symbol("m", positive=True, integer=True)

BAD_TASKS = {
    "samples negative": (lambda: task(samples=-1), "samples is -1; it must be at least 0"),
    "samples fractional": (lambda: task(samples=2.5), "samples is 2.5; give a whole number"),
    "samples a boolean": (lambda: task(samples=True), "samples is True; give a number"),
    "samples text": (lambda: task(samples="ten"), "samples is 'ten' of type str; give a number"),
    "samples certainly negative": (lambda: task(samples=sympy.Symbol("n", negative=True, integer=True)), "samples is n; it must be at least 0"),
    "samples certainly not whole": (lambda: task(samples=sympy.Symbol("n", integer=False)), "samples is n; give a whole number"),
    "samples a grid with a negative point": (lambda: task(samples=np.array([3, -1])), "at least 0"),
    "samples an empty grid": (lambda: task(samples=np.array([], dtype=int)), "a grid holds at least one real number"),
    "noise negative": (lambda: task(noise=-0.1), "noise is -0.1; it is a standard deviation, so at least 0"),
    "noise NaN": (lambda: task(noise=float("nan")), "noise is nan; give a finite number"),
    "noise complex": (lambda: task(noise=1j), "of type complex"),
    "noise an imaginary symbol": (lambda: task(noise=sympy.Symbol("s", imaginary=True)), "give a finite real expression"),
    "noise symbolic NaN": (lambda: task(noise=sympy.nan), "noise is nan; give a finite real expression"),
    "noise symbolic infinity": (lambda: task(noise=sympy.oo), "noise is oo; give a finite real expression"),
    "noise certainly negative": (lambda: task(noise=sympy.Symbol("s", negative=True)), "at least 0"),
    "noise a grid with NaN": (lambda: task(noise=np.array([0.1, np.nan, np.nan])), "noise holds nan at 2 grid points"),
    "noise a grid below zero": (lambda: task(noise=np.array([0.1, -0.1])), "at least 0"),
    "noise a list": (lambda: task(noise=[0.1, 0.2]), "of type list; give a number, a symbol or a numpy array"),
    "noise a complex array": (lambda: task(noise=np.array([1j])), "array of complex128"),
    "truth missing": (lambda: task(truth={}), "give a mapping from block name"),
    "truth no mapping": (lambda: Task(2, 0.5, [1.0, 2.0], ("a",)), "truth is [1.0, 2.0]; give a mapping"),
    "truth a number": (lambda: task(truth={"a": 3}), "the truth of block 'a' is 3; give a vector, a name (with gram=...) or Isotropic(norm)"),
    "truth a matrix": (lambda: task(truth={"a": np.eye(3)}), "has shape (3, 3); give a vector"),
    "truth ragged": (lambda: task(truth={"a": [[1, 2], [3]]}), "the truth of block 'a' is ragged; give a vector"),
    "truth NaN": (lambda: task(truth={"a": [1.0, np.nan, 0.0]}), "the truth of block 'a' holds NaN or infinity"),
    "truth with an infinite fraction": (lambda: task(truth={"a": [HALF, float("inf"), 0]}), "an entry of the truth of block 'a' is inf"),
    "truth of words": (lambda: task(truth={"a": ["x", "y", "z"]}), "an entry of the truth of block 'a' is 'x'"),
    "truth complex": (lambda: task(truth={"a": np.array([1j, 0, 0])}), "of type complex"),
    "block name a number": (lambda: Task(2, 0.5, {3: [1.0]}, (3,)), "a block is called 3; block names are non-empty strings"),
    "block name empty": (lambda: Task(2, 0.5, {"": [1.0]}, ("",)), "a block is called ''"),
    "norm negative": (lambda: Isotropic(-1), "the norm of an Isotropic truth is -1; a length is at least 0"),
    "train a string": (lambda: task(train="a"), "train is 'a'; give a tuple of block names, such as ('a',)"),
    "train empty": (lambda: task(train=()), "name at least one block, each once"),
    "train twice": (lambda: task(train=("a", "a")), "name at least one block, each once"),
    "train a block that is not used": (lambda: task(train=("a", "b")), "the task trains block 'b' but does not use it (it uses ['a'])"),
    "start unknown": (lambda: task(start="last"), "start is 'last'; choose 'previous' or 'zero'"),
    "start unknown in a mapping": (lambda: task(start={"a": "scratch"}), "start is 'scratch'; choose"),
    "start of a block that is not trained": (
        lambda: task(truth={"a": "w", "b": "v"}, start={"b": "zero"}), "start names block 'b', which is not trained (trained: ['a'])"
    ),
    "scale NaN": (lambda: task(scale=float("nan")), "scale is nan"),
    "scale of a block infinite": (lambda: task(scale={"a": float("inf")}), "scale of block 'a' is inf"),
    "scale of a block that is not trained": (lambda: task(scale={"b": 1}), "scale names block 'b', which is not trained"),
    "weights a number": (lambda: task(weights=2.0), "weights is 2.0; give a mapping from trained block to a positive number"),
    "weight zero": (lambda: task(weights={"a": 0}), "the weight of block 'a' is 0; weights are positive"),
    "weight zero in a grid": (lambda: task(weights={"a": np.array([1.0, 0.0])}), "weights are positive"),
    "weight of a block that is not trained": (lambda: task(weights={"b": 2}), "weights names block 'b', which is not trained"),
    "memory a number": (lambda: task(memory=3), "memory is 3; give a mapping from an earlier task"),
    "memory negative": (lambda: task(memory={0: -1}), "memory of task 0 is -1; it must be at least 0"),
    "memory of a task before the first": (lambda: task(memory={-1: 1}), "a task in memory is -1; it must be at least 0"),
    "memory a grid": (lambda: task(memory={0: np.array([1, 2])}), "memory of task 0 is a grid; build one TaskSequence for each"),
}  # fmt: skip

BAD_SEQUENCES = {
    "no blocks": (lambda: sequence(blocks={}), "blocks is {}; give a mapping"),
    "blocks a list": (lambda: sequence(blocks=[3]), "blocks is [3]; give a mapping"),
    "block name": (lambda: sequence(blocks={1: 3}), "a block is called 1"),
    "dimension zero": (lambda: sequence(blocks={"a": 0}), "the dimension of block 'a' is 0; it must be at least 1"),
    "no tasks": (lambda: sequence(tasks=[]), "tasks holds 0 objects of types []; give at least one Task"),
    "tasks a single task": (lambda: sequence(tasks=task()), "tasks is a Task; give a list of Task"),
    "a task of another type": (lambda: sequence(tasks=[task(), "task"]), "tasks holds 2 objects of types ['Task', 'str']"),
    "unknown block": (lambda: sequence(tasks=[task(truth={"b": [1.0]}, train=("b",))]), "task 0 uses block 'b', which is not among the blocks ['a']"),
    "truth too short": (lambda: sequence(tasks=[task(), task(truth={"a": [1.0, 2.0]})]), "task 1: the truth of block 'a' has 2 entries, the block has dimension 3"),
    "vector for a grid of dimensions": (lambda: sequence(blocks={"a": np.array([3, 4])}), "has 3 entries, the block has dimension"),
    "named truth without gram": (lambda: sequence(tasks=[task(truth=NAMED)]), "task 0 names the truth 'w' of block 'a'; give gram={'a': ...}"),
    "vector beside gram": (lambda: sequence(gram={"a": [[1]]}), "task 0 gives the truth of block 'a' itself, yet gram has that block too"),
    "Isotropic beside gram": (lambda: sequence(tasks=[task(truth={"a": Isotropic(1)})], gram={"a": [[1]]}), "yet gram has that block too"),
    "gram of an unknown block": (lambda: sequence(gram={"b": [[1]]}), "gram has block 'b', which is not among the blocks ['a']"),
    "gram of another size": (lambda: two(np.ones((3, 3))), "gram['a'] has shape (3, 3); with 2 tasks it must be (2, 2)"),
    "gram a number": (lambda: two(5), "gram['a'] is 5; give 2 rows of 2 inner products"),
    "gram no mapping": (lambda: sequence(tasks=[task(truth=NAMED)], gram=[[1]]), "gram is a list; give a mapping"),
    "gram ragged": (lambda: two([[1, 1], [1]]), "with 2 tasks it must be (2, 2)"),
    "gram NaN": (lambda: two(np.array([[1.0, np.nan], [np.nan, 1.0]])), "gram['a'] holds NaN or infinity; give finite inner products"),
    "gram with text": (lambda: two([[1, "x"], ["x", 1]]), "an entry of gram['a'] is 'x'"),
    "gram negative length": (lambda: two([[1, 0], [0, -2]]), "gram['a'][1, 1] is -2; a squared length is at least 0"),
    "gram negative length at a grid point": (lambda: two(np.array([[[1.0, 0], [0, 1.0]], [[1.0, 0], [0, -1.0]]])), "a squared length is at least 0"),
    "gram not symmetric": (lambda: two([[1, 0.5], [0.25, 1]]), "gram['a'] is not symmetric: it differs from its transpose at task 1, row of task 0"),
    "gram not symmetric, symbols": (
        lambda: two([[1, sympy.Symbol("x")], [sympy.Symbol("x") + 1, 1]]), "gram['a'] is not symmetric"
    ),
    "one name, two rows": (
        lambda: TaskSequence({"a": 3}, [task(truth=NAMED), task(truth=NAMED)], {"a": [[1, 0], [0, 1]]}),
        "gram['a']: tasks 0 and 1 share the truth 'w', so their rows must be equal; they differ at task 0",
    ),
    "memory of the future": (lambda: sequence(tasks=[task(), task(memory={1: 1})]), "task 1 has memory of task 1; memory holds earlier tasks only"),
    "memory above the samples": (lambda: sequence(tasks=[task(), task(memory={0: 3})]), "task 1 stores 3 samples of task 0, which has 2; store at most that many"),
    "memory above symbolic samples": (lambda: sequence(tasks=[task(samples=M), task(memory={0: M + 1})]), "task 1 stores m + 1 samples of task 0, which has m"),
    "memory above a grid of samples": (lambda: sequence(tasks=[task(samples=np.array([4, 2])), task(memory={0: 3})]), "store at most that many"),
    "grids that do not broadcast": (
        lambda: sequence(tasks=[task(samples=np.array([1, 2]), noise=np.array([0.1, 0.2, 0.3]))]), "grids of shapes [(2,), (3,)] do not broadcast"
    ),
}  # fmt: skip

ALL_BAD = {**BAD_TASKS, **BAD_SEQUENCES}
test_refused_with_value_reason_and_remedy = refusals({name: (build, re.escape(words)) for name, (build, words) in ALL_BAD.items()})


def test_entries_beyond_64_bits_are_kept():
    assert task(truth={"a": np.array([2**63 + 5], dtype=np.uint64)}).truth["a"].values[0] == 2**63 + 5
    assert two([[10**30, 0], [0, 10**30]]).gram["a"].values[0, 0] == 10**30
