"""Averaged GEM: a step shall not raise the mean loss on examples drawn from all memories."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from deep.strategies.replay import Sampling
from deep.training.strategy import STRATEGIES
from deep.training.task import TaskContext


@STRATEGIES.register
@dataclass(eq=False, kw_only=True)
class AGEM(Sampling):
    """Take the gradient nearest to the batch's whose inner product with a memory's gradient is not negative.

    Parameters
    ----------
    sample : int
    **options
        Of `deep.strategies.replay.Sampling` and of `deep.strategies.regime.Rehearsing`: memory_size, keep, depth, since, old_heads.

    Notes
    -----
    Source: arXiv 1812.00420. The memory's gradient is over what the task trains, with normalisation layers in evaluation mode.
    """

    name: ClassVar[str] = "a-gem"

    sample: int = 256

    def transform_gradient(self, gradient: Tensor, task: TaskContext) -> Tensor:
        """Project."""
        if not self._parts:
            return gradient
        memory = sum(share * task.gradient(examples) for share, examples in self.drawn()) * task.mask
        factor = (memory @ gradient).clamp_max(0) / memory.square().sum().clamp_min(1e-30)
        return gradient.sub_(memory * factor)
