"""Laws of the features: independent standard normal entries unless said otherwise.

Every law has mean zero and draws its values from the standard normal ones of the same streams, so that a run under
one law is paired with the same run under another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from simulate.sample.streams import Streams
from theory.errors import InputError
from theory.values import FrozenArray, FrozenMapping

# Eigenvalues of a covariance that are this small beside the largest one count as rounding of its entries.
ROUNDING = 1e-10


class FeatureLaw:
    """What all laws of features share; not made directly.

    Attributes
    ----------
    discrete : bool
        Whether features take few values, so that some of few may repeat.
    spare_arrays : int
        Arrays of a block's features that drawing it takes besides the result.
    """

    discrete: ClassVar[bool] = False
    spare_arrays: ClassVar[int] = 0

    def draw(self, streams: Streams, task: int, block: int, shape: tuple[int, ...]) -> np.ndarray:
        """Draw uncorrelated entries of unit variance, in an array of their own."""
        return streams.features(task, block).standard_normal(shape)

    def roots(self, blocks: Mapping[str, int]) -> tuple[np.ndarray | None, ...]:
        """Return the square root of every block's covariance: None (the identity), a vector (diagonal) or a matrix."""
        return (None,) * len(blocks)


@dataclass(frozen=True)
class StandardNormal(FeatureLaw):
    """Independent standard normal entries, which every formula of the ledger assumes."""


@dataclass(frozen=True)
class Gaussian(FeatureLaw):
    """Normal features with mean zero and a given covariance, independent between blocks and samples.

    Parameters
    ----------
    covariance : array or mapping of block to array
        Positive semidefinite matrix (d, d), or vector (d,) of the variances of independent features; by itself for
        an experiment of one block. Blocks that a mapping leaves out are standard normal.

    Notes
    -----
    The features are the standard normal ones times the symmetric square root of the covariance.
    """

    covariance: Any
    spare_arrays: ClassVar[int] = 1

    def __post_init__(self) -> None:
        given = self.covariance
        if isinstance(given, Mapping):
            given = FrozenMapping({block: _covariance(value, f"the covariance of block {block!r}") for block, value in given.items()})
        else:
            given = _covariance(given, "the covariance")
        object.__setattr__(self, "covariance", given)

    def roots(self, blocks: Mapping[str, int]) -> tuple[np.ndarray | None, ...]:
        """Return the square root of every block's covariance; InputError if blocks or dimensions do not fit."""
        given = self.covariance
        if not isinstance(given, FrozenMapping):
            if len(blocks) > 1:
                raise InputError(
                    f"the covariance is a single array, but the experiment has the blocks {list(blocks)}; "
                    "give a mapping from block to array"
                )
            given = {next(iter(blocks)): given}
        for block, covariance in given.items():
            if block not in blocks:
                raise InputError(f"the covariance names block {block!r}, which is not among {list(blocks)}; correct the name")
            if len(covariance) != blocks[block]:
                sizes = f"is for {len(covariance)} features, the block has {blocks[block]}"
                raise InputError(f"the covariance of block {block!r} {sizes}; make them equal")
        return tuple(_root(given[block].values) if block in given else None for block in blocks)


@dataclass(frozen=True)
class Rademacher(FeatureLaw):
    """Independent random signs: those of the standard normal entries."""

    discrete: ClassVar[bool] = True

    def draw(self, streams: Streams, task: int, block: int, shape: tuple[int, ...]) -> np.ndarray:
        """Draw signs."""
        values = super().draw(streams, task, block, shape)
        return np.copysign(1.0, values, out=values)


@dataclass(frozen=True)
class StudentT(FeatureLaw):
    """Independent entries with Student's t distribution, scaled to unit variance.

    Parameters
    ----------
    df : float
        Degrees of freedom, above 2. Moments below order ``df`` are finite; errors that a frozen block causes enter
        through fourth powers of features, so keep ``df`` above 4 where their standard errors have to exist.

    Notes
    -----
    The entries are the standard normal ones divided by the root of an independent Gamma(df/2) of mean df/(df - 2),
    drawn from streams of their own.
    """

    df: float
    spare_arrays: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not isinstance(self.df, Real) or isinstance(self.df, bool) or not 2 < self.df < math.inf:
            raise InputError(
                f"the degrees of freedom are {self.df!r}; give a finite number above 2 (at 2 and below the variance is infinite; "
                "StandardNormal() is the limit of large ones)"
            )
        object.__setattr__(self, "df", float(self.df))

    def draw(self, streams: Streams, task: int, block: int, shape: tuple[int, ...]) -> np.ndarray:
        """Draw entries of unit variance."""
        values = super().draw(streams, task, block, shape)
        scale = streams.mixing(task, block).standard_gamma(self.df / 2, shape)
        scale *= 2 / (self.df - 2)
        values /= np.sqrt(scale, out=scale)
        return values


def coloured(values: np.ndarray, root: np.ndarray | None) -> np.ndarray:
    """Return uncorrelated rows (..., d) times a root of their covariance, as `FeatureLaw.roots` gives it."""
    if root is None:
        return values
    return values * root if root.ndim == 1 else values @ root


def check_features(features: Any) -> FeatureLaw:
    """Return ``features`` if it is a law; InputError otherwise."""
    if not isinstance(features, FeatureLaw) or type(features) is FeatureLaw:
        raise InputError(f"features is {features!r}; choose StandardNormal(), Gaussian(covariance), Rademacher() or StudentT(df)")
    return features


def _covariance(value: Any, what: str) -> FrozenArray:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{what} is {value!r}; give an array of numbers") from None
    if array.ndim not in (1, 2) or array.shape[0] != array.shape[-1] or not array.size:
        raise InputError(f"{what} has shape {array.shape}; give a square matrix or a vector of variances")
    if not np.all(np.isfinite(array)):
        raise InputError(f"{what} holds NaN or infinity; give finite numbers")
    skew = float(np.abs(array - array.T).max())  # 0 for a vector
    if skew > 1e-12 * np.abs(array).max():
        raise InputError(f"{what} is not symmetric: it differs from its transpose by {skew:.3g}; correct the entries")
    entry, values = ("variance", array) if array.ndim == 1 else ("eigenvalue", np.linalg.eigvalsh(array))
    if values.min() < (0 if array.ndim == 1 else -ROUNDING * np.abs(array).max()):
        raise InputError(f"{what} has the {entry} {values.min():.6g}; a covariance is positive semidefinite, so none is negative")
    return FrozenArray(array)


def _root(covariance: np.ndarray) -> np.ndarray:
    if covariance.ndim == 1:
        return np.sqrt(covariance)
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    # What is below the accuracy of the eigenvalues themselves would turn a zero into 1e-8 under the root.
    values = np.where(values > 4 * np.finfo(float).eps * len(values) * values[-1], values, 0.0)
    root = (vectors * np.sqrt(values)) @ vectors.T
    return (root + root.T) / 2
