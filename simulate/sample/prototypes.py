"""Nearest prototypes by sampling: samples of each class, their means, one test point a class, and a count of which mean is nearest."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulate.evidence import Estimate
from theory.checks import whole
from theory.prototypes import Classes

_CHUNK = 4_000_000  # numbers that are held at once


def measure(classes: Classes, count: int = 10_000, seed: Any = 0) -> dict[str, Estimate]:
    """Estimate the accuracy on the old classes, and what it loses by new classes and by drift, all on the same draws.

    Parameters
    ----------
    classes : Classes
    count : int
        Draws of all samples, at least 2, each with one test point of each old class.
    seed : int or sequence of int

    Returns
    -------
    quantities : dict of str to Estimate
        Shares of test points that are nearest to their own class's prototype: "alone", among those of the old classes; "among_all"; "drifted",
        among all, with the means where they have gone. "competition" is the first less the second, "drift" the second less the third.

    Examples
    --------
    >>> from simulate.sample.prototypes import measure
    >>> from theory.prototypes import Classes
    >>> found = measure(Classes(K=20, d=30, D=4.0, n=5, tau=0.5, old=10), count=1000)
    >>> {name: round(float(one.mean), 2) for name, one in found.items()}
    {'alone': 0.68, 'among_all': 0.57, 'drifted': 0.5, 'competition': 0.12, 'drift': 0.07}
    """
    K, d, n, old = classes.K, classes.d, classes.n, classes.old
    rng, parts = np.random.default_rng(np.random.SeedSequence(seed)), []
    corners = np.linalg.svd(np.eye(K) - 1 / K)[0][:, : min(K - 1, d)]  # a simplex, in as many coordinates as it has
    means = np.pad(corners * (classes.D / np.sqrt(2)), ((0, 0), (0, d - corners.shape[1])))[None]
    most = max(1, _CHUNK // (K * (d * (n or 1) + old)))
    for start in range(0, whole(count, "count, the number of draws,", 2), most):
        drawn = min(most, count - start)
        if classes.random:
            means = classes.D / np.sqrt(2 * d) * rng.standard_normal((drawn, K, d))
        stored = means if n is None else means + rng.standard_normal((drawn, K, n, d)).mean(axis=2)
        points = means[:, :old] + rng.standard_normal((drawn, old, d))
        now = points + classes.tau * rng.standard_normal((drawn, old, d))
        before, after = (_nearer(place, stored) for place in (points, now))
        correct = np.array([before[:, :, :old].argmin(axis=2), before.argmin(axis=2), after.argmin(axis=2)]) == np.arange(old)
        parts.append(correct.mean(axis=2).T)
    values = np.concatenate(parts).T
    named = dict(zip(("alone", "among_all", "drifted"), values, strict=True)) | {"competition": values[0] - values[1], "drift": values[1] - values[2]}
    return {name: Estimate.from_samples(one) for name, one in named.items()}


def _nearer(points: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """Squared distances of points to prototypes, less the squared lengths of the points."""
    return np.sum(stored**2, axis=-1)[..., None, :] - 2 * points @ np.swapaxes(stored, -1, -2)
