"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from deep.data import DATASETS
from deep.records import to_json, write_records
from deep.runs.folder import DEFAULT, RunsFolder
from deep.streams import STREAMS
from simulate.work.files import require_writable
from theory.commands import JsonOption, choices, print_json
from theory.errors import InputError


@dataclass(frozen=True, kw_only=True)
class DataRootOption:
    """Where data sets are read from."""

    data_root: Path | None = None
    """Folder of the data sets; None means DRIFTLAW_DATA, else the user's cache folder."""
    download: bool = False
    """Download data sets that are absent from their official addresses."""


@dataclass(frozen=True, kw_only=True)
class DataOptions(DataRootOption):
    """Where data sets are read from, and what counts as one."""

    own_parts: Annotated[bool, tyro.conf.arg(aliases=("--divide-test",))] = False
    """Divide the official test images in two where the training part cannot be found."""


@dataclass(frozen=True, kw_only=True)
class RecordsOptions(JsonOption):
    """Where records go."""

    records: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Write the records to a file of JSON lines."""

    def check_file(self) -> None:
        """Raise InputError, before the work, if the file of records cannot be written."""
        if self.records is not None:
            require_writable(self.records)

    def report(self, records: Sequence[Any], text: Callable[[], str], *, write: bool = True) -> None:
        """Write the records to their file, unless told otherwise, and print them as JSON or the text."""
        if self.records is not None and write:
            write_records(self.records, records)
        print_json([to_json(record) for record in records]) if self.json else print(text())


@dataclass(frozen=True, kw_only=True)
class Training(RecordsOptions):
    """Options of the runs' side: where they are kept, how many at a time, what is written."""

    out: Path = DEFAULT
    """Folder of runs; finished ones are not trained again, interrupted ones go on."""
    workers: int | None = None
    """Runs at a time; None means as many as there are cores."""


def refuse_idle(command: Any, names: Sequence[str], why: str) -> None:
    """Raise InputError if an option has another value than by default that nothing would read."""
    if given := [f"--{name.replace('_', '-')}" for name in names if getattr(command, name) != getattr(type(command), name)]:
        raise InputError(f"{', '.join(given)} says nothing {why}; leave it out")


def stream_names(**more: Any) -> Any:
    """Return what makes help say how a stream is called."""
    return choices(f"Kind, hyphen and data set, as in split-digits or domains-mnist+kmnist. Kinds: {', '.join(STREAMS)}. Data sets", DATASETS, **more)


def existing(out: Path) -> RunsFolder:
    """Return a folder of runs that is to be read; InputError if there is no such folder."""
    if not out.exists():
        raise InputError(f"there is no run in {out}, which is no folder; give the --out that `deep run` had")
    return RunsFolder(out)
