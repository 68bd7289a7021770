"""Deterministic equivalents beside simulation: the error shrinks like 1/dimension, and the estimate that shows it is right."""

from dataclasses import replace

import equivalents_check
import numpy as np
import pytest
from equivalents_check import constrained_update, controlled_estimate, equivalent_error, fitted_rate
from scaffold import refusals

from driftlaw import Estimate, expected_errors, frozen, initialized, simulate
from theory.equivalents import approximate_errors, best_weight


def small(weight):
    return lambda factor: constrained_update(factor, weight, 12, 16, (8, 6))


def test_the_error_shrinks_like_one_over_the_dimension():
    """At weight 30 the rate is known to .05; a wrong equivalent (below) misses 1 by .4 and more."""
    found = equivalent_error(small(30.0), (1, 2, 4), 6000, 1)
    assert abs(found.rate - 1) < 0.25 and found.rate_stderr < 0.1
    assert [error.mean < 0 for error in found.errors] == [True] * 3 and 0.006 < -found.relative[0] < 0.01
    assert all(abs(share) < 0.01 / factor for share, factor in zip(found.relative, found.factors, strict=True))
    assert str(found).startswith("deviation: error ~ size^-") and str(found).count("off by -0.0") == 3


@pytest.mark.parametrize("change", [0.01, -0.01])
def test_a_wrong_equivalent_does_not_converge(monkeypatch, change):
    """A constant of a hundredth on top is no error of order 1/dimension."""
    true = approximate_errors
    monkeypatch.setattr(equivalents_check, "approximate_errors", lambda seq: replace(true(seq), errors=true(seq).errors + change))
    assert abs(equivalent_error(small(30.0), (1, 2, 4), 3000, 1).rate - 1) > 0.4


def test_heavy_weights_end_in_frozen_training():
    """Weight 1e6 in every trial, so the controlled estimate has hardly any error, unlike the equivalent."""
    seq = small(1e6)(1)
    gram = {block: seq.gram[block] for block in seq.blocks}
    exact = expected_errors(frozen(dict(seq.blocks), (8, 6), 0.3, gram=gram)).deviation()
    found = controlled_estimate(seq, "deviation", 200, 3)
    assert found.mean == pytest.approx(exact, abs=2e-5) and found.stderr < 2e-5
    assert approximate_errors(seq).deviation() < 0.99 * exact


def test_equal_weights_are_the_other_end():
    seq = small(1 + 1e-9)(1)
    exact = expected_errors(initialized(dict(seq.blocks), (8, 6), 0.3, gram=dict(seq.gram))).deviation()
    found = controlled_estimate(seq, "deviation", 200, 3)
    assert found.mean == pytest.approx(exact, abs=1e-6) and found.stderr < 1e-6


def test_controlled_estimates_are_unbiased_and_know_their_error():
    """100 z-scores against a run of 40 times the trials: their mean square within 4.9 deviations of 1 (rate 1e-6).

    Standard errors too small by a quarter, or controls off by half a standard error of the plain mean, are beyond that.
    """
    seq = constrained_update(1, 5.0, 6, 10, (5, 4))
    reference = controlled_estimate(seq, "deviation", 16000, 1000)
    plain = simulate(seq, 16000, 1000).deviation()
    assert reference.stderr < 0.4 * plain.stderr and abs(reference.mean - plain.mean) < 5 * plain.stderr
    found = [controlled_estimate(seq, "deviation", 400, seed, workers=1) for seed in range(100)]
    z = np.array([(one.mean - reference.mean) / np.hypot(one.stderr, reference.stderr) for one in found])
    assert abs(np.mean(z**2) - 1) < 4.9 * (2 / 100) ** 0.5 and abs(z.mean()) < 0.49


def test_the_best_weight_lies_between_and_beats_both_trainings():
    """By simulation with paired controls: |z| > 5 on either side (rate 3e-7 each)."""
    seq = constrained_update(1, 2.0)
    ends = [expected_errors(one).deviation() for one in (equivalents_check._equal(seq), equivalents_check._light_only(seq))]
    best = best_weight("deviation", equivalents_check._equal(seq))
    assert 1.5 < best.choice < 2.5 and best.value < min(ends)
    found = controlled_estimate(constrained_update(1, best.choice), "deviation", 3000, 2)
    assert all(found.mean < end - 5 * found.stderr for end in ends)


def estimates(values, stderr=1e-3):
    return [Estimate(value, error, 100) for value, error in zip(values, np.broadcast_to(stderr, len(values)), strict=True)]


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("scale", [0.3, -2.0])
def test_fitted_rate_by_hand(rate, scale):
    factors = np.array([1, 2, 4, 8])
    found, stderr = fitted_rate(factors, estimates(scale * factors**-rate))
    assert found == pytest.approx(rate, abs=1e-3)
    assert stderr == pytest.approx(fitted_rate(factors, estimates(scale * factors**-rate, 2e-3))[1] / 2)
    outlier = scale * factors**-rate + np.array([0, 0, 0, 5])
    assert fitted_rate(factors, estimates(outlier, [1e-3, 1e-3, 1e-3, 1e3]))[0] == pytest.approx(rate, abs=1e-3)


def test_standard_error_of_the_rate():
    """200 noisy fits: their spread is the stated error within a quarter (five deviations of the spread)."""
    rng, factors, errors = np.random.default_rng(1), np.array([1, 2, 4]), np.array([0.02, 0.02, 0.02])
    fits = [fitted_rate(factors, estimates(1.0 / factors + errors * rng.standard_normal(3), errors)) for _ in range(200)]
    rates, stated = np.array(fits).T
    assert abs(rates.mean() - 1) < 5 * stated.mean() / 200**0.5 and abs(rates.std() / stated.mean() - 1) < 0.25


test_refusals_name_the_value_and_the_remedy = refusals([
    (lambda: equivalent_error(small(3.0), (2,)), r"factors is \(2,\); a rate needs at least two"),
    (lambda: equivalent_error(small(3.0), (2, 2)), r"factors is \(2, 2\)"),
    (lambda: equivalent_error(small(1.0), (1, 2)), "factor 1 weighs all blocks alike"),
    (lambda: controlled_estimate(small(3.0)(1), "deviation", 3), "trials is 3; .*at least 4"),
    (lambda: equivalent_error(small(3.0), (1, 2), 10, quantity="deviatoin"), "did you mean 'deviation'"),
])
