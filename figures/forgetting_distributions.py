r"""Forgetting is a distribution.

Top: empirical distribution functions of $L_1(\theta_2)-L_1(\theta_1)$ over {trials:,} independent trials of
the reduced sampler; the band of $\pm${half:.4f} (Dvoretzky, Kiefer, Wolfowitz), hardly wider than the lines,
holds the whole function with confidence 95 %. Markers on dotted lines: the mean by the exact law. Bottom:
shares of trials beyond a threshold; bands: exact binomial intervals, 95 % for all {count} thresholds of a
curve together. With equal tasks frozen training helps task 1 more on average, yet harms it in
{loss[frozen]:.1f} % of all trials, initialized training in {loss[initialized]:.2f} %. {experiment}
"""

import math

import numpy as np
from scipy.stats import beta

from figures.kit import LEVEL, MARK, TRAININGS, Axes, Canvas, Figure, Look, Sampler, Simulated, Table, both, entry, panels, vertical
from simulate import simulate
from theory import TaskSequence, expected_errors, moment_orders

# The first task's truth is specific: there frozen training forgets less than initialized training where tasks are equal.
EXPERIMENT = {"p": 60, "p_1": 30, "p_2": 30, "n_1": 15, "n_2": 15, "sigma_1": 0.3, "sigma_2": 0.3, "u_11": 0.0, "q_11": 1.0, "d_u": 0, "c_u": 0}
DISTANCES = {"equal": 0.0, "distant": 1.0}
QUANTITY, SHARE, TAIL = "forgetting", "share at most", "share above"
AT = np.round(np.linspace(-0.7, 1.5, 221), 4)  # where the distribution functions are drawn
TAIL_AT = np.round(np.linspace(-0.4, 2.4, 141), 4)


def dkw(trials: int) -> float:
    """Half the width of the band that holds a whole distribution function (Dvoretzky, Kiefer, Wolfowitz; Massart's constant)."""
    return math.sqrt(math.log(2 / (1 - LEVEL)) / (2 * trials))


def tail_band(count: np.ndarray, trials: int) -> tuple[np.ndarray, np.ndarray]:
    """Exact binomial intervals of tail shares that hold all of ``count`` together (Bonferroni)."""
    tail = (1 - LEVEL) / (2 * len(count))
    low = np.where(count > 0, beta.ppf(tail, np.maximum(count, 1), trials - count + 1), 0.0)
    return low, beta.ppf(1 - tail, count + 1, trials - count)


def compute(table: Table, sampler: Sampler) -> None:
    for name, training, seq in ((name, *each) for name, distance in DISTANCES.items() for each in both(**EXPERIMENT, d_q=distance).items()):
        table.add_mark(QUANTITY, training, "forgetting", expected_errors(seq).forgetting(), 0.5, "expected_errors", name)

        def run(seed: tuple[int, ...], trials: int, seq: TaskSequence = seq) -> dict[str, list[float]]:
            values = simulate(seq, trials, seed, method="reduced").per_trial(QUANTITY)
            below = np.searchsorted(np.sort(values), np.union1d(AT, TAIL_AT), side="right")
            return {"below": below.tolist(), "moments": [values.mean(), values.std(ddof=1) / math.sqrt(trials)]}

        found = sampler.stored({"case": name, "training": training, "experiment": EXPERIMENT}, __file__, run)
        order, trials = moment_orders(seq).forgetting(), sampler.trials
        below = dict(zip(np.union1d(AT, TAIL_AT).tolist(), found["below"], strict=True))
        table.add_point(QUANTITY, training, "task", 2, Simulated(*found["moments"], trials, order), name)
        shares = [(SHARE, x, below[x]) for x in AT.tolist()] + [(TAIL, x, trials - below[x]) for x in TAIL_AT.tolist()]
        for quantity, x, count in shares:
            table.add_point(quantity, training, "forgetting", x, Simulated.share(count, trials, order), name)


def draw(table: Table, canvas: Canvas) -> None:
    titles = [*(f"{name} tasks, $|q_2-q_1|^2={distance:g}$" for name, distance in DISTANCES.items()), *(f"{name} tasks, upper tail" for name in DISTANCES)]
    axes = panels(canvas, titles, ncols=2, sharex="row", sharey="row", height_ratios=(1.15, 1)).reshape(2, 2)
    for column, name in enumerate(DISTANCES):
        upper, lower = axes[:, column]
        for training, look in TRAININGS.items():
            rows = table.select(training=training, case=name)
            _share(upper, rows.select(quantity=SHARE), rows.only(kind=MARK).x, look)
            _tail(lower, rows.select(quantity=TAIL), look)
        for ax in (upper, lower):
            vertical(ax, 0)
        upper.set(xlim=(AT[0], AT[-1]), ylim=(0, 1), xlabel="forgetting $F_2$ of one trial")
        least = 2 / table.select(quantity=TAIL).trials()
        lower.set(xlim=(TAIL_AT[0], TAIL_AT[-1]), yscale="log", ylim=(least, 1), xlabel="threshold $x$")
    axes[0, 0].set_ylabel("share of trials at most")
    axes[1, 0].set_ylabel("share of trials above $x$")
    axes[0, 0].legend(handles=[entry(look, f"{training} training") for training, look in TRAININGS.items()], loc="lower right")


def _share(ax: Axes, table: Table, mean: float, look: Look) -> None:
    """Draw a distribution function with its band, and the mean by the law."""
    x, y, half = table.column("x"), table.column("mean"), dkw(table.trials())
    _band(ax, x, y, np.clip(y - half, 0, 1), np.clip(y + half, 0, 1), look)
    ax.axvline(mean, color=look.colour, linestyle=(0, (1, 1.3)), linewidth=1.1, zorder=1)
    ax.plot([mean], [np.interp(mean, x, y)], marker=look.marker, color=look.colour, markersize=5, markeredgecolor="white", zorder=4)


def _tail(ax: Axes, table: Table, look: Look) -> None:
    """Draw shares of a tail with their intervals, as far as anything was seen."""
    x, y, trials = table.column("x"), table.column("mean"), table.trials()
    low, high = tail_band(np.round(y * trials), trials)
    seen = y > 0
    _band(ax, x[seen], y[seen], low[seen], high[seen], look)


def _band(ax: Axes, x: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray, look: Look) -> None:
    ax.fill_between(x, low, high, color=look.colour, alpha=0.3, linewidth=0, zorder=2)
    ax.plot(x, y, color=look.colour, linestyle=look.line, zorder=3)


def facts(table: Table) -> dict:
    trials = table.select(quantity=SHARE).trials()
    loss = {t: 100 * table.only(quantity=TAIL, training=t, case="equal", x=0.0).mean for t in TRAININGS}
    return {"trials": trials, "half": dkw(trials), "count": len(TAIL_AT), "loss": loss}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, trials=300_000, quick_trials=20_000, size=(7.4, 5.6))
