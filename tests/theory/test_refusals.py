"""What an experiment refuses, and with which words: the value, the reason, the remedy."""

import re

import numpy as np
import sympy
from scaffold import refusals
from test_problem import HALF, sequence, task, two

from theory import Isotropic, Task, TaskSequence

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
