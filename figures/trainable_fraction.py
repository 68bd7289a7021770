r"""A part of the shared parameters trained.

After task 1 only some of the shared parameters go on training: none is frozen, all initialized training.
Lines join the exact law at whole numbers; stars: the best of them all. The best number for forgetting is
{best} for rising $|u_1|^2$ and forgets less than the better end by {gains}. {simulation} Experiment:
$p={BLOCKS[shared]}$, $p_1=p_2={BLOCKS[specific]}$, $n_1={SAMPLES[0]}$, $n_2={SAMPLES[1]}$,
$\sigma_1=\sigma_2={SIGMA:g}$, $|q_1|^2={SPECIFIC:g}$, $|q_2-q_1|^2={DISTANCE:g}$ orthogonal to $q_1$,
$u_2=u_1$ spread evenly over the shared parameters.
"""

import numpy as np

from figures.kit import MARK, STEPS, THEORY, Figure, Line, Panel, Point, Sampler, Table, curves
from theory import trainable_fraction
from theory.optima import CRITERIA, best_trainable_fraction

BLOCKS = {"shared": 60, "specific": 30}
SAMPLES, SIGMA = (12, 20), 0.3
SPECIFIC, DISTANCE = 2.0, 0.25  # |q_1|^2 and |q_2 - q_1|^2
SHARED = (0.0, 0.05, 0.15)  # |u_1|^2: the larger, the more is lost by freezing
SIMULATED = (0, 2, 5, 10, 15, 20, 25, 32, 37, 43, 49, 55, 60)
CASE = "u_11={:g}"
X_NAME = "trained"


def parameters(square: float) -> dict:
    """Return the arguments of `trainable_fraction` for tasks with equal shared truths, |u|^2 = ``square``."""
    gram = {"shared": np.full((2, 2), square), "specific": np.array([[SPECIFIC, SPECIFIC], [SPECIFIC, SPECIFIC + DISTANCE]])}
    return {"blocks": BLOCKS, "samples": SAMPLES, "noise": SIGMA, "gram": gram}


def compute(table: Table, sampler: Sampler) -> None:
    for square in SHARED:
        for criterion in CRITERIA:
            found, name = best_trainable_fraction(criterion, **parameters(square)), CASE.format(square)
            table.add_curve(criterion, "partial", X_NAME, found.choices, found.values, "expected_errors", name)
            table.add_mark(criterion, "partial", X_NAME, found.choice, found.value, "best_trainable_fraction", name)
    # The kept and the trained part draw separately, so fractions are not paired.
    places = [(square, trained) for square in SHARED for trained in SIMULATED]
    sequences = [{"partial": trainable_fraction(x, **parameters(square))} for square, x in places]
    points = [Point(seq, CRITERIA, x=x, case=CASE.format(square)) for seq, (square, x) in zip(sequences, places, strict=True)]
    sampler.add(table, X_NAME, points)


LINES = [Line(look, f"$|u_1|^2={square:g}$", {"case": CASE.format(square)}) for square, look in zip(SHARED, STEPS, strict=False)]
PANELS = [
    Panel(
        criterion, LINES, {"quantity": criterion}, stars="best number", zero=criterion == "forgetting",
        legend={"loc": "upper right"} if criterion == CRITERIA[0] else None,
        axes={
            "ylabel": label, "xlabel": "trained shared parameters", "xticks": [0, 20, 40, 60],
            "xticklabels": ["0\nfrozen", "20", "40", "60\ninitialized"],
        },
    )
    for criterion, label in zip(CRITERIA, (r"$E\,L_1(\theta_2)$", "$F_2$", "$G_2$"), strict=True)
]  # fmt: skip


def facts(table: Table) -> dict:
    marked = table.select(kind=MARK, quantity="forgetting")
    ends = [table.select(kind=THEORY, quantity="forgetting", case=row.case).column("mean")[[0, -1]].min() for row in marked]
    gains = ", ".join(f"{end - row.mean:.3f}" for end, row in zip(ends, marked, strict=True))
    return {"best": ", ".join(f"{row.x:.0f}" for row in marked), "gains": gains}


FIGURE = Figure(__doc__, compute, curves(*PANELS), globals(), facts, trials=2000, quick_trials=250, size=(8.6, 3.3))
