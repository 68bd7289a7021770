"""Initialized training: every task trains all parameters."""

from dataclasses import dataclass
from typing import ClassVar

from deep.training.strategy import STARTS, STRATEGIES, StepPlan, Strategy, everything
from deep.training.task import TaskContext
from theory.checks import between, known


@STRATEGIES.register
@dataclass(eq=False)
class Initialized(Strategy):
    """Train everything, from the previous task's parameters or from fresh ones.

    Parameters
    ----------
    start : {"previous", "fresh"}
        "fresh": every task starts from the untrained network; heads of other tasks stay as they are.
    rate : float
        Factor of every step after the first task, in [0, 1]; a control for rules that shorten steps of some stages.

    Notes
    -----
    Source: arXiv 2602.20796 ("updates all parameters during training").
    """

    name: ClassVar[str] = "initialized"

    start: str = "previous"
    rate: float = 1.0

    def __post_init__(self) -> None:
        known(self.start, STARTS, "start of a task")
        between(self.rate, "the rate after the first task", 0.0, 1.0)

    def plan(self, task: TaskContext) -> StepPlan:
        """Return a plan that trains everything."""
        weights = None if self.rate == 1 else (self.rate,) * len(task.stages)
        return StepPlan(everything(task.stages), self.start, weights)
