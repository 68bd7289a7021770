"""Moments of random projections and Wishart inverses, the only random-matrix facts behind the law.

For A in R^{d x n} with i.i.d. standard normal entries and 0 < n < d, P = A (A'A)^{-1} A' projects on a uniformly
random n-dimensional subspace of R^d; ``a, b`` below are the coefficients of E[P v v' P] = a |v|^2 I + b v v', m that
of E[P] = m I, and k = E tr (A'A)^{-1}. For n >= d the data determine all d parameters: P = I and
k = E tr (AA')^{-1}.
"""

from typing import Any, NamedTuple

import numpy as np


class StepMoments(NamedTuple):
    """Coefficients of one minimum-norm step on n samples with d trained parameters.

    Parameters
    ----------
    a, b : E[P v v' P] = a |v|^2 I + b v v'
    m : E[P] = m I
    k : expected squared step per unit of noise variance; nan where ``pole``
    pole : whether |n - d| <= 1 and n > 0, where k is infinite
    """

    a: Any
    b: Any
    m: Any
    k: Any
    pole: Any


def second_moment(n: Any, d: Any) -> tuple[Any, Any]:
    """Return (a, b) with E[P v v' P] = a |v|^2 I + b v v' for 0 < n <= d, d >= 2."""
    a = n * (d - n) / (d * (d - 1) * (d + 2))
    return a, n * (n + 2) / (d * (d + 2)) - a


def third_moment(n: Any, d: Any, a: Any, b: Any) -> tuple[Any, Any, Any]:
    """Return (c0, c1, c2) of E P_ij P_kl P_mo = c0 [ij kl mo] + c1 [6 pairings that keep one of these pairs] + c2 [8 that keep none].

    They follow from tr P = n and P^2 = P, given those of E P_ij P_kl. For d = 2 the pairings depend on one another, and c2 = 0 will do.
    """
    c2 = a * (d - 2 * n) / ((d + 4) * np.where(d == 2, 1, d - 2))
    c1 = (a - (d + 2) * c2) / 2
    return b - a - (d + 1) * c1 - 2 * c2, c1, c2


def trace_product(k: Any, q: Any, freedom: Any) -> Any:
    """Return E tr S tr S^{-1} of a Wishart matrix of size q from k = E tr S^{-1}: the covariance of both is -2 k, by scaling S."""
    return k * (q * freedom - 2)


def exact_step_moments(n: Any, d: Any, overparameterized: bool, pole: bool) -> StepMoments:
    """Compute the moments in the field of ``n`` and ``d`` (fractions or rational functions)."""
    if overparameterized:
        a, b = second_moment(n, d)
        return StepMoments(a, b, n / d, None if pole else n / (d - n - 1), pole)
    return StepMoments(0, 1, 1, None if pole else d / (n - d - 1), pole)


def moments_beside_heads(n: Any, d: Any, own: Any) -> StepMoments:
    """Compute the moments of the step B v + noise of d shared parameters that fit what ``own`` others leave, own + 1 < n < d - 1.

    With X in R^{d x n} and the projection R of rank n - own, which is independent of X, B = X (X'X)^{-1} R X'. Over R, E[R M R] as above. Over X,
    E |X'v|^2 X (X'X)^{-2} X' has the trace of E tr S tr S^{-1} / d, S = X'X, and along v, with the row x of X on v and Y the others,
    |x|^2 x'S^{-2}x = t^2 (1 + |g|^2): t = x'S^{-1}x is Beta(n/2, (d-n)/2), and g the noise step on n - 1 of d - 1 dimensions.
    """
    left, k = n - own, n / (d - n - 1)
    spread, kept = second_moment(left, n)
    along = n * (n + 2) * (d - 2) / (d * (d + 2) * (d - n - 1))
    beside = (trace_product(k, n, d) / d - along) / (d - 1)
    a, b = second_moment(n, d)
    return StepMoments(spread * beside + kept * a, spread * (along - beside) + kept * b, left / d, left / n * k, False)


def float_step_moments(n: np.ndarray, d: np.ndarray) -> StepMoments:
    """Compute the moments for float64 arrays that broadcast against each other; n = 0 is no step."""
    n, d = np.broadcast_arrays(np.asarray(n, dtype=float), np.asarray(d, dtype=float))
    over, empty = n < d, n == 0
    pole = (np.abs(n - d) <= 1) & ~empty
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = second_moment(n, d)
        k = np.where(over, n / (d - n - 1), d / (n - d - 1))
    moving = over & ~empty
    return StepMoments(
        a=np.where(moving, a, 0.0),
        b=np.where(moving, b, np.where(empty, 0.0, 1.0)),
        m=np.where(over, n / d, 1.0),
        k=np.where(pole, np.nan, np.where(empty, 0.0, k)),
        pole=pole,
    )
