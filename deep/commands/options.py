"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from deep.data import DATASETS
from deep.runs.folder import RunsFolder
from deep.streams import STREAMS
from theory.commands import choices
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


def stream_names(**more: Any) -> Any:
    """Return what makes help say how a stream is called."""
    return choices(f"Kind, hyphen and data set, as in split-digits or domains-mnist+kmnist. Kinds: {', '.join(STREAMS)}. Data sets", DATASETS, **more)


def existing(out: Path) -> RunsFolder:
    """Return a folder of runs that is to be read; InputError if there is no such folder."""
    if not out.exists():
        raise InputError(f"there is no run in {out}, which is no folder; give the --out that `deep run` had")
    return RunsFolder(out)
