"""Made-up data sets that need no files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deep.data import Dataset, Part


def made_dataset(classes: int = 10, train: int = 20, test: int = 5, shape: tuple[int, ...] = (4, 4), name: str = "made") -> Dataset:
    """Return a data set whose images are all different, with ``train`` and ``test`` images of every class, interleaved."""
    rng = np.random.default_rng(len(name) + classes)
    parts = []
    for count in (train, test):
        images = rng.integers(0, 256, (classes * count, *shape), dtype=np.uint8)
        images.reshape(len(images), -1)[:, :2] = np.frombuffer(np.arange(len(images), dtype=np.uint16).tobytes(), np.uint8).reshape(-1, 2)
        parts.append(Part(images, np.arange(classes * count, dtype=np.int64) % classes))
    return Dataset(name, tuple(f"class {label}" for label in range(classes)), *parts)


def with_another_pixel(dataset: Dataset) -> Dataset:
    """Return the data set with one grey value changed in one training image."""
    images = dataset.train.images.copy()
    images.flat[0] += 1
    return replace(dataset, train=replace(dataset.train, images=images))
