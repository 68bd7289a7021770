"""The handwritten digits that scikit-learn carries, 1,797 images of 8 x 8 pixels: the default, without files.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository (the test part of
that data set), https://doi.org/10.24432/C50P49 .
"""

import gzip
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np

from deep.data.dataset import PARTS, Dataset, FileRecord, Part
from theory.checks import optional

_FILE = "datasets/data/digits.csv.gz"  # in scikit-learn


def digits() -> Dataset:
    """Return the digits, grey values scaled from 0..16 to 0..255, divided into a training and a test part."""
    table = _table()
    images = np.rint(table[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    whole = Part(images, table[:, -1].astype(np.int64))
    train, test = whole.divide()
    note = f"Own division: the {len(whole):,} images divided into {len(train):,} for training and {len(test):,} for testing."
    files = tuple(FileRecord("scikit-learn, load_digits", part, "part of the installed package") for part in PARTS)
    return Dataset("digits", tuple("0123456789"), train, test, files, (note,))


def digits_28() -> Dataset:
    """Return the digits in the size of MNIST's: each pixel as 3 x 3, in a frame of 2."""
    small = digits()
    large = [Part(np.pad(part.images.repeat(3, 1).repeat(3, 2), ((0, 0), (2, 2), (2, 2))), part.labels) for part in (small.train, small.test) if part]
    return replace(small, name="digits-28", train=large[0], test=large[1])


def _table() -> np.ndarray:
    """Return 64 grey values and the class of every image; from scikit-learn's file, whose own loader is slow to import."""
    package = importlib.util.find_spec("sklearn")
    path = Path(package.origin).parent / _FILE if package and package.origin else None
    if path is not None and path.is_file():
        with gzip.open(path, "rt") as file:
            return np.loadtxt(file, delimiter=",")
    bunch = optional("sklearn.datasets", "the digits").load_digits()
    return np.column_stack([bunch.data, bunch.target])
