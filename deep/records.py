"""Records of deep runs: what was trained, how, and what was measured; JSON lines that are read without torch."""

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from deep.metrics import summary
from simulate.work.files import replace_file, trying
from simulate.work.keys import json_value
from theory.checks import known
from theory.errors import InputError

SCHEMA = 1
FINISHED, FAILED, PARTIAL = STATUSES = ("finished", "failed", "partial")


@dataclass(frozen=True)
class TaskResult:
    """What was measured while one task was trained and just after it.

    Parameters
    ----------
    name : str
        Of the task.
    accuracy : tuple of float, one for each task of the stream
        Accuracy on every task, later ones too, after this one, as shares of 1.
    trained : tuple of bool, one for each stage
        Whether the stage was trained.
    update : tuple of float, one for each stage
        Euclidean norm of theta_t - theta_{t-1} within the stage.
    cosines : tuple of float or None, one for each earlier task
        Cosine of this task's gradient before its first step with the gradients that the earlier tasks had before theirs;
        None where one of them is zero.
    losses : tuple of float, one for each epoch
        Mean training loss.
    steps : int
    examples : int
        Examples looked at: every forward pass over an example in training or in a strategy's own measurements.
    seconds : float
        Wall time of training, without evaluation.
    decision : mapping
        What the strategy decided for the task and by which numbers (`deep.strategies.Strategy.decision`); empty for the first.
    """

    name: str
    accuracy: tuple[float, ...]
    trained: tuple[bool, ...]
    update: tuple[float, ...]
    cosines: tuple[float | None, ...]
    losses: tuple[float, ...]
    steps: int
    examples: int
    seconds: float
    decision: Mapping[str, Any] = field(default_factory=dict)

    @property
    def update_magnitude(self) -> float:
        """Euclidean norm of theta_t - theta_{t-1} over all parameters."""
        return math.hypot(*self.update)


@dataclass(frozen=True)
class Failure:
    """Where and why a run failed (`deep.training.loop.Diverged`); tasks and steps count from 0, steps within the task."""

    task: int
    step: int
    reason: str


@dataclass(frozen=True)
class RunRecord:
    """Record of the training of one network on one stream of tasks.

    Parameters
    ----------
    key : str
        Of the configuration (`deep.training.config`); in older records of code and versions too.
    config : mapping
        The configuration in JSON's own types.
    status : {"finished", "failed", "partial"}
        Partial: interrupted, with the tasks so far.
    task_names : tuple of str
        Of all tasks of the stream, in order.
    stages : tuple of str
        Of the network, from input to head.
    baseline : tuple of float, one for each task
        Accuracy of the untrained network.
    results : tuple of TaskResult
        Of the tasks trained so far; of all tasks if the run is finished.
    stream_fingerprint : str
        Checksum of the stream's content.
    versions : mapping
        Of Python, the packages that numbers depend on, and driftlaw.
    device : str
    failure : Failure, optional
        If and only if the status is "failed".
    data : mapping of str to str
        Checksum of the content of each data set, by its name.
    notes : tuple of str
        What a reader has to know of the data, such as parts that are not the official ones.
    stamp : mapping
        Of the code that trained it (`simulate.work.provenance`).
    evaluated : mapping
        How many images accuracies were measured on (`deep.streams.Stream.evaluated`); empty in older records.

    Raises
    ------
    InputError
        Where lengths, status and failure contradict each other.
    """

    KIND: ClassVar[str] = "run"
    NEWER: ClassVar[tuple[str, ...]] = ("data", "notes", "stamp", "evaluated")  # which older records of this schema lack

    key: str
    config: Mapping[str, Any]
    status: str
    task_names: tuple[str, ...]
    stages: tuple[str, ...]
    baseline: tuple[float, ...]
    results: tuple[TaskResult, ...]
    stream_fingerprint: str
    versions: Mapping[str, str]
    device: str
    failure: Failure | None = field(default=None)
    data: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    stamp: Mapping[str, Any] = field(default_factory=dict)
    evaluated: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known(self.status, STATUSES, "status of a run")
        if (self.failure is not None) != (self.status == FAILED):
            raise InputError(f"a run with status {self.status!r} has failure {self.failure!r}; a failure belongs to failed runs, and to each")
        tasks, stages, done = len(self.task_names), len(self.stages), len(self.results)
        if self.status == FINISHED and done != tasks:
            raise InputError(f"a finished run has results of {done} of {tasks} tasks; call it partial")
        lengths = [("baseline", self.baseline, tasks)]
        for number, result in enumerate(self.results):
            lengths += [(f"accuracy after task {number}", result.accuracy, tasks), (f"cosines of task {number}", result.cosines, number)]
            lengths += [(f"{name} of task {number}", getattr(result, name), stages) for name in ("trained", "update")]
        for what, values, length in lengths:
            if len(values) != length:
                raise InputError(f"{what} has {len(values)} entries; with {tasks} tasks and {stages} stages it has {length}")

    @property
    def accuracy(self) -> np.ndarray:
        """Accuracy matrix, shape (tasks trained, tasks)."""
        return np.array([result.accuracy for result in self.results], dtype=float).reshape(len(self.results), len(self.task_names))

    @property
    def metrics(self) -> dict[str, float | None] | None:
        """All metrics by name (see `deep.metrics`); None unless the run is finished."""
        return summary(self.accuracy, self.baseline) if self.status == FINISHED else None

    @property
    def examples(self) -> int:
        """Examples looked at in all tasks."""
        return sum(result.examples for result in self.results)

    @property
    def seconds(self) -> float:
        """Seconds of training in all tasks."""
        return math.fsum(result.seconds for result in self.results)

    def numbers(self) -> dict[str, Any]:
        """Return the record as JSON values without seconds, notes, stamp and counts of images: equal for runs that trained alike."""
        value = to_json(self)
        for name in ("notes", "stamp", "evaluated"):
            value.pop(name, None)
        for result in value["results"]:
            del result["seconds"]
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RunRecord":
        """Return the record of the fields that `to_json` writes."""
        results = tuple(built(TaskResult, result) for result in value["results"])
        failure = None if value["failure"] is None else built(Failure, value["failure"])
        return built(cls, {**value, "results": results, "failure": failure})


def to_json(record: Any) -> dict[str, Any]:
    """Return a record as JSON values, with its schema version and kind; metrics, which follow from it, stand there for readers."""
    value = {"schema": SCHEMA, "kind": record.KIND, **dataclasses.asdict(record)}
    if isinstance(record, RunRecord):
        value["metrics"] = record.metrics
    for name in getattr(record, "NEWER", ()):
        if not value[name]:
            del value[name]
    return json_value(value, f"{record.KIND} record")


def from_json(value: Any, kinds: Iterable[type] = (RunRecord,)) -> Any:
    """Return the record that JSON values stand for.

    Raises
    ------
    InputError
        For another schema or kind, missing or unknown fields, and values that contradict each other.
    """
    by_kind = {kind.KIND: kind for kind in kinds}
    if not isinstance(value, Mapping) or "schema" not in value:
        raise InputError("this is no record: it has no schema version; give a file that `driftlaw deep run --records` wrote")
    if value["schema"] != SCHEMA:
        raise InputError(f"the record has schema {value['schema']!r}, this version reads {SCHEMA}; run it again, or read it with its own version")
    kind = by_kind[known(value.get("kind"), by_kind, "kind of record")]
    fields = {name: entry for name, entry in value.items() if name not in ("schema", "kind", "metrics")}
    try:
        record = kind.from_json(fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the {kind.KIND} record lacks a field or has one too many ({error}); run it again") from None
    if to_json(record) != dict(value):
        raise InputError(f"the {kind.KIND} record contradicts itself: its metrics do not follow from its accuracies; run it again")
    return record


def read_records(path: str | os.PathLike[str], *kinds: type) -> list[Any]:
    """Read all records of a file of JSON lines; their kinds, by default that of runs, may be mixed.

    Raises
    ------
    InputError
        If the file cannot be read, or a line is no record of these kinds; names the line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}; give a file of records") from None
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(from_json(json.loads(line), kinds or (RunRecord,)))
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {number} is not JSON ({error}); the file is damaged, write it again") from None
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
    return records


def write_records(path: str | os.PathLike[str], records: Iterable[Any]) -> None:
    """Write records as JSON lines; the file is replaced in a single step, so that it is old or new, never half.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    text = "".join(json.dumps(to_json(record), allow_nan=False) + "\n" for record in records)
    with trying(f"write {path}", "make its folder, free space or choose another file"):
        replace_file(path, text.encode())


def built(kind: type, values: Mapping[str, Any]) -> Any:
    """Return a dataclass of JSON values, lists as tuples, but not those in mappings."""
    return kind(**{name: tuples(entry) for name, entry in values.items()})


def tuples(value: Any) -> Any:
    """Return nested lists as tuples."""
    return tuple(map(tuples, value)) if isinstance(value, (list, tuple)) else value
