"""The driver of all studies: development on validation data, the protocol, confirmation on the test part in fresh units.

All runs go through the folder of runs, so that a study goes on where it was stopped.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deep.data import resolve_root, survey
from deep.networks import NETWORKS, build
from deep.records import FINISHED
from deep.runs.execute import DataSource, build_stream, train_runs
from deep.runs.folder import RunsFolder
from deep.strategies import STRATEGIES, strategy
from deep.streams.registry import parse_name
from deep.studies.design import ALL, AS_RATE, CONFIRM, DEVELOP, EXPLAIN, FROZEN, HYBRID, INITIALIZED, POWER, Preset, Rule, StudyStream, Unit
from deep.studies.protocol import REMEDY, Candidate, Protocol, check_protocol, choose, read_protocol, write_protocol, written
from deep.studies.records import GROUPS, StudyRun, study_run
from deep.studies.report import Study, cost_text
from deep.training.checkpoint import load
from deep.training.config import RunConfig
from deep.training.device import DTYPES, chosen_device
from deep.training.evaluate import outputs_of
from deep.training.examples import StreamExamples
from deep.training.keys import training_stamp
from deep.training.options import LoopOptions
from deep.training.run import BOUND
from simulate.work.jobs import run_jobs
from simulate.work.keys import canonical, json_value
from simulate.work.provenance import differences, named, same_processor
from simulate.work.store import RunStore
from theory.errors import InputError

LOOP = frozenset(entry.name for entry in fields(LoopOptions))


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
    """A run that the study wants: arm, stream, unit and what is trained; ``options`` are of the strategy, some of the loop."""

    stream: StudyStream
    arm: str
    unit: Unit
    strategy: str
    options: Mapping[str, Any] = field(default_factory=dict)
    deal: int = 0


def apart(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a candidate's options of the strategy, and of the loop."""
    own, loop = ({name: value for name, value in options.items() if (name in LOOP) == is_loop} for is_loop in (False, True))
    return own, loop


def config(wanted: Wanted, phase: str, device: str, own_parts: bool = False) -> RunConfig:
    """Return the configuration of a run; only the phase "confirm" is measured on the test part."""
    stream, part, (options, loop) = wanted.stream, "test" if phase == CONFIRM else "validation", apart(wanted.options)
    return RunConfig(
        stream=stream.stream, stream_options=dict(stream.options), order=wanted.unit.order, seed=wanted.unit.seed, strategy=wanted.strategy,
        strategy_options=options, network=stream.network, scenario=stream.scenario, probe_examples=0, device=device, evaluate_on=part,
        own_parts=own_parts, **{**stream.loop, **loop},
    )  # fmt: skip


def train_all(wanted: Sequence[Wanted], preset: Preset, phase: str, setting: Setting) -> list[StudyRun]:
    """Train what is wanted, equal configurations once; return the records in the order of ``wanted``, of a confirmation with `images`."""
    keyed = [(entry, config(entry, phase, setting.device, setting.own_parts)) for entry in wanted]
    configs = {chosen.key: chosen for _, chosen in keyed}
    setting.tell(f"{preset.name}, {phase}: {len(configs)} runs")
    records = {record.key: record for record in train_runs(list(configs.values()), setting.out, setting.source, setting.workers, setting.tell)}
    jobs = [(chosen, setting.out, setting.source) for chosen in configs.values()] if phase == CONFIRM else []
    found = {jobs[index][0].key: parts for index, parts in run_jobs(images, jobs, workers=setting.workers, kind="processes")}
    return [study_run(records[own.key], preset.name, phase, entry.stream.label, entry.arm, entry.deal, entry.options, found.get(own.key, ())) for entry, own in keyed]


def images(job: tuple[RunConfig, Path, DataSource]) -> list[list[float]]:
    """Measure `StudyRun.images` of a trained run by its checkpoint; once, for it is kept beside it. Empty where a run failed."""
    chosen, out, source = job
    folder = RunsFolder(out).run(chosen.key)
    record, store = folder.record(), RunStore(folder.path)
    if (kept := store.get("images")) is not None and kept["stamp"] == record.stamp:
        return kept["images"]
    if record.status != FINISHED or (found := load(folder.path, chosen.key, chosen)) is None:
        return []
    torch.set_num_threads(1)
    stream, device, dtype = build_stream(chosen, source), chosen_device(chosen.device), DTYPES[chosen.precision]
    examples = StreamExamples(stream, chosen.scenario, chosen.evaluate_on, device, dtype, chosen.scaling)
    network = build(chosen.part(NETWORKS, chosen.network), stream.image_shape, examples.view.sizes, chosen.normalisation).to(device, dtype)
    network.load_state_dict(found.network)
    parts = np.zeros((2, GROUPS))
    for task, own in zip(stream, examples.evaluations(len(stream) - 1), strict=True):
        hits = torch.cat([outputs.argmax(1) == targets for outputs, targets in outputs_of(network, own)]).cpu().numpy()
        for part, values in zip(parts, (hits, np.ones(len(hits))), strict=True):
            np.add.at(part, task.test_indices % GROUPS, values / (len(hits) * len(stream)))
    return store.put("images", {"stamp": dict(record.stamp), "images": parts.T.tolist()})["images"]


def absent_data(preset: Preset, setting: Setting) -> dict[str, str]:
    """Say for each stream whose data are neither on disk nor to be downloaded what is missing, by its label.

    Raises
    ------
    InputError
        If that is so for all streams.
    """
    found = {} if setting.source.download else {presence.name: presence.absent for presence in survey(resolve_root(setting.source.root))}
    enough, missing = ((), ("train",)) if setting.own_parts else ((),), {}
    for stream in preset.streams:
        if lacking := [name for name in parse_name(stream.stream)[1] if found.get(name, ()) not in enough]:
            missing[stream.label] = f"{' and '.join(lacking)} absent"
    if len(missing) == len(preset.streams):
        reasons = "; ".join(dict.fromkeys(missing.values()))
        raise InputError(f"no stream of the preset {preset.name} has its data here ({reasons}); `driftlaw deep data` says what to put where")
    return missing


def candidates(preset: Preset, stream: StudyStream) -> list[tuple[str, Mapping[str, Any]]]:
    """Return strategy and options of all that development tries on a stream, each once."""
    entries = (entry for arm in preset.arms(stream).values() for entry in arm)
    return list({canonical(json_value(entry, "candidate")): entry for entry in entries}.values())


def develop(preset: Preset, setting: Setting) -> tuple[Protocol, list[StudyRun]]:
    """Try all candidates of a preset on validation data; return the protocol and the runs.

    Raises
    ------
    InputError
        If the design has faults, no stream's data are there, or all candidates of an arm failed.
    """
    if preset.faults:
        raise InputError(f"the preset {preset.name} confirms nothing anew: {' and '.join(preset.faults)}; give each unit of the confirmation an order of its own")
    absent = absent_data(preset, setting)
    streams = [stream for stream in preset.streams if stream.label not in absent]
    tried = {stream.label: candidates(preset, stream) for stream in streams}
    wanted = [Wanted(stream, name, unit, name, options) for stream in streams for name, options in tried[stream.label] for unit in preset.development]
    runs = train_all(wanted, preset, DEVELOP, setting)
    found = {label: tuple(_measured(*entry, [run for run in runs if run.stream == label]) for entry in entries) for label, entries in tried.items()}
    chosen = {stream.label: written(preset, stream, found[stream.label]) for stream in streams}
    return Protocol(preset.name, preset.fingerprint, found, chosen, absent, setting.device, study_stamp(preset)), runs


def check(protocol: Protocol, preset: Preset, setting: Setting) -> None:
    """Refuse a protocol that does not fit; where other code wrote it, develop some of its choices again, and refuse it if one comes out otherwise.

    These are the first rule of each strategy, on the first stream whose data are here. Mean Avg.Acc and standard error are compared, bit
    for bit on one kind of processor, within the share `deep.training.run.BOUND` of the mean on others.

    Raises
    ------
    InputError
        If it does not fit, or they differ.
    """
    absent = absent_data(preset, setting)
    check_protocol(protocol, preset, setting.device, absent)
    today = study_stamp(preset)
    if not (changed := differences(protocol.stamp or None, today)):
        return
    label = next(iter(protocol.tried))
    stream = next(stream for stream in preset.streams if stream.label == label)
    rules = [*{rule.strategy: rule for rule in reversed(preset.rules)}.values()][::-1]
    stored = [choose(preset, stream, protocol.tried[label])[rule.name] for rule in rules]
    wanted = [Wanted(stream, own.strategy, unit, own.strategy, own.options) for own in stored for unit in preset.development]
    runs = train_all(wanted, preset, DEVELOP, setting)
    for rule, own in zip(rules, stored, strict=True):
        again = _measured(own.strategy, own.options, runs)
        then, now = ((entry.average_accuracy, entry.stderr) for entry in (own, again))
        bound = 0.0 if same_processor(protocol.stamp or None, today) else BOUND * then[0]  # of a standard error, too: it is a difference of accuracies
        if not np.allclose(then, now, rtol=0, atol=bound):
            reason = f"{rule.name} on {label} has Avg.Acc {now[0]} +- {now[1]} in development now, not {then[0]} +- {then[1]}. {REMEDY}"
            raise InputError(f"the protocol does not fit: it was written by other code ({named(changed)} changed since), and {reason}")
    what = f"{', '.join(rule.name for rule in rules)} on {label}"
    setting.tell(f"the protocol was written by other code ({named(changed)} changed since); {what} came out again, so it stands")


def confirm(preset: Preset, protocol: Protocol, setting: Setting) -> list[StudyRun]:
    """Train all arms of the protocol in fresh units, measured on the test part; then the rules' controls, in the same units."""
    streams = {stream.label: stream for stream in preset.streams if stream.label not in protocol.absent}
    chosen = {label: choose(preset, stream, protocol.tried[label]) for label, stream in streams.items()}
    places = [(stream, unit) for stream in streams.values() for unit in preset.confirmation]
    wanted = [Wanted(stream, arm, unit, own.strategy, own.options) for stream, unit in places for arm, own in chosen[stream.label].items()]
    runs = train_all(wanted, preset, CONFIRM, setting)
    rules = {rule.name: rule for rule in preset.rules if preset.study == HYBRID}
    decided = [(streams[run.stream], rules[run.arm], run) for run in runs if run.arm in rules and run.finished]
    return runs + train_all([entry for place in decided for entry in _controls(*place, preset.deals)], preset, CONFIRM, setting)


def run_study(preset: Preset, phase: str, protocol_file: Path, setting: Setting) -> Study:
    """Run one phase of a study, or development and confirmation.

    Parameters
    ----------
    preset : Preset
    phase : {"power", "develop", "confirm", "all", "explain"}
    protocol_file : path
        Written after development, read before all else.
    setting : Setting

    Raises
    ------
    InputError
        If confirmation or explanation finds no protocol that fits.
    """
    from deep.studies.explanation import explain

    if phase == POWER:
        return Study(preset)
    runs: list[StudyRun] = []
    if phase in (DEVELOP, ALL):
        setting.tell(cost_text(preset))
        protocol, runs = develop(preset, setting)
        write_protocol(protocol_file, protocol)
    check(protocol := read_protocol(protocol_file), preset, setting)
    runs += confirm(preset, protocol, setting) if phase in (CONFIRM, ALL) else []
    return Study(preset, protocol, tuple(runs), tuple(explain(preset, protocol, setting) if phase == EXPLAIN else ()))


def study_stamp(preset: Preset) -> dict[str, Any]:
    """Return the stamp of the code that develops a preset."""
    used = [STRATEGIES.find(name) for name in (*(rule.strategy for rule in preset.rules), INITIALIZED, FROZEN)]
    streams = [parse_name(stream.stream)[0] for stream in preset.streams]
    return dict(training_stamp(__name__, *dict.fromkeys(entry.__module__ for entry in (*used, *streams))))


def _measured(name: str, options: Mapping, runs: Sequence[StudyRun]) -> Candidate:
    options = json_value(options, "options")
    own = [run for run in runs if run.strategy == name and run.options == options]
    if not all(run.finished for run in own):
        return Candidate(name, options, None, None)
    values = np.array([run.metric("average_accuracy") for run in own])
    return Candidate(name, options, float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None)


def _controls(stream: StudyStream, rule: Rule, run: StudyRun, deals: int) -> Iterator[Wanted]:
    if rule.control == AS_RATE:
        yield Wanted(stream, rule.control_name, run.unit, INITIALIZED, {"rate": mean_step_weight(run), **apart(run.options)[1]})
    elif len(set(run.trained[1:])) > 1:
        for deal in range(deals):
            yield Wanted(stream, rule.control_name, run.unit, "scheduled", {"masks": dealt(run.trained[1:], run.seed, deal), **apart(run.options)[1]}, deal)


def dealt(masks: tuple[str, ...], seed: int, deal: int) -> list[str]:
    """Return a rule's decisions, which are not all alike, in another order of the tasks: as many trained stages, not where they belong."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(deal,)))
    drawn = iter(lambda: [masks[place] for place in generator.permutation(len(masks))], None)
    return next(found for found in drawn if found != list(masks))


def mean_step_weight(run: StudyRun) -> float:
    """Compute the mean over tasks after the first and over stages of the factors that a rule put on steps.

    A head of the task's own keeps its whole step.

    Raises
    ------
    InputError
        If the run's record tells no factors.
    """
    factors = []
    for mask, decision in zip(run.trained[1:], run.decision[1:], strict=True):
        if "scales" in decision:
            factors.append((sum(decision["scales"]) + (len(mask) - len(decision["scales"]))) / len(mask))
        elif "weight" in decision:
            whole = strategy(run.strategy, **apart(run.options)[0]).depth
            factors.append((whole + (len(mask) - whole) * decision["weight"]) / len(mask))
        else:
            raise InputError(f"the strategy {run.strategy} records neither scales nor a step weight; choose the control 'at random' for it")
    return float(np.mean(factors))
