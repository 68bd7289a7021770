"""Confirmation: what the protocol fixed, once, on the test part with fresh seeds; then the rules' controls."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from deep.strategies import strategy
from deep.studies.choices import check_protocol
from deep.studies.design import AT_RANDOM, BEST_DEPTH, CONFIRM, FROZEN, INITIALIZED, Preset, Rule, StudyStream
from deep.studies.development import check_code
from deep.studies.protocol import Protocol
from deep.studies.records import StudyRun
from deep.studies.running import Setting, Wanted, absent_data, stages, train_all
from theory.errors import InputError


def confirm(preset: Preset, protocol: Protocol, setting: Setting) -> list[StudyRun]:
    """Train all arms of the protocol on fresh seeds, measured on the test part.

    Raises
    ------
    InputError
        If the protocol does not fit preset, code, device or data.
    """
    check_protocol(protocol, preset, setting.device, absent_data(preset.streams, setting))
    check_code(protocol, preset, setting)
    labels = [stream.label for stream in protocol.streams]
    streams = [stream for stream in preset.streams if stream.label in labels]
    wanted = [entry for stream in streams for entry in _arms(stream, preset, protocol.stream(stream.label).chosen)]
    runs = train_all(wanted, preset, CONFIRM, setting)
    by_label = {stream.label: stream for stream in streams}
    rules = {rule.strategy: rule for rule in preset.rules}
    controls = [entry for run in runs if run.arm in rules and run.finished for entry in _controls(by_label[run.stream], rules[run.arm], run, preset.deals)]
    found = runs + (train_all(controls, preset, CONFIRM, setting) if controls else [])
    return found + [_failed(run, rules[run.arm]) for run in runs if run.arm in rules and not run.finished]


def _arms(stream: StudyStream, preset: Preset, chosen: Mapping[str, Mapping[str, Any]]) -> Iterator[Wanted]:
    for unit in preset.confirmation:
        yield Wanted(stream, INITIALIZED, unit, INITIALIZED)
        yield Wanted(stream, FROZEN, unit, FROZEN, chosen[FROZEN])
        if chosen[BEST_DEPTH]["depth"] == stages(stream):
            yield Wanted(stream, BEST_DEPTH, unit, INITIALIZED)
        else:
            yield Wanted(stream, BEST_DEPTH, unit, FROZEN, chosen[BEST_DEPTH])
        for rule in preset.rules:
            yield Wanted(stream, rule.strategy, unit, rule.strategy, chosen[rule.strategy])


def _controls(stream: StudyStream, rule: Rule, run: StudyRun, deals: int) -> Iterator[Wanted]:
    """The controls of one run of a rule, in the same unit."""
    if rule.control == AT_RANDOM:
        for deal in range(deals):
            yield Wanted(stream, rule.control_name, run.unit, "scheduled", {"masks": dealt(run.trained[1:], run.seed, deal)}, deal)
    else:
        yield Wanted(stream, rule.control_name, run.unit, INITIALIZED, {"rate": mean_step_weight(run)})


def dealt(masks: tuple[str, ...], seed: int, deal: int) -> list[str]:
    """Return a rule's decisions in a random order of the tasks: the same number of trained stages, not where they belong."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(deal,)))
    return [masks[place] for place in generator.permutation(len(masks))]


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
            own_head = len(mask) - len(decision["scales"])
            factors.append((sum(decision["scales"]) + own_head) / len(mask))
        elif "weight" in decision:
            whole = strategy(run.strategy, **run.options).depth
            factors.append((whole + (len(mask) - whole) * decision["weight"]) / len(mask))
        else:
            raise InputError(f"the strategy {run.strategy} records neither scales nor a step weight; choose the control 'at random' for it")
    return float(np.mean(factors))


def _failed(run: StudyRun, rule: Rule) -> StudyRun:
    """Stand in for the control of a run that failed, so that its unit counts as failed in the comparison too."""
    return replace(run, arm=rule.control_name)
