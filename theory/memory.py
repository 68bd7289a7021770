"""One step under a memory (GEM and its relatives) as data: what samplers draw and formulas speak of.

One block of p parameters with standard normal features. The population gradient of the earlier task is gbar = theta - w_1, that of the current
one is g; the memory's gradient g_m = X(X'gbar - noise)/m is a mean over m stored samples. The step takes z = g + v g_m in place of g.
"""

from dataclasses import dataclass

from theory.checks import between, positive, whole
from theory.errors import InputError

INSIDE, ADDED, CONSTANT, EQUALITY = FORMS = ("inside", "added", "constant", "equality")


def not_negative(value: object, what: str) -> float:
    """Return a length, a deviation or a strength."""
    return between(value, what, 0.0, 1e150)


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
