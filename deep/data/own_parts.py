"""Own training and test parts of images that have no official ones here, the same for every seed of a stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from deep.data.dataset import Dataset, Part
from theory.checks import between
from theory.errors import InputError

SEED = 0
TEST_SHARE = 0.2


def divide(whole: Part, test_share: float = TEST_SHARE) -> tuple[Part, Part]:
    """Divide a part into a training and a test part with the same shares of every class.

    Parameters
    ----------
    whole : Part
    test_share : float
        Share of every class that goes to the test part, in (0, 1); rounded to whole images, at least one on each side.

    Returns
    -------
    train, test : Part
        Disjoint, together ``whole``, each in the order of ``whole``.
    """
    between(test_share, "the test share", 0.0, 1.0)
    test = np.zeros(len(whole), dtype=bool)
    for label in np.unique(whole.labels):
        indices = np.flatnonzero(whole.labels == label)
        count = round(test_share * len(indices))
        if not 0 < count < len(indices):
            raise InputError(
                f"a test share of {test_share:g} leaves class {label} with {count} of its {len(indices)} images for testing; "
                "choose a test_share that leaves at least one image of every class on each side"
            )
        stream = np.random.SeedSequence(SEED, spawn_key=(int(label),))
        test[np.random.Generator(np.random.PCG64(stream)).permutation(indices)[:count]] = True
    return Part(whole.images[~test], whole.labels[~test]), Part(whole.images[test], whole.labels[test])


def with_own_parts(dataset: Dataset, test_share: float = TEST_SHARE) -> Dataset:
    """Return a data set whose official test part, the only one found, is divided into own training and test parts.

    Raises
    ------
    InputError
        If the data set has its official training part.
    """
    if dataset.train is not None:
        raise InputError(f"{dataset.name} has its official training part; own parts are for a data set with a test part only")
    train, test = divide(dataset.test, test_share)
    counts = f"{len(train):,} for training and {len(test):,} for testing"
    note = f"Own parts: the {len(dataset.test):,} official test images divided into {counts}."
    return replace(dataset, train=train, test=test, notes=(*dataset.notes, note))
