"""Contents of files, plain, .gz, .xz or in a tar archive (never extracted), compared with their MD5."""

import gzip
import hashlib
import io
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from theory.errors import InputError

ARCHIVES = (".tar.gz", ".tgz", ".tar.xz", ".tar")
CHECKED = "official checksum"
UNCHECKED = "structure only, no published checksum known"
_UNPACK = {".gz": gzip.decompress, ".xz": lzma.decompress}


@dataclass(frozen=True)
class Content:
    """Decompressed bytes, where they were read, and what they were compared with."""

    data: bytes
    where: str
    checked: str = UNCHECKED

    def error(self, reason: str, remedy: str = "put the official file there") -> InputError:
        """Return an error that names the file, the reason and the remedy."""
        return InputError(f"{self.where}: {reason}; {remedy}")


def read(path: Path, md5s: Mapping[str, str | None], packed: str | None = None) -> list[Content]:
    """Read the named members of a tar archive, or the one file that is named, and compare checksums.

    ``md5s`` maps names to the MD5 of contents, ``packed`` is that of the whole file as it lies there. Where
    one is known it has to be right; where both are known, either.

    Raises
    ------
    InputError
        If the file cannot be read, is truncated or damaged, lacks a member, or has other checksums.
    """
    try:
        raw = path.read_bytes()
        archived = path.name.endswith(ARCHIVES)
        data = _members(raw, md5s) if archived else dict.fromkeys(md5s, _UNPACK.get(path.suffix, bytes)(raw))
    except (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise InputError(f"{path}: cannot be read ({error.strerror}); correct its permissions or obtain it again") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: truncated or damaged ({reason}); obtain the file again") from error
    found = packed and _md5(raw)
    return [_compared(Content(data[name], f"{path}, member {name}" if archived else str(path)), md5, found, packed) for name, md5 in md5s.items()]


def _compared(content: Content, md5: str | None, found: str | None, packed: str | None) -> Content:
    if not md5 and not packed:
        return content
    if (packed and found == packed) or (md5 and _md5(content.data) == md5):
        return Content(content.data, content.where, CHECKED)
    pair = f"{_md5(content.data)} where {md5}" if md5 else f"{found} where {packed}"
    own = "" if md5 else "; if you compressed it yourself, store it decompressed: then its structure is verified"
    raise content.error(f"checksum mismatch, MD5 {pair} is published: truncated, damaged or another file", f"obtain the file again{own}")


def _members(raw: bytes, names: Collection[str]) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        for member in archive:
            if (name := posixpath.normpath(member.name)) in names and member.isfile():
                found[name] = archive.extractfile(member).read()
    missing = [name for name in names if name not in found]
    if missing:
        raise tarfile.TarError(f"the archive lacks {missing[0]}")
    return found


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
