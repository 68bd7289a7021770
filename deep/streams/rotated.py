"""Rotated streams: every task turns its images by another, seeded angle."""

from dataclasses import dataclass
from typing import ClassVar

from deep.streams.base import STREAMS, StreamOptions
from deep.streams.division import Division
from deep.streams.orders import ordering
from deep.streams.seeds import Role, generator
from deep.streams.task import StreamTask
from deep.streams.transforms import Rotation
from theory.checks import between


@STREAMS.register
@dataclass(frozen=True)
class Rotated(StreamOptions):
    """Every task has one angle and all classes; an order permutes the tasks.

    Task t of T turns by an angle drawn uniformly between t/T and (t+1)/T of the greatest one, as GEM's public code does.

    Parameters
    ----------
    tasks : int
    max_angle : float
        Greatest angle in degrees, at most 360.
    """

    kind: ClassVar[str] = "rotated"

    tasks: int = 10
    max_angle: float = 180.0

    def __post_init__(self) -> None:
        super().__post_init__()
        between(self.max_angle, "the greatest angle", 0.0, 360.0)

    def _tasks(self, divisions: tuple[Division, ...], seed: int, order: int) -> list[StreamTask]:
        (division,) = divisions
        classes = range(len(division.dataset.classes))
        tasks = []
        for number in ordering(self.tasks, order, seed):
            place = number + generator(seed, Role.ROTATION, number).random()
            degrees = place * self.max_angle / self.tasks
            tasks.append(self._task(f"rotation {degrees:.2f} degrees", division, classes, seed, number, Rotation(degrees), f" rotated {number}"))
        return tasks
