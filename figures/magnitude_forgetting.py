r"""Update magnitude and forgetting.

Networks: mean over the tasks after the first of the squared update $|\theta_t-\theta_{{t-1}}|^2$, over that
of initialized training with the same order and seed, against Forgetting on the test part; filled: strategies,
hollow: best fixed depth and controls. Means of {runs} runs, bars: Student 95 % intervals of the means. Last
panel, exact law: {TASKS} tasks; lines: initialized training of whose shared step the part 0 to 1 is taken;
marks: initialized training, and frozen training, whose specific parameters have to fit a task alone;
$p={BLOCKS[shared]}$ shared and $p_2={BLOCKS[specific]}$ specific parameters, $n={SAMPLES}$,
$\sigma={SIGMA:g}$, $|w_i|^2=1$ and $|w_i-w_j|^2=$ {distances} in each block.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from deep.studies.records import StudyRun
from figures.kit import MARK, MEASURED, PLAIN, THEORY, Axes, Canvas, Figure, Look, Sampler, Table, bars, entry, panels
from figures.kit.studies import BASE, COLUMNS, LOOKS, confirmed_files, confirmed_streams, face, in_rows, look, sources
from theory import TaskSequence, expected_errors, initialized

QUANTITY, MAGNITUDE, LAW = "forgetting", "squared update, relative", "linear law"
TASKS, BLOCKS, SAMPLES, SIGMA = 5, {"shared": 60, "specific": 120}, 30, 0.3
DISTANCES = {"similar tasks": 0.25, "different tasks": 1.0}  # |w_i - w_j|^2 in each block; |w_i|^2 = 1
SCALES = np.linspace(0, 1, 41)


def sequence(distance: float, scale: float | None) -> TaskSequence:
    """Return tasks at equal distances that, after the first, take ``scale`` times the shared step of initialized training; None: frozen."""
    gram = np.full((TASKS, TASKS), 1 - distance / 2) + np.eye(TASKS) * distance / 2
    seq = initialized(BLOCKS, (SAMPLES,) * TASKS, SIGMA, gram=dict.fromkeys(BLOCKS, gram))
    changes = {"train": ("specific",)} if scale is None else {"scale": {"shared": float(scale)}}
    return replace(seq, tasks=(seq.tasks[0], *(replace(task, **changes) for task in seq.tasks[1:])))


def law(distance: float, scale: float | None) -> tuple[float, float]:
    """Compute the mean squared update after the first task, and forgetting."""
    found = expected_errors(sequence(distance, scale))
    return float(np.mean([found.update_magnitude[task] for task in range(1, TASKS)])), found.forgetting()


def compute(table: Table, _: Sampler) -> None:
    for _preset, results, stream, file, case in confirmed_streams():
        base = {run.unit: squared_update(run) for run in results.runs(stream, BASE) if run.finished}
        for arm in results.arms(stream):
            runs = [run for run in results.runs(stream, arm) if run.finished and run.unit in base]
            if len(runs) > 1:
                relative = [squared_update(run) / base[run.unit] for run in runs]
                for quantity, values in ((QUANTITY, [run.metric(QUANTITY) for run in runs]), (MAGNITUDE, relative)):
                    table.add_measured(quantity, arm, MAGNITUDE, float(np.mean(relative)), values, file, case)
    for words, distance in DISTANCES.items():
        values = np.array([law(distance, scale) for scale in SCALES])
        table.add_curve(QUANTITY, words, MAGNITUDE, values[:, 0] / values[-1, 0], values[:, 1], "expected_errors", LAW)
        for scale, training in ((None, "frozen"), (1.0, "initialized")):
            magnitude, forgetting = law(distance, scale)
            table.add_mark(QUANTITY, training, MAGNITUDE, magnitude / values[-1, 0], forgetting, "expected_errors", LAW)


def squared_update(run: StudyRun) -> float:
    """Compute the mean over the tasks after the first of |theta_t - theta_{t-1}|^2."""
    return float(np.mean(np.square(run.update[1:])))


def draw(table: Table, canvas: Canvas) -> None:
    cases = table.cases(kind=MEASURED)
    *axes, last = panels(canvas, [*cases, "linear theory, exact"], ncols=COLUMNS)
    for ax, name in zip(axes, cases, strict=True):
        _measured(ax, table.select(case=name))
    _law(last, table.select(case=LAW))
    handles = [entry(Look(own.colour, "", own.marker), arm) for arm, own in LOOKS.items()]
    canvas.legend(handles=handles, loc="outside upper center", ncols=4)


def _measured(ax: Axes, table: Table) -> None:
    for row in table.select(quantity=QUANTITY):
        half, inside = table.only(quantity=MAGNITUDE, training=row.training).half, face(row.training)
        bars(ax, Table([row]), look(row.training), 100, xerr=half, linestyle="", markerfacecolor=inside, capsize=0, elinewidth=0.8)
    ax.set(xlabel=r"$|\Delta|^2$ / that of initialized", ylabel="forgetting (points)")


def _law(ax: Axes, table: Table) -> None:
    lines = ("-", (0, (5, 1.8)))
    for (words, line), shade in zip(zip(DISTANCES, lines, strict=True), (PLAIN.colour, "#777777"), strict=True):
        rows = table.select(kind=THEORY, training=words)
        ax.plot(rows.column("x"), rows.column("mean"), color=shade, linestyle=line, label=words)
    for mark in table.select(kind=MARK):
        ax.plot(mark.x, mark.mean, marker=LOOKS[mark.training].marker, color=LOOKS[mark.training].colour, markersize=5, linestyle="none")
    ax.set(xlabel=r"$E\,|\Delta|^2$ / that of initialized", ylabel="forgetting (squared error)")
    ax.legend(fontsize=8)


def facts(table: Table) -> dict:
    counts = sorted({row.trials for row in table.select(kind=MEASURED)})
    runs = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    return {"runs": runs, "distances": " or ".join(f"{value:g}" for value in DISTANCES.values())}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, size=partial(in_rows, 0.6, 2.4), sources=sources(confirmed_files()))
