r"""Fluctuations from run to run.

Initialized training. (a) Line and band: exact mean and one exact standard deviation over runs to both sides;
dots: {SINGLE_RUNS} single runs at each $n_2$. (b) The standard deviation; points only where its own error has
the moments. (c) Divided by the mean, with $p:p_1:p_2:n_1:n_2={shares}$ fixed and truths as they are: it falls
from {first:.2f} to {last:.2f} over {count} sizes, like the inverse square root of the size. Squares:
simulation, means of {trials:,} independent trials and their spread; bars: normal 95 % intervals of the mean
or, by the delta method, of the standard deviation and its ratio ($\pm${NORMAL:.2f} standard errors).
{experiment}
"""

import math
from dataclasses import replace

import numpy as np

from figures.kit import (
    INITIALIZED, NORMAL, PLAIN, SIMULATION, THEORY, Canvas, Figure, Look, Sampler, Simulated, Table, curve, entry, panels, plain_log_ticks,
    points, ticks,
)  # fmt: skip  # noqa: F401 - NORMAL is a number of the caption
from simulate import simulate
from theory import moment_orders
from theory.formulas import FORMULAS
from theory.ledger.two_tasks import initialized_two_tasks

EXPERIMENT = {
    "p": 20, "p_1": 30, "p_2": 40, "n_1": 15, "sigma_1": 0.3, "sigma_2": 0.5, "u_11": 1, "q_11": 1,
    "d_u": 0, "c_u": 0, "d_q": 0.5, "c_q": 0, "x_q": 0,
}  # fmt: skip
N_2 = np.arange(2, 53)
SIMULATED = (3, 6, 10, 14, 18, 22, 26, 30, 34, 38, 42, 46, 50)
SINGLE_RUNS = 25  # drawn at every simulated n_2
BASE, FACTORS = {"p": 10, "p_1": 15, "p_2": 20, "n_1": 8, "n_2": 10}, (1, 2, 4, 8, 16)
SIZES = np.array(FACTORS) * (BASE["p"] + BASE["p_2"])
MEAN, SPREAD, RELATIVE, RUN = "deviation", "standard deviation", "relative standard deviation", "single run"
TRAINING = "initialized"
LEAST_ORDER = 8  # the standard deviation's own error needs fourth moments of the deviation to spare


def exact(case: dict) -> tuple[float, float]:
    """Return mean and standard deviation over runs of the deviation."""
    return FORMULAS["initialized_deviation"](**case), math.sqrt(FORMULAS["initialized_deviation_variance"](**case))


def scaled(factor: int) -> dict:
    """Return the experiment with all dimensions and sample counts times ``factor``."""
    return {**EXPERIMENT, **{name: value * factor for name, value in BASE.items()}}


def compute(table: Table, sampler: Sampler) -> None:
    values = [exact({**EXPERIMENT, "n_2": n_2}) for n_2 in N_2.tolist()]
    for quantity, column in ((MEAN, 0), (SPREAD, 1)):
        table.add_curve(quantity, TRAINING, "n_2", N_2, [pair[column] for pair in values], "initialized_deviation" + "_variance" * column)
    ratios = [spread / mean for mean, spread in (exact(scaled(factor)) for factor in FACTORS)]
    table.add_curve(RELATIVE, TRAINING, "p+p_2", SIZES, ratios, "initialized_deviation_variance")
    for n_2 in SIMULATED:
        found, runs = _runs(sampler, {**EXPERIMENT, "n_2": n_2})
        table.add_point(MEAN, TRAINING, "n_2", n_2, found["mean"])
        table.add_point(SPREAD, TRAINING, "n_2", n_2, found["spread"])
        for value in runs:
            table.add_mark(RUN, TRAINING, "n_2", n_2, value, "simulate")
    for factor, size in zip(FACTORS, SIZES.tolist(), strict=True):
        table.add_point(RELATIVE, TRAINING, "p+p_2", size, _runs(sampler, scaled(factor))[0]["ratio"])


def _runs(sampler: Sampler, case: dict) -> tuple[dict[str, Simulated | None], list[float]]:
    """Mean, standard deviation and their ratio with errors, None in place of what has too few moments; the first single runs."""
    seq = initialized_two_tasks(**case)
    order = moment_orders(seq).deviation()

    def run(seed: tuple[int, ...], trials: int) -> dict:
        values = simulate(seq, trials, seed).per_trial("deviation")
        mean, spread = values.mean(), values.std(ddof=1)
        # Delta method: influence of every run on the standard deviation, and on its ratio to the mean.
        influence = ((values - mean) ** 2 - spread**2) / (2 * spread)
        on_ratio = influence / mean - spread * (values - mean) / mean**2
        errors = {"mean": spread, "spread": influence.std(), "ratio": on_ratio.std()}
        estimates = {"mean": mean, "spread": spread, "ratio": spread / mean}
        return {
            "estimates": {name: [value, errors[name] / math.sqrt(trials)] for name, value in estimates.items()},
            "runs": values[:SINGLE_RUNS].tolist(),
        }

    record = sampler.stored({"case": case}, __file__, run)
    found = {name: Simulated(*estimate, sampler.trials, order) for name, estimate in record["estimates"].items()}
    return found if order > LEAST_ORDER else {**dict.fromkeys(found), "mean": found["mean"]}, record["runs"]


def draw(table: Table, canvas: Canvas) -> None:
    axes = left, middle, right = panels(canvas, ("single runs", "their spread", "against the size"), width_ratios=(1.25, 1, 1))
    mean, spread = (table.select(kind=THEORY, quantity=quantity) for quantity in (MEAN, SPREAD))
    x, centre, half = mean.column("x"), mean.column("mean"), spread.column("mean")
    shade = {"color": INITIALIZED.colour, "alpha": 0.28, "linewidth": 0}
    left.fill_between(x, centre - half, centre + half, zorder=1, **shade)
    runs = table.select(quantity=RUN)
    left.plot(runs.column("x"), runs.column("mean"), linestyle="none", marker=".", markersize=3, color=PLAIN.colour, alpha=0.45, zorder=2.5)
    for ax, quantity in zip(axes, (MEAN, SPREAD, RELATIVE), strict=True):
        curve(ax, table.select(quantity=quantity), INITIALIZED, linestyle="-")
        points(ax, table.select(quantity=quantity), INITIALIZED)
    top = 1.08 * max(runs.column("mean").max(), (centre + half).max())
    left.set(xlabel="$n_2$, samples of task 2", ylabel=r"deviation $L_1(\theta_2)$", ylim=(0, top))
    band = left.fill_between([], [], label=r"$\pm$ 1 standard deviation (exact)", **shade)
    mean, single = entry(replace(INITIALIZED, line="-"), "mean (exact, simulated)"), entry(Look(PLAIN.colour, "", "."), "single runs")
    left.legend(handles=[mean, band, single], loc="upper left")
    middle.set(xlabel="$n_2$, samples of task 2", ylabel="standard deviation over runs", ylim=(0, None))
    right.set_yscale("log")
    plain_log_ticks(right, SIZES)
    ticks(right.yaxis, (0.1, 0.2, 0.5))
    right.set(xlabel="$p+p_2$, all at fixed ratios", ylabel="standard deviation / mean")


def facts(table: Table) -> dict:
    ratios = table.select(kind=THEORY, quantity=RELATIVE).column("mean")
    count, shares = len(table.select(kind=SIMULATION, quantity=RELATIVE)), ":".join(map(str, BASE.values()))
    return {"shares": shares, "first": ratios[0], "last": ratios[-1], "count": count, "trials": table.trials()}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, trials=2000, quick_trials=300, size=(9.0, 3.3))
