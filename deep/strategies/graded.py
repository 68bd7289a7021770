"""The graded hybrid: the less a task is related to the earlier ones, the deeper it trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from deep.strategies.similarity import ScoredStrategy
from deep.training.strategy import STRATEGIES, StepPlan, last_stages
from deep.training.task import TaskContext
from theory.checks import between, whole
from theory.errors import InputError


@STRATEGIES.register
@dataclass(eq=False)
class Graded(ScoredStrategy):
    """Let the trainable depth fall from everything to ``few`` stages as the score rises from ``low`` to ``high``.

    Parameters
    ----------
    low, high : float
        Scores at and below which everything trains, and at and above which ``few`` stages do; linear between, rounded.
    few : int
        Least trainable depth.
    **options
        Of `ScoredStrategy`: probe_examples, reference, head.

    Notes
    -----
    Ours; with ``low`` just below ``high`` it is the published rule of two levels.
    """

    name: ClassVar[str] = "graded"

    low: float = -0.2
    high: float = 0.2
    few: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self.low, "the low score", -1.0, 1.0)
        between(self.high, "the high score", -1.0, 1.0)
        whole(self.few, "the least depth", 1)
        if self.low >= self.high:
            raise InputError(f"the low score is {self.low}, the high one {self.high}; give a low score below the high one")

    def check(self, stages: Sequence[str]) -> None:
        """Raise InputError for a depth beyond the network."""
        last_stages(stages, self.few)

    def depth(self, stages: int) -> int:
        """Compute the trainable depth from the score."""
        relation = min(max((self.score - self.low) / (self.high - self.low), 0.0), 1.0)
        return round(stages - relation * (stages - self.few))

    def plan(self, task: TaskContext) -> StepPlan:
        """Return the plan that the score decides."""
        return StepPlan(last_stages(task.stages, self.depth(len(task.stages))))
