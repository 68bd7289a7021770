"""How pairs of tasks of a study are related, on validation data: `python examples/pairs_of_tasks.py digits-large pairs.jsonl [DATA_ROOT]`.

The linear theory compares frozen and initialized training by the squared distance of two tasks' true parameters and by the squared error
that the first task leaves, both split between shared and specific parameters. On a network the truth is not known; here it stands for
where a training ``LONGER`` times as long arrives from the same first weights. The records of the phase "explain" hold such pairs.
"""

import itertools
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from deep.records import RunRecord, write_records
from deep.runs.execute import DataSource, build_stream
from deep.studies.design import EXPLAIN, FROZEN, INITIALIZED, Preset, StudyStream, Unit
from deep.studies.driver import Wanted, config
from deep.studies.presets import PRESETS
from deep.studies.records import PairRecord
from deep.training.config import RunConfig
from deep.training.run import train_run
from simulate.work.jobs import run_jobs

LONGER = 5


def pair_records(preset: Preset, stream: StudyStream, unit: Unit, source: DataSource) -> Iterator[PairRecord]:
    """Measure all ordered pairs of tasks of a stream in one unit."""
    (_, options), *_ = preset.arms(stream)[FROZEN]
    initialized = config(Wanted(stream, INITIALIZED, unit, INITIALIZED), EXPLAIN, "cpu")
    frozen, tasks = replace(initialized, strategy=FROZEN, strategy_options=options), build_stream(initialized, source)
    parts: list[slice] = []

    def alone(epochs: int) -> list[torch.Tensor]:
        """Train every task from the untrained network; return the parameters, note where the shared and the specific part lie."""
        found: list[torch.Tensor] = []

        def watch(task, _) -> None:
            begin, end = (task.flat.place(stage).start for stage in (len(task.stages) - options["depth"], len(task.stages) - 1))
            parts[:] = [slice(0, begin), slice(begin, len(task.flat) if len(task.network.heads) == 1 else end)]
            found.append(task.flat.parameters.detach().double().clone())

        finished(train_run(replace(initialized, strategy_options={"start": "fresh"}, epochs=epochs), tasks, watch=watch))
        return found

    def squares(vector: torch.Tensor) -> tuple[float, ...]:
        return tuple(float(f"{float(vector[part].square().sum()):.6g}") for part in parts)

    def reached(chosen: RunConfig, *pair: int) -> tuple[float, ...]:
        """Accuracy on the first task after itself, on the first in the end, on the second."""
        accuracy = finished(train_run(chosen, replace(tasks, tasks=tuple(tasks[task] for task in pair)))).accuracy
        return tuple(round(float(value), 6) for value in (accuracy[0, 0], accuracy[1, 0], accuracy[1, 1]))

    learned, truths = alone(initialized.epochs), alone(LONGER * initialized.epochs)
    for first, second in itertools.permutations(range(len(tasks)), 2):
        yield PairRecord(
            preset.name, stream.label, *unit, first, second, len(tasks[second].train_indices), tuple(part.stop - part.start for part in parts),
            squares(truths[second] - truths[first]), squares(learned[first] - truths[first]), reached(frozen, first, second),
            reached(initialized, first, second),
        )  # fmt: skip


def finished(record: RunRecord) -> RunRecord:
    """Return the record of a run that did not diverge."""
    if record.failure is not None:
        raise SystemExit(f"a training diverged: {record.failure.reason}; lower the learning rate")
    return record


def job(place: tuple[Preset, StudyStream, Unit, DataSource]) -> list[PairRecord]:
    """Measure in another process."""
    return list(pair_records(*place))


if __name__ == "__main__":
    name, path, *root = sys.argv[1:]
    source = DataSource(Path(root[0]) if root else None, download=False)
    places = [(PRESETS[name], stream, unit, source) for stream in PRESETS[name].streams if stream.label in PRESETS[name].explained for unit in PRESETS[name].development]
    found = dict(run_jobs(job, places, kind="processes", progress="units"))
    write_records(path, [record for number in sorted(found) for record in found[number]])
