"""Independent random streams: one for each seed, role and index, so that no choice moves with another."""

from enum import IntEnum

import numpy as np

from theory.checks import whole


class Role(IntEnum):
    """What the random numbers decide; the values are part of every stream's and run's content and never change."""

    VALIDATION = 0
    EXAMPLES = 1
    CLASS_ORDER = 2
    TASK_ORDER = 3
    SHARED_EXAMPLES = 4
    PERMUTATION = 5
    ROTATION = 6
    NOISE = 7
    WEIGHTS = 8
    BATCHES = 9
    PROBE = 10
    STRATEGY = 11
    TEST_EXAMPLES = 12


def generator(seed: int, role: Role, *key: int) -> np.random.Generator:
    """Return the random generator of a seed, a role and indices such as the task's number."""
    sequence = np.random.SeedSequence(whole(seed, "the seed", 0), spawn_key=(int(role), *key))
    return np.random.Generator(np.random.PCG64(sequence))
