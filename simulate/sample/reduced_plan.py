"""An experiment as the reduced sampler works it off: truths in coordinates, and how many coordinates every task needs."""

from __future__ import annotations

from dataclasses import dataclass

from simulate.sample.coordinates import TruthCoordinates, truth_coordinates
from simulate.sample.plan import TaskPlan, make_tasks
from theory.conditions import MinNorm, Ridge
from theory.problem import TaskSequence

_FLOAT = 8


@dataclass(frozen=True)
class Basis:
    """Directions that a block's coordinates have before a task.

    Parameters
    ----------
    width : int
        Their number.
    own : bool
        Whether the last one belongs to the estimate alone.
    """

    width: int
    own: bool

    def after(self, outside: int, kept: int, moved: bool) -> Basis:
        """Return the basis after a task that keeps ``kept`` samples and may move the estimate ``outside`` dimensions."""
        directions = min(kept, outside)
        own = self.own and not kept
        fresh = moved and outside > directions and not own
        return Basis(self.width + directions + fresh, own or fresh)


@dataclass(frozen=True)
class ReducedPlan:
    """An experiment as the reduced sampler works it off.

    Parameters
    ----------
    dimensions : tuple of int
        Of the blocks.
    truths : tuple of TruthCoordinates
        Of the blocks.
    tasks : tuple of TaskPlan
        In the order of training.
    bases : tuple of tuple of Basis
        Of every block, before every task.
    banded : bool
        Whether ridge steps are taken from bands (`simulate.sample.factors.ridge_corner`).
    """

    dimensions: tuple[int, ...]
    truths: tuple[TruthCoordinates, ...]
    tasks: tuple[TaskPlan, ...]
    bases: tuple[tuple[Basis, ...], ...]
    banded: bool = False

    def outside(self, t: int, block: int) -> int:
        """Dimensions of a block outside its basis before task ``t``."""
        return self.dimensions[block] - self.bases[t][block].width

    def is_short(self, task: TaskPlan) -> bool:
        """Whether a task needs no sample as such, so that its cost does not depend on their number, or with bands is linear in it."""
        trained, ridge = sum(self.dimensions[block] for block in task.trained), self.banded and isinstance(task.rule, Ridge)
        even = (task.samples >= trained and not ridge) or len(set(task.weights)) == 1
        return (ridge or isinstance(task.rule, MinNorm)) and not task.memory and not task.kept and not task.teachers and even

    @property
    def bytes_per_trial(self) -> int:
        """Estimate of the working memory that one trial takes at its peak, without its results."""
        state = sum(basis.width * (3 + len(truths.users)) for basis, truths in zip(self.bases[-1], self.truths, strict=True))
        stored = sum(task.kept * (1 + sum(self.bases[-1][block].width for block in task.used)) for task in self.tasks)
        return _FLOAT * (2 * state + stored + max(self.floats(t) for t in range(len(self.tasks))))

    def floats(self, t: int) -> int:
        """Estimate of the numbers that one trial of task ``t`` handles."""
        task, n = self.tasks[t], self.tasks[t].samples
        inside = sum(self.bases[t][block].width for block in task.trained)
        if self.is_short(task):
            q = min(n, inside + 1)
            most = min(n, sum(self.outside(t, block) for block in task.trained)) if isinstance(task.rule, Ridge) else 0
            return (4 + 6 * (most > 0)) * q * (inside + 1 + q) + 8 * (inside + 1) + most * (q + 12)
        used = sum(self.bases[t][block].width + min(n, self.outside(t, block)) for block in task.used)
        return 5 * task.rows * used + 4 * min(task.rows, used) ** 2 + 8 * task.rows


def make_reduced_plan(seq: TaskSequence, banded: bool = False) -> ReducedPlan:
    """Return the plan of an experiment whose values are all numbers, ``banded`` as in `ReducedPlan`; raises InputError as `make_plan` does."""
    names, dimensions, tasks = make_tasks(seq)
    truths = tuple(truth_coordinates(seq, name) for name in names)
    bases = [tuple(Basis(truth.width, False) for truth in truths)]
    for task in tasks:
        outside = [dimension - basis.width for dimension, basis in zip(dimensions, bases[-1], strict=True)]
        bases.append(tuple(
            basis.after(outside[block], task.kept if block in task.used else 0, block in task.trained and task.rows > 0)
            for block, basis in enumerate(bases[-1])
        ))  # fmt: skip
    return ReducedPlan(dimensions, truths, tasks, tuple(bases), banded)
