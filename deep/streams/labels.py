"""Task-, domain- and class-incremental views: which output unit stands for which class, and which may be predicted.

Source of the three scenarios: van de Ven, Tuytelaars, Tolias, Nature Machine Intelligence 4 (2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deep.streams.task import StreamTask
from theory.checks import known
from theory.errors import InputError

SCENARIOS = ("task", "domain", "class")


@dataclass(frozen=True)
class LabelView:
    """Outputs of a network that is trained on a stream.

    Parameters
    ----------
    scenario : {"task", "domain", "class"}
        Whether the task is known at evaluation (one head per task), need not be known (one head whose unit j stands for
        every task's class j), or has to be inferred (one head with a unit for every class).
    heads : tuple of int
        Per task, the number of its head.
    sizes : tuple of int
        Per head, the number of its output units.
    units : tuple of tuple of int
        Per task, the unit of each of its classes.
    """

    scenario: str
    heads: tuple[int, ...]
    sizes: tuple[int, ...]
    units: tuple[tuple[int, ...], ...]

    def targets(self, task: int, labels: np.ndarray) -> np.ndarray:
        """Return the units of examples of ``task`` whose labels count within the task."""
        return np.array(self.units[task], dtype=np.int64)[labels]

    def candidates(self, task: int, trained: int) -> tuple[int, ...]:
        """Return the units among which an example of ``task`` is classified once the tasks up to ``trained`` are trained.

        In the class-incremental scenario these are all classes of tasks trained so far and of ``task`` itself.
        """
        if self.scenario != "class":
            return self.units[task]
        return tuple(sorted({unit for units in self.units[:max(task, trained) + 1] for unit in units}))


def label_view(tasks: Sequence[StreamTask], scenario: str) -> LabelView:
    """Return the view of ``tasks`` in a scenario.

    Raises
    ------
    InputError
        For an unknown scenario, or domain-incremental tasks with unequal numbers of classes.
    """
    known(scenario, SCENARIOS, "scenario")
    counts = [len(task.classes) for task in tasks]
    within = tuple(tuple(range(count)) for count in counts)
    if scenario == "task":
        return LabelView(scenario, tuple(range(len(tasks))), tuple(counts), within)
    if scenario == "domain":
        if len(set(counts)) > 1:
            raise InputError(f"domain-incremental tasks share their outputs, but have {counts} classes; choose tasks with equally many")
        return LabelView(scenario, (0,) * len(tasks), (counts[0],), within)
    unit: dict[str, int] = {}
    for key in (key for task in tasks for key in task.keys):
        unit.setdefault(key, len(unit))
    return LabelView(scenario, (0,) * len(tasks), (len(unit),), tuple(tuple(unit[key] for key in task.keys) for task in tasks))
