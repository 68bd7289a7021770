"""Writing of figures: every file whole or absent, and a record by which a finished figure is known again."""

import hashlib
import io
import os
from pathlib import Path

from matplotlib.figure import Figure as Canvas

from simulate.work.files import remove_leftovers, replace_file, require_folder, trying
from simulate.work.store import RunStore
from theory.errors import InputError

PICTURES = ("png", "svg", "pdf")
SUFFIXES = (*PICTURES, "csv")
# Dates and versions would make the bytes of equal pictures differ.
_METADATA = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


class Output:
    """Folder of figures.

    Parameters
    ----------
    folder : path
        Made when something is written; simulated points and records of finished figures lie in its
        ``.store``.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.points = RunStore(self.folder / ".store" / "points")
        self.finished = RunStore(self.folder / ".store" / "figures")

    def require_writable(self) -> None:
        """Make the folder if need be, refuse one that cannot be written to, remove what killed runs left.

        Raises
        ------
        InputError
            If it cannot be made or written to.
        """
        require_folder(self.folder, "choose another --out or change its permissions")
        for place in (self.folder, self.points.root, self.finished.root):
            remove_leftovers(place)

    def files(self, name: str) -> list[Path]:
        """Files of a figure, whether they exist or not."""
        return [self.folder / f"{name}.{suffix}" for suffix in SUFFIXES]

    def is_finished(self, name: str, key: str) -> bool:
        """Whether all files of a figure are there as they were written under ``key``."""
        record = self.finished.get(key)
        try:
            return record is not None and record == {path.name: _hash(path.read_bytes()) for path in self.files(name)}
        except OSError:
            return False

    def write(self, name: str, key: str, canvas: Canvas, table: str) -> None:
        """Write pictures and table, then the record that makes them a finished figure."""
        contents = {path: table.encode() if path.suffix == ".csv" else render(canvas, path.suffix[1:]) for path in self.files(name)}
        for path, content in contents.items():
            write_file(path, content)
        self.finished.put(key, {path.name: _hash(content) for path, content in contents.items()})


def write_file(path: Path, content: bytes) -> None:
    """Write ``content`` under a temporary name and let it replace ``path`` in a single step.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    with trying(f"write {path}", "free space, remove what is in the way or choose another --out"):
        replace_file(path, content)


def render(canvas: Canvas, suffix: str) -> bytes:
    """Return a picture's bytes; equal pictures give equal bytes."""
    stream = io.BytesIO()
    canvas.savefig(stream, format=suffix, metadata=_METADATA[suffix])
    return stream.getvalue()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
