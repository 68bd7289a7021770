"""The maker of maps: which of two trainings has the smaller error over a plane of experiments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, SymLogNorm
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures.kit.draw import panel_letter
from figures.kit.sampling import Point, Sampler
from figures.kit.style import FROZEN, INITIALIZED, MARKED
from figures.kit.table import SIMULATION, THEORY, Table
from simulate.evidence import upper_quantile

CONFIDENCE = 0.999  # at which a simulated point names a winner
WINNER_QUANTILE = upper_quantile((1 - CONFIDENCE) / 2)
COLOURS = LinearSegmentedColormap.from_list("winner", [INITIALIZED.colour, "#F6C58B", "#FFFFFF", "#7FA9CC", FROZEN.colour])
LINEAR, LIMIT = 0.05, 3.0  # of the colour scale: linear up to, saturated from
HATCH = "#4A4A4A"
_WINNERS = {"frozen": ("o", FROZEN.colour), "initialized": ("s", INITIALIZED.colour), "undecided": ("D", "white")}
_MARKER = {"markersize": 6.5, "linestyle": "none"}
_DIFFERENCE = ("initialized", "frozen")


@dataclass(frozen=True)
class Plane:
    """Two parameters that vary over a plane, and the places in it that are simulated.

    Parameters
    ----------
    title : str
    base : dict
        The parameters that stay.
    x_name, y_name : str
        Names of the varying ones in the table.
    x, y : ndarray
        Their values.
    parameters : callable
        Maps values of both to the parameters of the experiment.
    boundary : callable
        Maps x to the y at which both trainings tie; NaN where there is none.
    source : str
        Where the boundary comes from.
    simulated : tuple of (number, int)
        Values of x, of which the nearest is taken, and places in ``y``.
    axes : mapping
        Options of ``Axes.set``.
    finish : callable, optional
        Draws what this plane alone has.
    """

    title: str
    base: dict
    x_name: str
    y_name: str
    x: np.ndarray
    y: np.ndarray
    parameters: Callable
    boundary: Callable
    source: str
    simulated: tuple[tuple[float, int], ...] = field(repr=False)
    axes: Mapping[str, Any] = field(default_factory=dict)
    finish: Callable[[Axes], None] | None = None

    def case(self, x: float | np.ndarray, y: float | np.ndarray) -> dict:
        """Return all parameters of the experiment at (x, y), numbers or arrays that broadcast."""
        return {**self.base, **self.parameters(x, y)}

    def row_name(self, y: float) -> str:
        """Name the row at height ``y``."""
        return f"{self.y_name}={y:.6g}"

    def places(self) -> list[tuple[float, float]]:
        """Return where the plane is simulated."""
        return [(self.x[np.argmin(np.abs(self.x - x))].item(), self.y[row].item()) for x, row in self.simulated]


@dataclass(frozen=True)
class Maps:
    """Planes over which the difference of a quantity between initialized and frozen training is drawn.

    Parameters
    ----------
    planes : mapping of str to Plane
    quantity : str
    advantage : callable
        Maps a case to the difference, an array over the plane; NaN where an expectation is infinite.
    source : str
        Where the difference comes from.
    build : callable
        Maps a case and a training's name to the experiment.
    """

    planes: Mapping[str, Plane]
    quantity: str
    advantage: Callable[[dict], np.ndarray]
    source: str
    build: Callable[[dict, str], Any]

    def compute(self, table: Table, sampler: Sampler) -> None:
        """Compute the planes, their boundaries and the simulated differences, on the same draws for both trainings."""
        difference = " - ".join(_DIFFERENCE)
        for name, plane in self.planes.items():
            values = self.advantage(plane.case(plane.x[None, :], plane.y[:, None]))
            for y, row in zip(plane.y.tolist(), values, strict=True):
                table.add_curve(f"{self.quantity}, {name}", difference, plane.x_name, plane.x, row, self.source, plane.row_name(y))
            line = np.where(np.isnan(values[0]), np.nan, plane.boundary(plane.x))
            table.add_curve(f"boundary, {name}", difference, plane.x_name, plane.x, line, plane.source)
        places = [(name, plane, x, y) for name, plane in self.planes.items() for x, y in plane.places()]
        cases = [plane.case(x, y) for _, plane, x, y in places]
        points = [Point({t: self.build(case, t) for t in reversed(_DIFFERENCE)}, (self.quantity,), _DIFFERENCE) for case in cases]
        for (name, plane, x, y), found in zip(places, sampler.run(points), strict=True):
            simulated = found[difference, self.quantity]
            table.add_point(f"{self.quantity}, {name}", difference, plane.x_name, x, simulated, plane.row_name(y))

    def draw(self, table: Table, canvas: Canvas) -> None:
        """Draw the planes side by side."""
        axes = canvas.subplots(1, len(self.planes))
        norm = SymLogNorm(LINEAR, vmin=-LIMIT, vmax=LIMIT, base=10)
        for ax, letter, (name, plane) in zip(axes, "abcdef", self.planes.items(), strict=False):
            mesh = _map(ax, table.select(kind=THEORY), f"{self.quantity}, {name}", f"boundary, {name}", plane, norm)
            _winners(ax, table.select(kind=SIMULATION, quantity=f"{self.quantity}, {name}"), plane)
            ax.set(**plane.axes)
            if plane.finish:
                plane.finish(ax)
            panel_letter(ax, letter, plane.title)
        bar = canvas.colorbar(mesh, ax=axes, location="right", shrink=0.9, aspect=28, extend="both", pad=0.01)
        bar.set_ticks([-3, -1, -0.1, 0, 0.1, 1, 3], labels=["$-3$", "$-1$", "$-0.1$", "0", "0.1", "1", "3"])
        bar.ax.minorticks_off()
        bar.set_label(f"{self.quantity}, initialized minus frozen")
        words = dict(zip(_WINNERS, ("simulation: frozen", "initialized", "undecided"), strict=True))
        canvas.legend(
            handles=[
                Line2D([], [], color=MARKED, label="tie"),
                Patch(facecolor="white", edgecolor=HATCH, hatch="///", label="frozen forgets less"),
                *(Line2D([], [], marker=marker, color=colour, markeredgecolor=MARKED, label=words[name], **_MARKER)
                  for name, (marker, colour) in _WINNERS.items()),
            ],
            loc="outside upper center", ncols=5, columnspacing=1.2, handletextpad=0.5,
        )  # fmt: skip


def winner(mean: float, stderr: float) -> str:
    """Return the training that a paired difference shows to forget less at the confidence `CONFIDENCE`, or "undecided"."""
    if abs(mean) <= WINNER_QUANTILE * stderr:
        return "undecided"
    return "frozen" if mean > 0 else "initialized"


def _map(ax: Axes, table: Table, quantity: str, boundary: str, plane: Plane, norm: SymLogNorm) -> ScalarMappable:
    values = table.select(quantity=quantity).column("mean").reshape(len(plane.y), len(plane.x))
    mesh = draw_map(ax, plane.x, plane.y, values, norm)
    line = table.select(quantity=boundary)
    ax.plot(line.column("x"), line.column("mean"), color=MARKED, linewidth=1.6, zorder=2)
    return mesh


def draw_map(ax: Axes, x: np.ndarray, y: np.ndarray, values: np.ndarray, norm: SymLogNorm) -> ScalarMappable:
    """Draw a difference over a plane, shape (y, x), hatched where it is positive."""
    mesh = ax.pcolormesh(x, y, values, cmap=COLOURS, norm=norm, shading="nearest", rasterized=True, zorder=0)
    wins = np.where(np.isfinite(values) & (values > 0), 1.0, 0.0)
    region = ax.contourf(x, y, wins, levels=[0.5, 1.5], colors="none", hatches=["///"], zorder=1)
    region.set_edgecolor(HATCH)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    return mesh


def _winners(ax: Axes, table: Table, plane: Plane) -> None:
    heights = {plane.row_name(y): y for y in plane.y.tolist()}
    for row in table:
        marker, colour = _WINNERS[winner(row.mean, row.stderr)]
        edge = MARKED if colour == "white" else "white"
        ax.plot(row.x, heights[row.case], marker=marker, color=colour, markeredgecolor=edge, markeredgewidth=1.1, zorder=4, **_MARKER)
