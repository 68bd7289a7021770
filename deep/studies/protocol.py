"""The protocol: what development chose, written before the test part is read; confirmation refuses without it."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from deep.studies.design import BEST_DEPTH, COMMON, INITIALIZED, Preset, StudyStream
from simulate.work.files import replace_file, trying
from simulate.work.keys import canonical, json_value
from theory.errors import InputError

SCHEMA, KIND = 1, "hybrid-protocol"
REMEDY = "Go back to what it was written with, or develop anew with --phase develop and fresh seeds"
_OLDER = ("code", "versions", "development", "confirmation", "deals", "level")  # which stand in the design, or in the stamp


@dataclass(frozen=True)
class Candidate:
    """What development measured of one candidate.

    Parameters
    ----------
    strategy : str
    options : mapping
    average_accuracy : float or None
        Mean over the development units; None if a run failed, which rules the candidate out.
    stderr : float or None
        Of that mean; None for a single unit.
    """

    strategy: str
    options: Mapping[str, Any]
    average_accuracy: float | None
    stderr: float | None


@dataclass(frozen=True)
class Protocol:
    """All that confirmation depends on.

    Parameters
    ----------
    preset, design : str
        Name and fingerprint of the design: streams, sample sizes, grids, units.
    tried : mapping of str to tuple of Candidate
        By stream, all that were tried; what is chosen follows from them.
    chosen : mapping of str to mapping of str to mapping
        By stream and arm, all but initialized training: the options that confirmation uses. A best depth of all stages, which is
        initialized training, stands as {"depth": stages}.
    absent : mapping of str to str
        Streams that were left out because their data were absent.
    device : str
    stamp : mapping
        Of the code of development (`simulate.work.provenance`); empty in older protocols.
    """

    preset: str
    design: str
    tried: Mapping[str, tuple[Candidate, ...]]
    chosen: Mapping[str, Mapping[str, Mapping[str, Any]]]
    absent: Mapping[str, str]
    device: str
    stamp: Mapping[str, Any] = field(default_factory=dict)


def choose(preset: Preset, stream: StudyStream, measured: Sequence[Candidate]) -> dict[str, Candidate]:
    """Choose for every arm by mean Avg.Acc over the development units, the first of equals.

    Where methods have several regimes, arms that end in `COMMON` have the place in their grid that is best on the mean over these.

    Raises
    ------
    InputError
        If all candidates of an arm failed.
    """
    known = {_key(entry.strategy, entry.options): entry for entry in measured}
    tried = {arm: [known.get(_key(*entry)) or Candidate(*entry, None, None) for entry in entries] for arm, entries in preset.arms(stream).items()}
    reached = {arm: np.array([-np.inf if entry.average_accuracy is None else entry.average_accuracy for entry in found]) for arm, found in tried.items()}
    for arm, means in reached.items():
        if not means.max() > -np.inf:
            what = f"all candidates of {arm} on {stream.label} failed in development"
            raise InputError(f"{what}, so that none can be chosen; lower the learning rate or change the grid")
    chosen = {arm: tried[arm][int(means.argmax())] for arm, means in reached.items()}
    for rule in preset.rules:
        if rule.regime:
            together = np.mean([reached[other.name] for other in preset.rules if other.label == rule.label], 0)
            if not together.max() > -np.inf:
                raise InputError(f"every candidate of {rule.label} on {stream.label} failed in some regime, so that none is common; lower the learning rate or change the grid")
            chosen[rule.name + COMMON] = tried[rule.name][int(together.argmax())]
    return chosen


def written(preset: Preset, stream: StudyStream, measured: Sequence[Candidate]) -> dict[str, Mapping[str, Any]]:
    """Return what a protocol says of what is chosen on a stream."""
    chosen = {arm: entry.options for arm, entry in choose(preset, stream, measured).items() if arm != INITIALIZED}
    return {arm: {"depth": stream.stages} if arm == BEST_DEPTH and not options else options for arm, options in chosen.items()}


def check_protocol(protocol: Protocol, preset: Preset, device: str, absent: Mapping[str, str]) -> None:
    """Raise InputError if a protocol was not written by this preset and kind of device, or data have gone since."""
    streams = {stream.label: stream for stream in preset.streams}
    gone = [label for label in protocol.tried if label in absent]
    reasons = {
        f"it is of the preset {protocol.preset!r}, not {preset.name!r}": protocol.preset != preset.name,
        "the preset has changed since": protocol.preset == preset.name and protocol.design != preset.fingerprint,
        f"it was developed on {protocol.device}, not {device}": protocol.device != device,
        f"the data of {', '.join(gone)} are absent now": bool(gone),
    }
    reasons |= {f"the preset has no stream {label!r}": label not in streams for label in protocol.tried}
    found = [reason for reason, holds in reasons.items() if holds]
    for label, measured in protocol.tried.items() if not found else ():
        ours, theirs = written(preset, streams[label], measured), protocol.chosen[label]
        if wrong := [arm for arm in {**ours, **theirs} if ours.get(arm) != theirs.get(arm)]:
            found.append(f"what is chosen for {', '.join(wrong)} on {label} is not what its candidates say")
    if found:
        raise InputError(f"the protocol does not fit: {'; '.join(found)}. {REMEDY}")


def write_protocol(path: str | os.PathLike[str], protocol: Protocol) -> None:
    """Write a protocol as JSON for people and programs, in a single step.

    Raises
    ------
    InputError
        If it cannot be written, or another protocol is there: a confirmation may rest on it.
    """
    value = dataclasses.asdict(protocol)
    tried, chosen = value.pop("tried"), value.pop("chosen")
    streams = [{"label": label, "chosen": chosen[label], "candidates": entries} for label, entries in tried.items()]
    content = json.dumps(json_value({"schema": SCHEMA, "kind": KIND, **value, "streams": streams}, "protocol"), indent=1) + "\n"
    try:
        other = dataclasses.replace(read_protocol(path), stamp=protocol.stamp) != protocol
    except InputError:  # there is none
        other = False
    if other:
        remedy = "choose another --protocol or --out, with fresh seeds if the test part was read, or remove it"
        raise InputError(f"{path} holds another protocol, and a confirmation may rest on it; {remedy}")
    with trying(f"write the protocol {path}", "choose another --protocol or --out"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.encode())


def read_protocol(path: str | os.PathLike[str]) -> Protocol:
    """Read a protocol.

    Raises
    ------
    InputError
        If there is none, or it is damaged or of another schema.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"there is no protocol {path}; run --phase develop first, which writes it, and commit it before the test part is read") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the protocol {path} ({error}); write it anew with --phase develop") from None
    if not isinstance(value, dict) or (value.pop("schema", None), value.pop("kind", None)) != (SCHEMA, KIND):
        raise InputError(f"{path} is no protocol of schema {SCHEMA}; write one with --phase develop")
    try:
        streams = value.pop("streams")
        tried = {stream["label"]: tuple(Candidate(**entry) for entry in stream["candidates"]) for stream in streams}
        fields = {name: entry for name, entry in value.items() if name not in _OLDER}
        return Protocol(tried=tried, chosen={stream["label"]: stream["chosen"] for stream in streams}, **fields)
    except (KeyError, TypeError) as error:
        raise InputError(f"the protocol {path} lacks a field or has one too many ({error}); write it anew with --phase develop") from None


def _key(strategy: str, options: Mapping[str, Any]) -> str:
    return canonical([strategy, json_value(options, "options")])

