"""Permuted streams: every task sees the pixels of its images in another, seeded order."""

from dataclasses import dataclass
from typing import ClassVar

from deep.streams.base import STREAMS, StreamOptions, class_names
from deep.streams.division import Division
from deep.streams.orders import ordering
from deep.streams.split import divide_classes
from deep.streams.task import StreamTask
from deep.streams.transforms import Permutation, Unchanged
from theory.checks import flag


@STREAMS.register
@dataclass(frozen=True)
class Permuted(StreamOptions):
    """Every task has one permutation of the pixels; an order permutes the tasks.

    A task's permutation depends on the seed and its number only: more tasks extend a stream.

    Parameters
    ----------
    tasks : int
    original_first : bool
        Whether task 0 keeps the images as they are (GEM's stream permutes every task).
    split : bool
        Whether the classes are divided among the tasks as well; else every task has all of them.
    """

    kind: ClassVar[str] = "permuted"

    tasks: int = 10
    original_first: bool = False
    split: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        flag(self.original_first, "original_first")
        flag(self.split, "split")

    def _tasks(self, divisions: tuple[Division, ...], seed: int, order: int) -> list[StreamTask]:
        (division,) = divisions
        classes = list(range(len(division.dataset.classes)))
        groups = divide_classes(classes, self.tasks) if self.split else [classes] * self.tasks
        tasks = []
        for number in ordering(self.tasks, order, seed):
            original = self.original_first and number == 0
            name = "original pixels" if original else f"permutation {number}"
            transform = Unchanged() if original else Permutation(seed, number)
            name = f"{name}, {class_names(groups[number])}" if self.split else name
            tasks.append(self._task(name, division, groups[number], seed, number, transform, f" permuted {number}"))
        return tasks
