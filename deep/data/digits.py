"""The handwritten digits that scikit-learn carries: 1,797 images of 8 x 8 pixels, the default that needs no files.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository (the test part of that
data set), https://doi.org/10.24432/C50P49 .
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from deep.data.dataset import Dataset, FileRecord, Part
from deep.data.own_parts import divide
from theory.checks import optional

_GREYS = 16  # the images count dark pixels in blocks of 4 x 4
_FILE = "datasets/data/digits.csv.gz"  # in scikit-learn


def digits() -> Dataset:
    """Return the digits with grey values scaled to 0..255, divided into own training and test parts."""
    table = _table()
    images = np.rint(table[:, :-1].reshape(-1, 8, 8) * (255 / _GREYS)).astype(np.uint8)
    whole = Part(images, table[:, -1].astype(np.int64))
    train, test = divide(whole)
    note = f"Own parts: the {len(whole):,} images divided into {len(train):,} for training and {len(test):,} for testing."
    files = tuple(FileRecord("scikit-learn, load_digits", part, "part of the installed package") for part in ("train", "test"))
    return Dataset("digits", tuple("0123456789"), train, test, files, (note,))


def _table() -> np.ndarray:
    """Return 64 grey values and the class of every image; from scikit-learn's file, whose own loader takes a second to import."""
    package = importlib.util.find_spec("sklearn")
    path = Path(package.origin).parent / _FILE if package and package.origin else None
    if path is not None and path.is_file():
        with gzip.open(path, "rt") as file:
            return np.loadtxt(file, delimiter=",")
    bunch = optional("sklearn.datasets", "the digits").load_digits()
    return np.column_stack([bunch.data, bunch.target])
