"""A study's results for people to read: tables in the shape of the paper's, the paper's own numbers beside them, verdicts."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from deep.studies.design import AT_RANDOM, BASELINES, BEST_DEPTH, FROZEN, INITIALIZED, Preset
from deep.studies.effects import Explanation
from deep.studies.protocol import Protocol
from deep.studies.published import RESULTS, SOURCE
from deep.studies.records import METRICS
from deep.studies.statistics import SUPPORTED, VERDICTS, Comparison, Results, Verdict, signed
from simulate.evidence import Estimate
from simulate.wording import table

_HEADS = {"average_accuracy": "Avg.Acc", "task_accuracy": "Task.Acc", "forgetting": "Forgetting"}
_LEVEL = 0.95  # of the intervals of single means


def protocol_text(protocol: Protocol) -> str:
    """Return what development chose, with what it measured on validation data."""
    rows = [("stream", "arm", "chosen", "candidates", "validation Avg.Acc")]
    for stream in protocol.streams:
        for arm, options in stream.chosen.items():
            names = (FROZEN, INITIALIZED) if arm == BEST_DEPTH else (arm,)
            tried = [entry for entry in stream.candidates if entry.strategy in names]
            # the depth of all stages was tried as initialized training, which has no options
            own = [entry for entry in tried if entry.options == options] or [entry for entry in tried if not entry.options]
            reached = "-" if not own or own[0].average_accuracy is None else f"{100 * own[0].average_accuracy:.2f}"
            rows.append((stream.label, arm, options_text(options), str(len(tried)), reached))
    return "\n".join([f"development of {protocol.preset}, {len(protocol.development)} units each", table(rows), *absent_lines(protocol)])


def absent_lines(protocol: Protocol) -> list[str]:
    """Say which streams were left out."""
    return [f"left out: {label}, {reason} (`driftlaw deep data` says what to put where)" for label, reason in protocol.absent.items()]


def results_text(preset: Preset, protocol: Protocol, results: Results, compared: Sequence[Comparison], judged: Sequence[Verdict]) -> str:
    """Return tables, differences and verdicts of a confirmation."""
    units = len(protocol.confirmation)
    parts = [_stream_table(preset, protocol, results, stream) for stream in results.streams]
    parts.append(
        f"ours: means over {units} orders with fresh seeds on the test part, with the half width of Student's {100 * _LEVEL:.0f} % interval; "
        f"published: {SOURCE}, another network and training"
    )
    parts.append(
        f"differences in Avg.Acc, in points; intervals hold together for all {sum(entry.metric == METRICS[0] for entry in compared)} comparisons "
        f"at {100 * preset.level:g} % (paired Student intervals, Bonferroni)\n" + _difference_table(compared)
    )
    parts.append("\n".join(["verdicts", *(f"  {verdict.sentence}" for verdict in judged), "", *_counts(preset, judged), *absent_lines(protocol)]))
    return "\n\n".join(parts)


def explanation_text(explanation: Explanation) -> str:
    """Return scores, benefits and depths task by task, and who won the pairs of tasks."""
    rows = [("stream", "order", "seed", "task", "score", "benefit of all stages, points", "best depth", "chosen by rule")]
    for unit in explanation.effects:
        for task, best in enumerate(unit.best_depths() or ["-"] * len(unit.scores)):
            chosen = ", ".join(f"{rule} {depths[task]}" for rule, depths in unit.chosen.items())
            measured = (f"{unit.scores[task]:+.3f}", signed(unit.benefit[task]), str(best), chosen)
            rows.append((unit.stream, str(unit.order), str(unit.seed), str(task + 2), *measured))
    reached = [("stream", "order", "seed", "schedules", *explanation.effects[0].reached)]
    for unit in explanation.effects:
        tried = f"{unit.schedules}{' (all)' if unit.exhaustive else ''}"
        reached.append((unit.stream, str(unit.order), str(unit.seed), tried, *(f"{100 * value:.2f}" for value in unit.reached.values())))
    pairs = [("stream", "pairs", "frozen better", "initialized better", "equal")]
    for stream in dict.fromkeys(pair.stream for pair in explanation.pairs):
        signs = [np.sign(round(pair.advantage, 9)) for pair in explanation.pairs if pair.stream == stream]
        pairs.append((stream, str(len(signs)), *(str(signs.count(sign)) for sign in (1, -1, 0))))
    notes = ("validation Avg.Acc in %, by schedule", "pairs of tasks by mean accuracy on both in the end")
    return f"{table(rows)}\n\n{notes[0]}\n{table(reached)}\n\n{notes[1]}\n{table(pairs)}"


def options_text(options: object) -> str:
    """Return options in a few words."""
    return ", ".join(f"{name}={value}" for name, value in dict(options).items()) or "-"


def _stream_table(preset: Preset, protocol: Protocol, results: Results, label: str) -> str:
    chosen = protocol.stream(label).chosen
    rows = [("", "options", *(f"{_HEADS[metric]} %" for metric in METRICS))]
    for arm in results.arms(label):
        rows.append((arm, options_text(chosen.get(arm, {})), *(_cell(results.estimate(label, arm, metric)) for metric in METRICS)))
    stream = next(stream for stream in preset.streams if stream.label == label)
    for name, (task, average, forgetting) in RESULTS.get(stream.published or "", {}).items():
        rows.append((f"published: {name}", "", *("-" if value is None else f"{value:.2f}" for value in (average, task, forgetting))))
    return f"{label} ({stream.network}, {stream.scenario}-incremental)\n{table(rows)}"


def _cell(estimate: Estimate | None) -> str:
    if estimate is None:
        return "failed"
    half = student.ppf((1 + _LEVEL) / 2, estimate.count - 1) * estimate.stderr
    return f"{100 * estimate.mean:.2f} +- {100 * half:.2f}"


def _difference_table(compared: Sequence[Comparison]) -> str:
    deciding = [entry for entry in compared if entry.metric == METRICS[0]]
    heads = (*BASELINES, "control")
    rows = [("stream", "rule", *(f"minus {head}" for head in heads))]
    for stream, rule in dict.fromkeys((entry.stream, entry.rule) for entry in deciding):
        found = [entry for entry in deciding if (entry.stream, entry.rule) == (stream, rule)]
        rows.append((stream, rule, *(_difference(entry) for entry in found)))
    return table(rows)


def _difference(entry: Comparison) -> str:
    if entry.difference is None:
        return f"{entry.failed} failed"
    return f"{signed(entry.difference.mean)} [{signed(entry.low)}, {signed(entry.high)}]"


def _counts(preset: Preset, judged: Sequence[Verdict]) -> list[str]:
    counts = {verdict: sum(entry.verdict == verdict for entry in judged) for verdict in VERDICTS}
    streams = list(dict.fromkeys(entry.stream for entry in judged))
    won = [stream for stream in streams if any(entry.stream == stream and entry.verdict == SUPPORTED for entry in judged)]
    controls = ", ".join(f"{rule.strategy}: {rule.control}" for rule in preset.rules)
    rated = [rule.strategy for rule in preset.rules if rule.control != AT_RANDOM]
    lines = [", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)]
    lines.append(f"a hybrid is above both baselines and above its control on {len(won)} of {len(streams)} streams" + (f": {', '.join(won)}" if won else ""))
    lines.append(f"controls: {controls}")
    if rated:
        lines.append(
            f"{' and '.join(rated)} decide no numbers of modules; they have to be above the best fixed depth and above initialized training "
            "whose steps after the first task are multiplied by their mean step weight (over stages and these tasks)"
        )
    return lines
