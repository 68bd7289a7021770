"""Which of two experiments has the smaller error, over one or two parameters, by the exact law."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure as Canvas

from figures.phase_diagrams import draw_map
from figures.kit.style import FROZEN, INITIALIZED, MARKED, canvas_with_caption, style
from simulate.verdicts.conjecture import conjecture
from simulate.verdicts.refutation import SIMULATED, Sides
from simulate.wording import shorten, table
from theory.errors import NoClosedForm
from theory.space import Space

ROWS = (12, 6)  # values of one parameter, and of each of two, in a printed table


@dataclass(frozen=True)
class Comparison:
    """A quantity of two experiments over a grid.

    Parameters
    ----------
    names : list of str
        Of the experiments.
    quantity : str
    axes : dict
        Values of one or two parameters, the horizontal one first.
    sides : ndarray, shape (2, x) or (2, x, y)
        The quantity in both; NaN where it is infinite.
    tie : ndarray of bool
        Where both differ by no more than rounding.
    """

    names: list[str]
    quantity: str
    axes: dict[str, np.ndarray]
    sides: np.ndarray
    tie: np.ndarray

    @property
    def smaller(self) -> np.ndarray:
        """Name of the experiment with the smaller value, "tie" or "infinite"."""
        gap = self.sides[1] - self.sides[0]
        return np.array([*self.names, "tie", "infinite"], dtype=object)[np.select([self.tie, gap > 0, gap < 0], [2, 0, 1], 3)]

    @property
    def text(self) -> str:
        """How often each is smaller, and a table of some places."""
        found = self.smaller
        shares = ", ".join(f"{name} in {100 * np.mean(found == name):.1f} %" for name in dict.fromkeys([*self.names, *found.ravel()]))
        places = product(*(sorted({round(k) for k in np.linspace(0, n - 1, ROWS[found.ndim - 1])}) for n in found.shape))
        rows = [(*(shorten(values[k]) for values, k in zip(self.axes.values(), at, strict=True)), *(f"{side[at]:.4g}" for side in self.sides), str(found[at])) for at in places]
        return f"{self.quantity}, smaller: {shares} of {found.size:,} settings\n{table([(*self.axes, *self.names, 'smaller'), *rows])}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything for a program; None where a value is infinite."""
        values = self.sides.astype(object)
        values[~np.isfinite(self.sides)] = None
        axes = {name: values.tolist() for name, values in self.axes.items()}
        return {"quantity": self.quantity, "parameters": axes, "values": dict(zip(self.names, values.tolist(), strict=True)), "smaller": self.smaller.tolist()}

    def draw(self) -> Canvas:
        """Draw two curves over one parameter, a map of their difference over two."""
        first, second = self.names
        (x, values), *rest = self.axes.items()
        title = f"{self.quantity.capitalize()}: {first} is smaller in {100 * np.mean(self.smaller == first):.1f} % of {self.smaller.size:,} settings."
        text = "Exact expectations; gaps: infinite."
        with style():
            if not rest:
                canvas = canvas_with_caption((5.6, 3.6), title, text)
                ax = canvas.subplots()
                for name, side, look in zip(self.names, self.sides, (FROZEN, INITIALIZED), strict=True):
                    ax.plot(values, side, color=look.colour, linestyle=look.line, label=name)
                ax.set(xlabel=x, ylabel=self.quantity)
                ax.legend()
                return canvas
            (y, heights), gap = rest[0], np.where(self.tie, 0.0, self.sides[1] - self.sides[0]).T
            canvas = canvas_with_caption((5.6, 3.8), title, f"{text} Hatched: {first} is smaller; black: tie.")
            ax, limit = canvas.subplots(), float(np.max(np.abs(gap), initial=0, where=np.isfinite(gap))) or 1.0
            mesh = draw_map(ax, values, heights, gap, SymLogNorm(limit / 60, vmin=-limit, vmax=limit, base=10))
            if np.any(gap < 0) and np.any(gap > 0):
                ax.contour(values, heights, gap, [0.0], colors=MARKED, linewidths=1.6)
            bar = canvas.colorbar(mesh, ax=ax, pad=0.02, label=f"{second} minus {first}")
            bar.set_ticks(marks := [-limit, -limit / 10, 0, limit / 10, limit], labels=[f"{mark:.2g}" for mark in marks])
            bar.ax.minorticks_off()
            ax.set(xlabel=x, ylabel=y)
        return canvas


def compare(builders: Mapping[str, Callable[..., Any]], over: Mapping[str, np.ndarray], fixed: Mapping[str, Any], quantity: str) -> Comparison:
    """Compute a quantity of two experiments, given by name, over one or two parameters; ``fixed`` gives others that builders read.

    Raises
    ------
    NoClosedForm
        If no law is known.
    """
    build, against = builders.values()
    space = Space.read({**{name: values.tolist() for name, values in over.items()}, **fixed})
    meshes = np.meshgrid(*(np.arange(len(values)) for values in over.values()), indexing="ij")
    settings = space.written([mesh.ravel() for mesh in meshes])
    sides = Sides.choose(conjecture(quantity=quantity, build=build, against=against, relation="==", cases=[space.pick(settings)]), None, space, settings, 0)
    if sides.how == SIMULATED:
        raise NoClosedForm("no exact law is known for one of the experiments; compare them in some cases by driftlaw check, with against = ...")
    slack, *values = sides(settings).reshape(3, *meshes[0].shape)
    return Comparison(list(builders), quantity, dict(over), np.array(values), slack >= 0)
