"""Drawing of table rows: curves of theory, simulated and measured points with intervals, marked values."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from figures.kit.sampling import TRUSTED
from figures.kit.style import FAINT, MARKED, POLE, Look
from figures.kit.table import MARK, SIMULATION, THEORY, Table

_POINT = 3.6
_BARS = {"markersize": _POINT, "capsize": 2.0, "elinewidth": 1.0, "capthick": 1.0, "markeredgewidth": 0.9, "zorder": 3}
_STAR = {"linestyle": "none", "marker": "*", "markersize": 11, "color": MARKED, "markeredgecolor": "white"}


def curve(ax: Axes, table: Table, look: Look, **options: Any) -> None:
    """Draw the theory rows as a line; NaN leaves a gap."""
    rows = table.select(kind=THEORY)
    ax.plot(rows.column("x"), rows.column("mean"), **{"color": look.colour, "linestyle": look.line, "zorder": 2} | options)


def bars(ax: Axes, table: Table, look: Look, scale: float = 1.0, shift: float = 0.0, **options: Any) -> None:
    """Draw means with their intervals, all times ``scale``, joined by the look's line."""
    x, mean, half = table.column("x") + shift, scale * table.column("mean"), scale * table.column("half")
    ax.errorbar(x, mean, half, **_BARS | {"color": look.colour, "linestyle": look.line, "marker": look.marker} | options)


def points(ax: Axes, table: Table, look: Look) -> None:
    """Draw the simulated rows with their intervals; hollow where the fourth moment is infinite."""
    simulated = table.select(kind=SIMULATION)
    for trusted, face in ((True, look.colour), (False, "white")):
        rows = simulated.select(lambda row, trusted=trusted: (row.moment_order > TRUSTED) == trusted)
        bars(ax, rows, look, linestyle="", markerfacecolor=face)


def marks(ax: Axes, table: Table) -> None:
    """Draw the marked values as stars."""
    rows = table.select(kind=MARK)
    ax.plot(rows.column("x"), rows.column("mean"), zorder=4, **_STAR)


def reference(ax: Axes, height: float = 0.0, **options: Any) -> None:
    """Draw a faint horizontal line."""
    ax.axhline(height, **{"color": FAINT, "linewidth": 0.8, "zorder": 1} | options)


def vertical(ax: Axes, place: float = 0.0, **options: Any) -> None:
    """Draw a faint vertical line."""
    ax.axvline(place, **{"color": FAINT, "linewidth": 0.8, "zorder": 0} | options)


def strip(ax: Axes, centre: float, label: str = "", **options: Any) -> None:
    """Shade the interpolation threshold, where the expectation is infinite, and name it above the axes."""
    ax.axvspan(centre - 1, centre + 1, **{"color": POLE, "linewidth": 0, "zorder": 0} | options)
    if label:
        ax.text(centre, 1.01, label, transform=ax.get_xaxis_transform(), ha="center", va="bottom", fontsize=9)


def entry(look: Look, label: str) -> Line2D:
    """Return a legend entry with the line and the marker of a series."""
    return Line2D([], [], color=look.colour, linestyle=look.line, marker=look.marker, markersize=_POINT, label=label)


def star(label: str) -> Line2D:
    """Return a legend entry of marked values."""
    return Line2D([], [], label=label, **_STAR)


def ticks(axis: Any, values: Mapping[float, str] | Iterable[float]) -> None:
    """Label an axis at ``values`` only, with their words or as numbers."""
    named = values if isinstance(values, Mapping) else {value: f"{value:g}" for value in values}
    axis.set_ticks(list(named), labels=list(named.values()))
    axis.set_ticks([], minor=True)


def plain_log_ticks(ax: Axes, values: Mapping[float, str] | Iterable[float]) -> None:
    """Make the horizontal axis logarithmic, labelled at ``values`` only."""
    ax.set_xscale("log")
    ticks(ax.xaxis, values)


def panels(canvas: Canvas, titles: Sequence[str], **grid: Any) -> np.ndarray:
    """Return axes row by row, lettered in their order, with these titles; those without a title have no letter.

    Parameters
    ----------
    canvas : matplotlib.figure.Figure
    titles : sequence of str
    grid : object
        Options of ``Figure.subplots``; one row, unless ``ncols`` asks for fewer columns.
    """
    columns = grid.setdefault("ncols", len(titles))
    axes = canvas.subplots(nrows=-(-len(titles) // columns), squeeze=False, **grid).ravel()
    for ax in axes[len(titles) :]:
        ax.set_visible(False)
    letters = map(letter, itertools.count())
    for ax, title in zip(axes, titles, strict=False):
        if title:
            ax.set_title(f"({next(letters)}) {title}", loc="left")
    return axes[: len(titles)]


def letter(number: int) -> str:
    """Return the letter of a panel, counted from 0: a to z, aa to zz."""
    tens, ones = divmod(number, 26)
    return ("" if tens == 0 else chr(ord("a") + tens - 1)) + chr(ord("a") + ones)
