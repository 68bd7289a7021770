"""How features are drawn, for every law of theirs in `theory.conditions`.

Every law draws its values from the standard normal ones of the same streams, so that a run under one law is paired
with the same run under another. A law of one's own is drawn after ``draw.register(MyLaw)``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulate.sample.streams import Streams
from theory.conditions import FeatureLaw, Gaussian, Rademacher, StandardNormal, StudentT, by_condition
from theory.errors import InputError


@by_condition
def draw(law: Any, streams: Streams, task: int, block: int, shape: tuple[int, ...]) -> np.ndarray:
    """Draw uncorrelated entries of unit variance, in an array of their own."""
    raise InputError(
        f"no sampler draws the features {law!r}; choose StandardNormal(), Gaussian(covariance), Rademacher() or "
        "StudentT(df), or register a drawing with simulate.sample.features.draw.register"
    )


@draw.register(StandardNormal)
@draw.register(Gaussian)
def _(law: Any, streams: Streams, task: int, block: int, shape: tuple[int, ...]) -> np.ndarray:
    return streams.features(task, block).standard_normal(shape)


@draw.register
def _(law: Rademacher, streams: Streams, task: int, block: int, shape: tuple[int, ...]) -> np.ndarray:
    values = streams.features(task, block).standard_normal(shape)
    return np.copysign(1.0, values, out=values)  # the signs of the normal ones


@draw.register
def _(law: StudentT, streams: Streams, task: int, block: int, shape: tuple[int, ...]) -> np.ndarray:
    # normal entries over the root of an independent Gamma(df/2) of mean df/(df - 2), from streams of its own
    values = streams.features(task, block).standard_normal(shape)
    scale = streams.mixing(task, block).standard_gamma(law.df / 2, shape)
    scale *= 2 / (law.df - 2)
    values /= np.sqrt(scale, out=scale)
    return values


def spare_arrays(law: FeatureLaw) -> int:
    """Arrays of a block's features that drawing takes besides the result."""
    return 0 if isinstance(law, (StandardNormal, Rademacher)) else 1


def roots(law: FeatureLaw, blocks: Mapping[str, int]) -> tuple[np.ndarray | None, ...]:
    """Return the square root of every block's covariance: None (the identity), a vector (diagonal) or a matrix.

    Raises
    ------
    InputError
        If the covariance names other blocks, or has other dimensions.
    """
    given = law.of_blocks(blocks) if isinstance(law, Gaussian) else {}
    return tuple(_root(given[block]) if block in given else None for block in blocks)


def coloured(values: np.ndarray, root: np.ndarray | None) -> np.ndarray:
    """Return uncorrelated rows (..., d) times a root of their covariance, as `roots` gives it."""
    if root is None:
        return values
    if root.ndim == 3:  # one for every entry of the last axis but one
        return (values[..., None, :] @ root)[..., 0, :]
    return values * root if root.ndim == 1 else values @ root


def _root(covariance: np.ndarray) -> np.ndarray:
    if covariance.ndim == 1:
        return np.sqrt(covariance)
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    # What is below the accuracy of the eigenvalues themselves would turn a zero into 1e-8 under the root.
    values = np.where(values > 4 * np.finfo(float).eps * len(values) * values[-1], values, 0.0)
    root = (vectors * np.sqrt(values)) @ vectors.T
    return (root + root.T) / 2
