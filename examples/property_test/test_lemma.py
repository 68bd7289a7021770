"""A lemma of a paper, tested from a folder of one's own: `pytest examples/property_test`.

Lin, Ju, Liang, Shroff (arXiv 2302.05836), Theorem 4.1: T tasks with n < p - 1 samples each, learned one after another by minimum-norm steps.
"""

from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from driftlaw.testing import assert_agrees, assert_equal_to_law, inner_products, task_sequences
from theory import expected_errors, one_block


def forgetting(p, n, sigma, gram, last=0):
    """F_T as the paper states it; ``last`` = 1 lets truths pull one step longer, which is wrong."""
    T, r, noise = len(gram), 1 - Fraction(n, p), p * sigma**2 / (p - n - 1)
    total = 0
    for i in range(1, T):
        total += (r**T - r**i) * gram[i - 1][i - 1] + noise * (r**i - r**T)
        for j in range(i + 1, T + 1):
            distance = gram[i - 1][i - 1] + gram[j - 1][j - 1] - 2 * gram[i - 1][j - 1]
            total += (1 - r) * (r ** (T - i) - r ** (j - i) + r ** (T - j + last)) * distance
    return total / (T - 1)


def build(p, n, sigma, gram):
    return one_block(p, (n,) * len(gram), sigma, gram=gram)


def settings(gap):
    """Numbers of the lemma, at least ``gap`` from the interpolation threshold."""
    return st.builds(
        lambda n, more, sigma, gram: {"p": n + more, "n": n, "sigma": sigma, "gram": gram},
        st.integers(1, 12), st.integers(gap, 40), st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(0)]), st.integers(2, 5).flatmap(inner_products),
    )  # fmt: skip


def test_the_lemma_is_the_exact_law():
    assert_equal_to_law(forgetting, settings(gap=2), quantity="forgetting", build=build)


def test_the_lemma_agrees_with_training():
    """Without the law: the models are trained on drawn data."""
    assert_agrees(forgetting, settings(gap=16), quantity="forgetting", build=build, delta=0.1, examples=3)


def test_a_wrong_variant_is_caught():
    with pytest.raises(AssertionError, match="at p=3, n=1, sigma=") as found:
        assert_equal_to_law(lambda p, n, sigma, gram: forgetting(p, n, sigma, gram, last=1), settings(gap=2), quantity="forgetting", build=build)
    assert "a difference of" in str(found.value)


@given(task_sequences(tasks=(2, 2), regimes=("over",), starts=("previous",), scales=(1,), noises=(0,), every_block=True))
def test_without_noise_the_task_just_trained_never_gets_worse(seq):
    law = expected_errors(seq)
    assert law.error(1, 1) <= law.error(0, 1)
