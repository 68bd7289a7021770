r"""Double descent up to a million parameters.

Mean squared error $G_{{{TASKS}}}$ over $T={TASKS}$ tasks after the last one, $n={SAMPLES}$ samples each
(setting of Banayeeanzade et al.), truths of length 1 with cosine {COSINE:g} between tasks. Curves: exact law;
shaded: no expectation, within 1 of an interpolation threshold of a trained block. Frozen training passes two,
that of task 1 at $p=n$ and that of the others at $p/2=n$. As $p$ grows further, $n$ samples teach less and
less, and the error returns to the truths' squared length 1. {simulation} The reduced sampler takes the same
time for every $p$.
"""

from functools import partial

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from figures.kit import NOTE, POLE, STEPS, TRAININGS, Axes, Figure, Line, Panel, Point, Sampler, Table, by_training, curves
from theory import TaskSequence, expected_errors, frozen, initialized, one_block

TASKS, SAMPLES = 10, 50  # the setting of Banayeeanzade et al.
COSINE = 0.8  # between the truths of any two tasks, which have length 1
NOISES = (0.1, 0.5, 1.0)
TRAINING_NOISE = 0.5
MOST = 10**6
ONE_BLOCK = "one block"
QUANTITY = "generalization"
CASE = "sigma={:g}"
# No simulation within 3 of a threshold, where the variance is infinite.
SIMULATED = (10, 20, 30, 38, 44, 46, 54, 56, 64, 80, 120, 200, 500, 1000, 5000, 20_000, 100_000, MOST)
SIMULATED_HALVES = (20, 28, 36, 44, 46, 54, 56, 64, 72, 80, 90, 110, 120, 140, 200, 500, 1000, 5000, 20_000, 100_000, MOST)
ALL = np.unique(np.geomspace(10, MOST, 400).astype(int))
P = np.union1d(np.union1d(ALL, np.arange(10, 130)), SIMULATED)
EVEN = np.union1d(np.union1d(ALL // 2 * 2, np.arange(20, 180, 2)), SIMULATED_HALVES)
EVEN = EVEN[EVEN >= SIMULATED_HALVES[0]]  # a block has to hold the truths of all tasks


def truths(share: float = 1.0) -> np.ndarray:
    """Return the inner products of the truths in a block that holds ``share`` of their squared length."""
    return share * np.where(np.eye(TASKS) == 1, 1.0, COSINE)


def one(p: int | np.ndarray, noise: float) -> TaskSequence:
    """Return tasks that all train one block of ``p`` parameters, a number or a grid."""
    return one_block(p, (SAMPLES,) * TASKS, noise, gram=truths())


def halves(p: int | np.ndarray, training: str) -> TaskSequence:
    """Return tasks with half of ``p`` parameters shared and half specific, which frozen training trains alone."""
    build = {"frozen": frozen, "initialized": initialized}[training]
    return build({"shared": p // 2, "specific": p // 2}, (SAMPLES,) * TASKS, TRAINING_NOISE, gram={b: truths(0.5) for b in ("shared", "specific")})


def compute(table: Table, sampler: Sampler) -> None:
    series = [(ONE_BLOCK, CASE.format(noise), P, SIMULATED, lambda p, noise=noise: one(p, noise)) for noise in NOISES]
    series += [(t, CASE.format(TRAINING_NOISE), EVEN, SIMULATED_HALVES, lambda p, training=t: halves(p, training)) for t in TRAININGS]
    for training, name, places, simulated, build in series:
        law = expected_errors(build(places), outside="nan").generalization()
        table.add_curve(QUANTITY, training, "p", places, law, "expected_errors", name)
        sampler.add(table, "p", [Point({training: build(p)}, (QUANTITY,), method="reduced", x=p, case=name) for p in simulated])


def _finish(thresholds: dict[int, str], ax: Axes, _: Table) -> None:
    """Shade where the expectation is infinite, and name it inside, because the titles are above."""
    for place, (threshold, label) in enumerate(thresholds.items()):
        width = threshold // SAMPLES  # of p, while the threshold lies in p or in p / 2
        ax.axvspan(threshold - width, threshold + width, color=POLE, linewidth=0, zorder=0)
        ax.text(threshold * (0.9, 1.1)[place], 0.22, label, ha=("right", "left")[place], va="bottom", fontsize=9, color=NOTE)
    ax.xaxis.set_major_locator(LogLocator(numticks=8))
    ax.xaxis.set_minor_formatter(NullFormatter())


AXES = {"xscale": "log", "yscale": "log", "xlim": (8, 1.6 * MOST), "ylim": (0.2, 150), "xlabel": "$p$, number of parameters"}
LEFT = Panel(
    "one block", [Line(look, f"{noise:g}", {"case": CASE.format(noise)}) for noise, look in zip(NOISES, STEPS, strict=False)],
    {"training": ONE_BLOCK}, axes={**AXES, "ylabel": f"generalization error $G_{{{TASKS}}}$"}, finish=partial(_finish, {SAMPLES: "$p=n$"}),
    legend={"title": r"noise $\sigma$", "loc": "upper right"},
)  # fmt: skip
RIGHT = Panel(
    rf"$p/2$ shared, $p/2$ specific, $\sigma={TRAINING_NOISE:g}$", by_training(TRAININGS), axes=AXES,
    finish=partial(_finish, {SAMPLES: "$p=n$", 2 * SAMPLES: "$p/2=n$"}), legend={"loc": "upper right"},
)  # fmt: skip


FIGURE = Figure(__doc__, compute, curves(LEFT, RIGHT, sharey=True), globals(), trials=1000, quick_trials=200, size=(7.4, 3.7))
