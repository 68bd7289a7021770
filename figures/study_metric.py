"""One metric of the hybrid study: every strategy and control minus initialized training, a panel for each stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from deep.studies.design import AS_RATE, INITIALIZED
from deep.studies.presets import PRESETS
from deep.studies.statistics import SUPPORTED, WORSE, comparisons, verdicts
from figures.draw import panel_letter
from figures.measured import half_width, runs_sentence
from figures.registry import Figure
from figures.sampling import Sampler
from figures.study_records import COLUMNS, LOOKS, case, confirmed, confirmed_files, confirmed_streams, face, figure, letter, look, panels
from figures.style import FAINT, MARKED, NOTE
from figures.table import MARK, Table

DIFFERENCE, ITSELF, VERDICT = "minus initialized", "itself", "verdict"
LINES = {arm: place for place, arm in enumerate(name for name in LOOKS if name != INITIALIZED)}  # from the top
_CONTROL = 0.3  # of a line, below its rule
_MARKS = {SUPPORTED: ("*", 8), WORSE: ("x", 4.5)}


def computed(metric: str) -> Callable[[Sampler], Table]:
    """Return the computation of a figure of one of the study's metrics."""

    def compute(sampler: Sampler) -> Table:
        table = Table()
        for name, path in confirmed_files().items():
            preset, results = PRESETS[name], confirmed(path)
            for stream in results.streams:
                base = results.values(stream, INITIALIZED, metric)
                for arm in results.arms(stream):
                    own = results.values(stream, arm, metric)
                    units = [unit for unit in own if None not in (own[unit], base[unit])]
                    place = LINES.get(arm, LINES.get(_rule(arm), -1) + _CONTROL)
                    if arm == INITIALIZED:
                        table.add_measured(ITSELF, arm, "line", -1.0, [base[unit] for unit in units], path.name, case(preset, stream))
                    elif units:
                        pairs = [own[unit] - base[unit] for unit in units]
                        table.add_measured(DIFFERENCE, arm, "line", place, pairs, path.name, case(preset, stream))
            for verdict in verdicts(comparisons(results, preset.rules, preset.level), preset.rules):
                table.add_mark(VERDICT, verdict.rule, "line", LINES[verdict.rule], float("nan"), verdict.verdict, case(preset, verdict.stream))
        return table

    return compute


def _rule(arm: str) -> str:
    """The rule that a control belongs to."""
    return next((name for name in LOOKS if arm.startswith(f"{name} ")), "")


def drawn(words: str, judged: bool) -> Callable[[Table, Canvas], None]:
    """Return the drawing of such a figure, with the verdicts' marks if verdicts rest on the metric."""

    def draw(table: Table, canvas: Canvas) -> None:
        cases = list(dict.fromkeys(row.case for row in table))
        for number, (ax, name) in enumerate(zip(panels(canvas, len(cases), sharey=True), cases, strict=True)):
            own = table.select(case=name)
            _panel(ax, own)
            panel_letter(ax, letter(number), name)
            ax.set_xlabel(f"{words} $-$ that of initialized (points)" if number >= len(cases) - COLUMNS else "")
            for mark in own.select(kind=MARK) if judged else ():
                if mark.source in _MARKS:
                    shape, size = _MARKS[mark.source]
                    ax.plot(1.0, mark.x, shape, color=MARKED, markersize=size, transform=ax.get_yaxis_transform(), clip_on=False, zorder=5)
        handles = [Line2D([], [], color=NOTE, marker="o", linestyle="", markersize=4, markerfacecolor=fill, label=label)
                   for fill, label in ((NOTE, "strategy"), ("white", "best fixed depth, or the rule's control"))]  # fmt: skip
        if judged:
            handles += [Line2D([], [], color=MARKED, marker=shape, linestyle="", markersize=size, label=verdict) for verdict, (shape, size) in _MARKS.items()]
        canvas.legend(handles=handles, loc="outside upper center", ncols=4)

    return draw


def _panel(ax: Axes, table: Table) -> None:
    (base,) = table.select(quantity=ITSELF).rows
    rows = table.select(quantity=DIFFERENCE)
    for row, half in zip(rows, half_width(rows), strict=True):
        own = look(row.training)
        ax.errorbar(
            100 * row.mean, row.x, xerr=100 * half, fmt=own.marker, color=own.colour, markersize=4, markerfacecolor=face(row.training),
            elinewidth=1.1, capsize=2.0,
        )  # fmt: skip
    ax.axvline(0, color=FAINT, linewidth=0.7, zorder=0)
    ax.set_yticks(list(LINES.values()), list(LINES), fontsize=8.5)
    ax.set_ylim(max(LINES.values()) + 0.8, -1.4)
    half = half_width(table.select(quantity=ITSELF))[0]
    words = f"initialized: {100 * base.mean:.1f} $\\pm$ {100 * half:.1f} %"
    ax.text(0.5, 0.98, words, transform=ax.transAxes, fontsize=8.5, va="top", ha="center", color=NOTE, backgroundcolor="white")


def runs(table: Table) -> str:
    """Say how many runs there are: once for all streams with as many, in the order of the panels; and which ones failed."""
    measured = table.select(lambda row: row.kind != MARK)
    cases = list(dict.fromkeys(row.case for row in measured))
    sentences: dict[str, list[str]] = {}
    failed = []
    for place, name in enumerate(cases):
        rows = [row for row in measured if row.case == name]
        most = max(row.trials for row in rows)
        failed += [f"{row.training} on {name} {most - row.trials} of {most}" for row in rows if row.trials < most]
        sentence = runs_sentence(Table([row for row in rows if row.trials == most]), "orders and seeds")
        sentences.setdefault(sentence, []).append(letter(place))
    told = list(sentences) if len(sentences) == 1 else [f"{letters[0]} to {letters[-1]}: {sentence}" for sentence, letters in sentences.items()]
    return " ".join([*told, *([f"Failed, and left out of the means: {', '.join(failed)}."] if failed else [])])


def handicapped() -> bool:
    """Return whether a control at a rule's mean step weight has its first task slowed too, as in records without the option ``rate``."""
    for name, path in confirmed_files().items():
        results, controls = confirmed(path), [rule.control_name for rule in PRESETS[name].rules if rule.control == AS_RATE]
        if any("rate" not in run.options for stream in results.streams for arm in controls for run in results.runs(stream, arm)):
            return True
    return False


def size() -> tuple[float, float]:
    """Width and height in inches."""
    return 8.6, 0.9 + 2.2 * math.ceil(confirmed_streams() / COLUMNS)


def made(metric: str, words: str, title: str, caption: Callable[[Table], str], judged: bool = False) -> Figure | None:
    """Return the figure of a metric, if a study was recorded."""

    def make(sources: tuple[Path, ...]) -> Figure:
        return Figure(title, computed(metric), drawn(words, judged), caption, size=size(), sources=sources)

    return figure(confirmed_files(), make)
