"""Frozen training: after the first task only the last stages train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from deep.training.strategy import STRATEGIES, StepPlan, Strategy, last_stages
from theory.checks import whole

if TYPE_CHECKING:
    from deep.training.task import TaskContext


@STRATEGIES.register
@dataclass(eq=False)
class Frozen(Strategy):
    """Train everything on the first task, then only the task-specific part: the head and the last stages before it.

    Parameters
    ----------
    depth : int
        Number of stages that train, the head included; 1 is the head alone.

    Notes
    -----
    Source: arXiv 2602.20796 ("fixing most parameters"); how many train is not published to us, head and last stage is ours.
    Trainable depth as an axis: arXiv 2604.21927.
    """

    name: ClassVar[str] = "frozen"

    depth: int = 2

    def __post_init__(self) -> None:
        whole(self.depth, "the depth", 1)

    def check(self, stages: Sequence[str]) -> None:
        """Raise InputError for a depth beyond the network."""
        last_stages(stages, self.depth)

    def plan(self, task: TaskContext) -> StepPlan:
        """Return a plan that trains the last stages."""
        return StepPlan(last_stages(task.stages, self.depth))
