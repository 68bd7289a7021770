"""What the direct sampler computes with: NumPy, or torch on a CPU or GPU, in double or single precision.

The learner is written once, in operations that NumPy and torch share; a backend says where arrays live and who draws
the standard normal values. Double precision on the CPU draws with NumPy whatever the backend, and NumPy's single
precision rounds those values, so these three can be compared trial by trial. Torch draws by itself where that is
faster: in single precision (3.4 ns a value on one core, NumPy 7.6, torch in double precision 17) and on a GPU.
Those draws are others, and are recorded as such.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from simulate.sample.features import FeatureLaw, StandardNormal
from simulate.sample.plan import Plan, TaskPlan
from simulate.sample.solvers import MinNorm, as_rule
from simulate.sample.streams import FEATURES, NOISE, TRIALS_PER_BLOCK, Streams, numpy_generator
from theory.errors import InputError

BACKENDS = ("numpy", "torch")
DTYPES = ("float64", "float32")

# Features of the trials that torch draws and learns at once, and the most trials, on a CPU and on a GPU, which has large
# ones to fill it; part of what a seed means there.
TOGETHER = {"cpu": (2**20, TRIALS_PER_BLOCK), "cuda": (2**25, 4096)}

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


@dataclass(frozen=True)
class TorchBackend:
    """Torch on a device.

    Parameters
    ----------
    dtype : str
    device : torch.device
    """

    dtype: str
    device: Any
    overhead = 1.25

    @property
    def workers(self) -> int | None:
        return None if self.device.type == "cpu" else 1  # one fills a GPU

    @property
    def draws(self) -> str:
        return "" if (self.device.type, self.dtype) == ("cpu", "float64") else f"torch-{self.device.type}-{self.dtype}"

    def zeros(self, shape: tuple[int, ...]) -> Any:
        return _torch().zeros(shape, **self._kind)

    def array(self, values: np.ndarray) -> Any:
        return _torch().asarray(values, copy=True, **self._kind)  # aligned as torch's own arrays are

    def numpy(self, array: Any) -> np.ndarray:
        return array.cpu().numpy()

    def together(self, plan: Plan) -> int:
        """Return the trials of every batch: torch's draws and, through the alignment of arrays, its sums depend on them."""
        floats, most = TOGETHER[self.device.type]
        # of the data alone, so that experiments that differ in their training see the same
        features = max(task.samples * sum(plan.dimensions[block] for block in task.used) for task in plan.tasks)
        return 2 ** (max(1, min(most, floats // max(features, 1))).bit_length() - 1)

    def streams(self, seed: Any, trial_block: int) -> Streams:
        """Return the streams of a block."""
        return BackendStreams(seed, trial_block, self._own_normals if self.draws else BorrowedNormals)

    def _own_normals(self, sequence: np.random.SeedSequence) -> Normals:
        return TorchNormals(sequence, self._kind)

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Keep torch's own threads out of a run: they sum in another order, and the sampler brings its workers."""
        torch = _torch()
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @property
    def _kind(self) -> dict[str, Any]:
        return {"dtype": getattr(_torch(), self.dtype), "device": self.device}


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


class BorrowedNormals:
    """NumPy's draws in double precision as tensors."""

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self._generator = numpy_generator(sequence)

    def standard_normal(self, shape: tuple[int, ...]) -> Any:
        torch = _torch()
        drawn = torch.empty(shape, dtype=torch.float64)
        self._generator.standard_normal(out=drawn.numpy())
        return drawn


class TorchNormals:
    """Torch's own draws, with ``dtype`` and ``device`` as in ``kind``; their values depend on how a stream is cut into calls."""

    def __init__(self, sequence: np.random.SeedSequence, kind: dict[str, Any]) -> None:
        self._kind = kind
        self._generator = _torch().Generator(kind["device"])
        _seed(self._generator, sequence)

    def standard_normal(self, shape: tuple[int, ...]) -> Any:
        return _torch().empty(shape, **self._kind).normal_(generator=self._generator)


def _seed(generator: Any, sequence: np.random.SeedSequence) -> None:
    """Put a torch generator at the start of a stream.

    Torch seeds its CPU generator, a Mersenne twister, with 32 bits: among the 65,000 streams of a million trials, two
    would be equal with probability one half. So it gets the whole state of NumPy's, which lies in bytes 24 to 5016 of
    its own as 64-bit words, after a seed, the words left (1: the next one makes new words), a flag and a position.
    """
    if generator.device.type != "cpu":
        generator.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        return
    state = generator.manual_seed(0).get_state()
    state.numpy()[24:5016].view(np.uint64)[:] = np.random.MT19937(sequence).state["state"]["key"]
    generator.set_state(state)


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
        torch = _torch()
    except ImportError:
        raise InputError("backend='torch' needs PyTorch, which is not installed; pip install 'driftlaw[torch]', or take backend='numpy'") from None
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError):
        raise InputError(f"device is {device!r}; give 'cpu', 'cuda' or 'cuda:' and a number") from None
    if place.type not in ("cpu", "cuda"):
        raise InputError(f"device is {str(device)!r}, which is not supported; give 'cpu', 'cuda' or 'cuda:' and a number")
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise InputError(f"device is {str(device)!r}, but torch finds {found} CUDA devices; install a CUDA build of torch, or take device='cpu'")
    return TorchBackend(dtype, place)


def check_backend(backend: Backend, method: str, features: FeatureLaw, solver: Any) -> None:
    """Refuse what only NumPy does, in double precision.

    Raises
    ------
    InputError
        For the reduced sampler, other features than standard normal ones and other training rules than least steps.
    """
    if backend == NUMPY:
        return
    reasons = {
        "method='reduced'": method == "reduced",
        f"features={features!r}": not isinstance(features, StandardNormal),
        f"solver={solver!r}": not isinstance(as_rule(solver), MinNorm),
    }
    for what, holds in reasons.items():
        if holds:
            raise InputError(
                f"{what} runs on NumPy in double precision alone; leave out backend, device and dtype, or take the direct method, "
                "standard normal features and least steps"
            )


def plan_for(backend: Backend, plan: Plan) -> Plan:
    """Return the plan as a backend works it off: what a number takes, and QR where single precision needs it.

    Normal equations cost the square of A's condition, about ``4 n / (d - n)`` near the threshold: with QR below a quarter
    of the rows, where weights differ and with stored samples, four to five of seven digits stay.

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
    asked = plan.rule.route == "gram"
    return plan if asked else replace(plan, tasks=tuple(_single_precision(plan, task) for task in plan.tasks))


def _single_precision(plan: Plan, task: TaskPlan) -> TaskPlan:
    width = sum(plan.dimensions[block] for block in task.trained)
    near = SLACK_SHARE * abs(task.rows - width) < min(task.rows, width)
    uneven = len(set(task.weights)) > 1 or bool(task.memory)
    return replace(task, route="qr") if task.route == "gram" and (near or uneven) else task


def _torch() -> Any:
    return importlib.import_module("torch")
