"""Captured steps: the device's work of one step is recorded as a graph and replayed, with no Python between its kernels."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from deep.training.flat import Passed
from deep.training.strategy import Strategy
from theory.errors import InputError

_WARM_UP = 3  # steps before the recording, in which libraries choose kernels and allocate; as PyTorch's notes on CUDA graphs advise
_HOOKS = ("penalty", "transform_gradient", "after_step")


def check_capturable(strategy: Strategy, device: str) -> None:
    """Raise InputError if steps cannot be captured: a graph repeats work on a GPU, and calls no strategy."""
    if device != "cuda":
        raise InputError(f"execution is 'captured', which records work on a GPU, but the device is {device!r}; choose execution eager, or device cuda")
    if strategy.captured:
        return
    # What is called, also where a subclass or the object itself replaces it.
    looking = [hook for hook in _HOOKS if getattr(getattr(strategy, hook), "__func__", None) is not getattr(Strategy, hook)]
    if looking:
        raise InputError(
            f"execution is 'captured', but {strategy.name} training takes part in every step ({', '.join(looking)}), which a replayed step "
            "would leave out; choose execution eager, or, if these keep to the device, set the class's `captured` to True"
        )


def record(work: Callable[[], None]) -> Callable[[], None]:
    """Record what ``work`` does on the GPU; return a function that does it again.

    It runs a few times on the way, and must read and write the same memory each time.
    """
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(_WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


class CapturedStep:
    """A step that is recorded at the first full batch and replayed at all later ones; a smaller batch is not.

    Parameters
    ----------
    step : callable
        Takes the batch's indices, shape (N,), on the device; takes a step; returns the loss.
    batch_size : int
    changed : sequence of Tensor
        All that a step changes and a later one depends on; put back after the runs that recording takes.
    passed : Passed
        Counts the examples that a step passes forward; a replayed one is counted like that which was recorded.
    """

    def __init__(self, step: Callable[[Tensor], Tensor], batch_size: int, changed: Sequence[Tensor], passed: Passed) -> None:
        self._step, self._batch_size, self._changed, self._passed = step, batch_size, changed, passed
        self._looked = 0
        self._replay: Callable[[], None] | None = None

    def __call__(self, indices: Tensor) -> Tensor:
        """Take a step; return the loss, which the next step overwrites."""
        if len(indices) < self._batch_size:
            return self._step(indices)
        if self._replay is None:
            self._record(indices)
        self._indices.copy_(indices)
        before = self._passed.count
        self._replay()
        self._passed.count = before + self._looked
        return self._loss

    def _record(self, indices: Tensor) -> None:
        self._indices = indices.clone()
        self._loss = self._changed[0].new_empty(())
        before, counted = [tensor.clone() for tensor in self._changed], self._passed.count

        def work() -> None:
            start = self._passed.count
            self._loss.copy_(self._step(self._indices))
            self._looked = self._passed.count - start

        self._replay = record(work)
        self._passed.count = counted
        for tensor, value in zip(self._changed, before, strict=True):
            tensor.copy_(value)
