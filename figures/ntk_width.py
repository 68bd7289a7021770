r"""The tangent kernel against trained networks.

Perceptrons with one hidden layer learn {tasks} tasks of two digits, one after another, {samples} images each, with the squared loss and
the penalty $|\theta-\theta_{{t-1}}|^2$, until the gradient is $10^{{-6}}$ of the first. Kernel ridge foretells them: with the kernel at
$\theta_0$ for all tasks (fixed), or expanded anew at each task's start (refreshed). (a) $|F_{{kernel}}-F_{{network}}|$ of forgetting
as a share of the mean $|F_{{network}}|$. (b, c) Distance of the functions on the test images of task 1, as a share of the
network's; with the fixed kernel it falls like width$^{{{slope:.2f}}}$ after the last task, from width 64 on. {runs} They are below 0 where they
leave the axes.
"""

from itertools import product

import numpy as np

from deep.kernel.ridge import KernelRecord
from deep.records import read_records
from figures.kit import DEEP, FROZEN, INITIALIZED, READERS, RECORDS, Figure, Line, Panel, Sampler, Table, curves, runs_sentence

RUNS = RECORDS / "ntk.jsonl"
LOOKS = {"fixed": FROZEN, "refreshed": INITIALIZED}
SHOWN = {"depth": 1, "scale": 1.0, "tasks": 3, "samples": 60}
PANELS = {"forgetting off by, {}": "forgetting", "functions off by, {}, task 1": "functions after task 1", "functions off by, {}, task 3": "after task 3"}


def compute(table: Table, sampler: Sampler) -> None:
    records = [record for record in read_records(RUNS, KernelRecord) if SHOWN.items() <= record.settings.items()]
    for record, quantity, kernel in product(sorted(records, key=lambda record: record.settings["width"]), PANELS, LOOKS):
        table.add_measured(quantity, kernel, "width", record.settings["width"], record.measured[quantity.format(kernel)], RUNS.name)


LINES = [Line(look, f"{kernel} kernel", {"training": kernel}) for kernel, look in LOOKS.items()]
LABELS = ({"ylabel": "off by, as a share"}, {}, {})
DRAWN = [
    Panel(title, LINES, {"quantity": quantity}, ticks=(4, 16, 64, 256, 1024), axes={"yscale": "log", "xlabel": "units of the hidden layer", **label})
    for (quantity, title), label in zip(PANELS.items(), LABELS, strict=True)
]


def facts(table: Table) -> dict:
    last = table.select(lambda row: row.x >= 64, quantity=list(PANELS)[-1], training="fixed")
    slope = np.polyfit(np.log(last.column("x")), np.log(last.column("mean")), 1)[0]
    return {"slope": slope, "runs": runs_sentence(table, "each with images and first weights of its own"), **SHOWN}


FIGURE = Figure(__doc__, compute, curves(*DRAWN, sharey=True, legend={"ncols": 2}), globals(), facts, size=(8.2, 3.4), sources=(RUNS, DEEP / "kernel" / "ridge.py", *READERS))
