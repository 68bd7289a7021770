"""The constrained update: stages take shorter steps the more they are shared, between initialized and frozen training."""

from dataclasses import dataclass
from typing import Any, ClassVar

from deep.strategies.regime import Regime
from deep.training.strategy import STRATEGIES, StepPlan, everything
from deep.training.task import TaskContext
from theory.checks import between


@STRATEGIES.register
@dataclass(eq=False)
class Constrained(Regime):
    """After the first task, let all but the last stages take steps of ``weight`` times the learning rate.

    Parameters
    ----------
    weight : float
        Between 0, which is frozen training at that depth, and 1, initialized training.
    depth : int
        Number of last stages, the head included, that take whole steps.
    since : {"first", "second"}
        Task from which the weight holds.

    Notes
    -----
    Gradient descent with the rate eta / lambda_b in block b finds the step that minimises sum_b lambda_b |step_b|^2 in a
    linear model, so ``weight`` is 1 / lambda of the shared stages. There the best weight can lie strictly between both
    trainings (`theory.equivalents`, `figures.step_weight`). Ours.
    """

    name: ClassVar[str] = "constrained"

    weight: float = 0.1
    depth: int | None = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self.weight, "the step weight", 0.0, 1.0)

    def plan(self, task: TaskContext) -> StepPlan:
        """Return a plan with step weights."""
        last = super().plan(task).trained
        if not self.weight:
            return StepPlan(last)
        return StepPlan(everything(task.stages), weights=tuple(1.0 if whole_step else self.weight for whole_step in last))

    def decision(self) -> dict[str, Any]:
        """Return the step weight, for the record."""
        return {"weight": self.weight}
