"""Correlated split streams: neighbouring tasks have a share of their classes in common.

The published text does not say how the classes are shared; this definition is ours.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deep.streams.base import STREAMS, StreamOptions, class_names
from deep.streams.division import Division
from deep.streams.orders import ordering
from deep.streams.seeds import Role, generator
from deep.streams.split import default_tasks
from deep.streams.task import StreamTask
from theory.checks import known, share
from theory.errors import InputError

EXAMPLES = ("repeated", "divided")


def sliding_classes(classes: int, tasks: int, per_task: int, common: int) -> list[list[int]]:
    """Return windows of ``per_task`` places out of ``classes``, each sharing ``common`` with the one before.

    Raises
    ------
    InputError
        If the windows need more classes than there are.
    """
    step = per_task - common
    needed = per_task + (tasks - 1) * step
    if needed > classes:
        windows = f"{tasks} tasks of {per_task} classes, {common} in common between neighbours, need {needed} classes but there are {classes}"
        raise InputError(f"{windows}; choose fewer tasks, a smaller classes_per_task or a greater common")
    return [list(range(task * step, task * step + per_task)) for task in range(tasks)]


@STREAMS.register
@dataclass(frozen=True)
class CorrelatedSplit(StreamOptions):
    """Windows that slide over the classes; an order permutes the classes, so that neighbours keep their share.

    Parameters
    ----------
    tasks : int, optional
        Default 5 for up to 20 classes, 10 above.
    classes_per_task : int, optional
        Default the number of classes divided by that of tasks.
    common : float
        Share of a task's classes, in [0, 1], that the task before has as well; a whole number of classes.
    examples : {"repeated", "divided"}
        Whether tasks with a class in common train on all of its images each, or on disjoint parts of equal size.
    """

    kind: ClassVar[str] = "correlated-split"

    tasks: int | None = None
    classes_per_task: int | None = None
    common: float = 0.5
    examples: str = "repeated"

    def __post_init__(self) -> None:
        super().__post_init__()
        share(self.common, "the share of classes in common")
        known(self.examples, EXAMPLES, "use of examples")

    def _windows(self, classes: int) -> list[list[int]]:
        tasks = default_tasks(classes) if self.tasks is None else self.tasks
        per_task = max(classes // tasks, 1) if self.classes_per_task is None else self.classes_per_task
        common = round(self.common * per_task)
        if abs(common - self.common * per_task) > 1e-9:
            remedy = f"choose a multiple of 1/{per_task} for common, or another classes_per_task"
            raise InputError(f"a share of {self.common:g} of {per_task} classes is no whole number of classes; {remedy}")
        return sliding_classes(classes, tasks, per_task, common)

    def _tasks(self, divisions: tuple[Division, ...], seed: int, order: int) -> list[StreamTask]:
        (division,) = divisions
        count = len(division.dataset.classes)
        arranged = ordering(count, order, seed)
        groups = [[arranged[place] for place in window] for window in self._windows(count)]
        holders = {label: [task for task, group in enumerate(groups) if label in group] for label in range(count)}
        tasks = []
        for number, group in enumerate(groups):
            train = [self._examples(division, label, holders[label], number, seed) for label in group]
            tasks.append(self._task(class_names(group), division, group, seed, number, train=train))
        return tasks

    def _examples(self, division: Division, label: int, holders: list[int], task: int, seed: int) -> np.ndarray:
        indices = division.train[label]
        if self.examples == "repeated" or len(holders) == 1:
            return indices
        if len(indices) < len(holders):
            raise InputError(f"class {label} has {len(indices)} training images for {len(holders)} tasks; choose examples='repeated' or a smaller common")
        shuffled = generator(seed, Role.SHARED_EXAMPLES, label).permutation(indices)
        return np.sort(np.array_split(shuffled, len(holders))[holders.index(task)])
