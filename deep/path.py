"""What happens along the straight line that a task's training spans: theta_{t-1} + s (theta_t - theta_{t-1}).

In a linear model losses along it are exactly parabolas in the length s (see `theory.optima.best_scale`); here they are
measured on trained networks, for the whole step and for the step of each stage alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from deep.records import built
from theory.errors import InputError

SCALES = tuple(float(scale) for scale in np.arange(-5, 31) / 20)
WHOLE = "all stages"


@dataclass(frozen=True)
class PathCurve:
    """Losses and accuracies along one task's step.

    Parameters
    ----------
    part : str
        The stage whose step is scaled while the others take their whole one, or "all stages".
    loss : tuple of float, one for each scale
        Mean over this and the earlier tasks of the mean loss on held-out images, the network's generalization.
    forgetting_loss : tuple of float
        Mean over the earlier tasks of that loss minus what it was when their own training ended.
    accuracy : tuple of float
        Mean accuracy on this and the earlier tasks.
    forgetting : tuple of float
        Mean over the earlier tasks of the accuracy when their own training ended minus that now.
    """

    part: str
    loss: tuple[float, ...]
    forgetting_loss: tuple[float, ...]
    accuracy: tuple[float, ...]
    forgetting: tuple[float, ...]


@dataclass(frozen=True)
class PathRecord:
    """Record of the steps of one run.

    Parameters
    ----------
    key : str
        Of the run.
    config : mapping
        Its configuration.
    stages : tuple of str
    scales : tuple of float
        Lengths s, in increasing order; 0 is the start of the task, 1 the end of its training.
    curves : tuple of tuple of PathCurve
        For every task from the second on, the curve of all stages and one for each stage that was trained.
    """

    KIND: ClassVar[str] = "path"

    key: str
    config: Mapping[str, Any]
    stages: tuple[str, ...]
    scales: tuple[float, ...]
    curves: tuple[tuple[PathCurve, ...], ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PathRecord:
        """Return the record of the fields that `deep.records.to_json` writes."""
        return built(cls, {**value, "curves": tuple(tuple(built(PathCurve, curve) for curve in curves) for curves in value["curves"])})

    def curve(self, task: int, part: str = WHOLE) -> PathCurve | None:
        """Return the curve of a task (from 1) and stage; None for a stage that the task did not train."""
        return next((curve for curve in self.curves[task - 1] if curve.part == part), None)


def parabola(scales: Any, values: Any) -> np.ndarray:
    """Compute the coefficients (constant, linear, square) of the parabola through the values at s = 0, 1/2 and 1.

    In a linear model it is the whole curve.

    Raises
    ------
    InputError
        If one of the three lengths was not measured.
    """
    scales = list(scales)
    missing = [scale for scale in (0.0, 0.5, 1.0) if scale not in scales]
    if missing:
        raise InputError(f"the lengths {missing} are not among those measured; the parabola goes through 0, 0.5 and 1")
    start, middle, end = (values[scales.index(scale)] for scale in (0.0, 0.5, 1.0))
    return np.array([start, 4 * middle - 3 * start - end, 2 * start - 4 * middle + 2 * end])


def vertex(coefficients: Any) -> float | None:
    """Compute the length at which a parabola is least; None where it has no minimum."""
    _, linear, square = coefficients
    return float(-linear / (2 * square)) if square > 0 else None


def best_scale(scales: Any, values: Any) -> float:
    """Compute the measured s*: the least value's length, refined by the parabola through it and its two neighbours.

    At an end of the measured lengths it is that end.
    """
    scales, values = np.asarray(scales, dtype=float), np.asarray(values, dtype=float)
    least = int(np.argmin(values))
    if least in (0, len(scales) - 1):
        return float(scales[least])
    (left, middle, right), (before, lowest, after) = scales[least - 1 : least + 2], values[least - 1 : least + 2]
    fall, rise = (lowest - before) / (middle - left), (after - lowest) / (right - middle)
    if rise == fall:
        return float(middle)
    return float((left + middle) / 2 - fall * (right - left) / 2 / (rise - fall))
