"""How many trials a check needs: fixed in advance from a pilot, so that looking at the result never decides when to stop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulate.evidence import upper_quantile
from theory.checks import is_real
from theory.errors import InputError

# Below this many trials the normal approximation is poor at the far tails that small false-alarm rates ask for.
LEAST_TRIALS = 4096
MOST_INFLATION = 2  # of the far tails by skewness
BATCH = 256  # trials behind each z-score of the measured tail rate; samples are whole numbers of batches


@dataclass(frozen=True)
class Settings:
    """What a check promises, and what it may cost.

    Parameters
    ----------
    delta : float
        Difference that matters, as a share of the case's error scale.
    false_alarm : float
        Probability that any correct formula of the run is called wrong.
    power : float
        Probability that a difference of delta is detected in a case, and, less ``false_alarm``, that what is right is called right in
        all cases.
    seed : int
        Of all draws.
    pilot_trials, max_trials, min_trials : int
        Trials of each case's pilot, the most that its judged sample may have, and the least where the plan asks for fewer.
    """

    delta: float = 0.02
    false_alarm: float = 1e-6
    power: float = 0.95
    seed: int = 0
    pilot_trials: int = 512
    max_trials: int = 2**20
    min_trials: int = 0

    def __post_init__(self) -> None:
        shares = {"delta": (self.delta, 0.02), "false_alarm": (self.false_alarm, 1e-6), "power": (self.power, 0.95)}
        for name, (value, usual) in shares.items():
            if not is_real(value) or not 0 < value < 1:
                raise InputError(f"{name} is {value!r}; give a number between 0 and 1, such as {usual}")
        if self.power < 0.5:
            raise InputError(f"power is {self.power!r}; a check that misses more than half of all mistakes is none, give at least 0.5")
        for name, least in {"seed": 0, "pilot_trials": 64, "max_trials": LEAST_TRIALS, "min_trials": 0}.items():
            value = getattr(self, name)
            if not is_real(value) or not (value == value // 1 and value >= least):
                raise InputError(f"{name} is {value!r}; give a whole number of at least {least:,}")
            object.__setattr__(self, name, int(value))
        if self.min_trials > self.max_trials:
            raise InputError(f"min_trials is {self.min_trials:,}, above max_trials, which is {self.max_trials:,}; raise that too")


@dataclass(frozen=True)
class Levels:
    """Normal quantiles of a run of ``cases`` comparisons.

    Parameters
    ----------
    cases : int
        Comparisons among which the false-alarm rate is divided.
    z_alpha : float
        Simultaneous quantile: beyond it a case disagrees, and it is the half-width of agreeing intervals.
    z_power : float
        One-sided quantile of the power in one case.
    z_agree : float
        Simultaneous quantile of the power over all cases.
    """

    cases: int
    z_alpha: float
    z_power: float
    z_agree: float

    @classmethod
    def of(cls, settings: Settings, cases: int, sides: int = 2) -> "Levels":
        """Divide false alarms and misses of a run among its comparisons (Bonferroni, which Holm's first step equals).

        A bound can be wrong to one side only: ``sides`` is 1 there.
        """
        miss = 1 - settings.power
        return cls(cases, upper_quantile(settings.false_alarm / (sides * cases)), upper_quantile(miss), upper_quantile(miss / (sides * cases)))

    def goal(self, delta: float) -> float:
        """Compute the standard error at which an absolute difference ``delta`` is found and a correct formula agrees.

        Detection needs delta >= (z_alpha + z_power) stderr; agreement in all cases needs
        delta >= (z_alpha + z_agree) stderr.
        """
        return delta / (self.z_alpha + max(self.z_power, self.z_agree))

    def detectable(self, stderr: float) -> float:
        """Compute the difference that a sample with this standard error detects with the power of one case."""
        return (self.z_alpha + self.z_power) * stderr


@dataclass(frozen=True)
class TrialPlan:
    """Trials that a case needs for its goal, and those that it gets."""

    needed: int
    trials: int


def plan_trials(variance: float, delta: float, levels: Levels, max_trials: int, skewness: float = 0.0, min_trials: int = 0) -> TrialPlan:
    """Plan the sample that brings the standard error to its goal, and the z-score near enough to normal.

    Parameters
    ----------
    variance : float
        Upper bound of the variance of one trial.
    delta : float
        Absolute difference that matters.
    levels : Levels
    max_trials : int
        The plan is cut to whole batches below it.
    skewness : float
        Of one trial. To first order the tail of a studentized mean of K trials beyond z is that of a normal times
        exp(skewness z^3 / (3 sqrt K)) on its heavier side; K is taken large enough to keep this factor below 2 at z_alpha.
    min_trials : int
        The plan has no fewer.
    """
    tails = (skewness * levels.z_alpha**3 / (3 * math.log(MOST_INFLATION))) ** 2
    needed = whole_batches(max(math.ceil(variance and variance / levels.goal(delta) ** 2), math.ceil(tails), LEAST_TRIALS, min_trials))
    return TrialPlan(needed, min(needed, max_trials // BATCH * BATCH))


def powers_of(sizes: Sequence[float], rate: Sequence[float]) -> np.ndarray:
    """Return the terms that a gap is fitted by, shape (sizes, 1 + powers): 1, and the powers of (smallest size) / size."""
    return (min(sizes) / np.array(sizes, dtype=float)[:, None]) ** np.array([0.0, *rate])


def fitting(terms: np.ndarray, stderr: np.ndarray) -> np.ndarray:
    """Return the matrix that makes coefficients of values by weighted least squares; its first row gives the limit.

    Parameters
    ----------
    terms : array, shape (sizes, coefficients)
    stderr : array, shape (sizes,)
        Standard errors of the values; only their ratios count.
    """
    relative = np.maximum(stderr / (stderr.max() or 1.0), 1e-9)
    return np.linalg.pinv(terms / relative[:, None]) / relative


def whole_batches(trials: float) -> int:
    """Round a number of trials up to whole batches."""
    return math.ceil(trials / BATCH) * BATCH
