"""The published hybrid: few modules train on tasks that are related to the previous one, many on others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from deep.strategies.similarity import ScoredStrategy
from deep.training.strategy import STRATEGIES, StepPlan, everything, last_stages
from deep.training.task import TaskContext
from theory.checks import between, whole


@STRATEGIES.register
@dataclass(eq=False)
class Threshold(ScoredStrategy):
    """Train few stages where the score is at least the threshold, many where it is below.

    Parameters
    ----------
    threshold : float
        Between -1 and 1.
    few, many : int
        Trainable depths; ``many`` = None trains everything.
    **options
        Of `ScoredStrategy`: probe_examples, reference, head.

    Notes
    -----
    Source: arXiv 2602.20796, algorithm 1 ("tasks with scores below threshold are considered unrelated and are assigned more
    modules"). Threshold and numbers of modules are not published to us.
    """

    name: ClassVar[str] = "threshold"

    threshold: float = 0.0
    few: int = 2
    many: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self.threshold, "the threshold", -1.0, 1.0)
        whole(self.few, "the depth on related tasks", 1)
        if self.many is not None:
            whole(self.many, "the depth on unrelated tasks", self.few)

    def check(self, stages: Sequence[str]) -> None:
        """Raise InputError for a depth beyond the network."""
        last_stages(stages, self.few)
        last_stages(stages, self.many or len(stages))

    def plan(self, task: TaskContext) -> StepPlan:
        """Return the plan that the score decides."""
        if self.score >= self.threshold:
            return StepPlan(last_stages(task.stages, self.few))
        return StepPlan(everything(task.stages) if self.many is None else last_stages(task.stages, self.many))
