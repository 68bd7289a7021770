"""Records that are kept with the figures, and drawing of what was measured on trained networks."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from scipy.stats import t as student

import deep
from figures.draw import LEVEL
from figures.style import Look
from figures.table import MEASURED, Table
from theory.errors import InputError

RECORDS = Path(__file__).parent / "records"
DEEP = Path(deep.__file__).parent
READERS = (DEEP / "records.py", DEEP / "metrics.py")  # code that the values in a figure depend on


def half_width(table: Table) -> list[float]:
    """Half the Student interval of every row's mean, whose runs are independent."""
    return [student.ppf((1 + LEVEL) / 2, row.trials - 1) * row.stderr for row in table]


def measured(ax: Axes, table: Table, look: Look, shift: float = 0.0, **options: object) -> None:
    """Draw the measured rows with their Student intervals, joined by the look's line."""
    rows = table.select(kind=MEASURED)
    ax.errorbar(
        rows.column("x") + shift, rows.column("mean"), half_width(rows), color=look.colour, linestyle=look.line, marker=look.marker,
        markersize=3.6, elinewidth=1.0, capsize=2.0, capthick=1.0, markeredgewidth=0.9, zorder=3, **options,
    )  # fmt: skip


def runs_sentence(table: Table, unit: str) -> str:
    """Say how many runs stand behind the measured rows and what their intervals are.

    Raises
    ------
    InputError
        If rows differ in it, so that no single number describes the figure.
    """
    counts = {row.trials for row in table if row.kind == MEASURED}
    if len(counts) != 1:
        raise InputError(f"the measured rows have {sorted(counts)} runs; a caption needs one number, so record equally many of all")
    (count,) = counts
    return (
        f"Means of {count} runs, {unit}; bars: Student 95\u00a0% intervals of the mean ($\\pm${student.ppf((1 + LEVEL) / 2, count - 1):.2f} standard errors)."
    )
