"""Frozen training: after the first task only the last stages train."""

from dataclasses import dataclass
from typing import ClassVar

from deep.strategies.regime import Regime
from deep.training.strategy import STRATEGIES


@STRATEGIES.register
@dataclass(eq=False)
class Frozen(Regime):
    """Train everything on the first task, then only the task-specific part: the head and the last stages before it.

    Parameters
    ----------
    depth : int
        Number of stages that train, the head included; 1 is the head alone.
    since : {"first", "second"}
        Task from which the depth holds.

    Notes
    -----
    Source: arXiv 2602.20796 ("fixing most parameters"); how many train is not published to us, head and last stage is ours.
    Trainable depth as an axis: arXiv 2604.21927.
    """

    name: ClassVar[str] = "frozen"

    depth: int | None = 2
