"""Refute a statement: search a space of settings for the smallest one at which it fails, and for the region where it does.

The exact law is searched where there is one; simulation, with a budget, where there is none. What is found is confirmed by `check`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast
from zlib import crc32

import numpy as np
import sympy

from simulate.sample.run import simulate
from simulate.verdicts.comparison import Comparison, comparisons
from simulate.verdicts.conjecture import Conjecture, conjecture
from simulate.verdicts.judge import check
from simulate.verdicts.planning import Settings
from simulate.verdicts.report import CheckReport
from simulate.wording import describe, plain, shorten
from theory import exits
from theory.checks import optional, whole
from theory.errors import DomainError, DriftlawError, InputError, NoClosedForm
from theory.formula import Formula
from theory.grids import law_at
from theory.law import expected_errors
from theory.space import Space, exactly

CHUNK, ENOUGH, MOST = 2**16, 2**11, 64  # settings at once, failing ones after which no more are drawn, and draws for each that meets the constraints
ROUNDS, WORST, ENDS = 12, 64, 0.1  # of the search around the worst settings, which halves its width each time and tries the ends of ranges
ROUNDING, CANCELLED = 1e-9, 1e-13  # of the law in floating point, relative to what is compared, and to the truths that cancel in it
CERTAIN = 1e-6  # slack beyond which no cancellation of ordinary sizes explains a failure that was not compared in fractions
TRIALS, SURE = 256, 4.0  # of a simulated setting, and standard errors beyond which it counts as failing
TRIED = 200  # failing settings, the smallest and as many of the others, among which a testable one is looked for
AT_ONCE, SINGLY = "the exact law", "the exact law, one setting at a time since build takes no arrays"
SIMULATED = f"simulation of {TRIALS} trials each, since no exact law is known (failing: beyond {SURE:g} standard errors)"
SETTINGS = {AT_ONCE: 2**20, SINGLY: 2**12, SIMULATED: 2**8}  # looked at unless it is said how many


@dataclass
class Refutation:
    """What a search has found.

    Parameters
    ----------
    sides : Sides
        Both sides of the statement, and the space.
    places, slack : ndarray
        What was kept, shape (places, parameters that vary): the first settings, then those that fail or come near to it; their slack in
        error scales, negative where the statement fails.
    seen, fails, near, first, outside : int
        Settings drawn at random that have finite expectations, how many of them fail, how many more were looked at around the worst, and at
        how many the right side has no finite value where the left one has.
    counterexample : dict or None
        The smallest setting that was found to fail.
    proved : bool
        Whether both sides were compared there in fractions.
    report : CheckReport or None
        Verdict of a simulation there.
    unsampled : str
        Why there is none, such as an experiment too large for the sampler.
    """

    sides: "Sides"
    places: np.ndarray
    slack: np.ndarray
    seen: int = 0
    fails: int = 0
    near: int = 0
    first: int = 0
    outside: int = 0
    counterexample: dict[str, Any] | None = None
    proved: bool = False
    report: CheckReport | None = None
    unsampled: str = ""

    @property
    def exit_status(self) -> int:
        """One of `theory.exits`: wrong where it fails by the exact law or by the verdict; else open, for a search that finds nothing proves nothing."""
        by_law = self.sides.how != SIMULATED and self.slack.min() < -CERTAIN
        sure = self.proved or by_law or (self.report is not None and self.report.exit_status == exits.WRONG)
        return exits.WRONG if self.counterexample is not None and sure else exits.OPEN

    @property
    def region(self) -> dict[str, Any]:
        """Share of the settings drawn at random that fail, and its standard error; ranges of failing ones (of choices: the first and the last)."""
        share, failing = self.fails / self.seen, self.places[self.slack < 0].T
        ends = [np.sort(axis.numbers(own))[[0, -1]] for axis, own in zip(self.sides.space.axes, failing, strict=True)] if failing.size else None
        ranges = {} if ends is None else {name: list(ends) for name, ends in self.sides.space.written(ends).items() if name not in self.sides.space.fixed}
        return {"share": share, "stderr": (share * (1 - share) / self.seen) ** 0.5, "ranges": ranges, "telling": self.telling}

    @property
    def worst(self) -> dict[str, Any]:
        """The setting with the smallest slack."""
        return self.setting(self.places[self.slack.argmin()])

    @property
    def telling(self) -> list[str]:
        """Parameters, those first whose distribution among failing settings (or the nearest to it) differs most from that among all."""
        bad = self.places[self.slack < 0] if self.slack.min() < 0 else self.places[np.argsort(self.slack)[: len(self.slack) // 100 + 1]]
        marks, everywhere = np.arange(self.first) / self.first, np.sort(self.places[: self.first], axis=0)
        apart = [np.abs(np.searchsorted(np.sort(own), others) / len(bad) - marks).max() for own, others in zip(bad.T, everywhere.T, strict=True)]
        return [self.sides.space.axes[k].name for k in np.argsort(apart)[::-1]]

    @property
    def text(self) -> str:
        """What was found, in sentences."""
        claim, slack, region = self.sides.claim, self.slack.min(), self.region
        looked = f"{self.seen:,} settings and {self.near:,} around the worst of them, by {self.sides.how}"
        looked += f"; at {self.outside:,} more the right side has no finite value" * bool(self.outside)
        if self.counterexample is None:
            return f"{claim.name}: not refuted; none in {looked}; smallest slack {slack:.3g} error scales at {describe(self.worst)}; this is no proof"
        left, right = self.sides.once(self.counterexample)[1:, 0]
        where = ", ".join(f"{name} {shorten(low)} to {shorten(high)}" for name, (low, high) in region["ranges"].items())
        return "\n".join([
            f"{claim.name}: {'refuted' if self.exit_status == exits.WRONG else 'fails by estimates, which the verdict does not confirm'}",
            f"  smallest counterexample: {describe(self.counterexample)}, where {left:.6g} {claim.kind.relation} {right:.6g} is false"
            + " (compared in fractions)" * self.proved,
            *(f"  {line}" for line in (self.report.text if self.report else f"not simulated: {self.unsampled}").splitlines()),
            f"  fails in {100 * region['share']:.3g} +- {100 * region['stderr']:.2g} % of {looked}",
            f"  failing settings: {where}; most telling: {' and '.join(self.telling[:2])}; worst by {-slack:.3g} error scales at {describe(self.worst)}",
        ])  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return what was found, for a program."""
        claim = {"statement": self.sides.claim.name, "relation": self.sides.claim.kind.relation, "how": self.sides.how, "slack": float(self.slack.min())}
        found = {name: plain(getattr(self, name)) for name in ("counterexample", "proved", "seen", "near", "outside", "worst", "exit_status")}
        region = {**self.region, "ranges": {name: list(map(plain, ends)) for name, ends in self.region["ranges"].items()}}
        return claim | found | region | {"verdict": self.report and self.report.verdict, "rows": self.report.rows() if self.report else [], "unsampled": self.unsampled or None}

    def __str__(self) -> str:
        return self.text

    def setting(self, place: np.ndarray) -> dict[str, Any]:
        """Return the setting at a place."""
        return self.sides.space.pick(self.sides.space.at(place[None, :]))

    def look(self, places: np.ndarray, keep: bool = False) -> tuple[int, int]:
        """Compute the slack at places; return at how many it is finite, and at how many the statement fails."""
        slack, left, right = self.sides(self.sides.space.at(places)) if len(places) else np.empty((3, 0))
        self.outside += int((np.isfinite(left) & np.isnan(right)).sum())
        places, slack = places[np.isfinite(slack)], slack[np.isfinite(slack)]
        kept = (slack < 0) | keep
        kept[np.argsort(slack)[:WORST]] = True
        self.places, self.slack = np.concatenate([self.places, places[kept]]), np.concatenate([self.slack, slack[kept]])
        self.first = len(self.places) if keep else self.first
        return len(places), int((slack < 0).sum())

    def search(self, count: int, seed: int) -> None:
        """Draw settings at random, then around those of the smallest slack."""
        space, left = self.sides.space, count
        for places in _draws(space, seed, min(CHUNK, max(count // 8, 64)), MOST * count):
            seen, fails = self.look(places[:left], keep=self.seen < CHUNK)
            self.seen, self.fails, left = self.seen + seen, self.fails + fails, left - len(places)
            if left <= 0 or self.fails >= min(ENOUGH, count // 8):
                break
        if not self.seen:
            raise InputError(f"the expectation is infinite at all of {count:,} settings; move the space away from interpolation thresholds")
        rng = np.random.default_rng(np.random.SeedSequence([seed, 2]))
        for width in 0.5 ** np.arange(ROUNDS):
            best = self.places[np.argsort(self.slack)[:WORST]]
            places = best[rng.integers(len(best), size=min(max(count >> 8, 16), 2**12))]
            places = np.clip(places + width * rng.uniform(-1, 1, places.shape) * (rng.random(places.shape) < 0.5), 0, 1)
            places = np.where(rng.random(places.shape) < ENDS, rng.integers(0, 2, places.shape), places)
            self.near += self.look(places[space.admits(space.at(places))])[0]

    def choose(self, delta: float, seed: int) -> None:
        """Choose a failing setting, one that a sample can tell if there is any, and shrink it."""
        bar = min(delta, -self.slack.min() / 2)
        clear = self.places[(self.slack < 0) & (-self.slack >= bar)]
        clear = clear[np.argsort(clear.sum(axis=1), kind="stable")]  # small ones first: less is left to shrink
        clear = np.concatenate([clear[:TRIED], clear[TRIED :: max(len(clear) // TRIED, 1)]])  # but small ones may all lack moments
        for place in sorted(clear, key=lambda place: not self.sides.testable(self.setting(place))):
            found = self.setting(place)
            if self.sides.exactly(found) is not False:
                told = self.sides.testable(found)
                small = self.sides.space.smallest(place, lambda one: self.sides.clearly(one, bar, told), seed)
                self.counterexample = found if self.sides.exactly(small) is False else small
                self.proved = bool(self.sides.exactly(self.counterexample))
                return


def refute(
    claim: Mapping[str, Any], space: Any = None, *, constraint: Any = None, settings: int | None = None, seed: int = 0, workers: int | None = None
) -> Refutation:
    """Search a space of settings for a counterexample to a statement.

    Parameters
    ----------
    claim : mapping
        What `check` takes, by name, without cases: ``quantity``, ``relation``, ``build``, and ``formula`` or ``against``. It may also
        hold ``space`` and ``constraint``.
    space : mapping
        Values of every parameter: ``(5, 60)`` are whole numbers with both ends, ``(0.0, 1.0)`` real numbers, a list is a choice, anything
        else one value.
    constraint : callable or sequence of callable, optional
        Functions of parameters by name, true where a setting is meant.
    settings : int, optional
        Settings drawn at random; a million by default, fewer where they are taken one at a time or simulated.
    seed : int
        Equal seeds give equal answers.
    workers : int, optional
        Threads of the sampler.

    Returns
    -------
    Refutation
        The smallest counterexample with the verdict of a simulation, and the region where the statement fails, as far as it was seen.

    Raises
    ------
    InputError
        If there is no space, none of it meets the constraints, nothing reads a parameter, or a setting is no experiment.

    Notes
    -----
    The slack is the right side minus the left one (turned for ">=", minus the distance for "=="), in units of the error scale. A setting
    fails if its slack is negative beyond rounding. Small steps around the worst settings follow the random ones. The smallest
    counterexample fails by as much as `check` is sure to see, or half the worst if that is less, and moments exist there. The sampler is
    that of ``method``, "auto" unless the claim says it, so that large dimensions cost no time; of orderings it is the direct one.

    Examples
    --------
    >>> import driftlaw as dl
    >>> def case(p, n):
    ...     return dict(blocks={"shared": p, "specific": 30}, samples=(n, n), noise=0.3, gram=dict.fromkeys(("shared", "specific"), [[1, 1], [1, 1]]))
    >>> claim = dict(
    ...     quantity="forgetting", relation="<=", build=lambda p, n: dl.frozen(**case(p, n)), against=lambda p, n: dl.initialized(**case(p, n)),
    ... )
    >>> found = dl.refute(claim, {"p": (5, 60), "n": (1, 20)}, settings=2000)
    >>> found.counterexample, found.report.verdict
    ({'p': 5, 'n': 1}, 'violated')
    """
    optional("hypothesis", "refuting a statement", "refute")
    claim = {"space": space, "constraint": constraint, "method": "auto"} | {name: value for name, value in claim.items() if value is not None}
    area = Space.read(*(given if given is not None else claim[name] for name, given in (("space", space), ("constraint", constraint))))
    if claim.get("pathwise") or claim.get("along"):
        raise InputError("the claim is of every draw (pathwise) or of a limit (along), and a refutation searches expectations; leave these out")
    options = {name: claim.pop(name) for name in (*Settings.__dataclass_fields__, "progress", "workers") if name in claim} | {"seed": seed, "workers": workers}
    claim = {name: value for name, value in claim.items() if name not in ("space", "constraint", "cases")}
    plan = Settings(**{name: options[name] for name in Settings.__dataclass_fields__ if name in options})
    some = area.at(next(_draws(area, seed, 2**10, MOST * 2**14)))
    sides = Sides.choose(conjecture(**claim, cases=[area.pick(some)]), claim.get("formula"), area, some, int(seed))
    found = Refutation(sides, np.empty((0, len(area.axes))), np.empty(0))
    found.search(whole(SETTINGS[sides.how] if settings is None else settings, "settings", 1), int(seed))
    if found.slack.min() < 0:
        found.choose(plan.delta, int(seed))
    if found.counterexample is not None:
        try:
            found.report = check(**claim, cases=[found.counterexample], **options)
        except InputError as error:  # too large to be drawn, while the law is exact
            found.unsampled = str(error)
    return found


def _draws(space: Space, seed: int, chunk: int, most: int) -> Iterator[np.ndarray]:
    """Draw places in chunks, those whose settings meet the constraints; InputError if none of them does."""
    rng, found = np.random.default_rng(np.random.SeedSequence([int(seed), 1])), 0
    for _ in range(0, most, chunk):
        places = rng.random((chunk, len(space.axes)))
        places = places[space.admits(space.at(places))]
        found += len(places)
        if len(places):
            yield places
    if not found:
        raise InputError(f"none of {most:,} settings meets the constraints; correct them, or choose parameters that meet them by themselves")


def _on_arrays(formula: Any, claim: Conjecture) -> Callable[[Any], Any]:
    """Return the right side as a function of arrays: expressions by NumPy, NaN outside a formula's domain, functions as they are."""
    if isinstance(formula, Formula):
        inside = [formula.in_parameters(condition.relation) for condition in formula.domain]
        formula = sympy.Piecewise((formula.expanded, sympy.And(*inside)), (sympy.nan, True))
    if not isinstance(formula, sympy.Expr):
        return claim.formula
    symbols = list(formula.free_symbols)
    function = sympy.lambdify(symbols, formula, modules="numpy")
    return lambda settings: function(*(np.asarray(settings[str(symbol)], dtype=float) for symbol in symbols))


@dataclass(frozen=True)
class Sides:
    """Both sides of a statement at settings of a space."""

    claim: Conjecture
    formula: Callable[[Any], Any]
    space: Space
    seed: int
    how: str = AT_ONCE

    @classmethod
    def choose(cls, claim: Conjecture, formula: Any, space: Space, settings: Mapping[str, Any], seed: int) -> "Sides":
        """Take the fastest way that gives, at the first of some settings, what single ones give."""
        few = {name: value[:8] if isinstance(value, np.ndarray) else value for name, value in settings.items()}
        single, at_once = cls(claim, claim.formula, space, seed, SINGLY), cls(claim, _on_arrays(formula, claim), space, seed)
        try:
            wanted = single(few)
        except NoClosedForm:
            return replace(single, how=SIMULATED)
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                return at_once if np.allclose(at_once.once(few, wanted.shape[1])[0], wanted[0], rtol=1e-6, equal_nan=True) else single
        except Exception:  # whatever arrays do to a function of the user's
            return single

    @property
    def builders(self) -> list[Callable[[Any], Any]]:
        """What makes the experiments."""
        return [self.claim.builder, *([self.claim.against] if self.claim.against else [])]

    def __call__(self, settings: Mapping[str, Any]) -> np.ndarray:
        """Return slack, left and right side, shape (3, N): slacks in error scales with their error added, NaN where something is infinite."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.space.evaluate(self.once, settings)

    def once(self, settings: Mapping[str, Any], count: int = 1) -> np.ndarray:
        """Return the same of arrays, or of a single setting of numbers."""
        if count > 1 and self.how != AT_ONCE:
            raise TypeError(self.how)
        if callable(self.claim.quantity) and self.how != SIMULATED:
            raise NoClosedForm(f"no law reads {self.claim.quantity!r}, a function of samples")
        values, scale, terms = (self._simulated if self.how == SIMULATED else self._by_law)(settings)
        (left, right), stderr = values if len(values) > 1 else (*values, self._right(settings, count)), 0.0
        if self.how == SIMULATED:
            gap = left - np.asarray(right, dtype=float)  # of an expression it is SymPy's number
            left, right, stderr = left.mean(), np.mean(right), gap.std(ddof=1) / TRIALS**0.5
        left, right = (np.asarray(side, dtype=float) for side in (left, right))
        right = np.where(np.isfinite(right), right, np.nan)
        size = abs(left) + abs(right)
        scale = np.maximum(scale, 1e-12 * size) + np.finfo(float).tiny
        gap = (abs(left - right) if self.claim.kind.sign == 0 else self.claim.kind.sign * (left - right)) - ROUNDING * (size + scale) - CANCELLED * terms - SURE * stderr
        return np.array(np.broadcast_arrays(-gap / scale, left, right, np.ones(count))[:3])

    def _by_law(self, settings: Mapping[str, Any]) -> tuple[Sequence[Any], Any, Any]:
        """Return the quantity in each experiment, the error scale, which of two is the average, and the truths that cancel."""
        values, scales, terms = zip(*(law_at(build, self.claim.quantity, settings) for build in self.builders), strict=True)
        return values, sum(scales) / len(scales), sum(terms)

    def _simulated(self, setting: Mapping[str, Any]) -> tuple[Sequence[Any], Any, Any]:
        """Draw the same, the quantity in all trials, on the same draws."""
        one, seed = self._comparison(setting, formula=lambda _: 0), (self.seed, 3, crc32(repr(setting).encode()))
        options = {"workers": 1, "method": self.claim.kind.method, "training_errors": one.of_training}
        runs = [simulate(seq, TRIALS, seed, **options) for seq in one.experiments]
        return [run.per_trial(one.quantity) for run in runs], one.error_scale(run.errors_sample for run in runs), 0.0

    def _right(self, settings: Mapping[str, Any], count: int) -> Any:
        """Return the formula's values, NaN where it divides by zero or is outside its domain; arrays are halved there."""
        try:
            value = self.formula(settings)
        except (ArithmeticError, DomainError):
            if count > 1:
                raise
            return np.nan
        return np.nan if getattr(value, "is_finite", None) is False else value  # SymPy's infinities are no floats

    def _comparison(self, setting: Mapping[str, Any], **changes: Any) -> Comparison:
        return comparisons(replace(self.claim, cases=(dict(setting),), **changes))[0]

    def exactly(self, setting: Mapping[str, Any]) -> bool | None:
        """Whether the statement fails at a setting, in fractions; None where it cannot be written in them."""
        case, quantity = {name: exactly(value) for name, value in setting.items()}, cast(str, self.claim.quantity)
        try:
            left, *others = (expected_errors(build(case)).read(quantity) for build in self.builders)
            gap = left - (others or [self.claim.formula(case)])[0]
        except Exception:  # a function that takes no fractions, or no law
            return None
        exact = isinstance(gap, (int, Fraction)) or getattr(gap, "is_Rational", False)
        return bool(gap != 0 if self.claim.kind.sign == 0 else self.claim.kind.sign * gap > 0) if exact else None

    def clearly(self, setting: dict[str, Any], bar: float, testable: bool) -> bool:
        """Whether the statement fails at a setting by more than ``bar``, and a sample can tell if that is asked."""
        try:
            return bool(-self.once(setting)[0, 0] >= bar) and (not testable or self.testable(setting))
        except DriftlawError:  # it is no experiment
            return False

    def testable(self, setting: Mapping[str, Any]) -> bool:
        """Whether a sample can tell."""
        return not self._comparison(setting).reason
