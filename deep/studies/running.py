"""Runs of a study: configurations of its arms, trained through the folder of runs, so that it goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep.data import resolve_root, survey
from deep.networks.registry import build
from deep.runs.execute import DataSource, train_runs
from deep.streams.registry import parse_name
from deep.studies.design import CONFIRM, DEFAULT_DEPTH, FROZEN, INITIALIZED, Preset, Rule, StudyStream, Unit
from deep.studies.records import StudyRun, study_run
from deep.training.config import RunConfig
from theory.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Setting:
    """Where and with what a study's runs are trained.

    Parameters
    ----------
    out : path
        Folder of runs.
    source : DataSource
    workers : int, optional
    device : {"cpu", "cuda"}
    own_parts : bool
        As in `deep.training.config.RunConfig`.
    tell : callable
        Is told, in a line, what is about to be done.
    """

    out: Path
    source: DataSource = DataSource(download=False)
    workers: int | None = None
    device: str = "cpu"
    own_parts: bool = False
    tell: Callable[[str], None] = print


@dataclass(frozen=True)
class Wanted:
    """A run that the study wants: arm, stream, unit and what is trained."""

    stream: StudyStream
    arm: str
    unit: Unit
    strategy: str
    options: Mapping[str, Any] = field(default_factory=dict)
    deal: int = 0


def config(wanted: Wanted, phase: str, device: str, own_parts: bool = False) -> RunConfig:
    """Return the configuration of a run; only the phase "confirm" is measured on the test part."""
    stream = wanted.stream
    return RunConfig(
        stream=stream.stream,
        stream_options=dict(stream.options),
        order=wanted.unit.order,
        seed=wanted.unit.seed,
        strategy=wanted.strategy,
        strategy_options=dict(wanted.options),
        network=stream.network,
        scenario=stream.scenario,
        probe_examples=0,
        device=device,
        evaluate_on="test" if phase == CONFIRM else "validation",
        own_parts=own_parts,
        **stream.loop,
    )


def train_all(wanted: Sequence[Wanted], preset: Preset, phase: str, setting: Setting) -> list[StudyRun]:
    """Train what is wanted, equal configurations once; return the records in the order of ``wanted``."""
    keyed = [(entry, config(entry, phase, setting.device, setting.own_parts)) for entry in wanted]
    configs = {chosen.key: chosen for _, chosen in keyed}
    setting.tell(f"{preset.name}, {phase}: {len(configs)} runs")
    records = {record.key: record for record in train_runs(list(configs.values()), setting.out, setting.source, setting.workers, setting.tell)}
    return [study_run(records[chosen.key], preset.name, phase, entry.stream.label, entry.arm, entry.deal) for entry, chosen in keyed]


def stages(stream: StudyStream) -> int:
    """Return the number of stages of a stream's network."""
    return len(build(stream.network, (32, 32), (2,)).stages)


def baselines(stream: StudyStream) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield strategy and options of initialized training and of frozen training at every depth below it."""
    yield INITIALIZED, {}
    for depth in range(1, stages(stream)):
        yield FROZEN, {"depth": depth}


def candidates(stream: StudyStream, rules: Iterable[Rule]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield strategy and options of all that development tries on a stream."""
    yield from baselines(stream)
    for rule in rules:
        for options in rule.grid:
            yield rule.strategy, dict(options)


def frozen_options(stream: StudyStream) -> dict[str, int]:
    """Return the options of the frozen baseline: head and last stage."""
    return {"depth": min(DEFAULT_DEPTH, stages(stream))}


def absent_data(streams: Iterable[StudyStream], setting: Setting) -> dict[str, str]:
    """Say for each stream whose data are neither on disk nor to be downloaded what is missing, by its label."""
    if setting.source.download:
        return {}
    found = {presence.name: presence for presence in survey(resolve_root(setting.source.root))}
    missing = {}
    for stream in streams:
        lacking = [name for name in parse_name(stream.stream)[1] if found[name].absent not in ((), ("train",) if setting.own_parts else ())]
        if lacking:
            missing[stream.label] = f"{' and '.join(lacking)} absent"
    return missing


def present_streams(preset: Preset, absent: Mapping[str, str]) -> tuple[StudyStream, ...]:
    """Return the streams that can be trained on.

    Raises
    ------
    InputError
        If there is none.
    """
    present = tuple(stream for stream in preset.streams if stream.label not in absent)
    if not present:
        reasons = "; ".join(dict.fromkeys(absent.values()))
        raise InputError(f"no stream of the preset {preset.name} has its data here ({reasons}); `driftlaw deep data` says what to put where")
    return present
