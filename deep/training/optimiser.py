"""The optimiser's step on segments of the flat vector; what is not trained is not touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from deep.training.flat import FlatParameters, Segment
from deep.training.options import LoopOptions


class Optimiser:
    """SGD or Adam of PyTorch, started anew for each task, with moments that can go on.

    Parameters
    ----------
    flat : FlatParameters
    options : LoopOptions
    """

    def __init__(self, flat: FlatParameters, options: LoopOptions) -> None:
        self._options, self._segments = options, flat.segments
        self._leaves = {segment: flat.parameters.detach()[segment.place].requires_grad_() for segment in flat.segments}
        for segment, leaf in self._leaves.items():
            leaf.grad = flat.gradients[segment.place]
        self._moments: dict[Segment, dict[str, Any]] = {}
        self._inner: torch.optim.Optimizer | None = None

    def begin_task(self, segments: Sequence[Segment], weights: Sequence[float] | None = None) -> None:
        """Prepare steps of ``segments``, each times the weight of its stage."""
        self._remember()
        rates = {segment: self._options.learning_rate * (1.0 if weights is None else weights[segment.stage]) for segment in segments}
        groups = [{"params": [self._leaves[s] for s in segments if rates[s] == rate], "lr": rate} for rate in dict.fromkeys(rates.values())]
        decay = {"weight_decay": self._options.weight_decay}
        if self._options.optimiser == "sgd":
            self._inner = torch.optim.SGD(groups, momentum=self._options.momentum, **decay)
        else:
            self._inner = torch.optim.Adam(groups, **decay)
        if self._options.keep_moments:
            self._inner.state.update({self._leaves[s]: dict(self._moments[s]) for s in segments if s in self._moments})

    def step(self) -> None:
        """Move the chosen segments by the gradients in the flat vector."""
        self._inner.step()

    def state(self) -> list[dict[str, Any] | None]:
        """Return the moments of each segment, None where there are none yet."""
        self._remember()
        return [self._moments.get(segment) for segment in self._segments]

    def load(self, state: list[dict[str, Any] | None]) -> None:
        """Take up moments that `state` has returned."""
        for segment, entry in zip(self._segments, state, strict=True):
            if entry is not None:
                device = self._leaves[segment].device
                # Adam's count of steps, a scalar, stays on the CPU: reading it must not wait for the device.
                self._moments[segment] = {name: value.to(device) if value.ndim else value for name, value in entry.items() if value is not None}

    def _remember(self) -> None:
        if self._inner is not None and self._options.keep_moments:
            self._moments.update({s: self._inner.state[leaf] for s, leaf in self._leaves.items() if leaf in self._inner.state})
