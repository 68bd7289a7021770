"""Files that are old or new, never half, and locks that end with the process that holds them."""

import glob
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

from theory.errors import InputError


def replace_file(path: str | os.PathLike[str], content: bytes, tidy: bool = True) -> None:
    """Write ``content`` under a temporary name, let it replace ``path`` in a single step; it survives a crash after that.

    Parameters
    ----------
    path : path
    content : bytes
    tidy : bool
        Whether to look for what killed writers of ``path`` left; a store does so once for all of its files.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    path = Path(path)
    stem = path.stem[:16]
    if tidy:
        remove_leftovers(path.parent, stem)
    handle, temporary = _locked_temporary(path.parent, stem)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            if os.name == "nt":  # where no open file can be renamed
                file.close()
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


def remove_leftovers(folder: Path, stem: str | None = None) -> None:
    """Remove temporary files of killed writers: those that nobody holds, on this machine or another.

    Parameters
    ----------
    folder : Path
    stem : str, optional
        Only of files whose names begin so.
    """
    for path in folder.glob(f".{'*' if stem is None else glob.escape(stem)}.????????.tmp"):
        # Errors: it was renamed meanwhile, is not ours to remove, or lies on a file system without locks.
        with suppress(OSError), ExitStack() as stack:
            handle = os.open(path, os.O_RDWR)
            stack.callback(os.close, handle)
            if lock_descriptor(handle, blocking=False):
                path.unlink()


def _locked_temporary(folder: Path, stem: str) -> tuple[int, str]:
    """Make a temporary file that is locked as long as it is open, so that `remove_leftovers` passes it by."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{stem}.", suffix=".tmp", dir=folder)
        with suppress(OSError):  # a file system without locks, where nothing is removed either
            lock_descriptor(handle)
        if os.path.exists(name):
            return handle, name
        os.close(handle)  # it was taken for a leftover before it was locked


@contextmanager
def trying(what: str, remedy: str) -> Iterator[None]:
    """Let what is done within raise InputError where the system refuses it: what cannot be done, why, and the remedy."""
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot {what}: {error.strerror or error}; {remedy}") from None


def require_folder(folder: Path, remedy: str) -> None:
    """Make a folder if need be; InputError, with the remedy, if it cannot be made or written to."""
    with trying(f"write to the folder {folder}", remedy):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # rights alone do not tell
            pass


@contextmanager
def locked(path: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a lock file, made if need be; call ``waiting``, then wait, where another process or thread does.

    Raises
    ------
    InputError
        If the file cannot be made or locked.
    """
    with ExitStack() as stack:
        with trying(f"write and lock {path}", "choose another folder or correct its permissions"):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = _open(path, os.O_CREAT)
            stack.callback(os.close, handle)
            if not lock_descriptor(handle, blocking=False):
                waiting()
                lock_descriptor(handle)
        yield


def is_locked(path: Path) -> bool:
    """Say whether a process holds a lock file; nothing is written.

    Raises
    ------
    InputError
        If the file is there and cannot be read.
    """
    try:
        handle = _open(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; correct its permissions") from None
    try:
        for pause in (0, 0.01, 0.02):  # another one that only looks holds it for an instant
            time.sleep(pause)
            if lock_descriptor(handle, blocking=False):
                return False
        return True
    except OSError:  # a file system that tells nothing to those who may only read
        return False
    finally:
        os.close(handle)


def _open(path: Path, flags: int = 0) -> int:
    """Open a lock file; only to read where one may not write, which most file systems lock as well."""
    try:
        return os.open(path, os.O_RDWR | flags, 0o644)
    except OSError:
        if flags and not path.is_file():
            raise
        return os.open(path, os.O_RDONLY)


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
