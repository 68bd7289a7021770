"""How a part's files are decoded: IDX (the MNIST family), and CIFAR's binary records and pickled batches.

Each function takes the contents of the files and the shape (N, ...) of the images, and yields for each batch
the content that holds its labels, its images, shape (n, ...), and its labels, shape (n,). Sources:
http://yann.lecun.com/exdb/mnist/ ; https://www.cs.toronto.edu/~kriz/cifar.html .
"""

import math
import pickle
from collections.abc import Iterator, Sequence

import numpy as np

from deep.data.contents import CHECKED, Content

Batches = Iterator[tuple[Content, np.ndarray, np.ndarray]]
_IDX_KINDS = {"u1": 0x08, ">i4": 0x0C}


def idx(contents: Sequence[Content], shape: tuple[int, ...], columns: int | None = None) -> Batches:
    """Decode an image and a label file; with ``columns`` labels are a table, the class first (QMNIST)."""
    images, labels = contents
    kind, label_shape = ("u1", shape[:1]) if columns is None else (">i4", (shape[0], columns))
    yield (labels, _idx_array(images, "u1", shape), _idx_array(labels, kind, label_shape).reshape(shape[0], -1)[:, 0])


def _idx_array(content: Content, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Decode an IDX file: bytes 0, 0, kind, number of dimensions; shape, big-endian; values."""
    data, magic, start = content.data, bytes([0, 0, _IDX_KINDS[kind], len(shape)]), 4 + 4 * len(shape)
    if data[:4] != magic:
        reason = f"begins with 0x{data[:4].hex()}, not with the official magic number 0x{magic.hex()}"
        raise content.error(reason, "images and labels may have been swapped; put the official file there")
    found = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4))
    if found != shape:
        raise content.error(f"the header promises shape {found}, but the official file has {shape}")
    size = start + math.prod(shape) * np.dtype(kind).itemsize
    if len(data) != size:
        wrong = "truncated" if len(data) < size else "too long"
        raise content.error(f"{wrong}: {len(data):,} bytes, but the official file has {size:,}")
    return np.frombuffer(data, kind, offset=start).reshape(shape)


def cifar_records(contents: Sequence[Content], shape: tuple[int, ...], labels: int) -> Batches:
    """Decode files of equally many records: ``labels`` bytes, the last of them the class, then the image."""
    count, length = shape[0] // len(contents), labels + math.prod(shape[1:])
    for content in contents:
        if (size := len(content.data)) != count * length:
            reason = f"{size:,} bytes, but the official file has {count:,} records of {length:,} bytes"
            raise content.error(reason, "truncated or another file: put the official file there")
        records = np.frombuffer(content.data, np.uint8).reshape(count, length)
        classes, coarse = np.unique(np.unique(records[:, :labels], axis=0)[:, -1], return_counts=True)
        if (coarse > 1).any():  # a class of CIFAR-100 belongs to one coarse class
            reason = f"images of class {classes[coarse > 1][0]} have {coarse.max()} different coarse labels"
            raise content.error(f"{reason}: labels do not belong to their images")
        yield content, _pixels(records[:, labels:]), records[:, labels - 1]


def cifar_batches(contents: Sequence[Content], shape: tuple[int, ...], key: str) -> Batches:
    """Unpickle dictionaries of images and labels; pickles can run code: only with the published MD5."""
    for content in contents:
        if content.checked != CHECKED:
            raise content.error("only the official pickle is safe", "put it there, or the data set's binary version")
        batch = pickle.loads(content.data, encoding="latin1")
        yield content, _pixels(batch["data"]), np.array(batch[key])


def _pixels(values: np.ndarray) -> np.ndarray:
    """Return images, colours last, from 1,024 red, then green, then blue values."""
    return np.ascontiguousarray(values.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
