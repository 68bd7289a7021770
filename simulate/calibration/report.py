"""What a calibration of the verdicts found: rates with exact binomial intervals, beside what is promised."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from simulate.evidence import holm
from simulate.work.files import replace_file
from theory.errors import InputError

SCHEMA = 1
TAILS = (0.05, 0.01, 0.001, 1e-4)  # two-sided shares of a standard normal
LEVEL = 0.95  # of the intervals
EQUAL, AT_MOST, AT_LEAST = "equal", "at most", "at least"
ALTERNATIVE = {EQUAL: "two-sided", AT_MOST: "greater", AT_LEAST: "less"}  # what speaks against a promise
BEYOND, FALSE_ALARM, AGREEMENT, TOO_HIGH, TOO_LOW = "|z| beyond", "false alarm", "agreement", "too high", "too low"
FAMILY = "both"  # what stands for the quantity of a rate of the whole family


@dataclass(frozen=True)
class Subject:
    """A training whose noisy steps have ``gap`` parameters more than samples, and the share of the error scale to be resolved."""

    training: str
    gap: int
    delta: float


@dataclass(frozen=True)
class Counts:
    """Numbers of events by name; they add up."""

    numbers: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        names = dict.fromkeys([*self.numbers, *other.numbers])
        return Counts({name: self.numbers.get(name, 0) + other.numbers.get(name, 0) for name in names})

    def of(self, name: str) -> int:
        """Return the number of an event that was counted; KeyError for a name that was not."""
        return self.numbers[name]


@dataclass(frozen=True)
class Rate:
    """How often something happened, and what was promised.

    Parameters
    ----------
    training, gap, delta
        The subject.
    moment_order : float
        Supremum of the finite moment orders of the quantity.
    false_alarm : float
        Of the verdicts.
    quantity : str
        What was judged; "both" for an event of the family.
    event : str
        "|z| beyond" a normal quantile, "false alarm" (a right formula disagrees), "agreement" (all right ones agree), or
        "too high" and "too low" (a formula that is so by delta disagrees, while the other one is right).
    promise : {"equal", "at most", "at least"}
    nominal : float
        The rate that is promised.
    count, runs : int
    above : int or None
        How many of the z beyond the quantile are positive.
    trials : float
        Of a judged sample, on average.
    p, p_holm : float
        Exact binomial p-value against the promise, and the one adjusted over all rates of the report.
    """

    training: str
    gap: int
    delta: float
    moment_order: float
    false_alarm: float
    quantity: str
    event: str
    promise: str
    nominal: float
    count: int
    runs: int
    above: int | None
    trials: float
    p: float = 1.0
    p_holm: float = 1.0

    @property
    def rate(self) -> float:
        """Share of the runs."""
        return self.count / self.runs

    @property
    def interval(self) -> tuple[float, float]:
        """Exact (Clopper-Pearson) 95 % interval of the probability."""
        found = binomtest(self.count, self.runs).proportion_ci(LEVEL, method="exact")
        return float(found.low), float(found.high)

    def as_dict(self) -> dict[str, Any]:
        """Return the rate for a program."""
        low, high = self.interval
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {"schema": SCHEMA, "kind": "rate", **values, "rate": self.rate, "low": low, "high": high}

    @property
    def short(self) -> str:
        """The rate with its interval, and what was promised."""
        low, high = self.interval
        return f"{self.rate:.5f} ({low:.5f} to {high:.5f}), promised {self.promise} {self.nominal:g}"

    def __str__(self) -> str:
        where = f"{self.training}, gap {self.gap}, false-alarm rate {self.false_alarm:g}"
        return f"{where}, {self.quantity}, {self.event}: {self.short} (Holm p = {self.p_holm:.2g})"


@dataclass(frozen=True)
class CalibrationReport:
    """All rates of a calibration.

    Parameters
    ----------
    rates : tuple of Rate
    false_alarm : float
        Probability that `off` is not empty although every promise is kept.
    seed : int
    """

    rates: tuple[Rate, ...]
    false_alarm: float
    seed: int

    @property
    def off(self) -> list[Rate]:
        """Rates that are not what is promised, Holm-adjusted over all of the report."""
        return [rate for rate in self.rates if rate.p_holm <= self.false_alarm]

    @property
    def broken(self) -> list[Rate]:
        """Those among them that break a promise of the verdicts, other than a tail rate of z."""
        return [rate for rate in self.off if rate.promise != EQUAL]

    def __str__(self) -> str:
        lines = []
        for key, rates in groupby(self.rates, key=lambda one: (one.training, one.gap, one.false_alarm)):
            rates = list(rates)
            order, trials = min(one.moment_order for one in rates), rates[0].trials
            lines.append("{}, gap {}, false-alarm rate {:g} (moments below order {:g}, {:,.0f} trials)".format(*key, order, trials))
            for (quantity, event), found in groupby(rates, key=lambda one: (one.quantity, one.event)):
                lines.append(f"  {quantity}, {event}: " + "; ".join(one.short for one in found))
        broken, count = len(self.broken), len(self.off)
        return "\n".join([
            *lines,
            f"{self.rates[0].runs:,} meta-runs of every family; {count} of {len(self.rates)} rates are off at a false-alarm rate of "
            f"{self.false_alarm:g} for all together: {broken} of the verdicts' promises, {count - broken} tail rates of z",
            *(f"  off: {rate}" for rate in self.off),
        ])  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """Return the rates for a program."""
        return [rate.as_dict() for rate in self.rates]

    def write(self, file: Path, header: Mapping[str, Any]) -> None:
        """Write JSON lines: a header with ``header``, then the rates; InputError where the file cannot be written."""
        first = {"schema": SCHEMA, "kind": "calibration", "seed": self.seed, "false_alarm": self.false_alarm, **header}
        lines = [json.dumps(line, allow_nan=False) for line in (first, *self.rows())]
        try:
            replace_file(file, "".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            raise InputError(f"cannot write {file}: {error.strerror or error}; free space or name another file") from None


def make_report(
    totals: Mapping[Subject, Counts], orders: Mapping[Subject, Mapping[str, float]], levels: Sequence[float], power: float,
    false_alarm: float, seed: int,
) -> CalibrationReport:  # fmt: skip
    """Make the report of what was counted, at each of the verdicts' false-alarm rates ``levels``."""
    rates = [rate for subject, counts in totals.items() for level in levels for rate in _rates(subject, counts, orders[subject], level, power)]
    raw = [binomtest(one.count, one.runs, one.nominal, alternative=ALTERNATIVE[one.promise]).pvalue for one in rates]
    adjusted = holm(raw).tolist()
    judged = [Rate(**{**vars(rate), "p": float(p), "p_holm": p_holm}) for rate, p, p_holm in zip(rates, raw, adjusted, strict=True)]
    return CalibrationReport(tuple(judged), false_alarm, seed)


def _rates(subject: Subject, counts: Counts, orders: Mapping[str, float], level: float, power: float) -> list[Rate]:
    """Rates of one family at one false-alarm rate, not yet compared with their promises."""

    def of(name: str) -> int:
        return counts.of(f"{level:g}: {name}")

    runs = of("runs")
    trials = of("trials") / runs

    def rate(quantity: str, event: str, promise: str, nominal: float, count: int, above: int | None = None) -> Rate:
        order = min(orders.values()) if quantity == FAMILY else orders[quantity]
        return Rate(
            subject.training, subject.gap, subject.delta, order, level, quantity, event, promise, nominal, count, runs, above, trials
        )

    found = [
        rate(FAMILY, FALSE_ALARM, AT_MOST, level, of(FALSE_ALARM)),
        rate(FAMILY, AGREEMENT, AT_LEAST, power, of(AGREEMENT)),
    ]
    for quantity in orders:
        for tail in TAILS:
            above, below = of(f"{quantity}: above {tail:g}"), of(f"{quantity}: below {tail:g}")
            found.append(rate(quantity, BEYOND, EQUAL, tail, above + below, above))
        found += [rate(quantity, event, AT_LEAST, power, of(f"{quantity}: {event}")) for event in (TOO_HIGH, TOO_LOW)]
    return found


def read_report(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read the header and the rates of a written report; InputError for another schema or a damaged file."""
    try:
        header, *rates = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        fine = header["kind"] == "calibration" and rates and {line["schema"] for line in (header, *rates)} == {SCHEMA}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read the calibration {file}: {error}; write it with driftlaw calibrate --out") from None
    if not fine:
        raise InputError(f"{file} is no calibration of schema {SCHEMA}; write it with driftlaw calibrate --out")
    return header, rates
