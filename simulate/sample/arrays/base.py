"""What a learner asks of a library of arrays, and streams whose normals such a library draws."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from simulate.sample.plan import Plan
from simulate.sample.streams import FEATURES, NOISE, Streams


class Normals(Protocol):
    """Where standard normal arrays come from."""

    def standard_normal(self, shape: tuple[int, ...]) -> Any: ...


class Backend(Protocol):
    """What a learner asks of a library of arrays.

    Attributes
    ----------
    dtype : str
        "float64" or "float32".
    draws : str
        How to call the draws where they are not NumPy's double precision ones, else "".
    overhead : float
        Memory that its solvers take beyond what a plan counts, as a factor.
    workers : int or None
        By default; None stands for all cores.
    """

    @property
    def dtype(self) -> str: ...

    @property
    def overhead(self) -> float: ...

    @property
    def workers(self) -> int | None: ...

    @property
    def draws(self) -> str: ...

    def zeros(self, shape: tuple[int, ...]) -> Any: ...

    def array(self, values: np.ndarray) -> Any: ...

    def numpy(self, array: Any) -> np.ndarray: ...

    def together(self, plan: Plan) -> int | None: ...

    def streams(self, seed: Any, trial_block: int) -> Streams: ...

    def one_thread(self) -> AbstractContextManager: ...


class BackendStreams(Streams):
    """Streams whose features and noise are drawn by a backend; all else, which is little, is NumPy's.

    Parameters
    ----------
    seed, trial_block
        As in `Streams`.
    make : callable
        Makes `Normals` of the `numpy.random.SeedSequence` of a stream.
    """

    def __init__(self, seed: Any, trial_block: int, make: Callable[[np.random.SeedSequence], Normals]) -> None:
        super().__init__(seed, trial_block)
        self._make = make
        self._normals: dict[tuple[int, ...], Normals] = {}

    def features(self, task: int, block: int) -> Normals:
        """Normals of the features of a task in a block of parameters, both by their index."""
        return self._drawn(task, FEATURES, block)

    def noise(self, task: int) -> Normals:
        """Normals of a task's label noise."""
        return self._drawn(task, NOISE, 0)

    def _drawn(self, *key: int) -> Normals:
        if key not in self._normals:
            self._normals[key] = self._make(self._sequence(*key))
        return self._normals[key]
