"""Verdicts of a study: paired differences over orders and test images, with intervals that hold for all comparisons at once, and their power."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, norm, t as student

from deep.metrics import interval
from deep.studies.design import AS_RATE, AT_RANDOM, BASELINES, BEST_DEPTH, FROZEN, INITIALIZED, Rule, Unit
from deep.studies.records import GROUPS, StudyRun
from simulate.evidence import Estimate
from theory.errors import InputError

DECIDING = "average_accuracy"  # the metric that verdicts are about
SUPPORTED, MATCHES, WORSE, UNSUPPORTED, UNDECIDED, UNTESTABLE = VERDICTS = (
    "supported", "matches its control", "worse", "not supported", "undecided", "not testable",
)  # fmt: skip
POWER = 0.8  # of what is called detectable
_QUANTILES = (np.arange(200) + 0.5) / 200


@dataclass(frozen=True)
class Comparison:
    """A rule's Avg.Acc minus that of what it is compared with, on one stream.

    Parameters
    ----------
    stream, rule, reference : str
    difference : Estimate, optional
        Mean of the paired differences over orders, units of one order being one draw; with the error of the test images where
        records tell it. None where a run of either failed, or fewer than two orders are left.
    low, high : float
        Simultaneous interval; NaN without a difference.
    wins : tuple of float
        P(rule > reference) over orders, half of it where they are equal, and its 95 % interval (Wilson).
    detectable : float
        Difference that would be above 0 with probability `POWER`.
    failed : int
        Units in which a run of either failed.
    fault : str
        Why the rule cannot be found above this control, or being above it supports nothing; else empty.
    """

    stream: str
    rule: str
    reference: str
    difference: Estimate | None = None
    low: float = math.nan
    high: float = math.nan
    wins: tuple[float, float, float] = (math.nan,) * 3
    detectable: float = math.nan
    failed: int = 0
    fault: str = ""

    @property
    def above(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0

    @property
    def below(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.high < 0


@dataclass(frozen=True)
class Verdict:
    """What a study says of a rule on a stream, such as one of `VERDICTS`, and the sentence that gives the reason."""

    stream: str
    rule: str
    verdict: str
    sentence: str


class Results:
    """Runs of one phase, by stream, arm and unit.

    Raises
    ------
    InputError
        If a run stands there twice.
    """

    def __init__(self, runs: Iterable[StudyRun]) -> None:
        self._runs: dict[tuple[str, str], list[StudyRun]] = {}
        for run in sorted(runs, key=lambda run: (run.unit, run.deal)):
            own = self._runs.setdefault((run.stream, run.arm), [])
            if own and (own[-1].unit, own[-1].deal) == (run.unit, run.deal):
                raise InputError(f"the run of {run.arm} on {run.stream}, order {run.order}, seed {run.seed} stands twice in the records; keep one of them")
            own.append(run)

    def arms(self, stream: str) -> list[str]:
        """Return the arms on a stream."""
        return [arm for label, arm in self._runs if label == stream]

    @property
    def streams(self) -> list[str]:
        """Labels of the streams."""
        return list(dict.fromkeys(label for label, _ in self._runs))

    def runs(self, stream: str, arm: str) -> list[StudyRun]:
        """Return an arm's runs, in the order of units and deals."""
        if (stream, arm) not in self._runs:
            raise InputError(f"the records hold no run of {arm!r} on {stream!r}; run the study again with --records")
        return self._runs[stream, arm]

    def values(self, stream: str, arm: str, metric: str) -> dict[Unit, float | None]:
        """Return an arm's metric in every unit, the mean over its deals; None where one failed."""
        return {unit: _mean(runs, metric) for unit, runs in _by_unit(self.runs(stream, arm)).items()}

    def estimate(self, stream: str, arm: str, metric: str) -> Estimate | None:
        """Return an arm's mean over orders with its standard error; None where a run failed or there is one order."""
        values = self.values(stream, arm, metric)
        return None if None in values.values() or len(order_means(values)) < 2 else Estimate.from_samples(order_means(values))


def order_means(values: Mapping[Unit, float]) -> list[float]:
    """Return the mean of each order's values: units are independent only if their orders differ."""
    return [float(np.mean([value for unit, value in values.items() if unit.order == order])) for order in sorted({unit.order for unit in values})]


def contrast(values: Sequence[float], images: Any = ()) -> tuple[Estimate, float]:
    """Estimate the mean of independent values, whose errors share `image_residuals`; return its degrees of freedom too (Satterthwaite)."""
    found, shared = Estimate.from_samples(values), float(np.square(images).sum())
    own, freedom = found.stderr**2, found.count - 1.0
    freedom = (own + shared) ** 2 / (own**2 / freedom + shared**2 / (GROUPS - 1)) if own + shared else freedom
    return Estimate(found.mean, math.sqrt(own + shared), found.count), freedom


def image_residuals(ours: Any, theirs: Any, orders: Sequence[int]) -> np.ndarray:
    """Compute what each group of test images adds to a mean difference that all units share, beyond what units show.

    Parameters
    ----------
    ours, theirs : array of shape (units, GROUPS, 2)
        `StudyRun.images` of two arms.
    orders : sequence of int

    Returns
    -------
    array of shape (GROUPS,)
        Its squares sum to the variance that shared test images add.

    Notes
    -----
    Units and images are crossed: Var = units' part + images' part - what both count (Owen, Ann. Appl. Stat. 1, 2007, 386-411). The
    units' part is counted elsewhere; the rest is at least 0.
    """
    gains, shown = np.subtract(ours, theirs)[:, :, 0], np.asarray(ours)[:, :, 1]
    weights = np.array([1 / (list(orders).count(order) * len(set(orders))) for order in orders])
    residuals = weights[:, None] * (gains - shown * gains.sum(1, keepdims=True))
    total, both = residuals.sum(0), (residuals**2).sum()
    return total * math.sqrt(max(0.0, 1 - both / (total**2).sum()) * GROUPS / (GROUPS - 1)) if both else 0 * total


def power(shift: float, tail: float, freedom: float) -> float:
    """Compute the probability that Student's t, shifted by so many standard errors, is beyond the quantile with this tail."""
    return float(norm.cdf(shift - student.ppf(1 - tail, freedom) * np.sqrt(chi2.ppf(_QUANTILES, freedom) / freedom)).mean())


@cache
def detectable(tail: float, freedom: float) -> float:
    """Compute the shift, in standard errors, that is beyond it with probability `POWER`."""
    return float(brentq(lambda shift: power(shift, tail, freedom) - POWER, 0, 10 + 4 * student.ppf(1 - tail, freedom)))


def superiority(differences: Sequence[float]) -> tuple[float, float, float]:
    """Return the share of differences above 0, those that are 0 counting half, with its 95 % interval (Wilson)."""
    wins = float(np.mean(np.sign(differences) + 1) / 2)
    return wins, *interval(wins, len(differences))


def comparisons(results: Results, rules: Sequence[Rule], level: float = 0.95) -> list[Comparison]:
    """Compare every rule with both baselines, the best fixed depth and its control, on every stream.

    Parameters
    ----------
    results : Results
        Of the confirmation.
    rules : sequence of Rule
    level : float
        Probability with which all intervals hold together.

    Notes
    -----
    Student intervals of the mean paired difference over orders, widened by Bonferroni for all comparisons of all streams and rules. A
    control that repeats its rule's decisions in a unit says nothing there and is left out.
    """
    wanted = [(stream, rule, reference) for stream in results.streams for rule in rules for reference in (*BASELINES, rule.control_name)]
    return [compared(results, *entry, (1 - level) / (2 * len(wanted))) for entry in wanted]


def compared(results: Results, stream: str, rule: Rule, reference: str, tail: float = 0.025) -> Comparison:
    """Compare a rule with another arm; ``tail`` of Student's distribution lies beyond each end of the interval."""
    own, control = _by_unit(results.runs(stream, rule.name)), reference == rule.control_name
    dealt = control and rule.control == AT_RANDOM
    # What failed has no control, nor has what no other order of the tasks would change.
    alone = {unit for unit, (run, *_) in own.items() if control and (not run.finished or (dealt and len(set(run.trained[1:])) < 2))}
    theirs = _by_unit(results.runs(stream, reference) if reference in results.arms(stream) or alone < own.keys() else [])
    if not own.keys() - alone <= theirs.keys() <= own.keys():
        raise InputError(f"{rule.name} and {reference} on {stream} have runs of different orders and seeds, so that they cannot be paired; run the study again")
    if dealt:
        theirs = {unit: [run for run in runs if run.trained != own[unit][0].trained or not run.finished] for unit, runs in theirs.items()}
    handicapped = control and rule.control == AS_RATE and any("rate" not in run.options for runs in theirs.values() for run in runs)
    found = Comparison(stream, rule.name, reference, fault="its control was slowed in the first task too" if handicapped else "")
    if failed := sum(not all(run.finished for run in (*own[unit], *theirs.get(unit, ()))) for unit in own):
        return replace(found, failed=failed)
    gains = {unit: _mean(own[unit], DECIDING) - _mean(runs, DECIDING) for unit, runs in theirs.items() if runs}
    values = order_means(gains)
    if len(values) < 2:
        return replace(found, fault=f"it can be compared with {reference} in {len(values)} order(s) of tasks only")
    whole = all(run.images for unit in gains for run in (*own[unit], *theirs[unit]))
    sides = [[np.mean([run.images for run in runs[unit]], 0) for unit in gains if whole] for runs in (own, theirs)]
    difference, freedom = contrast(values, image_residuals(*sides, [unit.order for unit in gains]) if whole else ())
    half, seen = (float(times) * difference.stderr for times in (student.ppf(1 - tail, freedom), detectable(tail, freedom)))
    return replace(found, difference=difference, low=difference.mean - half, high=difference.mean + half, wins=superiority(values), detectable=seen)


def verdicts(compared: Sequence[Comparison], rules: Sequence[Rule], effect: float = 0.02) -> list[Verdict]:
    """Judge every rule on every stream: supported only above both baselines and above each of its controls.

    The best fixed depth is a control of a rule that decides no numbers of modules. A null that had not seen ``effect`` with
    probability `POWER` is undecided; a rule whose control cannot be passed is not testable.
    """
    found = {(entry.stream, entry.rule, entry.reference): entry for entry in compared}
    return [_verdict(stream, rule, found, effect) for stream in dict.fromkeys(entry.stream for entry in compared) for rule in rules]


def _verdict(stream: str, rule: Rule, found: Mapping[tuple[str, str, str], Comparison], effect: float) -> Verdict:
    names = (INITIALIZED, FROZEN, rule.control_name, *((BEST_DEPTH,) if rule.control == AS_RATE else ()))
    needed = [found[stream, rule.name, name] for name in names]
    trainings = needed[:2]
    lacking, below = [entry for entry in needed if not entry.above], [entry for entry in needed if entry.below]
    if failed := next((entry for entry in needed if entry.failed), None):
        verdict, why = UNTESTABLE, f"{failed.failed} of the runs of it or of {failed.reference} failed"
    elif any(entry.below for entry in trainings):
        verdict, why = WORSE, "below " + _listed(below)
    elif blocked := next((entry for entry in needed if entry.difference is None or (entry.fault and not lacking)), None):
        verdict, why = UNTESTABLE, blocked.fault
    elif not lacking:
        verdict, why = SUPPORTED, "above " + _listed(needed)
    else:
        above, blind = all(entry.above for entry in trainings), any(entry.detectable > effect for entry in lacking if not entry.below)
        verdict = UNDECIDED if blind else MATCHES if above else UNSUPPORTED
        why = f"{'above both baselines, but ' if above else ''}not above {_listed(lacking)}"
    return Verdict(stream, rule.name, verdict, f"{rule.name} on {stream}: {verdict}; {why}")


def _listed(compared: Iterable[Comparison]) -> str:
    return ", ".join(f"{entry.reference} ({interval_text(entry)}{'' if entry.above or entry.below else f'; +-{100 * entry.detectable:.2f} would have been seen'})"
                     for entry in compared)  # fmt: skip


def interval_text(entry: Comparison) -> str:
    """Return a difference in points with its interval."""
    return f"{signed(entry.difference.mean)} [{signed(entry.low)}, {signed(entry.high)}]"


def signed(value: float) -> str:
    """Return a difference of shares in points of per cent."""
    return f"{100 * value:+.2f}"


def _by_unit(runs: Iterable[StudyRun]) -> dict[Unit, list[StudyRun]]:
    found: dict[Unit, list[StudyRun]] = {}
    for run in runs:
        found.setdefault(run.unit, []).append(run)
    return found


def _mean(runs: Sequence[StudyRun], metric: str) -> float | None:
    return float(np.mean([run.metric(metric) for run in runs])) if all(run.finished for run in runs) else None
