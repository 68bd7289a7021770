"""Texts about runs, for people to read."""

from collections.abc import Iterable

from deep.metrics import interval
from deep.records import RunRecord
from deep.runs.folder import RunState
from deep.runs.names import SHOWN, run_name, with_options
from simulate.wording import table

_METRICS = {
    "average_accuracy": "average accuracy",
    "task_accuracy": "task accuracy",
    "forgetting": "forgetting",
    "backward_transfer": "backward transfer",
    "forward_transfer": "forward transfer",
}

_OF_IMAGES = "intervals (Wilson's) are of the images alone; they leave out what other seeds, orders and first weights would give: train several --seeds"


def percent(value: float | None) -> str:
    """Return a share in per cent."""
    return "-" if value is None else f"{100 * value:.2f}"


def record_text(record: RunRecord, status: str) -> str:
    """Return the accuracy matrix, metrics, updates and configuration of a run."""
    head = [f"{run_name(record.config)}: {status}, run {record.key[:SHOWN]}"]
    if record.failure is not None:
        head.append(_failed(record))
    head += _notes([record])
    parts = ["\n".join(head), f"accuracy in % ({record.config['evaluate_on']} part), after each task (rows) on every task (columns)\n" + _matrix(record)]
    if record.metrics is not None:
        rows = [("metric", "%", "95 % interval")] + [(words, percent(record.metrics[name]), _interval(record, name)) for name, words in _METRICS.items()]
        parts.append(table(rows) + (f"\n{_OF_IMAGES}" if record.evaluated else ""))
    if record.results:
        parts.append(_updates(record))
    settings = ", ".join(f"{name} {value}" for name, value in record.config.items() if value not in ({}, [], None))
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return "\n\n".join([*parts, f"settings: {settings}\ndevice: {record.device}; {versions}"])


def states_table(states: Iterable[RunState]) -> str:
    """Return a table of runs with their status and, once finished, what they reached; below it what is to be known of some."""
    states = list(states)
    rows = [("run", "stream", "scenario", "order", "seed", "strategy", "network", "status", "tasks", "Avg.Acc", "95 %", "forgetting")]
    for state in states:
        config, record = state.config, state.record
        if state.problem:
            rows.append((state.key[:SHOWN], *["-"] * 6, state.status, *["-"] * 4))
            continue
        done = "-" if record is None else f"{len(record.results)} of {len(record.task_names)}"
        metrics = (record.metrics if record else None) or {}
        reached = (percent(metrics.get("average_accuracy")), _interval(record, "average_accuracy"), percent(metrics.get("forgetting")))
        names = (config["stream"], config["scenario"], str(config["order"]), str(config["seed"]), with_options(config, "strategy"), config["network"])
        rows.append((state.key[:SHOWN], *names, state.status, done, *reached))
    remarks = [f"{state.key[:SHOWN]} is unreadable: {state.problem}" for state in states if state.problem]
    remarks += [f"{state.key[:SHOWN]} {_failed(state.record)}" for state in states if state.record is not None and state.record.failure is not None]
    remarks += [_OF_IMAGES] if any(state.record is not None and state.record.evaluated for state in states) else []
    remarks += _notes(state.record for state in states if state.record is not None)
    return "\n\n".join([table(rows), *(["\n".join(remarks)] if remarks else [])])


def _failed(record: RunRecord) -> str:
    return f"failed in task {record.failure.task} at step {record.failure.step}: {record.failure.reason}"


def _notes(records: Iterable[RunRecord]) -> list[str]:
    """What is to be known of the records' data, once each."""
    return [f"note: {note}" for note in dict.fromkeys(note for record in records for note in record.notes)]


def _matrix(record: RunRecord) -> str:
    rows = [("", *(str(task) for task in range(len(record.task_names)))), ("untrained", *map(percent, record.baseline))]
    rows += [(f"after {number}", *map(percent, result.accuracy)) for number, result in enumerate(record.results)]
    if record.evaluated and record.results:
        counts = record.evaluated["images"]
        rows += [("95 % of it", *map(_ends, record.results[-1].accuracy, counts)), ("images", *(f"{count:,}" for count in counts))]
    return table(rows)


def _interval(record: RunRecord | None, name: str) -> str:
    """Interval of a metric that is an average of accuracies; of the others, which are differences on the same images, none is known."""
    known = record is not None and record.metrics is not None and record.evaluated and name in ("average_accuracy", "task_accuracy")
    return _ends(record.metrics[name], record.evaluated["worth"]) if known else "-"


def _ends(accuracy: float, images: float) -> str:
    return " to ".join(f"{100 * end:.1f}" for end in interval(accuracy, images)) if images else "-"


def _updates(record: RunRecord) -> str:
    rows = [("task", "examples", "steps", "seconds", "loss", "|update|", *record.stages, "cosines with earlier tasks")]
    for number, result in enumerate(record.results):
        stages = (f"{norm:.3g}" if trained else "frozen" for norm, trained in zip(result.update, result.trained, strict=True))
        cosines = " ".join("-" if cosine is None else f"{cosine:.2f}" for cosine in result.cosines)
        loss = f"{result.losses[-1]:.3g}" if result.losses else "-"
        counts = (f"{result.examples:,}", f"{result.steps:,}", f"{result.seconds:.2f}", loss, f"{result.update_magnitude:.3g}")
        rows.append((str(number), *counts, *stages, cosines))
    return table(rows)
