"""Why: what training deeply or frozenly in each task is worth, by schedules that differ in that task alone, beside its score."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from deep.records import built
from deep.studies.design import DEFAULT_DEPTH
from deep.studies.pair_records import PairRecord
from deep.studies.records import StudyRun
from theory.errors import InputError

EXHAUSTIVE = 100  # schedules at most, above which only one task at a time departs from frozen and from initialized training
BEST, MEAN = "best schedule", "mean schedule"
Schedule = tuple[int, ...]  # trainable depth of every task after the first


@dataclass(frozen=True)
class UnitEffects:
    """What every task's depth is worth in one unit, on validation data; tasks count from the second on.

    Parameters
    ----------
    preset, stream : str
    order, seed : int
    stages : int
        Of the network.
    schedules : int
        Trained schedules; ``stages ** tasks`` of them are all.
    scores : tuple of float
        Cosine of each task's gradient with the previous task's, along initialized training.
    stage_scores : tuple of tuple of float
        The same within each stage but the head.
    gains : tuple of tuple of float
        For each task, final Avg.Acc with everything trained in it minus that with the frozen depth, for every schedule of the
        other tasks that was tried with both.
    by_depth : tuple of tuple of float
        For each task, final Avg.Acc at depth 1, 2, ..., mean over the schedules of the other tasks; None where
        it was not tried.
    chosen : mapping of str to tuple of int
        Number of stages that each rule trained in each task.
    reached : mapping of str to float
        Final Avg.Acc of each rule, of the best of all schedules and of their mean.
    """

    KIND: ClassVar[str] = "unit-effects"

    preset: str
    stream: str
    order: int
    seed: int
    stages: int
    schedules: int
    scores: tuple[float, ...]
    stage_scores: tuple[tuple[float, ...], ...]
    gains: tuple[tuple[float, ...], ...]
    by_depth: tuple[tuple[float | None, ...], ...]
    chosen: Mapping[str, tuple[int, ...]]
    reached: Mapping[str, float]

    @property
    def exhaustive(self) -> bool:
        """Whether all schedules were tried."""
        return self.schedules == self.stages ** len(self.scores)

    @property
    def benefit(self) -> tuple[float, ...]:
        """Mean gain of each task."""
        return tuple(float(np.mean(gains)) for gains in self.gains)

    def best_depths(self) -> tuple[int, ...] | None:
        """Return for each task the depth with the highest mean Avg.Acc, the smaller of equals; None unless all schedules were tried.

        Where they were not, one depth's mean would be over shallow schedules and another's over deep ones.
        """
        if not self.exhaustive:
            return None
        return tuple(1 + int(np.argmax([-1.0 if value is None else value for value in values])) for values in self.by_depth)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> UnitEffects:
        """Return the record of the fields that `deep.records.to_json` writes."""
        nested = {name: tuple(map(tuple, value[name])) for name in ("stage_scores", "gains", "by_depth")}
        chosen = {rule: tuple(depths) for rule, depths in value["chosen"].items()}
        return built(cls, {**value, **nested, "chosen": chosen})


@dataclass(frozen=True)
class Explanation:
    """What explains a study's results."""

    effects: tuple[UnitEffects, ...] = ()
    pairs: tuple[PairRecord, ...] = ()


def schedules(tasks: int, stages: int) -> list[Schedule]:
    """Return all schedules of a stream, or, where they are too many, those that depart in one task from frozen and from initialized training.

    Parameters
    ----------
    tasks : int
        After the first.
    stages : int
    """
    if stages**tasks <= EXHAUSTIVE:
        return list(itertools.product(range(1, stages + 1), repeat=tasks))
    frozen = min(DEFAULT_DEPTH, stages - 1)
    found = [(depth,) * tasks for depth in (frozen, stages)]
    for base, other in ((frozen, stages), (stages, frozen)):
        found += [tuple(other if place == task else base for place in range(tasks)) for task in range(tasks)]
    return list(dict.fromkeys(found))


def masks(schedule: Schedule, stages: int) -> list[str]:
    """Return a schedule as the strategy "scheduled" takes it."""
    return ["0" * (stages - depth) + "1" * depth for depth in schedule]


def unit_effects(stages: int, tried: Mapping[Schedule, StudyRun], scored: StudyRun, rules: Mapping[str, StudyRun]) -> UnitEffects:
    """Compute the effects in one unit.

    Parameters
    ----------
    stages : int
    tried : mapping of schedule to its run
    scored : StudyRun
        Initialized training that recorded its scores.
    rules : mapping of str to StudyRun
        Runs of the rules in the same unit.

    Raises
    ------
    InputError
        If a run failed.
    """
    failed = [run.arm for run in (*tried.values(), scored, *rules.values()) if not run.finished]
    if failed:
        raise InputError(f"{len(failed)} runs failed ({failed[0]}, order {scored.order}, seed {scored.seed}); lower the learning rate to explain the stream")
    reached = {schedule: run.metric("average_accuracy") for schedule, run in tried.items()}
    tasks, frozen = len(scored.trained) - 1, min(DEFAULT_DEPTH, stages - 1)
    return UnitEffects(
        scored.preset, scored.stream, scored.order, scored.seed, stages, len(tried),
        scores=tuple(decision["score"] for decision in scored.decision[1:]),
        stage_scores=tuple(tuple(decision["stage_scores"]) for decision in scored.decision[1:]),
        gains=tuple(tuple(map(_rounded, _gains(reached, task, frozen, stages))) for task in range(tasks)),
        by_depth=tuple(tuple(_mean_at(reached, task, depth) for depth in range(1, stages + 1)) for task in range(tasks)),
        chosen={rule: tuple(mask.count("1") for mask in run.trained[1:]) for rule, run in rules.items()},
        reached={rule: _rounded(run.metric("average_accuracy")) for rule, run in rules.items()}
        | {BEST: _rounded(max(reached.values())), MEAN: _rounded(np.mean(list(reached.values())))},
    )  # fmt: skip


def _gains(reached: Mapping[Schedule, float], task: int, low: int, high: int) -> Iterator[float]:
    """Differences between schedules that are equal but for one task."""
    for schedule, value in reached.items():
        if schedule[task] == low:
            deep = (*schedule[:task], high, *schedule[task + 1 :])
            if deep in reached:
                yield reached[deep] - value


def _mean_at(reached: Mapping[Schedule, float], task: int, depth: int) -> float | None:
    values: Sequence[float] = [value for schedule, value in reached.items() if schedule[task] == depth]
    return _rounded(np.mean(values)) if values else None


def _rounded(value: float) -> float:
    return round(float(value), 6)
