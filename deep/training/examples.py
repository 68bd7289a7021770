"""Examples of a task on the device: 8-bit images stay so, a batch is gathered and scaled there; no worker processes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from deep.data import Part
from deep.networks.base import Midway
from deep.streams import Stream
from theory.errors import InputError

SCALINGS = ("standardised", "unit", "none")


@dataclass(frozen=True, eq=False)
class Scaling:
    """Scaling of pixel values to (x - mean) / deviation.

    Parameters
    ----------
    mean, deviation : Tensor of shape (C, 1, 1)
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, images: np.ndarray, dtype: torch.dtype, device: torch.device, kind: str = "standardised") -> Scaling:
        """Return the scaling that gives these uint8 images, shape (N, H, W) or (N, H, W, C), mean 0 and variance 1 per channel, or another kind."""
        pixels = images.reshape(-1, 1 if images.ndim == 3 else images.shape[3])
        # Counts of the 256 values: exact sums, whatever the order.
        counts = [np.bincount(channel, minlength=256) for channel in pixels.T]
        means = [float(np.average(np.arange(256), weights=count)) for count in counts]
        squares = [float(np.average((np.arange(256) - mean) ** 2, weights=count)) for mean, count in zip(means, counts, strict=True)]
        deviations = [square**0.5 if square > 0 else 1.0 for square in squares]
        if kind != "standardised":
            means, deviations = [0.0] * len(means), [255.0 if kind == "unit" else 1.0] * len(means)
        mean, deviation = (torch.tensor(values, dtype=dtype, device=device).view(-1, 1, 1) for values in (means, deviations))
        return cls(mean, deviation)


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs and targets of one task.

    Parameters
    ----------
    inputs : Tensor of shape (N, ...)
        8-bit images, shape (N, C, H, W), with a scaling, or inputs as the network takes them, without.
    targets : Tensor of shape (N, ...)
        Places of the right classes among the candidates, or what else the loss compares outputs with.
    head : int
        Number of the head that learns the task.
    candidates : Tensor of shape (K,), optional
        The head's units that the loss compares; default all.
    scaling : Scaling, optional
    midway : Midway, optional
        What stages that stay as they are make of all inputs.
    """

    inputs: Tensor
    targets: Tensor
    head: int = 0
    candidates: Tensor | None = None
    scaling: Scaling | None = None
    midway: Midway | None = None

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets) or not len(self.inputs):
            raise InputError(f"there are {len(self.inputs)} inputs and {len(self.targets)} targets; give one target per input, and at least one")

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, indices: Tensor) -> tuple[Tensor | Midway, Tensor]:
        """Gather a batch; return inputs as the network takes them, and targets."""
        if self.midway is not None:
            return self.midway.rows(indices), self.targets.index_select(0, indices)
        inputs = self.inputs.index_select(0, indices)
        if self.scaling is not None:
            inputs = inputs.to(self.scaling.mean.dtype).sub_(self.scaling.mean).div_(self.scaling.deviation)
        return inputs, self.targets.index_select(0, indices)

    def among_candidates(self, outputs: Tensor) -> Tensor:
        """Return the outputs of the candidates, shape (N, K)."""
        return outputs if self.candidates is None else outputs.index_select(1, self.candidates)

    @property
    def units(self) -> Tensor:
        """The head's units that the targets mean, shape (N,)."""
        return self.targets if self.candidates is None else self.candidates.index_select(0, self.targets)

    def sample(self, count: int) -> Examples:
        """Return some of the examples, drawn with replacement on their device by PyTorch's generator."""
        return self.subset(torch.randint(len(self), (count,), device=self.inputs.device))

    def subset(self, indices: Tensor) -> Examples:
        """Return some of the examples, such as an episodic memory."""
        return Examples(self.inputs.index_select(0, indices), self.targets.index_select(0, indices), self.head, self.candidates, self.scaling)


class StreamExamples:
    """Examples of a stream's tasks as a scenario gives them to a network.

    Parameters
    ----------
    stream : Stream
    scenario : {"task", "domain", "class"}
    evaluate_on : {"validation", "test"}
        Part that `evaluation` returns; the images of all tasks stay on the device.
    device : torch.device
    dtype : torch.dtype
        Of what the network takes.
    scaling : {"standardised", "unit", "none"}

    Notes
    -----
    Standardised pixels are scaled by the mean and deviation of the first task's training images, for all tasks alike.
    """

    def __init__(self, stream: Stream, scenario: str, evaluate_on: str, device: torch.device, dtype: torch.dtype, scaling: str = "standardised") -> None:
        self._stream, self._evaluate_on, self._device = stream, evaluate_on, device
        self.view = stream.view(scenario)
        self.scaling = Scaling.of(stream[0].training().images, dtype, device, scaling)
        self._held: dict[int, tuple[Tensor, np.ndarray]] = {}

    def training(self, task: int) -> Examples:
        """Return the training examples of a task; in the class-incremental scenario all classes so far are candidates."""
        part = self._stream[task].training()
        return self._examples(self._on_device(part), part.labels, task, task)

    def evaluation(self, task: int, trained: int) -> Examples:
        """Return the held-out examples of a task once the tasks up to ``trained`` are trained, -1 for none."""
        if task not in self._held:
            held_out = self._stream[task]
            part = held_out.final_test() if self._evaluate_on == "test" else held_out.validation()
            if not len(part):
                remedy, other = ("raise the stream option validation_share", "test") if self._evaluate_on == "validation" else ("take other data", "validation")
                raise InputError(f"task {task} has no {self._evaluate_on} images to measure accuracy on; {remedy}, or evaluate on the {other} part")
            self._held[task] = (self._on_device(part), part.labels)
        return self._examples(*self._held[task], task, trained)

    def evaluations(self, trained: int) -> list[Examples]:
        """Return `evaluation` of every task."""
        return [self.evaluation(task, trained) for task in range(len(self._stream))]

    def _on_device(self, part: Part) -> Tensor:
        images = part.images[:, None] if part.images.ndim == 3 else part.images.transpose(0, 3, 1, 2)
        return torch.from_numpy(np.array(images, order="C")).to(self._device)

    def _examples(self, images: Tensor, labels: np.ndarray, task: int, trained: int) -> Examples:
        head, candidates = self.view.heads[task], self.view.candidates(task, trained)
        targets = torch.from_numpy(np.searchsorted(np.asarray(candidates), self.view.targets(task, labels))).to(self._device)
        every = len(candidates) == self.view.sizes[head]
        return Examples(images, targets, head, None if every else torch.tensor(candidates, device=self._device), self.scaling)
