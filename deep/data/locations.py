"""Where data sets are looked for: one data root, and in it the layouts that each source names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deep.data.contents import ARCHIVE_SUFFIXES, SUFFIXES
from deep.data.source import Layout, Source
from theory.checks import optional
from theory.errors import InputError

ENVIRONMENT = "DRIFTLAW_DATA"


@dataclass(frozen=True)
class DataRoot:
    """The folder that holds the data sets, and who named it."""

    path: Path
    chosen_by: str


@dataclass(frozen=True)
class Located:
    """A part as it was found: its files, or the archive that holds them."""

    layout: Layout
    paths: tuple[Path, ...] = ()
    archive: Path | None = None

    def __str__(self) -> str:
        return str(self.archive or self.paths[0].parent)


@dataclass(frozen=True)
class Search:
    """What was found of one part.

    Parameters
    ----------
    located : Located or None
        The first layout that holds every file.
    incomplete : tuple of str
        Folders that hold some files of the part but not all, each with the files that they lack.
    looked : tuple of str
        Every place where it was looked for.
    """

    located: Located | None
    incomplete: tuple[str, ...]
    looked: tuple[str, ...]


def resolve_root(root: str | os.PathLike | None = None) -> DataRoot:
    """Return the data root: ``root``, else the environment variable DRIFTLAW_DATA, else the user's cache folder.

    Raises
    ------
    InputError
        If a named root is no folder.
    """
    named, chosen_by = (root, "--data-root") if root is not None else (os.environ.get(ENVIRONMENT) or None, ENVIRONMENT)
    if named is None:
        return DataRoot(Path(optional("pooch", "the default data root").os_cache("driftlaw")), "the default cache folder")
    path = Path(named).expanduser()
    if not path.is_dir():
        remedy = f"create it or name another by --data-root or {ENVIRONMENT}"
        raise InputError(f"the data root {str(path)!r} ({chosen_by}) is no folder; {remedy}")
    return DataRoot(path, chosen_by)


def find_file(folder: Path, name: str) -> Path | None:
    """Return the plain or compressed file of that name, None where there is none.

    Most mirrors of the MNIST family write "train-images.idx3-ubyte" for "train-images-idx3-ubyte".
    """
    names = dict.fromkeys((name, name.replace("-idx", ".idx")))
    return next((path for name in names for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()), None)


def search(source: Source, part: str, root: Path) -> Search:
    """Look for ``part`` of a source in each of its layouts."""
    located, incomplete, looked = None, [], []
    for layout in source.layouts:
        for folder in (root / name for name in layout.folders):
            looked.append(str(folder))
            files = layout.files[part]
            paths = [find_file(folder, file.name) for file in files]
            missing = [file.name for file, path in zip(files, paths, strict=True) if path is None]
            if not missing:
                located = located or Located(layout, tuple(paths))
            elif len(missing) < len(files):
                incomplete.append(f"{folder} lacks {', '.join(missing)}")
        if layout.archive:
            stem = layout.archive.name.removesuffix(".tar.gz")
            candidates = [root / f"{stem}{suffix}" for suffix in ARCHIVE_SUFFIXES]
            looked.append(str(root / layout.archive.name))
            archive = next((path for path in candidates if path.is_file()), None)
            if archive:
                located = located or Located(layout, archive=archive)
    return Search(located, tuple(incomplete), tuple(looked))


def what_to_put_where(source: Source, root: DataRoot, parts: tuple[str, ...] = ("train", "test")) -> str:
    """Return the instruction that makes the data set present."""
    ways = []
    for layout in source.layouts:
        names = [file.name for part in parts for file in layout.files[part]]
        mirrored = ", with -idx or .idx" if any("-idx" in name for name in names) else ""
        way = f"{', '.join(names)} (each plain, .gz or .xz{mirrored}) into {root.path / layout.folders[0]}"
        ways.append(f"{layout.archive.name} into {root.path}, or {way}" if layout.archive else way)
    published = f"{source.title} is published at {source.homepage}"
    return f"put {'; or '.join(ways)}; or name another folder by --data-root or {ENVIRONMENT}. {published}"
