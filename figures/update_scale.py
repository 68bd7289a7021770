r"""An optimal update magnitude.

(a) Task 2's step is taken $s$ times its length. Curves: exact law, a parabola; stars: its minimum
$s^*=-E\langle D,\theta_1-w_1\rangle/E|D|^2$ with $D$ the full step, from the closed formulas. (b) The same,
against the expected squared length of the update (exact, for curves and points); the lower branch of each
curve has $s>0$. {simulation} {experiment} $u_2=u_1$ and $q_2-q_1$ orthogonal to $q_1$; padded norm.
"""

from dataclasses import replace

import numpy as np

from figures.kit import MARK, TRAININGS, Canvas, Figure, Panel, Point, Sampler, Table, both, by_training, curves
from theory import TaskSequence, expected_errors
from theory.formulas import FORMULAS

EXPERIMENT = {
    "p": 20, "p_1": 30, "p_2": 40, "n_1": 15, "n_2": 18, "sigma_1": 0.3, "sigma_2": 0.3, "u_11": 0.5, "q_11": 2,
    "d_u": 0, "c_u": 0, "d_q": 0.5, "c_q": 0, "x_q": 0,
}  # fmt: skip
SCALES = np.linspace(-0.4, 1.6, 101)
SIMULATED = SCALES[[0, 10, 30, 36, 48, 51, 62, 70, 80, 90, 100]]
QUANTITY = "forgetting"
SCALE, MAGNITUDE = "scale", "update_magnitude"
BY_SIZE = f"{QUANTITY} by magnitude"


def sequence(scale: float, training: str) -> TaskSequence:
    """Return the experiment whose last step has ``scale`` times its full length."""
    seq = both(**EXPERIMENT)[training]
    return replace(seq, tasks=(seq.tasks[0], replace(seq.tasks[1], scale=float(scale))))


def values(scale: float, training: str) -> dict[str, float]:
    """Return forgetting and update magnitude by the exact law."""
    law = expected_errors(sequence(scale, training))
    return {QUANTITY: law.forgetting(), MAGNITUDE: law.update_magnitude[-1]}


def compute(table: Table, sampler: Sampler) -> None:
    for training in TRAININGS:
        laws = [values(scale, training) for scale in SCALES.tolist()]
        forgetting, magnitude = (np.array([law[name] for law in laws]) for name in (QUANTITY, MAGNITUDE))
        table.add_curve(QUANTITY, training, SCALE, SCALES, forgetting, "expected_errors")
        for side in (SCALES < 0, SCALES >= 0):  # both signs of s give the same magnitude
            table.add_curve(BY_SIZE, training, MAGNITUDE, magnitude[side], forgetting[side], "expected_errors", branch(SCALES[side][0]))
        best, least = FORMULAS[f"{training}_best_scale"](**EXPERIMENT), FORMULAS[f"{training}_least_forgetting"](**EXPERIMENT)
        table.add_mark(QUANTITY, training, SCALE, best, least, f"{training}_best_scale, {training}_least_forgetting")
        table.add_mark(BY_SIZE, training, MAGNITUDE, values(best, training)[MAGNITUDE], least, f"{training}_least_forgetting")
    places = SIMULATED.tolist()
    results = sampler.run([Point({t: sequence(scale, t) for t in TRAININGS}, (QUANTITY,)) for scale in places])
    for scale, result in zip(places, results, strict=True):
        for training in TRAININGS:
            simulated, magnitude = result[training, QUANTITY], float(values(scale, training)[MAGNITUDE])
            table.add_point(QUANTITY, training, SCALE, scale, simulated)
            table.add_point(BY_SIZE, training, MAGNITUDE, magnitude, simulated, branch(scale))


def branch(scale: float) -> str:
    """Name the side of 0 on which a scale lies."""
    return "s<0" if scale < 0 else "s>=0"


RIGHT = Panel(
    "along the same steps", by_training(TRAININGS), {"quantity": BY_SIZE}, stars="", zero=True,
    axes={"xlabel": r"update magnitude $E\,|\theta_2-\theta_1|^2$"},
)  # fmt: skip


def draw(table: Table, canvas: Canvas) -> None:
    first, second = (f"{row.x:.2f} ({row.training})" for row in table.select(kind=MARK, quantity=QUANTITY))
    left = Panel(
        "a parabola in the scale", by_training(TRAININGS), {"quantity": QUANTITY}, stars=f"$s^*=${first},\n{second}", zero=True,
        legend={"loc": "upper center"},
        axes={
            "xlabel": "scale $s$ of task 2's step", "ylabel": "average forgetting $F_2$", "xticks": [0, 0.5, 1, 1.5],
            "xticklabels": ["0\nno step", "0.5", "1\nfull step", "1.5"],
        },
    )  # fmt: skip
    curves(left, RIGHT, sharey=True)(table, canvas)


NAMES = globals() | {"EXPERIMENT": {name: value for name, value in EXPERIMENT.items() if name != "d_u"}}
FIGURE = Figure(__doc__, compute, draw, NAMES, trials=2000, quick_trials=250, size=(7.6, 3.5))
