r"""Proportional limits and their rates.

All dimensions and sample counts times $t$, ratios and truths fixed. (a) Curves: exact law; thin lines: its
limit. (b) Symbols: exact law minus limit, in size; lines: the first correction rate$/t$, from the series of
the formulas ({rates}). {simulation} {experiment} The sizes are those of $t=1$. Padded norm.
"""

import numpy as np

from figures.kit import TRAININGS, Axes, Figure, Panel, Point, Sampler, Table, both, by_training, curve, curves
from theory.formulas import FORMULAS
from theory.limits import proportional_limit

SIZES = {"p": 8, "p_1": 12, "p_2": 16, "n_1": 8, "n_2": 6}
TRUTHS = {"sigma_1": 0.3, "sigma_2": 0.5, "u_11": 1.0, "q_11": 1.0, "d_u": 0.0, "c_u": 0.0, "d_q": 0.5}
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


def compute(table: Table, sampler: Sampler) -> None:
    factors = np.array(FACTORS, dtype=float)
    for training in TRAININGS:
        limit, rate = limit_and_rate(training)
        exact = np.array([FORMULAS[f"{training}_deviation"](**parameters(factor)) for factor in FACTORS])
        table.add_curve(VALUE, training, "t", factors, exact, EXACT)
        table.add_curve(VALUE, training, "t", factors, np.full(len(factors), limit), LIMIT)
        table.add_curve(DISTANCE, training, "t", factors, abs(exact - limit), EXACT)
        table.add_curve(DISTANCE, training, "t", factors, abs(rate) / factors, CORRECTED)
    sampler.add(table, "t", [Point(both(**parameters(t)), (VALUE,), x=t) for t in SIMULATED])


def _add_limits(ax: Axes, table: Table) -> None:
    for training, look in TRAININGS.items():
        curve(ax, table.select(quantity=VALUE, training=training, source=LIMIT), look, linestyle="-", linewidth=0.8, alpha=0.6, zorder=1)


def _add_symbols(ax: Axes, table: Table) -> None:
    for training, look in TRAININGS.items():
        exact = table.select(quantity=DISTANCE, training=training, source=EXACT)
        curve(ax, exact, look, linestyle="none", marker=look.marker, markersize=4.5, zorder=3)
    ax.set_yscale("log")


X_LABEL = "$t$, times the dimensions and sample counts"
VALUES = Panel(
    "value", by_training(TRAININGS, source=(EXACT, "simulate")), {"quantity": VALUE}, ticks=FACTORS, legend={"loc": "center right"},
    axes={"xlabel": X_LABEL, "ylabel": r"deviation $E\,L_1(\theta_2)$"}, finish=_add_limits,
)  # fmt: skip
DISTANCES = Panel(
    "distance from the limit", by_training(TRAININGS, source=CORRECTED), {"quantity": DISTANCE}, ticks=FACTORS, finish=_add_symbols,
    axes={"xlabel": X_LABEL, "ylabel": "distance from the limit"},
)  # fmt: skip


def facts(_: Table) -> dict:
    rates = [f"{training} {limit:.4f} {rate:+.3f}$/t$" for training in TRAININGS for limit, rate in [limit_and_rate(training)]]
    return {"rates": ", ".join(rates), "EXPERIMENT": {**SIZES, **TRUTHS}}


FIGURE = Figure(__doc__, compute, curves(VALUES, DISTANCES), globals(), facts, trials=2000, quick_trials=200, size=(7.4, 3.3))
