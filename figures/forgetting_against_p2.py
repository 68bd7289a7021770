r"""Average forgetting against $p_2$.

Curves: exact law. Stars: the minimum of frozen training at
$p_2^*=(n_2+1)\sqrt{{\xi}}/(\sqrt{{\xi}}-\sqrt{{\eta}})$ with its value
$-n_2(\sqrt{{\xi}}-\sqrt{{\eta}})^2/(n_2+1)$, from the closed formulas; it exists where $\xi>\eta>0$
(condition published, $\xi$ and $\eta$ reconstructed), which fails at the largest distance $|q_2-q_1|^2$.
Beyond the minimum forgetting rises to 0. {simulation} {experiment} Only $p_2$ varies within a curve: the
truths stay, added parameters have truth zero, and task 1's error counts them (padded norm).
"""

import numpy as np

from figures.kit import MARK, NOTE, STEPS, TRAININGS, Axes, Figure, Line, Panel, Point, Sampler, Table, both, by_training, curves
from theory import DomainError, expected_errors
from theory.formulas import FORMULAS

# |q_1|^2 is large and |u_1|^2 small: only then has forgetting a minimum, and here it lies inside p_2 > p_1.
EXPERIMENT = {"p": 10, "p_1": 24, "n_1": 20, "n_2": 16, "sigma_1": 0.3, "sigma_2": 0.3, "u_11": 0.3, "q_11": 2.5, "d_u": 0, "c_u": 0}
DISTANCES = (0.0, 0.25, 0.5, 1.0)
COMPARED = 0.25
ZOOM_FROM = 37  # p_2 from which panel (b) shows the minima
SIMULATED = (25, 28, 32, 37, 40, 48, 53, 65, 78, 100, 150, 200, 260, 380, 600)
P_2 = np.union1d(np.geomspace(25, 700, 300).astype(int), SIMULATED)
QUANTITY = "forgetting"
CASE = "d_q={:g}"  # |q_2 - q_1|^2


def least_p_2(distance: float) -> int:
    """Return where the curves of a distance begin: panel (a) shows one of them from far above the minimum."""
    return int(P_2[0]) if distance == COMPARED else ZOOM_FROM


def compute(table: Table, sampler: Sampler) -> None:
    series = [(distance, "frozen") for distance in DISTANCES] + [(COMPARED, "initialized")]
    for distance, training in series:
        shown = P_2[P_2 >= least_p_2(distance)]
        law = expected_errors(both(**EXPERIMENT, p_2=shown, d_q=distance)[training])
        table.add_curve(QUANTITY, training, "p_2", shown, law.forgetting(), "expected_errors", CASE.format(distance))
    for distance in DISTANCES:
        parameters = {**EXPERIMENT, "d_q": distance}
        try:
            place, value = FORMULAS["p2_star"](**parameters), FORMULAS["forgetting_at_p2_star"](**parameters)
        except DomainError:  # xi <= eta: no minimum to mark
            continue
        table.add_mark(QUANTITY, "frozen", "p_2", place, value, "p2_star, forgetting_at_p2_star", CASE.format(distance))
    places = [(distance, training, p_2) for distance, training in series for p_2 in SIMULATED if p_2 >= least_p_2(distance)]
    points = [Point({t: both(**EXPERIMENT, p_2=p_2, d_q=d)[t]}, (QUANTITY,), x=p_2, case=CASE.format(d)) for d, t, p_2 in places]
    sampler.add(table, "p_2", points)


def _name_the_star(ax: Axes, table: Table) -> None:
    mark = table.only(kind=MARK, case=CASE.format(COMPARED))
    note = f"$p_2^*={mark.x:.1f}$, $F_2={mark.mean:.3f}$"
    ax.annotate(note, (mark.x, 0), (-8, 6), textcoords="offset points", ha="left", va="bottom", fontsize=9, color=NOTE)


X_LABEL = "$p_2$, number of task 2's specific parameters"
LEFT = Panel(
    f"both trainings, $|q_2-q_1|^2={COMPARED:g}$", by_training(TRAININGS), {"case": CASE.format(COMPARED)},
    stars="frozen at $p_2^*$", zero=True, ticks=(25, 40, 60, 100, 200, 400, 700), legend={"loc": "lower right"}, finish=_name_the_star,
    axes={"xlabel": X_LABEL, "ylabel": "average forgetting $F_2$"},
)  # fmt: skip
RIGHT = Panel(
    "frozen training, near its minimum", [Line(look, f"{d:g}", {"case": CASE.format(d)}) for d, look in zip(DISTANCES, STEPS, strict=True)],
    {"training": "frozen"}, lambda row: row.x >= ZOOM_FROM, stars="$p_2^*$", zero=True, ticks=(40, 60, 100, 200, 400, 700),
    legend={"title": "$|q_2-q_1|^2$", "loc": "upper right"}, axes={"xlabel": X_LABEL},
)  # fmt: skip


FIGURE = Figure(__doc__, compute, curves(LEFT, RIGHT), globals(), trials=2000, quick_trials=200, size=(7.4, 3.7))
