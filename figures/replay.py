r"""More replay is not always less forgetting.

(a) Task 2 moves only where $m$ stored samples of task 1 stay fitted. Storing all instead of none changes
forgetting by {listed} at rising distance: it helps equal tasks and harms distant ones. (b) The least-norm fit
from zero of the current task's samples and $k$ stored ones of each earlier task; with all of them stored this
is joint training (stars). Lines join the exact formulas at whole numbers. {simulation} The points of a curve
share their draws. Experiments: (a) one block, $p={PAIR[p]}$, $n_1=n_2={PAIR[n_1]}$,
$\sigma={PAIR[sigma_1]:g}$, $|w_1|^2=1$; (b) $p={STREAM[p]}$, $n={STREAM[n]}$ a task,
$\sigma={STREAM[sigma]:g}$, truths of length 1 with equal cosines.
"""

import numpy as np

from figures.kit import STEPS, THEORY, Axes, Figure, Line, Panel, Sampler, Table, curves
from theory.formulas import FORMULAS
from theory.ledger.replay import constrained, replay as replay_builder

PAIR = {"p": 100, "n_1": 30, "n_2": 30, "sigma_1": 0.3, "sigma_2": 0.3, "w_11": 1.0}
DISTANCES = (0.0, 0.5, 1.0, 2.0)
STORED = range(PAIR["n_1"] + 1)
STORED_SIMULATED = (0, 5, 10, 15, 20, 25, 30)
STREAM = {"p": 120, "n": 16, "sigma": 0.3, "T": 4}
COSINES = (1.0, 0.75, 0.5, 0.0)
KEPT = range(STREAM["n"] + 1)
KEPT_SIMULATED = (0, 2, 4, 6, 8, 10, 12, 14, 15)
CONSTRAINTS, FROM_ZERO = "hard constraints", "replay from zero"


def stream(cosine: float) -> dict:
    """Return the parameters of equally distant tasks of length 1."""
    tasks = STREAM["T"]
    return {**STREAM, "w": np.ones(tasks), "D": (2 - 2 * cosine) * (1 - np.eye(tasks))}


def compute(table: Table, sampler: Sampler) -> None:
    for distance in DISTANCES:
        values = [FORMULAS["constraints_forgetting"](**PAIR, d_w=distance, m=m) for m in STORED]
        table.add_curve("forgetting", CONSTRAINTS, "m", STORED, values, "constraints_forgetting", f"d_w={distance:g}")
    for cosine in COSINES:
        values = [FORMULAS["replay_generalization"](**stream(cosine), k=k) for k in KEPT]
        table.add_curve("generalization", FROM_ZERO, "k", KEPT, values, "replay_generalization", f"cosine={cosine:g}")
        joint = FORMULAS["joint_generalization"](**stream(cosine))
        table.add_mark("generalization", "joint training", "k", STREAM["n"], joint, "joint_generalization", f"cosine={cosine:g}")
    # All memory sizes of a curve are fitted to the same draws.
    build = replay_builder("zero")
    for distance in DISTANCES:
        sequences = {m: constrained(**PAIR, d_w=distance, m=m) for m in STORED_SIMULATED}
        sampler.add_paired(table, "m", sequences, ("forgetting",), CONSTRAINTS, f"d_w={distance:g}")
    for cosine in COSINES:
        sequences = {k: build(**stream(cosine), k=k) for k in KEPT_SIMULATED}
        sampler.add_paired(table, "k", sequences, ("generalization",), FROM_ZERO, f"cosine={cosine:g}")


def _make_room(ax: Axes, _: Table) -> None:
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.28 * (high - low))  # for the legend


LEFT = Panel(
    "hard constraints, two tasks", [Line(look, f"{d:g}", {"case": f"d_w={d:g}"}) for d, look in zip(DISTANCES, STEPS, strict=True)],
    {"quantity": "forgetting"}, zero=True, legend={"title": "$|w_2-w_1|^2$", "loc": "upper left", "ncols": 2}, finish=_make_room,
    axes={"xlabel": "$m$, stored samples of task 1", "ylabel": "average forgetting $F_2$"},
)  # fmt: skip
RIGHT = Panel(
    "replay from zero, four tasks",
    [Line(look, f"cosine {c:g}", {"case": f"cosine={c:g}"}) for c, look in zip(COSINES, STEPS, strict=True)],
    {"quantity": "generalization"}, stars="joint training", legend={"loc": "upper right", "ncols": 2}, finish=_make_room,
    axes={
        "xlabel": "$k$, stored samples of each earlier task", "ylabel": "generalization error $G_4$",
        "xticks": range(0, STREAM["n"] + 1, 4),
    },
)  # fmt: skip


def facts(table: Table) -> dict:
    curves = [table.select(kind=THEORY, quantity="forgetting", case=f"d_w={distance:g}").column("mean") for distance in DISTANCES]
    return {"listed": ", ".join(f"{values[-1] - values[0]:+.3f}".replace("-", "\u2212") for values in curves)}


FIGURE = Figure(__doc__, compute, curves(LEFT, RIGHT), globals(), facts, trials=1200, quick_trials=150, size=(7.6, 3.6))
