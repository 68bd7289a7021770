"""Replay: examples of earlier tasks that were kept are trained on along with the task's own."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from deep.strategies.regime import MOST, Rehearsing
from deep.training.examples import Examples
from deep.training.memory import KEEPS, Memory
from deep.training.strategy import STRATEGIES
from deep.training.task import Batch, TaskContext
from theory.checks import between, known, whole
from theory.errors import InputError

WEIGHTS = ("one", "tasks")


@dataclass(eq=False, kw_only=True)
class Sampling(Rehearsing):
    """A regime that draws examples from its memory at every step; not used by itself.

    Parameters
    ----------
    memory_size : int
        Examples, of each task with "ring", else in all.
    keep : {"ring", "reservoir", "balanced"}
        What is kept, as `deep.training.memory.Memory` says.
    sample : int
        Examples drawn at a step, of each head's part of the memory its share.
    """

    memory_size: int = 256
    keep: str = "ring"
    sample: int = 32
    memory: Memory = field(init=False, repr=False)
    _parts: list[Examples] = field(init=False, default_factory=list, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        known(self.keep, KEEPS, "way to keep examples:")
        self.memory = Memory(whole(self.memory_size, "the size of the memory", 1), self.keep)
        whole(self.sample, "the number of examples drawn", 1)

    def begin_task(self, task: TaskContext) -> None:
        """Take up what is kept."""
        self._parts = self.memory.by_head(task)

    def drawn(self) -> list[tuple[float, Examples]]:
        """Draw from each head's part; return its share of the memory, and the examples."""
        shares = [len(part) / len(self.memory) for part in self._parts]
        return [(share, part.sample(max(round(self.sample * share), 1))) for share, part in zip(shares, self._parts, strict=True)]

    def end_task(self, task: TaskContext) -> None:
        """Keep examples of the task."""
        self.memory.see(task)


@STRATEGIES.register
@dataclass(eq=False, kw_only=True)
class Replay(Sampling):
    """Add strength times the mean loss of examples drawn from a memory to the loss.

    Parameters
    ----------
    strength : float
    weight : {"one", "tasks"}
        Times the number of earlier tasks, so that all tasks count alike: with a memory that holds everything, and tasks of one
        size, the expected gradient is the sum of those of all tasks' losses so far.
    **options
        Of `Sampling` and of `deep.strategies.regime.Rehearsing`: depth, since, old_heads.

    Notes
    -----
    Reservoir: Vitter, ACM TOMS 11 (1985).
    """

    name: ClassVar[str] = "replay"

    keep: str = "reservoir"
    strength: float = 1.0
    weight: str = "one"

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self.strength, "the strength", 0.0, MOST)
        known(self.weight, WEIGHTS, "weight of the memory:")

    def penalty(self, parameters: Tensor, batch: Batch, task: TaskContext) -> Tensor | None:
        """Compute the memory's loss."""
        try:
            losses = [share * task.mean_loss(examples) for share, examples in self.drawn()]
        except ValueError as error:  # of batch normalisation
            raise InputError(f"a step draws a single example of a head, of sample={self.sample} in all ({error}); raise sample, or choose normalisation group or layer") from error
        return sum(losses[1:], losses[0]) * (self.strength * (task.number if self.weight == "tasks" else 1)) if losses else None
