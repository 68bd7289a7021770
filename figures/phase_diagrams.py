"""Where frozen training forgets less than initialized training: three planes through the space of experiments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, SymLogNorm
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from figures.captions import experiment_sentence
from figures.draw import panel_letter, plain_log_ticks
from figures.registry import Figure
from figures.sampling import Point, Sampler
from figures.style import FROZEN, INITIALIZED, MARKED, POLE
from figures.table import SIMULATION, THEORY, Table
from simulate.evidence import upper_quantile
from theory.ledger.two_tasks import two_tasks
from theory.regions import advantage, critical_distance

LEVEL = 0.999  # confidence at which a simulated point names a winner
QUANTITY, BOUNDARY = "forgetting", "boundary"
DIFFERENCE = "initialized - frozen"
TRAININGS = ("frozen", "initialized")
COLOURS = LinearSegmentedColormap.from_list("winner", [INITIALIZED.colour, "#F6C58B", "#FFFFFF", "#7FA9CC", FROZEN.colour])
_LINEAR, _LIMIT = 0.05, 3.0  # of the colour scale: linear up to, saturated from
_HATCH = "#4A4A4A"
_WINNERS = {"frozen": ("o", FROZEN.colour), "initialized": ("s", INITIALIZED.colour), "undecided": ("D", "white")}


@dataclass(frozen=True)
class Plane:
    """Two parameters that vary over a plane, and the places in it that are simulated.

    Parameters
    ----------
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
    simulated : tuple of pairs of int
        Places in ``x`` and ``y``.
    """

    base: dict
    x_name: str
    y_name: str
    x: np.ndarray
    y: np.ndarray
    parameters: Callable
    boundary: Callable
    simulated: tuple[tuple[int, int], ...] = field(repr=False)

    def case(self, x: float | np.ndarray, y: float | np.ndarray) -> dict:
        """Return all parameters of the experiment at (x, y), numbers or arrays that broadcast."""
        return {**self.base, **self.parameters(x, y)}


def _tie_in_noise(case: Callable) -> Callable:
    """Noise at which both trainings tie: their difference is linear in its square."""

    def boundary(x: np.ndarray) -> np.ndarray:
        quiet, noisy = (advantage(QUANTITY, **case(x, noise)) for noise in (0.0, 1.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            square = -quiet / (noisy - quiet)
        return np.sqrt(np.where(square >= 0, square, np.nan))

    return boundary


def _share_plane() -> Plane:
    base = {"p": 60, "p_1": 30, "p_2": 30, "n_1": 12, "n_2": 10, "sigma_1": 0.3, "sigma_2": 0.3, "c_q": 0}

    def parameters(share, distance):
        return {"u_11": 2 * share, "q_11": 2 * (1 - share), "d_q": distance}

    def boundary(share):
        return critical_distance(**base, u_11=2 * share, q_11=2 * (1 - share))

    x, y = np.linspace(0, 0.3, 61), np.linspace(0, 1.5, 61)
    simulated = ((2, 4), (2, 20), (2, 48), (14, 4), (14, 24), (26, 12), (26, 44), (40, 4), (40, 30), (54, 16), (54, 50))
    return Plane(base, "share", "d_q", x, y, parameters, boundary, simulated)


def _dimension_plane() -> Plane:
    base = {"p": 60, "p_1": 30, "n_1": 12, "n_2": 20, "sigma_1": 0.3, "sigma_2": 0.3, "u_11": 0, "q_11": 2, "c_q": 0}

    def boundary(p_2):
        return critical_distance(**base, p_2=p_2)

    x = np.unique(np.geomspace(31, 400, 60).astype(int))
    y = np.linspace(0, 1.5, 61)
    places = (
        (35, 30),
        (36, 4),
        (36, 44),
        (50, 10),
        (50, 26),
        (50, 52),
        (80, 14),
        (80, 40),
        (130, 6),
        (130, 24),
        (210, 4),
        (210, 44),
        (330, 14),
    )
    simulated = tuple((int(np.argmin(np.abs(x - p_2))), row) for p_2, row in places)
    return Plane(base, "p_2", "d_q", x, y, lambda p_2, distance: {"p_2": p_2, "d_q": distance}, boundary, simulated)


def _noise_plane() -> Plane:
    base = {"p": 30, "p_1": 20, "p_2": 20, "n_1": 12, "sigma_1": 0.3, "u_11": 0.5, "q_11": 1.5, "d_q": 0.5, "c_q": 0}

    def parameters(n_2, noise):
        return {"n_2": n_2, "sigma_2": noise}

    x, y = np.arange(22, 91), np.linspace(0, 1.5, 61)
    places = (
        (26, 12),
        (26, 52),
        (34, 30),
        (40, 6),
        (40, 26),
        (46, 12),
        (46, 32),
        (46, 52),
        (54, 12),
        (54, 28),
        (54, 52),
        (62, 36),
        (70, 14),
        (70, 52),
        (84, 20),
    )
    simulated = tuple((n_2 - 22, row) for n_2, row in places)
    return Plane(base, "n_2", "sigma_2", x, y, parameters, _tie_in_noise(lambda n_2, noise: {**base, **parameters(n_2, noise)}), simulated)


PLANES = {"share": _share_plane(), "dimension": _dimension_plane(), "noise": _noise_plane()}


def row_name(plane: Plane, y: float) -> str:
    """Name the row of a plane at height ``y``."""
    return f"{plane.y_name}={y:.6g}"


def winner(mean: float, stderr: float) -> str:
    """Return the training that a paired difference shows to forget less at the confidence `LEVEL`, or "undecided"."""
    if abs(mean) <= upper_quantile((1 - LEVEL) / 2) * stderr:
        return "undecided"
    return "frozen" if mean > 0 else "initialized"


def compute(sampler: Sampler) -> Table:
    table = Table()
    for name, plane in PLANES.items():
        values = advantage(QUANTITY, **plane.case(plane.x[None, :], plane.y[:, None]))
        values = np.where(_near_threshold(plane), np.nan, values)
        for y, row in zip(plane.y.tolist(), values, strict=True):
            table.add_curve(f"{QUANTITY}, {name}", DIFFERENCE, plane.x_name, plane.x, row, "regions.advantage", row_name(plane, y))
        line = np.where(_near_threshold(plane)[0], np.nan, plane.boundary(plane.x))
        table.add_curve(
            f"{BOUNDARY}, {name}",
            DIFFERENCE,
            plane.x_name,
            plane.x,
            line,
            "regions.critical_distance" if name != "noise" else "regions.advantage = 0",
        )
    places = [(name, plane, plane.x[i].item(), plane.y[j].item()) for name, plane in PLANES.items() for i, j in plane.simulated]
    results = sampler.run([_point(plane, x, y) for _, plane, x, y in places])
    for (name, plane, x, y), result in zip(places, results, strict=True):
        table.add_point(f"{QUANTITY}, {name}", DIFFERENCE, plane.x_name, x, result["initialized - frozen", QUANTITY], row_name(plane, y))
    return table


def _near_threshold(plane: Plane) -> np.ndarray:
    """Whether an expectation is infinite, shape (1, x)."""
    case = plane.case(plane.x, 0.0)
    n_2, p, p_2 = (np.broadcast_to(case[key], plane.x.shape) for key in ("n_2", "p", "p_2"))
    return ((np.abs(n_2 - p_2) <= 1) | (np.abs(n_2 - p - p_2) <= 1))[None]


def _point(plane: Plane, x: float, y: float) -> Point:
    case = plane.case(x, y)
    return Point({t: two_tasks(**case, train_shared=t == "initialized") for t in TRAININGS}, (QUANTITY,), ("initialized", "frozen"))


def draw(table: Table, canvas: Canvas) -> None:
    axes = canvas.subplots(1, 3)
    norm = SymLogNorm(_LINEAR, vmin=-_LIMIT, vmax=_LIMIT, base=10)
    for ax, (name, plane) in zip(axes, PLANES.items(), strict=True):
        mesh = _map(ax, table, name, plane, norm)
        _winners(ax, table, name, plane)
    axes[0].set(xlabel="share $|u_1|^2/|w_1|^2$ of the norm", ylabel="distance $|q_2-q_1|^2$")
    axes[1].set(xlabel="$p_2/n_2$, parameters a sample", ylabel="distance $|q_2-q_1|^2$")
    axes[2].set(xlabel="$n_2$, samples of task 2", ylabel=r"noise $\sigma_2$")
    n_2 = PLANES["dimension"].base["n_2"]
    plain_log_ticks(axes[1], [ratio * n_2 for ratio in (2, 3, 5, 10, 20)])
    axes[1].set_xticklabels(["2", "3", "5", "10", "20"])
    base = PLANES["noise"].base
    threshold = base["p"] + base["p_2"]
    axes[2].axvspan(threshold - 1, threshold + 1, color=POLE, linewidth=0, zorder=3)
    axes[2].text(threshold, 1.01, "$p+p_2$", transform=axes[2].get_xaxis_transform(), ha="center", va="bottom", fontsize=9)
    for ax, letter, title in zip(axes, "abc", ("split of the norm", "overparameterization", "noise"), strict=True):
        panel_letter(ax, letter, title)
    bar = canvas.colorbar(mesh, ax=axes, location="right", shrink=0.9, aspect=28, extend="both", pad=0.01)
    bar.set_ticks([-3, -1, -0.1, 0, 0.1, 1, 3], labels=["$-3$", "$-1$", "$-0.1$", "0", "0.1", "1", "3"])
    bar.ax.minorticks_off()
    bar.set_label("forgetting, initialized minus frozen")
    canvas.legend(handles=_legend(), loc="outside upper center", ncols=5, columnspacing=1.2, handletextpad=0.5)


def _map(ax: Axes, table: Table, name: str, plane: Plane, norm: SymLogNorm):
    values = table.select(kind=THEORY, quantity=f"{QUANTITY}, {name}").column("mean").reshape(len(plane.y), len(plane.x))
    mesh = ax.pcolormesh(plane.x, plane.y, values, cmap=COLOURS, norm=norm, shading="nearest", rasterized=True, zorder=0)
    line = table.select(kind=THEORY, quantity=f"{BOUNDARY}, {name}")
    ax.plot(line.column("x"), line.column("mean"), color=MARKED, linewidth=1.6, zorder=2)
    wins = np.where(np.isfinite(values) & (values > 0), 1.0, 0.0)
    region = ax.contourf(plane.x, plane.y, wins, levels=[0.5, 1.5], colors="none", hatches=["///"], zorder=1)
    region.set_edgecolor(_HATCH)
    ax.set(xlim=(plane.x[0], plane.x[-1]), ylim=(plane.y[0], plane.y[-1]))
    return mesh


def _winners(ax: Axes, table: Table, name: str, plane: Plane) -> None:
    heights = {row_name(plane, y): y for y in plane.y.tolist()}
    for row in table.select(kind=SIMULATION, quantity=f"{QUANTITY}, {name}"):
        marker, colour = _WINNERS[winner(row.mean, row.stderr)]
        ax.plot(
            row.x, heights[row.case], marker=marker, color=colour, markeredgecolor="white" if colour != "white" else MARKED, markersize=6.5,
            markeredgewidth=1.1, linestyle="none", zorder=4,
        )  # fmt: skip


def _legend() -> list:
    handles = [
        Line2D([], [], marker=marker, color=colour, markeredgecolor=MARKED, markersize=6.5, linestyle="none", label=label)
        for (marker, colour), label in zip(_WINNERS.values(), ("simulation: frozen", "initialized", "undecided"), strict=True)
    ]
    return [
        Line2D([], [], color=MARKED, label="tie"),
        Patch(facecolor="white", edgecolor=_HATCH, hatch="///", label="frozen forgets less"),
        *handles,
    ]


def caption(table: Table) -> str:
    share, dimension, noise = PLANES.values()
    names = {name: (plane.base if name != "share" else {**plane.base, "w_11": 2}) for name, plane in PLANES.items()}
    letters = {letter: experiment_sentence(names[name])[:-1].replace("Experiment: ", "") for letter, name in zip("abc", names, strict=True)}
    z = upper_quantile((1 - LEVEL) / 2)
    return (
        "Colour: expected forgetting under initialized minus under frozen training, exact (linear within "
        f"$\\pm${_LINEAR:g}, logarithmic beyond); hatched: frozen training forgets less; black: boundary from the closed conditions. "
        "(a, b) Fewer samples than specific parameters; (c) between both thresholds and above them, the expectation being infinite in the "
        f"grey strip. Symbols: which training a simulation of {table.trials():,} independent trials finds to forget less, on the same "
        f"draws "
        f"for both, at {100 * LEVEL:.1f}\u00a0% confidence (paired difference beyond {z:.2f} standard errors). "
        f"(a) {letters['a']}; (b) {letters['b']}; (c) {letters['c']}. $u_2=u_1$; truths padded with zeros where $p_2>p_1$."
    )


FIGURE = Figure("Where frozen training forgets less.", compute, draw, caption, trials=2000, quick_trials=200, size=(9.6, 3.5))
