"""Data sets by name."""

from __future__ import annotations

import os
from dataclasses import dataclass

from deep.data.dataset import PARTS, Dataset
from deep.data.digits import digits
from deep.data.locations import DataRoot, Search, resolve_root, search, what_to_put_where
from deep.data.own_parts import with_own_parts
from deep.data.reader import read_source
from deep.data.sources import SOURCES
from theory.checks import known

EMBEDDED = "digits"


def names() -> tuple[str, ...]:
    """Return the names of all data sets, the embedded default first."""
    return (EMBEDDED, *SOURCES)


def load(name: str, root: str | os.PathLike | None = None, *, download: bool = True, own_parts: bool = False) -> Dataset:
    """Read a data set into memory.

    Parameters
    ----------
    name : str
        One of `names`; "digits" needs no files.
    root : path, optional
        Data root; default the environment variable DRIFTLAW_DATA, else the user's cache folder.
    download : bool
        Whether to download what is absent from the official addresses into the data root.
    own_parts : bool
        Where only the official test part can be found, divide it into own training and test parts; the notes say so.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        For an unknown name, an absent data set (with what to put where) or a file that is truncated, damaged or
        another one than its name says.
    """
    known(name, names(), "data set")
    if name == EMBEDDED:
        return digits()
    dataset = read_source(SOURCES[name], resolve_root(root), download)
    return with_own_parts(dataset) if own_parts and dataset.train is None else dataset


@dataclass(frozen=True)
class Presence:
    """Whether a data set lies on disk; nothing is opened to find out.

    Parameters
    ----------
    name : str
    parts : mapping
        Part -> Search; empty for the embedded data set.
    instruction : str
        What to put where to make absent parts present; empty where there are none.
    """

    name: str
    parts: dict[str, Search]
    instruction: str

    @property
    def absent(self) -> tuple[str, ...]:
        """Parts that were not found."""
        return tuple(part for part, found in self.parts.items() if found.located is None)


def survey(root: DataRoot) -> tuple[Presence, ...]:
    """Look for every data set under ``root``."""
    presences = [Presence(EMBEDDED, {}, "")]
    for source in SOURCES.values():
        parts = {part: search(source, part, root.path) for part in PARTS}
        absent = tuple(part for part in PARTS if parts[part].located is None)
        presences.append(Presence(source.name, parts, what_to_put_where(source, root, absent) if absent else ""))
    return tuple(presences)
