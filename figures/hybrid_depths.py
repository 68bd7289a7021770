r"""What the rules decide.

Number of stages, the head included, that each rule trained in the tasks after the first; orders and seeds of
the confirmation, on which tasks come in several orders ({runs} runs). Bars: Student 95 % intervals of the
mean.{searched}
"""

from functools import partial

from matplotlib.ticker import MaxNLocator

from deep.studies.design import AT_RANDOM
from figures.kit import MARKED, Canvas, Figure, Look, Sampler, Table, bars, entry, panels
from figures.kit.studies import (COLUMNS, LOOKS, confirmed_files, confirmed_streams, explained_files, explained_streams, in_rows, sources)

CHOSEN, BEST, STAGES = "trained stages", "best depth by search", "stages of the network"
_SEARCHED = Look(MARKED, "", "*")


def compute(table: Table, _: Sampler) -> None:
    for name in confirmed_files():
        for preset, results, stream, file, case in confirmed_streams(name):
            stages = max(len(masks) for arm in results.arms(stream) for run in results.runs(stream, arm) for masks in run.trained)
            table.add_mark(STAGES, "network", "stages", 0.0, float(stages), file, case)
            for rule in (rule.strategy for rule in preset.rules if rule.control == AT_RANDOM):
                finished = [run for run in results.runs(stream, rule) if run.finished]
                for task, masks in enumerate(zip(*(run.trained[1:] for run in finished), strict=True), 2):
                    table.add_measured(CHOSEN, rule, "task", task, [mask.count("1") for mask in masks], file, case)
        for units, _pairs, file, case in explained_streams(name):
            depths = [unit.best_depths() for unit in units if unit.exhaustive]
            for task, values in enumerate(zip(*depths, strict=True), 2):  # none without a search
                table.add_measured(BEST, "schedules", "task", task, values, file, case)


def draw(table: Table, canvas: Canvas) -> None:
    cases = table.cases()
    shown = list(dict.fromkeys(row.training for row in table.select(quantity=CHOSEN)))
    for number, (ax, name) in enumerate(zip(panels(canvas, cases, ncols=COLUMNS), cases, strict=True)):
        own = table.select(case=name)
        for place, rule in enumerate(shown):
            bars(ax, own.select(quantity=CHOSEN, training=rule), LOOKS[rule], shift=0.1 * (place - (len(shown) - 1) / 2))
        if len(own.select(quantity=BEST)):
            bars(ax, own.select(quantity=BEST), _SEARCHED, shift=0.25)
        # Bars of few runs may leave the possible depths.
        ax.set(ylim=(0.5, own.only(quantity=STAGES).mean + 0.5), xlabel="task", ylabel="trained stages" if number % COLUMNS == 0 else "")
        ax.set_xticks(sorted({row.x for row in own.select(quantity=CHOSEN)}))
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [entry(LOOKS[rule], rule) for rule in shown] + [entry(_SEARCHED, BEST)] * bool(len(table.select(quantity=BEST)))
    canvas.legend(handles=handles, loc="outside upper center", ncols=4)


def facts(table: Table) -> dict:
    runs, units = (" or ".join(map(str, sorted({row.trials for row in table.select(quantity=quantity)}))) for quantity in (CHOSEN, BEST))
    searched = (
        " Stars, on streams whose schedules were all tried: the depth with the highest final Avg.Acc on validation data, mean over the "
        f"depths of the other tasks, in {units} development runs, whose seeds are others."
    )
    return {"runs": runs, "searched": searched if units else ""}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, size=partial(in_rows, 0.5, 2.3), sources=sources(confirmed_files(), explained_files()))
