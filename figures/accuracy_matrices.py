r"""Accuracy matrices.

Accuracy on each of {tasks} tasks of two digits (scikit-learn's images of 8 by 8) after each task, held-out
test part; bold: the task just trained. In the task-incremental scenario every task has a head of its own, so
that columns right of the diagonal show heads that are not trained yet; in the domain-incremental one all
tasks share one head of two units. Avg.Acc is the mean of the last row, Task.Acc that of the diagonal,
Forgetting the mean fall from the diagonal to the last row. Frozen training moves the head and the last hidden
layer only, after task 1. {runs} Avg.Acc of frozen minus initialized training on the same orders, in points:
{differences}.
"""

import numpy as np

from deep.records import read_records
from figures.kit import READERS, RECORDS, TRAININGS, Axes, Canvas, Figure, Look, Sampler, Table, bars, entry, panels, runs_sentence

SCENARIOS = ("task", "domain")
LOOKS = {strategy: Look(look.colour, "", look.marker) for strategy, look in TRAININGS.items()}
RUNS = {(scenario, strategy): RECORDS / f"split_digits_{scenario}_{strategy}.jsonl" for scenario in SCENARIOS for strategy in LOOKS}
METRICS = {"average_accuracy": "Avg.Acc", "task_accuracy": "Task.Acc", "forgetting": "Forgetting"}
DIFFERENCE = "frozen - initialized"
_LIGHT = 0.55  # accuracy from which a cell is light enough for dark numbers


def compute(table: Table, sampler: Sampler) -> None:
    for (scenario, strategy), path in RUNS.items():
        records = read_records(path)
        accuracy = np.array([record.accuracy for record in records])
        for after, task in np.ndindex(accuracy.shape[1:]):
            table.add_measured(f"accuracy on task {task + 1}", strategy, "after task", after + 1, accuracy[:, after, task], path.name, scenario)
        for place, metric in enumerate(METRICS):
            table.add_measured(metric, strategy, "metric", place, [record.metrics[metric] for record in records], path.name, scenario)
    for scenario in SCENARIOS:
        runs = {strategy: {record.config["order"]: record.metrics for record in read_records(RUNS[scenario, strategy])} for strategy in LOOKS}
        for place, metric in enumerate(METRICS):
            pairs = [metrics[metric] - runs["initialized"][order][metric] for order, metrics in runs["frozen"].items()]
            table.add_measured(metric, DIFFERENCE, "metric", place, pairs, "both", scenario)


def draw(table: Table, canvas: Canvas) -> None:
    titles = [f"{scenario}-incremental{after}" for scenario in SCENARIOS for after in (*(f", {strategy}" for strategy in LOOKS), "")]
    axes = panels(canvas, titles, ncols=3, width_ratios=(1, 1, 1.1))
    for row, scenario in zip(axes.reshape(2, 3), SCENARIOS, strict=True):
        own, last = table.select(case=scenario), row[-1]
        for ax, strategy in zip(row, LOOKS, strict=False):
            _cells(ax, own.select(training=strategy, x_name="after task"))
        for shift, (strategy, look) in zip((-0.1, 0.1), LOOKS.items(), strict=True):
            bars(last, own.select(training=strategy, x_name="metric"), look, shift=shift)
        last.set_xticks(range(len(METRICS)), METRICS.values())
        last.set(xlim=(-0.5, len(METRICS) - 0.5), ylim=(0, 1.03))
    handles = [entry(look, f"{strategy} training") for strategy, look in LOOKS.items()]
    canvas.legend(handles=handles, loc="outside upper center", ncols=2)


def _cells(ax: Axes, table: Table) -> None:
    quantities = list(dict.fromkeys(row.quantity for row in table))
    values = np.array([table.select(quantity=quantity).column("mean") for quantity in quantities]).T
    ax.imshow(values, vmin=0, vmax=1, cmap="cividis")
    for (after, task), value in np.ndenumerate(values):
        weight = "bold" if after == task else "normal"
        colour = "black" if value > _LIGHT else "white"
        ax.text(task, after, f"{100 * value:.0f}", ha="center", va="center", color=colour, fontsize=8.5, fontweight=weight)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticks(range(len(values)), range(1, len(values) + 1))
    ax.set(xlabel="accuracy on task (%)", ylabel="after task")
    ax.tick_params(length=0)


def facts(table: Table) -> dict:
    differences = []
    for scenario in SCENARIOS:
        rows = table.select(training=DIFFERENCE, case=scenario, quantity="average_accuracy")
        mean = f"{100 * rows.rows[0].mean:+.1f}".replace("-", "\u2212")
        differences.append(f"{mean} \u00b1 {100 * rows.rows[0].half:.1f} ({scenario}-incremental)")
    tasks = len({row.quantity for row in table.select(x_name="after task")})
    return {"tasks": tasks, "differences": ", ".join(differences), "runs": runs_sentence(table, "one for each order of the tasks")}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, size=(7.6, 5.4), sources=(*RUNS.values(), *READERS))
