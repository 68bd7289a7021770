"""Downloads from the official addresses, with the published checksum and a progress bar on a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deep.data.locations import find_file
from deep.data.source import Download, Source
from theory.checks import optional
from theory.errors import InputError

TIMEOUT = 10  # seconds without an answer, after which an address counts as unreachable


def fetch(download: Download, folder: Path) -> Path:
    """Download a file into ``folder``; nothing is left there unless its checksum is the published one.

    Raises
    ------
    InputError
        If the folder cannot be written, or every address fails or sends another content.
    """
    pooch = optional("pooch", "a download")
    created = _create(folder)
    failures = []
    for url in download.urls:
        downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT)
        known_hash = f"md5:{download.md5}" if download.md5 else None
        try:
            return Path(pooch.retrieve(url, known_hash, fname=download.name, path=folder, downloader=downloader))
        except (OSError, ValueError) as error:  # unreachable, disk full; wrong checksum
            failures.append(f"{url}: {_reason(error)}")
    for path in created:
        if not any(path.iterdir()):
            path.rmdir()
    raise InputError(f"could not download {download.name} ({'; '.join(failures)})")


def fetch_part(source: Source, part: str, root: Path) -> None:
    """Download what is absent of ``part`` in the source's first layout."""
    layout = source.layouts[0]
    if layout.archive:
        fetch(layout.archive, root)
        return
    folder = root / layout.folders[0]
    for file in layout.files[part]:
        if find_file(folder, file.name) is None:
            fetch(file.download, folder)


def _create(folder: Path) -> list[Path]:
    """Create a folder that can be written; return what was created, innermost first."""
    created = []
    for path in (folder, *folder.parents):
        if path.exists():
            break
        created.append(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot create {folder} for a download ({error.strerror}); name a data root that can be written") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"cannot write to {folder} for a download; name a data root that can be written")
    return created


def _reason(error: Exception) -> str:
    """Return the last cause that an HTTP client nests into its message."""
    text = " ".join(str(error).split())
    return text.rpartition("(Caused by ")[2][:200]
