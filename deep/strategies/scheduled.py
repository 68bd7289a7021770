"""Training by a schedule that is given: controls of the hybrids, such as their decisions in random order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from deep.training.strategy import STRATEGIES, StepPlan, Strategy
from deep.training.task import TaskContext
from theory.errors import InputError


@STRATEGIES.register
@dataclass(eq=False)
class Scheduled(Strategy):
    """Train in each task after the first one the stages that a schedule names.

    Parameters
    ----------
    masks : sequence of text
        For each task from the second on, one character a stage from input to head: "1" trains, "0" does not, such as
        ("0001", "1111").
    """

    name: ClassVar[str] = "scheduled"

    masks: Sequence[str] = ()

    def __post_init__(self) -> None:
        listed = isinstance(self.masks, (list, tuple)) and len(self.masks) > 0
        if not listed or not all(isinstance(mask, str) and set(mask) <= {"0", "1"} and "1" in mask for mask in self.masks):
            raise InputError(f"the masks are {self.masks!r}; give one text of '0' and '1', a character a stage, for each task after the first")

    def check(self, stages: Sequence[str]) -> None:
        """Raise InputError for a mask of another number of stages."""
        for mask in self.masks:
            if len(mask) != len(stages):
                named = f"{len(stages)} ({', '.join(stages)})"
                raise InputError(f"the mask {mask!r} is for {len(mask)} stages, the network has {named}; give one character for each")

    def plan(self, task: TaskContext) -> StepPlan:
        """Return the plan of the schedule."""
        if task.number > len(self.masks):
            raise InputError(f"the schedule has masks for {len(self.masks)} tasks after the first; this is number {task.number}, so give one for every task")
        return StepPlan(tuple(character == "1" for character in self.masks[task.number - 1]))
