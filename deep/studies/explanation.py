"""Why a hybrid wins or does not: effects of every task's depth and pairs of tasks, on validation data."""

from collections.abc import Iterator

from deep.runs.execute import build_stream
from deep.studies.choices import check_protocol
from deep.studies.design import EXPLAIN, Preset, StudyStream
from deep.studies.development import check_code
from deep.studies.effects import Explanation, UnitEffects, masks, schedules, unit_effects
from deep.studies.pairs import pair_records
from deep.studies.protocol import Protocol
from deep.studies.records import StudyRun
from deep.studies.running import Setting, Wanted, absent_data, config, present_streams, stages, train_all
from theory.errors import InputError

SCHEDULE, SCORES = "schedule", "scores"


def explain(preset: Preset, protocol: Protocol, setting: Setting) -> Explanation:
    """Measure on the preset's explained streams, in the development units.

    Raises
    ------
    InputError
        If the preset explains no stream, the protocol does not fit, or a run failed.
    """
    check_protocol(protocol, preset, setting.device, absent_data(preset.streams, setting))
    streams = [stream for stream in present_streams(preset, protocol.absent) if stream.label in preset.explained]
    if not streams:
        raise InputError(f"the preset {preset.name} explains no stream whose data are here; take another preset, such as digits")
    check_code(protocol, preset, setting)
    wanted = [entry for stream in streams for entry in _wanted(stream, preset, protocol, setting)]
    runs = train_all(wanted, preset, EXPLAIN, setting)
    effects = []
    for stream in streams:
        for unit in preset.development:
            own = [(entry, run) for entry, run in zip(wanted, runs, strict=True) if (entry.stream, entry.unit) == (stream, unit)]
            effects.append(_effects(stages(stream), own))
    return Explanation(tuple(effects), tuple(pair_records(preset, streams, setting)))


def _wanted(stream: StudyStream, preset: Preset, protocol: Protocol, setting: Setting) -> Iterator[Wanted]:
    chosen = protocol.stream(stream.label).chosen
    count = stages(stream)
    for unit in preset.development:
        # No cosine is above 1, so that this trains everything and records the scores.
        scored = Wanted(stream, SCORES, unit, "threshold", {"threshold": 1.0})
        tasks = len(build_stream(config(scored, EXPLAIN, setting.device, setting.own_parts), setting.source))
        yield scored
        for rule in preset.rules:
            yield Wanted(stream, rule.strategy, unit, rule.strategy, chosen[rule.strategy])
        for schedule in schedules(tasks - 1, count):
            yield Wanted(stream, SCHEDULE, unit, "scheduled", {"masks": masks(schedule, count)})


def _effects(count: int, own: list[tuple[Wanted, StudyRun]]) -> UnitEffects:
    tried = {tuple(mask.count("1") for mask in entry.options["masks"]): run for entry, run in own if entry.arm == SCHEDULE}
    (scored,) = (run for entry, run in own if entry.arm == SCORES)
    rules = {entry.arm: run for entry, run in own if entry.arm not in (SCHEDULE, SCORES)}
    return unit_effects(count, tried, scored, rules)
