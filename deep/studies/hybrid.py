"""The hybrid study from end to end: develop, write the protocol, confirm, judge."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep.records import to_json
from deep.studies.design import ALL, CONFIRM, DEVELOP, EXPLAIN, Preset
from deep.studies.effects import Explanation, UnitEffects
from deep.studies.pair_records import PairRecord
from deep.studies.protocol import Protocol
from deep.studies.records import METRICS, StudyRun
from deep.studies.statistics import Comparison, Results, Verdict, comparisons, verdicts
from deep.studies.text import explanation_text, protocol_text, results_text


@dataclass(frozen=True)
class Study:
    """What a study has reached: its protocol, its runs, once confirmed comparisons and verdicts, and what explains them."""

    preset: Preset
    protocol: Protocol
    runs: tuple[StudyRun, ...] = ()
    explanation: Explanation = Explanation()

    @property
    def records(self) -> tuple[StudyRun | UnitEffects | PairRecord, ...]:
        """All records."""
        return (*self.runs, *self.explanation.effects, *self.explanation.pairs)

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
        if self.explanation.effects:
            parts.append(explanation_text(self.explanation))
        return "\n\n".join(parts)

    def json(self) -> dict[str, Any]:
        """Return what a program reads."""
        value: dict[str, Any] = {"preset": self.preset.name, "protocol": dataclasses.asdict(self.protocol)}
        if self.confirmed:
            value["means"] = [_means(self.results, stream, arm) for stream in self.results.streams for arm in self.results.arms(stream)]
            value["comparisons"] = [_comparison(entry) for entry in self.compared()]
            value["verdicts"] = [dataclasses.asdict(verdict) for verdict in self.judged()]
        if self.explanation.effects:
            value["explanation"] = [to_json(record) for record in self.records if not isinstance(record, StudyRun)]
        return value


def run_study(preset: Preset, phase: str, protocol_file: Path, setting: Any) -> Study:
    """Run one phase of a study, or development and confirmation.

    Parameters
    ----------
    preset : Preset
    phase : {"develop", "confirm", "all", "explain"}
    protocol_file : path
        Written after development, read before all else.
    setting : deep.studies.running.Setting

    Raises
    ------
    InputError
        If confirmation or explanation finds no protocol that fits.
    """
    from deep.studies.confirmation import confirm
    from deep.studies.development import develop
    from deep.studies.explanation import explain
    from deep.studies.protocol import read_protocol, write_protocol

    developed: list[StudyRun] = []
    if phase in (DEVELOP, ALL):
        protocol, developed = develop(preset, setting)
        write_protocol(protocol_file, protocol)
    protocol = read_protocol(protocol_file)
    if phase == EXPLAIN:
        return Study(preset, protocol, explanation=explain(preset, protocol, setting))
    confirmed = confirm(preset, protocol, setting) if phase != DEVELOP else []
    return Study(preset, protocol, (*developed, *confirmed))


def _means(results: Results, stream: str, arm: str) -> dict[str, Any]:
    estimates = {metric: results.estimate(stream, arm, metric) for metric in METRICS}
    numbers = {metric: None if value is None else {"mean": value.mean, "stderr": value.stderr, "units": value.count} for metric, value in estimates.items()}
    return {"stream": stream, "arm": arm, **numbers}


def _comparison(entry: Comparison) -> dict[str, Any]:
    value = {name: getattr(entry, name) for name in ("stream", "rule", "reference", "metric", "failed")}
    known = entry.difference is not None
    return value | {"mean": entry.difference.mean, "low": entry.low, "high": entry.high} if known else value
