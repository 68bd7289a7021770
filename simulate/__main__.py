"""Command line: ``python -m simulate check FILE``, ``verify``, ``robustness [NAME ...]``, ``calibrate`` and ``sweep FILE``."""

from __future__ import annotations

import difflib
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import FlagCreatePairsOff, Positional, arg, subcommand

from simulate.calibration_command import Calibrate
from simulate.files import replace_file, require_writable
from simulate.sweeps.command import INTERRUPTED, Sweep
from theory.errors import DriftlawError, InputError

SCHEMA = 1  # of the JSON output


@dataclass(frozen=True, kw_only=True)
class _Options:
    """Options of all commands."""

    json: bool = False
    """Print one JSON object and nothing else on standard output."""
    false_alarm: float = 1e-6
    """Probability of calling any correct formula of the run wrong."""
    power: float = 0.95
    """Probability of detecting a difference of delta."""
    seed: int = 0
    """Seed of all draws; equal seeds give equal results."""
    max_trials: int = 2**20
    """Most trials of a case."""
    workers: int | None = None
    """Threads of the sampler; all cores by default. They do not change the result."""

    def settings(self, delta: float | None) -> Any:
        from simulate.planning import Settings

        chosen = {} if delta is None else {"delta": delta}
        return Settings(false_alarm=self.false_alarm, power=self.power, seed=self.seed, max_trials=self.max_trials, **chosen)


@dataclass(frozen=True)
class Check(_Options):
    """Check the lemma of a Python file against simulation.

    The file defines formula (a SymPy expression, a function or a theory.Formula), target (such as "deviation"),
    build (makes a TaskSequence of a case) and cases; it may define delta, expected ("agree" or "disagree") and name.

    Exit status: 1 if the formula disagrees, or agrees although it is expected to disagree; 0 otherwise (undecided
    and not testable cases warn); 2 for a mistake in the input.
    """

    file: Annotated[Positional[Path], arg(metavar="FILE")]
    """Python file with the lemma."""
    delta: float | None = None
    """Difference that matters, as a share of a case's error scale; the file's delta or 0.02 by default."""

    def run(self) -> int:
        from simulate.check import check_all
        from simulate.lemma import load_lemma

        lemma = load_lemma(self.file)
        settings = self.settings(self.delta if self.delta is not None else lemma.delta)
        started = time.perf_counter()
        report = check_all([lemma.claim], settings, workers=self.workers, progress=not self.json)[0]
        _print([report], settings, self.json, report.exit_status, time.perf_counter() - started)
        if report.warning:
            print(f"warning: {report.warning}", file=sys.stderr)
        return report.exit_status


@dataclass(frozen=True)
class Verify(_Options):
    """Check the project's own formulas against simulation.

    Exit status: 0 if every family comes out as expected; 1 if any does not, undecided and not testable included;
    2 for a mistake in the input.
    """

    names: Annotated[Positional[tuple[str, ...]], arg(metavar="[NAME ...]", help_behavior_hint="(default: all)")] = ()
    """Families of formulas."""
    delta: float = 0.02
    """Difference that matters, as a share of a case's error scale."""
    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """Also write the JSON object to this file, such as for the report."""

    def run(self) -> int:
        from simulate.check import check_all
        from simulate.conjecture import conjecture

        if self.out is not None:
            require_writable(self.out)
        chosen = _families(self.names)
        claims = [conjecture(f.formula, cases=f.cases, name=f.name, expected=f.expected, exact=True) for f in chosen]
        settings = self.settings(self.delta)
        started = time.perf_counter()
        reports = check_all(claims, settings, workers=self.workers, progress=not self.json)
        failed = [report for report in reports if not report.as_expected]
        seconds = time.perf_counter() - started
        if self.out is not None:
            _write(self.out, _result(reports, settings, int(bool(failed)), seconds))
        _print(reports, settings, self.json, int(bool(failed)), seconds)
        for report in failed:
            print(f"failed: {report.warning or report.summary}", file=sys.stderr)
        return int(bool(failed))


@dataclass(frozen=True)
class Robustness(_Options):
    """Show how far formulas hold beyond their assumptions.

    Features of random signs, with heavy tails, with decaying variances; ridge regression and gradient descent that
    stops early in place of the least step. Nothing is judged: the table shows by how much simulation and formula differ.

    Exit status: 0; 2 for a mistake in the input.
    """

    names: Annotated[Positional[tuple[str, ...]], arg(metavar="[NAME ...]", help_behavior_hint="(default: three of them)")] = ()
    """Families of formulas."""
    delta: float = 0.05
    """Difference within which a formula is said to hold, as a share of a case's error scale."""
    false_alarm: float = 0.01
    """One minus the confidence level of all intervals together."""
    cases: int = 3
    """The first so many cases of every family."""

    def run(self) -> int:
        from simulate.robustness import DEFAULT_FAMILIES, robustness, table

        if self.cases < 1:
            raise InputError(f"cases is {self.cases}; give at least 1")
        settings = self.settings(self.delta)
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
            near = difflib.get_close_matches(name, FAMILIES, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(f"there is no family {name!r}; {hint}The families are {', '.join(FAMILIES)}")
    return [FAMILIES[name] for name in dict.fromkeys(names or FAMILIES)]


def _write(file: Path, result: dict[str, Any]) -> None:
    replace_file(file, json.dumps(result, indent=1, allow_nan=False).encode())


def _result(reports: list[Any], settings: Any, exit_status: int, seconds: float) -> dict[str, Any]:
    from simulate.verdicts import TailRates

    families = [
        {"formula": r.formula, "expected": r.expected, "verdict": r.verdict, "exact": r.exact, "summary": r.summary, "warning": r.warning or None}
        for r in reports
    ]
    rows = [row for report in reports for row in report.rows()]
    tails = sum((report.tail_rates for report in reports), TailRates())
    result = {"schema": SCHEMA, "families": families, "rows": rows, "tail_rates": tails.rows(), "settings": asdict(settings)}
    return {**result, "seconds": round(seconds, 3), "exit_status": exit_status}


def _print(reports: list[Any], settings: Any, as_json: bool, exit_status: int, seconds: float) -> None:
    from simulate.verdicts import NOT_TESTABLE, TailRates

    if as_json:
        print(json.dumps(_result(reports, settings, exit_status, seconds), indent=2, allow_nan=False))
        return
    for report in reports:
        print(report.text)
    judged = sum(len(report.verdicts) - report.count(NOT_TESTABLE) for report in reports)
    print(f"{judged} comparisons at a false-alarm rate of {settings.false_alarm:g} for all together, {seconds:.1f} s")
    print(sum((report.tail_rates for report in reports), TailRates()))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    commands = Annotated[Check, subcommand("check")] | Annotated[Verify, subcommand("verify")]
    commands |= Annotated[Robustness, subcommand("robustness")] | Annotated[Sweep, subcommand("sweep")]
    commands |= Annotated[Calibrate, subcommand("calibrate")]
    command = tyro.cli(
        FlagCreatePairsOff[commands],
        prog="python -m simulate",
        description="Check formulas of continual learning against simulation, and sweep over many experiments.",
        args=arguments,
    )
    try:
        return command.run()
    except DriftlawError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `... | head` has seen enough
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print("interrupted; nothing was judged", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
