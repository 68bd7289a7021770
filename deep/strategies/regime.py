"""What strategies with a trainable depth share: which stages train, from which task on, and a pull towards what was learned."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from deep.training.strategy import StepPlan, Strategy, last_stages
from deep.training.task import TaskContext
from theory.checks import flag, known, whole

SINCE = ("first", "second")
MOST = 1e12  # strengths at most


@dataclass(eq=False, kw_only=True)
class Regime(Strategy):
    """A strategy whose tasks train the last stages; not used by itself.

    Parameters
    ----------
    depth : int, optional
        Number of last stages that train, the head included; 1 is the head alone. Default: all.
    since : {"first", "second"}
        Task from which the depth holds; "second" lets the first one train everything.

    Notes
    -----
    Trainable depth as an axis: arXiv 2604.21927.
    """

    depth: int | None = None
    since: str = "second"

    def __post_init__(self) -> None:
        if self.depth is not None:
            whole(self.depth, "the depth", 1)
        known(self.since, SINCE, "task from which the depth holds:")

    def check(self, stages: Sequence[str]) -> None:
        """Raise InputError for a depth beyond the network."""
        last_stages(stages, self.depth or len(stages))

    def first_plan(self, task: TaskContext) -> StepPlan:
        """Return the plan of a later task, or one that trains everything."""
        return self.plan(task) if self.since == "first" else super().first_plan(task)

    def plan(self, task: TaskContext) -> StepPlan:
        """Return a plan that trains the last stages."""
        return StepPlan(last_stages(task.stages, self.depth or len(task.stages)))


@dataclass(eq=False, kw_only=True)
class Rehearsing(Regime):
    """A regime that can train heads of earlier tasks along; not used by itself.

    Parameters
    ----------
    old_heads : bool
        Whether heads of earlier tasks train too, where these have heads of their own.
    """

    old_heads: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        flag(self.old_heads, "old_heads")

    def plan(self, task: TaskContext) -> StepPlan:
        """Return a plan that trains the last stages, and the heads of earlier tasks if these are to."""
        return StepPlan(super().plan(task).trained, heads=tuple(range(task.head)) if self.old_heads else ())


@dataclass(eq=False, kw_only=True)
class Anchored(Regime):
    """A regime that adds to the gradient ``pull`` times importance times distance from an anchor; not used by itself.

    This is the gradient of a quadratic penalty, so that none is computed by autograd. `weigh` returns the importances after a task.
    """

    captured: ClassVar[bool] = True
    remembered: ClassVar[tuple[str, ...]] = ("_importance", "_anchor")
    pull: ClassVar[float] = 1.0  # times the strength, of the penalty's gradient
    strength: float = 1.0
    _importance: Tensor | None = field(init=False, default=None, repr=False)
    _anchor: Tensor | None = field(init=False, default=None, repr=False)

    def weigh(self, task: TaskContext, earlier: Tensor | None) -> Tensor:
        """Return the importances after a task, shape (P,), from those before it."""
        raise NotImplementedError

    def transform_gradient(self, gradient: Tensor, task: TaskContext) -> Tensor:
        """Add the penalty's gradient."""
        if self._importance is None or self._anchor is None:
            return gradient
        return gradient.addcmul_(self._importance, task.flat.parameters.detach() - self._anchor, value=self.pull * self.strength)

    def end_task(self, task: TaskContext) -> None:
        """Set the anchor where the task ended."""
        self._importance, self._anchor = self.weigh(task, self._importance), task.flat.parameters.detach().clone()
