"""Gradients of many examples or memories at once: in a linear layer they are products of its inputs and its outputs' gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from deep.networks import Network
from deep.networks.base import Midway
from deep.training.examples import Examples
from deep.training.task import TaskContext


@dataclass
class Calls:
    """What linear layers whose weights ask for gradients took and gave, in the order of their calls.

    Parameters
    ----------
    complete : bool
        Whether such layers hold all parameters that ask for gradients, and each is called once.
    mark : slice
        Set by the caller, and kept beside what is seen.
    """

    complete: bool
    mark: slice = field(default_factory=lambda: slice(None))
    seen: list[tuple[nn.Linear, Tensor, Tensor, slice]] = field(default_factory=list)

    def __call__(self, layer: nn.Linear, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        """Keep a call; pass on a copy of the output, which may be changed in place."""
        again = any(seen is layer and mark == self.mark for seen, _, _, mark in self.seen)  # its gradient is a sum then
        self.seen.append((layer, inputs[0].detach(), output, self.mark))
        self.complete = self.complete and output.dim() == 2 and not again
        return output.clone()

    def deltas(self, score: Tensor) -> tuple[Tensor, ...]:
        """Compute a scalar's gradients in the outputs seen; the graph stays."""
        return torch.autograd.grad(score, [output for _, _, output, _ in self.seen], retain_graph=True) if self.seen else ()


@contextmanager
def watching(network: Network) -> Iterator[Calls]:
    """See what passes through linear layers."""
    layers = [module for module in network.modules() if isinstance(module, nn.Linear) and module.weight.requires_grad]
    wanted = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    calls = Calls(sum(parameter.numel() for layer in layers for parameter in layer.parameters()) == wanted)
    hooks = [layer.register_forward_hook(calls) for layer in layers]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


class MemoryGradients:
    """Gradients of the mean losses on memories, over what a task trains, in one pass where linear layers hold all of that.

    Parameters
    ----------
    task : TaskContext
    memories : sequence of Examples
        They stay as they are.

    Attributes
    ----------
    rows : Tensor of shape (K, P)
        A memory's gradient each; beside what the task trains not to be read.
    """

    def __init__(self, task: TaskContext, memories: Sequence[Examples]) -> None:
        self._memories, self.rows = tuple(memories), task.flat.gradients.new_zeros(len(memories), len(task.flat))
        self._inputs: Tensor | Midway | None = None
        self._alike = len({len(examples) for examples in memories}) == 1
        self._groups: dict[tuple[int, int], list[int]] = {}  # memories whose losses are one call: of one head, all of whose units they compare
        for number, examples in enumerate(memories):
            self._groups.setdefault((examples.head, -1 if examples.candidates is None else number), []).append(number)

    def measure(self, task: TaskContext) -> Tensor:
        """Return the rows, at the current parameters."""
        network, size = task.network, len(self._memories[0])
        if self._inputs is None:
            self._take(task)
        with watching(network) as calls, network.evaluating():
            if calls.complete and self._alike:
                features, loss = network.features(self._inputs), 0.0
                for (head, _), numbers in self._groups.items():
                    calls.mark = slice(numbers[0], numbers[-1] + 1)
                    among = slice(calls.mark.start * size, calls.mark.stop * size)
                    outputs = self._memories[numbers[0]].among_candidates(network.heads[head](features[among]))
                    loss = loss + len(numbers) * task.loss(outputs, self._targets[among])
        if not calls.complete or not self._alike:
            return self.rows.copy_(torch.stack([task.gradient(examples) for examples in self._memories]))
        for (layer, taken, _, mark), delta in zip(calls.seen, calls.deltas(loss), strict=True):
            taken, delta = taken.unflatten(0, (-1, size)), delta.unflatten(0, (-1, size))
            self._part(layer.weight, mark).copy_(delta.mT @ taken)
            if layer.bias is not None:
                self._part(layer.bias, mark).copy_(delta.sum(1))
        return self.rows

    def _take(self, task: TaskContext) -> None:
        """Take up scaled inputs, as the lowest stage takes them of which the task keeps no outputs; once the task has its plan."""
        self._memories = tuple(task.midway(examples) for examples in self._memories)
        batches = [examples.batch(torch.arange(len(examples), device=examples.inputs.device)) for examples in self._memories]
        inputs, targets = zip(*batches, strict=True)
        self._inputs = Midway(torch.cat([part.values for part in inputs]), task.below) if task.below else torch.cat(inputs)
        self._targets = torch.cat(targets)

    def _part(self, parameter: Tensor, mark: slice) -> Tensor:
        start = parameter.storage_offset()  # of a view of the flat vector
        return self.rows[mark, start : start + parameter.numel()].unflatten(1, parameter.shape)
