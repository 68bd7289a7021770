"""What development chooses among its candidates, and whether a protocol is one that it can have written."""

from collections.abc import Mapping, Sequence
from typing import Any

from deep.studies.design import BEST_DEPTH, FROZEN, INITIALIZED, Preset, StudyStream
from deep.studies.protocol import Candidate, Protocol, StreamProtocol
from deep.studies.running import frozen_options, stages
from theory.errors import InputError


def choices(stream: StudyStream, preset: Preset, measured: Sequence[Candidate]) -> dict[str, Mapping[str, Any]]:
    """Choose on one stream by mean Avg.Acc over the development units, the first of equals.

    Raises
    ------
    InputError
        If all candidates of a rule failed.
    """
    depths = [Candidate(FROZEN, {"depth": stages(stream)}, entry.average_accuracy, entry.stderr) for entry in measured if entry.strategy == INITIALIZED]
    depths += [entry for entry in measured if entry.strategy == FROZEN]
    chosen: dict[str, Mapping[str, Any]] = {FROZEN: frozen_options(stream), BEST_DEPTH: _best(stream.label, BEST_DEPTH, depths)}
    for rule in preset.rules:
        chosen[rule.strategy] = _best(stream.label, rule.strategy, [entry for entry in measured if entry.strategy == rule.strategy])
    return chosen


def check_protocol(protocol: Protocol, preset: Preset, device: str, absent: Mapping[str, str]) -> None:
    """Raise InputError if a protocol was not written by this preset and kind of device, or data have gone since."""
    gone = [stream.label for stream in protocol.streams if stream.label in absent]
    units = (protocol.development, protocol.confirmation, protocol.deals, protocol.level)
    reasons = {
        f"it is of the preset {protocol.preset!r}, not {preset.name!r}": protocol.preset != preset.name,
        "the preset has changed since": protocol.preset == preset.name and protocol.design != preset.fingerprint,
        f"it was developed on {protocol.device}, not {device}": protocol.device != device,
        f"the data of {', '.join(gone)} are absent now": bool(gone),
        "its orders and seeds, deals or level are not the preset's": units != (preset.development, preset.confirmation, preset.deals, preset.level),
    }
    found = [reason for reason, holds in reasons.items() if holds] or [fault for stream in protocol.streams for fault in _faults(stream, preset)]
    if found:
        remedy = "Go back to what it was written with, or develop anew with --phase develop and fresh seeds"
        raise InputError(f"the protocol does not fit: {'; '.join(found)}. {remedy}")


def _faults(written: StreamProtocol, preset: Preset) -> list[str]:
    """Say what development cannot have written about a stream."""
    stream = next((stream for stream in preset.streams if stream.label == written.label), None)
    if stream is None:
        return [f"the preset has no stream {written.label!r}"]
    chosen = choices(stream, preset, written.candidates)
    wrong = [arm for arm in {**chosen, **written.chosen} if chosen.get(arm) != written.chosen.get(arm)]
    return [f"what is chosen for {', '.join(wrong)} on {written.label} is not what its candidates say"] if wrong else []


def _best(label: str, rule: str, entries: Sequence[Candidate]) -> Mapping:
    finished = [entry for entry in entries if entry.average_accuracy is not None]
    if not finished:
        raise InputError(f"all candidates of {rule} on {label} failed in development, so that none can be chosen; lower the learning rate or change the grid")
    return max(finished, key=lambda entry: entry.average_accuracy).options
