r"""A ridge penalty that is best for the task at hand is too small for all tasks.

(a) The error of task 3 on its own distribution against its penalty, after two tasks of the least step; star: $\lambda^*=df/e$, at {own} for rising noise.
(b) The mean error of all tasks against a penalty that all share; star: the best, at {shared}. Too small a penalty fits noise, too large a one learns nothing:
the best saves {saved} of the error of the smallest penalty shown. Lines join the exact law. {simulation}
Experiment: $p={P}$, $n={N}$ samples a task, truths of length 1 with cosine {COSINE:g}.
"""

from dataclasses import replace

import numpy as np

from figures.kit import MARK, STEPS, THEORY, Figure, Line, Panel, Point, Sampler, Table, curves
from theory import Ridge, TaskSequence, expected_errors, one_block
from theory.optima import best_constant_penalty, best_penalty

P, N, COSINE, NOISES = 40, 20, 0.6, (0.2, 0.5, 1.0)
PENALTIES, SIMULATED = np.geomspace(0.1, 1000, 33), (0.1, 1.0, 10.0, 100.0, 1000.0)
OWN, SHARED = "error[2,2]", "generalization"


def sequence(quantity: str, noise: float, penalty: float) -> TaskSequence:
    """Return three tasks, of which the last one, or all for the mean over tasks, have the penalty."""
    seq = one_block(P, (N,) * 3, noise, gram=np.full((3, 3), COSINE) + (1 - COSINE) * np.eye(3))
    return seq.under(rule=Ridge(penalty)) if quantity == SHARED else replace(seq, tasks=[*seq.tasks[:2], replace(seq.tasks[2], rule=Ridge(penalty))])


def compute(table: Table, sampler: Sampler) -> None:
    for quantity, best in ((OWN, best_penalty), (SHARED, lambda seq: best_constant_penalty(SHARED, seq, points=61))):
        for noise in NOISES:
            values = [expected_errors(sequence(quantity, noise, penalty)).read(quantity) for penalty in PENALTIES]
            table.add_curve(quantity, "ridge", "penalty", PENALTIES, values, "expected_errors", f"{noise:g}")
            found = best(sequence(quantity, noise, 1.0))
            table.add_mark(quantity, "ridge", "penalty", found.choice, found.value, "best_penalty", f"{noise:g}")
        sampler.add(table, "penalty", [Point({"ridge": sequence(quantity, noise, x)}, (quantity,), x=x, case=f"{noise:g}") for x in SIMULATED for noise in NOISES])


LINES = [Line(look, rf"$\sigma={noise:g}$", {"case": f"{noise:g}"}) for noise, look in zip(NOISES, STEPS, strict=False)]
PANELS = [
    Panel(title, LINES, {"quantity": quantity}, stars="best penalty", axes={"xscale": "log", "yscale": "log", "xlabel": xlabel, "ylabel": ylabel}, legend=legend)
    for title, quantity, xlabel, ylabel, legend in (
        ("the task at hand", OWN, r"penalty of task 3, $\lambda$", "error of task 3", None), ("all tasks", SHARED, r"penalty of all tasks, $\lambda$", "generalization error $G_3$", {"loc": "upper right"}),
    )
]  # fmt: skip


def facts(table: Table) -> dict:
    stars = {quantity: [table.only(kind=MARK, quantity=quantity, case=f"{noise:g}") for noise in NOISES] for quantity in (OWN, SHARED)}
    first = [table.only(kind=THEORY, quantity=SHARED, case=f"{noise:g}", x=PENALTIES[0]).mean for noise in NOISES]
    saved = ", ".join(f"{1 - star.mean / error:.0%}" for star, error in zip(stars[SHARED], first, strict=True))
    return {"own": ", ".join(f"{star.x:.3g}" for star in stars[OWN]), "shared": ", ".join(f"{star.x:.3g}" for star in stars[SHARED]), "saved": saved}


FIGURE = Figure(__doc__, compute, curves(*PANELS), globals(), facts, trials=1000, quick_trials=150, size=(8.6, 3.6))
