"""How fast the deviation reaches its proportional limit as all dimensions and sample counts grow together."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.captions import experiment_sentence, simulation_sentence
from figures.draw import curve, entry, panel_letter, plain_log_ticks, points
from figures.registry import Figure
from figures.sampling import Point, Sampler
from figures.style import FROZEN, INITIALIZED
from figures.table import Table
from theory.formulas import FORMULAS
from theory.ledger.two_tasks import initialized_two_tasks, two_tasks
from theory.limits import proportional_limit

SIZES = {"p": 8, "p_1": 12, "p_2": 16, "n_1": 8, "n_2": 6}
TRUTHS = {"sigma_1": 0.3, "sigma_2": 0.5, "u_11": 1.0, "q_11": 1.0, "d_u": 0.0, "c_u": 0.0, "d_q": 0.5}
LOOKS = {"frozen": FROZEN, "initialized": INITIALIZED}
BUILD = {"frozen": two_tasks, "initialized": initialized_two_tasks}
FACTORS = (1, 2, 4, 8, 16, 32, 64, 128)
SIMULATED = (1, 2, 4, 8)
VALUE, DISTANCE = "deviation", "|deviation - limit|"
EXACT, LIMIT, CORRECTED = "exact law", "limit", "limit + rate / t"


def parameters(factor: int) -> dict:
    """Return the case at ``factor`` times the dimensions and sample counts."""
    return {**{name: size * factor for name, size in SIZES.items()}, **TRUTHS}


def limit_and_rate(training: str) -> tuple[float, float]:
    """Return limit and rate of a training's deviation."""
    return proportional_limit(FORMULAS[f"{training}_deviation"]).value(**SIZES, **TRUTHS)


def compute(sampler: Sampler) -> Table:
    table = Table()
    factors = np.array(FACTORS, dtype=float)
    for training in LOOKS:
        limit, rate = limit_and_rate(training)
        exact = np.array([FORMULAS[f"{training}_deviation"](**parameters(factor)) for factor in FACTORS])
        table.add_curve(VALUE, training, "t", factors, exact, EXACT)
        table.add_curve(VALUE, training, "t", factors, np.full(len(factors), limit), LIMIT)
        table.add_curve(DISTANCE, training, "t", factors, abs(exact - limit), EXACT)
        table.add_curve(DISTANCE, training, "t", factors, abs(rate) / factors, CORRECTED)
    results = sampler.run([Point({name: build(**parameters(factor)) for name, build in BUILD.items()}, (VALUE,)) for factor in SIMULATED])
    for factor, result in zip(SIMULATED, results, strict=True):
        for training in LOOKS:
            table.add_point(VALUE, training, "t", factor, result[training, VALUE])
    return table


def draw(table: Table, canvas: Canvas) -> None:
    left, right = canvas.subplots(1, 2)
    for training, look in LOOKS.items():
        rows = table.select(quantity=VALUE, training=training)
        curve(left, rows.select(source=EXACT), look)
        limit = rows.select(source=LIMIT)
        left.plot(limit.column("x"), limit.column("mean"), color=look.colour, linewidth=0.8, alpha=0.6, zorder=1)
        points(left, rows, look)
        apart = table.select(quantity=DISTANCE, training=training)
        exact, rate = apart.select(source=EXACT), apart.select(source=CORRECTED)
        right.plot(rate.column("x"), rate.column("mean"), color=look.colour, linestyle=look.line, zorder=2)
        right.plot(exact.column("x"), exact.column("mean"), linestyle="none", marker=look.marker, color=look.colour, markersize=4.5, zorder=3)
    for ax in (left, right):
        plain_log_ticks(ax, FACTORS)
        ax.set_xlabel("$t$, times the dimensions and sample counts")
    right.set_yscale("log")
    left.set_ylabel(r"deviation $E\,L_1(\theta_2)$")
    right.set_ylabel("distance from the limit")
    left.legend(handles=[entry(look, f"{name} training") for name, look in LOOKS.items()], loc="center right")
    panel_letter(left, "a", "value")
    panel_letter(right, "b", "distance from the limit")


def caption(table: Table) -> str:
    rates = ", ".join(f"{training} {limit:.4f} {rate:+.3f}$/t$" for training in LOOKS for limit, rate in [limit_and_rate(training)])
    return (
        f"All dimensions and sample counts times $t$, ratios and truths fixed. (a) Curves: exact law; thin lines: its limit. (b) Symbols: exact "
        f"law minus limit, in size; lines: the first correction rate$/t$, from the series of the formulas ({rates}). "
        f"{simulation_sentence(table)} {experiment_sentence({**SIZES, **TRUTHS})} The sizes are those of $t=1$. Padded norm."
    )


FIGURE = Figure("Proportional limits and their rates.", compute, draw, caption, trials=2000, quick_trials=200, size=(7.4, 3.3))
