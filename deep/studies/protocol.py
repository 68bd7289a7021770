"""The protocol: what development chose, written before the test part is read; confirmation refuses without it."""

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deep.records import built
from deep.studies.design import Unit
from simulate.work.files import replace_file
from simulate.work.keys import json_value
from theory.errors import InputError

SCHEMA, KIND = 1, "hybrid-protocol"


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
class StreamProtocol:
    """What is fixed for one stream.

    Parameters
    ----------
    label : str
    chosen : mapping of str to mapping
        For "frozen", "best depth" and every rule: the options that confirmation uses. A best depth of all stages, which is
        initialized training, stands as {"depth": stages}.
    candidates : tuple of Candidate
        All that were tried.
    """

    label: str
    chosen: Mapping[str, Mapping[str, Any]]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Protocol:
    """All that confirmation depends on.

    Parameters
    ----------
    preset, design : str
        Name and fingerprint of the design: streams, sample sizes, grids, seeds.
    development, confirmation : tuple of Unit
    deals : int
    level : float
    streams : tuple of StreamProtocol
    absent : mapping of str to str
        Streams that were left out because their data were absent.
    device : str
    versions : mapping
        Of the packages in development.
    stamp : mapping
        Of the code of development (`simulate.work.provenance`); empty in older protocols.
    """

    preset: str
    design: str
    development: tuple[Unit, ...]
    confirmation: tuple[Unit, ...]
    deals: int
    level: float
    streams: tuple[StreamProtocol, ...]
    absent: Mapping[str, str]
    device: str
    versions: Mapping[str, str] = field(default_factory=dict)
    stamp: Mapping[str, Any] = field(default_factory=dict)

    def stream(self, label: str) -> StreamProtocol:
        """Return what is fixed for a stream."""
        return next(stream for stream in self.streams if stream.label == label)


def write_protocol(path: str | os.PathLike[str], protocol: Protocol) -> None:
    """Write a protocol as JSON for people and programs, in a single step.

    Raises
    ------
    InputError
        If it cannot be written, or another protocol is there: a confirmation may rest on it.
    """
    value = _as_json(protocol)
    stored = _readable(path)
    if stored is not None and _as_json(dataclasses.replace(stored, stamp=protocol.stamp)) != value:
        raise InputError(
            f"{path} holds another protocol, and a confirmation may rest on it; choose another --protocol or --out, with fresh seeds if the test part was "
            "read, or remove it"
        )
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps(value, indent=1) + "\n").encode())
    except OSError as error:
        raise InputError(f"cannot write the protocol {path}: {error.strerror or error}; choose another --protocol or --out") from None


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
        value.pop("code", None)  # of older protocols: a hash of all files, whatever they say
        units = {name: tuple(Unit(*unit) for unit in value[name]) for name in ("development", "confirmation")}
        return built(Protocol, {**value, **units, "streams": tuple(map(_stream, value["streams"]))})
    except (KeyError, TypeError) as error:
        raise InputError(f"the protocol {path} lacks a field or has one too many ({error}); write it anew with --phase develop") from None


def _as_json(protocol: Protocol) -> Any:
    return json_value({"schema": SCHEMA, "kind": KIND, **dataclasses.asdict(protocol)}, "protocol")


def _readable(path: str | os.PathLike[str]) -> Protocol | None:
    """Return the protocol of a file, None if it holds none."""
    try:
        return read_protocol(path)
    except InputError:
        return None


def _stream(value: Mapping[str, Any]) -> StreamProtocol:
    return StreamProtocol(value["label"], value["chosen"], tuple(built(Candidate, candidate) for candidate in value["candidates"]))
