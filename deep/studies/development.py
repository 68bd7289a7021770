"""Development: every candidate on validation data; chooses the best of each rule and the best fixed depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deep.studies.choices import choices
from deep.studies.design import DEVELOP, Preset, StudyStream
from deep.studies.protocol import Candidate, Protocol, StreamProtocol, study_code
from deep.studies.records import StudyRun
from deep.studies.running import Setting, Wanted, absent_data, candidates, present_streams, train_all
from deep.training.keys import versions


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
        preset.name, preset.fingerprint, study_code(), preset.development, preset.confirmation, preset.deals, preset.level,
        tuple(stream_protocol(stream, preset, of_stream[stream.label]) for stream in streams), absent, setting.device, dict(versions()),
    )  # fmt: skip
    return protocol, runs


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
