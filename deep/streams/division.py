"""Division of a data set: every class's images for training, for validation and for the final test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deep.data import Dataset
from deep.streams.seeds import Role, generator
from theory.checks import share
from theory.errors import InputError


@dataclass(frozen=True, eq=False)
class Division:
    """Indices of every class's images, increasing.

    Parameters
    ----------
    dataset : Dataset
    train, validation : tuple of int64 arrays
        Per class, disjoint indices into the training part.
    test : tuple of int64 arrays
        Per class, indices into the test part.
    """

    dataset: Dataset
    train: tuple[np.ndarray, ...]
    validation: tuple[np.ndarray, ...]
    test: tuple[np.ndarray, ...]


def divide(dataset: Dataset, validation_share: float, seed: int) -> Division:
    """Split a validation part off the training part, the same share of every class.

    The division is one of the data set, not of a task: an image never trains one task and validates another.

    Parameters
    ----------
    dataset : Dataset
    validation_share : float
        Share of every class's training images, in [0, 1); rounded to whole images.
    seed : int

    Raises
    ------
    InputError
        If a class would be left without training images.
    """
    share(validation_share, "the validation share")
    part = dataset.training_part()
    train, validation, test = [], [], []
    for label, name in enumerate(dataset.classes):
        indices = np.flatnonzero(part.labels == label)
        count = round(validation_share * len(indices))
        if count >= len(indices):
            taken = f"{len(indices)} training images, of which a validation share of {validation_share:g} takes all"
            raise InputError(f"class {label} ({name}) of {dataset.name} has {taken}; choose a smaller validation_share or another data set")
        shuffled = generator(seed, Role.VALIDATION, label).permutation(indices)
        validation.append(np.sort(shuffled[:count]))
        train.append(np.sort(shuffled[count:]))
        test.append(np.flatnonzero(dataset.test.labels == label))
    return Division(dataset, tuple(train), tuple(validation), tuple(test))


def draw_balanced(by_class: Sequence[np.ndarray], count: int, seed: int, task: int, role: Role = Role.EXAMPLES) -> list[np.ndarray]:
    """Draw ``count`` indices without replacement, equally many of every class (the first classes have one more).

    A smaller count draws a subset of what a greater one draws. The role is `Role.EXAMPLES` for training images,
    `Role.TEST_EXAMPLES` for those of the final test.

    Raises
    ------
    InputError
        If a class has too few.
    """
    what = "test" if role is Role.TEST_EXAMPLES else "training"
    smaller, more = divmod(count, len(by_class))
    drawn = []
    for position, indices in enumerate(by_class):
        wanted = smaller + (position < more)
        if wanted > len(indices):
            few = f"need {wanted} of each class, but class {position} of task {task} has {len(indices)}"
            raise InputError(f"{count} {what} examples per task {few}; choose a smaller {what if what == 'test' else 'train'}_examples")
        drawn.append(np.sort(generator(seed, role, task, position).permutation(indices)[:wanted]))
    return drawn
