"""What every network is: a chain of stages, the last of which is a head, or one head for each task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

HEAD = "head"


@dataclass(frozen=True, eq=False)
class Midway:
    """Inputs that have passed the first stages of a network already; it takes them in the place of inputs.

    Parameters
    ----------
    values : Tensor of shape (N, ...)
        What the last of these stages gave.
    stages : int
        Their number.
    """

    values: Tensor
    stages: int

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, indices: Tensor) -> Midway:
        """Gather some of the inputs."""
        return Midway(self.values.index_select(0, indices), self.stages)


class Network(nn.Module):
    """A chain of stages and the heads that end it.

    Parameters
    ----------
    body : mapping of str to Module
        Stages from the input on, in order; each takes what the one before returns, the last returns shape (N, width).
    width : int
    head_sizes : sequence of int
        Output units of each head.

    Notes
    -----
    The order of all parameters, and of the flat vector made of them, is: stages from the input on, then head by head.
    """

    by_prototypes: ClassVar[bool] = False
    """Whether it classifies by class means that a strategy leaves behind; its outputs are constant before the first task then."""

    def __init__(self, body: Mapping[str, nn.Module], width: int, head_sizes: Sequence[int]) -> None:
        super().__init__()
        self.body = nn.ModuleDict(body)
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in head_sizes)

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages from the input on; all heads together are the last stage."""
        return (*self.body, HEAD)

    def features(self, inputs: Tensor | Midway) -> Tensor:
        """Compute what the heads take of inputs of shape (N, C, H, W)."""
        return self.through(inputs, len(self.body))

    def through(self, inputs: Tensor | Midway, stages: int) -> Tensor:
        """Compute what so many stages of the body give, those that the inputs have passed left out."""
        values, passed = (inputs.values, inputs.stages) if isinstance(inputs, Midway) else (inputs, 0)
        for stage in [*self.body.values()][passed:stages]:
            values = stage(values)
        return values

    def forward(self, inputs: Tensor | Midway, head: int = 0) -> Tensor:
        """Compute the outputs of a head, shape (N, units)."""
        return self.heads[head](self.features(inputs))

    def set_training(self, trained: Sequence[bool]) -> None:
        """Put trained stages into training mode, the others into evaluation mode, where their normalisation statistics stay."""
        for stage, train in zip((*self.body.values(), self.heads), trained, strict=True):
            stage.train(train)

    def statistics(self) -> list[list[Tensor]]:
        """Return the running statistics of each stage: the network's own tensors, not copies."""
        return [[buffer for buffer in stage.buffers() if buffer.is_floating_point()] for stage in (*self.body.values(), self.heads)]

    def restart_statistics(self, trained: Sequence[bool]) -> None:
        """Set the running statistics of trained stages to those of the untrained network."""
        for stage, restart in zip((*self.body.values(), self.heads), trained, strict=True):
            for module in stage.modules():
                if restart and hasattr(module, "reset_running_stats"):
                    module.reset_running_stats()

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Be in evaluation mode for a while, where normalisation statistics are used and stay."""
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
