"""Online elastic weight consolidation: parameters are held the firmer the more earlier tasks' predictions depend on them."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from deep.strategies.regime import MOST, Anchored
from deep.training.fisher import LABELS, fisher
from deep.training.strategy import STRATEGIES
from deep.training.task import TaskContext
from theory.checks import between, known, whole


@STRATEGIES.register
@dataclass(eq=False, kw_only=True)
class EWC(Anchored):
    """Add (strength / 2) sum_i F_i (theta_i - theta*_i)^2 to the loss, theta* where the previous task ended.

    Parameters
    ----------
    strength : float
        Useful values depend on network and data by orders of magnitude; choose it on validation data.
    labels : {"exact", "sampled", "empirical"}
        Of the Fisher information: all, weighted by the model's own probabilities; one drawn by these; the true one.
    decay : float
        F <- decay F + F_t after task t, between 0 and 1; 1 is the sum of all tasks'.
    probe_examples : int
        Training examples on which a task's Fisher information is measured.
    **options
        Of `deep.strategies.regime.Regime`: depth, since.

    Notes
    -----
    Sources: arXiv 1612.00796; online: arXiv 1805.06370. F_t is the diagonal, also of what does not train, the mean over examples of
    each one's squared gradient, with normalisation layers in evaluation mode.
    """

    name: ClassVar[str] = "ewc"

    strength: float = 100.0
    labels: str = "exact"
    decay: float = 1.0
    probe_examples: int = 200

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self.strength, "the strength", 0.0, MOST)
        known(self.labels, LABELS, "labels of the Fisher information:")
        between(self.decay, "the decay", 0.0, 1.0)
        whole(self.probe_examples, "the number of probed examples", 1)

    def weigh(self, task: TaskContext, earlier: Tensor | None) -> Tensor:
        """Add the task's Fisher information to what is left of the earlier."""
        own = fisher(task, task.draw(self.probe_examples), self.labels)
        return own if earlier is None else own.add_(earlier, alpha=self.decay)
