"""How much single runs fluctuate around the expected deviation: exact standard deviation and simulated runs."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.captions import experiment_sentence
from figures.draw import LEVEL, entry, panel_letter, plain_log_ticks, points
from figures.registry import Figure
from figures.sampling import Sampler, Simulated
from figures.stored_runs import stored
from figures.style import INITIALIZED, PLAIN
from figures.table import SIMULATION, THEORY, Table
from simulate import simulate
from simulate.evidence import upper_quantile
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


def compute(sampler: Sampler) -> Table:
    table = Table()
    values = [exact({**EXPERIMENT, "n_2": n_2}) for n_2 in N_2.tolist()]
    for quantity, column in ((MEAN, 0), (SPREAD, 1)):
        table.add_curve(quantity, TRAINING, "n_2", N_2, [pair[column] for pair in values], "initialized_deviation" + "_variance" * column)
    ratios = [spread / mean for mean, spread in (exact(scaled(factor)) for factor in FACTORS)]
    table.add_curve(RELATIVE, TRAINING, "p+p_2", SIZES, ratios, "initialized_deviation_variance")
    for number, n_2 in enumerate(SIMULATED):
        case = {**EXPERIMENT, "n_2": n_2}
        found = _runs(sampler, number, case)
        table.add_point(MEAN, TRAINING, "n_2", n_2, found["mean"])
        table.add_point(SPREAD, TRAINING, "n_2", n_2, found["spread"])
        for value in found["runs"]:
            table.add_mark(RUN, TRAINING, "n_2", n_2, value, "simulate")
    for number, (factor, size) in enumerate(zip(FACTORS, SIZES.tolist(), strict=True), len(SIMULATED)):
        table.add_point(RELATIVE, TRAINING, "p+p_2", size, _runs(sampler, number, scaled(factor))["ratio"])
    return table


def _runs(sampler: Sampler, number: int, case: dict) -> dict:
    """Mean, standard deviation and their ratio with errors, and the first single runs; None in place of what has too few moments."""
    seq = initialized_two_tasks(**case)
    order = moment_orders(seq).deviation()

    def run(seed: tuple[int, ...], trials: int) -> dict:
        values = simulate(seq, trials, seed).per_trial("deviation")
        mean, spread = values.mean(), values.std(ddof=1)
        # Delta method: influence of every run on the standard deviation, and on its ratio to the mean.
        influence = ((values - mean) ** 2 - spread**2) / (2 * spread)
        on_ratio = influence / mean - spread * (values - mean) / mean**2
        root = math.sqrt(trials)
        errors = {"mean": spread / root, "spread": influence.std() / root, "ratio": on_ratio.std() / root}
        return {
            "estimates": {"mean": mean, "spread": spread, "ratio": spread / mean},
            "errors": errors,
            "runs": values[:SINGLE_RUNS].tolist(),
        }

    record = stored(sampler, number, {"case": case}, __file__, run)
    found = {name: Simulated(value, record["errors"][name], sampler.trials, order) for name, value in record["estimates"].items()}
    trusted = found if order > LEAST_ORDER else {**dict.fromkeys(found), "mean": found["mean"]}
    return {**trusted, "runs": record["runs"]}


def draw(table: Table, canvas: Canvas) -> None:
    left, middle, right = canvas.subplots(1, 3, width_ratios=(1.25, 1, 1))
    mean, spread = (table.select(kind=THEORY, quantity=quantity) for quantity in (MEAN, SPREAD))
    x, centre, half = mean.column("x"), mean.column("mean"), spread.column("mean")
    left.fill_between(x, centre - half, centre + half, color=INITIALIZED.colour, alpha=0.28, linewidth=0, zorder=1)
    left.plot(x, centre, color=INITIALIZED.colour, linestyle="-", zorder=2)
    runs = table.select(quantity=RUN)
    left.plot(runs.column("x"), runs.column("mean"), linestyle="none", marker=".", markersize=3, color=PLAIN.colour, alpha=0.45, zorder=2.5)
    points(left, table.select(quantity=MEAN), INITIALIZED)
    left.set(
        xlabel="$n_2$, samples of task 2",
        ylabel=r"deviation $L_1(\theta_2)$",
        ylim=(0, 1.08 * max(runs.column("mean").max(), (centre + half).max())),
    )
    band = left.fill_between([], [], color=INITIALIZED.colour, alpha=0.28, linewidth=0, label=r"$\pm$ 1 standard deviation (exact)")
    single = entry(type(PLAIN)(PLAIN.colour, "", "."), "single runs")
    left.legend(handles=[entry(type(PLAIN)(INITIALIZED.colour, "-", "s"), "mean (exact, simulated)"), band, single], loc="upper left")
    for ax, quantity in ((middle, SPREAD), (right, RELATIVE)):
        rows = table.select(kind=THEORY, quantity=quantity)
        ax.plot(rows.column("x"), rows.column("mean"), color=INITIALIZED.colour, linestyle="-", zorder=2)
        points(ax, table.select(quantity=quantity), INITIALIZED)
    middle.set(xlabel="$n_2$, samples of task 2", ylabel="standard deviation over runs", ylim=(0, None))
    right.set_yscale("log")
    plain_log_ticks(right, SIZES)
    right.set_yticks([0.1, 0.2, 0.5], ["0.1", "0.2", "0.5"])
    right.set_yticks([], minor=True)
    right.set(xlabel="$p+p_2$, all at fixed ratios", ylabel="standard deviation / mean")
    for ax, letter, title in zip((left, middle, right), "abc", ("single runs", "their spread", "against the size"), strict=True):
        panel_letter(ax, letter, title)


def caption(table: Table) -> str:
    trials = table.trials()
    z = upper_quantile((1 - LEVEL) / 2)
    ratios = table.select(kind=THEORY, quantity=RELATIVE).column("mean")
    count = len(table.select(kind=SIMULATION, quantity=RELATIVE))
    ratio_names = ":".join(str(BASE[name]) for name in BASE)
    return (
        f"Initialized training. (a) Line and band: exact mean and one exact standard deviation over runs to both sides; dots: "
        f"{SINGLE_RUNS} "
        f"single runs at each $n_2$. (b) The standard deviation; points only where its own error has the moments. (c) Divided by the mean, "
        f"with $p:p_1:p_2:n_1:n_2={ratio_names}$ fixed and "
        f"truths as they are: it falls from {ratios[0]:.2f} to {ratios[-1]:.2f} over {count} sizes, like the inverse square root of the "
        f"size. Squares: simulation, "
        f"means of {trials:,} independent trials and their spread; bars: normal {100 * LEVEL:.0f}\u00a0% intervals of the mean or, by the "
        f"delta method, of the standard deviation "
        f"and its ratio ($\\pm${z:.2f} standard errors). {experiment_sentence(EXPERIMENT)}"
    )


FIGURE = Figure("Fluctuations from run to run.", compute, draw, caption, trials=2000, quick_trials=300, size=(9.0, 3.3))
