"""Records of pairs of tasks, read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from deep.records import built


@dataclass(frozen=True)
class PairRecord:
    """One ordered pair of tasks in one unit, on validation data.

    Parameters
    ----------
    preset, stream : str
    order, seed : int
    first, second : int
        Numbers of the tasks in the stream.
    samples : int
        Training examples of the second task.
    dimensions : tuple of int
        Parameters of the shared part, which frozen training keeps, and of the specific part; separate heads belong to neither.
    distance : tuple of float
        |w_2 - w_1|^2 in the shared and in the specific part, w the truths.
    error : tuple of float
        |theta_1 - w_1|^2 in both parts, theta_1 after training on the first task.
    frozen, initialized : tuple of float
        Accuracy on the first task after its own training, on the first task in the end, and on the second.
    """

    KIND: ClassVar[str] = "task-pair"

    preset: str
    stream: str
    order: int
    seed: int
    first: int
    second: int
    samples: int
    dimensions: tuple[int, int]
    distance: tuple[float, float]
    error: tuple[float, float]
    frozen: tuple[float, float, float]
    initialized: tuple[float, float, float]

    @property
    def advantage(self) -> float:
        """Mean accuracy on both tasks in the end under frozen training minus that under initialized training."""
        return (sum(self.frozen[1:]) - sum(self.initialized[1:])) / 2

    @property
    def kept(self) -> float:
        """Accuracy on the first task in the end under frozen training minus that under initialized training."""
        return self.frozen[1] - self.initialized[1]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PairRecord:
        """Return the record of the fields that `deep.records.to_json` writes."""
        return built(cls, value)
