"""What an experiment assumes of its features and how its tasks are trained, as data: no drawing, no formula.

Samplers hold the drawing of a feature law and the filter of a rule (`simulate.sample`), laws the expectations
(`theory.law`); both look them up by type.
"""

import difflib
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from fractions import Fraction
from functools import singledispatch
from numbers import Real
from typing import Any

import numpy as np

from theory.checks import between, is_real, known, positive, whole
from theory.errors import InputError
from theory.values import FrozenArray, FrozenMapping, below, is_grid, is_symbolic, number

MIN_NORM = "min_norm"
ROUTES = ("auto", "gram", "qr")
RULES = "MinNorm(), Ridge(lam), GradientDescent(steps, rate), Flow(time), Distillation(strength), HeadDistillation(strength), EWC(strength) or SI(strength)"

# Eigenvalues of a covariance that are this small beside the largest one count as rounding of its entries.
ROUNDING = 1e-10

HANDLERS: list[Any] = []  # functions of a feature law or a rule, by its type; keys know the files of a user's


def by_condition(function: Any) -> Any:
    """Make a function depend on the type of its first argument, a feature law or a rule (`functools.singledispatch`)."""
    HANDLERS.append(singledispatch(function))
    return HANDLERS[-1]


def filtered(rule: Any, values: Any, eigenvalues: np.ndarray) -> np.ndarray:
    """Return what the filter of a rule gives at eigenvalues; InputError unless it is a finite number for each."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or values.shape != eigenvalues.shape or not np.all(np.isfinite(values)):
        raise InputError(f"the filter of {rule!r} returns {reprlib.repr(values)} for eigenvalues of shape {eigenvalues.shape}; return an array with a finite number for each of them")
    return values


class FeatureLaw:
    """What all laws of features share, mean zero above all; not made directly."""


class Rule:
    """By which rule a task is trained; not made directly."""

    @property
    def numbers(self) -> dict[str, Any]:
        """The numbers, symbols and grids among the fields, by name."""
        found = {one.name: getattr(self, one.name) for one in fields(self)} if is_dataclass(self) else {}
        return {name: value for name, value in found.items() if is_real(value) or is_symbolic(value) or is_grid(value)}


@dataclass(frozen=True)
class StandardNormal(FeatureLaw):
    """Independent standard normal entries, which every formula of the catalogue assumes.

    Examples
    --------
    >>> import driftlaw as dl
    >>> dl.one_block(20, (5,), noise=0, gram=[[1]]).features
    StandardNormal()
    """


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

    Examples
    --------
    Three features with variances 4, 1 and 1:

    >>> import driftlaw as dl
    >>> seq = dl.one_block(3, (1,), noise=0, truth=[[1.0, 0.0, 0.0]])
    >>> print(dl.simulate(seq.under(dl.Gaussian([4, 1, 1])), trials=1000).error(0, 0))
    0.481 +- 0.011 (1,000 trials)
    """

    covariance: Any

    def __post_init__(self) -> None:
        given = self.covariance
        if isinstance(given, Mapping):
            blocks = given.items()
            given = FrozenMapping({b: _covariance(value, f"the covariance of block {b!r}") for b, value in blocks})
        else:
            given = _covariance(given, "the covariance")
        object.__setattr__(self, "covariance", given)

    def of_blocks(self, blocks: Mapping[str, int]) -> dict[str, np.ndarray]:
        """Return the covariance of every block that has one; InputError if blocks or dimensions do not fit."""
        given = self.covariance
        if not isinstance(given, FrozenMapping):
            if len(blocks) > 1:
                raise InputError(f"the covariance is a single array, but the experiment has the blocks {list(blocks)}; give a mapping from block to array")
            given = {next(iter(blocks)): given}
        for block, covariance in given.items():
            if block not in blocks:
                raise InputError(f"the covariance names block {block!r}, which is not among {list(blocks)}; correct the name")
            if len(covariance) != blocks[block]:
                sizes = f"is for {len(covariance)} features, the block has {blocks[block]}"
                raise InputError(f"the covariance of block {block!r} {sizes}; make them equal")
        return {block: covariance.values for block, covariance in given.items()}


@dataclass(frozen=True)
class Subspace(Gaussian):
    """Standard normal features on a subspace of a single block, where features of other tasks may lie at other angles.

    Parameters
    ----------
    basis : array, shape (d, k)
        Independent columns that span it; features are z'U' for standard normal z and orthonormal U.

    Notes
    -----
    Beyond the subspace a task sees and changes nothing: ``risk="features"`` measures errors of its predictions. Singular values of U_s'U_t are the
    cosines of the principal angles between two tasks; `theory.constructors.overlapping` makes tasks at equal ones.

    Examples
    --------
    A second task on coordinates of its own leaves the first one alone:

    >>> import numpy as np
    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (5, 5), noise=0.5, truth=np.eye(20)[:2])
    >>> first, second = (dl.Task(5, 0.5, {"w": np.eye(20)[i]}, ("w",), features=dl.Subspace(np.eye(20)[:, i : i + 10])) for i in (0, 10))
    >>> law = dl.expected_errors(dl.TaskSequence({"w": 20}, [first, second], risk="features"))
    >>> law.errors.round(4)
    array([[0.8125, 1.    ],
           [0.8125, 0.8125]])
    """

    covariance: Any = field(init=False, repr=False)
    basis: Any

    def __post_init__(self) -> None:
        try:
            basis: Any = np.asarray(self.basis, dtype=float)
        except (TypeError, ValueError):
            basis = np.empty(0)
        if basis.ndim != 2 or not basis.size or not np.all(np.isfinite(basis)) or np.linalg.matrix_rank(basis) < basis.shape[1]:
            raise InputError(f"the basis of a subspace is {reprlib.repr(self.basis)}; give a matrix of finite, independent columns")
        unit = np.linalg.qr(basis)[0]
        object.__setattr__(self, "basis", FrozenArray(basis))
        object.__setattr__(self, "covariance", FrozenArray(unit @ unit.T))


@dataclass(frozen=True)
class Rademacher(FeatureLaw):
    """Independent random signs.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (5,), noise=0.5, gram=[[1]])
    >>> print(dl.simulate(seq.under(dl.Rademacher()), trials=1000).error(0, 0))
    0.8328 +- 0.0029 (1,000 trials)
    """


@dataclass(frozen=True)
class StudentT(FeatureLaw):
    """Independent entries with Student's t distribution, scaled to unit variance.

    Parameters
    ----------
    df : float
        Degrees of freedom, above 2. Moments below order ``df`` are finite; errors that a frozen block causes enter
        through fourth powers of features, so keep ``df`` above 4 where their standard errors have to exist.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (5,), noise=0.5, gram=[[1]])
    >>> print(dl.simulate(seq.under(dl.StudentT(9)), trials=1000).error(0, 0))
    0.8494 +- 0.0051 (1,000 trials)
    """

    df: float

    def __post_init__(self) -> None:
        if not isinstance(self.df, Real) or isinstance(self.df, bool) or not 2 < float(self.df) < math.inf:
            raise InputError(
                f"the degrees of freedom are {self.df!r}; give a finite number above 2 (at 2 and below the variance is "
                "infinite; StandardNormal() is the limit of large ones)"
            )
        object.__setattr__(self, "df", float(self.df))


@dataclass(frozen=True)
class MinNorm(Rule):
    """The least step that fits the data, or least squares where no step does.

    Parameters
    ----------
    route : {"auto", "gram", "qr"}
        How it is computed, without effect on what; see `simulate.simulate`.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (5,), noise=0.5, gram=[[1]])
    >>> seq.rule == dl.MinNorm() == dl.MinNorm("qr")
    True
    """

    route: str = field(default="auto", compare=False)

    def __post_init__(self) -> None:
        if self.route not in ROUTES:
            near = difflib.get_close_matches(str(self.route), (*ROUTES, MIN_NORM), n=1, cutoff=0.3)
            guess = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(f"there is no solver {self.route!r}; {guess}choose one of {', '.join(ROUTES)}, {MIN_NORM}, or {RULES}")


@dataclass(frozen=True)
class Ridge(Rule):
    """Ridge regression around the start: minimises ``|A step - r|^2 + lam sum_b lambda_b |step_b|^2``.

    Parameters
    ----------
    lam : float, symbol or grid
        Penalty, above 0, on the scale of A'A (not divided by the number of samples); to 0 it gives the least step.

    Examples
    --------
    At this much noise a penalty helps; `expected_errors` knows the expectation:

    >>> import numpy as np
    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (15,), noise=1.0, gram=[[1]])
    >>> for rule in (dl.MinNorm(), dl.Ridge(10.0)):
    ...     print(dl.simulate(seq.under(rule=rule), trials=1000).error(0, 0))
    4.14 +- 0.13 (1,000 trials)
    0.7342 +- 0.0064 (1,000 trials)
    >>> dl.expected_errors(seq.under(rule=dl.Ridge(np.array([1.0, 10.0, 100.0])))).error(0, 0).round(4)
    array([1.6375, 0.7374, 0.8191])
    """

    lam: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "lam", _above_zero(self.lam, "the penalty lam", "solver='min_norm' is the limit 0"))


@dataclass(frozen=True)
class Distillation(Rule):
    """Learning without forgetting, with one head: labels and the previous outputs on the same inputs, of weight ``strength``.

    Minimises ``|A theta - y|^2 + strength |A theta - A theta_previous|^2`` from the previous estimate.

    Parameters
    ----------
    strength : number, symbol or grid
        At least 0; 0 is the least step.

    Notes
    -----
    Exactly the least step times ``1 / (1 + strength)``, for any number of samples, and it is computed so. A block that was
    trained before and starts from zero breaks this, and is refused.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (5, 5), noise=0, gram=[[1, 0], [0, 1]])
    >>> for rule in (dl.MinNorm(), dl.Distillation(1)):
    ...     print(dl.expected_errors(seq.under(rule=rule)).forgetting())
    5/16
    21/256
    """

    strength: Any

    def __post_init__(self) -> None:
        _at_least_zero(self, "strength of distillation")

    @property
    def share(self) -> Any:
        """Share of the least step that is taken."""
        if is_grid(self.strength):
            return FrozenArray(1 / (1 + self.strength.values))
        return Fraction(1) / (1 + self.strength)


@dataclass(frozen=True)
class HeadDistillation(Rule):
    """Learning without forgetting, with a head for each task: labels, and the previous outputs of every earlier task on the same inputs.

    Minimises ``|y - A theta|^2 + strength sum_s |previous output of task s - its output|^2`` from the previous estimate, where s runs over the
    earlier tasks, whose outputs move with those blocks of theirs that are trained now.

    Parameters
    ----------
    strength : number, symbol or grid
        At least 0; 0 is the least step.

    Notes
    -----
    With d parameters of one's own, all others shared: n <= d samples move the own ones alone, whatever the strength above 0, which is frozen
    training. With more, the own ones are fitted by least squares, and the shared ones take the share 1 / (1 + tasks strength) of what that
    leaves. There is a law up to n of the shared parameters less two; beyond, a sampler. Blocks that every earlier task used alone make
    `Distillation`, of the strength times the number of earlier tasks.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.one_head_per_task(40, (10, 10), (20, 25), noise=0, gram={"shared": [[1, 0], [0, 1]], "head": (1, 1)})
    >>> for strength in (0, 1, 4):
    ...     print(round(float(dl.expected_errors(seq.under(rule=dl.HeadDistillation(strength))).forgetting()), 4))
    0.75
    0.1947
    0.0184
    """

    strength: Any

    __post_init__ = Distillation.__post_init__


@dataclass(frozen=True)
class EWC(Rule):
    """Online elastic weight consolidation with a diagonal Fisher information that is estimated from the samples.

    Adds the penalty ``strength / 2 sum_j F_j step_j^2`` to half the mean squared residual. F is ``decay`` times what it was, plus the last
    task's, by which it was trained under the same rule; in the first task it is 0.

    Parameters
    ----------
    strength : float
        At least 0.
    fisher : {"empirical", "sample"}
        ``mean_i r_i^2 x_ij^2``, from the residuals r that training leaves, or ``mean_i x_ij^2``. With the population's, which is 1 here, the
        rule is ridge regression: `theory.constructors.ewc_rules`.
    decay : float
        Between 0 and 1.

    Notes
    -----
    The empirical one vanishes where training interpolates, and then the steps are least ones at any strength. Else there is no law. It
    looks at single coordinates, so truths are vectors or `Isotropic`.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (5, 5), noise=0, truth=[[1] + [0] * 19, [0, 1] + [0] * 18])
    >>> dl.expected_errors(seq.under(rule=dl.EWC(3.0))).forgetting()
    Fraction(5, 16)
    >>> print(dl.simulate(seq.under(rule=dl.EWC(3.0, fisher="sample")), trials=1000).forgetting())
    0.1695 +- 0.0059 (1,000 trials)
    """

    strength: float
    fisher: str = "empirical"
    decay: float = 1.0

    def __post_init__(self) -> None:
        _at_least_zero(self, "strength of consolidation", alone=True)
        object.__setattr__(self, "decay", between(self.decay, "the decay of the Fisher information", 0, 1))
        known(self.fisher, ("empirical", "sample"), "Fisher information", "fisher={!r}")


@dataclass(frozen=True)
class SI(Rule):
    """Synaptic intelligence: what each coordinate did for the loss on its path is its importance.

    The penalty is that of `EWC` with ``2 omega_j / (step_j^2 + damping)`` for F_j, summed over the earlier tasks. omega_j is the integral of
    the loss' slope along coordinate j, over gradient flow on loss and penalty.

    Parameters
    ----------
    strength : float
        At least 0.
    damping : float
        Above 0, beside squared steps of single coordinates.

    Notes
    -----
    Where all eigenvalues of A'A agree, F is the same for all coordinates as the damping goes to 0 (one sample; many more samples than
    parameters, where F is 1 after one task). So two tasks are those of EWC. Else there is no law. Truths are vectors or `Isotropic`.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (30, 30), noise=0.3, truth=[[1] + [0] * 19, [0, 1] + [0] * 18])
    >>> print(dl.simulate(seq.under(rule=dl.SI(1.0)), trials=1000).forgetting())
    0.4193 +- 0.0081 (1,000 trials)
    """

    strength: float
    damping: float = 1e-6

    def __post_init__(self) -> None:
        _at_least_zero(self, "strength of synaptic intelligence", alone=True)
        object.__setattr__(self, "damping", positive(self.damping, "the damping", "such as 1e-6"))


CONSOLIDATING = (EWC, SI)  # rules with a penalty on single coordinates that earlier tasks decide


@dataclass(frozen=True)
class GradientDescent(Rule):
    """Plain gradient descent on all rows, on the loss ``|A theta - y|^2 / (2 rows)``, stopped after ``steps`` steps.

    Parameters
    ----------
    steps : int
        Number of steps, at least 1; to infinity it gives the least step.
    rate : float
        Length of a step over the gradient. Where a task weighs its blocks, block b descends at ``rate / lambda_b``.

    Notes
    -----
    Computed at once, not step by step: g(x) = (1 - (1 - rate x / rows)^steps) / x.

    Examples
    --------
    More steps come closer to the least step that fits:

    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (5,), noise=0, gram=[[1]])
    >>> for rule in (dl.GradientDescent(1, 0.1), dl.GradientDescent(100, 0.1), dl.MinNorm()):
    ...     print(dl.simulate(seq.under(rule=rule), trials=1000).error(0, 0))
    0.8518 +- 0.0026 (1,000 trials)
    0.7516 +- 0.0041 (1,000 trials)
    0.7516 +- 0.0041 (1,000 trials)
    """

    steps: int
    rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", whole(self.steps, "the number of gradient steps", 1))
        object.__setattr__(self, "rate", positive(self.rate, "the rate of gradient descent", "such as 0.1"))

    @property
    def time(self) -> float:
        """Time of the gradient flow that it follows."""
        return self.steps * self.rate


@dataclass(frozen=True)
class Flow(Rule):
    """Gradient flow on the loss ``|A theta - y|^2 / (2 rows)``, stopped early: gradient descent with many tiny steps.

    Parameters
    ----------
    time : float or grid
        At which it stops, above 0; to infinity it gives the least step. Where a task weighs its blocks, block b moves
        ``lambda_b`` times as slowly.

    Notes
    -----
    g(x) = (1 - exp(-time x / rows)) / x.

    Examples
    --------
    >>> import driftlaw as dl
    >>> seq = dl.one_block(20, (20,), noise=0.5, gram=[[1]])
    >>> for time in (0.1, 1, 10):
    ...     print(round(float(dl.expected_errors(seq.under(rule=dl.Flow(time))).error(0, 0)), 4))
    0.8369
    0.4561
    0.5358
    """

    time: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "time", _above_zero(self.time, "the time of gradient flow", "MinNorm() is the limit of long times"))


def _above_zero(value: Any, what: str, hint: str) -> Any:
    """Return a positive number as a float; fractions, symbols and grids stay what they are."""
    if not isinstance(value, (Fraction, np.ndarray, FrozenArray)) and not is_symbolic(value):
        return positive(value, what, hint)
    value = number(value, what)
    if below(value, 0) or (not is_symbolic(value) and np.any(np.asarray(value) == 0)):
        raise InputError(f"{what} is {value!r}; give finite numbers above 0 ({hint})")
    return value


def _at_least_zero(rule: Any, what: str, alone: bool = False) -> None:
    """Check a rule's strength; ``alone`` takes single numbers only."""
    strength = number(rule.strength, f"the {what}")
    if below(strength, 0) or (alone and not is_real(strength)):
        raise InputError(f"the {what} is {strength!r}; give a finite number of at least 0")
    object.__setattr__(rule, "strength", float(strength) if alone else strength)


def as_features(features: Any) -> FeatureLaw:
    """Return ``features`` if it is a law; InputError otherwise."""
    if not isinstance(features, FeatureLaw) or type(features) is FeatureLaw:
        raise InputError(f"features is {features!r}; choose StandardNormal(), Gaussian(covariance), Subspace(basis), Rademacher() or StudentT(df)")
    return features


def as_rule(rule: Any) -> Rule:
    """Return the training rule that a rule, or the name of a way to the least step, means; InputError if none."""
    if isinstance(rule, Rule) and type(rule) is not Rule:
        return rule
    route: Any = rule
    return MinNorm() if isinstance(route, str) and route == MIN_NORM else MinNorm(route)


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
