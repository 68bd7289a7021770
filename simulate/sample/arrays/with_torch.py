"""The torch backend of the direct sampler: tensors on a CPU or GPU, and normals of torch's own generators."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import torch

from simulate.sample.arrays.base import BackendStreams, Normals
from simulate.sample.plan import Plan
from simulate.sample.streams import TRIALS_PER_BLOCK, Streams, numpy_generator
from theory.errors import InputError

# Features of the trials that torch draws and learns at once, and the most trials, on a CPU and on a GPU, which has large
# ones to fill it; part of what a seed means there.
TOGETHER = {"cpu": (2**20, TRIALS_PER_BLOCK), "cuda": (2**25, 4096)}


@dataclass(frozen=True)
class TorchBackend:
    """Torch on a device.

    Parameters
    ----------
    dtype : str
    device : torch.device
    """

    dtype: str
    device: torch.device
    overhead = 1.25

    @property
    def workers(self) -> int | None:
        return None if self.device.type == "cpu" else 1  # one fills a GPU

    @property
    def draws(self) -> str:
        return "" if (self.device.type, self.dtype) == ("cpu", "float64") else f"torch-{self.device.type}-{self.dtype}"

    def zeros(self, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.zeros(shape, **self._kind)

    def array(self, values: np.ndarray) -> torch.Tensor:
        return torch.asarray(values, copy=True, **self._kind)  # aligned as torch's own arrays are

    def numpy(self, array: torch.Tensor) -> np.ndarray:
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

    def one_thread(self) -> AbstractContextManager:
        """Keep torch's own threads out of a run: they sum in another order, and the sampler brings its workers."""
        return _ONE_THREAD

    @property
    def _kind(self) -> dict[str, Any]:
        return {"dtype": getattr(torch, self.dtype), "device": self.device}


class _OneThread:
    """Keeps torch on one thread as long as any run lasts; runs may overlap, in threads of a sweep."""

    def __init__(self) -> None:
        self._lock, self._runs, self._before = Lock(), 0, 1

    def __enter__(self) -> None:
        with self._lock:
            self._before = self._before if self._runs else torch.get_num_threads()
            self._runs += 1
            torch.set_num_threads(1)

    def __exit__(self, *_: Any) -> None:
        with self._lock:
            self._runs -= 1
            if not self._runs:
                torch.set_num_threads(self._before)


_ONE_THREAD = _OneThread()


class BorrowedNormals:
    """NumPy's draws in double precision as tensors."""

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self._generator = numpy_generator(sequence)

    def standard_normal(self, shape: tuple[int, ...]) -> torch.Tensor:
        drawn = torch.empty(shape, dtype=torch.float64)
        self._generator.standard_normal(out=drawn.numpy())
        return drawn


class TorchNormals:
    """Torch's own draws, with ``dtype`` and ``device`` as in ``kind``; their values depend on how a stream is cut into calls."""

    def __init__(self, sequence: np.random.SeedSequence, kind: dict[str, Any]) -> None:
        self._kind = kind
        self._generator = torch.Generator(kind["device"])
        _seed(self._generator, sequence)

    def standard_normal(self, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.empty(shape, **self._kind).normal_(generator=self._generator)


def _seed(generator: torch.Generator, sequence: np.random.SeedSequence) -> None:
    """Put a torch generator at the start of a stream.

    Torch seeds its CPU generator, a Mersenne twister, with 32 bits: among the 60,000 streams of a million trials, some
    two would be equal with a probability above one third. So it gets the whole state of NumPy's, which lies in bytes 24
    to 5016 of its own as 64-bit words, after a seed, the words left (1: new ones come next), a flag and a position.
    """
    if generator.device.type != "cpu":
        generator.manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        return
    state = generator.manual_seed(0).get_state()
    state.numpy()[24:5016].view(np.uint64)[:] = np.random.MT19937(sequence).state["state"]["key"]
    generator.set_state(state)


def torch_backend(device: Any, dtype: str) -> TorchBackend:
    """Return torch on a device.

    Raises
    ------
    InputError
        If there is no such device, or it is neither a CPU nor a CUDA GPU.
    """
    try:
        place = torch.device(device)
    except (RuntimeError, TypeError):
        raise InputError(f"device is {device!r}; give 'cpu', 'cuda' or 'cuda:' and a number") from None
    if place.type not in TOGETHER:
        raise InputError(f"device is {str(device)!r}, which is not supported; give 'cpu', 'cuda' or 'cuda:' and a number")
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise InputError(f"device is {str(device)!r}, but torch finds {found} CUDA devices; install a CUDA build of torch, or take device='cpu'")
    return TorchBackend(dtype, place)
