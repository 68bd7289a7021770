"""Gaussian classes that a nearest class mean tells apart, as data: what samplers draw and formulas speak of."""

from dataclasses import dataclass

from theory.checks import flag, not_negative, whole
from theory.errors import InputError


@dataclass(frozen=True)
class Classes:
    """Classes N(mu_i, I), each with a stored prototype: the mean of samples, or mu_i itself.

    Parameters
    ----------
    K, d : int
        Classes, at least 2, and dimensions of the features.
    D : float
        |mu_i - mu_j|, in standard deviations of a feature within a class; its root mean square where means are random.
    n : int or None
        Samples behind each prototype; None where the means are known.
    tau : float
        Standard deviation, in each feature, of the way that a class's mean has gone since its prototype was stored; 0 of frozen features.
    old : int
        Classes that came first.
    random : bool
        Means are drawn from N(0, D^2/(2d) I); otherwise all are at the same distance, for which d >= K - 1 is needed.

    Examples
    --------
    >>> from theory.prototypes import Classes
    >>> Classes(K=20, d=30, D=4.0, n=5, old=10).tau
    0.0
    """

    K: int
    d: int
    D: float
    n: int | None = None
    tau: float = 0.0
    old: int = 2
    random: bool = False

    def __post_init__(self) -> None:
        if whole(self.d, "d, the number of features,", 1) < whole(self.K, "K, the number of classes,", 2) - 1 and not self.random:
            raise InputError(f"{self.K} classes at equal distances need {self.K - 1} dimensions; d is {self.d}, so give random=True")
        if whole(self.old, "old, the number of classes that came first,", 1) > self.K:
            raise InputError(f"old is {self.old}, of {self.K} classes; give at most K")
        if self.n is not None:
            whole(self.n, "n, the number of samples of a class,", 1)
        elif self.D == 0:
            raise InputError("D is 0 and the means are known, so that all prototypes are one point; give n")
        flag(self.random, "random")
        not_negative(self.D, "D, the distance of the classes,")
        not_negative(self.tau, "tau, the drift of the features,")
