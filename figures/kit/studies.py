"""Figures of the hybrid study: its records that are kept here, how its arms look, and a figure for each of its metrics."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from deep.records import read_records
from deep.studies.design import BASELINES, CONFIRM, Preset
from deep.studies.presets import FILES, PRESETS
from deep.studies.protocol import read_protocol
from deep.studies.records import PairRecord, StudyRun, UnitEffects
from deep.studies.report import Study
from deep.studies.statistics import SUPPORTED, WORSE, Results, comparisons, verdicts
from figures.kit.draw import letter, panels, vertical
from figures.kit.figure import DEEP, READERS, RECORDS, Figure, runs_sentence
from figures.kit.sampling import Sampler
from figures.kit.style import FROZEN, INITIALIZED, MARKED, NOTE, PLAIN, STEPS, THIRD, Look
from figures.kit.table import MARK, MEASURED, Table

STUDIES = DEEP / "studies"
CODE = (*READERS, *FILES, *(STUDIES / f"{name}.py" for name in ("design", "presets", "protocol", "records", "regimes", "report", "statistics")))
BASE, *_ = BASELINES  # what the others are compared with
LOOKS = dict(zip(BASELINES, (INITIALIZED, FROZEN, Look("#8A8A8A", "-", "v")), strict=True)) | {
    "threshold": STEPS[1], "graded": Look("#0B1F4B", "-", "<"), "per-stage": THIRD, "magnitude": STEPS[3], "constrained": STEPS[2],
}  # fmt: skip
COLUMNS = 3
DIFFERENCE, ITSELF, VERDICT = "minus initialized", "itself", "verdict"
LINES = {arm: float(place) for place, arm in enumerate(name for name in LOOKS if name != BASE)}  # from the top
_CONFIRMED = "hybrid_{}.jsonl"
_CONTROL = 0.3  # of a line, below its rule
_MARKS = {SUPPORTED: ("*", 8), WORSE: ("x", 4.5)}


def confirmed_files() -> dict[str, Path]:
    """Files of confirmed studies, by preset; those that were recorded."""
    return _present(_CONFIRMED)


def explained_files() -> dict[str, Path]:
    """Files of what explains them, by preset; those that were recorded."""
    return _present("hybrid_{}_explain.jsonl")


def _present(pattern: str) -> dict[str, Path]:
    paths = {name: RECORDS / pattern.format(name) for name in PRESETS}
    return {name: path for name, path in paths.items() if path.exists()}


@cache
def confirmed(path: Path) -> Results:
    """Read the runs of a confirmation; fair controls that were trained later stand in for theirs, and what each test image added is put in."""
    runs = {(run.stream, run.arm, run.unit, run.deal): run for run in read_records(path, StudyRun) if run.phase == CONFIRM}
    for run in (run for file in again_files() for run in read_records(file, StudyRun) if path.name == _CONFIRMED.format(run.preset)):
        key = (run.stream, run.arm.replace("a later rate", "a rate"), run.unit, run.deal)
        runs[key] = replace(runs[key], images=run.images) if run.images else replace(run, arm=key[1])
    return Results(runs.values())


def again_files() -> list[Path]:
    """Files of what was trained again after the confirmations, in the same units."""
    return [path for name in ("later_rate", "images") if (path := RECORDS / _CONFIRMED.format(name)).exists()]


def confirmed_streams() -> list[tuple[Preset, Results, str, str, str]]:
    """Return every stream of the confirmed studies: preset, results, the stream, its file's name, its case in tables."""
    studies = [(PRESETS[name], confirmed(path), path.name) for name, path in confirmed_files().items()]
    return [(preset, results, stream, file, case(preset, stream)) for preset, results, file in studies for stream in results.streams]


def explained_streams() -> Iterator[tuple[list[UnitEffects], list[PairRecord], str, str]]:
    """Give the units and the pairs of every stream that was explained, its file's name, its case."""
    for name, path in explained_files().items():
        records = read_records(path, UnitEffects, PairRecord)
        for stream in dict.fromkeys(entry.stream for entry in records):
            units, pairs = ([entry for entry in records if entry.stream == stream and isinstance(entry, kind)] for kind in (UnitEffects, PairRecord))
            yield units, pairs, path.name, case(PRESETS[name], stream)


def case(preset: Preset, stream: str) -> str:
    """Name of a stream in tables: its label, with its preset's name where another recorded preset has the same label."""
    others = (PRESETS[name] for name in confirmed_files() if name != preset.name)
    return f"{stream} ({preset.name})" if any(stream == entry.label for other in others for entry in other.streams) else stream


def rule_of(arm: str) -> str | None:
    """Return the strategy that an arm is, or that it is the control of; None for the best fixed depth."""
    return next((name for name in LOOKS if arm == name or arm.startswith(f"{name} ")), None)


def look(arm: str) -> Look:
    """Return an arm's look; a control has its rule's."""
    return LOOKS.get(rule_of(arm), PLAIN)


def face(arm: str) -> str:
    """Return the colour that fills an arm's marker: strategies are filled, the best fixed depth and controls hollow."""
    return "white" if " " in arm else look(arm).colour


def in_rows(above: float, row: float, table: Table) -> tuple[float, float]:
    """Width and height in inches of panels for the table's cases, in rows of three."""
    return 8.6, above + row * math.ceil(len(table.cases()) / COLUMNS)


def sources(*files: dict[str, Path]) -> tuple[Path, ...]:
    """Return the records of a figure, and the code that reads them; where nothing was recorded, the name that such records would have."""
    return (*(path for paths in files for path in paths.values()), *again_files(), *CODE) if files[0] else (RECORDS / _CONFIRMED.format("*"),)


def metric_figure(metric: str, axis: str, words: str, *caption: Any, judged: bool = False) -> Figure:
    """Return the figure of a metric, named so on the axis: every arm minus initialized training, a panel for each stream."""
    parts = words, partial(differences, metric), partial(draw_differences, axis, judged), *caption
    return Figure(*parts, size=partial(in_rows, 0.9, 2.2), sources=sources(confirmed_files()))


def differences(metric: str, table: Table, _: Sampler) -> None:
    """Compute the paired differences of a metric from initialized training, and the verdicts."""
    for name, path in confirmed_files().items():
        preset, results = PRESETS[name], confirmed(path)
        for stream in results.streams:
            base, own_case = results.values(stream, BASE, metric), case(preset, stream)
            for arm in results.arms(stream):
                own = results.values(stream, arm, metric)
                units = [unit for unit in own if None not in (own[unit], base[unit])]
                place = LINES.get(arm, LINES.get(rule_of(arm), -1.0) + _CONTROL)
                if arm == BASE:
                    table.add_measured(ITSELF, arm, "line", -1.0, [base[unit] for unit in units], path.name, own_case)
                elif units:
                    table.add_measured(DIFFERENCE, arm, "line", place, [own[unit] - base[unit] for unit in units], path.name, own_case)
        for verdict in verdicts(comparisons(results, preset.rules, preset.level), preset.rules, preset.effect):
            table.add_mark(VERDICT, verdict.rule, "line", LINES[verdict.rule], math.nan, verdict.verdict, case(preset, verdict.stream))


def draw_differences(words: str, judged: bool, table: Table, canvas: Canvas) -> None:
    """Draw the differences, with the verdicts' marks if verdicts rest on the metric."""
    cases = table.cases()
    for number, (ax, name) in enumerate(zip(panels(canvas, cases, ncols=COLUMNS, sharex=judged, sharey=True), cases, strict=True)):
        own = table.select(case=name)
        forest(ax, own.select(quantity=DIFFERENCE), LINES, -1.4)
        base = own.only(quantity=ITSELF)
        level = f"initialized: {100 * base.mean:.1f} $\\pm$ {100 * base.half:.1f} %"
        ax.text(0.5, 0.98, level, transform=ax.transAxes, fontsize=8.5, va="top", ha="center", color=NOTE, backgroundcolor="white")
        ax.set_xlabel(f"{words} $-$ that of initialized (points)" if number >= len(cases) - COLUMNS else "")
        for mark in own.select(lambda row: judged and row.source in _MARKS, kind=MARK):
            sign, size = _MARKS[mark.source]
            ax.plot(1.0, mark.x, sign, color=MARKED, markersize=size, transform=ax.get_yaxis_transform(), clip_on=False, zorder=5)
    hollow = "best fixed depth, or the rule's control"
    shown = [(NOTE, "o", 4, NOTE, "strategy"), (NOTE, "o", 4, "white", hollow)]
    shown += [(MARKED, *mark, MARKED, verdict) for verdict, mark in _MARKS.items()] if judged else []
    handles = [Line2D([], [], color=colour, marker=shape, linestyle="", markersize=size, markerfacecolor=fill, label=label)
               for colour, shape, size, fill, label in shown]  # fmt: skip
    canvas.legend(handles=handles, loc="outside upper center", ncols=4)


def forest(ax: Axes, rows: Table, lines: Mapping[str, float], top: float = -0.8, inside: Callable[[str], str] = face) -> None:
    """Draw differences of shares with their intervals, in points, each on its arm's line, with markers of the colour that ``inside`` gives."""
    for row in rows:
        shape, options = look(row.training), {"markerfacecolor": inside(row.training), "markersize": 4, "elinewidth": 1.1, "capsize": 2.0}
        ax.errorbar(100 * row.mean, row.x, xerr=100 * row.half, fmt=shape.marker, color=shape.colour, **options)
    vertical(ax, 0, linewidth=0.7)
    ax.set_yticks(list(lines.values()), list(lines), fontsize=8.5)
    ax.set_ylim(max(lines.values()) + 0.8, top)


def recorded_files(study: str) -> dict[str, Path]:
    """Files of the recorded studies of a kind other than the hybrid one, by preset."""
    return {name: path for name, path in _present("{}.jsonl").items() if PRESETS[name].study == study}


def recorded(study: str) -> dict[Path, Study]:
    """Read them, by their files."""
    protocols = {name: read_protocol(path.with_name(f"{name}_protocol.json")) for name, path in recorded_files(study).items()}
    return {path: Study(PRESETS[name], protocols[name], tuple(read_records(path, StudyRun))) for name, path in recorded_files(study).items()}


def runs(table: Table) -> str:
    """Say how many runs there are: once for all streams with as many, in the order of the panels; and which ones failed."""
    sentences: dict[str, list[str]] = {}
    failed = []
    for place, name in enumerate(table.cases(kind=MEASURED)):
        rows = table.select(kind=MEASURED, case=name)
        most = max(row.trials for row in rows)
        failed += [f"{row.training} on {name} {most - row.trials} of {most}" for row in rows if row.trials < most]
        sentences.setdefault(runs_sentence(rows.select(trials=most), "orders and seeds"), []).append(letter(place))
    by_panel = [f"{letters[0]} to {letters[-1]}: {sentence}" for sentence, letters in sentences.items()]
    return " ".join([*(by_panel if len(sentences) > 1 else sentences), *([f"Failed, and left out of the means: {', '.join(failed)}."] if failed else [])])
