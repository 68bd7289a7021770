"""Examples of earlier tasks that a strategy keeps; an interrupted run finds them again by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from deep.streams.seeds import Role, generator
from theory.checks import known, whole

if TYPE_CHECKING:
    from deep.training.examples import Examples
    from deep.training.strategy import Strategy
    from deep.training.task import TaskContext

KEEPS = ("ring", "reservoir", "balanced")
_STATE = "memories of examples"  # beside what a strategy's own `state` returns


@dataclass
class Memory:
    """Examples of the tasks so far, by their places in these; an attribute of a strategy, which need not save or load it.

    Parameters
    ----------
    size : int
        Number of examples, as ``keep`` counts them.
    keep : {"ring", "reservoir", "balanced"}
        The last ``size`` examples of each task that were seen; ``size`` in all, to which each example seen belongs with the same
        probability; or, "balanced", as many of each class, ``size`` shared among the classes seen, rounded down, one at least.

    Examples
    --------
    >>> from deep.strategies import Strategy
    >>> class Replay(Strategy):
    ...     name = "replay"
    ...     def __init__(self):
    ...         self.memory = Memory(20)
    ...     def penalty(self, parameters, batch, task):
    ...         return sum(task.mean_loss(examples) for examples in self.memory.draw(task, 10)) if task.number else None
    ...     def end_task(self, task):
    ...         self.memory.see(task)
    """

    size: int
    keep: str = "ring"
    seen: int = 0
    draws: int = 0
    kept: list[tuple[float, int, int]] = field(default_factory=list)  # rank, task and place in it
    tasks: dict[int, Examples] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        whole(self.size, "the size of the memory", 1)
        known(self.keep, KEEPS, "way to keep examples:")

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def examples(self) -> dict[int, Examples]:
        """What is kept, by the number of the task."""
        return self._grouped(self.kept)

    def see(self, task: TaskContext, indices: Sequence[int] | None = None) -> None:
        """Take up examples of a task, default all in a random order; waits for a GPU, so better once a task than once a step."""
        if indices is None:
            indices = generator(task.seed, Role.STRATEGY, task.number).permutation(len(task.examples)).tolist()
        ranks = generator(task.seed, Role.STRATEGY, task.number, self.seen).random(len(indices))  # the lowest of all stay in a reservoir
        new = [(float(rank), task.number, int(index)) for rank, index in zip(ranks, indices, strict=True)]
        self.tasks[task.number] = task.examples
        if self.keep == "ring":
            own = [entry for entry in self.kept if entry[1] == task.number] + new
            self.kept = [entry for entry in self.kept if entry[1] != task.number] + own[-self.size :]
        elif self.keep == "reservoir":
            self.kept = sorted(self.kept + new)[: self.size]
        else:
            classes: dict[tuple[int, int], list[tuple[float, int, int]]] = {}
            units = {number: examples.units.tolist() for number, examples in self.tasks.items()}
            for entry in sorted(self.kept + new):
                classes.setdefault((self.tasks[entry[1]].head, units[entry[1]][entry[2]]), []).append(entry)
            self.kept = sorted(entry for entries in classes.values() for entry in entries[: max(self.size // len(classes), 1)])
        self.seen += len(new)

    def draw(self, task: TaskContext, count: int) -> list[Examples]:
        """Return ``count`` of the examples, or all if there are no more, task by task; others at the next call."""
        self.draws += 1
        chosen = generator(task.seed, Role.STRATEGY, task.number, self.draws, 0).permutation(len(self))[:count]
        return list(self._grouped([self.kept[number] for number in chosen]).values())

    def by_head(self, task: TaskContext) -> list[Examples]:
        """Return what is kept, joined by head; among all classes so far where the task has the same head."""
        found: dict[int, list[Examples]] = {}
        for examples in self.examples.values():
            found.setdefault(examples.head, []).append(examples)
        return [joined(entries, task.examples.candidates if head == task.head else entries[0].candidates) for head, entries in found.items()]

    def _grouped(self, entries: Sequence[tuple[float, int, int]]) -> dict[int, Examples]:
        places = {number: [place for _, own, place in entries if own == number] for _, number, _ in entries}
        return {number: self.tasks[number].subset(torch.tensor(own, device=self.tasks[number].inputs.device)) for number, own in places.items()}


def joined(several: Sequence[Examples], candidates: Tensor | None) -> Examples:
    """Return examples of one head as one, their classes among these candidates, which hold them all."""
    units = torch.cat([examples.units for examples in several])
    targets = units if candidates is None else torch.searchsorted(candidates, units)
    return replace(several[0], inputs=torch.cat([examples.inputs for examples in several]), targets=targets, candidates=candidates)


def strategy_state(strategy: Strategy) -> dict[str, Any]:
    """Return what a strategy says that it needs later, and the memories that it has as attributes; of these places, no images."""
    memories = {name: {**vars(value), "tasks": {}} for name, value in vars(strategy).items() if isinstance(value, Memory)}
    return strategy.state() | ({_STATE: memories} if memories else {})


def load_strategy(strategy: Strategy, state: Mapping[str, Any], training: Callable[[int], Examples]) -> None:
    """Give a strategy what `strategy_state` has returned; ``training`` gives the examples of a task."""
    for name, memory in state.get(_STATE, {}).items():
        numbers = {number for _, number, _ in memory["kept"]}
        setattr(strategy, name, Memory(**memory | {"tasks": {number: training(number) for number in numbers}}))
    strategy.load({name: value for name, value in state.items() if name != _STATE})
