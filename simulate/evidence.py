"""Estimates with their errors, and the statistics that judge them: intervals, Holm and paired statistics.

Pure NumPy and standard library. Every number that was drawn at random travels as an `Estimate`: a mean never comes
without its standard error, the number of draws behind it and their provenance.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from simulate.wording import round_to
from theory.errors import InputError

Draws = frozenset  # of (seed, first, last): trials first to last, both included, of the stream of that seed


class ConfidenceInterval(NamedTuple):
    """Two ends of an interval, floats or arrays."""

    low: Any
    high: Any


@dataclass(frozen=True, eq=False)
class Estimate:
    """Mean of independent draws with its standard error.

    Parameters
    ----------
    mean : float or array
    stderr : float or array
        Standard error of the mean (sample standard deviation over the root of ``count``), shape of ``mean``.
    count : int
        Independent draws behind every entry, at least 2.
    draws : frozenset of (seed, first, last)
        Provenance: trials ``first`` to ``last``, both included, of the stream of ``seed``. Estimates without it
        cannot be merged.

    Examples
    --------
    >>> import driftlaw as dl
    >>> estimate = dl.Estimate.from_samples([1.0, 2.0, 3.0, 4.0])
    >>> print(estimate)
    2.50 +- 0.65 (4 trials)
    >>> low, high = estimate.interval(0.95)
    >>> round(low, 3), round(high, 3)
    (1.235, 3.765)
    """

    mean: Any
    stderr: Any
    count: int
    draws: Draws = frozenset()

    def __post_init__(self) -> None:
        if self.count < 2:
            raise InputError(f"an estimate from {self.count} draw(s) has no standard error; use at least 2 draws")
        if np.shape(self.mean) != np.shape(self.stderr):
            raise InputError(f"mean has shape {np.shape(self.mean)} and stderr {np.shape(self.stderr)}; they must be equal")
        object.__setattr__(self, "draws", _checked_draws(self.draws))

    def __str__(self) -> str:
        """Return the mean with its standard error, to two digits of that, and the draws behind it."""
        if np.ndim(self.mean):
            return repr(self)
        mean, stderr = round_to(float(self.stderr), float(self.mean), float(self.stderr))
        return f"{mean} +- {stderr} ({self.count:,} trials)"

    @classmethod
    def from_samples(cls, values: Any, draws: Iterable = frozenset()) -> "Estimate":
        """Estimate the mean of draws along axis 0.

        Parameters
        ----------
        values : array_like, shape (draws, ...)
            Independent and identically distributed along axis 0.
        draws : iterable of (seed, first, last)
            Where they come from.

        Raises
        ------
        InputError
            For fewer than two draws, or a value that is not finite.
        """
        values = _finite_samples(values)
        count = len(values)
        mean = values.mean(axis=0)
        stderr = values.std(axis=0, ddof=1) / math.sqrt(count)
        return cls(_plain(mean), _plain(stderr), count, frozenset(draws))

    def interval(self, level: float = 0.95) -> ConfidenceInterval:
        """Compute the two-sided normal interval of the mean at confidence ``level``."""
        if not 0 < level < 1:
            raise InputError(f"level is {level!r}; a confidence level lies between 0 and 1, such as 0.95")
        half = upper_quantile((1 - level) / 2) * self.stderr
        return ConfidenceInterval(self.mean - half, self.mean + half)

    def merge(self, other: "Estimate") -> "Estimate":
        """Pool two estimates of the same quantity as if all draws had been averaged at once.

        Raises
        ------
        InputError
            If the draws overlap or their provenance is unknown, or if the shapes differ.
        """
        if np.shape(self.mean) != np.shape(other.mean):
            shapes = f"{np.shape(self.mean)} and {np.shape(other.mean)}"
            raise InputError(f"cannot merge estimates of shapes {shapes}; they are of different quantities")
        draws = merge_draws(self.draws, other.draws)
        count = self.count + other.count
        gap = np.subtract(other.mean, self.mean)
        mean = self.mean + gap * (other.count / count)
        squares = self._squares() + other._squares() + gap**2 * (self.count * other.count / count)
        return Estimate(_plain(mean), _plain(np.sqrt(squares / (count * (count - 1)))), count, draws)

    def _squares(self) -> Any:
        """Sum of squared deviations of the draws from their mean."""
        return np.square(self.stderr) * (self.count * (self.count - 1))


def merge_draws(left: Draws, right: Draws) -> Draws:
    """Unite the provenance of two samples.

    Raises
    ------
    InputError
        If a draw stands in both, which would count it twice, or if either has no provenance.
    """
    if not left or not right:
        raise InputError("cannot merge a sample whose draws are unknown, it might be counted twice; give draws={(seed, first, last)}")
    for seed, first, last in left:
        for other_seed, other_first, other_last in right:
            if seed == other_seed and first <= other_last and other_first <= last:
                raise InputError(
                    f"cannot merge: trials {max(first, other_first)} to {min(last, other_last)} of seed {seed} are in both samples; "
                    "take another seed or later trials"
                )
    return frozenset(left) | frozenset(right)


def upper_quantile(tail: float) -> float:
    """Compute the z that a standard normal exceeds with probability ``tail``; exact in relative terms far out."""
    if not 0 < tail < 1:
        raise InputError(f"a tail probability of {tail!r} has no normal quantile; it lies between 0 and 1")
    return -NormalDist().inv_cdf(tail)


def two_sided_p(z: Any) -> Any:
    """Compute the probability that a standard normal is at least as far from 0 as ``z`` (float or array)."""
    if np.ndim(z) == 0:
        return math.erfc(abs(float(z)) / math.sqrt(2))
    return np.array([math.erfc(abs(value) / math.sqrt(2)) for value in np.ravel(z).tolist()]).reshape(np.shape(z))


def one_sided_p(z: float) -> float:
    """Compute the probability that a standard normal is at least ``z``."""
    return math.erfc(z / math.sqrt(2)) / 2


def symmetric(z: float, asymmetry: float) -> float:
    """Transform a studentized mean, so that both of its tails are those of a normal.

    Parameters
    ----------
    z : float
        Mean minus expectation in standard errors. Where single draws are skewed to the right, it is skewed to the left.
    asymmetry : float
        Skewness of the mean: that of a draw over the root of their number.

    Notes
    -----
    Hall's monotone cubic (J. R. Statist. Soc. B 54, 1992, 221-228), which removes the skewness to first order.
    """
    bend = asymmetry * z
    return z * (1 + bend / 3 + bend * bend / 27) + asymmetry / 6


def asymmetric(z: float, asymmetry: float) -> float:
    """Invert `symmetric`: the quantile of a studentized mean that becomes the normal quantile ``z``."""
    if abs(asymmetry) < 1e-6:  # no more than rounding
        return z
    return float(3 * (np.cbrt(1 + asymmetry * (z - asymmetry / 6)) - 1) / asymmetry)


def holm(p_values: Any) -> np.ndarray:
    """Compute Holm's adjusted p-values: rejecting those at most alpha keeps the family-wise error at alpha.

    Parameters
    ----------
    p_values : array_like, shape (K,)
        Raw p-values, in any order, with any dependence between them.

    Returns
    -------
    adjusted : array, shape (K,)
        In the order of ``p_values``, at most 1.

    Notes
    -----
    With p sorted upwards, adjusted_(j) = max_{i <= j} (K - i) p_(i), i from 0 (Holm 1979, Scand. J. Statist. 6).
    """
    p_values = np.asarray(p_values, dtype=float)
    if p_values.ndim != 1 or not np.all((p_values >= 0) & (p_values <= 1)):
        raise InputError(f"p-values are {p_values!r}; give a flat list of numbers from 0 to 1")
    order = np.argsort(p_values, kind="stable")
    steps = (len(p_values) - np.arange(len(p_values))) * p_values[order]
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def variance_upper_bound(values: Any, level: float = 0.99) -> float:
    """Compute an upper confidence bound of the variance of one-dimensional draws of any distribution.

    Notes
    -----
    Delta method on the logarithm of the sample variance, Var s^2 = (m_4 - s^4 (n-3)/(n-1))/n, with the sample's own
    fourth central moment m_4. Needs finite fourth moments to mean anything.
    """
    values = _finite_samples(values)
    if values.ndim != 1:
        raise InputError(f"the variance bound takes values of shape (draws,), not {values.shape}")
    count = len(values)
    variance = float(values.var(ddof=1))
    if variance == 0:
        return 0.0
    fourth = float(np.mean((values - values.mean()) ** 4))
    # the sample kurtosis is at least 1, and below (n-3)/(n-1) only by rounding
    relative = max(fourth / variance**2 - (count - 3) / (count - 1), 0.0) / count
    return variance * math.exp(upper_quantile(1 - level) * math.sqrt(relative))


def skewness(values: Any) -> float:
    """Compute the skewness of one-dimensional draws, m_3 / m_2^(3/2); zero where they are all equal.

    Of heavy tails a small sample sees less than there is.
    """
    values = _finite_samples(values)
    if values.ndim != 1:
        raise InputError(f"the skewness takes values of shape (draws,), not {values.shape}")
    centred = values - values.mean()
    square = float(np.mean(centred**2))
    return float(np.mean(centred**3)) / square**1.5 if square > 0 else 0.0


def _checked_draws(draws: Iterable) -> Draws:
    checked = frozenset(draws)
    for entry in checked:
        if len(entry) != 3 or entry[1] > entry[2]:
            raise InputError(f"draws holds {entry!r}; each entry is (seed, first trial, last trial) with first <= last")
    return checked


def _finite_samples(values: Any) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim == 0 or len(values) < 2:
        raise InputError(f"{values.size if values.ndim else 'a single'} value(s) give no standard error; use at least 2 independent draws")
    bad = int(np.sum(~np.isfinite(values)))
    if bad:
        raise InputError(f"{bad} of {values.size} drawn values are NaN or infinite; find the draw that failed before averaging")
    return values


def _plain(value: Any) -> Any:
    """Zero-dimensional results as floats."""
    return float(value) if np.ndim(value) == 0 else value
