"""Deviation, forgetting and generalization against the number of shared parameters that go on training."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.captions import simulation_sentence
from figures.draw import curve, entry, marks, panel_letter, points, star
from figures.registry import Figure
from figures.sampling import Point, Sampler
from figures.style import FAINT, STEPS
from figures.table import Table
from theory import TaskSequence, trainable_fraction
from theory.optima import CRITERIA, best_trainable_fraction

BLOCKS = {"shared": 60, "specific": 30}
SAMPLES, SIGMA = (12, 20), 0.3
SPECIFIC, DISTANCE = 2.0, 0.25  # |q_1|^2 and |q_2 - q_1|^2
SHARED = (0.0, 0.05, 0.15)  # |u_1|^2: the larger, the more is lost by freezing
SIMULATED = (0, 2, 5, 10, 15, 20, 25, 32, 37, 43, 49, 55, 60)
LOOKS = dict(zip(SHARED, STEPS, strict=False))
X_NAME = "trained"


def parameters(square: float) -> dict:
    """Return the arguments of `trainable_fraction` for tasks with equal shared truths, |u|^2 = ``square``."""
    gram = {"shared": np.full((2, 2), square), "specific": np.array([[SPECIFIC, SPECIFIC], [SPECIFIC, SPECIFIC + DISTANCE]])}
    return {"blocks": BLOCKS, "samples": SAMPLES, "noise": SIGMA, "gram": gram}


def sequence(trained: int, square: float) -> TaskSequence:
    """Return the experiment in which ``trained`` shared parameters go on training."""
    return trainable_fraction(trained, **parameters(square))


def case(square: float) -> str:
    """Name the experiment with |u|^2 = ``square``."""
    return f"u_11={square:g}"


def compute(sampler: Sampler) -> Table:
    table = Table()
    for square in SHARED:
        for criterion in CRITERIA:
            found = best_trainable_fraction(criterion, **parameters(square))
            table.add_curve(criterion, "partial", X_NAME, found.choices, found.values, "expected_errors", case(square))
            table.add_mark(criterion, "partial", X_NAME, found.choice, found.value, "best_trainable_fraction", case(square))
    # The kept and the trained part draw separately, so fractions are not paired.
    places = [(square, trained) for square in SHARED for trained in SIMULATED]
    results = sampler.run([Point({"partial": sequence(trained, square)}, CRITERIA) for square, trained in places])
    for (square, trained), result in zip(places, results, strict=True):
        for criterion in CRITERIA:
            table.add_point(criterion, "partial", X_NAME, trained, result["partial", criterion], case(square))
    return table


def draw(table: Table, canvas: Canvas) -> None:
    axes = canvas.subplots(1, 3)
    for ax, letter, criterion in zip(axes, "abc", CRITERIA, strict=True):
        for square, look in LOOKS.items():
            rows = table.select(quantity=criterion, case=case(square))
            curve(ax, rows, look)
            points(ax, rows, look)
            marks(ax, rows)
        ax.set_xlabel("trained shared parameters")
        ax.set_xticks([0, 20, 40, 60], ["0\nfrozen", "20", "40", "60\ninitialized"])
        panel_letter(ax, letter, criterion)
    axes[0].set_ylabel(r"$E\,L_1(\theta_2)$")
    axes[1].set_ylabel("$F_2$")
    axes[2].set_ylabel("$G_2$")
    axes[1].axhline(0, color=FAINT, linewidth=0.8, zorder=1)
    handles = [entry(look, f"$|u_1|^2={square:g}$") for square, look in LOOKS.items()]
    axes[0].legend(handles=[*handles, star("best number")], loc="upper right")


def caption(table: Table) -> str:
    marked = table.select(kind="mark", quantity="forgetting")
    best = ", ".join(f"{row.x:.0f}" for row in marked)
    ends = [table.select(kind="theory", quantity="forgetting", case=row.case).column("mean")[[0, -1]].min() for row in marked]
    gains = ", ".join(f"{end - row.mean:.3f}" for end, row in zip(ends, marked, strict=True))
    return (
        "After task 1 only some of the shared parameters go on training: none is frozen, all initialized training. Lines join the exact "
        f"law at whole numbers; stars: the best of them all. The best number for forgetting is {best} for rising $|u_1|^2$ and "
        f"forgets less than the better end by {gains}. {simulation_sentence(table)} Experiment: $p={BLOCKS['shared']}$, "
        f"$p_1=p_2={BLOCKS['specific']}$, $n_1={SAMPLES[0]}$, $n_2={SAMPLES[1]}$, $\\sigma_1=\\sigma_2={SIGMA:g}$, $|q_1|^2={SPECIFIC:g}$, "
        f"$|q_2-q_1|^2={DISTANCE:g}$ orthogonal to $q_1$, $u_2=u_1$ spread evenly over the shared parameters."
    )


FIGURE = Figure("A part of the shared parameters trained.", compute, draw, caption, trials=2000, quick_trials=250, size=(8.6, 3.3))
