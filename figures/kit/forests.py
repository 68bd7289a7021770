"""The maker of forests: intervals beside each other, each on a line that its name stands at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matplotlib.axes import Axes

from figures.kit.intervals import half_width
from figures.kit.style import FAINT, Look
from figures.kit.table import Table


def forest(ax: Axes, table: Table, lines: Mapping[str, float], look: Callable[[str], Look], face: Callable[[str], str]) -> None:
    """Draw measured shares in per cent, each with its Student interval at the height that its row has as x.

    Parameters
    ----------
    ax : Axes
    table : Table
    lines : mapping of str to float
        Names on the vertical axis and their heights, from the top.
    look, face : callable
        Look and colour of the marker's face of a training.
    """
    for row, half in zip(table, half_width(table), strict=True):
        own, options = look(row.training), {"markersize": 4, "elinewidth": 1.1, "capsize": 2.0}
        ax.errorbar(
            100 * row.mean, row.x, xerr=100 * half, fmt=own.marker, color=own.colour, markerfacecolor=face(row.training), **options
        )  # fmt: skip
    ax.axvline(0, color=FAINT, linewidth=0.7, zorder=0)
    ax.set_yticks(list(lines.values()), list(lines), fontsize=8.5)
    ax.set_ylim(max(lines.values()) + 0.8, -1.4)
