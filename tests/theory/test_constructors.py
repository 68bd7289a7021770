"""Task sequences of the literature: which blocks are used and trained, how truths are handed on, what is refused."""

import re
from fractions import Fraction

import numpy as np
import sympy
from scaffold import refusals

from theory import Isotropic, expanding, expected_errors, frozen, initialized, one_block, one_head_per_task, trainable_fraction

HALF = Fraction(1, 2)
ONES = np.ones((2, 2))

GRAM = {"shared": [[2, 1], [1, 3]], "specific": [[1, HALF], [HALF, 1]]}
SETTING = {"blocks": {"shared": 4, "specific": 6}, "samples": (3, 2), "noise": (HALF, Fraction(1, 3)), "gram": GRAM}


def test_initialized_trains_everything_in_both_readings():
    seq, again = initialized(**SETTING), initialized(**SETTING, start="zero")
    assert [t.train for t in seq.tasks] == [("shared", "specific")] * 2 and [t.start for t in seq.tasks] == ["previous"] * 2
    assert [t.start for t in again.tasks] == ["previous", "zero"] and [t.noise for t in seq.tasks] == [HALF, Fraction(1, 3)]
    assert [t.samples for t in seq.tasks] == [3, 2] and again.tasks[0] == seq.tasks[0]


def test_frozen_keeps_the_shared_block():
    assert [t.train for t in frozen(**SETTING).tasks] == [("shared", "specific"), ("specific",)]
    assert [t.train for t in frozen(**SETTING, keep=("specific",)).tasks] == [("shared", "specific"), ("shared",)]


def test_one_noise_for_all_tasks():
    assert [t.noise for t in initialized(**{**SETTING, "noise": 0.5}).tasks] == [0.5, 0.5]


def test_one_block_is_initialized_training_of_one_block():
    expected = initialized({"shared": 4}, (3, 2), 0, gram={"shared": GRAM["shared"]})
    assert one_block(4, (3, 2), 0, gram=GRAM["shared"]) == expected
    vectors = [[1, 0, 0, 0], [0, 1, 0, 0]]
    assert one_block(4, (3, 2), 0, truth=vectors, start="zero") == initialized({"shared": 4}, (3, 2), 0, {"shared": vectors}, start="zero")


def test_trainable_fraction_runs_from_frozen_to_initialized():
    assert trainable_fraction(0, **SETTING) == frozen(**SETTING)
    assert trainable_fraction(4, **SETTING) == initialized(**SETTING)
    seq = trainable_fraction(1, **SETTING)
    assert seq.blocks == {"shared_kept": 3, "shared_moving": 1, "specific": 6}
    assert [t.train for t in seq.tasks] == [("shared_kept", "shared_moving", "specific"), ("shared_moving", "specific")]
    assert seq.gram["shared_kept"].values.tolist() == [[Fraction(3, 2), Fraction(3, 4)], [Fraction(3, 4), Fraction(9, 4)]]
    assert seq.gram["shared_moving"].values.tolist() == [[HALF, Fraction(1, 4)], [Fraction(1, 4), Fraction(3, 4)]]
    assert seq.gram["specific"].values.tolist() == GRAM["specific"]


def test_trainable_fraction_cuts_vectors_floats_and_symbols():
    truth = {"shared": [[1, 2, 3, 4], [5, 6, 7, 8]], "specific": [[0] * 6] * 2}
    seq = trainable_fraction(1, {"shared": 4, "specific": 6}, (3, 2), 0, truth)
    assert seq.tasks[1].truth["shared_kept"].values.tolist() == [5, 6, 7] and seq.tasks[1].truth["shared_moving"].values.tolist() == [8]
    x = sympy.Symbol("x")
    halves = {"shared": [[x, 0], [0, x]], "specific": np.ones((2, 2))}
    cut = trainable_fraction(2, {"shared": 4, "specific": 6}, (3, 2), 0, gram=halves)
    assert cut.gram["shared_moving"].values[0, 0] == x / 2
    floats = trainable_fraction(1, {"shared": 4, "specific": 6}, (3, 2), 0, gram={"shared": 4 * np.eye(2), "specific": ONES})
    assert np.array_equal(floats.gram["shared_kept"].values, 3 * np.eye(2))
    mixed = trainable_fraction(1, {"shared": 4, "specific": 6}, (3, 2), 0, gram={"shared": [[4.0, 0], [0, 4.0]], "specific": ONES})
    assert np.array_equal(mixed.gram["shared_moving"].values, np.eye(2))


def test_one_head_per_task():
    gram = {"shared": GRAM["shared"], "head": [5, 7]}
    seq = one_head_per_task(4, (2, 3), (3, 2), 0, gram=gram)
    assert seq.blocks == {"shared": 4, "head_0": 2, "head_1": 3}
    assert [t.train for t in seq.tasks] == [("shared", "head_0"), ("shared", "head_1")] and [seq.used(t) for t in (0, 1)] == [t.train for t in seq.tasks]
    assert seq.gram["head_1"].values.tolist() == [[0, 0], [0, 7]] and seq.gram["head_0"].values.tolist() == [[5, 0], [0, 0]]
    kept = one_head_per_task(4, (2, 3), (3, 2), 0, gram=gram, train_shared=False)
    assert [t.train for t in kept.tasks] == [("shared", "head_0"), ("head_1",)]
    vectors = one_head_per_task(1, (2, 1), (3, 2), (0, 1), truth={"shared": [[1], [2]], "head": [[1, 2], [3]]})
    assert vectors.tasks[1].truth["head_1"].values.tolist() == [3] and vectors.tasks[1].noise == 1 and vectors.gram == {}


def test_expanding_in_both_norms():
    setting = {"shared": 4, "specific": (6, 3), "samples": (3, 2), "noise": 0, "gram": {**GRAM, "extra": 5}}
    padded, excess = expanding(**setting), expanding(**setting, norm="excess_risk", train_shared=False)
    assert padded.blocks == excess.blocks == {"shared": 4, "specific": 6, "extra": 3}
    assert padded.used(0) == ("shared", "specific", "extra") and excess.used(0) == ("shared", "specific")
    assert padded.tasks[0].train == excess.tasks[0].train == ("shared", "specific")
    assert padded.tasks[1].train == ("shared", "specific", "extra") and excess.tasks[1].train == ("specific", "extra")
    assert padded.gram["extra"].values.tolist() == excess.gram["extra"].values.tolist() == [[0, 0], [0, 5]]


def test_expanding_without_growth_and_without_an_extra_truth():
    setting = {"shared": 4, "samples": (3, 2), "noise": 0, "gram": GRAM}
    assert expanding(specific=(6, 0), **setting) == initialized({"shared": 4, "specific": 6}, (3, 2), 0, gram=GRAM)
    assert expanding(specific=(6, 0), train_shared=False, **setting) == frozen({"shared": 4, "specific": 6}, (3, 2), 0, gram=GRAM)
    assert expanding(specific=(6, 1), **setting).gram["extra"].values.tolist() == [[0, 0], [0, 0]]


def test_expanding_with_vectors_and_isotropic_truths():
    truth = {"shared": [[1], [2]], "specific": [[1, 0], [0, 1]], "extra": [3, 4, 0]}
    seq = expanding(1, (2, 3), (3, 2), 0, truth=truth)
    assert seq.tasks[0].truth["extra"].values.tolist() == [0, 0, 0] and seq.tasks[1].truth["extra"].values.tolist() == [3, 4, 0]
    assert expanding(1, (2, 3), (3, 2), 0, truth={**truth, "extra": np.array([3, 4, 0])}).tasks[1] == seq.tasks[1]
    isotropic = expanding(1, (2, 3), (3, 2), 0, truth={**truth, "extra": Isotropic(2)})
    assert isotropic.tasks[0].truth["extra"] == Isotropic(0) and isotropic.tasks[1].truth["extra"] == Isotropic(2)


BAD_CONSTRUCTIONS = {
    "no truth at all": (lambda: initialized({"a": 3}, (1, 1), 0), "block 'a' has no truth; give truth['a'] (one per task) or gram['a']"),
    "too few truths": (lambda: initialized({"a": 1}, (1, 1), 0, truth={"a": [[1]]}), "truth['a'] has 1 truths for 2 tasks"),
    "too few noises": (lambda: initialized({"a": 3}, (1, 1), (0.1,), gram={"a": ONES}), "noise has 1 values for 2 tasks"),
    "unknown start": (lambda: initialized({"a": 3}, (1, 1), 0, gram={"a": ONES}, start="one"), "start is 'one'"),
    "keep unknown": (lambda: frozen({"a": 3, "b": 2}, (1, 1), 0, gram={"a": ONES, "b": ONES}), "keep names block 'shared', which is not among ['a', 'b']"),
    "keep everything": (lambda: frozen({"shared": 3}, (1, 1), 0, gram={"shared": ONES}), "name at least one block"),
    "split unknown": (lambda: trainable_fraction(1, {"a": 3}, (1, 1), 0, gram={"a": ONES}), "split is 'shared', which is not among ['a']"),
    "trained too large": (lambda: trainable_fraction(4, {"shared": 3, "b": 1}, (1, 1), 0), "trained is 4; block 'shared' has 3 coordinates"),
    "trained fractional": (lambda: trainable_fraction(1.5, {"shared": 3, "b": 1}, (1, 1), 0), "trained is 1.5"),
    "cut of an isotropic truth": (
        lambda: trainable_fraction(1, {"shared": 3, "b": 1}, (1, 1), 0, truth={"shared": [Isotropic(1)] * 2, "b": [[1], [1]]}),
        "the truth of block 'shared' is Isotropic, whose cut has a random length",
    ),
    "too few heads": (lambda: one_head_per_task(2, (1,), (1, 1), 0, gram={"shared": ONES, "head": [1, 1]}), "heads has 1 dimensions for 2 tasks"),
    "norm unknown": (lambda: expanding(2, (1, 1), (1, 1), 0, norm="risk"), "norm is 'risk'; choose 'padded' or 'excess_risk'"),
    "expanding over three tasks": (lambda: expanding(2, (1, 1), (1, 1, 1), 0), "an expanding sequence has two tasks"),
    "shrinking": (lambda: expanding(2, (3, -1), (1, 1), 0, gram={"shared": ONES, "specific": ONES}), "the dimension of block 'extra' is -1"),
}  # fmt: skip


test_refused_with_value_reason_and_remedy = refusals({name: (build, re.escape(words)) for name, (build, words) in BAD_CONSTRUCTIONS.items()})


def test_padding_keeps_fractions():
    truth = {"shared": [[1], [2]], "specific": [[1, 0], [0, 1]], "extra": [3, 4, 0]}
    assert isinstance(expected_errors(expanding(1, (2, 3), (1, 2), HALF, truth=truth)).deviation(), Fraction)
