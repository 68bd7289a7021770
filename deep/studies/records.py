"""Compact records of a study, read without torch: what tables, verdicts and figures need, one JSON line a run, unit or pair."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from deep import metrics
from deep.records import FINISHED, RunRecord, built, tuples
from deep.studies.design import Unit
from simulate.work.keys import json_value

METRICS = ("average_accuracy", "task_accuracy", "forgetting")
GROUPS = 32  # of test images, by their numbers: what they share is resampled as one
_DIGITS = 6  # of shares and of decided numbers


class Line:
    """A record, as a line of a file."""

    KIND: ClassVar[str]
    NEWER: ClassVar[tuple[str, ...]] = ()

    from_json = classmethod(built)


@dataclass(frozen=True)
class StudyRun(Line):
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
        As the study wanted them, options of the loop among them where development chooses these.
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
    images : tuple of (float, float)
        For each of `GROUPS` groups of test images, image i in group i mod `GROUPS`: what its right answers in the end add to Avg.Acc,
        and what they would add if all were right; empty in records that cannot tell the error of the test images.
    """

    KIND: ClassVar[str] = "study-run"
    NEWER: ClassVar[tuple[str, ...]] = ("images",)

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
    images: tuple[tuple[float, float], ...] = ()

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


@dataclass(frozen=True)
class UnitEffects(Line):
    """What every task's depth is worth in one unit, on validation data; tasks count from the second on.

    Parameters
    ----------
    preset, stream : str
    order, seed : int
    stages : int
        Of the network.
    schedules : int
        Trained schedules; ``stages ** tasks`` of them are all.
    scores : tuple of float
        Cosine of each task's gradient with the previous task's, along initialized training.
    stage_scores : tuple of tuple of float
        The same within each stage but the head.
    gains : tuple of tuple of float
        For each task, final Avg.Acc with everything trained in it minus that with the frozen depth, for every schedule of the
        other tasks that was tried with both.
    by_depth : tuple of tuple of float
        For each task, final Avg.Acc at depth 1, 2, ..., mean over the schedules of the other tasks; None where
        it was not tried.
    chosen : mapping of str to sequence of int
        Number of stages that each rule trained in each task.
    reached : mapping of str to float
        Final Avg.Acc of each rule, of the best of all schedules and of their mean.
    """

    KIND: ClassVar[str] = "unit-effects"

    preset: str
    stream: str
    order: int
    seed: int
    stages: int
    schedules: int
    scores: tuple[float, ...]
    stage_scores: tuple[tuple[float, ...], ...]
    gains: tuple[tuple[float, ...], ...]
    by_depth: tuple[tuple[float | None, ...], ...]
    chosen: Mapping[str, Any]
    reached: Mapping[str, float]

    @property
    def exhaustive(self) -> bool:
        """Whether all schedules were tried."""
        return self.schedules == self.stages ** len(self.scores)

    @property
    def benefit(self) -> tuple[float, ...]:
        """Mean gain of each task."""
        return tuple(float(np.mean(gains)) for gains in self.gains)

    def best_depths(self) -> tuple[int, ...] | None:
        """Return for each task the depth with the highest mean Avg.Acc, the smaller of equals; None unless all schedules were tried.

        Where they were not, one depth's mean would be over shallow schedules and another's over deep ones.
        """
        if not self.exhaustive:
            return None
        return tuple(1 + int(np.argmax([-1.0 if value is None else value for value in values])) for values in self.by_depth)


@dataclass(frozen=True)
class PairRecord(Line):
    """One ordered pair of tasks in one unit, on validation data.

    Parameters
    ----------
    preset, stream : str
    order, seed : int
    first, second : int
        Numbers of the tasks in the stream.
    samples : int
        Training examples of the second task.
    dimensions : tuple of int
        Parameters of the shared part, which frozen training keeps, and of the specific part; separate heads belong to neither.
    distance : tuple of float
        |w_2 - w_1|^2 in the shared and in the specific part, w the truths.
    error : tuple of float
        |theta_1 - w_1|^2 in both parts, theta_1 after training on the first task.
    frozen, initialized : tuple of float
        Accuracy on the first task after its own training, on the first task in the end, and on the second.
    """

    KIND: ClassVar[str] = "task-pair"

    preset: str
    stream: str
    order: int
    seed: int
    first: int
    second: int
    samples: int
    dimensions: tuple[int, int]
    distance: tuple[float, float]
    error: tuple[float, float]
    frozen: tuple[float, float, float]
    initialized: tuple[float, float, float]

    @property
    def advantage(self) -> float:
        """Mean accuracy on both tasks in the end under frozen training minus that under initialized training."""
        return (sum(self.frozen[1:]) - sum(self.initialized[1:])) / 2

    @property
    def kept(self) -> float:
        """Accuracy on the first task in the end under frozen training minus that under initialized training."""
        return self.frozen[1] - self.initialized[1]


def study_run(record: RunRecord, preset: str, phase: str, stream: str, arm: str, deal: int, options: Mapping, images: Any) -> StudyRun:
    """Return what a study keeps of a run's record."""
    config = record.config
    return StudyRun(
        preset, phase, stream, arm, deal, config["strategy"], json_value(dict(options), "options"), config["learning_rate"], config["order"], config["seed"],
        config["network"], config["scenario"], record.key, record.status,
        accuracy=tuple(tuple(round(share, _DIGITS) for share in result.accuracy[: number + 1]) for number, result in enumerate(record.results)),
        trained=tuple("".join("1" if stage else "0" for stage in result.trained) for result in record.results),
        update=tuple(float(f"{result.update_magnitude:.{_DIGITS}g}") for result in record.results),
        decision=tuple(rounded(dict(result.decision)) for result in record.results),
        device=record.device, versions=record.versions, images=tuples(rounded(images)),
    )  # fmt: skip


def rounded(value: Any) -> Any:
    """Round the numbers of nested JSON values as records keep them."""
    if isinstance(value, Mapping):
        return {name: rounded(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(entry) for entry in value]
    return round(value, _DIGITS) if isinstance(value, float) else value
