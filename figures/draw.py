"""Drawing of table rows: curves of theory, simulated points with intervals, marked values."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from scipy.stats import binomtest

from figures.sampling import TRUSTED
from figures.style import MARKED, POLE, Look
from figures.table import MARK, SIMULATION, THEORY, Row, Table
from simulate.evidence import upper_quantile

LEVEL = 0.95
_POINT, _CAP = 3.6, 2.0
_STAR = {"linestyle": "none", "marker": "*", "markersize": 11, "color": MARKED, "markeredgecolor": "white"}


def curve(ax: Axes, table: Table, look: Look) -> None:
    """Draw the theory rows as a line; NaN leaves a gap."""
    rows = table.select(kind=THEORY)
    ax.plot(rows.column("x"), rows.column("mean"), color=look.colour, linestyle=look.line, zorder=2)


def points(ax: Axes, table: Table, look: Look) -> None:
    """Draw the simulated rows with their intervals; hollow where the fourth moment is infinite."""
    simulated = table.select(kind=SIMULATION)
    trusted_rows = simulated.select(lambda row: row.moment_order > TRUSTED)
    doubtful_rows = simulated.select(lambda row: row.moment_order <= TRUSTED)
    for rows, face in ((trusted_rows, look.colour), (doubtful_rows, "white")):
        half = upper_quantile((1 - LEVEL) / 2) * rows.column("stderr")
        ax.errorbar(
            rows.column("x"), rows.column("mean"), half, fmt=look.marker, color=look.colour, markersize=_POINT, capsize=_CAP,
            elinewidth=1.0, capthick=1.0, markeredgewidth=0.9, markerfacecolor=face, zorder=3,
        )  # fmt: skip


def binomial_interval(row: Row) -> tuple[float, float]:
    """Return the exact binomial interval of a row whose mean is a share of its trials."""
    found = binomtest(round(row.mean * row.trials), row.trials).proportion_ci(LEVEL, method="exact")
    return float(found.low), float(found.high)


def marks(ax: Axes, table: Table) -> None:
    """Draw the marked values as stars."""
    rows = table.select(kind=MARK)
    ax.plot(rows.column("x"), rows.column("mean"), zorder=4, **_STAR)


def strip(ax: Axes, centre: float, label: str) -> None:
    """Shade the interpolation threshold, where the expectation is infinite, and name it above the axes."""
    ax.axvspan(centre - 1, centre + 1, color=POLE, linewidth=0, zorder=0)
    if label:
        ax.text(centre, 1.01, label, transform=ax.get_xaxis_transform(), ha="center", va="bottom", fontsize=9)


def entry(look: Look, label: str) -> Line2D:
    """Return a legend entry with the line and the marker of a series."""
    return Line2D([], [], color=look.colour, linestyle=look.line, marker=look.marker, markersize=_POINT, label=label)


def star(label: str) -> Line2D:
    """Return a legend entry of marked values."""
    return Line2D([], [], label=label, **_STAR)


def plain_log_ticks(ax: Axes, values: Iterable[float]) -> None:
    """Label a logarithmic horizontal axis with whole numbers at ``values`` only."""
    ax.set_xscale("log")
    values = list(values)
    ax.set_xticks(values, [f"{value:g}" for value in values])
    ax.set_xticks([], minor=True)


def panel_letter(ax: Axes, letter: str, title: str) -> None:
    """Write the panel's letter and title at its upper left."""
    ax.set_title(f"({letter}) {title}", loc="left")
