"""The interpolation threshold |n - d| <= 1 and everything else for which no law exists or is asked wrongly."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F

import numpy as np
import pytest
import sympy
from hypothesis import given, strategies as st
from strategies import noises

from theory import DomainError, InputError, NoClosedForm, Task, TaskSequence, expected_errors, frozen, one_block
from theory.errors import DriftlawError

HALF = F(1, 2)
UNIT = {"shared": [[1, 1], [1, 1]], "specific": [[0, 0], [0, 0]]}
PAPER = {"blocks": {"shared": 40, "specific": 60}, "samples": (30, 20), "noise": (0.3, 0.5), "gram": UNIT}


def single(n, d, noise=HALF, **settings) -> TaskSequence:
    return TaskSequence({"a": d}, [Task(n, noise, {"a": "w"}, ("a",), **settings)], {"a": [[1]]})


def close(left, right) -> bool:
    """Within 1e-10 of the law's scale: rational numbers against float64."""
    left, right = (np.asarray(x, dtype=float) for x in (left, right))
    return bool(np.all(np.abs(left - right) <= 1e-10 * (1 + np.nanmax(np.abs(right), initial=0))))


# ---------------------------------------------------------------- the interpolation threshold


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("gap", range(-3, 4))
@pytest.mark.parametrize("noise", [HALF, 0.5])
def test_refused_exactly_within_one_of_the_threshold(d, gap, noise):
    n = d + gap
    if n < 0:
        return
    if abs(gap) > 1 or n == 0:
        assert 0 < expected_errors(single(n, d, noise)).errors[0, 0] < 10
        return
    words = f"task 0: the expected error is infinite unless |n - d| >= 2; here n = {n} samples meet d = {d} trained parameters with noise"
    with pytest.raises(DomainError) as caught:
        expected_errors(single(n, d, noise))
    assert words in str(caught.value) and "set the noise to zero" in str(caught.value)


@pytest.mark.parametrize("kind", [F, float])
@pytest.mark.parametrize("gap", [-1, 0, 1])
def test_without_noise_the_threshold_is_no_pole(kind, gap):
    """Then the error is (1 - n/d) |w|^2 on one side, zero on the other."""
    law = expected_errors(single(5 + gap, 5, kind(0)))
    assert law.errors[0, 0] == max(1 - (5 + gap) / kind(5), 0) or close(law.errors[0, 0], max(-gap / 5, 0))
    assert law.effective_noise[0] == 0


@pytest.mark.parametrize("kind", [F, float])
def test_a_frozen_error_is_noise_at_the_threshold(kind):
    """Task 1 has no label noise but a frozen block that is off; after an exact fit of that block it is silent."""
    blocks, gram = {"shared": 4, "specific": 3}, {"shared": [[1, 1], [1, 1]], "specific": [[1, 0], [0, 1]]}
    with pytest.raises(DomainError, match="task 1: .* n = 3 samples meet d = 3"):
        expected_errors(frozen(blocks, (2, 3), kind(0), gram=gram))
    law = expected_errors(frozen(blocks, (7, 3), kind(0), gram=gram))
    assert law.errors[1, 1] == 0 and law.errors[1, 0] == 2
    with pytest.raises(DomainError, match="task 1"):
        expected_errors(frozen(blocks, (7, 3), kind(0), gram={**gram, "shared": [[1, 0], [0, 1]]}))


def test_grids_name_the_point():
    seq = TaskSequence({"a": np.array([[5], [7]])}, [Task(1, 0.5, {"a": "w"}, ("a",)), Task(np.array([2, 3, 6]), 0.5, {"a": "w"}, ("a",))], {"a": UNIT["shared"]})
    with pytest.raises(DomainError) as caught:
        expected_errors(seq)
    assert "task 1 at grid point (0, 2) (2 of 6 points)" in str(caught.value) and "n = 6 samples meet d = 5 " in str(caught.value)
    law = expected_errors(seq, outside="nan")
    blank = np.abs(np.array([[5], [7]]) - np.array([2, 3, 6])) <= 1
    assert np.array_equal(np.isnan(law.errors[..., 1, 0]), blank) and not np.isnan(law.errors[..., 0, :]).any()
    assert np.array_equal(np.isnan(law.deviation()), blank) and np.array_equal(np.isnan(law.step_sizes[..., 1]), blank)


@given(st.integers(1, 6), noises)
def test_blank_exactly_where_the_law_refuses(d, sigma):
    n = np.arange(12)
    law = expected_errors(single(n, d, float(sigma)), outside="nan")
    refused = [n_0 > 0 and sigma > 0 and abs(n_0 - d) <= 1 for n_0 in n]
    assert np.array_equal(np.isnan(law.errors[:, 0, 0]), refused)
    fine = [float(expected_errors(single(int(n_0), d, sigma)).errors[0, 0]) for n_0 in n[~np.array(refused)]]
    assert close(law.errors[~np.array(refused), 0, 0], fine)


def test_a_blank_is_forgotten_with_the_past():
    """A full step on n > d + 1 samples erases a threshold before it, a frozen block keeps it."""
    tasks = [Task(5, 0.5, {"a": "u"}, ("a",)), Task(9, 0.5, {"a": "v"}, ("a",))]
    law = expected_errors(TaskSequence({"a": 5}, tasks, {"a": np.eye(2)}), outside="nan")
    assert np.isnan(law.errors[0]).all() and np.allclose(law.errors[1], [2 + 5 / 12, 5 / 12], rtol=1e-14)
    kept = frozen({"shared": 2, "specific": 3}, (5, 9), 0.5, gram={"shared": np.eye(2), "specific": np.eye(2)})
    assert np.isnan(expected_errors(kept, outside="nan").errors).all()
    partial = TaskSequence({"a": 5}, [tasks[0], replace(tasks[1], scale=0.5)], {"a": np.eye(2)})
    assert np.isnan(expected_errors(partial, outside="nan").errors).all()


def test_exact_numbers_have_no_blank():
    with pytest.raises(DomainError):
        expected_errors(single(5, 5), outside="nan")


def test_grids_with_a_quiet_point_at_the_threshold():
    law = expected_errors(single(5, 5, np.array([0.0, 0.5])), outside="nan")
    assert law.errors[0, 0, 0] == 0 and np.isnan(law.errors[1, 0, 0])


# ---------------------------------------------------------------- no law, or no such thing


def test_unequal_weights_have_a_law_only_with_enough_samples():
    def weighted(n):
        return TaskSequence({"a": 3, "b": 4}, [Task(n, HALF, {"a": "u", "b": "v"}, ("a", "b"), weights={"a": 3})], {"a": [[1]], "b": [[1]]})

    with pytest.raises(NoClosedForm, match="task 0 weighs its blocks unequally .*n = 3.*Simulate it"):
        expected_errors(weighted(3))
    with pytest.raises(NoClosedForm):
        expected_errors(weighted(np.array([12, 3])))
    plain = TaskSequence({"a": 3, "b": 4}, [Task(12, HALF, {"a": "u", "b": "v"}, ("a", "b"))], {"a": [[1]], "b": [[1]]})
    assert np.array_equal(expected_errors(weighted(12)).errors, expected_errors(plain).errors)


def test_floats_and_symbols_do_not_mix():
    s = sympy.Symbol("s", positive=True)
    with pytest.raises(InputError, match="mixes the symbol s with the float 0.5; write floats as fractions"):
        expected_errors(one_block(6, (2, 2), (s, 0.5), gram=UNIT["shared"]))
    with pytest.raises(InputError, match="mixes the symbol s with a grid"):
        expected_errors(one_block(6, (np.array([2, 3]), 2), s, gram=UNIT["shared"]))
    with pytest.raises(InputError, match="mixes"):
        expected_errors(one_block(6, (2, 2), s, gram=np.eye(2)))
    with pytest.raises(InputError, match="mixes"):
        expected_errors(TaskSequence({"a": 2}, [Task(0, s, {"a": [1.0, 0.0]}, ("a",))]))
    expected_errors(one_block(6, (2, 2), (s, HALF), gram=UNIT["shared"]))


def test_a_scale_of_one_point_zero_keeps_fractions():
    assert isinstance(expected_errors(single(2, 5, scale=1.0)).errors[0, 0], F)


@pytest.mark.parametrize("settings", [{"outside": "ignore"}, {"regime": "over"}, {"regime": ("overparameterized",) * 2}])
def test_unknown_options(settings):
    with pytest.raises(InputError, match=f"{next(iter(settings))} is "):
        expected_errors(single(2, 5), **settings)


# ---------------------------------------------------------------- once mistaken


@pytest.mark.parametrize("regime, n, d", [("overparameterized", "m + k", "m"), ("underparameterized", "m", "m + k + 1")])
def test_a_regime_that_the_assumptions_exclude_is_refused(regime, n, d):
    names = dict(zip("mk", sympy.symbols("m k", positive=True, integer=True)))
    with pytest.raises(DriftlawError):
        expected_errors(single(sympy.sympify(n, names), sympy.sympify(d, names)), regime=regime)


def test_an_irrational_scale():
    law = expected_errors(single(2, 6, scale=sympy.sqrt(2)))
    assert sympy.simplify(law.step_sizes[0] - 2 * expected_errors(single(2, 6)).step_sizes[0]) == 0


def test_a_grid_of_whole_inner_products_does_not_mix_with_symbols():
    with pytest.raises(InputError, match="mixes"):
        expected_errors(one_block(6, (2, 2), sympy.Symbol("s", positive=True), gram=np.ones((5, 2, 2), dtype=int)))


def test_a_regime_of_no_kind_is_an_input_error():
    with pytest.raises(InputError):
        expected_errors(single(2, 6), regime=None)


@pytest.mark.parametrize("entry", [1, sympy.Symbol("x", positive=True)])
def test_symbols_beside_a_frozen_block_that_is_right(entry):
    """As with numbers above: the frozen error is w'w - 2 w'w + w'w = 0, though no single inner product is."""
    other = sympy.Symbol("y", positive=True)
    gram = {"shared": [[entry, entry], [entry, entry]], "specific": [[other, 0], [0, 1]]}
    assert expected_errors(frozen({"shared": 4, "specific": 3}, (7, 3), 0, gram=gram)).errors[1, 1] == 0
