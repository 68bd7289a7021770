"""Bytes of files: plain, .gz, .xz, or members of a tar archive; nothing is ever extracted to disk."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from theory.errors import InputError

SUFFIXES = ("", ".gz", ".xz")
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar.xz", ".tar")
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError)
_OPEN = {".gz": gzip.open, ".xz": lzma.open}


@dataclass(frozen=True)
class Content:
    """Decompressed bytes and where they were read, to name in errors."""

    data: bytes
    where: str

    def error(self, reason: str, remedy: str = "obtain the file again") -> InputError:
        """Return an error that names the file, the reason and the remedy."""
        return InputError(f"{self.where}: {reason}; {remedy}")


def md5(data: bytes) -> str:
    """Compute the MD5 checksum, the one that the data sets' authors publish."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def file_md5(path: Path) -> str:
    """Compute the MD5 checksum of a file as it lies on disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def read_file(path: Path) -> Content:
    """Read and decompress a file.

    Raises
    ------
    InputError
        If it cannot be read, is truncated or is damaged.
    """
    opener = _OPEN.get(path.suffix, open)
    try:
        with opener(path, "rb") as file:
            return Content(file.read(), str(path))
    except _DAMAGE as error:
        raise _unreadable(path, error) from error


def read_members(path: Path, names: Collection[str]) -> dict[str, Content]:
    """Read the named regular files of a tar archive, compressed or not.

    Raises
    ------
    InputError
        If the archive is truncated or damaged, or lacks one of the files.
    """
    found: dict[str, Content] = {}
    try:
        # One pass in the order of the archive: seeking back in a compressed one would decompress it again.
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                name = posixpath.normpath(member.name)
                if name in names and member.isfile():
                    found[name] = Content(archive.extractfile(member).read(), f"{path}, member {name}")
                if len(found) == len(names):
                    break
    except _DAMAGE as error:
        raise _unreadable(path, error) from error
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"{path}: the archive lacks {missing[0]}; it is truncated or another one, obtain it again")
    return found


def _unreadable(path: Path, error: Exception) -> InputError:
    if isinstance(error, OSError) and error.errno is not None:
        return InputError(f"{path}: cannot be read ({error.strerror}); correct its permissions or obtain it again")
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{path}: truncated or damaged ({reason}); obtain the file again")
