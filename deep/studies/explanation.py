"""Why a hybrid wins or does not, on validation data: what every task's depth is worth, by schedules that differ in that task alone."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from deep.records import tuples
from deep.runs.execute import build_stream
from deep.studies.design import DEFAULT_DEPTH, EXPLAIN, Preset, StudyStream, Unit
from deep.studies.driver import Setting, Wanted, config, train_all
from deep.studies.protocol import Protocol, choose
from deep.studies.records import StudyRun, UnitEffects, rounded
from theory.errors import InputError

EXHAUSTIVE = 100  # schedules at most, above which only one task at a time departs from frozen and from initialized training
SCHEDULE, SCORES = "schedule", "scores"
Schedule = tuple[int, ...]  # trainable depth of every task after the first


def explain(preset: Preset, protocol: Protocol, setting: Setting) -> list[UnitEffects]:
    """Measure on the preset's explained streams, in the development units.

    Raises
    ------
    InputError
        If the preset explains no stream, or a run failed.
    """
    streams = [stream for stream in preset.streams if stream.label in preset.explained and stream.label not in protocol.absent]
    if not streams:
        raise InputError(f"the preset {preset.name} explains no stream whose data are here; take another preset, such as digits")
    places = [(stream, unit) for stream in streams for unit in preset.development]
    wanted = [list(_wanted(stream, unit, preset, protocol, setting)) for stream, unit in places]
    runs = iter(train_all([entry for entries in wanted for entry in entries], preset, EXPLAIN, setting))
    return [unit_effects(stream.stages, [next(runs) for _ in entries]) for (stream, _), entries in zip(places, wanted, strict=True)]


def _wanted(stream: StudyStream, unit: Unit, preset: Preset, protocol: Protocol, setting: Setting) -> Iterator[Wanted]:
    chosen = choose(preset, stream, protocol.tried[stream.label])
    # No cosine is above 1, so that this trains everything and records the scores.
    scored = Wanted(stream, SCORES, unit, "threshold", {"threshold": 1.0})
    yield scored
    for rule in preset.rules:
        yield Wanted(stream, rule.name, unit, rule.strategy, chosen[rule.name].options)
    tasks = len(build_stream(config(scored, EXPLAIN, setting.device, setting.own_parts), setting.source))
    for schedule in schedules(tasks - 1, stream.stages):
        yield Wanted(stream, SCHEDULE, unit, "scheduled", {"masks": masks(schedule, stream.stages)})


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


def unit_effects(stages: int, runs: Sequence[StudyRun]) -> UnitEffects:
    """Compute the effects in one unit.

    Parameters
    ----------
    stages : int
    runs : sequence of StudyRun
        The arm `SCHEDULE` with every schedule that was tried, `SCORES`, initialized training that recorded its scores, and every rule.

    Raises
    ------
    InputError
        If a run failed.
    """
    if failed := [run for run in runs if not run.finished]:
        one = failed[0]
        raise InputError(f"{len(failed)} runs failed ({one.arm}, order {one.order}, seed {one.seed}); lower the learning rate to explain the stream")
    final = {arm: [(_depths(run), run.metric("average_accuracy")) for run in runs if run.arm == arm] for arm in dict.fromkeys(run.arm for run in runs)}
    (scored,) = (run for run in runs if run.arm == SCORES)
    tried, frozen, rules = dict(final[SCHEDULE]), min(DEFAULT_DEPTH, stages - 1), {arm: own[0] for arm, own in final.items() if arm not in (SCHEDULE, SCORES)}

    def gains(task: int) -> Iterator[float]:
        """Differences between schedules that are equal but for one task."""
        for schedule, value in tried.items():
            deep = (*schedule[:task], stages, *schedule[task + 1 :])
            if schedule[task] == frozen and deep in tried:
                yield tried[deep] - value

    def mean_at(task: int, depth: int) -> float | None:
        values = [value for schedule, value in tried.items() if schedule[task] == depth]
        return float(np.mean(values)) if values else None

    places = range(len(scored.trained) - 1)
    reached = {rule: value for rule, (_, value) in rules.items()} | {"best schedule": max(tried.values()), "mean schedule": float(np.mean([*tried.values()]))}
    return UnitEffects(
        scored.preset, scored.stream, scored.order, scored.seed, stages, len(tried), *(
            tuples(rounded([*values])) for values in (
                (decision["score"] for decision in scored.decision[1:]), (decision["stage_scores"] for decision in scored.decision[1:]),
                ([*gains(task)] for task in places), ([mean_at(task, depth) for depth in range(1, stages + 1)] for task in places),
            )
        ), {rule: depths for rule, (depths, _) in rules.items()}, rounded(reached),
    )  # fmt: skip


def _depths(run: StudyRun) -> Schedule:
    return tuple(mask.count("1") for mask in run.trained[1:])
