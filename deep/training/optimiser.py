"""SGD and Adam on the flat vector; what is not trained is not touched.

The same arithmetic as `torch.optim.SGD` and `torch.optim.Adam`, whose first use costs every process seconds of imports.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deep.training.flat import FlatParameters, Segment
from deep.training.options import LoopOptions

_DECAYS = (0.9, 0.999)  # of Adam's moments, as its authors chose them (Kingma and Ba, ICLR 2015)
_SMALL = 1e-8


@dataclass(eq=False)
class _Piece:
    """Neighbouring segments that take steps at one rate, as views of the flat vectors."""

    place: slice
    rate: float
    count: int
    parameters: Tensor
    gradients: Tensor
    moments: list[Tensor]
    # Adam's factors, which depend on the count: on the device, so that a captured step finds those of its time.
    factor: Tensor
    root: Tensor


class Optimiser:
    """Takes steps; its moments are flat vectors, which start at zero for each task unless they are kept.

    Parameters
    ----------
    flat : FlatParameters
    options : LoopOptions

    Attributes
    ----------
    moments : list of Tensor of shape (P,)
        Momentum, or Adam's two.
    """

    def __init__(self, flat: FlatParameters, options: LoopOptions) -> None:
        self._flat, self._options = flat, options
        number = 2 if options.optimiser == "adam" else int(options.momentum > 0)
        self.moments = [torch.zeros_like(flat.parameters, requires_grad=False) for _ in range(number)]
        self._counts = dict.fromkeys(flat.segments, 0)
        self._chosen: tuple[Segment, ...] = ()
        self._pieces: list[_Piece] = []

    def begin_task(self, segments: Sequence[Segment], weights: Sequence[float] | None = None) -> None:
        """Prepare steps of ``segments``, each times the weight of its stage."""
        self._chosen = tuple(segments)
        if not self._options.keep_moments:
            self._counts = dict.fromkeys(self._flat.segments, 0)
            for moments in self.moments:
                moments.zero_()
        self._pieces = []
        for segment in segments:
            rate = self._options.learning_rate * (1.0 if weights is None else weights[segment.stage])
            last = self._pieces[-1] if self._pieces else None
            if last and (last.place.stop, last.rate, last.count) == (segment.place.start, rate, self._counts[segment]):
                self._pieces[-1] = self._piece(slice(last.place.start, segment.place.stop), rate, last.count)
            else:
                self._pieces.append(self._piece(segment.place, rate, self._counts[segment]))

    def count_step(self) -> None:
        """Say that the next step begins."""
        for piece in self._pieces:
            piece.count += 1
            if self._options.optimiser == "adam":
                piece.factor.fill_(piece.rate / (1 - _DECAYS[0] ** piece.count))
                piece.root.fill_(math.sqrt(1 - _DECAYS[1] ** piece.count))

    @torch.no_grad()
    def step(self) -> None:
        """Move the chosen segments by the gradients in the flat vector; `count_step` comes before."""
        rule = self._sgd if self._options.optimiser == "sgd" else self._adam  # kept, it would keep all this memory until a collection
        for piece in self._pieces:
            gradients = piece.gradients
            if self._options.weight_decay:
                gradients = gradients.add(piece.parameters, alpha=self._options.weight_decay)
            rule(piece, gradients)

    def end_task(self) -> None:
        """Remember how many steps each segment has taken."""
        for segment in self._chosen:
            self._counts[segment] = next(piece.count for piece in self._pieces if segment.place.start < piece.place.stop)

    def state(self) -> dict[str, Any]:
        """Return moments and counts of steps, if they are kept."""
        return {"moments": self.moments, "counts": list(self._counts.values())} if self._options.keep_moments else {}

    def load(self, state: dict[str, Any]) -> None:
        """Take up a state that `state` has returned."""
        if state:
            self._counts = dict(zip(self._flat.segments, state["counts"], strict=True))
            for moments, stored in zip(self.moments, state["moments"], strict=True):
                moments.copy_(stored)

    def _piece(self, place: slice, rate: float, count: int) -> _Piece:
        flat = self._flat
        parameters, gradients, moments = flat.parameters.detach()[place], flat.gradients[place], [moments[place] for moments in self.moments]
        return _Piece(place, rate, count, parameters, gradients, moments, *parameters.new_empty(2).unbind())

    def _sgd(self, piece: _Piece, gradients: Tensor) -> None:
        if piece.moments:
            gradients = piece.moments[0].mul_(self._options.momentum).add_(gradients)
        piece.parameters.add_(gradients, alpha=-piece.rate)

    def _adam(self, piece: _Piece, gradients: Tensor) -> None:
        mean, square = piece.moments
        mean.lerp_(gradients, 1 - _DECAYS[0])
        square.mul_(_DECAYS[1]).addcmul_(gradients, gradients, value=1 - _DECAYS[1])
        piece.parameters.addcdiv_(mean * piece.factor, (square.sqrt() / piece.root).add_(_SMALL), value=-1.0)
