"""The picture of a refutation: where a statement fails, over the two parameters that tell most."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas
from scipy.stats import binned_statistic_2d

from figures.kit.draw import panels
from figures.kit.style import MARKED, canvas_with_caption, style
from simulate.verdicts.refutation import Refutation
from simulate.wording import describe
from theory.errors import InputError

BINS = 24  # of a parameter that takes more values


def draw(found: Refutation) -> Canvas:
    """Draw the share of failing settings and the smallest slack; a star marks the counterexample, or the smallest slack.

    Raises
    ------
    InputError
        If only one parameter varies.
    """
    if len(found.telling) < 2:
        raise InputError(f"only {found.telling[0]} varies, and a picture is over two parameters; leave out --out")
    shown, first, space = found.counterexample or found.worst, slice(found.first), found.sides.space
    axes = [next(axis for axis in space.axes if axis.name == name) for name in found.telling[:2]]
    columns = [axis.numbers(found.places[first, space.axes.index(axis)]) for axis in axes]
    edges = [np.linspace(a.low - (not a.real) / 2, a.high + (not a.real) / 2, 1 + (BINS if a.real else min(BINS, a.high - a.low + 1))) for a in axes]
    star: Any = [shown[axis.name] if axis.choices is None else axis.choices.index(shown[axis.name]) for axis in axes]
    text = (
        f"Each cell is over all other parameters{f' ({others})' if (others := ', '.join(found.telling[2:])) else ''}, of which {found.first:,} settings were drawn. "
        f"(a) {100 * found.region['share']:.3g} % of all fail; (b) negative where the statement fails; grey: none drawn. Star: {describe(shown)}."
    )
    with style():
        canvas = canvas_with_caption((8.4, 3.4), f"Where {found.sides.claim.name} fails.", text.replace("$", ""))
        slack = found.slack[first]
        titled = panels(canvas, ["share of failing settings", "smallest slack in error scales"])
        for ax, how, values in zip(titled, ("mean", "min"), (slack < 0, slack), strict=True):
            cells = binned_statistic_2d(*columns, values.astype(float), how, bins=edges).statistic.T
            limit = 1.0 if how == "mean" else float(np.nanmax(np.abs(cells)))
            mesh = ax.pcolormesh(*edges, cells, cmap="Blues" if how == "mean" else "PuOr", vmin=0 if how == "mean" else -limit, vmax=limit, rasterized=True)
            canvas.colorbar(mesh, ax=ax, pad=0.02)
            ax.plot(*star, marker="*", markersize=12, color=MARKED, markeredgecolor="white", linestyle="none", clip_on=False)
            ax.set(xlabel=axes[0].name, ylabel=axes[1].name, facecolor="0.8")
            for side, axis in zip((ax.xaxis, ax.yaxis), axes, strict=True):
                if axis.choices is not None:
                    side.set_ticks(range(len(axis.choices)), labels=list(map(str, axis.choices)))
    return canvas
