"""The magnitude rule: train everything, then shorten the steps of shared stages to the length that serves all tasks so far."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from deep.training.examples import Examples
from deep.training.fisher import fisher
from deep.training.strategy import STRATEGIES, Strategy
from deep.training.task import TaskContext
from theory.checks import known, whole

RULES = ("fisher", "mean")


@STRATEGIES.register
@dataclass(eq=False)
class Magnitude(Strategy):
    """After each task but the first, scale the step of every shared stage by s between 0 and 1.

    A head that all tasks have in common is shared too; one that is the task's own keeps its whole step.

    Parameters
    ----------
    rule : {"fisher", "mean"}
        "mean": s = 1 / t after t tasks, so that the shared parameters are the mean of all tasks' ones; it is s* of the
        linear theory for tasks of equal curvature. "fisher": s* of a parabola for each stage, below.
    probe_examples : int
        Training examples on which a task's curvature is measured.

    Notes
    -----
    In the linear theory a task's mean loss along its step D is a parabola in s, whose minimum is the best magnitude
    (`theory.optima.best_scale`). Here task i's loss near its own parameters theta_i is taken as (theta - theta_i)' F_i
    (theta - theta_i) / 2, F_i the diagonal of its Fisher information there: labels weighted by the model's own
    probabilities, squares averaged over examples, normalisation layers in evaluation mode. With A and B the sums of F_i and
    F_i theta_i over earlier tasks, the sum of all tasks' losses within a stage is least at
    s* = (D'F_t D - D'(A theta_{t-1} - B)) / (D'A D + D'F_t D). Ours; sums of such parabolas: arXiv 1703.08475.

    Running statistics of batch normalisation, which are no parameters, go the same share of their way.
    """

    name: ClassVar[str] = "magnitude"
    remembered: ClassVar[tuple[str, ...]] = ("_curvature", "_pull")

    rule: str = "fisher"
    probe_examples: int = 200
    scales: tuple[float, ...] = field(init=False, default=())
    _curvature: Tensor | None = field(init=False, default=None, repr=False)
    _pull: Tensor | None = field(init=False, default=None, repr=False)
    _statistics: list[list[Tensor]] = field(init=False, default_factory=list, repr=False)

    def __post_init__(self) -> None:
        known(self.rule, RULES, "rule of the magnitude")
        whole(self.probe_examples, "the number of probed examples", 1)

    def begin_task(self, task: TaskContext) -> None:
        """Remember the running statistics that the task starts with."""
        self._statistics = [[statistic.clone() for statistic in stage] for stage in task.network.statistics()]

    def end_task(self, task: TaskContext) -> None:
        """Shorten the step just trained, and keep the task's curvature."""
        trained = task.flat.parameters.detach().clone()
        fisher = shared_fisher(task, task.draw(self.probe_examples)) if self.rule == "fisher" else None
        if task.number:
            places = [task.flat.place(stage) for stage in range(shared_stages(task))]
            self.scales = tuple(self._scale(place, task, fisher) for place in places)
            for place, scale in zip(places, self.scales, strict=True):
                trained[place] = task.start[place] + scale * task.step[place]
            for scale, before, now in zip(self.scales, self._statistics, task.network.statistics(), strict=False):
                for first, last in zip(before, now, strict=True):
                    last.copy_(first.lerp(last, scale))
        if fisher is not None:
            pull = fisher * task.flat.parameters.detach()[: len(fisher)]
            self._curvature = fisher if self._curvature is None else self._curvature + fisher
            self._pull = pull if self._pull is None else self._pull + pull
        task.flat.set(trained)

    def _scale(self, place: slice, task: TaskContext, fisher: Tensor | None) -> float:
        if fisher is None:
            return 1 / (task.number + 1)
        step, start = task.step[place].double(), task.start[place].double()
        own = (step * fisher[place].double() * step).sum()
        earlier = (step * self._curvature[place].double() * step).sum()
        slope = (step * (self._curvature[place].double() * start - self._pull[place].double())).sum()
        return float(((own - slope) / (earlier + own)).clamp(0.0, 1.0)) if earlier + own > 0 else 1.0

    def decision(self) -> dict[str, Any]:
        """Return the stages' scales, for the record."""
        return {"scales": list(self.scales)}


def shared_stages(task: TaskContext) -> int:
    """Return how many stages, counted from the input, all tasks have in common."""
    return len(task.stages) - (len(task.network.heads) > 1)


def shared_fisher(task: TaskContext, examples: Examples) -> Tensor:
    """Compute the diagonal of the Fisher information over the parameters that all tasks share, which come first."""
    stages = shared_stages(task)
    trained = [stage < stages for stage in range(len(task.stages))]
    return fisher(task, examples, trained=trained, by_layers=False)[: task.flat.place(stages - 1).stop]
