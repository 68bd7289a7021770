"""Update magnitude against forgetting: networks under every strategy, beside the exact linear law between both trainings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from scipy.stats import t as student

from deep.studies.design import FROZEN, INITIALIZED
from deep.studies.presets import PRESETS
from deep.studies.records import StudyRun
from figures.draw import LEVEL, entry, panel_letter
from figures.registry import Figure
from figures.sampling import Sampler
from figures.study_records import COLUMNS, LOOKS, case, confirmed, confirmed_files, confirmed_streams, face, figure, letter, look, panels
from figures.style import PLAIN, Look
from figures.table import MARK, THEORY, Table
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


def compute(sampler: Sampler) -> Table:
    table = Table()
    for name, path in confirmed_files().items():
        results = confirmed(path)
        for stream in results.streams:
            base = {run.unit: squared_update(run) for run in results.runs(stream, INITIALIZED) if run.finished}
            for arm in results.arms(stream):
                runs = [run for run in results.runs(stream, arm) if run.finished and run.unit in base]
                if len(runs) > 1:
                    relative = [squared_update(run) / base[run.unit] for run in runs]
                    for quantity, values in ((QUANTITY, [run.metric(QUANTITY) for run in runs]), (MAGNITUDE, relative)):
                        table.add_measured(quantity, arm, MAGNITUDE, float(np.mean(relative)), values, path.name, case(PRESETS[name], stream))
    for words, distance in DISTANCES.items():
        values = np.array([law(distance, scale) for scale in SCALES])
        table.add_curve(QUANTITY, words, MAGNITUDE, values[:, 0] / values[-1, 0], values[:, 1], "expected_errors", LAW)
        for scale, training in ((None, FROZEN), (1.0, INITIALIZED)):
            magnitude, forgetting = law(distance, scale)
            table.add_mark(QUANTITY, training, MAGNITUDE, magnitude / values[-1, 0], forgetting, "expected_errors", LAW)
    return table


def squared_update(run: StudyRun) -> float:
    """Compute the mean over the tasks after the first of |theta_t - theta_{t-1}|^2."""
    return float(np.mean(np.square(run.update[1:])))


def draw(table: Table, canvas: Canvas) -> None:
    cases = list(dict.fromkeys(row.case for row in table if row.kind not in (THEORY, MARK)))
    axes = panels(canvas, len(cases) + 1)
    for number, (ax, name) in enumerate(zip(axes, cases, strict=False)):
        _measured(ax, table.select(case=name))
        panel_letter(ax, letter(number), name)
    _law(axes[len(cases)], table.select(case=LAW))
    panel_letter(axes[len(cases)], letter(len(cases)), "linear theory, exact")
    handles = [entry(Look(own.colour, "", own.marker), arm) for arm, own in LOOKS.items()]
    canvas.legend(handles=handles, loc="outside upper center", ncols=4)


def _measured(ax: Axes, table: Table) -> None:
    for row in table.select(quantity=QUANTITY):
        (across,) = table.select(quantity=MAGNITUDE, training=row.training).rows
        half_y, half_x = (student.ppf((1 + LEVEL) / 2, r.trials - 1) * r.stderr for r in (row, across))
        own = look(row.training)
        ax.errorbar(
            row.x, 100 * row.mean, 100 * half_y, half_x, fmt=own.marker, color=own.colour, markersize=4, markerfacecolor=face(row.training), elinewidth=0.8
        )  # fmt: skip
    ax.set_xlabel(r"$|\Delta|^2$ / that of initialized")
    ax.set_ylabel("forgetting (points)")


def _law(ax: Axes, table: Table) -> None:
    lines = ("-", (0, (5, 1.8)))
    for (words, line), shade in zip(zip(DISTANCES, lines, strict=True), (PLAIN.colour, "#777777"), strict=True):
        rows = table.select(kind=THEORY, training=words)
        ax.plot(rows.column("x"), rows.column("mean"), color=shade, linestyle=line, label=words)
    for mark in table.select(kind=MARK):
        ax.plot(mark.x, mark.mean, marker=LOOKS[mark.training].marker, color=LOOKS[mark.training].colour, markersize=5, linestyle="none")
    ax.set_xlabel(r"$E\,|\Delta|^2$ / that of initialized")
    ax.set_ylabel("forgetting (squared error)")
    ax.legend(fontsize=8)


def caption(table: Table) -> str:
    counts = sorted({row.trials for row in table.select(lambda row: row.kind not in (THEORY, MARK))})
    return (
        "Networks: mean over the tasks after the first of the squared update $|\\theta_t-\\theta_{t-1}|^2$, over that of initialized training with the same "
        "order and seed, against Forgetting on the test part; filled: strategies, hollow: best fixed depth and controls. Means of "
        f"{' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} runs, bars: Student 95\u00a0% intervals of the means. Last panel, exact law: "
        f"{TASKS} tasks; lines: initialized training of whose shared step the part 0 to 1 is taken; marks: initialized training, and frozen training, whose "
        f"specific parameters have to fit a task alone; $p={BLOCKS['shared']}$ shared and $p_2={BLOCKS['specific']}$ specific "
        f"parameters, $n={SAMPLES}$, $\\sigma={SIGMA:g}$, $|w_i|^2=1$ and $|w_i-w_j|^2=$ "
        f"{' or '.join(f'{value:g}' for value in DISTANCES.values())} in each block."
    )


def _height() -> float:
    return 0.6 + 2.4 * math.ceil((confirmed_streams() + 1) / COLUMNS)


FIGURE = figure(
    confirmed_files(),
    lambda sources: Figure("Update magnitude and forgetting.", compute, draw, caption, size=(8.6, _height()), sources=sources),
)
