"""The handwritten digits that scikit-learn carries: 1,797 images of 8 x 8 pixels, the default that needs no files.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository (the test part of that
data set), https://doi.org/10.24432/C50P49 .
"""

from __future__ import annotations

import numpy as np

from deep.checks import optional
from deep.data.dataset import Dataset, FileRecord, Part
from deep.data.own_parts import divide

_GREYS = 16  # the images count dark pixels in blocks of 4 x 4


def digits() -> Dataset:
    """Return the digits with grey values scaled to 0..255, divided into own training and test parts."""
    load_digits = optional("sklearn.datasets", "the digits").load_digits

    table = load_digits()
    images = np.rint(table.images * (255 / _GREYS)).astype(np.uint8)
    whole = Part(images, table.target.astype(np.int64))
    train, test = divide(whole)
    note = f"Own parts: the {len(whole):,} images divided into {len(train):,} for training and {len(test):,} for testing."
    files = tuple(FileRecord("scikit-learn, load_digits", part, "part of the installed package") for part in ("train", "test"))
    return Dataset("digits", tuple(map(str, table.target_names)), train, test, files, (note,))
