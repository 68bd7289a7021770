"""Development: every candidate on validation data; chooses the best of each rule and the best fixed depth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deep.strategies import strategy
from deep.streams.registry import parse_name
from deep.studies.choices import choices
from deep.studies.design import DEVELOP, FROZEN, INITIALIZED, Preset, StudyStream
from deep.studies.protocol import Candidate, Protocol, StreamProtocol
from deep.studies.records import StudyRun
from deep.studies.running import Setting, Wanted, absent_data, candidates, present_streams, train_all
from deep.training.keys import training_stamp, versions
from deep.training.run import BOUND
from simulate.work.provenance import differences, equal, named, same_processor
from theory.errors import InputError


def develop(preset: Preset, setting: Setting) -> tuple[Protocol, list[StudyRun]]:
    """Try all candidates of a preset on validation data; return the protocol and the runs.

    Raises
    ------
    InputError
        If no stream's data are there, or all candidates of a rule failed.
    """
    absent = absent_data(preset.streams, setting)
    streams = present_streams(preset, absent)
    wanted = [
        Wanted(stream, strategy, unit, strategy, options)
        for stream in streams
        for strategy, options in candidates(stream, preset.rules)
        for unit in preset.development
    ]
    runs = train_all(wanted, preset, DEVELOP, setting)
    of_stream = {stream.label: [run for run in runs if run.stream == stream.label] for stream in streams}
    protocol = Protocol(
        preset.name, preset.fingerprint, preset.development, preset.confirmation, preset.deals, preset.level,
        tuple(stream_protocol(stream, preset, of_stream[stream.label]) for stream in streams), absent, setting.device, dict(versions()),
        study_stamp(preset),
    )  # fmt: skip
    return protocol, runs


def check_code(protocol: Protocol, preset: Preset, setting: Setting) -> None:
    """Where other code wrote a protocol, develop one of its choices again, and refuse the protocol if it comes out otherwise.

    That is the first rule on the first stream whose data are here. Its mean Avg.Acc and standard error are compared, bit for
    bit on one kind of processor, within `deep.training.run.BOUND` on others.

    Raises
    ------
    InputError
        If they differ.
    """
    today = study_stamp(preset)
    changed = differences(protocol.stamp or None, today)
    if not changed:
        return
    stream = next(stream for stream in present_streams(preset, absent_data(preset.streams, setting)) if _is_in(stream, protocol))
    rule, chosen = preset.rules[0].strategy, protocol.stream(stream.label).chosen[preset.rules[0].strategy]
    wanted = [Wanted(stream, rule, unit, rule, chosen) for unit in preset.development]
    again = _candidate(rule, chosen, train_all(wanted, preset, DEVELOP, setting))
    candidates_then = protocol.stream(stream.label).candidates
    stored = next(entry for entry in candidates_then if (entry.strategy, entry.options) == (rule, chosen))
    found = [[entry.average_accuracy, entry.stderr] for entry in (stored, again)]
    what = f"{rule} on {stream.label}"
    if not equal(*found, same_processor(protocol.stamp or None, today), BOUND):
        raise InputError(
            f"the protocol does not fit: it was written by other code ({named(changed)} changed since), and {what} has "
            f"Avg.Acc {found[1][0]} in development now, not {found[0][0]}. Go back to what it was written with, or develop "
            "anew with --phase develop and fresh seeds"
        )
    setting.tell(f"the protocol was written by other code ({named(changed)} changed since); {what} came out again, so it stands")


def study_stamp(preset: Preset) -> dict[str, Any]:
    """Return the stamp of the code that develops a preset."""
    rules = [strategy(rule.strategy, **rule.grid[0]) for rule in preset.rules]
    streams = [parse_name(stream.stream)[0].__module__ for stream in preset.streams]
    strategies = [type(rule).__module__ for rule in (*rules, strategy(INITIALIZED), strategy(FROZEN))]
    return dict(training_stamp(__name__, *dict.fromkeys((*strategies, *streams))))


def _is_in(stream: StudyStream, protocol: Protocol) -> bool:
    return any(written.label == stream.label for written in protocol.streams)


def stream_protocol(stream: StudyStream, preset: Preset, runs: Sequence[StudyRun]) -> StreamProtocol:
    """Choose on one stream by mean Avg.Acc over the development units; the first of equals."""
    measured = tuple(_candidate(strategy, options, runs) for strategy, options in candidates(stream, preset.rules))
    return StreamProtocol(stream.label, choices(stream, preset, measured), measured)


def _candidate(strategy: str, options: Mapping, runs: Sequence[StudyRun]) -> Candidate:
    own = [run for run in runs if run.strategy == strategy and run.options == options]
    if not all(run.finished for run in own):
        return Candidate(strategy, options, None, None)
    values = np.array([run.metric("average_accuracy") for run in own])
    stderr = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return Candidate(strategy, options, float(values.mean()), stderr)
