"""Random streams: one generator for each seed, block of trials, task and array.

The values of a trial therefore depend on nothing but the seed and the trial's number, and experiments that differ
only in their training see the same data.
"""

from numbers import Integral
from typing import Any

import numpy as np

from theory.errors import InputError

# Part of what a seed means: another value gives other draws.
TRIALS_PER_BLOCK = 64
# Part of the key of whatever is stored: raise it where the same seed shall give other numbers than before.
NUMERICS = 1

FEATURES, NOISE, DIRECTION, MIXING = range(4)
# Of the reduced sampler, none shared with the direct one, so that the two are independent under equal seeds: entries of
# features inside a basis, triangular factors inside and outside of it, shares of a length, label noise, random truths.
INSIDE, INSIDE_BELOW, INSIDE_DIAGONAL, OUTSIDE_BELOW, OUTSIDE_DIAGONAL, SHARES, ROW_NOISE = range(4, 11)
TRUTH_INSIDE, TRUTH_BELOW, TRUTH_DIAGONAL = range(11, 14)
ORDER = 14  # of visits that are drawn


def canonical_seed(seed: Any) -> int | tuple[int, ...]:
    """Return the seed as an int or a tuple of two or more ints.

    Raises
    ------
    InputError
        If it is neither a whole number of at least 0 nor a non-empty tuple of such.
    """
    parts = seed if isinstance(seed, tuple) else (seed,)
    if not parts or not all(isinstance(part, Integral) and not isinstance(part, bool) and int(part) >= 0 for part in parts):
        raise InputError(f"seed is {seed!r}; give a whole number of at least 0, or a tuple of such numbers")
    return int(parts[0]) if len(parts) == 1 else tuple(int(part) for part in parts)


def entropy(seed: int | tuple[int, ...]) -> list[int]:
    """Return what a canonical seed is to `numpy.random.SeedSequence`; different seeds always differ.

    NumPy strings the 32-bit words of a tuple together and pads with zeros, so that 1, (1, 0) and (1, 0, 0) would
    be the same, or (1, 2) and 1 + 2 * 2**32. Here each number is preceded by its count of words.
    """
    parts = seed if isinstance(seed, tuple) else (seed,)
    words = [len(parts)]
    for part in parts:
        digits = [(part >> shift) & 0xFFFFFFFF for shift in range(0, max(part.bit_length(), 1), 32)]
        words += [len(digits), *digits]
    return words


class Streams:
    """Generators of one block of trials; reading an array in several portions continues its generator.

    Parameters
    ----------
    seed : int or tuple of int
        As `canonical_seed` returns it.
    trial_block : int
        Number of the block of `TRIALS_PER_BLOCK` trials.
    """

    def __init__(self, seed: int | tuple[int, ...], trial_block: int) -> None:
        self._entropy = entropy(seed)
        self._trial_block = trial_block
        self._generators: dict[tuple[int, ...], np.random.Generator] = {}

    def features(self, task: int, block: int) -> np.random.Generator:
        """Generator of the features of a task in a block of parameters, both by their index."""
        return self._generator(task, FEATURES, block)

    def mixing(self, task: int, block: int) -> np.random.Generator:
        """Generator of what turns normal features into those of another law."""
        return self._generator(task, MIXING, block)

    def noise(self, task: int) -> np.random.Generator:
        """Generator of a task's label noise."""
        return self._generator(task, NOISE, 0)

    def direction(self, task: int, block: int) -> np.random.Generator:
        """Generator of the random direction that a truth first has at ``task``."""
        return self._generator(task, DIRECTION, block)

    def generator(self, task: int, role: int, block: int = 0) -> np.random.Generator:
        """Generator of any other array, by one of the roles of this module."""
        return self._generator(task, role, block)

    def _sequence(self, *key: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self._entropy, spawn_key=(self._trial_block, *key))

    def _generator(self, *key: int) -> np.random.Generator:
        if key not in self._generators:
            self._generators[key] = numpy_generator(self._sequence(*key))
        return self._generators[key]


def numpy_generator(sequence: np.random.SeedSequence) -> np.random.Generator:
    """Return NumPy's generator of a stream; SFC64 draws normals 14 % faster than PCG64, and drawing is most of the sampler's work."""
    return np.random.Generator(np.random.SFC64(sequence))
