r"""Along the update of a task.

Networks at $\theta_{{t-1}}+s\,(\theta_t-\theta_{{t-1}})$, held-out images, mean over tasks $t\geq 2$; $s=0$
is the start of a task, $s=1$ the end of its training. In a linear model losses along the step are exactly
parabolas; dotted: the parabola through the mean losses at $s=0,1/2,1$. Right: the length at which the mean
loss on the tasks so far is least, for the whole step and for the step of one stage while the others take
theirs; lengths outside the measured range count as its end, so that bars as long as the range say that the
length is hardly determined. Mean over tasks of $s^*$ for all stages: {listed}. MLP with 2 x 100 units, five
tasks of two digits, domain-incremental. {runs} Bands: the same intervals.
"""

import numpy as np

from deep.path import WHOLE, PathRecord, best_scale, parabola, vertex
from deep.records import read_records
from figures.kit import (
    DEEP, FAINT, FROZEN, INITIALIZED, MEASURED, READERS, RECORDS, STEPS, Axes, Canvas, Figure, Look, Sampler, Table, bars, curve, entry, panels,
    reference, runs_sentence, vertical,
)  # fmt: skip

LOOKS = {"initialized": INITIALIZED, "frozen": FROZEN}
PATHS = {strategy: RECORDS / f"split_digits_paths_{strategy}.jsonl" for strategy in LOOKS}
QUANTITIES = {
    "loss": "mean loss on tasks so far",
    "accuracy": "mean accuracy on tasks so far",
    "forgetting_loss": "forgetting (loss)",
    "forgetting": "forgetting (accuracy)",
}
PARABOLAS = ("loss", "forgetting_loss")
BEST = "best length s*"


def compute(table: Table, sampler: Sampler) -> None:
    for strategy, path in PATHS.items():
        runs = read_records(path, PathRecord)
        scales = runs[0].scales
        tasks = range(1, len(runs[0].curves) + 1)
        for quantity in QUANTITIES:
            values = np.array([np.mean([getattr(run.curve(task), quantity) for task in tasks], axis=0) for run in runs])
            for scale, column in zip(scales, values.T, strict=True):
                table.add_measured(quantity, strategy, "s", scale, column, path.name)
            if quantity in PARABOLAS:
                constant, linear, square = parabola(scales, values.mean(axis=0))
                fitted = [constant + linear * scale + square * scale**2 for scale in scales]
                table.add_curve(quantity, strategy, "s", scales, fitted, "parabola")
        for part in (WHOLE, *runs[0].stages):
            for task in tasks:
                curves = [run.curve(task, part) for run in runs]
                if None not in curves:
                    table.add_measured(BEST, strategy, "task", task + 1, [best_scale(scales, curve.loss) for curve in curves], path.name, part)
                    fitted = [vertex(parabola(scales, curve.loss)) for curve in curves]
                    if part == WHOLE and None not in fitted:
                        table.add_measured(f"{BEST} of the parabola", strategy, "task", task + 1, fitted, path.name, part)


def draw(table: Table, canvas: Canvas) -> None:
    beside = [f"best length, {strategy}" for strategy in LOOKS]
    axes = panels(canvas, [*list(QUANTITIES.values())[:2], beside[0], *list(QUANTITIES.values())[2:], beside[1]], ncols=3).reshape(2, 3)
    for ax, quantity in zip(axes[:, :2].ravel(), QUANTITIES, strict=True):
        for strategy, look in LOOKS.items():
            _along(ax, table.select(quantity=quantity, training=strategy), look)
        for place in (0.0, 1.0):
            vertical(ax, place, linewidth=0.6)
        ax.set(xlabel="length of the step $s$", ylabel="cross-entropy" if quantity in PARABOLAS else "share of images")
    for ax, strategy in zip(axes[:, 2], LOOKS, strict=True):
        _best(ax, table.select(training=strategy, quantity=BEST))
    handles = [entry(Look(look.colour, look.line, ""), f"{strategy} training") for strategy, look in LOOKS.items()]
    handles.append(entry(Look(FAINT, (0, (1, 1)), ""), "parabola of each"))
    canvas.legend(handles=handles, loc="outside upper center", ncols=3)


def _along(ax: Axes, table: Table, look: Look) -> None:
    """Draw what was measured with its band, and the parabola as far as it stays in sight."""
    rows = table.select(kind=MEASURED)
    scales, means, half = rows.column("x"), rows.column("mean"), rows.column("half")
    ax.plot(scales, means, color=look.colour, linestyle=look.line, zorder=3)
    ax.fill_between(scales, means - half, means + half, color=look.colour, alpha=0.2, linewidth=0, zorder=1)
    curve(ax, table, look, linestyle=(0, (1, 1)), linewidth=1.1)


def _best(ax: Axes, table: Table) -> None:
    parts = table.cases()
    for number, (part, look) in enumerate(zip(parts, STEPS, strict=False)):
        shift = 0.12 * (number - (len(parts) - 1) / 2)
        bars(ax, table.select(case=part), look, shift=shift, linestyle="", label=part)
    reference(ax, 1, linewidth=0.6, zorder=0)
    ax.set(xlabel="task", ylabel="length $s^*$", ylim=(-0.8, 2.6))  # room for the legend above
    ax.legend(fontsize=8, handlelength=1.2, ncols=2, loc="upper center")


def facts(table: Table) -> dict:
    whole = table.select(quantity=BEST, case=WHOLE)
    listed = "; ".join(f"{strategy} {whole.select(training=strategy).column('mean').mean():.2f}" for strategy in LOOKS)
    return {"listed": listed, "runs": runs_sentence(table, "one for each order of the tasks")}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, size=(8.4, 5.2), sources=(*PATHS.values(), DEEP / "path.py", *READERS))
