"""Examples of earlier tasks that a strategy keeps; an interrupted run finds them again by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from deep.streams.seeds import Role, generator
from theory.checks import known, whole

if TYPE_CHECKING:
    from deep.strategies import Strategy
    from deep.training.examples import Examples
    from deep.training.task import TaskContext

KEEPS = ("ring", "reservoir")
_STATE = "memories of examples"  # beside what a strategy's own `state` returns


class Memory:
    """Examples of the tasks so far, by their places in these; an attribute of a strategy, which need not save or load it.

    Parameters
    ----------
    size : int
        Number of examples at most.
    keep : {"ring", "reservoir"}
        The last ``size`` examples of each task that were seen; or ``size`` in all, to which each example seen belongs with
        the same probability.

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

    def __init__(self, size: int, keep: str = "ring") -> None:
        self.size, self.keep = whole(size, "the size of the memory", 1), known(keep, KEEPS, "way to keep examples:")
        self._seen = self._draws = 0
        self._kept: dict[int, tuple[list[int], Examples]] = {}

    def __len__(self) -> int:
        return sum(len(places) for places, _ in self._kept.values())

    @property
    def examples(self) -> Mapping[int, Examples]:
        """What is kept, by the number of the task."""
        return {number: examples for number, (_, examples) in self._kept.items()}

    def see(self, task: TaskContext, indices: Sequence[int] | None = None) -> None:
        """Take up examples of a task, default all in a random order; waits for a GPU, so better once a task than once a step."""
        if indices is None:
            indices = generator(task.seed, Role.STRATEGY, task.number).permutation(len(task.examples)).tolist()
        new = [(task.number, int(index)) for index in indices]
        kept = [(number, place) for number, (places, _) in self._kept.items() for place in places]
        if self.keep == "ring":
            own = [entry for entry in kept if entry[0] == task.number] + new
            kept = [entry for entry in kept if entry[0] != task.number] + own[-self.size :]
        else:
            slots = generator(task.seed, Role.STRATEGY, task.number, self._seen).integers(0, self._seen + 1 + np.arange(len(new)))
            for entry, slot in zip(new, slots, strict=True):
                if len(kept) < self.size:
                    kept.append(entry)
                elif slot < self.size:
                    kept[slot] = entry
        self._seen += len(new)
        found = {**self._kept, task.number: (range(len(task.examples)), task.examples)}
        places: dict[int, list[int]] = {}
        for number, place in kept:
            places.setdefault(number, []).append(place)
        self._kept = {number: (own, _subset(found[number][1], map(found[number][0].index, own))) for number, own in places.items()}

    def draw(self, task: TaskContext, count: int) -> list[Examples]:
        """Return ``count`` of the examples, or all if there are no more, task by task; others at the next call."""
        self._draws += 1
        chosen = generator(task.seed, Role.STRATEGY, task.number, self._draws, 0).permutation(len(self))[:count]
        found, start = [], 0
        for places, examples in self._kept.values():
            own = [int(place) - start for place in chosen if start <= place < start + len(places)]
            found += [_subset(examples, own)] if own else []
            start += len(places)
        return found

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds of the memory: places, no images."""
        kept = {number: places for number, (places, _) in self._kept.items()}
        return {"size": self.size, "keep": self.keep, "seen": self._seen, "draws": self._draws, "kept": kept}

    @classmethod
    def restored(cls, state: Mapping[str, Any], training: Callable[[int], Examples]) -> Memory:
        """Return the memory with a state; ``training`` gives the examples of a task."""
        memory = cls(state["size"], state["keep"])
        memory._seen, memory._draws = state["seen"], state["draws"]
        memory._kept = {number: (places, _subset(training(number), places)) for number, places in state["kept"].items()}
        return memory


def strategy_state(strategy: Strategy) -> dict[str, Any]:
    """Return what a strategy says that it needs later, and the memories that it has as attributes."""
    memories = {name: value.state() for name, value in vars(strategy).items() if isinstance(value, Memory)}
    return strategy.state() | ({_STATE: memories} if memories else {})


def load_strategy(strategy: Strategy, state: Mapping[str, Any], training: Callable[[int], Examples]) -> None:
    """Give a strategy what `strategy_state` has returned."""
    for name, memory in state.get(_STATE, {}).items():
        setattr(strategy, name, Memory.restored(memory, training))
    strategy.load({name: value for name, value in state.items() if name != _STATE})


def _subset(examples: Examples, places: Iterable[int]) -> Examples:
    return examples.subset(torch.tensor(list(places), device=examples.inputs.device))
