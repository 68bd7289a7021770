"""The hybrid study: how many stages the rules train in each task, beside the depth that an exhaustive search finds best."""

from __future__ import annotations

import math

from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from deep.studies.design import AT_RANDOM
from deep.studies.presets import PRESETS
from figures.draw import entry, panel_letter
from figures.measured import measured
from figures.registry import Figure
from figures.sampling import Sampler
from figures.study_records import COLUMNS, LOOKS, case, confirmed, confirmed_files, confirmed_streams, explained, explained_files, figure, letter, panels
from figures.style import MARKED, Look
from figures.table import Table

CHOSEN, BEST, STAGES = "trained stages", "best depth by search", "stages of the network"
_SEARCHED = Look(MARKED, "", "*")


def compute(sampler: Sampler) -> Table:
    table = Table()
    searched = explained_files()
    for name, path in confirmed_files().items():
        preset, results = PRESETS[name], confirmed(path)
        for stream in results.streams:
            stages = max(len(masks) for arm in results.arms(stream) for run in results.runs(stream, arm) for masks in run.trained)
            table.add_mark(STAGES, "network", "stages", 0.0, float(stages), path.name, case(preset, stream))
            for rule in (rule.strategy for rule in preset.rules if rule.control == AT_RANDOM):
                finished = [run for run in results.runs(stream, rule) if run.finished]
                for task, masks in enumerate(zip(*(run.trained[1:] for run in finished), strict=True), 2):
                    table.add_measured(CHOSEN, rule, "task", task, [mask.count("1") for mask in masks], path.name, case(preset, stream))
        if name in searched:
            _add_searched(table, name)
    return table


def _add_searched(table: Table, name: str) -> None:
    path = explained_files()[name]
    effects, _ = explained(path)
    for stream in dict.fromkeys(unit.stream for unit in effects):
        depths = [unit.best_depths() for unit in effects if unit.stream == stream and unit.exhaustive]
        for task, values in enumerate(zip(*depths, strict=True), 2):  # none without a search
            table.add_measured(BEST, "schedules", "task", task, values, path.name, case(PRESETS[name], stream))


def draw(table: Table, canvas: Canvas) -> None:
    cases = list(dict.fromkeys(row.case for row in table))
    axes = panels(canvas, len(cases))
    shown = {row.training: None for row in table.select(quantity=CHOSEN)}
    for number, (ax, name) in enumerate(zip(axes, cases, strict=True)):
        own = table.select(case=name)
        for place, rule in enumerate(shown):
            measured(ax, own.select(quantity=CHOSEN, training=rule), LOOKS[rule], 0.1 * (place - (len(shown) - 1) / 2))
        if len(own.select(quantity=BEST)):
            measured(ax, own.select(quantity=BEST), _SEARCHED, 0.25)
        # Bars of few runs may leave the possible depths.
        ax.set_ylim(0.5, own.select(quantity=STAGES).rows[0].mean + 0.5)
        ax.set_xticks(sorted({row.x for row in own.select(quantity=CHOSEN)}))
        ax.set_xlabel("task")
        ax.set_ylabel("trained stages" if number % COLUMNS == 0 else "")
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
        panel_letter(ax, letter(number), name)
    handles = [entry(LOOKS[rule], rule) for rule in shown] + [entry(_SEARCHED, BEST)] * bool(len(table.select(quantity=BEST)))
    canvas.legend(handles=handles, loc="outside upper center", ncols=4)


def caption(table: Table) -> str:
    counts = sorted({row.trials for row in table.select(quantity=CHOSEN)})
    text = (
        "Number of stages, the head included, that each rule trained in the tasks after the first; orders and seeds of the confirmation, on which tasks "
        f"come in several orders ({' or '.join(map(str, counts))} runs). Bars: Student 95\u00a0% intervals of the mean."
    )
    best = table.select(quantity=BEST)
    if len(best):
        units = sorted({row.trials for row in best})
        text += (
            f" Stars, on streams whose schedules were all tried: the depth with the highest final Avg.Acc on validation data, mean over the depths of the "
            f"other tasks, in {' or '.join(map(str, units))} development runs, whose seeds are others."
        )
    return text


def _height() -> float:
    return 0.5 + 2.3 * math.ceil(confirmed_streams() / COLUMNS)


FIGURE = figure(
    confirmed_files(),
    lambda sources: Figure(
        "What the rules decide.", compute, draw, caption, size=(8.6, _height()), sources=(*sources, *explained_files().values())
    ),
)
