"""NumPy on the CPU, in double precision or rounded to single."""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulate.sample.arrays.base import BackendStreams
from simulate.sample.plan import Plan
from simulate.sample.streams import Streams, numpy_generator

# Values held in double precision at once where they are rounded; NumPy's do not depend on how a stream is cut into calls.
PORTION = 2**14


@dataclass(frozen=True)
class NumPyBackend:
    """NumPy on the CPU."""

    dtype: str = "float64"
    draws = ""
    overhead = 1.0
    workers = None

    def zeros(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape, dtype=self.dtype)

    def array(self, values: np.ndarray) -> np.ndarray:
        return values.astype(self.dtype, copy=False)

    def numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def together(self, plan: Plan) -> None:
        """Batches do not change a bit."""

    def streams(self, seed: Any, trial_block: int) -> Streams:
        """Return the streams of a block."""
        return Streams(seed, trial_block) if self.dtype == "float64" else BackendStreams(seed, trial_block, RoundedNormals)

    def one_thread(self) -> AbstractContextManager:
        return nullcontext()


NUMPY = NumPyBackend()


class RoundedNormals:
    """NumPy's draws rounded to single precision; its single precision draws take as long and are others."""

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self._generator = numpy_generator(sequence)

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        drawn = np.empty(math.prod(shape), dtype=np.float32)
        for first in range(0, len(drawn), PORTION):
            part = drawn[first : first + PORTION]
            part[...] = self._generator.standard_normal(len(part))
        return drawn.reshape(shape)
