"""Compact records of a study's runs, read without torch: what tables, verdicts and figures need, one JSON line a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from deep import metrics
from deep.records import FINISHED, RunRecord, built
from deep.studies.design import Unit

METRICS = ("average_accuracy", "task_accuracy", "forgetting")
_DIGITS = 6  # of shares and of decided numbers


@dataclass(frozen=True)
class StudyRun:
    """One run of a study.

    Parameters
    ----------
    preset, phase : str
        Phase "develop" was measured on validation data, "confirm" on the test part, "explain" on validation data.
    stream : str
        Label of the stream in the preset.
    arm : str
        A baseline, a rule, or the control of a rule.
    deal : int
        Number of the random order, for controls that deal decisions at random; else 0.
    strategy, options
        As the run was configured.
    learning_rate : float
    order, seed : int
    network, scenario : str
    key : str
        Of the run's configuration, code and versions.
    status : str
        "finished" or "failed".
    accuracy : tuple of tuple of float
        Row t: accuracy after task t on the tasks up to t, rounded; metrics are computed from it.
    trained : tuple of str
        For each task, a character a stage from input to head: "1" was trained, "0" was not.
    update : tuple of float
        |theta_t - theta_{t-1}| of every task.
    decision : tuple of mapping
        For each task, what the strategy decided and by which scores.
    device : str
    versions : mapping
    """

    KIND: ClassVar[str] = "study-run"

    preset: str
    phase: str
    stream: str
    arm: str
    deal: int
    strategy: str
    options: Mapping[str, Any]
    learning_rate: float
    order: int
    seed: int
    network: str
    scenario: str
    key: str
    status: str
    accuracy: tuple[tuple[float, ...], ...]
    trained: tuple[str, ...]
    update: tuple[float, ...]
    decision: tuple[Mapping[str, Any], ...]
    device: str
    versions: Mapping[str, str]

    @property
    def unit(self) -> Unit:
        """Order and seed."""
        return Unit(self.order, self.seed)

    @property
    def finished(self) -> bool:
        """Whether all tasks were trained."""
        return self.status == FINISHED

    def metric(self, name: str) -> float:
        """Compute one of `METRICS`, a share."""
        return float(getattr(metrics, name)(self.matrix()))

    def matrix(self) -> np.ndarray:
        """Accuracy matrix, shape (T, T); 0 for tasks not yet trained, which no metric of the study reads."""
        matrix = np.zeros((len(self.accuracy),) * 2)
        for number, row in enumerate(self.accuracy):
            matrix[number, : len(row)] = row
        return matrix

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> StudyRun:
        """Return the record of the fields that `deep.records.to_json` writes."""
        return built(cls, {**value, "accuracy": tuple(map(tuple, value["accuracy"]))})


def study_run(record: RunRecord, preset: str, phase: str, stream: str, arm: str, deal: int = 0) -> StudyRun:
    """Return what a study keeps of a run's record."""
    config = record.config
    return StudyRun(
        preset, phase, stream, arm, deal, config["strategy"], config["strategy_options"], config["learning_rate"], config["order"], config["seed"],
        config["network"], config["scenario"], record.key, record.status,
        accuracy=tuple(tuple(round(share, _DIGITS) for share in result.accuracy[: number + 1]) for number, result in enumerate(record.results)),
        trained=tuple("".join("1" if stage else "0" for stage in result.trained) for result in record.results),
        update=tuple(float(f"{result.update_magnitude:.{_DIGITS}g}") for result in record.results),
        decision=tuple(_rounded(dict(result.decision)) for result in record.results),
        device=record.device,
        versions=record.versions,
    )  # fmt: skip


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(entry) for entry in value]
    return round(value, _DIGITS) if isinstance(value, float) else value
