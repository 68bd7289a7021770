"""Experiments with memory for which there is no law, or no finite one, and what the laws of replay still get wrong."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F

import numpy as np
import pytest
import sympy
from strategies import remembering

from theory import DomainError, NoClosedForm, Task, TaskSequence, expected_errors
from theory.errors import DriftlawError

HALF = F(1, 2)


# ---------------------------------------------------------------- no law

GRAM = [[2, 1, 0], [1, 3, 0], [0, 0, 1]]


def broken(**changes) -> TaskSequence:
    seq = remembering(20, (5, 4, 3), (HALF,) * 3, ({}, {0: 3}, {0: 2}), GRAM)
    return replace(seq, tasks=[seq.tasks[0], replace(seq.tasks[1], **changes), seq.tasks[2]])


@pytest.mark.parametrize(
    "seq, words",
    [
        (broken(scale=HALF), "task 1 takes a partial step (scale=Fraction(1, 2))"),
        (broken(memory={}), "task 2 stores 2 samples of task 0, of which the estimate before it fits 0"),
        (broken(memory={0: 1}), "task 2 stores 2 samples of task 0, of which the estimate before it fits 1"),
        (remembering(8, (5, 4), (HALF,) * 2, ({}, {0: 5}), [[1, 0], [0, 1]]), "task 1 fits 9 rows (fresh and stored) with 8 parameters"),
        (remembering(5, (9, 1), (HALF,) * 2, ({}, {0: 1}), [[1, 0], [0, 1]]), "task 1 stores 1 samples of task 0, of which the estimate before it fits 0"),
        (remembering(8, (5, 4), (0.5,) * 2, ({}, {0: 5}), np.eye(2)), "task 1 fits 9 rows"),
    ],
)
def test_memory_without_a_law(seq, words):
    with pytest.raises(NoClosedForm) as caught:
        expected_errors(seq)
    assert words in str(caught.value)


def test_memory_needs_one_set_of_blocks_started_and_weighed_alike():
    def two_blocks(train=("b", "c"), **settings):
        first = Task(3, HALF, {"b": "u", "c": "v"}, ("b", "c"))
        second = Task(2, HALF, {"b": "x", "c": "y"}, train, memory={0: 1}, **settings)
        return TaskSequence({"b": 5, "c": 6}, [first, second], {"b": [[1, 0], [0, 1]], "c": [[1, 0], [0, 1]]})

    assert expected_errors(two_blocks()).errors.shape == (2, 2)
    assert expected_errors(two_blocks(weights={"b": 2, "c": 2})).errors.shape == (2, 2)
    for seq, words in (
        (two_blocks(train=("b",)), r"task 1 trains \['b'\] of the blocks \['b', 'c'\]"),
        (two_blocks(weights={"b": 2}), "task 1 weighs its blocks unequally"),
        (two_blocks(start={"b": "zero"}), "task 1 starts some blocks from zero and others not"),
    ):
        with pytest.raises(NoClosedForm, match=words):
            expected_errors(seq)


@pytest.mark.parametrize("noise", [HALF, 0.5])
@pytest.mark.parametrize("p", [7, 8])
def test_the_threshold_counts_stored_rows(noise, p):
    seq = remembering(p, (4, 4), (noise,) * 2, ({}, {0: 3}), [[1, 0], [0, 1]])
    with pytest.raises(DomainError, match=f"task 1: .* nbar = 7 rows .* meet p = {p} parameters"):
        expected_errors(seq)
    assert expected_errors(remembering(9, (4, 4), (noise,) * 2, ({}, {0: 3}), [[1, 0], [0, 1]])).errors[1, 0] > 0


@pytest.mark.parametrize("p", [7, 8])
def test_differing_truths_are_noise_at_the_threshold(p):
    """Rows of two truths cannot be silent together; rows of one truth can."""
    for kind in (F, float):
        with pytest.raises(DomainError):
            expected_errors(remembering(p, (4, 4), (kind(0),) * 2, ({}, {0: 3}), [[1, 0], [0, 1]], starts=["zero"] * 2))
        law = expected_errors(remembering(p, (4, 4), (kind(0),) * 2, ({}, {0: 3}), [[1, 1], [1, 1]], starts=["zero"] * 2))
        assert law.errors[1, 0] == 1 - kind(7) / p


def test_update_of_a_start_from_zero_with_part_of_the_memory_has_no_law():
    seq = remembering(20, (5, 4), (HALF,) * 2, ({}, {0: 3}), [[1, 0], [0, 1]], starts=("previous", "zero"))
    law = expected_errors(seq)
    assert law.step_sizes[1] > 0
    with pytest.raises(NoClosedForm, match="task 1, which starts from zero with memory of only part"):
        law.update_magnitude  # noqa: B018


# ---------------------------------------------------------------- once mistaken


def test_update_after_forgetting_the_past():
    """Task 0 has n > p samples, so theta_1 is no least-norm fit; simulated update 1.222 +- .009, a square in any case."""
    truths = list(np.eye(5)[:3])
    law = expected_errors(remembering(5, (9, 1, 1), (0.1,) * 3, ({}, {}, {1: 1}), truths=truths, starts=("previous", "previous", "zero")))
    try:
        assert law.update_magnitude[2] > 0
    except NoClosedForm:
        return


@pytest.mark.parametrize("kind", [F, float])
def test_a_silent_step_one_below_the_threshold(kind):
    """p = nbar + 1, nothing but one truth: the step is the part of the error in the fresh directions."""
    law = expected_errors(remembering(5, (2, 2), (kind(0),) * 2, ({}, {0: 2}), [[1, 1], [1, 1]]))
    assert law.step_sizes[1] == pytest.approx(law.errors[0, 0] * 2 / 3)


@pytest.mark.parametrize("kind", [F, float])
def test_a_step_when_the_memory_determines_everything(kind):
    law = expected_errors(remembering(4, (2, 2, 0), (kind(0),) * 3, ({}, {0: 2}, {0: 2, 1: 2}), np.ones((3, 3), dtype=int)))
    assert law.errors[2, 0] == 0 and law.step_sizes[2] == 0


@pytest.mark.parametrize("p", [7, 8])
def test_blank_at_the_threshold(p):
    law = expected_errors(remembering(p, (4, 4), (0.5,) * 2, ({}, {0: 3}), [[1, 0], [0, 1]]), outside="nan")
    assert np.isnan(law.errors[1]).all() and np.isnan(law.step_sizes[1]) and np.isfinite(law.errors[0]).all()


def test_grids_of_samples():
    seq = remembering(40, (np.array([5, 10]), 8), (0.1, 0.1), ({}, {0: 3}), np.eye(2))
    assert np.allclose(expected_errors(seq).errors[1], expected_errors(seq.at(1)).errors, rtol=1e-13)


def test_a_blank_is_forgotten_with_the_past():
    seq = remembering(5, (5, 9, 1, 1), (0.1,) * 4, ({}, {}, {}, {2: 1}), np.eye(4))
    assert np.isfinite(expected_errors(seq, outside="nan").errors[1:]).all()


def test_more_stored_samples_than_there_are():
    m = sympy.Symbol("m", positive=True, integer=True)
    with pytest.raises(DriftlawError):
        expected_errors(remembering(m + 12, (m, 4), (HALF,) * 2, ({}, {0: m + 1}), [[1, 0], [0, 1]]))
