"""Estimates and statistics against hand calculations, SciPy and simulation."""

import math

import numpy as np
import pytest
from scaffold import python, refusals
from scipy import stats

from driftlaw import Estimate
from simulate import evidence
from simulate.evidence import asymmetric, holm, merge_draws, skewness, symmetric, two_sided_p, upper_quantile, variance_upper_bound


def test_from_samples_by_hand():
    estimate = Estimate.from_samples([1.0, 2.0, 6.0], {(7, 0, 2)})
    assert (estimate.mean, estimate.count) == (3.0, 3)
    assert estimate.stderr == pytest.approx(math.sqrt(7 / 3))
    assert estimate.draws == {(7, 0, 2)}
    assert isinstance(estimate.mean, float)


def test_from_samples_keeps_trailing_axes():
    values = np.arange(24.0).reshape(4, 2, 3) ** 2
    estimate = Estimate.from_samples(values)
    assert estimate.mean.shape == estimate.stderr.shape == (2, 3)
    np.testing.assert_allclose(estimate.stderr, stats.sem(values, axis=0))


KNOWN = Estimate(1.0, 0.1, 5, frozenset({(0, 0, 4)}))
test_what_is_no_estimate_and_no_statistic = refusals([
    *((lambda few=few: Estimate.from_samples(few), "at least 2") for few in ([1.0], [], 3.0)),
    *((lambda x=x: Estimate.from_samples([1.0, x, 2.0]), "1 of 3 drawn values") for x in (math.nan, math.inf)),
    (lambda: Estimate(1.0, 0.1, 1), "1 draw"),
    (lambda: Estimate(np.zeros(3), np.zeros(2), 5), "must be equal"),
    (lambda: Estimate(1.0, 0.1, 5, frozenset({(0, 4, 3)})), "first <= last"),
    (lambda: KNOWN.merge(Estimate(1.0, 0.1, 5)), "unknown"),
    (lambda: KNOWN.merge(Estimate(np.zeros(2), np.zeros(2), 5, frozenset({(1, 0, 4)}))), "shapes"),
    *(
        (lambda other=other: merge_draws(frozenset({(4, 0, 99), (5, 10, 99)}), frozenset({other})), "seed 5 are in both")
        for other in ((5, 99, 120), (5, 0, 10), (5, 20, 30), (5, 0, 300))
    ),
    (lambda: KNOWN.interval(95), "level"),
    (lambda: upper_quantile(0), "between 0 and 1"),
    *((lambda bad=bad: holm(bad), "p-values") for bad in ([[0.1]], [1.2], [math.nan])),
    *((lambda act=act: act(np.zeros((4, 2))), "shape") for act in (variance_upper_bound, skewness)),
])


def test_merge_is_the_pooled_estimate():
    values = np.random.default_rng(3).gamma(2, size=(50, 3)) + 1e6
    merged = Estimate.from_samples(values[:13], {(1, 0, 12)}).merge(Estimate.from_samples(values[13:], {(1, 13, 49)}))
    whole = Estimate.from_samples(values)
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-14)
    np.testing.assert_allclose(merged.stderr, whole.stderr, rtol=1e-9)
    assert (merged.count, merged.draws) == (50, {(1, 0, 12), (1, 13, 49)})


def test_merge_takes_neighbours_and_other_seeds():
    left, right = {(5, 10, 99)}, {(5, 100, 120), ((5, 1), 10, 99)}
    assert merge_draws(frozenset(left), frozenset(right)) == left | right


def test_interval():
    low, high = Estimate(np.array([1.0, 5.0]), np.array([0.1, 2.0]), 10).interval(0.95)
    np.testing.assert_allclose(low, [1 - 0.1959964, 5 - 3.919928], rtol=1e-6)
    np.testing.assert_allclose(high, [1 + 0.1959964, 5 + 3.919928], rtol=1e-6)
    assert isinstance(Estimate(1.0, 0.1, 10).interval(), evidence.ConfidenceInterval)


def test_normal_tails_are_right_far_out():
    tails = 10.0 ** -np.arange(1, 300, 7)
    np.testing.assert_allclose([upper_quantile(tail) for tail in tails], stats.norm.isf(tails), rtol=1e-12)
    z = np.linspace(-37, 37, 75)
    np.testing.assert_allclose(two_sided_p(z), 2 * stats.norm.sf(np.abs(z)), rtol=1e-10)
    assert two_sided_p(z.reshape(3, 25)).shape == (3, 25)
    assert two_sided_p(20.0) == pytest.approx(2 * stats.norm.sf(20), rel=1e-10, abs=0)
    assert two_sided_p(-1.959963984540054) == pytest.approx(0.05, rel=1e-12)


def test_holm_by_hand():
    # sorted: .005*4 = .02, .011*3 = .033, .02*2 = .04, .04*1 = .04
    np.testing.assert_allclose(holm([0.02, 0.005, 0.04, 0.011]), [0.04, 0.02, 0.04, 0.033])
    # .01*3 = .03, .0101*2 = .0202 is lifted to .03, .9 stays
    np.testing.assert_allclose(holm([0.9, 0.01, 0.0101]), [0.9, 0.03, 0.03])
    np.testing.assert_allclose(holm([0.5, 0.6]), [1.0, 1.0])
    assert holm([]).shape == (0,)


@pytest.mark.parametrize(("draw", "variance"), [(np.random.Generator.standard_normal, 1.0), (lambda generator, shape: generator.gamma(2.0, size=shape), 2.0)])
def test_variance_bound_covers(draw, variance):
    """2,000 pilots of 512 trials: the bound lies below the variance in about 1 % of them, up to skewness of s^2.

    More than 3 % would have a false-alarm rate below 1e-9 at a true rate of 1.5 %; a bound that misses the kurtosis of
    the gamma distribution (relative error 1/2 instead of sqrt(5/2)/2 of s^2) fails in 8 % and is caught surely.
    """
    samples = draw(np.random.default_rng(11), (2000, 512))
    bounds = np.array([variance_upper_bound(sample) for sample in samples])
    assert np.mean(bounds < variance) < 0.03
    assert np.median(bounds) < 1.5 * variance


def test_variance_bound_by_hand():
    """Of -1, -1, 1, 1: s^2 = 4/3, m_4 = 1, so Var s^2 / s^4 = (9/16 - 1/3)/4."""
    bound = 4 / 3 * math.exp(stats.norm.isf(0.01) * math.sqrt((9 / 16 - 1 / 3) / 4))
    assert variance_upper_bound([-1.0, -1.0, 1.0, 1.0]) == pytest.approx(bound, rel=1e-12) and variance_upper_bound(np.full(100, 3.0)) == 0


def test_skewness_matches_scipy():
    values = np.random.default_rng(3).gamma(0.5, size=500)
    assert skewness(values) == pytest.approx(stats.skew(values), rel=1e-12) and skewness(-values) == -skewness(values)
    assert skewness(np.full(9, 2.0)) == 0


def test_evidence_loads_no_formula_and_no_sampler():
    code = "import sys, simulate.evidence; print([m for m in sys.modules if m == 'sympy' or m.startswith(('theory.', 'simulate.'))])"
    assert sorted(eval(python("-c", code).stdout)) == ["simulate.evidence", "simulate.wording", "theory.errors", "theory.lazy"]


def test_symmetric_tails_of_skewed_draws():
    """Studentized means of 100 exponential draws: a tail has twice its rate, the other half; after Hall's transformation neither is far off."""
    values = np.random.default_rng(0).standard_exponential((100, 40_000))
    centred = values - values.mean(axis=0)
    second = np.mean(centred**2, axis=0)
    z = (values.mean(axis=0) - 1) / np.sqrt(second / 99)
    asymmetry = np.mean(centred**3, axis=0) / second**1.5 / 10
    limit, error = upper_quantile(0.01), math.sqrt(0.01 / 40_000)
    low, high = ([np.mean(side * tails > limit) for tails in (z, symmetric(z, asymmetry))] for side in (-1, 1))
    assert low[0] > 0.02 and high[0] < 0.005
    assert max(abs(low[1] - 0.01), abs(high[1] - 0.01)) < 0.002 + 4 * error  # what is left is of second order


@pytest.mark.parametrize("asymmetry", [0.0, 1e-12, 1e-5, 0.06, -0.3, 2.0])
def test_asymmetric_inverts_symmetric(asymmetry):
    for z in (-8.0, -2.0, 0.0, 1.5, 5.0):
        assert symmetric(asymmetric(z, asymmetry), asymmetry) == pytest.approx(z, abs=1e-9)
        assert symmetric(z + 0.01, asymmetry) > symmetric(z, asymmetry)
    assert symmetric(1e300, asymmetry) >= 1e300 and asymmetric(-3.0, 0.0) == -3.0
