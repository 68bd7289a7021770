"""One step under a memory (GEM and its relatives) as data: what samplers draw and formulas speak of.

One block of p parameters with standard normal features. The population gradient of the earlier task is gbar = theta - w_1, that of the current
one is g; the memory's gradient g_m = X(X'gbar - noise)/m is a mean over m stored samples. The step takes z = g + v g_m in place of g.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from theory.checks import between, not_negative, positive, whole
from theory.errors import InputError
from theory.inner_products import ROUNDING, coordinates

INSIDE, ADDED, CONSTANT, EQUALITY = FORMS = ("inside", "added", "constant", "equality")


@dataclass(frozen=True)
class MemoryStep:
    """A gradient step under a memory that theta has not seen.

    Parameters
    ----------
    p, m : int
        Parameters, at least 3, and stored samples.
    sigma : float
        Standard deviation of the memory's label noise.
    distance : float
        |gbar|, the distance of theta from the earlier task's truth.
    cos : float
        Cosine of the current gradient g and gbar; negative where the tasks are in conflict.
    norm : float
        |g|, the length of the current gradient.
    groups : int
        Groups of p / groups parameters with a constraint of their own each (p-mGEM), to which g and gbar are spread evenly; 1 is GEM.

    Examples
    --------
    >>> from theory.memory import MemoryStep
    >>> MemoryStep(p=400, m=400, sigma=0.5, distance=1.0, cos=-0.3).threshold
    0.3
    """

    p: int
    m: int
    sigma: float
    distance: float
    cos: float
    norm: float = 1.0
    groups: int = 1

    def __post_init__(self) -> None:
        whole(self.p, "p, the number of parameters,", 3)
        whole(self.m, "m, the number of stored samples,", 1)
        whole(self.groups, "groups, the number of groups of parameters,", 1)
        if self.p % self.groups or self.p // self.groups < 3:
            raise InputError(f"groups is {self.groups}, which does not divide p = {self.p} into groups of at least 3; give a divisor of p")
        not_negative(self.sigma, "sigma, the noise of the memory,")
        between(self.cos, "cos, the cosine of both gradients,", -1.0, 1.0)
        positive(self.distance, "distance, the length of gbar,", "at the truth there is nothing to protect")
        positive(self.norm, "norm, the length of g,", "at its minimum the task makes no step")

    @property
    def threshold(self) -> float:
        """The strength from which a constant multiplier of gbar itself would meet the constraint, -<g, gbar>/|gbar|^2; at least 0."""
        return max(0.0, -self.cos * self.norm / self.distance)


@dataclass(frozen=True)
class StoredStep:
    """A step under a memory that theta_1 was fitted to: task 1 from zero with n_1 < p - 1 samples, m of them stored.

    Parameters
    ----------
    p, m, n_1 : int
        Parameters, stored samples, samples of task 1.
    sigma : float
        Standard deviation of task 1's noise.
    distance : float
        |w_2 - w_1|, the distance of the truths; w_1 has length 1 and w_2 - w_1 is orthogonal to it.
    share : float
        How far theta has gone from theta_1 to w_2, where task 2's population gradient leads; from 0 to 1.
    """

    p: int
    m: int
    n_1: int
    sigma: float
    distance: float
    share: float

    def __post_init__(self) -> None:
        if not whole(self.m, "m, the number of stored samples,", 1) <= whole(self.n_1, "n_1, the samples of task 1,", 1) < whole(self.p, "p, the number of parameters,", 3) - 1:
            raise InputError(f"m is {self.m}, n_1 {self.n_1} and p {self.p}; m <= n_1 < p - 1 is needed, so that task 1 can be fitted")
        not_negative(self.sigma, "sigma, the noise of task 1,")
        not_negative(self.distance, "distance, that of the truths,")
        between(self.share, "share, the way gone to w_2,", 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class Memories:
    """Where a step or a path starts under memories of several earlier tasks, or under parts of a memory, that theta has not seen.

    Parameters
    ----------
    sizes : tuple of int, length J
        Parameters of each group that has constraints of its own (p-mGEM); one group is GEM.
    samples : tuple of int, length 1 + V
        Behind the current gradient, fresh ones in every step (0: the population's gradient), then in each of V memories. Parts of a
        memory (d-mGEM) are memories whose rows of ``gram`` are equal.
    sigma : tuple of float, length 1 + V
        Standard deviation of the label noise of each of them.
    gram : array_like, shape (1 + V, 1 + V) or (J, 1 + V, 1 + V)
        Inner products of the population gradients theta - w at the start: the current task's, then those of the memories' tasks. A
        single matrix is spread over the groups in proportion to their sizes; otherwise each group has its own.

    Raises
    ------
    InputError
        If lengths do not agree, a group is smaller than the rank of its matrix, or a matrix is none of inner products.

    Examples
    --------
    A current task in conflict with one earlier task, whose memory of 20 samples is cut in two, with constraints in two groups:

    >>> from theory.memory import Memories
    >>> d, g = 1.0, -0.3
    >>> Memories((40, 60), (0, 10, 10), (0.0, 0.5, 0.5), [[1, g, g], [g, d, d], [g, d, d]]).coordinates.shape
    (2, 3, 2)
    """

    sizes: tuple[int, ...]
    samples: tuple[int, ...]
    sigma: tuple[float, ...]
    gram: Any

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, tuple) or not self.sizes:
            raise InputError(f"sizes is {self.sizes!r}; give a tuple with the size of each group, such as (100,)")
        for size in self.sizes:
            whole(size, "the number of parameters of a group", 1)
        for i, (m, sigma) in enumerate(zip(self.samples, self.sigma, strict=False)):
            whole(m, f"the number of samples of {f'memory {i}' if i else 'the current gradient'}", min(i, 1))
            not_negative(sigma, "sigma, the noise of a memory,")
        shape, n = np.shape(self.gram), len(self.samples)
        if n < 2 or len(self.sigma) != n or shape not in ((n, n), (len(self.sizes), n, n)):
            raise InputError(f"{n} numbers of samples, {len(self.sigma)} of sigma and a gram of shape {shape} do not agree; give one of each for g and for each memory")
        if min(self.sizes) < (rank := self.coordinates.shape[-1]):
            raise InputError(f"a group of {min(self.sizes)} parameters has no room for gradients of rank {rank}; make it larger")

    @cached_property
    def coordinates(self) -> np.ndarray:
        """The population gradients in an orthonormal basis of each group, shape (J, 1 + V, k), k the largest rank."""
        spread = np.array(self.sizes) / sum(self.sizes) if np.ndim(self.gram) == 2 else np.ones(len(self.sizes))
        gram = spread[:, None, None] * np.asarray(self.gram, dtype=float)
        found = coordinates(gram, "gram")
        lengths = np.square(found).sum(1)  # the eigenvalues
        return found[:, :, : int(np.sum(lengths > ROUNDING * lengths.max(), axis=1).max())]
