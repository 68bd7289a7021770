"""What the direct sampler computes with: NumPy, or torch on a CPU or GPU, in double or single precision.

The learner is written once, in operations that NumPy and torch share; a backend says where arrays live and who draws
the standard normal values. Double precision on the CPU draws with NumPy whatever the backend, and NumPy's single
precision rounds those values, so these three can be compared trial by trial. Torch draws by itself where that is
faster: in single precision (3.4 ns a value on one core, NumPy 7.6, torch in double precision 17) and on a GPU.
Those draws are others, and are recorded as such.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from simulate.sample.plan import Plan
from simulate.sample.streams import FEATURES, NOISE, TRIALS_PER_BLOCK, Streams
from theory.errors import InputError

BACKENDS = ("numpy", "torch")
DTYPES = ("float64", "float32")

# Of a block of trials on a GPU, which draws and learns it at once; part of what a seed means there.
GPU_FLOATS = 2**25
MOST_GPU_TRIALS = 4096


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
    whole_blocks : bool
        Whether a block's trials are learned at once, whatever the memory limit.
    """

    dtype: str

    @property
    def draws(self) -> str: ...

    @property
    def whole_blocks(self) -> bool: ...

    def zeros(self, shape: tuple[int, ...]) -> Any: ...

    def array(self, values: np.ndarray) -> Any: ...

    def numpy(self, array: Any) -> np.ndarray: ...

    def trials_per_block(self, plan: Plan) -> int: ...

    def streams(self, seed: Any, trial_block: int, block_trials: int) -> Streams: ...

    def one_thread(self) -> AbstractContextManager: ...


@dataclass(frozen=True)
class NumPyBackend:
    """NumPy on the CPU."""

    dtype: str = "float64"
    draws = ""
    whole_blocks = False

    def zeros(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape, dtype=self.dtype)

    def array(self, values: np.ndarray) -> np.ndarray:
        return values.astype(self.dtype, copy=False)

    def numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def trials_per_block(self, plan: Plan) -> int:
        return TRIALS_PER_BLOCK

    def streams(self, seed: Any, trial_block: int, block_trials: int) -> Streams:
        if self.dtype == "float64":
            return Streams(seed, trial_block)
        return BackendStreams(seed, trial_block, lambda sequence, generator: RoundedNormals(generator))

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

    @property
    def draws(self) -> str:
        return "" if (self.device.type, self.dtype) == ("cpu", "float64") else f"torch-{self.device.type}-{self.dtype}"

    @property
    def whole_blocks(self) -> bool:
        return self.device.type != "cpu"

    def zeros(self, shape: tuple[int, ...]) -> Any:
        return _torch().zeros(shape, **self._kind)

    def array(self, values: np.ndarray) -> Any:
        return _torch().asarray(values, **self._kind)

    def numpy(self, array: Any) -> np.ndarray:
        return array.cpu().numpy()

    def trials_per_block(self, plan: Plan) -> int:
        if not self.whole_blocks:
            return TRIALS_PER_BLOCK
        # of the data alone, so that experiments that differ in their training see the same
        floats = max(task.samples * sum(plan.dimensions[block] for block in task.used) for task in plan.tasks)
        return max(1, min(MOST_GPU_TRIALS, GPU_FLOATS // max(floats, 1)))

    def streams(self, seed: Any, trial_block: int, block_trials: int) -> Streams:
        if not self.draws:
            return BackendStreams(seed, trial_block, lambda sequence, generator: BorrowedNormals(generator))
        together = block_trials if self.whole_blocks else 1
        return BackendStreams(seed, trial_block, lambda sequence, generator: TorchNormals(sequence, self._kind, together))

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
        Makes `Normals` of a `numpy.random.SeedSequence` or of NumPy's own generator of that stream.
    """

    def __init__(self, seed: Any, trial_block: int, make: Callable[[np.random.SeedSequence, np.random.Generator], Normals]) -> None:
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
            self._normals[key] = self._make(self._sequence(*key), self._generator(*key))
        return self._normals[key]


@dataclass(frozen=True)
class RoundedNormals:
    """NumPy's draws rounded to single precision; its single precision draws take as long and are others."""

    generator: np.random.Generator

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        drawn = np.empty(shape, dtype=np.float32)
        for trial in drawn:  # one at a time, so that little is held in double precision
            trial[...] = self.generator.standard_normal(trial.shape)
        return drawn


@dataclass(frozen=True)
class BorrowedNormals:
    """NumPy's draws as tensors."""

    generator: np.random.Generator

    def standard_normal(self, shape: tuple[int, ...]) -> Any:
        return _torch().from_numpy(self.generator.standard_normal(shape))


class TorchNormals:
    """Torch's own draws.

    Parameters
    ----------
    sequence : numpy.random.SeedSequence
        Of the stream.
    kind : dict
        ``dtype`` and ``device`` of the tensors.
    together : int
        Trials drawn by one call, whole or in part. Torch's values depend on how a stream is cut into calls, so that
        this must not depend on how trials are cut into batches.
    """

    def __init__(self, sequence: np.random.SeedSequence, kind: dict[str, Any], together: int) -> None:
        self._kind, self._together = kind, together
        self._generator = _torch().Generator(kind["device"])
        _seed(self._generator, sequence)

    def standard_normal(self, shape: tuple[int, ...]) -> Any:
        trials, *rest = shape
        drawn = _torch().empty((max(trials, self._together), *rest), **self._kind)
        for first in range(0, len(drawn), self._together):
            drawn[first : first + self._together].normal_(generator=self._generator)
        return drawn[:trials]


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


def _torch() -> Any:
    return importlib.import_module("torch")
