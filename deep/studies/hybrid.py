"""The hybrid study from end to end: develop, write the protocol, confirm, judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep.studies.design import CONFIRM, DEVELOP, Preset
from deep.studies.protocol import Protocol
from deep.studies.records import METRICS, StudyRun
from deep.studies.statistics import Comparison, Results, Verdict, comparisons, verdicts
from deep.studies.text import protocol_text, results_text


@dataclass(frozen=True)
class Study:
    """What a study has reached: its protocol, its runs, and once confirmed, comparisons and verdicts."""

    preset: Preset
    protocol: Protocol
    runs: tuple[StudyRun, ...]

    @property
    def results(self) -> Results:
        """Runs of the confirmation."""
        return Results(run for run in self.runs if run.phase == CONFIRM)

    @property
    def confirmed(self) -> bool:
        """Whether there are runs of the confirmation."""
        return any(run.phase == CONFIRM for run in self.runs)

    def compared(self) -> list[Comparison]:
        """Return all comparisons."""
        return comparisons(self.results, self.preset.rules, self.preset.level)

    def judged(self) -> list[Verdict]:
        """Return all verdicts."""
        return verdicts(self.compared(), self.preset.rules)

    def text(self) -> str:
        """Return what a person reads."""
        parts = [protocol_text(self.protocol)]
        if self.confirmed:
            parts.append(results_text(self.preset, self.protocol, self.results, self.compared(), self.judged()))
        return "\n\n".join(parts)

    def json(self) -> dict[str, Any]:
        """Return what a program reads."""
        value: dict[str, Any] = {"preset": self.preset.name, "protocol": dataclasses.asdict(self.protocol)}
        if self.confirmed:
            value["means"] = [_means(self.results, stream, arm) for stream in self.results.streams for arm in self.results.arms(stream)]
            value["comparisons"] = [_comparison(entry) for entry in self.compared()]
            value["verdicts"] = [dataclasses.asdict(verdict) for verdict in self.judged()]
        return value


def run_study(preset: Preset, phase: str, protocol_file: Path, setting: Any) -> Study:
    """Run one phase of a study, or both.

    Parameters
    ----------
    preset : Preset
    phase : {"develop", "confirm", "all"}
    protocol_file : path
        Written after development, read before confirmation.
    setting : deep.studies.running.Setting

    Raises
    ------
    InputError
        If confirmation finds no protocol that fits.
    """
    from deep.studies.confirmation import confirm
    from deep.studies.development import develop
    from deep.studies.protocol import read_protocol, write_protocol

    runs: Sequence[StudyRun] = ()
    if phase != CONFIRM:
        protocol, runs = develop(preset, setting)
        write_protocol(protocol_file, protocol)
    if phase != DEVELOP:
        protocol = read_protocol(protocol_file)
        runs = [*runs, *confirm(preset, protocol, setting)]
    return Study(preset, protocol, tuple(runs))


def _means(results: Results, stream: str, arm: str) -> dict[str, Any]:
    estimates = {metric: results.estimate(stream, arm, metric) for metric in METRICS}
    numbers = {metric: None if value is None else {"mean": value.mean, "stderr": value.stderr, "units": value.count} for metric, value in estimates.items()}
    return {"stream": stream, "arm": arm, **numbers}


def _comparison(entry: Comparison) -> dict[str, Any]:
    value = {name: getattr(entry, name) for name in ("stream", "rule", "reference", "metric", "failed")}
    known = entry.difference is not None
    return value | {"mean": entry.difference.mean, "low": entry.low, "high": entry.high} if known else value
