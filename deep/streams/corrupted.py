"""Corrupted split streams: own classes for every task, and pixel noise that grows over the tasks."""

from dataclasses import dataclass
from typing import ClassVar

from deep.streams.base import STREAMS, class_names
from deep.streams.division import Division
from deep.streams.orders import ordering
from deep.streams.split import Split, arranged_classes, divide_classes
from deep.streams.task import StreamTask
from deep.streams.transforms import Noise
from theory.checks import between


@STREAMS.register
@dataclass(frozen=True)
class CorruptedSplit(Split):
    """Split with noise on all images; an order permutes the groups of classes, the noise grows from place to place.

    Task t of T has noise of standard deviation max_noise t/(T-1); the first is clean. The published text does not say
    which noise it adds; Gaussian noise is our choice.

    Parameters
    ----------
    max_noise : float
        Standard deviation in the last task as a share of the range of grey values, in [0, 1].
    """

    kind: ClassVar[str] = "corrupted-split"

    max_noise: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self.max_noise, "the greatest noise", 0.0, 1.0)

    def _tasks(self, divisions: tuple[Division, ...], seed: int, order: int) -> list[StreamTask]:
        (division,) = divisions
        groups = divide_classes(arranged_classes(len(division.dataset.classes), self.class_order, seed), self.tasks)
        tasks = []
        for place, number in enumerate(ordering(len(groups), order, seed)):
            level = self.max_noise * place / max(len(groups) - 1, 1)
            name = f"{class_names(groups[number])}, noise {level:.3g}"
            tasks.append(self._task(name, division, groups[number], seed, number, Noise(level, seed, number)))
        return tasks
