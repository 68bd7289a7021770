"""Trains runs of a folder side by side, as processes with one torch thread each; goes on where a run was interrupted."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from deep.data import Dataset, load
from deep.records import FAILED, FINISHED, RunRecord
from deep.runs.folder import RunFolder, RunsFolder
from deep.runs.names import SHOWN, run_name
from deep.streams import Stream
from deep.streams.registry import make_options, parse_name
from simulate.jobs import run_jobs
from simulate.machine import cores
from theory.checks import whole
from theory.errors import InputError

if TYPE_CHECKING:
    from deep.training.config import RunConfig


@dataclass(frozen=True)
class DataSource:
    """Where data sets are read from, as in `deep.data.load`."""

    root: Path | None = None
    download: bool = True


@dataclass(frozen=True)
class Job:
    """A run to train, the folder of runs, where its data are, and whether this call is the first to ask for it."""

    config: RunConfig
    out: Path
    source: DataSource
    progress: bool = False
    new: bool = False


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
    """
    if workers is not None:
        whole(workers, "workers", 1)
    folder = RunsFolder(out)
    jobs = [Job(config, out, source, len(configs) == 1, folder.run(config.key).put_config(config.canonical())) for config in configs]
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


def train(job: Job) -> RunRecord | None:
    """Train a run to its end from its checkpoint, if there is one; return its record, None if memory did not suffice."""
    import torch

    from deep.training.device import out_of_memory
    from deep.training.run import train_run

    folder = RunsFolder(job.out).run(job.config.key)
    if (record := _ended(job, folder)) is not None:
        return record  # from a folder that one may only read, too
    with folder.locked(lambda: print(f"another process trains {_label(job)}; waiting for it", file=sys.stderr, flush=True)):
        if (record := _ended(job, folder)) is not None:
            return record
        new = folder.put_config(job.config.canonical()) or job.new
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # more threads sum in another order, and the numbers would depend on the machine
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
        finally:
            torch.set_num_threads(threads)
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()  # what this process keeps for later, others may need now
        folder.put_record(record)
        return record


def build_stream(config: RunConfig, source: DataSource) -> Stream:
    """Return the stream of a configuration; a process reads every data set once."""
    kind, datasets = parse_name(config.stream)
    options = make_options(kind, dict(config.stream_options))
    return options.build([_dataset(name, source, config.own_parts) for name in datasets], config.seed, config.order)


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
            here = _dataset(name, replace(job.source, download=False), job.config.own_parts).fingerprint
        except InputError:
            continue
        if here != trained_on:
            raise InputError(
                f"the run {record.key[:SHOWN]} in {job.out} was trained on other images of {name} than those that are here; give the same data, or "
                "choose another --out"
            )


def _label(job: Job) -> str:
    return run_name(job.config.canonical())


@functools.lru_cache(maxsize=4)
def _dataset(name: str, source: DataSource, own_parts: bool) -> Dataset:
    return load(name, source.root, download=source.download, own_parts=own_parts)
