"""A data set in memory: images and labels, a training and a test part, a record of the origin."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from theory.errors import InputError

PARTS = ("train", "test")
OWN_PARTS_SEED = 0
OWN_TEST_SHARE = 0.2


def content_hash(*arrays: np.ndarray) -> str:
    """Compute the SHA-256 of shapes, kinds and bytes of the arrays, the same for either byte order."""
    digest = hashlib.sha256()
    for array in arrays:
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{little.dtype.str}{little.shape}".encode())
        digest.update(little.data)
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Part:
    """Images, uint8 (N, H, W) or (N, H, W, C), and labels, int64 (N,); both are read-only views."""

    images: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        images, labels = ("uint8", (3, 4), "(N, H, W) or (N, H, W, C)"), ("int64", (1,), "(N,)")
        for name, (kind, dimensions, shape) in (("images", images), ("labels", labels)):
            view = np.asarray(getattr(self, name)).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)
            if view.dtype != kind or view.ndim not in dimensions:
                raise InputError(f"{name} are {view.dtype} of shape {view.shape}; give {kind} of shape {shape}")
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

    def divide(self) -> "tuple[Part, Part]":
        """Divide into a training and a test part, a fifth of every class for testing, always the same."""
        test = np.zeros(len(self), dtype=bool)
        for label in np.unique(self.labels):
            indices = np.flatnonzero(self.labels == label)
            count = round(OWN_TEST_SHARE * len(indices))
            if count == 0:
                raise InputError(f"class {label} has {len(indices)} images, too few to be divided; give at least 3 images of every class")
            stream = np.random.SeedSequence(OWN_PARTS_SEED, spawn_key=(int(label),))
            test[np.random.Generator(np.random.PCG64(stream)).permutation(indices)[:count]] = True
        return Part(self.images[~test], self.labels[~test]), Part(self.images[test], self.labels[test])


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
            if part.images.shape[1:] != self.image_shape:
                raise InputError(f"{self.name} has {title} images of another shape than test images; give one")
            classes = len(self.classes)
            outside = part.labels[(part.labels < 0) | (part.labels >= classes)]
            if outside.size:
                found = f"the label {outside[0]} in its {title} part but {classes} classes"
                raise InputError(f"{self.name} has {found}; labels count from 0 to {classes - 1}")

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, (H, W) or (H, W, C)."""
        return self.test.images.shape[1:]

    def training_part(self) -> Part:
        """Return the training part; raise InputError where only the test part was found."""
        if self.train is None:
            remedy = "add the files of its training part, or have its test images divided (own_parts=True, --divide-test)"
            raise InputError(f"{self.name} has no training part here ({' '.join(self.notes)}); {remedy}")
        return self.train

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of both parts."""
        parts = [part for part in (self.train, self.test) if part is not None]
        return content_hash(*(array for part in parts for array in (part.images, part.labels)))


def with_own_parts(dataset: Dataset) -> Dataset:
    """Return the data set with its test part, the only one found, divided; InputError if there are both."""
    if dataset.train is not None:
        raise InputError(f"{dataset.name} has its official training part; only a data set that has a test part alone is divided")
    train, test = dataset.test.divide()
    note = f"Own division: the {len(dataset.test):,} official test images divided into {len(train):,} for training and {len(test):,} for testing."
    return replace(dataset, train=train, test=test, notes=(*dataset.notes, note))
