"""Domain streams: every task is another data set, with all of its classes."""

from dataclasses import dataclass
from typing import ClassVar

from deep.data import Dataset
from deep.streams.base import STREAMS, StreamOptions
from deep.streams.division import Division
from deep.streams.orders import ordering
from deep.streams.task import StreamTask
from theory.errors import InputError


@STREAMS.register
@dataclass(frozen=True)
class Domains(StreamOptions):
    """One data set after another; an order permutes them."""

    kind: ClassVar[str] = "domains"

    def _check_datasets(self, datasets: tuple[Dataset, ...]) -> None:
        names = [dataset.name for dataset in datasets]
        if len(datasets) < 2 or len(set(names)) < len(names):
            raise InputError(f"a domain stream is made of two or more different data sets, not of {names}; join their names by '+'")
        shapes = {dataset.name: dataset.image_shape for dataset in datasets}
        if len(set(shapes.values())) > 1:
            raise InputError(f"the images of a domain stream have one shape, not {shapes}; choose data sets of the same shape")

    def _tasks(self, divisions: tuple[Division, ...], seed: int, order: int) -> list[StreamTask]:
        return [
            self._task(divisions[place].dataset.name, divisions[place], range(len(divisions[place].dataset.classes)), seed, place)
            for place in ordering(len(divisions), order, seed)
        ]
