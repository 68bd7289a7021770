r"""The tangent kernel at the start is a poor guide to small adapters at a pretrained point.

Adapters beside the perceptrons of vit-micro's four blocks, read out by fixed random weights, learn {tasks} tasks of two classes of CIFAR-100,
{samples} images each, with the squared loss and the penalty $|\theta-\theta_{{t-1}}|^2$. $|F_{{kernel}}-F_{{network}}|$ of forgetting as a share of the mean $|F_{{network}}|$, foretold by
kernel ridge with the kernel at $\theta_0$ for all tasks (fixed), or expanded anew at each task's start (refreshed): (a) against the
scale of the output, rank 8; (b) against the rank, scale 4. After the last task the fixed kernel's function is off by {least:.0%} to
{most:.0%} of the network's. {runs}
"""

from typing import Any

import numpy as np

from deep.kernel.ridge import KernelRecord
from deep.records import read_records
from figures.kit import DEEP, FROZEN, INITIALIZED, READERS, RECORDS, Figure, Line, Panel, Sampler, Table, curves, runs_sentence

RUNS = RECORDS / "ntk_adapters.jsonl"
LOOKS = {"fixed": FROZEN, "refreshed": INITIALIZED}
AT = {"scale": 4.0, "width": 8}  # while the other varies
OFF = "functions off by, fixed, task 3"


def compute(table: Table, sampler: Sampler) -> None:
    for record in sorted(read_records(RUNS, KernelRecord), key=lambda record: (record.settings["width"], record.settings["scale"])):
        for varied, other in (("scale", "width"), ("width", "scale")):
            if record.settings[other] == AT[other]:
                for name in LOOKS:
                    table.add_measured(varied, name, varied, record.settings[varied], record.measured[f"forgetting off by, {name}"], RUNS.name)
        table.add_measured(OFF, "fixed", "scale", record.settings["scale"], record.measured[OFF], RUNS.name, case=f"rank {record.settings['width']}")


LINES = [Line(look, f"{name} kernel", {"training": name}) for name, look in LOOKS.items()]
LEFT = Panel("rank 8", LINES, {"quantity": "scale"}, ticks=(1, 4, 16), axes={"xlabel": "scale of the output", "ylabel": "forgetting off by, as a share"})
RIGHT = Panel("scale 4", LINES, {"quantity": "width"}, ticks=(2, 8, 32), axes={"xlabel": "rank"})


def facts(table: Table) -> dict[str, Any]:
    settings, off = next(iter(read_records(RUNS, KernelRecord))).settings, table.select(quantity=OFF).column("mean")
    return {"least": np.min(off), "most": np.max(off), "runs": runs_sentence(table, "each with images, adapters and readout of its own"), **settings}


FIGURE = Figure(__doc__, compute, curves(LEFT, RIGHT, sharey=True, legend={"ncols": 2}), globals(), facts, size=(7.4, 3.4), sources=(RUNS, DEEP / "kernel" / "ridge.py", *READERS))
