"""A task of a stream: some classes of a data set, with its own training, validation and test images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from deep.data import Dataset, Part
from deep.data.dataset import content_hash
from deep.streams.transforms import SLOW, Transform, Unchanged

KEPT = 2**26  # bytes of a part's images at most, for the part to be kept


@dataclass(frozen=True, eq=False)
class StreamTask:
    """One task; images are made when asked for, so that a long stream needs the memory of one task.

    Those of a slow transform are kept, up to 64 MiB a part: what the fingerprint rotates is trained on later.

    Parameters
    ----------
    name : str
        What sets the task apart, such as "classes 0, 1".
    dataset : Dataset
    classes : tuple of int
        The data set's labels in this task; an example's label in the task is the place of its class in this tuple.
    keys : tuple of str
        What each class is across the stream: classes of two tasks are the same if their keys are.
    train_indices, validation_indices : int64 array
        Into the data set's training part.
    test_indices : int64 array
        Into the data set's test part.
    transform : Transform
    """

    name: str
    dataset: Dataset
    classes: tuple[int, ...]
    keys: tuple[str, ...]
    train_indices: np.ndarray
    validation_indices: np.ndarray
    test_indices: np.ndarray
    transform: Transform = field(default_factory=Unchanged)
    _kept: dict[str, Part] = field(init=False, repr=False, default_factory=dict)

    def training(self) -> Part:
        """Return the training images with labels 0..len(classes)-1."""
        return self._part("train", self.dataset.training_part(), self.train_indices)

    def validation(self) -> Part:
        """Return the validation images; for every choice that looks at accuracy."""
        return self._part("validation", self.dataset.training_part(), self.validation_indices)

    def final_test(self) -> Part:
        """Return the test images; for final evaluation only."""
        return self._part("test", self.dataset.test, self.test_indices)

    def same(self, other: "StreamTask") -> bool:
        """Return whether another task has the same images and labels because it is made alike; nothing is computed."""
        plain = ("dataset", "classes", "keys", "transform")
        indices = ("train_indices", "validation_indices", "test_indices")
        return all(getattr(self, name) == getattr(other, name) for name in plain) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in indices
        )

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of all images and labels of the task."""
        parts = (self.training(), self.validation(), self.final_test())
        return content_hash(*(array for part in parts for array in (part.images, part.labels)))

    def _part(self, which: str, part: Part, indices: np.ndarray) -> Part:
        if which in self._kept:
            return self._kept[which]
        place = np.full(len(self.dataset.classes), -1, dtype=np.int64)
        place[list(self.classes)] = np.arange(len(self.classes))
        made = Part(self.transform(part.images[indices], which), place[part.labels[indices]])
        if isinstance(self.transform, SLOW) and made.images.nbytes <= KEPT:
            self._kept[which] = made
        return made


def join(by_class: Sequence[np.ndarray]) -> np.ndarray:
    """Join the classes' indices into one increasing, read-only array."""
    joined = np.sort(np.concatenate(by_class)).astype(np.int64)
    joined.flags.writeable = False
    return joined
