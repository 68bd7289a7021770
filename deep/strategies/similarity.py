"""How related a task is to the earlier ones: cosines of its gradient with a direction that they left, stage by stage.

Published (arXiv 2602.20796): the score is a metric of the task's gradient and the previous task's, cosine by default; what
the gradient is measured on, and which direction of the earlier tasks is kept, is not published to us. Ours, all of it options:

- the gradient is that of the mean training loss on a part of the task's training data, before its first step, over all
  stages but the head, which is the task's own or has classes of its own;
- a new head is random, and so is a gradient that comes through it: two tasks with separate heads would be unrelated whatever
  their images. While the gradient is measured the head is that of the best classifier of classes that are isotropic normal
  in the features, which needs no training (``head="prototypes"``);
- the direction kept is the previous task's gradient, the mean of all earlier tasks' unit gradients, or the previous task's
  whole step, with its sign turned.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from deep.training.examples import Examples
from deep.training.strategy import Strategy
from deep.training.task import TaskContext
from theory.checks import known, whole

REFERENCES = ("gradient", "mean", "step")
HEADS = ("prototypes", "as it is")


@dataclass(eq=False)
class ScoredStrategy(Strategy):
    """A strategy that decides by cosines; not used by itself.

    Parameters
    ----------
    probe_examples : int
        Training examples on which the task's gradient is measured.
    reference : {"gradient", "mean", "step"}
        Direction of the earlier tasks: gradient of the previous one, mean unit gradient of all, step of the previous one.
    head : {"prototypes", "as it is"}
        Head through which the gradient comes.

    Attributes
    ----------
    score : float
        Cosine over all stages but the head; 0 where a direction is zero.
    stage_scores : tuple of float
        Cosine within each stage but the head.
    """

    remembered: ClassVar[tuple[str, ...]] = ("_kept",)

    probe_examples: int = 500
    reference: str = "gradient"
    head: str = "prototypes"
    score: float = field(init=False, default=0.0)
    stage_scores: tuple[float, ...] = field(init=False, default=())
    _kept: Tensor | None = field(init=False, default=None, repr=False)
    _gradient: Tensor | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        whole(self.probe_examples, "the number of probed examples", 1)
        known(self.reference, REFERENCES, "reference direction")
        known(self.head, HEADS, "head of the probe")

    def begin_task(self, task: TaskContext) -> None:
        """Measure the task's gradient and its cosines with the direction kept."""
        self._gradient = body_gradient(task, task.draw(self.probe_examples), self.head)
        if self._kept is not None:
            places = [task.flat.place(stage) for stage in range(len(task.stages) - 1)]
            self.score = cosine(self._gradient, self._kept)
            self.stage_scores = tuple(cosine(self._gradient[place], self._kept[place]) for place in places)

    def end_task(self, task: TaskContext) -> None:
        """Keep a direction for the next task."""
        unit = self._gradient / self._gradient.norm().clamp_min(torch.finfo(self._gradient.dtype).tiny)
        if self.reference == "step":
            self._kept = -task.step[: len(unit)]
        elif self.reference == "mean" and self._kept is not None:
            self._kept = self._kept + (unit - self._kept) / (task.number + 1)
        else:
            self._kept = unit

    def decision(self) -> dict[str, Any]:
        """Return the scores, for the record."""
        return {"score": self.score, "stage_scores": list(self.stage_scores)}


def body_gradient(task: TaskContext, examples: Examples, head: str) -> Tensor:
    """Compute the gradient of the mean loss over all parameters but the heads, which come last in the flat vector."""
    stages = len(task.stages)
    trained = (True,) * (stages - 1) + (False,)
    with task.flat.at(task.flat.parameters.detach().clone()):
        if head == "prototypes":
            prototype_head(task, examples)
        gradient = task.gradient(examples, trained)
    return gradient[: task.flat.place(stages - 1).start].clone()


@torch.no_grad()
def prototype_head(task: TaskContext, examples: Examples) -> None:
    """Give the task's head the weights of Bayes' rule for classes that are normal in the features with one variance.

    With class means mu_k and v the mean variance of a feature within its class, the logits are mu_k.x / v - |mu_k|^2 / (2 v).
    """
    network = task.network
    with network.evaluating():
        batches = [examples.batch(part) for part in torch.arange(len(examples), device=examples.inputs.device).split(500)]
        features = torch.cat([network.features(inputs) for inputs, _ in batches])
        targets = torch.cat([targets for _, targets in batches])
    linear = network.heads[examples.head]
    units = torch.arange(linear.out_features, device=features.device) if examples.candidates is None else examples.candidates
    present = torch.nn.functional.one_hot(targets, len(units)).to(features.dtype)
    means = present.T @ features / present.sum(0).clamp_min(1)[:, None]
    variance = (features - means[targets]).square().mean().clamp_min(torch.finfo(features.dtype).eps)
    linear.weight[units] = means / variance
    linear.bias[units] = -means.square().sum(1) / (2 * variance)


def cosine(left: Tensor, right: Tensor) -> float:
    """Compute the cosine of two vectors; 0 where one of them is zero."""
    lengths = left.double().norm() * right.double().norm()
    return float(left.double() @ right.double() / lengths) if lengths > 0 else 0.0
