"""What the direct sampler computes with: NumPy, or torch on a CPU or GPU, in double or single precision.

The learner is written once, in operations that NumPy and torch share; a backend says where arrays live and who draws
the standard normal values. Double precision on the CPU draws with NumPy whatever the backend, and NumPy's single
precision rounds those values, so these three can be compared trial by trial. Torch draws by itself where that is
faster: in single precision (3.4 ns a value on one core, NumPy 7.6, torch in double precision 17) and on a GPU.
Those draws are others, and are recorded as such.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from simulate.sample.plan import Plan, TaskPlan
from simulate.sample.streams import FEATURES, NOISE, Streams, numpy_generator
from theory.conditions import MinNorm
from theory.errors import InputError
from theory.problem import TaskSequence

BACKENDS = ("numpy", "torch")
DTYPES = ("float64", "float32")

# Values held in double precision at once where they are rounded; NumPy's do not depend on how a stream is cut into calls.
PORTION = 2**14

# In single precision, where A'A has to be a lot better conditioned for normal equations.
MOST_SINGLE_WEIGHTS = 1e3
SLACK_SHARE = 4


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

    dtype: str
    overhead: float

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
        self._normals: dict[tuple[int, int, int], Normals] = {}

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


def choose_backend(backend: Any, device: Any, dtype: Any) -> Backend:
    """Return the backend that the arguments of `simulate.simulate` name.

    Raises
    ------
    InputError
        If there is none of that name, torch is not installed, or the device is not there.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend is {backend!r}; choose one of {', '.join(BACKENDS)}")
    if dtype not in DTYPES:
        raise InputError(f"dtype is {dtype!r}; choose one of {', '.join(DTYPES)}")
    if backend == "numpy":
        if str(device) != "cpu":
            raise InputError(f"device is {str(device)!r}, but NumPy computes on the CPU alone; take backend='torch' or device='cpu'")
        return NumPyBackend(dtype)
    try:
        from simulate.sample.torch_backend import torch_backend
    except ImportError:
        raise InputError("backend='torch' needs PyTorch, which is not installed; pip install 'driftlaw[torch]', or take backend='numpy'") from None
    return torch_backend(device, dtype)


def check_backend(backend: Backend, method: str, seq: TaskSequence) -> None:
    """Refuse what only NumPy does, in double precision.

    Raises
    ------
    InputError
        For the reduced sampler, other features than standard normal ones and other training rules than least steps.
    """
    if backend == NUMPY:
        return
    for what in [*(("method='reduced'",) if method == "reduced" else ()), *seq.unusual]:
        raise InputError(
            f"{what} runs on NumPy in double precision alone; leave out backend, device and dtype, or take the direct method, "
            "standard normal features and least steps"
        )


def plan_for(backend: Backend, plan: Plan) -> Plan:
    """Return the plan as a backend works it off: what a number takes, and QR where single precision needs it.

    Normal equations cost the square of A's condition, about ``4 n / (d - n)`` near the threshold: with QR below a quarter
    of the rows, where weights differ and with stored samples, five of seven digits stay in most trials.

    Raises
    ------
    InputError
        If weights are too far apart for single precision.
    """
    plan = replace(plan, float_bytes=np.dtype(backend.dtype).itemsize * backend.overhead)
    if backend.dtype == "float64":
        return plan
    for t, task in enumerate(plan.tasks):
        if max(task.weights) > MOST_SINGLE_WEIGHTS * min(task.weights):
            raise InputError(
                f"the weights of task {t} run from {min(task.weights):.3g} to {max(task.weights):.3g}; ratios above "
                f"{MOST_SINGLE_WEIGHTS:.0e} are beyond single precision, so take dtype='float64'"
            )
    return replace(plan, tasks=tuple(_single_precision(plan, task) for task in plan.tasks))


def _single_precision(plan: Plan, task: TaskPlan) -> TaskPlan:
    width = sum(plan.dimensions[block] for block in task.trained)
    near = SLACK_SHARE * abs(task.rows - width) < min(task.rows, width)
    uneven = len(set(task.weights)) > 1 or bool(task.memory)
    asked = isinstance(task.rule, MinNorm) and task.rule.route == "gram"
    return replace(task, route="qr") if task.route == "gram" and not asked and (near or uneven) else task
