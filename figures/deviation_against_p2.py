r"""Deviation from the previous task, through the double descent.

(a) Curves: exact law. Frozen training fits $p_2$ parameters to $n_2$ samples and has its pole at $p_2=n_2$;
initialized training fits $p+p_2$ and has its pole at $p+p_2=n_2$. In the grey strips ($|n_2-d|\leq1$ for $d$
trained parameters) the expectation is infinite. (b) Their difference on the same draws; the scale is linear
from $-1$ to 1 and logarithmic beyond. {simulation} {experiment} Only $p_2$ varies: the truths stay, added
parameters have truth zero, and task 1's error counts them (padded norm).
"""

import numpy as np
from matplotlib.scale import SymmetricalLogScale

from figures.kit import NOTE, THIRD, TRAININGS, Axes, Figure, Line, Panel, Point, Sampler, Table, both, by_training, curves, reference
from theory import expected_errors

# p_1 is small, so that p_2 >= p_1 leaves room on both sides of n_2 - p and of n_2.
EXPERIMENT = {"p": 20, "p_1": 8, "n_1": 14, "n_2": 40, "sigma_1": 0.3, "sigma_2": 0.3, "u_11": 1, "q_11": 1, "d_u": 0, "d_q": 0.25}
P_2 = np.arange(9, 241)
SIMULATED = (*range(9, 17), *range(24, 29), 30, 32, 33, 34, 35, 36, 44, 45, 46, 47, 48, 51, 55, 60, 68, 80, 100, 130, 170, 220)
DIFFERENCE = "frozen - initialized"
QUANTITY = "deviation"


def compute(table: Table, sampler: Sampler) -> None:
    laws = {training: expected_errors(seq, outside="nan") for training, seq in both(**EXPERIMENT, p_2=P_2).items()}
    values = {training: law.deviation() for training, law in laws.items()}
    for training, curve in (values | {DIFFERENCE: values["frozen"] - values["initialized"]}).items():
        table.add_curve(QUANTITY, training, "p_2", P_2, curve, "expected_errors")
    table.add_mark("error of task 1", "task 1", "p_2", P_2[0], laws["frozen"].error(0, 0)[0], "expected_errors")
    pairs = [Point(both(**EXPERIMENT, p_2=p_2), (QUANTITY,), tuple(TRAININGS), x=p_2) for p_2 in SIMULATED]
    sampler.add(table, "p_2", pairs)


def _show_before(ax: Axes, table: Table) -> None:
    before = table.only(quantity="error of task 1").mean
    reference(ax, before, linewidth=1, linestyle=(0, (1, 2)))
    ax.text(42, before * 0.98, r"before task 2: $E\,L_1(\theta_1)$", va="top", ha="left", fontsize=9, color=NOTE)


THRESHOLDS = {EXPERIMENT["n_2"]: "$p_2=n_2$", EXPERIMENT["n_2"] - EXPERIMENT["p"]: "$p+p_2=n_2$"}
UPPER = Panel(
    "both trainings", by_training(TRAININGS), strips=THRESHOLDS, y_ticks=(0.5, 1, 2, 5, 10, 20, 50), legend={"loc": "upper right"},
    axes={"yscale": "log", "ylim": (0.35, 60), "ylabel": r"deviation $E\,L_1(\theta_2)$"}, finish=_show_before,
)  # fmt: skip
LOWER = Panel(
    "frozen minus initialized training, on the same draws", [Line(THIRD, "", {"training": DIFFERENCE})], zero=True,
    ticks=(9, 12, 16, 20, 30, 40, 60, 100, 150, 240), strips=dict.fromkeys(THRESHOLDS, ""),
    y_ticks={-10: "$-10$", -1: "$-1$", 0: "0", 1: "1", 10: "10"},
    axes={
        "yscale": SymmetricalLogScale(None, linthresh=1), "xlim": (P_2[0] * 0.96, P_2[-1] * 1.03), "ylim": (-12, 60),
        "xlabel": "$p_2$, number of task 2's specific parameters", "ylabel": "difference",
    },
)  # fmt: skip
FIGURE = Figure(
    __doc__, compute,
    curves(UPPER, LOWER, ncols=1, sharex=True, height_ratios=(1.7, 1)), globals(), trials=500, quick_trials=100, size=(7.0, 5.2),
)  # fmt: skip
