r"""Methods by trainable depth.

Avg.Acc of a method minus that of fine-tuning, in the same orders on the test part, where the last 1 to {last} stages train after the
first task; and of every method in the last regime minus its own in the first. One head for all tasks. Filled: the method's
options are chosen for each regime on validation data, in other orders; hollow: once for all regimes. Means over {units} units of an
order and a seed, those in which no arm failed; bars: Student 95 % intervals of the mean, which leave out that all runs share their test images;
verdicts on a swap of the best method do not. {verdicts}
"""

from functools import partial

from deep.studies.design import COMMON, REGIMES
from deep.studies.regimes import TUNINGS
from figures.kit import PLAIN, Canvas, Figure, Sampler, Table, panels
from figures.kit.studies import COLUMNS, DIFFERENCE, forest, in_rows, recorded, recorded_files, sources

BASE, DEPTH = "fine-tuning", "last minus first"


def compute(table: Table, _: Sampler) -> None:
    for path, study in recorded(REGIMES).items():
        names = list(dict.fromkeys(rule.label for rule in study.preset.rules))
        for place, suffix in enumerate(TUNINGS):
            for stream, values in study.read(suffix)[0].items():
                first, *_, last = sorted({regime for _, regime in values})
                for (method, regime), own in values.items():
                    line, other = names.index(method) + 0.3 * place, values[BASE, regime]
                    if method != BASE:
                        table.add_measured(DIFFERENCE, method + suffix, "line", line, own - other, path.name, f"{short(stream)}: R{regime}")
                    if regime == last:
                        table.add_measured(DIFFERENCE, method + suffix, "line", line, own - values[method, first], path.name, f"{short(stream)}: {DEPTH}")


def short(text: str) -> str:
    """Leave out what the caption says of all streams."""
    return text.removeprefix("split ").replace(": split", ":").replace(", one head", "")


def draw(table: Table, canvas: Canvas) -> None:
    cases = sorted(table.cases())
    lines = {row.training: row.x for row in table if not row.training.endswith(COMMON)}
    for number, (ax, name) in enumerate(zip(panels(canvas, cases, ncols=COLUMNS, sharex=True, sharey=True), cases, strict=True)):
        forest(ax, table.select(case=name), lines, inside=lambda arm: "white" if arm.endswith(COMMON) else PLAIN.colour)
        ax.set_xlabel("difference of Avg.Acc (points)" if number >= len(cases) - COLUMNS else "")


def facts(table: Table) -> dict:
    studies, counts = recorded(REGIMES).values(), sorted({row.trials for row in table})
    verdicts = " ".join(f"With {short(verdict.sentence).split(' (')[0]}." for study in studies for verdict in study.judged())
    units = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    return {"verdicts": verdicts, "units": units, "last": max(rule.regime for study in studies for rule in study.preset.rules)}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, size=partial(in_rows, 0.5, 2.0), sources=sources(recorded_files(REGIMES)))
