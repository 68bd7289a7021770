"""How a data set lies on disk and where it is published; data only, read by `deep.data.locations` and `deep.data.reader`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deep.data.contents import Content
from deep.data.dataset import Part
from deep.data.expected import Expected


@dataclass(frozen=True)
class Download:
    """A published file.

    Parameters
    ----------
    name : str
        Its official name.
    urls : tuple of str
        Addresses, tried in this order.
    md5 : str or None
        Published checksum of the file as it is downloaded; None where no published checksum is known.
    """

    name: str
    urls: tuple[str, ...]
    md5: str | None


@dataclass(frozen=True)
class DataFile:
    """A file of a layout; on disk it may end in .gz or .xz.

    Parameters
    ----------
    name : str
        Without the ending of a compressed file.
    md5 : str or None
        Checksum of the decompressed content; None where none is known.
    download : Download or None
        The published file, None where it is published only in an archive.
    """

    name: str
    md5: str | None = None
    download: Download | None = None


@dataclass(frozen=True)
class Layout:
    """One way in which a data set lies under the data root.

    Parameters
    ----------
    folders : tuple of str
        Folders under the root, tried in this order; the first is where downloads go, and the folder inside the archive.
    files : mapping
        Part -> its files.
    decode : callable
        (contents of the files, Expected) -> Part.
    archive : Download or None
        Tar archive, directly under the root, that holds the first folder.
    """

    folders: tuple[str, ...]
    files: Mapping[str, tuple[DataFile, ...]]
    decode: Callable[[Sequence[Content], Expected], Part]
    archive: Download | None = None


@dataclass(frozen=True)
class Source:
    """A published data set.

    Parameters
    ----------
    name, title : str
        As in commands, and as in its authors' text.
    homepage : str
    shape : tuple of int
        Of one image.
    classes : tuple of str
    counts : mapping
        Part -> number of images.
    layouts : tuple of Layout
        Tried in this order; the first is the one that is downloaded.
    balanced : bool
        Whether every class has as many images as any other.
    """

    name: str
    title: str
    homepage: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    counts: Mapping[str, int]
    layouts: tuple[Layout, ...]
    balanced: bool = True

    def expected(self, part: str) -> Expected:
        """Return what ``part`` must hold."""
        title = f"the {'training' if part == 'train' else part} part of {self.title}"
        return Expected(title, self.counts[part], self.shape, len(self.classes), self.balanced)
