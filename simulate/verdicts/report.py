"""What a check finds: verdicts on single cases, reports on whole conjectures, and the sentences that say so."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulate.evidence import two_sided_p
from simulate.verdicts.planning import BATCH, whole_batches
from simulate.wording import plain, round_to, round_up, shorten, signed
from theory import exits

AGREE, DISAGREE, UNDECIDED, NOT_TESTABLE = "agree", "disagree", "undecided", "not testable"
OUTSIDE = "outside assumptions"
VIOLATED, BOUNDED, CLEAR = "violated", "holds up to delta", "no violation"  # of bounds; the last of those on every draw
WRONG, RIGHT = (DISAGREE, VIOLATED), (AGREE, BOUNDED, CLEAR)
SAID = {AGREE: "agrees", DISAGREE: "disagrees", VIOLATED: "is violated", BOUNDED: "holds up to delta", CLEAR: "was never violated"}
HOLDS, FAILS, OPEN = "holds", "fails", "open"  # what is found there
FINDINGS = {HOLDS: "the law holds within", FAILS: "the law fails by more than", OPEN: "which may be more or less than"}
TAIL_LIMITS = (1.96, 2.58, 3.29)
NOMINAL_TAILS = (0.05, 0.01, 0.001)
TAIL_LEVEL = 0.01  # of calling any measured tail rate inconsistent although all are nominal
KIND_FIELDS = ("asymmetry", "lack_of_fit", "violations", "share", "worst", "worst_trial")
GAP_Z, GAP_P = 3, 0.05  # beyond which, and Holm-adjusted below which, agreement mentions a gap
FIELDS = ("formula", "case", "quantity", "theory", "mean", "stderr", "trials", "z", "p_holm", "delta", "detectable", "verdict")


@dataclass(frozen=True)
class Kind:
    """What kind of statement was judged: the fields of a `Conjecture`, builders by name, and the sampler."""

    relation: str = "=="
    against: str | None = None
    along: Mapping[str, tuple[Any, ...]] | None = None
    rate: tuple[float, ...] = (1, 2)
    pathwise: bool = False
    method: str = "direct"

    @property
    def sign(self) -> int:
        """1 for "<=", -1 for ">=", 0 for an equality."""
        return (self.relation == "<=") - (self.relation == ">=")

    @property
    def words(self) -> tuple[str, str]:
        """The verdict that such a statement is wrong, and the one that it stands."""
        return (VIOLATED, CLEAR if self.pathwise else BOUNDED) if self.sign else (DISAGREE, AGREE)

    @property
    def other(self) -> str:
        """What stands on the right of a bound."""
        return self.against or "the bound"

    @property
    def fit(self) -> str:
        """How the limit was taken."""
        ((name, sizes),) = (self.along or {}).items()
        return f"gap fitted in {', '.join(f'{name}^-{power:g}' for power in self.rate)} over {name}={', '.join(map(shorten, sizes))}"

    def row(self) -> dict[str, Any]:
        """Return the kind for a program."""
        along = {name: [plain(size) for size in sizes] for name, sizes in (self.along or {}).items()}
        return {**vars(self), "along": along or None, "rate": list(self.rate) if along else None}


@dataclass(frozen=True)
class Verdict:
    """Outcome of one case. A case that was sampled has a `Judged`, whose numbers read as None here.

    Parameters
    ----------
    formula, quantity : str
    case : dict
        Values of the parameters.
    label : str
        The case in a few words.
    verdict : {"agree", "disagree", "undecided", "not testable", "outside assumptions", "violated", "holds up to delta", "no violation"}
        "outside assumptions" where the conditions are none that the formula speaks of: it is not judged, only compared. The last three are
        those of bounds and orderings.
    theory : float or None
        Value of the formula (None only where a case that is not testable has none).
    moment_order : float
        Supremum of the finite moment orders of the quantity and of its error scale.
    reason : str
        Why a case is not testable.
    conditions : str
        What the case was simulated under, if not the usual.
    kind : Kind
        Of the statement, and how it was simulated.
    """

    formula: str
    quantity: str
    case: dict[str, Any]
    label: str
    verdict: str
    theory: float | None
    moment_order: float
    reason: str = ""
    conditions: str = ""
    kind: Kind = Kind()

    def __getattr__(self, name: str) -> Any:
        if name in Judged.__dataclass_fields__:
            return None
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def relative_difference(self) -> tuple[float, float, float] | None:
        """Simulation minus theory as a share of the error scale, and the ends of its simultaneous interval."""
        return None

    @property
    def finding(self) -> str | None:
        """Outside the assumptions: whether the law still "holds" within delta, "fails" by more, or neither is shown ("open")."""
        return None

    @property
    def sentence(self) -> str:
        """What was compared, what came out, and how small a mistake would have been seen."""
        name = self.formula.replace("_", " ") if self.formula.isidentifier() else self.formula
        return f"{name}, {self.label}: {self._outcome()}"

    def _outcome(self) -> str:
        return self.reason

    def row(self) -> dict[str, Any]:
        """Return the verdict for a program: plain values, null for what does not exist."""
        values = {field: plain(getattr(self, field)) for field in FIELDS}
        outside = {"conditions": self.conditions or None, "finding": self.finding, "relative_difference": self.relative_difference}
        order = self.moment_order if math.isfinite(self.moment_order) else None
        reason = self.reason or None
        worst_seed = None if self.worst_seed is None else list(self.worst_seed)
        kind = {**self.kind.row(), **{field: plain(getattr(self, field)) for field in KIND_FIELDS}, "worst_seed": worst_seed}
        return {**values, "trials_needed": self.needed, "moment_order": order, "reason": reason, "sentence": self.sentence, **outside, **kind}


@dataclass(frozen=True, kw_only=True)
class Judged(Verdict):
    """Outcome of a case that was sampled.

    Parameters
    ----------
    theory, mean, stderr, trials, z, p_holm : numbers
        The formula's value, the sample, its distance from theory in standard errors, and Holm's p over the run. Of two experiments: 0 and their
        paired difference. Of a limit: both extrapolated alike, and the trials of all sizes. Of a pathwise bound z is NaN.
    delta, detectable : float
        Absolute difference that matters, and the one that would have been detected (NaN for a pathwise bound, which has a ``share``).
    standard_errors : float
        ``detectable`` in standard errors.
    half_width : float
        Of the simultaneous interval.
    needed : int
        Trials that the plan asked for.
    delta_share : float
        ``delta`` as a share of the case's error scale.
    asymmetry : float
        Skewness of the mean, which p and the interval of a bound or an ordering correct z for; 0 for what has two sides.
    lack_of_fit, misfit : optional
        Of a limit: p-value of the gaps' distance from the fit, and whether it is so small that nothing is decided.
    violations, share, worst, worst_seed, worst_trial : optional
        Of a pathwise bound: draws that violate it, the least share of such draws that would have been seen, and the value of the draw that is
        closest to a violation or beyond it, with its seed and number, as `simulate.simulate` takes and counts them.
    """

    theory: float
    mean: float
    stderr: float
    trials: int
    z: float
    p_holm: float
    delta: float
    detectable: float
    standard_errors: float
    half_width: float
    needed: int
    delta_share: float
    asymmetry: float = 0.0
    lack_of_fit: float | None = None
    misfit: bool = False
    violations: int | None = None
    share: float | None = None
    worst: float | None = None
    worst_seed: tuple[int, ...] | None = None
    worst_trial: int | None = None

    @property
    def relative_difference(self) -> tuple[float, float, float]:
        """Simulation minus theory as a share of the error scale, and the ends of its simultaneous interval."""
        share, difference = self.delta_share / self.delta, self.mean - self.theory
        return difference * share, (difference - self.half_width) * share, (difference + self.half_width) * share

    @property
    def finding(self) -> str | None:
        """Outside the assumptions: whether the law still "holds" within delta, "fails" by more, or neither is shown ("open")."""
        return self._found() if self.verdict == OUTSIDE else None

    @property
    def remedy(self) -> str:
        """What would decide an undecided case."""
        if self.misfit:
            return "state the gap's own powers as rate, or take larger sizes"
        if self.trials < self.needed:
            return f"the plan asks for {self.needed:,} trials: raise max_trials or delta"
        return f"the difference is close to delta: {self.deciding:,} trials should decide: raise min_trials, and max_trials if it is lower"

    @property
    def deciding(self) -> int:
        """Trials that should decide an undecided case, were the difference what it seems: is it there, or is it below delta?"""
        margin = max(self._gap, self.delta - self._gap)
        return whole_batches(self.trials * (self.standard_errors * self.stderr / margin) ** 2)

    @property
    def _gap(self) -> float:
        """How far the statement seems to be off; less than 0 where a bound has room."""
        return self.kind.sign * (self.mean - self.theory) if self.kind.sign else abs(self.theory - self.mean)

    def _found(self) -> str:
        _, low, high = self.relative_difference
        fails = low > self.delta_share or high < -self.delta_share
        return HOLDS if max(-low, high) <= self.delta_share else FAILS if fails else OPEN

    def _outcome(self) -> str:
        sampler = "" if self.kind.method == "direct" else f" of the {self.kind.method} sampler"
        if self.kind.pathwise:
            return self._drawn(sampler)
        theory, mean, stderr = round_to(self.stderr, self.theory, self.mean, self.stderr)
        compared = f"difference {mean}" if self.kind.against else f"{'bound' if self.kind.sign else 'theory'} {theory}, simulation {mean}"
        trials = f"{self.trials:,} {'paired ' if self.kind.against else ''}trials{sampler}"
        fit = f"; {self.kind.fit}, lack of fit p = {self.lack_of_fit:.2g}" if self.kind.along else ""
        return f"{'limit of ' if self.kind.along else ''}{compared} +- {stderr} ({trials}, z={signed(self.z)}){fit}; {self._consequence()}"

    def _drawn(self, sampler: str) -> str:
        draw = f"{self.worst:.6g} in trial {self.worst_trial} of seed {self.worst_seed}"
        found = f"bound {self.theory:.6g}, {self.violations or 'no'} violation{'s' * ((self.violations or 0) > 1)} in {self.trials:,} draws{sampler}"
        share = f"violations in {round_up(100 * (self.share or 0))} % of all draws or more would have been seen"
        return f"{found}; the worst is {draw}" if self.violations else f"{found}; the closest is {draw}; {share}"

    def _consequence(self) -> str:
        if self.verdict == OUTSIDE:
            share, low, high = (f"{100 * value:+.1f} %" for value in self.relative_difference)
            what = f"{FINDINGS[self._found()]} {100 * self.delta_share:g} %"
            tail = "" if self.moment_order > 4 else f"; moments below order {self.moment_order:g} only, so the interval is rough"
            return f"under {self.conditions} it is {share} of the error scale from theory ({low} to {high}); {what}{tail}"
        what = "violation" if self.kind.sign else "difference"
        seen = f"a {what} above {round_up(self.detectable)} would have been detected ({self.standard_errors:.1f} SE)"
        difference = self.theory - self.mean
        difference_text, delta = (text.lstrip("-") for text in round_to(self.stderr, difference, self.delta))
        above = "below" if difference > 0 else "above"
        if self.misfit:
            return f"the gap does not fall as the fit says, so its limit is open; {self.remedy}"
        if self.verdict in WRONG:
            place = "still within" if abs(difference) <= self.delta else "beyond"
            off = f"theory is {difference_text} too {'high' if difference > 0 else 'low'}"
            off = f"the mean is {difference_text} {above} {self.kind.other}" if self.kind.sign or self.kind.against else off
            p_holm = f"= {self.p_holm:.2g}" if self.p_holm else "< 1e-300"
            return f"{'if the gap falls so, ' if self.kind.along else ''}{off} (Holm p {p_holm}), {place} delta = {delta}; {seen}"
        if self.kind.sign:
            above, below = ("above", "below") if self.kind.sign > 0 else ("below", "above")
            most = self._gap + self.half_width
            far = f"at most {round_up(most)} {above}" if most > 0 else f"at least {round_to(self.stderr, -most)[0]} {below}"
            if self.verdict == BOUNDED:
                return f"the mean is {far} {self.kind.other}{f', less than delta = {delta}' if most > 0 else ''}; {seen}"
            return f"the mean is {far} {self.kind.other}, which reaches beyond delta = {delta}; {self.remedy}; {seen}"
        if self.verdict == UNDECIDED:
            low, high = round_to(self.stderr, difference - self.half_width, difference + self.half_width)
            what = "equality" if self.kind.against else "theory"
            return f"{what} may be off by {low} to {high}, which reaches beyond delta = {delta}; {self.remedy}; {seen}"
        if abs(self.z) > GAP_Z and self.p_holm <= GAP_P:
            return f"a gap of {difference_text} is seen, smaller than delta = {delta}; {seen}"
        return seen


@dataclass(frozen=True)
class TailRates:
    """How often z-scores of batches of `BATCH` trials lie beyond 1.96, 2.58 and 3.29, pooled over judged cases.

    Parameters
    ----------
    batches : int
    beyond : tuple of int
        Batches with larger |z|, for each limit.
    """

    batches: int = 0
    beyond: tuple[int, ...] = (0,) * len(TAIL_LIMITS)

    @classmethod
    def measure(cls, values: np.ndarray) -> "TailRates":
        """Split one case's sample in batches and count their studentised distances from the sample's mean."""
        batches = len(values) // BATCH
        if batches < 2:
            return cls()
        values = values[: batches * BATCH].reshape(batches, BATCH)
        stderr = values.std(axis=1, ddof=1) / math.sqrt(BATCH)
        # the sample's mean stands in for the expectation, and holds a share 1/batches of each batch
        distance = (values.mean(axis=1) - values.mean()) / math.sqrt(1 - 1 / batches)
        moved = stderr > 1e-12 * np.abs(values).max(axis=1)
        z = np.abs(distance[moved] / stderr[moved])
        return cls(len(z), tuple(int(np.sum(z > limit)) for limit in TAIL_LIMITS))

    def __add__(self, other: "TailRates") -> "TailRates":
        return TailRates(self.batches + other.batches, tuple(a + b for a, b in zip(self.beyond, other.beyond, strict=True)))

    def rows(self) -> list[dict[str, Any]]:
        """Return measured and nominal rate for every limit, their binomial standard error, and whether they are consistent."""
        return [
            {
                "beyond": limit,
                "nominal": nominal,
                "rate": count / self.batches if self.batches else None,
                "stderr": math.sqrt(nominal * (1 - nominal) / self.batches) if self.batches else None,
                "consistent": self._consistent(count, nominal),
                "count": count,
                "batches": self.batches,
                "trials_per_batch": BATCH,
            }
            for limit, nominal, count in zip(TAIL_LIMITS, NOMINAL_TAILS, self.beyond, strict=True)
        ]

    def __str__(self) -> str:
        if not self.batches:
            return "tail rate: no batches to measure it"
        parts = [
            f"|z| > {row['beyond']} in {row['rate']:.4f} +- {row['stderr']:.4f}, "
            f"{'' if row['consistent'] else 'not '}consistent with the nominal {row['nominal']}"
            for row in self.rows()
        ]
        return f"tail rate of {self.batches:,} batches of {BATCH} trials: " + "; ".join(parts)

    def _consistent(self, count: int, nominal: float) -> bool | None:
        """Whether a nominal rate gives a count so far out, to either side, with more than its part of `TAIL_LEVEL`."""
        from scipy.special import bdtr, bdtrc

        tail = min(bdtr(count, self.batches, nominal), bdtrc(count - 1, self.batches, nominal)) if self.batches else math.nan
        return bool(2 * tail > TAIL_LEVEL / len(TAIL_LIMITS)) if self.batches else None


@dataclass(frozen=True)
class CheckReport:
    """Outcome of a conjecture over all its cases.

    Parameters
    ----------
    formula : str
    verdicts : tuple of Verdict
        One for each case, a `Judged` for those that were sampled.
    tail_rates : TailRates
        Of the judged samples, without those whose draws another comparison of the run has counted.
    expected : {"agree", "disagree"}
    exact : bool
        Whether the formula claims to be exact.
    """

    formula: str
    verdicts: tuple[Verdict, ...]
    tail_rates: TailRates
    expected: str = AGREE
    exact: bool = True

    def count(self, verdict: str) -> int:
        """Return the number of cases with this verdict."""
        return sum(one.verdict == verdict for one in self.verdicts)

    @property
    def verdict(self) -> str:
        """Wrong if any case is; right if all testable ones are; not testable if none is; else undecided.

        "disagree" and "agree" of an equality, "violated" and "holds up to delta" or "no violation" of a bound. Outside the formula's assumptions
        it is neither right nor wrong, whatever the cases show.
        """
        found = [one.verdict for one in self.verdicts]
        return next(kind for kind in (OUTSIDE, *WRONG, UNDECIDED, *RIGHT, NOT_TESTABLE) if kind in found)

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the expected one; undecided and not testable never are."""
        return self.verdict in (RIGHT if self.expected == AGREE else WRONG)

    @property
    def exit_status(self) -> int:
        """One of `theory.exits`: what is shown to be wrong is so whatever else is open.

        A formula that claims to be exact is wrong where it disagrees, one that is expected to disagree where it agrees.
        """
        if self.verdict in WRONG:
            return exits.WRONG if self.expected == AGREE and self.exact else exits.STANDS
        if self.verdict in RIGHT and self.expected == DISAGREE:
            return exits.WRONG
        return exits.STANDS if all(one.verdict in RIGHT for one in self.verdicts) else exits.OPEN

    @property
    def warning(self) -> str:
        """What a reader must not overlook, or an empty string."""
        if self.verdict == UNDECIDED:
            open_cases = [one for one in self.verdicts if isinstance(one, Judged) and one.verdict == UNDECIDED]
            return f"{self.formula} is undecided, which is no agreement; {max(open_cases, key=lambda one: one.needed).remedy}"
        if self.verdict == NOT_TESTABLE:
            return f"{self.formula} was not tested: no case is testable; move the cases away from interpolation thresholds"
        said = f"{self.formula} {SAID.get(self.verdict)}"
        if self.verdict in RIGHT and self.expected == DISAGREE:
            return f"{said} although it is expected to disagree"
        if self.verdict in RIGHT and self.exit_status != exits.STANDS:
            return f"{said} where it can be tested; {self.count(NOT_TESTABLE)} of {len(self.verdicts)} cases are not testable"
        if self.verdict in WRONG and self.expected == AGREE and not self.exact:
            return f"{said}; it does not claim to be exact, so this is no failure"
        return ""

    @property
    def summary(self) -> str:
        """The verdict with the number of cases behind it."""
        shares = [f"{self.count(kind)} {kind}" for kind in (*RIGHT, *WRONG, UNDECIDED, NOT_TESTABLE) if self.count(kind)]
        found = [one.finding for one in self.verdicts]
        shares = [f"{kind} in {found.count(kind)}" for kind in (HOLDS, FAILS, OPEN) if kind in found] or shares
        expectation = "" if self.expected == AGREE else ", as expected" if self.as_expected else f", expected {self.expected}"
        return f"{self.formula}: {self.verdict}{expectation} ({', '.join(shares)} of {len(self.verdicts)} cases)"

    def rows(self) -> list[dict[str, Any]]:
        """Return the verdicts for a program."""
        return [one.row() for one in self.verdicts]

    @property
    def text(self) -> str:
        """The summary, and a line for every case."""
        return "\n".join([self.summary, *(f"  {one.verdict:<12}  {one.sentence}" for one in self.verdicts)])

    def __str__(self) -> str:
        return self.text + (f"\n  {self.tail_rates}" if self.tail_rates.batches else "")


def standard_score(difference: float, stderr: float) -> tuple[float, float]:
    """Compute z and its two-sided p; a difference without any error is 0 or as far out as floats go."""
    z = difference / stderr if stderr > 0 else math.copysign(1e300, difference) if difference else 0.0
    return z, two_sided_p(z)
