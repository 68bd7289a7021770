"""Split streams: the classes are divided among the tasks (5 x 2, 10 x 10, 20 x 5, any)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from deep.streams.base import STREAMS, StreamOptions, class_names
from deep.streams.division import Division
from deep.streams.orders import ordering
from deep.streams.seeds import Role, generator
from deep.streams.task import StreamTask
from theory.checks import known
from theory.errors import InputError

CLASS_ORDERS = ("natural", "seeded")


def arranged_classes(count: int, class_order: str, seed: int) -> list[int]:
    """Return the labels 0..count-1 in the natural or in a seeded order."""
    if class_order == "natural":
        return list(range(count))
    return [int(label) for label in generator(seed, Role.CLASS_ORDER).permutation(count)]


def default_tasks(classes: int) -> int:
    """Return 5 for up to 20 classes (5 x 2), 10 above (10 x 10)."""
    return 5 if classes <= 20 else 10


def divide_classes(classes: Sequence[int], tasks: int | None) -> list[list[int]]:
    """Divide classes into ``tasks`` groups of equal size, in their order.

    Parameters
    ----------
    classes : sequence of int
    tasks : int, optional
        Default `default_tasks`.

    Raises
    ------
    InputError
        If they do not divide; names the numbers that do.
    """
    count = len(classes)
    tasks = default_tasks(count) if tasks is None else tasks
    if count % tasks:
        fitting = [number for number in range(1, count + 1) if count % number == 0]
        raise InputError(f"{count} classes do not divide into {tasks} tasks of equal size; choose {', '.join(map(str, fitting))} tasks")
    size = count // tasks
    return [list(classes[first:first + size]) for first in range(0, count, size)]


@STREAMS.register
@dataclass(frozen=True)
class Split(StreamOptions):
    """Every task has its own classes; an order permutes the tasks.

    Parameters
    ----------
    tasks : int, optional
        Default 5 for up to 20 classes, 10 above.
    class_order : {"natural", "seeded"}
        How the classes are arranged before they are divided among the tasks.
    classes : (int, int), optional
        The first of the classes that the stream has, and the one after the last; default all. Others may have pretrained a network.
    """

    kind: ClassVar[str] = "split"

    tasks: int | None = None
    class_order: str = "natural"
    classes: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        known(self.class_order, CLASS_ORDERS, "class order")

    def _tasks(self, divisions: tuple[Division, ...], seed: int, order: int) -> list[StreamTask]:
        (division,) = divisions
        count = len(division.dataset.classes)
        first, after = self.classes or (0, count)
        if not 0 <= first < after <= count:
            raise InputError(f"the classes are {self.classes}, but {division.dataset.name} has {count}; give the first and the one after the last, of (0, {count})")
        groups = divide_classes([first + label for label in arranged_classes(after - first, self.class_order, seed)], self.tasks)
        places = ordering(len(groups), order, seed)
        return [self._task(class_names(groups[place]), division, groups[place], seed, place) for place in places]
