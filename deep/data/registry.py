"""Data sets by name: reading one into memory, and a survey of those that lie on disk."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deep.data.contents import CHECKED, read
from deep.data.dataset import PARTS, Dataset, FileRecord, Part, with_own_parts
from deep.data.digits import digits, digits_28
from deep.data.locations import DataRoot, Located, Search, fetch_part, resolve_root, search, what_to_put_where
from deep.data.sources import SOURCES, Source
from theory.errors import InputError
from theory.own import SourceFile, where
from theory.parts import Parts, Place

DataPart = Dataset | Source | Callable[[], Dataset]


def _admit(part: DataPart, name: str | None) -> tuple[str, DataPart]:
    """Return the name of a data set, of one that is declared, or of a function that returns one."""
    own = getattr(part, "name", None) or getattr(part, "__name__", "").replace("_", "-")
    if not (isinstance(part, (Dataset, Source)) or callable(part)) or not (name or own):
        raise InputError(f"{where(part)} is no data set that has a name; give a deep.data.Dataset, a Source, or a function that returns a Dataset")
    return name or own, part


DATASETS: Parts[DataPart] = Parts("data set", _admit)
DATASETS.register(digits)
DATASETS.register(digits_28)
for _source in SOURCES.values():
    DATASETS.register(_source)


def load(name: str, root: str | os.PathLike | None = None, *, download: bool = True, own_parts: bool = False, source: SourceFile | None = None) -> Dataset:
    """Read a data set into memory.

    Parameters
    ----------
    name : str
        One of `DATASETS`; "digits" needs no files.
    root : path, optional
        Data root; default the environment variable DRIFTLAW_DATA, else the user's cache folder.
    download : bool
        Whether to download what is absent from the official addresses into the data root.
    own_parts : bool
        Where only the official test part is found, divide it in two; the notes say so.
    source : SourceFile, optional
        A user's file as it was read, whose data set is meant.

    Raises
    ------
    InputError
        For an unknown name, an absent data set (with what to put where) or a file that is truncated, damaged
        or another one than its name says.
    """
    part = DATASETS.find(name, source)
    dataset = read_source(part, resolve_root(root), download) if isinstance(part, Source) else part() if callable(part) else part
    if not isinstance(dataset, Dataset) or dataset.name != name:
        found = f"{type(dataset).__name__} {getattr(dataset, 'name', '')!r}"
        raise InputError(f"{where(part)} gives the {found}; give a deep.data.Dataset that is called {name!r}")
    return with_own_parts(dataset) if own_parts and dataset.train is None else dataset


def name_of(dataset: Dataset) -> str:
    """Return the name by which `load` finds a data set; one in memory is registered, in place of an older one in memory.

    Raises
    ------
    InputError
        If another data set has the name.
    """
    found = DATASETS.get(dataset.name)
    read = found is not None and (bool(dataset.files) or callable(found) and load(dataset.name).fingerprint == dataset.fingerprint)
    return dataset.name if read else DATASETS.name_of(dataset)


@dataclass(frozen=True)
class Presence:
    """Whether a data set lies on disk; nothing is opened for it. ``parts`` is empty for one that is no declared source."""

    name: str
    parts: dict[str, Search]
    instruction: str
    """What to put where to make absent parts present; empty where there are none."""
    place: str = ""
    """Where one that is no declared source comes from."""

    @property
    def absent(self) -> tuple[str, ...]:
        """Parts that were not found."""
        return tuple(part for part, found in self.parts.items() if found.located is None)


def survey(root: DataRoot) -> tuple[Presence, ...]:
    """Look for every data set under ``root``."""
    found = {name: DATASETS.own(name) for name in DATASETS}
    places = {name: "scikit-learn" if own is None else str(own.source) if isinstance(own, Place) else "memory" for name, own in found.items()}
    return tuple(_look_for(part, root) if isinstance(part, Source) else Presence(name, {}, "", places[name]) for name, part in DATASETS.items())


def _look_for(source: Source, root: DataRoot) -> Presence:
    parts = {part: search(source, part, root.path) for part in PARTS}
    absent = [part for part, found in parts.items() if found.located is None]
    return Presence(source.name, parts, what_to_put_where(source, root, absent) if absent else "")


def read_source(source: Source, root: DataRoot, download: bool = True) -> Dataset:
    """Read a declared data set as `load` does; without a training part, and with a note, if none is found."""
    presence, failure = _look_for(source, root), ""
    if download and presence.absent:
        try:
            for part in presence.absent:
                fetch_part(source, part, root.path)
        except InputError as error:
            failure = str(error)
        presence = _look_for(source, root)
    absent = presence.absent
    lacking = "; ".join(text for part in absent for text in presence.parts[part].incomplete)
    if lacking or "test" in absent:
        what = source.title if absent == PARTS else source.part(absent[0])
        looked = f"looked for it in {', '.join(presence.parts[absent[0]].looked)}"
        reasons = f"{looked} (data root from {root.chosen_by}){failure and f'; {failure}'}"
        raise InputError(
            f"{what} is absent{lacking and f' ({lacking})'}: {reasons}; {'' if download else 'let it be downloaded (--download, or download=True), or '}{presence.instruction}"
        )
    read = {part: read_part(source, part, presence.parts[part].located) for part in PARTS if part not in absent}
    records = tuple(record for _, own in read.values() for record in own)
    test, notes = read["test"][0], ()
    train = None if absent else read["train"][0]
    if train is None:
        reason = f"its training part is absent{failure and f': {failure}'}"
        notes = (f"Only the test part of {source.title} was found under {root.path}; {reason}.",)
    elif any(record.checked != CHECKED for record in records):
        _check_apart(source, train, test, records)
    return Dataset(source.name, source.classes, train, test, records, notes)


def read_part(source: Source, name: str, located: Located) -> tuple[Part, list[FileRecord]]:
    """Read a part that was found; compare checksums, then sizes, labels and their balance with the source."""
    contents = [content for file in located.files for content in read(*file)]
    classes = len(source.classes)
    images, labels = [], []
    for content, pixels, values in located.layout.decode(contents, (source.counts[name], *source.shape)):
        outside = np.flatnonzero((values < 0) | (values >= classes))
        if outside.size:
            raise content.error(f"label {values[outside[0]]} of image {outside[0]} is outside 0..{classes - 1} ({outside.size:,} such labels)")
        images.append(pixels)
        labels.append(values)
    part = Part(np.concatenate(images), np.concatenate(labels).astype(np.int64))
    each, rest = divmod(len(part), classes)
    counts = np.bincount(part.labels, minlength=classes)
    if source.balanced and not rest and (counts != each).any():
        odd = int(np.argmax(counts != each))
        reason = f"class {odd} has {counts[odd]:,} images, but {source.part(name)} has {each:,} of every class"
        raise contents[-1].error(reason, "it is damaged or another file; put the official file there")
    return part, [FileRecord(content.where, name, content.checked) for content in contents]


def _check_apart(source: Source, train: Part, test: Part, records: tuple[FileRecord, ...]) -> None:
    """Raise InputError if most test images are training images too; official parts have a few in common."""
    training = {image.tobytes() for image in train.images}
    common = sum(image.tobytes() in training for image in test.images)
    if common > len(test) / 2:
        where = " and ".join(dict.fromkeys(record.path for record in records))
        remedy = "the file of one part lies in the place of the other, put the official files there"
        raise InputError(f"{where}: {common:,} of the {len(test):,} test images of {source.title} are training images too; {remedy}")
