"""A data set in memory: 8-bit images and integer labels, in a training and a test part, with a record of its origin."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from theory.errors import InputError

PARTS = ("train", "test")


def content_hash(*arrays: np.ndarray) -> str:
    """Compute the SHA-256 of shapes, kinds and bytes of the arrays, the same on machines of either byte order."""
    digest = hashlib.sha256()
    for array in arrays:
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{little.dtype.str}{little.shape}".encode())
        digest.update(little.data)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Part:
    """Images and their labels; both arrays are read-only views.

    Parameters
    ----------
    images : uint8 array of shape (N, H, W) or (N, H, W, C)
    labels : int64 array of shape (N,)
    """

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        for name in ("images", "labels"):
            view = np.asarray(getattr(self, name)).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)
        if self.images.dtype != np.uint8 or self.images.ndim not in (3, 4):
            raise InputError(
                f"images are {self.images.dtype} of shape {self.images.shape}; give uint8 of shape (N, H, W) or (N, H, W, C)"
            )
        if self.labels.dtype != np.int64 or self.labels.ndim != 1:
            raise InputError(f"labels are {self.labels.dtype} of shape {self.labels.shape}; give int64 of shape (N,)")
        if len(self.images) != len(self.labels):
            raise InputError(f"there are {len(self.images)} images but {len(self.labels)} labels; give one label per image")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Part({len(self)} images of {'x'.join(map(str, self.images.shape[1:]))})"

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the content."""
        return content_hash(self.images, self.labels)


@dataclass(frozen=True)
class FileRecord:
    """A file that was read, for which part, and what its content was compared with."""

    path: str
    part: str
    checked: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images in official parts.

    Parameters
    ----------
    name : str
        As in `deep.data.names`.
    classes : tuple of str
        Names of the classes; labels count from 0 in this order.
    train : Part or None
        None where only the test part was found; `notes` then says so.
    test : Part
        For final evaluation only.
    files : tuple of FileRecord
        What was read.
    notes : tuple of str
        What a reader of results has to know, such as parts that are not the official ones.
    """

    name: str
    classes: tuple[str, ...]
    train: Part | None
    test: Part
    files: tuple[FileRecord, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for title, part in (("training", self.train), ("test", self.test)):
            if part is None:
                continue
            if len(part) == 0:
                raise InputError(f"the {title} part of {self.name} is empty; give at least one image")
            if part.images.shape[1:] != self.test.images.shape[1:]:
                raise InputError(f"{self.name} has {title} images of another shape than test images; give one shape")
            outside = (part.labels < 0) | (part.labels >= len(self.classes))
            if outside.any():
                raise InputError(
                    f"{self.name} has the label {part.labels[outside][0]} in its {title} part but {len(self.classes)} classes; "
                    f"labels count from 0 to {len(self.classes) - 1}"
                )

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, (H, W) or (H, W, C)."""
        return self.test.images.shape[1:]

    def training_part(self) -> Part:
        """Return the training part.

        Raises
        ------
        InputError
            Where only the test part was found.
        """
        if self.train is None:
            raise InputError(
                f"{self.name} has no training part here ({' '.join(self.notes)}); add the files of its training part, or ask "
                "for own parts (own_parts=True, --own-parts), which divide its test images in two"
            )
        return self.train

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of both parts."""
        arrays = [array for part in (self.train, self.test) if part is not None for array in (part.images, part.labels)]
        return content_hash(*arrays)
