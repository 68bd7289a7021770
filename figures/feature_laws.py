r"""Features that are not standard normal.

Lines: the exact law, which assumes independent standard normal features. Points: simulation under other laws
of unit variance: random signs, Student's $t$ with {FREEDOM} degrees of freedom, and normal features with
correlation ${CORRELATION:g}^{{|i-j|}}$ inside each block. Largest differences from the law: {listed}. The
distribution of independent entries matters little, and less without frozen parameters, whose error depends on
fourth moments of the features; correlation matters. Errors are Euclidean distances throughout. {simulation}
{experiment} $u_2=u_1$; truths along the first coordinates of each block.
"""

from dataclasses import replace

import numpy as np

from figures.kit import (
    PLAIN, SIMULATION, STEPS, THIRD, TRAININGS, Canvas, Figure, Look, Sampler, Simulated, Table, both, curve, entry, panels, points, reference,
)  # fmt: skip
from simulate import Gaussian, Rademacher, StandardNormal, StudentT, simulate
from simulate.work.keys import condition_key
from theory import TaskSequence, expected_errors, moment_orders
from theory.ledger.two_tasks import two_tasks

EXPERIMENT = {"p": 20, "p_1": 30, "p_2": 40, "n_1": 15, "sigma_1": 0.3, "sigma_2": 0.5, "u_11": 1, "q_11": 1, "d_q": 0.5}
CORRELATION, FREEDOM = 0.5, 5
N_2 = np.arange(2, 33)
PLACES = (4, 9, 14, 19, 24)  # of the first law; every law has places of its own, so that bars do not overlap
QUANTITY, RATIO = "deviation", "relative difference"


def correlated() -> Gaussian:
    """Return normal features whose correlation decays along the coordinates of every block."""
    blocks = two_tasks(**EXPERIMENT, n_2=2).blocks
    return Gaussian({b: CORRELATION ** np.abs(np.subtract.outer(np.arange(d), np.arange(d))) for b, d in blocks.items()})


LAWS = {
    "normal": (StandardNormal(), PLAIN),
    "Rademacher": (Rademacher(), Look(THIRD.colour, "", "D")),
    "Student t": (StudentT(FREEDOM), Look(STEPS[1].colour, "", "s")),
    "correlated": (correlated(), Look(STEPS[3].colour, "", "^")),
}


def order(seq: TaskSequence, training: str, law: str) -> float:
    """Moment order of the deviation; frozen errors enter through products of two features, so heavy tails halve theirs."""
    normal = moment_orders(seq).deviation()
    return min(normal, FREEDOM / 2) if (law, training) == ("Student t", "frozen") else normal


def compute(table: Table, sampler: Sampler) -> None:
    for training, seq in both(**EXPERIMENT, n_2=N_2).items():
        table.add_curve(QUANTITY, training, "n_2", N_2, expected_errors(seq).deviation(), "expected_errors")
    for training in TRAININGS:
        for shift, (law, (features, _)) in enumerate(LAWS.items()):
            for n_2 in (place + shift for place in PLACES):
                seq = both(**EXPERIMENT, n_2=n_2)[training]
                simulated, exact = _simulated(sampler, seq, features, order(seq, training, law)), expected_errors(seq).deviation()
                ratio = replace(simulated, mean=100 * (simulated.mean / exact - 1), stderr=100 * simulated.stderr / exact)
                table.add_point(QUANTITY, training, "n_2", n_2, simulated, law)
                table.add_point(RATIO, training, "n_2", n_2, ratio, law)


def _simulated(sampler: Sampler, seq: TaskSequence, features, moment_order: float) -> Simulated:
    def run(seed: tuple[int, ...], trials: int) -> list[float]:
        estimate = simulate(seq, trials, seed, features=features).deviation()
        return [estimate.mean, estimate.stderr]

    description = {"features": condition_key(features), "n_2": seq.tasks[1].samples, "train": seq.tasks[1].train, "experiment": EXPERIMENT}
    return Simulated(*sampler.stored(description, __file__, run), sampler.trials, moment_order)


def draw(table: Table, canvas: Canvas) -> None:
    titles = [*(f"{training} training" for training in TRAININGS), *["difference from the law"] * 2]
    axes = panels(canvas, titles, ncols=2, sharex=True, height_ratios=(1.35, 1)).reshape(2, 2)
    for column, (training, look) in enumerate(TRAININGS.items()):
        upper, lower = axes[:, column]
        curve(upper, table.select(training=training), look, linestyle="-")
        for law, (_, shape) in LAWS.items():
            for ax, quantity in ((upper, QUANTITY), (lower, RATIO)):
                points(ax, table.select(kind=SIMULATION, training=training, case=law, quantity=quantity), replace(shape, line=""))
        reference(lower)
        lower.set_xlabel("$n_2$, samples of task 2")
    axes[0, 0].set_ylabel(r"deviation $E\,L_1(\theta_2)$")
    axes[1, 0].set_ylabel("in % of the law")
    names = {"normal": "normal (the law's)", "Student t": f"Student $t$, {FREEDOM} df", "correlated": f"correlation {CORRELATION:g}"}
    handles = [entry(replace(shape, line=""), names.get(law, law)) for law, (_, shape) in LAWS.items()]
    canvas.legend(handles=handles, loc="outside upper center", ncols=4, columnspacing=1.4, handletextpad=0.2)


def facts(table: Table) -> dict:
    worst = {law: max(table.select(quantity=RATIO, case=law).column("mean"), key=abs) for law in list(LAWS)[1:]}
    return {"listed": ", ".join(f"{law} {value:+.0f}\u00a0%".replace("-", "\u2212") for law, value in worst.items())}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, trials=1000, quick_trials=150, size=(7.4, 4.6))
