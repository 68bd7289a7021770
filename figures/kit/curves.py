"""The maker of figures with curves: a panel says which rows of the table it shows, and how they look."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from figures.kit.draw import bars, curve, entry, marks, panels, plain_log_ticks, points, reference, star, strip, ticks
from figures.kit.style import Look
from figures.kit.table import MEASURED, Row, Table


@dataclass(frozen=True)
class Line:
    """A curve with its simulated points, or measured ones joined.

    Parameters
    ----------
    look : Look
    label : str
        In the legend; empty for none.
    rows : mapping
        Values of fields by which `Table.select` finds its rows among the panel's.
    """

    look: Look
    label: str
    rows: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Panel:
    """Axes with curves.

    Parameters
    ----------
    title : str
        Stands after the panel's letter; without a title there is no letter either.
    lines : sequence of Line
    rows : mapping
        Values of fields that all rows of the panel have.
    keep : callable, optional
        A condition on them that is no equality.
    stars : str or None
        Words of the legend for the marked values; None: they are not drawn.
    zero : bool
        Whether to draw a line at 0.
    ticks : sequence of number
        Of the horizontal axis, which is logarithmic then.
    y_ticks : sequence of number, or mapping to words
        Of the vertical axis.
    strips : mapping of number to str
        Interpolation thresholds to shade, and their names.
    legend : mapping or None
        Options of the legend; None for none.
    axes : mapping
        Options of ``Axes.set``: labels, scales, limits.
    finish : callable, optional
        Draws what this figure alone has; gets the axes and the whole table.
    """

    title: str
    lines: Sequence[Line]
    rows: Mapping[str, Any] = field(default_factory=dict)
    keep: Callable[[Row], bool] | None = None
    stars: str | None = None
    zero: bool = False
    ticks: Sequence[float] = ()
    y_ticks: Sequence[float] | Mapping[float, str] = ()
    strips: Mapping[float, str] = field(default_factory=dict)
    legend: Mapping[str, Any] | None = None
    axes: Mapping[str, Any] = field(default_factory=dict)
    finish: Callable[[Axes, Table], None] | None = None

    def draw(self, ax: Axes, table: Table) -> None:
        """Draw the rows that belong here."""
        own = table.select(self.keep, **self.rows)
        for line in self.lines:
            rows = own.select(**line.rows)
            curve(ax, rows, line.look)
            points(ax, rows, line.look)
            if len(measured := rows.select(kind=MEASURED)):
                bars(ax, measured, line.look)
        if self.stars is not None:
            marks(ax, own)
        if self.zero:
            reference(ax, 0)
        if self.ticks:
            plain_log_ticks(ax, self.ticks)
        for place, label in self.strips.items():
            strip(ax, place, label)
        ax.set(**self.axes)
        if self.y_ticks:
            ticks(ax.yaxis, self.y_ticks)
        if self.finish:
            self.finish(ax, table)
        if self.legend is not None:
            ax.legend(handles=[*legend_entries(self.lines), *([star(self.stars)] if self.stars else [])], **self.legend)


def legend_entries(lines: Sequence[Line]) -> list:
    """Return the legend's entries of the lines that have words for it."""
    return [entry(line.look, line.label) for line in lines if line.label]


def by_training(looks: Mapping[str, Look], **rows: Any) -> list[Line]:
    """Return a line for each training."""
    return [Line(look, f"{name} training", {"training": name, **rows}) for name, look in looks.items()]


def curves(*shown: Panel, legend: Mapping[str, Any] | None = None, **grid: Any) -> Callable[[Table, Canvas], None]:
    """Return the drawing of panels, lettered in the order of rows.

    Parameters
    ----------
    shown : Panel
    legend : mapping, optional
        Options of a legend of the first panel's lines above all of them.
    grid : object
        Options of `figures.kit.panels`; one row by default.
    """

    def draw(table: Table, canvas: Canvas) -> None:
        for ax, panel in zip(panels(canvas, [panel.title for panel in shown], **grid), shown, strict=True):
            panel.draw(ax, table)
        if legend is not None:
            canvas.legend(handles=legend_entries(shown[0].lines), loc="outside upper center", **legend)

    return draw
