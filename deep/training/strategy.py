"""What every strategy is: a small object that sees the training of a task as one flat vector."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from theory.checks import known, whole
from theory.errors import InputError
from theory.parts import Parts, named_class

if TYPE_CHECKING:
    from deep.training.task import Batch, TaskContext

STARTS = ("previous", "fresh")


@dataclass(frozen=True)
class StepPlan:
    """Which part of the network a task trains, and from where.

    Parameters
    ----------
    trained : tuple of bool, one for each stage
        Of the last stage, the heads, the task's own one is trained, and those that ``heads`` names.
    start : {"previous", "fresh"}
        Whether trained stages start from the parameters after the previous task or from those of the untrained network.
    weights : tuple of float, one for each stage, optional
        Factors of the stages' steps; default 1.
    heads : tuple of int, optional
        Numbers of other heads that train too.
    """

    trained: tuple[bool, ...]
    start: str = "previous"
    weights: tuple[float, ...] | None = None
    heads: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        known(self.start, STARTS, "start of a task")
        if not any(self.trained):
            raise InputError("the plan trains no stage; train the head at least")
        if self.weights is not None and (len(self.weights) != len(self.trained) or min(self.weights) < 0):
            raise InputError(f"the step weights are {self.weights}; give a number of at least 0 for each of {len(self.trained)} stages")


def last_stages(stages: Sequence[str], depth: int) -> tuple[bool, ...]:
    """Return the plan's stages at a trainable depth: 1 trains the head only, the number of stages everything.

    Raises
    ------
    InputError
        If the network has fewer stages.
    """
    if not 1 <= whole(depth, "the depth", 1) <= len(stages):
        raise InputError(f"depth {depth} is beyond the network, which has {len(stages)} stages ({', '.join(stages)}); choose 1 to {len(stages)}")
    return tuple(number >= len(stages) - depth for number in range(len(stages)))


def everything(stages: Sequence[str]) -> tuple[bool, ...]:
    """Return a plan's stages where all of them train."""
    return (True,) * len(stages)


@dataclass(eq=False)
class Strategy:
    """A way to learn tasks one after another; fields of subclasses are its options.

    The loop owns forward, backward and the optimiser's step; it calls, for each task, `begin_task`, `plan` (`first_plan` for the
    first task, which trains everything from the seeded start unless a strategy says otherwise), then for each step `penalty`,
    `transform_gradient` and `after_step`, and in the end `end_task`.

    The hooks of a step get the task, whose ``mask`` says which parameters it trains. Only those move: a constraint on a step,
    such as that of GEM, has to be one on its masked part. Examples that a hook passes through the network are counted by the
    task. Attributes that are a `deep.training.memory.Memory` are saved and restored by themselves, and so are those
    that ``remembered`` names; all else by `state` and `load`.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import driftlaw as dl
    >>> @dataclass(eq=False)
    ... class Damped(dl.Strategy):
    ...     name = "damped"
    ...     factor: float = 0.5
    ...     def transform_gradient(self, gradient, task):
    ...         return gradient * self.factor if task.number else gradient

    ``RunConfig(strategy=Damped(0.1))`` trains with it; ``@STRATEGIES.register`` above makes its name known to the command line.
    """

    name: ClassVar[str]
    captured: ClassVar[bool] = False
    """Whether the hooks of a step keep to the device and do the same each time, so that a GPU may replay them (execution "captured")."""

    remembered: ClassVar[tuple[str, ...]] = ()
    """Attributes that a later task needs, None at first, of which `state` and `load` are made."""

    makes_prototypes: ClassVar[bool] = False
    """Whether it leaves class means behind, for networks that classify by these."""

    def check(self, stages: Sequence[str]) -> None:
        """Raise InputError if the options do not fit a network with these stages; called before anything is trained."""

    def begin_task(self, task: TaskContext) -> None:
        """Look at the task before its first step, from the first task on."""

    def first_plan(self, task: TaskContext) -> StepPlan:
        """Return what the first task trains; default: everything."""
        return StepPlan(everything(task.stages))

    def plan(self, task: TaskContext) -> StepPlan:
        """Return what a task after the first one trains; default: everything."""
        return StepPlan(everything(task.stages))

    def penalty(self, parameters: Tensor, batch: Batch, task: TaskContext) -> Tensor | None:
        """Compute a scalar that is added to the loss, in the flat parameters (a leaf) or the batch's features and outputs."""
        return None

    def transform_gradient(self, gradient: Tensor, task: TaskContext) -> Tensor:
        """Return the gradient that the optimiser takes, shape (P,), its part in ``task.mask``; it may be changed in place."""
        return gradient

    def after_step(self, step: Tensor, task: TaskContext) -> None:
        """Look at the step just taken, shape (P,)."""

    def changed(self) -> list[Tensor]:
        """Return the tensors that hooks of a step change, in place; wanted of a strategy that is ``captured``."""
        return []

    def end_task(self, task: TaskContext) -> None:
        """Look at the trained task; may move parameters by ``task.flat.set``."""

    def decision(self) -> dict[str, Any]:
        """Return what was decided for the task just trained, such as scores, in JSON values; for the record."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return what a later task needs: tensors, numbers, text, and lists, tuples and dictionaries of them."""
        return {name.strip("_"): value for name in self.remembered if (value := getattr(self, name)) is not None}

    def load(self, state: dict[str, Any]) -> None:
        """Take up a state that `state` has returned."""
        names = {name.strip("_"): name for name in self.remembered}
        if others := [name for name in state if name not in names]:
            raise InputError(f"the strategy {self.name} keeps no state, but the checkpoint holds {', '.join(others)}; start the run anew")
        for name, value in state.items():
            setattr(self, names[name], value)

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """Return the names of the options."""
        return tuple(field.name for field in dataclasses.fields(cls) if field.init)


STRATEGIES: Parts[type[Strategy]] = Parts("strategy", named_class(Strategy, "name"), "deep.strategies")


def strategy(kind: str | type[Strategy], **options: Any) -> Strategy:
    """Return a strategy, by its name or of its class, with its options and without state.

    Raises
    ------
    InputError
        For an unknown name or option (suggests the nearest), or a value that the strategy refuses.
    """
    kind = STRATEGIES.find(kind) if isinstance(kind, str) else kind
    for option in options:
        if not kind.options():
            raise InputError(f"the strategy {kind.name} takes no options, but {option!r} is given; leave it out")
        known(option, kind.options(), f"option of the strategy {kind.name}:")
    return kind(**options)
