"""Reading a source into a `Dataset`: search, download if absent, decode, compare checksums, record what was read."""

from __future__ import annotations

from collections.abc import Sequence

from deep.data.contents import Content, file_md5, md5, read_file, read_members
from deep.data.dataset import PARTS, Dataset, FileRecord, Part
from deep.data.download import fetch_part
from deep.data.locations import DataRoot, Located, Search, search, what_to_put_where
from deep.data.source import DataFile, Source
from theory.errors import InputError

CHECKED = "official checksum"
UNCHECKED = "structure only, no published checksum known"


def read_source(source: Source, root: DataRoot, download: bool = True) -> Dataset:
    """Read a data set.

    Parameters
    ----------
    source : Source
    root : DataRoot
    download : bool
        Whether to download a part that is absent.

    Returns
    -------
    Dataset
        Without a training part, and with a note, where only the test part could be found.

    Raises
    ------
    InputError
        If a file is damaged or not what it should be, or the data set is absent: then it says what to put where.
    """
    parts: dict[str, Part] = {}
    records: list[FileRecord] = []
    failure = ""
    for name in PARTS:
        found = search(source, name, root.path)
        if found.located is None and download and not failure:
            try:
                fetch_part(source, name, root.path)
                found = search(source, name, root.path)
            except InputError as error:
                failure = str(error)
        if found.located is None and found.incomplete:
            raise _absent(source, name, root, found, failure)
        if found.located is not None:
            parts[name], read = _read_part(source, name, found.located)
            records += read
    if "test" not in parts:
        raise _absent(source, "test" if "train" in parts else "", root, search(source, "test", root.path), failure)
    if "train" in parts and not all(record.checked == CHECKED for record in records):
        _check_apart(source, parts, records)
    notes = () if "train" in parts else (_without_training(source, root, failure),)
    return Dataset(source.name, source.classes, parts.get("train"), parts["test"], tuple(records), notes)


def _check_apart(source: Source, parts: dict[str, Part], records: Sequence[FileRecord]) -> None:
    """Raise InputError if most test images are training images too: one part's file lies in the other's place."""
    training = {image.tobytes() for image in parts["train"].images}
    common = sum(image.tobytes() in training for image in parts["test"].images)
    if common > len(parts["test"]) / 2:  # official parts have a few images in common
        where = " and ".join(dict.fromkeys(record.path for record in records))
        raise InputError(
            f"{where}: {common:,} of the {len(parts['test']):,} test images of {source.title} are training images too; the file of one part lies in "
            "the place of the other, put the official files there"
        )


def _without_training(source: Source, root: DataRoot, failure: str) -> str:
    reason = f": {failure}" if failure else ""
    return f"Only the test part of {source.title} was found under {root.path}; its training part is absent{reason}."


def _absent(source: Source, part: str, root: DataRoot, found: Search, failure: str) -> InputError:
    what = f"{source.expected(part).title} is absent" if part else f"{source.title} is absent"
    lacking = f" ({'; '.join(found.incomplete)})" if found.incomplete else ""
    tried = f"; {failure}" if failure else ""
    return InputError(
        f"{what}{lacking}: looked for it in {', '.join(found.looked)} (data root from {root.chosen_by}){tried}; "
        f"{what_to_put_where(source, root, (part,) if part else PARTS)}"
    )


def _read_part(source: Source, name: str, located: Located) -> tuple[Part, list[FileRecord]]:
    layout, files = located.layout, located.layout.files[name]
    if located.archive is None:
        contents = [read_file(path) for path in located.paths]
    else:
        members = [f"{layout.folders[0]}/{file.name}" for file in files]
        found = read_members(located.archive, members)
        contents = [found[member] for member in members]
    # Structure first: its errors say more than an unequal checksum.
    part = layout.decode(contents, source.expected(name))
    checked = _verify_archive(located) if located.archive else ""
    records = _verify_files(name, files, contents, located, checked)
    source.expected(name).check_balance(contents[-1], part.labels)
    return part, records


def _verify_archive(located: Located) -> str:
    official = located.layout.archive
    if located.archive.name != official.name or official.md5 is None:
        return ""
    _compare(str(located.archive), file_md5(located.archive), official.md5)
    return CHECKED


def _verify_files(
    part: str, files: Sequence[DataFile], contents: Sequence[Content], located: Located, checked: str
) -> list[FileRecord]:
    records = []
    for index, (file, content) in enumerate(zip(files, contents, strict=True)):
        result = checked
        if not result and file.md5:
            _compare(content.where, md5(content.data), file.md5)
            result = CHECKED
        elif not result and not located.archive and file.download and file.download.md5 and located.paths[index].suffix == ".gz":
            _compare(
                content.where, file_md5(located.paths[index]), file.download.md5,
                "obtain the file again; if you compressed it yourself, store it decompressed: then its structure is verified",
            )
            result = CHECKED
        records.append(FileRecord(content.where, part, result or UNCHECKED))
    return records


def _compare(where: str, found: str, published: str, remedy: str = "obtain the file again") -> None:
    if found != published:
        raise InputError(f"{where}: checksum mismatch, MD5 {found} where {published} is published: damaged or another file; {remedy}")
