"""The hybrid by stages: each stage decides by its own cosine whether it trains."""

from dataclasses import dataclass
from typing import ClassVar

from deep.strategies.similarity import ScoredStrategy
from deep.training.strategy import STRATEGIES, StepPlan
from deep.training.task import TaskContext
from theory.checks import between


@STRATEGIES.register
@dataclass(eq=False)
class PerStage(ScoredStrategy):
    """Train the head, and every stage whose own cosine is below the threshold.

    Parameters
    ----------
    threshold : float
        Between -1 and 1.
    **options
        Of `ScoredStrategy`: probe_examples, reference, head.

    Notes
    -----
    Ours. A trained stage may lie below a frozen one.
    """

    name: ClassVar[str] = "per-stage"

    threshold: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self.threshold, "the threshold", -1.0, 1.0)

    def plan(self, task: TaskContext) -> StepPlan:
        """Return the plan that the stages' scores decide."""
        return StepPlan((*(score < self.threshold for score in self.stage_scores), True))
