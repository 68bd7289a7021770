"""What a calibration of the verdicts found: rates with exact binomial intervals, beside what is promised."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from simulate.evidence import holm
from simulate.work.files import replace_file, trying
from theory.errors import InputError

SCHEMA = 1
TAILS = (0.05, 0.01, 0.001, 1e-4)  # two-sided shares of a standard normal
LEVEL = 0.95  # of the intervals
EQUAL, AT_MOST, AT_LEAST = "equal", "at most", "at least"
ALTERNATIVE = {EQUAL: "two-sided", AT_MOST: "greater", AT_LEAST: "less"}  # what speaks against a promise
BEYOND, FALSE_ALARM, AGREEMENT, TOO_HIGH, TOO_LOW = "|z| beyond", "false alarm", "agreement", "too high", "too low"
BELOW, HELD = "p below", "wrong, but holds"
FAMILY = "both"  # what stands for the quantity of a rate of the whole family
EQUALITY, BOUND, ORDERING, LIMIT = KINDS = ("equality", "bound", "ordering", "limit")


@dataclass(frozen=True)
class Subject:
    """A training whose noisy steps have ``gap`` parameters more than samples, the share of the error scale to be resolved, and what is judged.

    The kinds of statement are formulas of two quantities, a bound that is attained, an ordering of two trainings that tie, and a limit.
    """

    training: str
    gap: int
    delta: float
    kind: str = EQUALITY


@dataclass(frozen=True)
class Rate:
    """How often something happened, and what was promised.

    Parameters
    ----------
    training, gap, delta, statement
        The subject; ``statement`` is its kind.
    moment_order : float
        Supremum of the finite moment orders of the quantity.
    false_alarm : float
        Of the verdicts.
    quantity : str
        What was judged, with its relation where that is none of equality; "both" for an event of the family of two formulas.
    event : str
        "|z| beyond" a normal quantile, or "p below" a nominal rate where only one side is wrong; "false alarm" (a right statement is called wrong), "agreement"
        (all right ones agree, or hold up to delta), "too high" and "too low" (a statement that is so by delta is called
        wrong, while the other one is right), or "wrong, but holds" (that one agrees or holds up to delta).
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
    statement: str = EQUALITY

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
        where = f"{self.statement}, {self.training}, gap {self.gap}, false-alarm rate {self.false_alarm:g}"
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
        for key, rates in groupby(self.rates, key=lambda one: (one.statement, one.training, one.gap, one.false_alarm)):
            rates = list(rates)
            order, trials = min(one.moment_order for one in rates), rates[0].trials
            lines.append("{}, {}, gap {}, false-alarm rate {:g} (moments below order {:g}, {:,.0f} trials)".format(*key, order, trials))
            for (quantity, event), found in groupby(rates, key=lambda one: (one.quantity, one.event)):
                lines.append(f"  {quantity}, {event}: " + "; ".join(one.short for one in found))
        broken, count, runs = len(self.broken), len(self.off), sorted({rate.runs for rate in self.rates})
        return "\n".join([
            *lines,
            f"{' to '.join(f'{one:,}' for one in dict.fromkeys((runs[0], runs[-1])))} meta-runs of every family; {count} of {len(self.rates)} rates are off at a false-alarm rate of "
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
        with trying(f"write {file}", "free space or name another file"):
            replace_file(file, "".join(f"{line}\n" for line in lines).encode())


def make_report(
    totals: Mapping[Subject, Mapping[str, int]], orders: Mapping[Subject, Mapping[str, float]], levels: Sequence[float], power: float,
    false_alarm: float, seed: int, earlier: Iterable[Rate] = (),
) -> CalibrationReport:  # fmt: skip
    """Make the report of what was counted, at each of the verdicts' false-alarm rates ``levels``, and of ``earlier`` rates of other subjects."""
    known = {(one.kind, one.training, one.gap) for one in totals}
    rates = [rate for rate in earlier if (rate.statement, rate.training, rate.gap) not in known]
    rates += [rate for subject, counts in totals.items() for level in levels for rate in _rates(subject, counts, orders[subject], level, power)]
    raw = [float(binomtest(one.count, one.runs, one.nominal, alternative=ALTERNATIVE[one.promise]).pvalue) for one in rates]
    judged = [replace(rate, p=p, p_holm=p_holm) for rate, p, p_holm in zip(rates, raw, holm(raw).tolist(), strict=True)]
    return CalibrationReport(tuple(judged), false_alarm, seed)


def _rates(subject: Subject, counts: Mapping[str, int], orders: Mapping[str, float], level: float, power: float) -> list[Rate]:
    """Rates of one subject at one false-alarm rate, not yet compared with their promises."""
    numbers = {name.removeprefix(start): count for name, count in counts.items() if name.startswith(start := f"{level:g}: ")}
    runs = numbers["runs"]
    # alone, what is right and attained is called wrong at the whole rate, and cannot be called right as well
    right = power if subject.kind == EQUALITY else round(power - level, 12)
    promises = {AGREEMENT: (AT_LEAST, right), TOO_HIGH: (AT_LEAST, power), TOO_LOW: (AT_LEAST, power), FALSE_ALARM: (AT_MOST, level), HELD: (AT_MOST, level)}

    def rate(quantity: str, event: str, count: int, promise: str, nominal: float, above: int | None = None) -> Rate:
        return Rate(
            subject.training, subject.gap, subject.delta, orders.get(quantity, min(orders.values())), level, quantity, event, promise, nominal,
            count, runs, above, numbers["trials"] / runs, statement=subject.kind,
        )  # fmt: skip

    def found(quantity: str, events: Iterable[str], start: str = "") -> list[Rate]:
        return [rate(quantity, event, numbers[start + event], *promises[event]) for event in events if start + event in numbers]

    rates = found(FAMILY, (FALSE_ALARM, AGREEMENT))
    for quantity in orders:
        rates += found(quantity, (FALSE_ALARM, AGREEMENT), f"{quantity}: ")
        for tail in TAILS:
            if (below := numbers.get(f"{quantity}: {BELOW} {tail:g}")) is not None:
                rates.append(rate(quantity, BELOW, below, EQUAL, tail))
            else:
                above = numbers[f"{quantity}: above {tail:g}"]
                rates.append(rate(quantity, BEYOND, above + numbers[f"{quantity}: below {tail:g}"], EQUAL, tail, above))
        rates += found(quantity, (TOO_HIGH, TOO_LOW, HELD), f"{quantity}: ")
    return rates


def read_rates(file: Path) -> list[Rate]:
    """Read the rates of a written report as values; raises as `read_report`."""
    return [Rate(**{one.name: row[one.name] for one in fields(Rate)}) for row in read_report(file)[1]]


def read_report(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read the header and the rates of a written report; InputError for another schema or a damaged file."""
    try:
        header, *rates = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        fine = header["kind"] == "calibration" and rates and {line["schema"] for line in (header, *rates)} == {SCHEMA}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read the calibration {file}: {error}; write it with driftlaw calibrate --out") from None
    if not fine:
        raise InputError(f"{file} is no calibration of schema {SCHEMA}; write it with driftlaw calibrate --out")
    return header, [{"statement": EQUALITY, **rate} for rate in rates]  # of which older records are
