"""Command line: ``driftlaw check FILE``, ``derive FILE``, ``verify``, ``robustness [NAME ...]``, ``calibrate`` and ``sweep FILE``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from simulate.calibration.command import Calibrate
from simulate.sweeps.command import Sweep
from simulate.verdicts.appendix import Derive
from simulate.work.files import replace_file, require_writable
from theory.checks import unknown
from theory.commands import JsonOption, choices, parse, print_json
from theory.errors import InputError
from theory.exits import STANDS, WRONG, command_line
from theory.quantities import FORMS

SCHEMA = 1  # of the JSON output


def _family_names() -> Iterable[str]:
    from theory.formulas import FAMILIES

    return FAMILIES


@dataclass(frozen=True, kw_only=True)
class _Options(JsonOption):
    """Options of all commands."""

    false_alarm: float | None = None
    """Probability of calling any correct formula of the run wrong; 1e-6 by default."""
    power: float | None = None
    """Probability of detecting a difference of delta; 0.95 by default."""
    seed: int | None = None
    """Seed of all draws, 0 by default; equal seeds give equal results."""
    max_trials: int | None = None
    """Most trials of a case; 1,048,576 by default."""
    min_trials: int | None = None
    """Least trials of a case, where the plan asks for fewer."""
    workers: int | None = None
    """Threads of the sampler, processes of verify; all cores by default. They do not change the result."""

    def settings(self, **others: Any) -> Any:
        """Settings of what is given on the command line, then of ``others``, then of defaults."""
        from simulate.verdicts.planning import Settings

        given = {name: getattr(self, name, None) for name in Settings.__dataclass_fields__}
        return Settings(**{**others, **{name: value for name, value in given.items() if value is not None}})


@dataclass(frozen=True)
class Check(_Options):
    """Check the lemma of a Python file against simulation.

    The file defines formula (a SymPy expression, a function or a theory.Formula), quantity (such as "deviation"),
    build (makes a TaskSequence of a case) and cases, or grid (a mapping from parameter to its values); it may define
    whatever else simulate.check takes, such as delta, solver, features, seed or expected ("agree" or "disagree").
    Options given here take precedence.

    A formula is an equality; relation = "<=" or ">=" makes it a bound, pathwise = True one of every draw. With against, a second
    build in place of formula, two experiments are compared. With along = {"p": (50, 100, 200, 400)} the limit is judged.

    Exit status: 1 if the formula disagrees or is violated, or stands although it is expected to disagree; 3 if it does not, but
    some case is undecided or not testable; 0 otherwise; 2 for a mistake in the input.
    """

    file: Annotated[Positional[Path], choices("Python file with the lemma. Quantities that have a name", FORMS, metavar="FILE")]
    delta: float | None = None
    """Difference that matters, as a share of a case's error scale; the file's delta or 0.02 by default."""
    method: Literal["direct", "reduced", "banded", "auto"] | None = None
    """Sampler: "direct" solves every regression (the default); "reduced" draws only what errors depend on, with the same law;
    "banded" does so with ridge steps at a cost linear in the samples."""

    def run(self) -> int:
        from simulate.verdicts.judge import check
        from simulate.verdicts.lemma import load_lemma
        from simulate.verdicts.planning import Settings

        options = {"progress": not self.json, **load_lemma(self.file)}
        settings = self.settings(**{name: options[name] for name in Settings.__dataclass_fields__ if name in options})
        started = time.perf_counter()
        given = {name: getattr(self, name) for name in ("workers", "method") if getattr(self, name) is not None}
        report = check(**{**options, **asdict(settings), **given})
        _print([report], settings, self.json, report.exit_status, time.perf_counter() - started)
        if report.warning:
            print(f"warning: {report.warning}", file=sys.stderr)
        return report.exit_status


@dataclass(frozen=True)
class Verify(_Options):
    """Check the project's own formulas against simulation.

    Exit status: 0 if every family comes out as expected; 1 if any comes out wrong; 3 if none does, but some case is
    undecided or not testable; 2 for a mistake in the input.
    """

    names: Annotated[Positional[tuple[str, ...]], choices("Families, each a formula with its cases", _family_names(), metavar="[NAME ...]", help_behavior_hint="(default: all)")] = ()
    delta: float | None = None
    """Difference that matters, as a share of a case's error scale; 0.02 by default."""
    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """Also write the JSON object to this file, such as for the report."""

    def run(self) -> int:
        from simulate.verdicts.conjecture import conjecture
        from simulate.verdicts.judge import check_all

        if self.out is not None:
            require_writable(self.out)
        chosen = _families(self.names)
        claims = [conjecture(f.formula, cases=f.cases, name=f.name, expected=f.expected, exact=True) for f in chosen]
        settings = self.settings()
        started = time.perf_counter()
        reports = check_all(claims, settings, workers=self.workers, progress=not self.json, processes=True)
        status = min((report.exit_status for report in reports if report.exit_status != STANDS), default=STANDS)  # wrong before open
        seconds = time.perf_counter() - started
        if self.out is not None:
            replace_file(self.out, json.dumps(_result(reports, settings, status, seconds), indent=1, allow_nan=False).encode())
        _print(reports, settings, self.json, status, seconds)
        for report in reports:
            if report.exit_status != STANDS:
                print(f"{'failed' if report.exit_status == WRONG else 'open'}: {report.warning or report.summary}", file=sys.stderr)
        return status


@dataclass(frozen=True)
class Robustness(_Options):
    """Show how far formulas hold beyond their assumptions.

    Features of random signs, with heavy tails, with decaying variances; ridge regression and gradient descent that
    stops early in place of the least step. Nothing is judged: the table shows by how much simulation and formula differ.

    Exit status: 0; 2 for a mistake in the input.
    """

    names: Annotated[Positional[tuple[str, ...]], choices("Families, each a formula with its cases", _family_names(), metavar="[NAME ...]", help_behavior_hint="(default: three of them)")] = ()
    delta: float = 0.05
    """Difference within which a formula is said to hold, as a share of a case's error scale."""
    false_alarm: float = 0.01
    """One minus the confidence level of all intervals together."""
    cases: int = 3
    """The first so many cases of every family."""

    def run(self) -> int:
        from simulate.verdicts.robustness import DEFAULT_FAMILIES, robustness, table

        if self.cases < 1:
            raise InputError(f"cases is {self.cases}; give at least 1")
        settings = self.settings()
        started = time.perf_counter()
        families = _families(self.names or DEFAULT_FAMILIES)
        reports = robustness(families, settings, cases=self.cases, workers=self.workers, progress=not self.json)
        seconds = time.perf_counter() - started
        if self.json:
            _print(reports, settings, True, 0, seconds)
        else:
            print(f"{table(reports, self.delta)}\n{sum(len(r.verdicts) for r in reports)} comparisons, {seconds:.1f} s")
        return 0


def _families(names: tuple[str, ...]) -> list[Any]:
    from theory.formulas import FAMILIES, FORMULAS

    for name in names:
        if name not in FAMILIES:
            if name in FORMULAS:
                raise InputError(f"the formula {name} has no family of cases: no sample estimates it as a mean, and the tests alone prove it")
            raise unknown(name, FAMILIES, "family")
    return [FAMILIES[name] for name in dict.fromkeys(names or FAMILIES)]


def _result(reports: list[Any], settings: Any, exit_status: int, seconds: float) -> dict[str, Any]:
    from simulate.verdicts.report import TailRates

    families = [
        {"formula": r.formula, "expected": r.expected, "verdict": r.verdict, "exact": r.exact, "summary": r.summary, "warning": r.warning or None}
        for r in reports
    ]
    rows = [row for report in reports for row in report.rows()]
    tails = sum((report.tail_rates for report in reports), TailRates())
    result = {"schema": SCHEMA, "families": families, "rows": rows, "tail_rates": tails.rows(), "settings": asdict(settings)}
    return {**result, "seconds": round(seconds, 3), "exit_status": exit_status}


def _print(reports: list[Any], settings: Any, as_json: bool, exit_status: int, seconds: float) -> None:
    from simulate.verdicts.report import NOT_TESTABLE, TailRates

    if as_json:
        print_json(_result(reports, settings, exit_status, seconds))
        return
    for report in reports:
        print(report.text)
    judged = sum(len(report.verdicts) - report.count(NOT_TESTABLE) for report in reports)
    print(f"{judged} comparisons at a false-alarm rate of {settings.false_alarm:g} for all together, {seconds:.1f} s")
    print(sum((report.tail_rates for report in reports), TailRates()))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status of `theory.exits`."""
    return command_line(lambda: run(arguments), arguments)


def run(arguments: list[str] | None, prog: str = "python -m simulate") -> int:
    """Run the command that the arguments say."""
    commands = {"check": Check, "derive": Derive, "verify": Verify, "robustness": Robustness, "sweep": Sweep, "calibrate": Calibrate}
    return parse(commands, arguments, prog, "formulas against simulation, and sweeps over many experiments", [FlagCreatePairsOff]).run()


if __name__ == "__main__":
    sys.exit(main())
