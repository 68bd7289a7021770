r"""Where frozen training forgets less.

Colour: expected forgetting under initialized minus under frozen training, exact (linear within
$\pm${LINEAR:g}, logarithmic beyond); hatched: frozen training forgets less; black: boundary from the closed
conditions. (a, b) Fewer samples than specific parameters; (c) between both thresholds and above them, the
expectation being infinite in the grey strip. Symbols: which training a simulation of {trials:,} independent
trials finds to forget less, on the same draws for both, at 99.9 % confidence (paired difference beyond
{WINNER_QUANTILE:.2f} standard errors). (a) {share}; (b) {dimension}; (c) {noise}. $u_2=u_1$; truths padded
with zeros where $p_2>p_1$.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, SymLogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures.kit import (
    FROZEN, INITIALIZED, MARKED, SIMULATION, THEORY, Axes, Canvas, Figure, Point, Sampler, Table, both, experiment_sentence, panels, plain_log_ticks,
    strip,
)  # fmt: skip
from simulate.evidence import upper_quantile
from theory.regions import advantage, critical_distance

QUANTITY, DIFFERENCE = "forgetting", ("initialized", "frozen")
SHARE = {"p": 60, "p_1": 30, "p_2": 30, "n_1": 12, "n_2": 10, "sigma_1": 0.3, "sigma_2": 0.3, "c_q": 0}
DIMENSION = {"p": 60, "p_1": 30, "n_1": 12, "n_2": 20, "sigma_1": 0.3, "sigma_2": 0.3, "u_11": 0, "q_11": 2, "c_q": 0}
NOISE = {"p": 30, "p_1": 20, "p_2": 20, "n_1": 12, "sigma_1": 0.3, "u_11": 0.5, "q_11": 1.5, "d_q": 0.5, "c_q": 0}
SHARES = np.linspace(0, 0.3, 61)
HEIGHTS = np.linspace(0, 1.5, 61)  # of all planes: distances or noises
CONFIDENCE = 0.999  # at which a simulated point names a winner
WINNER_QUANTILE = upper_quantile((1 - CONFIDENCE) / 2)
COLOURS = LinearSegmentedColormap.from_list("winner", [INITIALIZED.colour, "#F6C58B", "#FFFFFF", "#7FA9CC", FROZEN.colour])
LINEAR, LIMIT = 0.05, 3.0  # of the colour scale: linear up to, saturated from
_HATCH = "#4A4A4A"
_WINNERS = {"frozen": ("o", FROZEN.colour), "initialized": ("s", INITIALIZED.colour), "undecided": ("D", "white")}
_MARKER = {"markersize": 6.5, "linestyle": "none"}


@dataclass(frozen=True)
class Plane:
    """Two parameters that vary over a plane, and the places in it that are simulated.

    Parameters
    ----------
    title : str
    x_name, y_name : str
        Names of the varying ones in the table.
    x_label, y_label : str
        On the axes.
    x : ndarray
        Values of the first; those of the second are `HEIGHTS`.
    case : callable
        Maps values of both, numbers or arrays that broadcast, to all parameters of the experiment.
    boundary : callable
        Maps x to the y at which both trainings tie; NaN where there is none.
    source : str
        Where the boundary comes from.
    simulated : sequence of (number, int)
        Values of x, of which the nearest is taken, and places in `HEIGHTS`.
    finish : callable
        Draws what this plane alone has.
    """

    title: str
    x_name: str
    y_name: str
    x_label: str
    y_label: str
    x: np.ndarray
    case: Callable[..., dict]
    boundary: Callable
    source: str
    simulated: Sequence[tuple[float, int]]
    finish: Callable[[Axes], object] = lambda _: None


def of_share(x: float | np.ndarray) -> dict:
    """Return the experiment of which the share ``x`` of the norm is shared."""
    return {**SHARE, "u_11": 2 * x, "q_11": 2 * (1 - x)}


def tie_in_noise(n_2: np.ndarray) -> np.ndarray:
    """Noise at which both trainings tie: their difference is linear in its square."""
    quiet, noisy = (advantage(QUANTITY, **NOISE, n_2=n_2, sigma_2=noise) for noise in (0.0, 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        square = -quiet / (noisy - quiet)
    return np.sqrt(np.where(square >= 0, square, np.nan))


PLANES = {
    "share": Plane(
        "split of the norm", "share", "d_q", "share $|u_1|^2/|w_1|^2$ of the norm", "distance $|q_2-q_1|^2$", SHARES,
        lambda x, y: {**of_share(x), "d_q": y}, lambda x: critical_distance(**of_share(x)), "regions.critical_distance",
        [(SHARES[column], row) for column, row in (
            (2, 4), (2, 20), (2, 48), (14, 4), (14, 24), (26, 12), (26, 44), (40, 4), (40, 30), (54, 16), (54, 50),
        )],
    ),
    "dimension": Plane(
        "overparameterization", "p_2", "d_q", "$p_2/n_2$, parameters a sample", "distance $|q_2-q_1|^2$",
        np.unique(np.geomspace(31, 400, 60).astype(int)),
        lambda x, y: {**DIMENSION, "p_2": x, "d_q": y}, lambda x: critical_distance(**DIMENSION, p_2=x), "regions.critical_distance",
        (
            (35, 30), (36, 4), (36, 44), (50, 10), (50, 26), (50, 52), (80, 14), (80, 40), (130, 6), (130, 24),
            (210, 4), (210, 44), (330, 14),
        ),
        lambda ax: plain_log_ticks(ax, {ratio * DIMENSION["n_2"]: f"{ratio}" for ratio in (2, 3, 5, 10, 20)}),
    ),
    "noise": Plane(
        "noise", "n_2", "sigma_2", "$n_2$, samples of task 2", r"noise $\sigma_2$", np.arange(22, 91),
        lambda x, y: {**NOISE, "n_2": x, "sigma_2": y}, tie_in_noise, "regions.advantage = 0",
        (
            (26, 12), (26, 52), (34, 30), (40, 6), (40, 26), (46, 12), (46, 32), (46, 52), (54, 12), (54, 28), (54, 52), (62, 36),
            (70, 14), (70, 52), (84, 20),
        ),
        lambda ax: strip(ax, NOISE["p"] + NOISE["p_2"], "$p+p_2$", zorder=3),
    ),
}  # fmt: skip


def finite_advantage(case: dict) -> np.ndarray:
    """Forgetting under initialized minus frozen training; NaN beside a threshold, where an expectation is infinite."""
    n_2, p, p_2 = (np.asarray(case[name]) for name in ("n_2", "p", "p_2"))
    return np.where((np.abs(n_2 - p_2) <= 1) | (np.abs(n_2 - p - p_2) <= 1), np.nan, advantage(QUANTITY, **case))


def compute(table: Table, sampler: Sampler) -> None:
    difference = " - ".join(DIFFERENCE)
    places = []
    for name, plane in PLANES.items():
        values = finite_advantage(plane.case(plane.x[None, :], HEIGHTS[:, None]))
        for y, row in zip(HEIGHTS.tolist(), values, strict=True):
            table.add_curve(f"{QUANTITY}, {name}", difference, plane.x_name, plane.x, row, "regions.advantage", f"{plane.y_name}={y:.6g}")
        line = np.where(np.isnan(values[0]), np.nan, plane.boundary(plane.x))
        table.add_curve(f"boundary, {name}", difference, plane.x_name, plane.x, line, plane.source)
        places += [(name, plane, plane.x[np.abs(plane.x - x).argmin()].item(), HEIGHTS[row].item()) for x, row in plane.simulated]
    results = sampler.run([Point(both(**plane.case(x, y)), (QUANTITY,), DIFFERENCE) for _, plane, x, y in places])
    for (name, plane, x, y), found in zip(places, results, strict=True):
        table.add_point(f"{QUANTITY}, {name}", difference, plane.x_name, x, found[difference, QUANTITY], f"{plane.y_name}={y:.6g}")


def winner(mean: float, stderr: float) -> str:
    """Return the training that a paired difference shows to forget less at the confidence `CONFIDENCE`, or "undecided"."""
    if abs(mean) <= WINNER_QUANTILE * stderr:
        return "undecided"
    return "frozen" if mean > 0 else "initialized"


def draw(table: Table, canvas: Canvas) -> None:
    axes = panels(canvas, [plane.title for plane in PLANES.values()])
    for ax, (name, plane) in zip(axes, PLANES.items(), strict=True):
        own = table.select(quantity=f"{QUANTITY}, {name}")
        mesh = _map(ax, own, table.select(quantity=f"boundary, {name}"), plane.x)
        for row in own.select(kind=SIMULATION):
            marker, colour = _WINNERS[winner(row.mean, row.stderr)]
            edge, height = MARKED if colour == "white" else "white", float(row.case.partition("=")[2])
            ax.plot(row.x, height, marker=marker, color=colour, markeredgecolor=edge, markeredgewidth=1.1, zorder=4, **_MARKER)
        ax.set(xlabel=plane.x_label, ylabel=plane.y_label)
        plane.finish(ax)
    bar = canvas.colorbar(mesh, ax=axes, location="right", shrink=0.9, aspect=28, extend="both", pad=0.01)
    bar.set_ticks([-3, -1, -0.1, 0, 0.1, 1, 3], labels=["$-3$", "$-1$", "$-0.1$", "0", "0.1", "1", "3"])
    bar.ax.minorticks_off()
    bar.set_label(f"{QUANTITY}, initialized minus frozen")
    tie, wins = Line2D([], [], color=MARKED, label="tie"), Patch(facecolor="white", edgecolor=_HATCH, hatch="///", label="frozen forgets less")
    words = zip(_WINNERS.values(), ("simulation: frozen", "initialized", "undecided"), strict=True)
    found = [Line2D([], [], marker=shape, color=colour, markeredgecolor=MARKED, label=label, **_MARKER) for (shape, colour), label in words]
    canvas.legend(handles=[tie, wins, *found], loc="outside upper center", ncols=5, columnspacing=1.2, handletextpad=0.5)


def _map(ax: Axes, table: Table, boundary: Table, x: np.ndarray):
    """Draw the differences and the boundary; return the colours for their scale."""
    values = table.select(kind=THEORY).column("mean").reshape(len(HEIGHTS), len(x))
    mesh = draw_map(ax, x, HEIGHTS, values, SymLogNorm(LINEAR, vmin=-LIMIT, vmax=LIMIT, base=10))
    ax.plot(boundary.column("x"), boundary.column("mean"), color=MARKED, linewidth=1.6, zorder=2)
    return mesh


def draw_map(ax: Axes, x: np.ndarray, y: np.ndarray, values: np.ndarray, norm: SymLogNorm):
    """Draw a difference over a plane, shape (y, x), as colours, hatched where it is positive; return the colours for their scale."""
    mesh = ax.pcolormesh(x, y, values, cmap=COLOURS, norm=norm, shading="nearest", rasterized=True, zorder=0)
    wins = np.where(np.isfinite(values) & (values > 0), 1.0, 0.0)
    region = ax.contourf(x, y, wins, levels=[0.5, 1.5], colors="none", hatches=["///"], zorder=1)
    region.set_edgecolor(_HATCH)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    return mesh


def facts(table: Table) -> dict:
    cases = {"share": {**SHARE, "w_11": 2}, "dimension": DIMENSION, "noise": NOISE}
    words = {name: experiment_sentence(base)[:-1].replace("Experiment: ", "") for name, base in cases.items()}
    return {"trials": table.trials(), **words}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, trials=2000, quick_trials=200, size=(9.6, 3.5))
