"""Why: for every ordered pair of tasks, how far apart their parameters are, how the error splits, and who wins.

The linear theory compares frozen and initialized training by the squared distance of two tasks' true parameters and by the
squared error that the first task leaves, both split between shared and specific parameters. On a network the truth is not
known; here it stands for where a training ``LONGER`` times as long arrives from the same first weights.
"""

import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from deep.records import FINISHED, RunRecord, from_json, to_json
from deep.runs.execute import DataSource, build_stream
from deep.runs.names import run_name
from deep.streams import Stream
from deep.studies.design import EXPLAIN, FROZEN, INITIALIZED, Preset, StudyStream, Unit
from deep.studies.pair_records import PairRecord
from deep.studies.running import Setting, Wanted, config, frozen_options
from deep.training.config import RunConfig
from deep.training.keys import NUMERICS, training_stamp
from deep.training.run import BOUND, train_run
from deep.training.task import TaskContext
from simulate.work.jobs import run_jobs
from simulate.work.keys import canonical, run_key
from simulate.work.provenance import differences, equal, joined, named, same_processor
from simulate.work.store import RunStore
from theory.errors import InputError

LONGER = 5


@dataclass(frozen=True)
class PairJob:
    """All pairs of one stream in one unit."""

    preset: str
    stream: StudyStream
    unit: Unit
    source: DataSource
    device: str
    own_parts: bool = False

    @property
    def config(self) -> RunConfig:
        """Configuration of initialized training on the whole stream."""
        return config(Wanted(self.stream, INITIALIZED, self.unit, INITIALIZED), EXPLAIN, self.device, self.own_parts)

    @cached_property
    def key(self) -> str:
        """Of the stored result; other images have another."""
        data = {task.dataset.name: task.dataset.fingerprint for task in build_stream(self.config, self.source)}
        value = {"pairs": self.config.key, "label": self.stream.label, "preset": self.preset, "data": data}
        return run_key(value, f"numerics {NUMERICS}")

    @property
    def stamp(self) -> dict[str, Any]:
        """Stamp of the code that measures."""
        return dict(training_stamp(__name__, *self.config.modules, *replace(self.config, strategy=FROZEN).modules))


def pair_records(preset: Preset, streams: Sequence[StudyStream], setting: Setting) -> list[PairRecord]:
    """Measure all ordered pairs of tasks of some streams in the development units; what is stored is not measured again."""
    store = RunStore(setting.out / "pairs")
    jobs = [PairJob(preset.name, stream, unit, setting.source, setting.device, setting.own_parts) for stream in streams for unit in preset.development]
    stored = {job.key: store.get(job.key) for job in jobs}
    missing = [job for job in jobs if stored[job.key] is None]
    doubtful: dict[str, list[PairJob]] = {}
    for job in jobs:
        if job not in missing and differences(stored[job.key]["stamp"], job.stamp):
            doubtful.setdefault(canonical([job.stream.label, stored[job.key]["stamp"]]), []).append(job)
    if missing or doubtful:
        store.require_writable()

    def measured(some: list[PairJob]) -> Iterator[tuple[PairJob, list[Any]]]:
        for index, found in run_jobs(measure, some, workers=setting.workers, kind="processes", progress="units", label=_label):
            yield some[index], [to_json(record) for record in found]

    for first, found in measured([group[0] for group in doubtful.values()]):
        old, today = stored[first.key], first.stamp
        group = next(group for group in doubtful.values() if first in group)
        changed = f"pairs of {first.stream.label} are of other code ({named(differences(old['stamp'], today))} changed since)"
        if equal(old["records"], found, same_processor(old["stamp"], today), BOUND):
            setting.tell(f"{changed}; those of one unit came out again, so they stand")
            for job in group:
                store.put(job.key, {**stored[job.key], "stamp": joined(stored[job.key]["stamp"], today)})
        else:
            warnings.warn(f"{changed} and come out otherwise now; they are measured anew", RuntimeWarning, stacklevel=2)
            store.put(first.key, {"stamp": today, "records": found})
            missing += group[1:]
    setting.tell(f"{preset.name}, pairs of tasks: {len(missing)} units")
    for job, found in measured(missing):
        store.put(job.key, {"stamp": job.stamp, "records": found})
    return [from_json(value, (PairRecord,)) for job in jobs for value in store.get(job.key)["records"]]


def measure(job: PairJob) -> list[PairRecord]:
    """Measure the pairs of one unit.

    Raises
    ------
    InputError
        If a training diverges.
    """
    torch.set_num_threads(1)
    chosen, stream = job.config, build_stream(job.config, job.source)
    fresh = replace(chosen, strategy_options={"start": "fresh"})
    learned, parts = _trained_alone(fresh, stream, job.stream)
    truths, _ = _trained_alone(replace(fresh, epochs=LONGER * chosen.epochs), stream, job.stream)
    frozen = replace(chosen, strategy=FROZEN, strategy_options=frozen_options(job.stream))
    return [
        PairRecord(
            job.preset, job.stream.label, *job.unit, first, second,
            samples=len(stream[second].train_indices),
            dimensions=tuple(part.stop - part.start for part in parts),
            distance=_squares(truths[second] - truths[first], parts),
            error=_squares(learned[first] - truths[first], parts),
            frozen=_reached(frozen, stream, first, second),
            initialized=_reached(chosen, stream, first, second),
        )  # fmt: skip
        for first, second in itertools.permutations(range(len(stream)), 2)
    ]


def _trained_alone(chosen: RunConfig, stream: Stream, study_stream: StudyStream) -> tuple[list[Tensor], tuple[slice, slice]]:
    """Train every task from the untrained network; return the parameters, and where the shared and the specific part lie."""
    found: list[Tensor] = []
    parts: list[tuple[slice, slice]] = []

    def watch(task: TaskContext, _: object) -> None:
        common = len(task.network.heads) == 1
        first = len(task.stages) - frozen_options(study_stream)["depth"]
        begin, end = (task.flat.place(stage).start for stage in (first, len(task.stages) - 1))
        parts.append((slice(0, begin), slice(begin, len(task.flat) if common else end)))
        found.append(task.flat.parameters.detach().double().clone())

    _finished(train_run(chosen, stream, watch=watch))
    return found, parts[0]


def _squares(vector: Tensor, parts: Sequence[slice]) -> tuple[float, ...]:
    return tuple(float(f"{float(vector[part].square().sum()):.6g}") for part in parts)


def _reached(chosen: RunConfig, stream: Stream, first: int, second: int) -> tuple[float, float, float]:
    """Accuracy on the first task after itself, on the first in the end, on the second."""
    accuracy = _finished(train_run(chosen, replace(stream, tasks=(stream[first], stream[second])))).accuracy
    return tuple(round(float(value), 6) for value in (accuracy[0, 0], accuracy[1, 0], accuracy[1, 1]))


def _finished(record: RunRecord) -> RunRecord:
    if record.status != FINISHED:
        raise InputError(f"{run_name(record.config)} failed: {record.failure.reason}; lower the learning rate to explain the stream")
    return record


def _label(job: PairJob) -> str:
    return f"pairs of {job.stream.label}, order {job.unit.order}, seed {job.unit.seed}"
