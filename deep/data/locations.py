"""Where data sets lie and are put: one data root, the layouts that sources name in it, and downloads."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deep.data.contents import ARCHIVES
from deep.data.sources import File, Layout, Source
from theory.checks import optional
from theory.errors import InputError

ENVIRONMENT = "DRIFTLAW_DATA"
TIMEOUT = 10  # seconds without an answer, after which an address counts as unreachable


@dataclass(frozen=True)
class DataRoot:
    """The folder that holds the data sets, and who named it."""

    path: Path
    chosen_by: str


@dataclass(frozen=True)
class Located:
    """A part as it was found: its folder or archive, and what `contents.read` takes for each file."""

    layout: Layout
    place: Path
    files: tuple[tuple[Path, Mapping[str, str | None], str | None], ...]

    def __str__(self) -> str:
        return str(self.place)


@dataclass(frozen=True)
class Search:
    """The first complete place of a part, folders that lack some of its files, every place searched."""

    located: Located | None
    incomplete: tuple[str, ...]
    looked: tuple[str, ...]


def resolve_root(root: str | os.PathLike | None = None) -> DataRoot:
    """Return the data root: ``root``, else the environment's DRIFTLAW_DATA, else the user's cache folder.

    Raises
    ------
    InputError
        If a named root is no folder.
    """
    environment = os.environ.get(ENVIRONMENT) or None
    named, chosen_by = (root, "--data-root") if root is not None else (environment, ENVIRONMENT)
    if named is None:
        pooch = optional("pooch", "the default data root")
        return DataRoot(Path(pooch.os_cache("driftlaw")), "the default cache folder")
    path = Path(named).expanduser()
    if not path.is_dir():
        raise InputError(f"the data root {str(path)!r} ({chosen_by}) is no folder; create it or name another by --data-root or {ENVIRONMENT}")
    return DataRoot(path, chosen_by)


def find_file(folder: Path, name: str) -> Path | None:
    """Return the file, plain or compressed, or as mirrors name it (train-images.idx3-ubyte), or None."""
    spellings = (name, name.replace("-idx", ".idx"))
    paths = (folder / f"{spelling}{suffix}" for spelling in spellings for suffix in ("", ".gz", ".xz"))
    return next(filter(Path.is_file, paths), None)


def search(source: Source, part: str, root: Path) -> Search:
    """Look for ``part`` of a source in each of its layouts."""
    located, incomplete, looked = [], [], []
    for layout in source.layouts:
        files = layout.files[part]
        for folder in (root / name for name in layout.folders):
            looked.append(str(folder))
            found = {file: path for file in files if (path := find_file(folder, file.name))}
            if len(found) == len(files):
                reads = ((path, {file.name: file.md5}, file.packed if path.suffix == ".gz" else None) for file, path in found.items())
                located.append(Located(layout, folder, tuple(reads)))
            elif found:
                lacking = ", ".join(file.name for file in files if file not in found)
                incomplete.append(f"{folder} lacks {lacking}")
        if archive := layout.archive:
            looked.append(str(root / archive.name))
            members = {f"{layout.folders[0]}/{file.name}": file.md5 for file in files}
            for path in (root / archive.name.replace(".tar.gz", ending) for ending in ARCHIVES):
                if path.is_file():
                    packed = archive.packed if path.name == archive.name else None
                    located.append(Located(layout, path, ((path, members, packed),)))
    return Search(next(iter(located), None), tuple(incomplete), tuple(looked))


def what_to_put_where(source: Source, root: DataRoot, parts: Sequence[str]) -> str:
    """Return the instruction that makes the parts present."""
    ways = []
    for layout in source.layouts:
        names = ", ".join(file.name for part in parts for file in layout.files[part])
        archive = f"{layout.archive.name} into {root.path}, or " if layout.archive else ""
        ways.append(f"{archive}{names} (each plain, .gz or .xz) into {root.path / layout.folders[0]}")
    published = f"{source.title} is published at {source.homepage}"
    return f"put {'; or '.join(ways)}; or name another folder by --data-root or {ENVIRONMENT}. {published}"


def fetch_part(source: Source, part: str, root: Path) -> None:
    """Download what is absent of ``part`` in the first layout; no file stays that has not its published MD5.

    Raises
    ------
    InputError
        If the folder cannot be written, or every address fails or sends another content.
    """
    layout, folder = source.layouts[0], root / source.layouts[0].folders[0]
    absent = [file for file in layout.files[part] if not find_file(folder, file.name)]
    wanted = [layout.archive] if layout.archive else [File(f"{file.name}.gz", file.packed) for file in absent]
    pooch = optional("pooch", "a download")
    for file in wanted:
        failures = []
        for address in layout.addresses:
            loader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT)
            into = root if layout.archive else folder
            try:
                pooch.retrieve(address + file.name, f"md5:{file.packed}", file.name, into, downloader=loader)
                break
            except (OSError, ValueError) as error:  # unreachable, disk full, no permission; wrong checksum
                reason = " ".join(str(error).split()).rpartition("(Caused by ")[2]  # the innermost cause
                failures.append(f"{address}{file.name}: {reason[:200]}")
        else:
            raise InputError(f"could not download {file.name} into {into} ({'; '.join(failures)})")
