"""Deviation from the previous task against p_2, through the interpolation thresholds of both trainings."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.captions import experiment_sentence, simulation_sentence
from figures.draw import curve, entry, panel_letter, plain_log_ticks, points, strip
from figures.registry import Figure
from figures.sampling import Point, Sampler
from figures.style import FAINT, FROZEN, INITIALIZED, NOTE, THIRD
from figures.table import Table
from theory import TaskSequence, expected_errors
from theory.ledger.two_tasks import two_tasks

# p_1 is small, so that p_2 >= p_1 leaves room on both sides of n_2 - p and of n_2.
EXPERIMENT = {"p": 20, "p_1": 8, "n_1": 14, "n_2": 40, "sigma_1": 0.3, "sigma_2": 0.3, "u_11": 1, "q_11": 1, "d_u": 0, "d_q": 0.25}
P_2 = np.arange(9, 241)
SIMULATED = (*range(9, 17), *range(24, 29), 30, 32, 33, 34, 35, 36, 44, 45, 46, 47, 48, 51, 55, 60, 68, 80, 100, 130, 170, 220)
TRAININGS = {"frozen": FROZEN, "initialized": INITIALIZED}
DIFFERENCE = "frozen - initialized"
QUANTITY = "deviation"


def sequence(p_2: int | np.ndarray, training: str) -> TaskSequence:
    """Return the experiment at ``p_2``, a number or a grid."""
    return two_tasks(**EXPERIMENT, p_2=p_2, train_shared=training == "initialized")


def compute(sampler: Sampler) -> Table:
    table = Table()
    laws = {training: expected_errors(sequence(P_2, training), outside="nan") for training in TRAININGS}
    curves = {training: law.deviation() for training, law in laws.items()}
    curves[DIFFERENCE] = curves["frozen"] - curves["initialized"]
    for training, values in curves.items():
        table.add_curve(QUANTITY, training, "p_2", P_2, values, "expected_errors")
    table.add_mark("error of task 1", "task 1", "p_2", P_2[0], laws["frozen"].error(0, 0)[0], "expected_errors")
    results = sampler.run([Point({t: sequence(p_2, t) for t in TRAININGS}, (QUANTITY,), tuple(TRAININGS)) for p_2 in SIMULATED])
    for p_2, result in zip(SIMULATED, results, strict=True):
        for (training, _), simulated in result.items():
            table.add_point(QUANTITY, training, "p_2", p_2, simulated)
    return table


def draw(table: Table, canvas: Canvas) -> None:
    upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(1.7, 1))
    thresholds = {EXPERIMENT["n_2"]: "$p_2=n_2$", EXPERIMENT["n_2"] - EXPERIMENT["p"]: "$p+p_2=n_2$"}
    for centre, label in thresholds.items():
        strip(upper, centre, label)
        strip(lower, centre, "")
    for ax, series in ((upper, TRAININGS), (lower, {DIFFERENCE: THIRD})):
        for training, look in series.items():
            curve(ax, table.select(training=training), look)
            points(ax, table.select(training=training), look)
    (before,) = table.select(quantity="error of task 1").column("mean")
    upper.axhline(before, color=FAINT, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    upper.text(42, before * 0.98, r"before task 2: $E\,L_1(\theta_1)$", va="top", ha="left", fontsize=9, color=NOTE)
    lower.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
    upper.set(yscale="log", ylim=(0.35, 60), ylabel=r"deviation $E\,L_1(\theta_2)$")
    upper.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    upper.set_yticks([], minor=True)
    lower.set_yscale("symlog", linthresh=1)
    lower.set(ylim=(-12, 60), xlabel="$p_2$, number of task 2's specific parameters", ylabel="difference")
    lower.set_yticks([-10, -1, 0, 1, 10], ["$-10$", "$-1$", "0", "1", "10"])
    lower.set_yticks([], minor=True)
    plain_log_ticks(lower, (9, 12, 16, 20, 30, 40, 60, 100, 150, 240))
    lower.set_xlim(P_2[0] * 0.96, P_2[-1] * 1.03)
    upper.legend(handles=[entry(look, f"{training} training") for training, look in TRAININGS.items()], loc="upper right")
    panel_letter(upper, "a", "both trainings")
    panel_letter(lower, "b", "frozen minus initialized training, on the same draws")


def caption(table: Table) -> str:
    return (
        "(a) Curves: exact law. Frozen training fits $p_2$ parameters to $n_2$ samples and has its pole at $p_2=n_2$; "
        "initialized training fits $p+p_2$ and has its pole at $p+p_2=n_2$. In the grey strips ($|n_2-d|\\leq1$ for $d$ trained "
        "parameters) the expectation is infinite. (b) Their difference on the same draws; the scale is linear from $-1$ to 1 and "
        f"logarithmic beyond. {simulation_sentence(table)} {experiment_sentence(EXPERIMENT)} Only $p_2$ varies: the truths stay, "
        "added parameters have truth zero, and task 1's error counts them (padded norm)."
    )


FIGURE = Figure(
    "Deviation from the previous task, through the double descent.", compute, draw, caption, trials=500, quick_trials=100, size=(7.0, 5.2)
)
