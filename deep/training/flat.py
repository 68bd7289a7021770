"""All parameters of a network as one vector, all gradients as another: the theory's view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor  # PyTorch has no public way to see a map's whole batch

from deep.networks import Network
from theory.errors import InputError


@dataclass(frozen=True, eq=False)
class Segment:
    """A part of the flat vector that trains or stays as a whole: a stage of the body, or one head.

    Parameters
    ----------
    stage : int
    head : int, optional
        Number of the head, None for a stage of the body.
    place : slice
    """

    stage: int
    head: int | None
    place: slice


class Passed:
    """Counts the examples that pass a network, or a copy of it such as a teacher, forward, whoever passes them.

    Parameters
    ----------
    network : Network
        Whose first stage is watched; its heads where it has no other.
    """

    def __init__(self, network: Network) -> None:
        self.count = 0
        for first in [*network.body.values()][:1] or network.heads:
            first.register_forward_pre_hook(self)

    def __call__(self, stage: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Count a batch; in a vectorized map, which shows one example of many, all of them."""
        images = inputs[0][0] if isinstance(inputs[0], tuple) else inputs[0]
        every = images
        while is_functorch_wrapped_tensor(every):
            every = get_unwrapped(every)
        self.count += len(images) * (every.numel() // max(images.numel(), 1))

    def __deepcopy__(self, memo: object) -> Passed:
        return self


class FlatParameters:
    """Makes all parameters of a network views of one vector, and all their gradients views of another.

    Parameters
    ----------
    network : Network
        On its device and in its precision already.

    Attributes
    ----------
    parameters : Tensor of shape (P,)
        A leaf of the graph itself: a penalty written in it adds its gradient to the same ``gradients``.
    gradients : Tensor of shape (P,)
    stages : tuple of str
    segments : tuple of Segment
    required : tuple of Segment
        Those that gradients are asked for.
    passed : Passed
        Examples that passed the network forward.
    """

    def __init__(self, network: Network) -> None:
        modules = [(number, None, module) for number, module in enumerate(network.body.values())]
        modules += [(len(modules), head, module) for head, module in enumerate(network.heads)]
        listed = [list(module.parameters()) for _, _, module in modules]
        first = listed[-1][0]
        total = sum(parameter.numel() for part in listed for parameter in part)
        self.network, self.stages, self.passed = network, network.stages, Passed(network)
        self.parameters = torch.empty(total, dtype=first.dtype, device=first.device)
        self.gradients = torch.zeros_like(self.parameters)
        segments, start = [], 0
        for (stage, head, _), part in zip(modules, listed, strict=True):
            begin = start
            for parameter in part:
                place = slice(start, start + parameter.numel())
                self.parameters[place] = parameter.detach().flatten()
                parameter.data = self.parameters[place].view(parameter.shape)
                parameter.grad = self.gradients[place].view(parameter.shape)
                start = place.stop
            segments.append(Segment(stage, head, slice(begin, start)))
        self.segments = tuple(segments)
        self.required = self.segments
        self.parameters.requires_grad_()
        self.parameters.grad = self.gradients

    def __len__(self) -> int:
        return len(self.parameters)

    def place(self, stage: int) -> slice:
        """Return where a stage lies; the last one is all heads."""
        places = [segment.place for segment in self.segments if segment.stage == stage]
        return slice(places[0].start, places[-1].stop)

    def chosen(self, trained: Sequence[bool], *heads: int) -> list[Segment]:
        """Return the segments of the trained stages; of the heads only those with these numbers."""
        return [segment for segment in self.segments if trained[segment.stage] and segment.head in (None, *heads)]

    def mask(self, trained: Sequence[bool], *heads: int) -> Tensor:
        """Return which parameters train, a boolean tensor of shape (P,): a regime as the theory's projector."""
        mask = torch.zeros(len(self), dtype=torch.bool, device=self.parameters.device)
        for segment in self.chosen(trained, *heads):
            mask[segment.place] = True
        return mask

    def require(self, segments: Sequence[Segment]) -> None:
        """Ask for gradients of these segments only."""
        self.required = tuple(segments)
        places = {(segment.stage, segment.head) for segment in segments}
        for number, module in enumerate(self.network.body.values()):
            module.requires_grad_((number, None) in places)
        for head, module in enumerate(self.network.heads):
            module.requires_grad_((len(self.stages) - 1, head) in places)

    def norms(self, vector: Tensor) -> tuple[float, ...]:
        """Compute the Euclidean norm of a flat vector within each stage."""
        return tuple(torch.stack([vector[self.place(stage)].double().norm() for stage in range(len(self.stages))]).tolist())

    def set(self, vector: Tensor) -> None:
        """Write a flat vector into the parameters."""
        if vector.shape != self.parameters.shape:
            raise InputError(f"the vector has shape {tuple(vector.shape)}; the network has {len(self)} parameters, give a vector of as many")
        with torch.no_grad():
            self.parameters.copy_(vector)

    @contextmanager
    def at(self, vector: Tensor) -> Iterator[None]:
        """Let the network have other parameters for a while, such as those of an earlier task; the gradients stay."""
        parameters, gradients = self.parameters.detach().clone(), self.gradients.clone()
        self.set(vector)
        try:
            yield
        finally:
            self.set(parameters)
            self.gradients.copy_(gradients)
