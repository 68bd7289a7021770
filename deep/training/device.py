"""Where a run computes, and in which precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

from theory.checks import known
from theory.errors import InputError

# Only PyTorch's own allocator on a GPU has a type for want of memory; the driver, CUDA's libraries (which cannot even begin
# without some) and the CPU's allocator have texts.
_NO_MEMORY = ("out of memory", "ALLOC_FAILED", "can't allocate memory", "CUBLAS_STATUS_NOT_INITIALIZED", "CUDNN_STATUS_NOT_INITIALIZED")

_TRAINING = RLock()
DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.float32}


def chosen_device(name: str) -> torch.device:
    """Return the device; on a GPU the libraries are told to give the same numbers every time, and to all digits of float32.

    PyTorch lets convolutions of float32 round their factors to 10 bits (TF32) unless told otherwise.

    Raises
    ------
    InputError
        If CUDA is asked for and absent.
    """
    if known(name, ("cpu", "cuda"), "device") == "cuda":
        if not torch.cuda.is_available():
            raise InputError("the device is 'cuda', but PyTorch finds no CUDA device here; choose device cpu, or install a driver and a CUDA build of torch")
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    return torch.device(name)


@contextmanager
def alike() -> Iterator[None]:
    """Let torch compute as in every other run: with one thread, for more of them sum in another order, and numbers would depend on the machine.

    Numbers below 1e-38 become 0: Adam's moments of parameters without a gradient get stuck there, where processors are slow.
    One run at a time in a process, whose threads, such as a cluster worker's, share torch's settings and generators.
    """
    with _TRAINING:
        threads, flushed = torch.get_num_threads(), not torch.tensor(1e-40, dtype=torch.float32)
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.set_flush_denormal(flushed)
            if torch.cuda.is_initialized():
                torch.cuda.empty_cache()  # what this process keeps for later, others may need now


def device_name(device: torch.device) -> str:
    """Return what the record calls the device."""
    return f"cuda: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else "cpu"


def wait(device: torch.device) -> None:
    """Wait until the device has done all its work, so that a clock may be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error, or one that it arose from, says that memory did not suffice, on the device or beside it."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)) or (isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)):
        return True
    return error.__context__ is not None and out_of_memory(error.__context__)
