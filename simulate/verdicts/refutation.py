"""Refute a statement: search a space of settings for the smallest one at which it fails, and for the region where it does.

The exact law is searched where there is one; simulation, with a budget, where there is none. What is found is confirmed by `check`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import numpy as np
import sympy

from simulate.sample.run import simulate
from simulate.verdicts.cases import call_case
from simulate.verdicts.comparison import LEAST_MOMENT_ORDER
from simulate.verdicts.conjecture import Conjecture, conjecture
from simulate.verdicts.judge import check
from simulate.verdicts.planning import Settings
from simulate.verdicts.report import CheckReport
from simulate.wording import describe, plain, shorten
from theory import exits
from theory.checks import optional, whole
from theory.errors import DomainError, InputError, NoClosedForm
from theory.formula import Formula
from theory.grids import law_at
from theory.law import expected_errors
from theory.moments import moment_orders
from theory.quantities import parse_quantity
from theory.space import Space, exactly

AT_ONCE, SINGLY, SIMULATED = "the exact law", "the exact law, one setting at a time since build takes no arrays", "simulation, since no exact law is known"
SETTINGS = {AT_ONCE: 2**20, SINGLY: 2**12, SIMULATED: 2**8}  # looked at unless it is said how many
CHUNK, ENOUGH = 2**16, 2**11  # settings at once, and failing ones after which no more are drawn
ROUNDS, WORST = 12, 64  # of the search around the worst settings, which halves its width each time
ROUNDING = 1e-9  # of the law in floating point, relative to its terms
TRIALS, SURE = 256, 4.0  # of a simulated setting, and standard errors beyond which it counts as failing
TRIED = 200  # failing settings among which a testable one is looked for


@dataclass(frozen=True)
class Refutation:
    """What a search has found.

    Parameters
    ----------
    name, relation : str
        Of the statement.
    counterexample : dict or None
        The smallest setting that was found to fail.
    left, right : float
        Both sides there, or where the slack is smallest.
    proved : bool
        Whether both sides were compared exactly there, in fractions.
    report : CheckReport or None
        Verdict of a simulation at the counterexample.
    how : str
        What was searched.
    seen, near, share, stderr
        Settings drawn at random that have finite expectations, those looked at around the worst ones, the share of the former at which
        the statement fails, and its standard error.
    slack, at
        Smallest distance from failing that was seen, in error scales (negative: by how much it fails), and the setting.
    ranges : dict
        Smallest and largest value of every parameter, or the choices, among failing settings.
    telling : tuple of str
        Parameters that vary, those first in which failing settings differ most from the others.
    sample : tuple of dict and ndarray
        Settings drawn at random, and their slack.
    """

    name: str
    relation: str
    counterexample: dict[str, Any] | None
    left: float
    right: float
    proved: bool
    report: CheckReport | None
    how: str
    seen: int
    near: int
    share: float
    stderr: float
    slack: float
    at: dict[str, Any]
    ranges: dict[str, Any]
    telling: tuple[str, ...]
    sample: tuple[dict[str, Any], np.ndarray] = field(repr=False, default=({}, np.zeros(0)))

    @property
    def exit_status(self) -> int:
        """One of `theory.exits`: wrong where it fails by the law or by the verdict; else open, for a search that finds nothing proves nothing."""
        sure = self.proved or (self.report is not None and self.report.exit_status == exits.WRONG)
        return exits.WRONG if self.counterexample is not None and sure else exits.OPEN

    @property
    def text(self) -> str:
        """What was found, in sentences."""
        looked = f"{self.seen:,} settings and {self.near:,} around the worst of them, by {self.how}"
        if self.counterexample is None:
            return f"{self.name}: not refuted; none in {looked}; smallest slack {self.slack:.3g} error scales at {describe(self.at)}; this is no proof"
        where = ", ".join(f"{name} {shorten(ends[0])} to {shorten(ends[-1])}" for name, ends in self.ranges.items())
        sides = f"{self.left:.6g} {self.relation} {self.right:.6g}"
        return "\n".join([
            f"{self.name}: {'refuted' if self.exit_status == exits.WRONG else 'fails by estimates, which the verdict does not confirm'}",
            f"  smallest counterexample: {describe(self.counterexample)}, where {sides} is false{' (compared in fractions)' if self.proved else ''}",
            *(f"  {line}" for line in (self.report.text if self.report else "no sample can tell there").splitlines()),
            f"  fails in {100 * self.share:.3g} +- {100 * self.stderr:.2g} % of {looked}",
            f"  among failing settings: {where}; most telling: {' and '.join(self.telling[:2])}",
            f"  worst by {-self.slack:.3g} error scales at {describe(self.at)}",
        ])  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return what was found, for a program."""
        kept = {name: plain(value) for name, value in vars(self).items() if name not in ("report", "sample", "ranges", "telling")}
        found = {"ranges": {name: [plain(value) for value in ends] for name, ends in self.ranges.items()}, "telling": list(self.telling)}
        return kept | found | {"verdict": self.report and self.report.verdict, "rows": self.report.rows() if self.report else [], "exit_status": self.exit_status}

    def __str__(self) -> str:
        return self.text


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
    counterexample fails by as much as `check` is sure to see, or half the worst if that is less, and moments exist there.

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
    claim = dict(claim)
    given = claim.pop("space", None), claim.pop("constraint", None)
    area = Space.read(given[0] if space is None else space, given[1] if constraint is None else constraint)
    if claim.get("pathwise") or claim.get("along"):
        raise InputError("the claim is of every draw (pathwise) or of a limit (along), and a refutation searches expectations; leave these out")
    options = {name: claim.pop(name) for name in (*Settings.__dataclass_fields__, "progress", "workers") if name in claim} | {"seed": seed, "workers": workers}
    some = next(_draws(area, seed, 2**10))[1]
    sides = _Sides.choose(conjecture(**claim, cases=[area.pick(some, 0)]), claim.get("formula"), area, some, int(seed))
    search = _Search(sides, whole(SETTINGS[sides.how] if settings is None else settings, "settings", 1), int(seed))
    return search.answer(options.get("delta", Settings().delta), lambda case: check(**claim, cases=[case], **options))


def _on_arrays(formula: Any, claim: Conjecture) -> Callable[[Mapping[str, Any]], Any]:
    """Return the right side as a function of arrays: expressions by NumPy, NaN outside a formula's domain, functions as they are."""
    if isinstance(formula, Formula):
        inside = [formula.in_parameters(condition.relation) for condition in formula.domain]
        formula = sympy.Piecewise((formula.expanded, sympy.And(*inside)), (sympy.nan, True))
    if not isinstance(formula, sympy.Expr):
        return claim.formula
    symbols = list(formula.free_symbols)
    function = sympy.lambdify(symbols, formula, modules="numpy")
    return lambda settings: function(*(settings[str(symbol)] for symbol in symbols))


def _draws(space: Space, seed: int, chunk: int) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    """Draw places and settings that meet the constraints; InputError if next to none does."""
    rng, found, drawn = np.random.default_rng(np.random.SeedSequence([int(seed), 1])), 0, 0
    while True:
        places = rng.random((chunk, len(space.axes)))
        places = places[space.admits(space.at(places), chunk)]
        drawn, found = drawn + chunk, found + len(places)
        if len(places):
            yield places, space.at(places)
        elif found * 2**16 < drawn > 2**18:
            raise InputError(f"{found} of {drawn:,} settings meet the constraints; correct them, or choose parameters that meet them by themselves")


@dataclass(frozen=True)
class _Sides:
    """Both sides of a statement at many settings."""

    claim: Conjecture
    formula: Callable[[Mapping[str, Any]], Any]
    space: Space
    how: str
    seed: int

    @classmethod
    def choose(cls, claim: Conjecture, formula: Any, space: Space, some: Mapping[str, Any], seed: int) -> _Sides:
        """Take the fastest way that gives what single settings give."""
        single = cls(claim, claim.formula, space, SINGLY, seed)
        try:
            if callable(claim.quantity):
                raise NoClosedForm("no law reads a function of samples")
            few = {name: value[:8] if isinstance(value, np.ndarray) else value for name, value in some.items()}
            wanted = single(few)
        except NoClosedForm:
            return replace(single, how=SIMULATED)
        at_once = replace(single, formula=_on_arrays(formula, claim), how=AT_ONCE)
        try:
            found = at_once._at(few, len(wanted[0]))
        except Exception:  # noqa: BLE001 - whatever arrays do to a function of the user's
            return single
        return at_once if all(np.allclose(one, other, rtol=1e-6, equal_nan=True) for one, other in zip(found, wanted, strict=True)) else single

    def __call__(self, settings: Mapping[str, Any]) -> tuple[np.ndarray, ...]:
        """Return the slack in error scales and its error, both sides; NaN where an expectation is infinite."""
        count = max((len(settings[axis.name]) for axis in self.space.axes), default=1)
        if self.how == AT_ONCE and count > 1:
            try:
                return self._at(settings, count)
            except DomainError:
                raise
            except Exception:  # noqa: BLE001 - halves lead to the setting that is none, which says what is wrong
                parts = ({name: v[half] if isinstance(v, np.ndarray) else v for name, v in settings.items()} for half in (slice(count // 2), slice(count // 2, None)))
                return tuple(np.concatenate(both) for both in zip(*map(self, parts), strict=True))
        rows = [self.single(self.space.pick(settings, row)) for row in range(count)]
        return tuple(np.array(column) for column in zip(*rows, strict=True))

    def single(self, setting: dict[str, Any]) -> tuple[float, ...]:
        """Return the same of one setting, as numbers."""
        try:
            found = call_case("the statement", self._simulate if self.how == SIMULATED else lambda one: self._at(one, 1), 0, setting)
        except DomainError:
            return (np.nan,) * 4
        except NoClosedForm:
            raise
        except InputError as error:
            raise InputError(f"{error}; if the setting is not meant, leave it out by a constraint") from error
        return tuple(float(np.ravel(one)[0]) for one in found)

    def _at(self, settings: Mapping[str, Any], count: int) -> tuple[np.ndarray, ...]:
        left, scale = law_at(self.claim.builder, self.claim.quantity, settings, count)
        right = law_at(self.claim.against, self.claim.quantity, settings, count)[0] if self.claim.against else self.formula(settings)
        return self._slack(left, np.broadcast_to(np.asarray(right, dtype=float), (count,)), scale)

    def _slack(self, left: Any, right: Any, scale: Any, stderr: Any = 0.0) -> tuple[np.ndarray, ...]:
        size = np.abs(left) + np.abs(right)
        scale = np.maximum(scale, 1e-12 * size) + np.finfo(float).tiny
        gap = left - right
        slack = -(np.abs(gap) if self.claim.sign == 0 else self.claim.sign * gap) / scale
        return slack, (ROUNDING * (size + scale) + SURE * stderr) / scale, left, right

    def _simulate(self, setting: dict[str, Any]) -> tuple[np.ndarray, ...]:
        """Estimate both sides on the same draws."""
        seeds = self.seed, 3, crc32(repr(setting).encode())
        seqs = [builder(setting) for builder in (self.claim.builder, self.claim.against) if builder]
        samples = [simulate(seq, TRIALS, seeds, workers=1) for seq in seqs]
        quantity = self.claim.quantity if callable(self.claim.quantity) else parse_quantity(self.claim.quantity, len(seqs[0]))
        left, right = samples[0].per_trial(quantity), samples[1].per_trial(quantity) if len(samples) > 1 else self.formula(setting)
        tasks = range(len(seqs[0])) if callable(quantity) else quantity.tasks(len(seqs[0]))
        scale = np.mean([samples[0].errors_sample[:, i, i].mean() + float(seqs[0].tasks[i].noise) ** 2 for i in tasks])
        return self._slack(left.mean(), np.mean(right), scale, np.std(left - right, ddof=1) / np.sqrt(TRIALS))

    def exactly(self, setting: Mapping[str, Any]) -> bool | None:
        """Whether the statement fails at a setting, in fractions; None where it cannot be written in them."""
        case = {name: exactly(value) for name, value in setting.items()}
        try:
            builders = (self.claim.builder, self.claim.against)
            left, *others = (expected_errors(build(case)).read(self.claim.quantity) for build in builders if build)
            gap = sympy.nsimplify(left - (others[0] if others else self.claim.formula(case)), rational=True)
        except Exception:  # noqa: BLE001 - a function that takes no fractions, an infinite expectation
            return None
        exact = gap.is_Rational and not any(isinstance(side, float) for side in (left, *others))
        return bool(gap != 0 if self.claim.sign == 0 else self.claim.sign * gap > 0) if exact else None

    def clearly(self, setting: dict[str, Any], bar: float, testable: bool) -> bool:
        """Whether the statement fails at a setting by more than ``bar``, and a sample can tell if that is asked."""
        try:
            slack, error, *_ = self.single(setting)
            return -slack >= max(bar, error) and (not testable or self.testable(setting))
        except InputError:  # it is no experiment
            return False

    def testable(self, setting: Mapping[str, Any]) -> bool:
        """Whether a sample can tell."""
        seqs = [build(setting) for build in (self.claim.builder, self.claim.against) if build]
        return all(min(moment_orders(seq).update_magnitude) > LEAST_MOMENT_ORDER for seq in seqs)


class _Search:
    """What was looked at: places, and for each the slack, its error and both sides; all of the first chunk, else what fails or comes near to it."""

    def __init__(self, sides: _Sides, count: int, seed: int) -> None:
        self.sides, self.space, self.seed = sides, sides.space, seed
        self.places, self.values = np.empty((0, len(self.space.axes))), np.empty((4, 0))
        self.seen = self.fails = self.first = 0
        for places, _ in _draws(self.space, seed, min(CHUNK, 4 * count)):
            seen, fails = self.look(places[: count - self.seen], keep=not self.first)
            self.seen, self.fails, self.first = self.seen + seen, self.fails + fails, self.first or len(self.places)
            if self.seen >= count or self.fails >= ENOUGH:
                break
        rng, self.near = np.random.default_rng(np.random.SeedSequence([seed, 2])), 0
        for width in 0.5 ** np.arange(ROUNDS):
            best = self.places[np.argsort(self.values[0])[:WORST]]
            places = best[rng.integers(len(best), size=max(min(count, CHUNK) // 16, 16))]
            places = np.clip(places + width * rng.uniform(-1, 1, places.shape) * (rng.random(places.shape) < 0.5), 0, 1)  # onto the ends, too
            self.near += self.look(places[self.space.admits(self.space.at(places), len(places))])[0]

    def look(self, places: np.ndarray, keep: bool = False) -> tuple[int, int]:
        """Compute both sides; return at how many places they are finite, and at how many the statement fails."""
        values = np.array(self.sides(self.space.at(places))) if len(places) else np.empty((4, 0))
        places, values = places[np.isfinite(values[0])], values[:, np.isfinite(values[0])]
        fails = -values[0] > values[1]
        kept = fails | keep | (np.argsort(np.argsort(values[0])) < WORST)
        self.places, self.values = np.concatenate([self.places, places[kept]]), np.concatenate([self.values, values[:, kept]], axis=1)
        return len(places), int(fails.sum())

    def answer(self, delta: float, judge: Callable[[dict[str, Any]], CheckReport]) -> Refutation:
        """Choose a failing setting, shrink it, have it judged, and say where else the statement fails."""
        if not len(self.places):
            raise InputError("the expectation is infinite at every setting that was drawn; move the space away from interpolation thresholds")
        failing, worst = np.flatnonzero(-self.values[0] > self.values[1]), int(np.argmin(self.values[0]))
        bar = min(delta, -self.values[0, worst] / 2)
        shown, report, proved = None, None, False
        clear = failing[-self.values[0, failing] >= bar]
        clear = clear[np.argsort(self.places[clear].sum(axis=1), kind="stable")][:TRIED]  # small ones first: less is left to shrink
        real = [place for place in self.places[clear] if self.sides.exactly(self.setting(place)) is not False]
        told = [place for place in real if self.sides.testable(self.setting(place))]
        for place in (told or real)[:1]:
            shown = self.space.smallest(place, lambda one: self.sides.clearly(one, bar, bool(told)), self.seed)
            shown = self.setting(place) if self.sides.exactly(shown) is False else shown
            report, proved = judge(shown), bool(self.sides.exactly(shown))
        at = self.setting(self.places[worst])
        share, bad = self.fails / self.seen, self.places[failing if len(failing) else np.argsort(self.values[0])[: len(self.places) // 100 + 1]]
        ends = self.space.at(bad)
        return Refutation(
            self.sides.claim.name,
            self.sides.claim.relation,
            shown,
            *self.sides.single(at if shown is None else shown)[2:],
            proved,
            report,
            self.sides.how,
            self.seen,
            self.near,
            share,
            float(np.sqrt(share * (1 - share) / self.seen)),
            float(self.values[0, worst]),
            at,
            {axis.name: axis.range(ends[axis.name]) for axis in self.space.axes} if len(failing) else {},
            self._telling(bad),
            (self.space.at(self.places[: self.first]), self.values[0, : self.first]),
        )

    def setting(self, place: np.ndarray) -> dict[str, Any]:
        """Return the setting at a place."""
        return self.space.pick(self.space.at(place[None, :]), 0)

    def _telling(self, bad: np.ndarray) -> tuple[str, ...]:
        """Order the parameters by the largest difference of their distribution functions among ``bad`` places and all."""
        everywhere = np.sort(self.places[: self.first], axis=0)
        marks = np.arange(len(everywhere)) / len(everywhere)
        apart = [abs(np.searchsorted(np.sort(bad[:, k]), everywhere[:, k]) / len(bad) - marks).max() for k in range(len(self.space.axes))]
        return tuple(self.space.axes[k].name for k in np.argsort(apart)[::-1])
