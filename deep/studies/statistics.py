"""Verdicts of a study: paired differences over orders and seeds, with intervals that hold for all comparisons at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from deep.studies.design import BASELINES, FROZEN, INITIALIZED, Rule, Unit
from deep.studies.records import METRICS, StudyRun
from simulate.evidence import Estimate, paired_difference
from theory.errors import InputError

DECIDING = "average_accuracy"  # the metric that verdicts are about
SUPPORTED, MATCHES, WORSE, UNSUPPORTED, UNTESTABLE = VERDICTS = (
    "supported", "matches its control", "worse", "not supported", "not testable",
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """A rule minus what it is compared with, in one metric on one stream.

    Parameters
    ----------
    stream, rule, reference, metric : str
    difference : Estimate, optional
        Mean of the paired differences over units; None where a run of either failed.
    low, high : float
        Simultaneous interval; NaN without a difference.
    failed : int
        Units in which a run of either failed.
    """

    stream: str
    rule: str
    reference: str
    metric: str
    difference: Estimate | None
    low: float
    high: float
    failed: int = 0

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
    """What a study says of a rule on a stream: one of `VERDICTS`, and the sentence that gives the reason."""

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
        self._runs: dict[tuple[str, str], dict[Unit, dict[int, StudyRun]]] = {}
        for run in runs:
            deals = self._runs.setdefault((run.stream, run.arm), {}).setdefault(run.unit, {})
            if run.deal in deals:
                raise InputError(f"the run of {run.arm} on {run.stream}, order {run.order}, seed {run.seed} stands twice in the records; keep one of them")
            deals[run.deal] = run

    def arms(self, stream: str) -> list[str]:
        """Return the arms on a stream."""
        return [arm for label, arm in self._runs if label == stream]

    @property
    def streams(self) -> list[str]:
        """Labels of the streams."""
        return list(dict.fromkeys(label for label, _ in self._runs))

    def runs(self, stream: str, arm: str) -> list[StudyRun]:
        """Return an arm's runs, in the order of units and deals."""
        units = self._units(stream, arm)
        return [units[unit][deal] for unit in sorted(units) for deal in sorted(units[unit])]

    def values(self, stream: str, arm: str, metric: str) -> dict[Unit, float | None]:
        """Return an arm's metric in every unit, the mean over its deals; None where one failed."""
        found: dict[Unit, float | None] = {}
        for unit, deals in sorted(self._units(stream, arm).items()):
            complete = all(run.finished for run in deals.values())
            found[unit] = float(np.mean([run.metric(metric) for run in deals.values()])) if complete else None
        return found

    def estimate(self, stream: str, arm: str, metric: str) -> Estimate | None:
        """Return an arm's mean over units with its standard error; None where a run failed or there is one unit."""
        values = list(self.values(stream, arm, metric).values())
        return None if None in values or len(values) < 2 else Estimate.from_samples(values)

    def _units(self, stream: str, arm: str) -> dict[Unit, dict[int, StudyRun]]:
        if (stream, arm) not in self._runs:
            raise InputError(f"the records hold no run of {arm!r} on {stream!r}; run the study again with --records")
        return self._runs[stream, arm]


def comparisons(results: Results, rules: Sequence[Rule], level: float = 0.95) -> list[Comparison]:
    """Compare every rule with both baselines, the best fixed depth and its control, on every stream and in every metric.

    Parameters
    ----------
    results : Results
        Of the confirmation.
    rules : sequence of Rule
    level : float
        Probability with which all intervals of a family hold together.

    Notes
    -----
    Student intervals of the mean paired difference over units, widened by Bonferroni for their whole family: the
    comparisons in Avg.Acc, which verdicts rest on, of all streams and rules are one family; those in the other metrics,
    which describe, are another.
    """
    wanted = [(stream, rule, reference) for stream in results.streams for rule in rules for reference in rule.references]
    return [
        _compared(results, stream, rule.strategy, reference, metric, level, len(wanted) * (1 if metric == DECIDING else len(METRICS) - 1))
        for stream, rule, reference in wanted
        for metric in METRICS
    ]


def _compared(results: Results, stream: str, rule: str, reference: str, metric: str, level: float, family: int) -> Comparison:
    ours, theirs = results.values(stream, rule, metric), results.values(stream, reference, metric)
    if ours.keys() != theirs.keys():
        raise InputError(f"{rule} and {reference} on {stream} have runs of different orders and seeds, so that they cannot be paired; run the study again")
    failed = sum(None in (ours[unit], theirs[unit]) for unit in ours)
    if failed:
        return Comparison(stream, rule, reference, metric, None, np.nan, np.nan, failed)
    difference = paired_difference(list(ours.values()), list(theirs.values()))
    half = float(student.ppf(1 - (1 - level) / (2 * family), difference.count - 1)) * difference.stderr
    return Comparison(stream, rule, reference, metric, difference, difference.mean - half, difference.mean + half)


def verdicts(compared: Sequence[Comparison], rules: Sequence[Rule]) -> list[Verdict]:
    """Judge every rule on every stream: supported only above both baselines and above each of its controls."""
    streams = list(dict.fromkeys(entry.stream for entry in compared))
    found = {(entry.stream, entry.rule, entry.reference): entry for entry in compared if entry.metric == DECIDING}
    return [_verdict(stream, rule, {name: found[stream, rule.strategy, name] for name in rule.references}) for stream in streams for rule in rules]


def _verdict(stream: str, rule: Rule, found: dict[str, Comparison]) -> Verdict:
    needed = (INITIALIZED, FROZEN, *rule.controls)
    failed = [name for name in needed if found[name].failed]
    lacking = [name for name in needed if not found[name].above]
    below = [name for name in needed if found[name].below]
    if failed:
        verdict, why = UNTESTABLE, f"{found[failed[0]].failed} of the runs of it or of {failed[0]} failed"
    elif not lacking:
        verdict, why = SUPPORTED, "above " + _listed(found[name] for name in needed)
    elif below and set(below) & set(BASELINES[:2]):
        verdict, why = WORSE, "below " + _listed(found[name] for name in below)
    elif not set(lacking) & set(BASELINES[:2]):
        verdict, why = MATCHES, "above both baselines, but not above " + _listed(found[name] for name in lacking)
    else:
        verdict, why = UNSUPPORTED, "not above " + _listed(found[name] for name in lacking)
    return Verdict(stream, rule.strategy, verdict, f"{rule.strategy} on {stream}: {verdict}; {why}")


def _listed(compared: Iterable[Comparison]) -> str:
    return ", ".join(f"{entry.reference} ({signed(entry.difference.mean)} [{signed(entry.low)}, {signed(entry.high)}])" for entry in compared)


def signed(value: float) -> str:
    """Return a difference of shares in points of per cent."""
    return f"{100 * value:+.2f}"
