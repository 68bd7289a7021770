"""The two layouts of CIFAR-10 and CIFAR-100: binary records and pickled batches.

Source: https://www.cs.toronto.edu/~kriz/cifar.html . Both store an image as 1,024 red, then green, then blue values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deep.data.contents import Content
from deep.data.dataset import Part
from deep.data.expected import Expected
from deep.data.pickles import read_batch

_PIXELS = 3 * 32 * 32
SHAPE = (32, 32, 3)


def decode_binary(contents: Sequence[Content], expected: Expected, label_classes: tuple[int, ...]) -> Part:
    """Decode files of records: one byte per label, then the 3,072 values of the image.

    Parameters
    ----------
    contents : files of equal size
    expected : Expected
    label_classes : tuple of int
        Number of classes of each label byte; the last byte is the label that is kept ((10,) or (20, 100)).
    """
    images, labels = [], []
    length = len(label_classes) + _PIXELS
    for content in contents:
        count, rest = divmod(len(content.data), length)
        if rest:
            raise content.error(f"truncated or of another kind: {len(content.data):,} bytes are no whole number of {length}-byte records")
        expected.check_count(content, count, len(contents))
        records = np.frombuffer(content.data, np.uint8).reshape(count, length)
        for column, classes in enumerate(label_classes):
            expected.check_labels(content, records[:, column], classes)
        _check_groups(content, records[:, : len(label_classes)])
        labels.append(records[:, len(label_classes) - 1])
        images.append(records[:, len(label_classes):])
    return _part(images, labels)


def _check_groups(content: Content, labels: np.ndarray) -> None:
    """Check that all images of a class are in the same group of classes: CIFAR-100's coarse label follows from the fine one."""
    pairs = np.unique(labels, axis=0)
    own, counts = np.unique(pairs[:, -1], return_counts=True)
    if (counts > 1).any():
        label = own[np.argmax(counts > 1)]
        raise content.error(f"images of class {label} have {counts.max()} different coarse labels: labels do not belong to their images")


def decode_pickled(contents: Sequence[Content], expected: Expected, label_key: str) -> Part:
    """Decode pickled batches: dictionaries with the images under "data" and the labels under ``label_key``."""
    images, labels = [], []
    for content in contents:
        batch = read_batch(content)
        missing = [key for key in ("data", label_key) if key not in batch]
        if missing:
            raise content.error(f"the batch has no {missing[0]!r}, only {', '.join(map(str, batch))}", "put the official file there")
        data, names = batch["data"], batch[label_key]
        if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != _PIXELS:
            raise content.error(f"the batch's 'data' is no byte array with {_PIXELS} columns")
        if not isinstance(names, list) or not all(type(name) is int for name in names):
            raise content.error(f"the batch's {label_key!r} is no list of whole numbers")
        if len(data) != len(names):
            raise content.error(f"{len(data):,} images but {len(names):,} labels")
        expected.check_count(content, len(data), len(contents))
        array = np.array(names, dtype=np.int64)
        expected.check_labels(content, array)
        images.append(data)
        labels.append(array)
    return _part(images, labels)


def _part(images: list[np.ndarray], labels: list[np.ndarray]) -> Part:
    planes = np.concatenate(images).reshape(-1, 3, 32, 32)
    return Part(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), np.concatenate(labels).astype(np.int64))
