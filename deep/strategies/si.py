"""Synaptic intelligence: parameters are held by what their path has contributed to the fall of earlier tasks' losses."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from deep.strategies.regime import MOST, Anchored
from deep.training.strategy import STRATEGIES
from deep.training.task import TaskContext
from theory.checks import between, positive


@STRATEGIES.register
@dataclass(eq=False, kw_only=True)
class SI(Anchored):
    """Add strength sum_i Omega_i (theta_i - theta*_i)^2 to the loss, theta* where the previous task ended.

    After a task, Omega_i grows by w_i / (d_i^2 + damping): d_i is the parameter's step in the task, and w_i the sum over the
    optimiser's steps of minus step times gradient, of the task's loss alone.

    Parameters
    ----------
    strength : float
        Choose it on validation data.
    damping : float
        Above 0; xi of the paper.
    **options
        Of `deep.strategies.regime.Regime`: depth, since.

    Notes
    -----
    Source: arXiv 1703.04200. A negative w_i, of a parameter that moved uphill, counts as it is; nothing is clipped.
    """

    name: ClassVar[str] = "si"
    pull: ClassVar[float] = 2.0

    strength: float = 0.1
    damping: float = 0.1
    _path: Tensor = field(init=False, repr=False)
    _gradient: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self.strength, "the strength", 0.0, MOST)
        positive(self.damping, "the damping", "0.1 in the paper")

    def begin_task(self, task: TaskContext) -> None:
        """Begin a path."""
        self._path, self._gradient = torch.zeros_like(task.flat.gradients), torch.empty_like(task.flat.gradients)

    def transform_gradient(self, gradient: Tensor, task: TaskContext) -> Tensor:
        """Keep the gradient of the loss alone, then add the penalty's."""
        self._gradient.copy_(gradient)
        return super().transform_gradient(gradient, task)

    def after_step(self, step: Tensor, task: TaskContext) -> None:
        """Go on with the path; where nothing trains the step is 0."""
        self._path.addcmul_(self._gradient, step, value=-1.0)

    def changed(self) -> list[Tensor]:
        """Return the path."""
        return [self._path]

    def weigh(self, task: TaskContext, earlier: Tensor | None) -> Tensor:
        """Add what the task's path came to."""
        own = self._path / task.step.square().add_(self.damping)
        return own if earlier is None else own.add_(earlier)
