"""What happens along the straight line that a task's training spans: theta_{t-1} + s (theta_t - theta_{t-1}).

In a linear model losses along it are exactly parabolas in the length s (see `theory.optima.best_scale`); here they are
measured on trained networks, for the whole step and for the step of each stage alone.

Running statistics of batch normalisation are no parameters; they go along: theta_{t-1}'s at s = 0, theta_t's at s = 1, between
them on the straight line, and beyond those of the nearer end, since a variance that is extrapolated may become negative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deep.records import built
from theory.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from deep.networks import Network
    from deep.streams import Stream
    from deep.training.config import RunConfig
    from deep.training.examples import Examples, StreamExamples
    from deep.training.task import TaskContext

SCALES = tuple(float(scale) for scale in np.arange(-2, 13) / 8)
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
        Lengths s, in increasing order; 0 is the start of the task, 1 the end of its training. Accuracies are among the
        candidates of the end, in the class-incremental scenario more than at the start.
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


def measure_paths(config: RunConfig, stream: Stream, scales: Sequence[float] = SCALES, progress: bool = False) -> PathRecord:
    """Train a network on a stream and measure losses and accuracies along every task's step.

    Parameters
    ----------
    config : RunConfig
        ``evaluate_on`` says on which images.
    stream : Stream
        The configuration's.
    scales : sequence of float
        Lengths s, in increasing order.
    progress : bool
        Show a progress bar of the training, on a terminal.

    Raises
    ------
    InputError
        For fewer than two tasks, a run that fails, and what `deep.training.run.train_run` refuses.
    """
    from deep.training.run import train_run

    if len(stream) < 2:
        raise InputError(f"the stream {stream.name} has one task; lengths of steps are measured from the second on, choose more tasks")
    meter = Meter(tuple(float(scale) for scale in scales))
    record = train_run(config, stream, watch=meter.watch, progress=progress)
    if record.failure is not None:
        raise InputError(f"the run failed in task {record.failure.task} at step {record.failure.step}: {record.failure.reason}; train it otherwise")
    return PathRecord(record.key, record.config, record.stages, meter.scales, tuple(meter.curves))


class Meter:
    """Watches a run: keeps what each task reached at its own end, measures later tasks' steps against it."""

    def __init__(self, scales: tuple[float, ...]) -> None:
        self.scales = scales
        self.own: list[tuple[float, float]] = []
        self.curves: list[tuple[PathCurve, ...]] = []
        self._statistics: list[list[Tensor]] = []  # of each stage, at the end of the task before

    def watch(self, task: TaskContext, examples: StreamExamples) -> None:
        """Measure along the step of a task that has just been trained."""
        held_out = examples.evaluations(trained=task.number)[: task.number + 1]
        if task.number:
            places = {WHOLE: slice(None)} | {stage: task.flat.place(number) for number, stage in enumerate(task.stages)}
            moved = {part: place for part, place in places.items() if bool(task.step[place].any())}
            self.curves.append(tuple(self._curve(task, held_out, part, place) for part, place in moved.items()))
        self.own.append(_loss_and_accuracy(task.network, held_out[-1]))
        self._statistics = [[statistic.clone() for statistic in stage] for stage in task.network.statistics()]

    def _curve(self, task: TaskContext, held_out: Sequence[Examples], part: str, place: slice) -> PathCurve:
        end, step = task.flat.parameters.detach().clone(), task.step
        stages = range(len(task.stages)) if part == WHOLE else [task.stages.index(part)]
        found = []
        for scale in self.scales:
            there = end.clone()
            there[place] = task.start[place] + scale * step[place]
            with task.flat.at(end if scale == 1 else there), self._statistics_at(task.network, stages, scale):
                found.append([_loss_and_accuracy(task.network, examples) for examples in held_out])
        loss, accuracy = np.moveaxis(np.array(found), 2, 0)
        own_loss, own_accuracy = np.array(self.own).T
        values = (loss.mean(1), (loss[:, :-1] - own_loss).mean(1), accuracy.mean(1), (own_accuracy - accuracy[:, :-1]).mean(1))
        return PathCurve(part, *(tuple(float(f"{value:.6g}") for value in curve) for curve in values))


    @contextmanager
    def _statistics_at(self, network: Network, stages: Sequence[int], scale: float) -> Iterator[None]:
        """Let some stages have the running statistics of a length of the step for a while."""
        statistics = network.statistics()
        pairs = [pair for stage in stages for pair in zip(statistics[stage], self._statistics[stage], strict=True)]
        ends = [now.clone() for now, _ in pairs]
        try:
            if scale != 1:
                for now, before in pairs:
                    now.copy_(before.lerp(now, min(max(scale, 0.0), 1.0)))
            yield
        finally:
            for (now, _), end in zip(pairs, ends, strict=True):
                now.copy_(end)


def _loss_and_accuracy(network: Network, examples: Examples) -> tuple[float, float]:
    """Mean cross-entropy and accuracy among the candidates."""
    from torch.nn.functional import cross_entropy

    from deep.training.evaluate import outputs_of

    loss = hits = 0.0
    for outputs, targets in outputs_of(network, examples):
        loss += float(cross_entropy(outputs.double(), targets, reduction="sum"))
        hits += int((outputs.argmax(1) == targets).sum())
    return loss / len(examples), hits / len(examples)
