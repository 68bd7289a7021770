"""Trains runs of a folder side by side, as processes with one torch thread each; goes on where a run was interrupted."""

from __future__ import annotations

import functools
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep.records import FAILED, FINISHED, RunRecord
from deep.runs.folder import RunFolder, RunsFolder
from deep.runs.names import SHOWN, run_name
from deep.training.reading import DataSource, build_stream, read_dataset
from simulate.work.jobs import run_jobs
from simulate.work.keys import canonical
from simulate.work.machine import cores
from simulate.work.provenance import differences, joined, named
from theory.checks import whole
from theory.errors import InputError
from theory.own import require_not_loading

if TYPE_CHECKING:
    from deep.training.config import RunConfig

_VARIED = ("order", "seed", "stream_options", "strategy_options")  # among runs of which one is checked for all


@dataclass(frozen=True)
class Job:
    """A run to train, the folder of runs, where its data are, and whether this call is the first to ask for it."""

    config: RunConfig
    out: Path
    source: DataSource
    progress: bool = False
    new: bool = False

    def opened(self) -> Job:
        """Return the job; one from another process is opened where it is done, so that what goes wrong with its parts is its own error."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _Sealed, (pickle.dumps(tuple(vars(self).values())),)


@dataclass(frozen=True)
class _Sealed:
    content: bytes

    def opened(self) -> Job:
        return Job(*pickle.loads(self.content))


def train_runs(
    configs: Sequence[RunConfig],
    out: Path,
    source: DataSource = DataSource(),
    workers: int | None = None,
    tell: Callable[[str], None] = functools.partial(print, file=sys.stderr),
) -> Iterator[RunRecord]:
    """Train runs, several at once; yield the record of each as it ends, stored ones at once.

    All configurations are stored before the first run begins, so that `resume` knows what is left of an interrupted call.

    Parameters
    ----------
    configs : sequence of RunConfig
    out : path
        Folder of runs.
    source : DataSource
    workers : int, optional
        Runs at a time; default as many as there are cores, on a GPU too.
    tell : callable
        Is told when the device's memory did not hold as many runs at a time.

    Yields
    ------
    RunRecord
        Finished, or failed with step and reason where the training diverged.

    Raises
    ------
    InputError
        For bad input, a stored run that was trained on other images than those here, or a run that does not fit into memory
        alone; after all other runs.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import driftlaw as dl
    >>> configs = [dl.RunConfig(stream="split-digits", strategy=name, epochs=1) for name in ("frozen", "initialized")]
    >>> with TemporaryDirectory() as folder:
    ...     records = list(dl.train_runs(configs, Path(folder), workers=1))
    >>> sorted(record.status for record in records)
    ['finished', 'finished']
    """
    require_not_loading("runs are trained")
    if workers is not None:
        whole(workers, "workers", 1)
    folder = RunsFolder(out)
    jobs = [Job(config, out, source, len(configs) == 1, folder.run(config.key).put_config(config.stored())) for config in configs]
    _adopt(jobs, workers, tell)
    while jobs:
        too_large = []
        title = "runs" if len(jobs) > 1 else None
        for index, record in run_jobs(train, jobs, workers=1 if len(jobs) == 1 else workers, kind="processes", progress=title, label=_label):
            if record is None:
                too_large.append(jobs[index])
            else:
                yield record
        if not too_large:
            return
        at_once = min(workers or cores(), len(jobs))
        if at_once == 1:
            raise InputError(f"out of memory with one run at a time: {_label(too_large[0])}; take a smaller batch or network")
        workers = at_once // 2
        tell(f"out of memory with {at_once} runs at a time; {len(too_large)} of them go on with {workers} at a time")
        jobs = too_large


def _adopt(jobs: Sequence[Job], workers: int | None, tell: Callable[[str], None]) -> None:
    """Compare stored runs of other code with today's: adopt those that come out again, set the others aside.

    Of runs that differ in nothing but order, seed and the options of stream and strategy, and are of one code, one is
    trained again, for its first tasks.
    """
    groups: dict[str, list[tuple[Job, RunRecord]]] = {}
    for job in jobs:
        try:
            record = RunsFolder(job.out).run(job.config.key).record()
            ended = record is not None and record.status in (FINISHED, FAILED)
            if not ended or not differences(record.stamp or None, job.config.stamp):
                continue
            _check_data(job, record)
        except InputError:  # which `train` raises again, beside what the other runs reached
            continue
        kind = {name: value for name, value in job.config.canonical().items() if name not in _VARIED}
        groups.setdefault(canonical([kind, record.stamp]), []).append((job, record))
    found = list(groups.values())
    chosen = [max(group, key=lambda entry: len(entry[1].results))[0] for group in found]
    options = {"workers": 1 if len(chosen) == 1 else workers, "kind": "processes", "label": _label}
    for index, stands in run_jobs(_comes_out_again, chosen, **options) if chosen else ():
        for job, record in found[index]:
            _stamp_anew(job, record) if stands else RunsFolder(job.out).run(job.config.key).set_aside(record)
        changed = named(differences(found[index][0][1].stamp or None, chosen[index].config.stamp))
        what = f"{len(found[index])} stored runs such as {_label(chosen[index])} are of other code ({changed} changed since)"
        if stands:
            tell(f"{what}; the first tasks of one came out again, so they stand")
        else:
            text = f"{what}, and the first tasks of one come out otherwise now; they are trained anew"
            warnings.warn(text, RuntimeWarning, stacklevel=3)


def _stamp_anew(job: Job, record: RunRecord) -> None:
    folder = RunsFolder(job.out).run(job.config.key)
    with suppress(InputError), folder.locked():  # in a folder that one may only read they stand for this call
        folder.put_record(replace(record, stamp=joined(record.stamp or None, job.config.stamp)))


def _comes_out_again(job: Job | _Sealed) -> bool:
    from deep.training.run import comes_out_again

    job = job.opened()
    return comes_out_again(RunsFolder(job.out).run(job.config.key).record(), job.config, build_stream(job.config, job.source))


def train(job: Job | _Sealed) -> RunRecord | None:
    """Train a run to its end from its checkpoint, if there is one; return its record, None if memory did not suffice."""
    from deep.training.device import out_of_memory
    from deep.training.run import train_run

    job = job.opened()
    folder = RunsFolder(job.out).run(job.config.key)
    if (record := _ended(job, folder)) is not None:
        return record  # from a folder that one may only read, too
    with folder.locked(lambda: print(f"another process trains {_label(job)}; waiting for it", file=sys.stderr, flush=True)):
        if (record := _ended(job, folder)) is not None:
            return record
        new = folder.put_config(job.config.stored()) or job.new
        try:
            record = train_run(job.config, build_stream(job.config, job.source), folder.path, folder.put_record, progress=job.progress)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            return None
        except InputError:
            if new and not folder.begun:
                folder.forget_config()  # of a run that cannot start; one that was asked for before stays to be resumed
            raise
        folder.put_record(record)
        return record


def _ended(job: Job, folder: RunFolder) -> RunRecord | None:
    """Return the stored record of a run that has come to its end."""
    record = folder.record()
    if record is None or record.status not in (FINISHED, FAILED):
        return None
    _check_data(job, record)
    return record


def _check_data(job: Job, record: RunRecord) -> None:
    """Raise InputError if a stored record was trained on other images than those that are here; absent ones tell nothing."""
    for name, trained_on in record.data.items():
        try:
            here = read_dataset(job.config, name, replace(job.source, download=False)).fingerprint
        except InputError:
            continue
        if here != trained_on:
            other = f"was trained on other images of {name} than those that are here"
            raise InputError(f"the run {record.key[:SHOWN]} in {job.out} {other}; give the same data, or choose another --out")


def _label(job: Job) -> str:
    return run_name(job.config.canonical())
