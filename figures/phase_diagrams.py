r"""Where frozen training forgets less.

Colour: expected forgetting under initialized minus under frozen training, exact (linear within
$\pm${LINEAR:g}, logarithmic beyond); hatched: frozen training forgets less; black: boundary from the closed
conditions. (a, b) Fewer samples than specific parameters; (c) between both thresholds and above them, the
expectation being infinite in the grey strip. Symbols: which training a simulation of {trials:,} independent
trials finds to forget less, on the same draws for both, at 99.9 % confidence (paired difference beyond
{WINNER_QUANTILE:.2f} standard errors). (a) {share}; (b) {dimension}; (c) {noise}. $u_2=u_1$; truths padded
with zeros where $p_2>p_1$.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from figures.kit import Figure, Table, experiment_sentence, plain_log_ticks, strip
from figures.kit.maps import LINEAR, WINNER_QUANTILE, Maps, Plane
from theory.ledger.two_tasks import two_tasks
from theory.regions import advantage, critical_distance

QUANTITY = "forgetting"
SHARE = {"p": 60, "p_1": 30, "p_2": 30, "n_1": 12, "n_2": 10, "sigma_1": 0.3, "sigma_2": 0.3, "c_q": 0}
DIMENSION = {"p": 60, "p_1": 30, "n_1": 12, "n_2": 20, "sigma_1": 0.3, "sigma_2": 0.3, "u_11": 0, "q_11": 2, "c_q": 0}
NOISE = {"p": 30, "p_1": 20, "p_2": 20, "n_1": 12, "sigma_1": 0.3, "u_11": 0.5, "q_11": 1.5, "d_q": 0.5, "c_q": 0}
DISTANCES = np.linspace(0, 1.5, 61)
SHARES = np.linspace(0, 0.3, 61)


def tie_in_noise(n_2: np.ndarray) -> np.ndarray:
    """Noise at which both trainings tie: their difference is linear in its square."""
    quiet, noisy = (advantage(QUANTITY, **NOISE, n_2=n_2, sigma_2=noise) for noise in (0.0, 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        square = -quiet / (noisy - quiet)
    return np.sqrt(np.where(square >= 0, square, np.nan))


def finite_advantage(case: dict) -> np.ndarray:
    """Forgetting under initialized minus frozen training; NaN beside a threshold, where an expectation is infinite."""
    n_2, p, p_2 = (np.asarray(case[name]) for name in ("n_2", "p", "p_2"))
    return np.where((np.abs(n_2 - p_2) <= 1) | (np.abs(n_2 - p - p_2) <= 1), np.nan, advantage(QUANTITY, **case))


def _finish_dimension(ax: Axes) -> None:
    plain_log_ticks(ax, {ratio * DIMENSION["n_2"]: f"{ratio}" for ratio in (2, 3, 5, 10, 20)})


def _finish_noise(ax: Axes) -> None:
    strip(ax, NOISE["p"] + NOISE["p_2"], "$p+p_2$", zorder=3)


PLANES = {
    "share": Plane(
        "split of the norm", SHARE, "share", "d_q", SHARES, DISTANCES, lambda x, y: {"u_11": 2 * x, "q_11": 2 * (1 - x), "d_q": y},
        lambda x: critical_distance(**SHARE, u_11=2 * x, q_11=2 * (1 - x)), "regions.critical_distance",
        tuple((SHARES[column], row) for column, row in (
            (2, 4), (2, 20), (2, 48), (14, 4), (14, 24), (26, 12), (26, 44), (40, 4), (40, 30), (54, 16), (54, 50),
        )),
        {"xlabel": "share $|u_1|^2/|w_1|^2$ of the norm", "ylabel": "distance $|q_2-q_1|^2$"},
    ),
    "dimension": Plane(
        "overparameterization", DIMENSION, "p_2", "d_q", np.unique(np.geomspace(31, 400, 60).astype(int)), DISTANCES,
        lambda x, y: {"p_2": x, "d_q": y}, lambda x: critical_distance(**DIMENSION, p_2=x), "regions.critical_distance",
        (
            (35, 30), (36, 4), (36, 44), (50, 10), (50, 26), (50, 52), (80, 14), (80, 40), (130, 6), (130, 24),
            (210, 4), (210, 44), (330, 14),
        ),
        {"xlabel": "$p_2/n_2$, parameters a sample", "ylabel": "distance $|q_2-q_1|^2$"}, _finish_dimension,
    ),
    "noise": Plane(
        "noise", NOISE, "n_2", "sigma_2", np.arange(22, 91), DISTANCES, lambda x, y: {"n_2": x, "sigma_2": y}, tie_in_noise,
        "regions.advantage = 0",
        (
            (26, 12), (26, 52), (34, 30), (40, 6), (40, 26), (46, 12), (46, 32), (46, 52), (54, 12), (54, 28), (54, 52), (62, 36),
            (70, 14), (70, 52), (84, 20),
        ),
        {"xlabel": "$n_2$, samples of task 2", "ylabel": r"noise $\sigma_2$"}, _finish_noise,
    ),
}  # fmt: skip
MAPS = Maps(
    PLANES, QUANTITY, finite_advantage, "regions.advantage",
    lambda case, training: two_tasks(**case, train_shared=training == "initialized"),
)  # fmt: skip


def facts(table: Table) -> dict:
    cases = {"share": {**SHARE, "w_11": 2}, "dimension": DIMENSION, "noise": NOISE}
    words = {name: experiment_sentence(base)[:-1].replace("Experiment: ", "") for name, base in cases.items()}
    return {"trials": table.trials(), **words}


FIGURE = Figure(__doc__, MAPS.compute, MAPS.draw, globals(), facts, trials=2000, quick_trials=200, size=(9.6, 3.5))
