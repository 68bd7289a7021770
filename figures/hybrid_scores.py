"""Why the hybrid rules win or not: scores against benefits, and pairs of tasks against the linear theory's region."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from scipy.stats import rankdata

from deep.studies.pair_records import PairRecord
from deep.studies.presets import PRESETS
from figures.draw import LEVEL, panel_letter
from figures.measured import half_width
from figures.registry import Figure
from figures.sampling import Sampler
from figures.study_records import case, explained, explained_files, figure, letter
from figures.style import FAINT, FROZEN, MARKED, NOTE, POLE, STEPS
from figures.table import Table
from simulate.evidence import bootstrap_interval
from theory.ledger import notation as s
from theory.regions import region_of, zeta

BENEFIT, CORRELATION, WINS, BINNED = "benefit of all stages", "correlation", "frozen - initialized", "frozen - initialized, by fifths"
SCORES, RANKS = "score and benefit", "ranks of pairs"  # what is correlated
_BINS = 5
_TIE = 1e-6  # accuracies are recorded to six digits


def compute(sampler: Sampler) -> Table:
    table = Table()
    for name, path in explained_files().items():
        effects, pairs = explained(path)
        for stream in dict.fromkeys(unit.stream for unit in effects):
            own = case(PRESETS[name], stream)
            points = [(score, gains) for unit in effects if unit.stream == stream for score, gains in zip(unit.scores, unit.gains, strict=True)]
            for score, gains in points:
                table.add_measured(BENEFIT, "initialized - frozen", "score", score, gains, path.name, own)
            _add_correlation(table, SCORES, _pearson, [(score, float(np.mean(gains))) for score, gains in points], path.name, own)
            _add_pairs(table, [pair for pair in pairs if pair.stream == stream], path.name, own)
    return table


def _pearson(points: np.ndarray) -> float:
    return float(np.corrcoef(points.T)[0, 1]) if points.std(axis=0).min() > 0 else 0.0


def _spearman(points: np.ndarray) -> float:
    return _pearson(rankdata(points, axis=0))


def _add_correlation(table: Table, name: str, of: Callable[[np.ndarray], float], points: list[tuple[float, float]], source: str, own: str) -> None:
    low, high = bootstrap_interval(points, of, LEVEL)
    for x_name, value in (("low", low), ("estimate", of(np.array(points))), ("high", high)):
        table.add_mark(CORRELATION, name, x_name, 0.0, value, source, own)


def _add_pairs(table: Table, pairs: list[PairRecord], source: str, own: str) -> None:
    placed = sorted((needed_share(pair), pair.advantage) for pair in pairs)
    _add_correlation(table, RANKS, _spearman, placed, source, own)
    for share, advantage in placed:
        table.add_mark(WINS, "pair", "share", share, advantage, source, own)
    for part in np.array_split(np.array(placed), min(_BINS, len(placed) // 2)):
        table.add_measured(BINNED, "pairs", "share", part[:, 0].mean(), part[:, 1], source, own)


def needed_share(pair: PairRecord) -> float:
    """Compute zeta over the value above which frozen training forgets less in the linear theory without noise.

    zeta is the specific error that the first task leaves less the squared specific distance; above 1 frozen training wins.
    """
    (_, distance), (shared, specific) = pair.distance, pair.error
    return (specific - distance) / (shared * _amplification(*pair.dimensions, pair.samples))


@cache
def _amplification(p: int, p_2: int, n_2: int) -> float:
    region = region_of(p, p_2, n_2)
    return float(region.boundary.subs({s.e_u: 1, s.sigma_2: 0, s.p: p, s.p_2: p_2, s.n_2: n_2}))


def predicted(pair: PairRecord) -> bool:
    """Return whether the linear theory says that frozen training forgets less, by its own inequality."""
    (_, distance), (shared, specific) = pair.distance, pair.error
    values = {zeta: specific - distance, s.e_u: shared, s.sigma_2: 0, s.p: pair.dimensions[0], s.p_2: pair.dimensions[1], s.n_2: pair.samples}
    return bool(region_of(*pair.dimensions, pair.samples).wins.subs(values))


def draw(table: Table, canvas: Canvas) -> None:
    cases = list(dict.fromkeys(row.case for row in table))
    axes = canvas.subplots(len(cases), 2, squeeze=False)
    for number, (row, name) in enumerate(zip(axes, cases, strict=True)):
        own = table.select(case=name)
        _scores(row[0], own)
        _pairs(row[1], own)
        panel_letter(row[0], letter(2 * number), name)
        panel_letter(row[1], letter(2 * number + 1), f"{name}, pairs of tasks")


def _scores(ax: Axes, table: Table) -> None:
    rows = table.select(quantity=BENEFIT)
    spread = rows.column("stderr") * np.sqrt(rows.column("trials"))
    look = STEPS[1]
    ax.errorbar(rows.column("x"), 100 * rows.column("mean"), 100 * spread, fmt=look.marker, color=look.colour, markersize=3.6, elinewidth=0.8)
    ax.axhline(0, color=FAINT, linewidth=0.7, zorder=0)
    _correlation(ax, table.select(quantity=CORRELATION, training=SCORES), "r")
    ax.set_xlabel("score (cosine of gradients)")
    ax.set_ylabel("benefit of all stages (points)")


def _correlation(ax: Axes, table: Table, symbol: str) -> None:
    values = {row.x_name: row.mean for row in table}
    words = f"{symbol} = {values['estimate']:+.2f} [{values['low']:+.2f}, {values['high']:+.2f}]"
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.15 * (high - low))  # room for the words
    ax.text(0.98, 0.97, words.replace("-", "\u2212"), transform=ax.transAxes, ha="right", va="top", fontsize=9, color=NOTE)


def _pairs(ax: Axes, table: Table) -> None:
    points, bins = table.select(quantity=WINS), table.select(quantity=BINNED)
    ax.plot(points.column("x"), 100 * points.column("mean"), linestyle="none", marker="o", markersize=2.4, color=FROZEN.colour, alpha=0.35)
    ax.errorbar(
        bins.column("x"), 100 * bins.column("mean"), 100 * np.array(half_width(bins)), fmt="s", color=MARKED, markersize=4.2, elinewidth=1.2, capsize=2.5
    )  # fmt: skip
    ax.axhline(0, color=FAINT, linewidth=0.7, zorder=0)
    right = max(1.5, 1.05 * points.column("x").max())
    ax.axvspan(1, right, color=POLE, linewidth=0, zorder=0)
    _correlation(ax, table.select(quantity=CORRELATION, training=RANKS), r"$\rho$")
    ax.set_xlim(min(-0.5, 1.05 * points.column("x").min()), right)
    ax.set_xlabel(r"$(e_q-|q_2-q_1|^2)$ / value that frozen training needs")
    ax.set_ylabel("frozen $-$ initialized (points)")


def caption(table: Table) -> str:
    counts = []
    for name in dict.fromkeys(row.case for row in table):
        pairs = table.select(case=name, quantity=WINS)
        won = sum(row.mean > _TIE for row in pairs)
        foreseen = sum(row.x > 1 for row in pairs)
        unequal = [row for row in pairs if abs(row.mean) > _TIE]
        right = sum((row.x > 1) == (row.mean > 0) for row in unequal)
        found = f"frozen is better in {won} of {len(pairs)} pairs, the region says {foreseen}"
        counts.append(f"{name}: {found}; it is right in {right} of {len(unequal)} without a tie")
    runs = sorted({row.trials for row in table.select(quantity=BENEFIT)})
    return (
        "Left: for each task after the first, cosine of its gradient with the previous task's, and what training everything instead of head and last stage "
        "in that task adds to the final Avg.Acc on validation data; mean and standard deviation over "
        f"{' or '.join(map(str, runs))} schedules of the other tasks. r: Pearson's correlation, bootstrap 95\u00a0% interval over tasks and runs. Right: "
        "streams of two tasks; accuracy on both in the end under frozen minus initialized training. Points: pairs; squares: means of fifths of the pairs with "
        "Student 95\u00a0% intervals, rho: Spearman's rank correlation with a bootstrap 95\u00a0% interval, both as if pairs were independent. "
        "Horizontal: the linear theory's quantity for forgetting, measured in weights: error that task 1 leaves in the specific part less squared "
        "distance of the tasks, over what shared error and dimensions demand (no noise); frozen training "
        "wins in the grey part. "
        f"The true parameters are stood for by trainings five times as long. {'; '.join(counts)}."
    )


def _height() -> float:
    return 2.7 * sum(len({unit.stream for unit in explained(path)[0]}) for path in explained_files().values())


FIGURE = figure(
    explained_files(),
    lambda sources: Figure("Scores, benefits and distances.", compute, draw, caption, size=(8.2, _height()), sources=sources),
)
