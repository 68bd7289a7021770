r"""Kinds of GEM at every learning rate and stopping time.

Every setting that was tried, means of {units} runs on validation data: accuracy on a task when it is learned, and what is kept of it
in the end (minus forgetting); standard errors of the latter: {errors:.1f} points at the median. Line: envelope of plain training and GEM
with any memory strength, each with any learning rate and stopping time; filled: settings of these. {outside}{tuned}
"""

import numpy as np

from deep.studies.design import DEVELOP, MEMORY
from figures.kit import FAINT, PLAIN, Canvas, Figure, Sampler, Table, panels
from figures.kit.studies import DIFFERENCE, forest, recorded, recorded_files, runs, sources

BASE, TRIED, ENVELOPE = "GEM, gamma 0", "kept", "envelope"


def compute(table: Table, _: Sampler) -> None:
    for path, study in recorded(MEMORY).items():
        for stream in (stream.label for stream in study.preset.streams):
            values = study.read()[0].get(stream, {})
            for place, ((arm, _), own) in enumerate(values.items()):
                if arm != BASE:
                    table.add_measured(DIFFERENCE, arm, "line", place, own - values[BASE, 0], path.name, stream)
            tried = [run for run in study.runs if run.phase == DEVELOP and run.stream == stream and run.finished]
            for arm, strategy, options in ((rule.label, rule.strategy, options) for rule in study.preset.rules for options in rule.grid):
                own = [run for run in tried if run.strategy == strategy and run.options == options]
                kept, learned = ([run.metric(name) for run in own] for name in ("forgetting", "task_accuracy"))
                table.add_measured(TRIED, arm, "learned", np.mean(learned), np.negative(kept), path.name, stream)
            inside = sorted(((row.x, row.mean) for row in table.select(quantity=TRIED, case=stream) if simple(row.training)), reverse=True)
            for (learned, _), kept in zip(inside, np.maximum.accumulate([kept for _, kept in inside]), strict=True):
                table.add_mark(ENVELOPE, ENVELOPE, "learned", learned, kept, path.name, stream)


def simple(arm: str) -> bool:
    """Whether an arm is plain training or GEM with one constraint a task."""
    return arm == "plain" or arm.startswith("GEM, gamma")


def draw(table: Table, canvas: Canvas) -> None:
    edge, compared = table.select(quantity=ENVELOPE), table.select(quantity=DIFFERENCE)
    right, *left = panels(canvas, ["all settings", *["tuned arms"] * bool(len(compared))])
    for ax in left:
        forest(ax, compared, {row.training: row.x for row in compared}, inside=lambda _: PLAIN.colour)
        ax.set_xlabel(f"Avg.Acc $-$ that of {BASE} (points)")
    right.step(100 * edge.column("x"), 100 * edge.column("mean"), where="pre", color=FAINT, linewidth=1)
    for shape, arm in zip("os^Dv<>PX", dict.fromkeys(row.training for row in table.select(quantity=TRIED)), strict=False):
        own = table.select(quantity=TRIED, training=arm)
        right.plot(100 * own.column("x"), 100 * own.column("mean"), shape, markersize=4, label=arm, markerfacecolor=None if simple(arm) else "white")
    right.set(xlabel="accuracy when learned (%)", ylabel="change until the end (points)")
    canvas.legend(*right.get_legend_handles_labels(), loc="outside right center")


def facts(table: Table) -> dict:
    tried, edge, compared = (table.select(quantity=quantity) for quantity in (TRIED, ENVELOPE, DIFFERENCE))
    others = [row for row in tried if not simple(row.training)]
    beyond = [row for row in others if all(mark.mean < row.mean for mark in edge if mark.x >= row.x)]
    words = f" (b) Avg.Acc minus that of GEM with strength 0, in the same orders on the test part, learning rate and epochs of each arm by validation data. {runs(compared)}"
    return {"tuned": words if len(compared) else "", "units": tried.rows[0].trials, "errors": 100 * float(np.median(tried.column("stderr"))),
            "outside": f"Of {len(others)} settings of the other kinds {len(beyond)} lie outside."}  # fmt: skip


FIGURE = Figure(__doc__, compute, draw, globals(), facts, size=(8.6, 3.4), sources=sources(recorded_files(MEMORY)))
