"""The IDX format of the MNIST family: big-endian header with kind and sizes, then the values.

Source: http://yann.lecun.com/exdb/mnist/ ; QMNIST's labels have eight 32-bit columns, the class first
(https://github.com/facebookresearch/qmnist).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from deep.data.contents import Content
from deep.data.dataset import Part
from deep.data.expected import Expected
from theory.errors import InputError

_KINDS = {0x08: np.dtype(np.uint8), 0x0C: np.dtype(">i4")}


def decode(content: Content) -> np.ndarray:
    """Decode an IDX file into a read-only array of uint8 or big-endian int32.

    Raises
    ------
    InputError
        If the magic number is no IDX header of these kinds, or the values are fewer or more than the header says.
    """
    data = content.data
    if len(data) < 4:
        raise content.error(f"{len(data)} bytes are too few for an IDX header")
    magic, kind, dimensions = struct.unpack(">HBB", data[:4])
    if magic != 0 or kind not in _KINDS or not 1 <= dimensions <= 4:
        raise content.error(f"the magic number is 0x{data[:4].hex()}, which is no IDX file of bytes or 32-bit integers")
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise content.error(f"{len(data)} bytes end within the IDX header of {start} bytes")
    shape = struct.unpack(f">{dimensions}I", data[4:start])
    size = _KINDS[kind].itemsize
    for length in shape:
        size *= length
    if len(data) - start != size:
        reason = "truncated" if len(data) - start < size else "too long"
        raise content.error(f"{reason}: the header promises {size:,} bytes of values for shape {shape}, there are {len(data) - start:,}")
    return np.frombuffer(data, _KINDS[kind], offset=start).reshape(shape)


def decode_part(contents: Sequence[Content], expected: Expected, label_columns: int | None = None) -> Part:
    """Decode an image file and its label file.

    Parameters
    ----------
    contents : (images, labels)
    expected : Expected
        What the part must hold.
    label_columns : int, optional
        Columns of the label file when it is a table whose first column is the class; None for plain labels.
    """
    image_file, label_file = contents
    images, labels = decode(image_file), decode(label_file)
    if images.dtype != np.uint8 or images.ndim != 3:
        raise _other_kind(image_file, images, "images are three-dimensional arrays of bytes")
    if label_columns is None and (labels.dtype != np.uint8 or labels.ndim != 1):
        raise _other_kind(label_file, labels, "labels are one-dimensional arrays of bytes")
    if label_columns is not None:
        if labels.dtype == np.uint8 or labels.ndim != 2 or labels.shape[1] != label_columns:
            raise _other_kind(label_file, labels, f"labels are tables of 32-bit integers with {label_columns} columns")
        labels = labels[:, 0]
    if len(images) != len(labels):
        raise image_file.error(
            f"{len(images):,} images, but {label_file.where} has {len(labels):,} labels", "put an image file and its own label file there"
        )
    expected.check_count(image_file, len(images))
    expected.check_shape(image_file, images.shape[1:])
    expected.check_labels(label_file, labels)
    return Part(images, labels.astype(np.int64))


def _other_kind(content: Content, array: np.ndarray, rule: str) -> InputError:
    return content.error(
        f"the magic number 0x{content.data[:4].hex()} is that of a {array.ndim}-dimensional array of {array.dtype.name} with shape "
        f"{array.shape}, but {rule}", "images and labels may have been swapped; put the right file there"
    )
