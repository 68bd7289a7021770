"""Files that are old or new, never half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from theory.errors import InputError


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write ``content`` under a temporary name, let it replace ``path`` in a single step; it survives a crash after that.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem[:16]}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # the new name has to survive as well
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def require_writable(path: Path) -> None:
    """Refuse a file that cannot be written before the long work, not after it; its folder is made if need be.

    Raises
    ------
    InputError
        If it cannot.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):  # rights alone do not tell
            pass
        # a folder cannot be replaced by a file, a device, pipe or socket must not
        writable = os.access(path, os.W_OK) and path.is_file() if path.exists() else True
    except OSError:
        writable = False
    if not writable:
        raise InputError(f"cannot write {path}; name a file in a folder that you may write to")
