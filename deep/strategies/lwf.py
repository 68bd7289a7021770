"""Learning without forgetting: on the task's own inputs, earlier outputs shall stay what they were before it."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from deep.strategies.regime import MOST, Rehearsing
from deep.training.strategy import STRATEGIES
from deep.training.task import PROBE_BATCH, Batch, TaskContext
from theory.checks import between, positive


@STRATEGIES.register
@dataclass(eq=False, kw_only=True)
class LwF(Rehearsing):
    """Add strength times the sum over earlier heads of T^2 KL(teacher || student) to the loss, at the temperature T.

    Teacher is the network as the previous task left it. It sees every training example of the task once, before the first step,
    with normalisation layers in evaluation mode. Where all tasks have one head, the earlier classes' outputs of it are compared.

    Parameters
    ----------
    strength : float
    temperature : float
    **options
        Of `deep.strategies.regime.Rehearsing`: depth, since, old_heads.

    Notes
    -----
    Source: arXiv 1606.09282, which trains old heads (``old_heads``).
    """

    name: ClassVar[str] = "lwf"
    captured: ClassVar[bool] = True
    remembered: ClassVar[tuple[str, ...]] = ("_earlier",)

    strength: float = 1.0
    temperature: float = 2.0
    _earlier: dict[int, Tensor | None] = field(init=False, default_factory=dict, repr=False)  # by head, its units that mean a class
    _teacher: dict[int, Tensor] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self.strength, "the strength", 0.0, MOST)
        positive(self.temperature, "the temperature", "2 in the paper")

    def begin_task(self, task: TaskContext) -> None:
        """Keep what the network says of the task's examples."""
        said: dict[int, list[Tensor]] = {head: [] for head in self._earlier}
        with torch.no_grad(), task.network.evaluating():
            for indices in torch.arange(len(task.examples), device=task.flat.parameters.device).split(PROBE_BATCH) if said else ():
                features = task.network.features(task.examples.batch(indices)[0])
                for head, batches in said.items():
                    batches.append(self._say(head, features, task))
        self._teacher = {head: torch.cat(batches) for head, batches in said.items()}

    def penalty(self, parameters: Tensor, batch: Batch, task: TaskContext) -> Tensor | None:
        """Compute the divergence of what the batch's features say now."""
        found = [
            functional.kl_div(self._say(head, batch.features, task), teacher.index_select(0, batch.indices), reduction="batchmean", log_target=True)
            for head, teacher in self._teacher.items()
        ]
        return self.strength * self.temperature**2 * torch.stack(found).sum() if found else None

    def end_task(self, task: TaskContext) -> None:
        """Remember which units mean a class so far."""
        self._earlier[task.head] = task.examples.candidates

    def _say(self, head: int, features: Tensor, task: TaskContext) -> Tensor:
        outputs, units = task.network.heads[head](features), self._earlier[head]
        outputs = outputs if units is None else outputs.index_select(1, units)
        return torch.log_softmax(outputs.to(task.flat.parameters.dtype) / self.temperature, 1)
