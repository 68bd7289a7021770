r"""Scores, benefits and distances.

Left: for each task after the first, cosine of its gradient with the previous task's, and what training
everything instead of head and last stage in that task adds to the final Avg.Acc on validation data; mean and
standard deviation over {runs} schedules of the other tasks. r: Pearson's correlation; p: share of
{shufflings:,} shufflings of the tasks within their runs with one as far from zero. Right: streams of two
tasks; accuracy on the first one in the end under frozen minus initialized training. Points: pairs; squares:
means of fifths of the pairs with Student 95 % intervals, as if pairs were independent; rho: Spearman's rank
correlation, p over shufflings of tasks, with all their pairs. Horizontal: what the linear law says of
forgetting under initialized minus frozen training, for the errors that task 1 leaves in both parts and the
specific distance of the tasks, measured in weights, without noise and with equal shared parameters; frozen
training wins in the grey part. The true parameters are stood for by trainings five times as long. {counts}.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from deep.studies.records import PairRecord
from figures.kit import FROZEN, MARKED, NOTE, POLE, STEPS, Axes, Canvas, Figure, Look, Sampler, Table, bars, panels, reference
from figures.kit.studies import explained_files, explained_streams, sources
from theory.regions import advantage

BENEFIT, CORRELATION, WINS, BINNED = "benefit of all stages", "correlation", "frozen - initialized", "frozen - initialized, by fifths"
SCORES, RANKS = "score and benefit", "ranks of pairs"  # what is correlated
KEPT, BOTH = "accuracy on the first task", "mean accuracy on both"
SHUFFLES, SEED = 9_999, 0
_BINS = 5
_TIE = 1e-6  # accuracies are recorded to six digits


def compute(table: Table, _: Sampler) -> None:
    for units, pairs, source, own in explained_streams():
        points = [(score, gains, unit) for unit in units for score, gains in zip(unit.scores, unit.gains, strict=True)]
        for score, gains, _unit in points:
            table.add_measured(BENEFIT, "initialized - frozen", "score", score, gains, source, own)
        scores, gained, runs = zip(*((score, float(np.mean(gains)), (unit.order, unit.seed)) for score, gains, unit in points), strict=True)
        _add_correlation(table, SCORES, scores, gained, _shuffles([(run, (place,)) for place, run in enumerate(runs)]), source, own)
        _add_pairs(table, pairs, source, own)


def _standard(values: Sequence[float]) -> np.ndarray:
    """Return the deviations from the mean as a vector of length 1, or zeros: products of two such vectors are correlations."""
    deviations = np.asarray(values) - np.mean(values)
    return deviations / np.linalg.norm(deviations) if np.ptp(values) > 0 else np.zeros(len(deviations))


def _add_correlation(table: Table, name: str, x: Sequence[float], y: Sequence[float], shuffled: Callable[[], np.ndarray], source: str, own: str) -> None:
    """Add the correlation and the share of shufflings, the observed order among them, with one at least as far from 0."""
    x, y = _standard(x), _standard(y)
    found = float(x @ y)
    null = x[np.array([shuffled() for _ in range(SHUFFLES)])] @ y
    chance = (1 + int((np.abs(null) >= abs(found) - 1e-12).sum())) / (1 + SHUFFLES)
    for x_name, value in (("estimate", found), ("p", chance)):
        table.add_mark(CORRELATION, name, x_name, 0.0, value, source, own)


def _shuffles(entries: Sequence[tuple[Any, tuple[int, ...]]]) -> Callable[[], np.ndarray]:
    """Return what shuffles the numbers of each run, and with a number all entries that it is in: pairs of one task are not independent."""
    generator, index = np.random.default_rng(SEED), {entry: place for place, entry in enumerate(entries)}
    numbers = {run: sorted({number for other, own in index if other == run for number in own}) for run, _ in entries}

    def shuffled() -> np.ndarray:
        renamed = {run: dict(zip(own, generator.permutation(own).tolist(), strict=True)) for run, own in numbers.items()}
        return np.array([index[run, tuple(renamed[run][number] for number in own)] for run, own in index])

    return shuffled


def _add_pairs(table: Table, pairs: list[PairRecord], source: str, own: str) -> None:
    foreseen, tasks = [law_advantage(pair) for pair in pairs], _shuffles([((pair.order, pair.seed), (pair.first, pair.second)) for pair in pairs])
    _add_correlation(table, RANKS, rankdata(foreseen), rankdata([pair.kept for pair in pairs]), tasks, source, own)
    for value, pair in sorted(zip(foreseen, pairs, strict=True), key=lambda entry: entry[0]):
        table.add_mark(WINS, KEPT, "law", value, pair.kept, source, own)
        table.add_mark(WINS, BOTH, "law", value, pair.advantage, source, own)
    placed = sorted(zip(foreseen, (pair.kept for pair in pairs), strict=True))
    for part in np.array_split(np.array(placed), min(_BINS, len(placed) // 2)):
        table.add_measured(BINNED, KEPT, "law", part[:, 0].mean(), part[:, 1], source, own)


def law_advantage(pair: PairRecord) -> float:
    """Compute forgetting under initialized minus frozen training in the linear theory, in squared weights.

    Without noise and with shared parameters that are the same in both tasks (u_2 = u_1), as the region assumes: of a first
    task that left the errors that were measured.
    """
    (_, distance), (shared, specific), (p, p_2) = pair.distance, pair.error, pair.dimensions
    case = {"p": p, "p_1": p_2, "p_2": p_2, "n_1": 0, "n_2": pair.samples, "sigma_1": 0, "sigma_2": 0, "u_11": shared, "q_11": specific}
    return float(advantage("forgetting", **case, d_q=distance, c_q=0, x_q=0))


def draw(table: Table, canvas: Canvas) -> None:
    cases = table.cases()
    axes = panels(canvas, [title for name in cases for title in (name, f"{name}, pairs of tasks")], ncols=2)
    for (left, right), name in zip(axes.reshape(-1, 2), cases, strict=True):
        _scores(left, table.select(case=name))
        _pairs(right, table.select(case=name))


def _scores(ax: Axes, table: Table) -> None:
    rows = table.select(quantity=BENEFIT)
    spread, look = rows.column("stderr") * np.sqrt(rows.column("trials")), STEPS[1]
    ax.errorbar(rows.column("x"), 100 * rows.column("mean"), 100 * spread, fmt=look.marker, color=look.colour, markersize=3.6, elinewidth=0.8)
    reference(ax, linewidth=0.7, zorder=0)
    _correlation(ax, table.select(quantity=CORRELATION, training=SCORES), "r")
    ax.set(xlabel="score (cosine of gradients)", ylabel="benefit of all stages (points)")


def _correlation(ax: Axes, table: Table, symbol: str) -> None:
    values = {row.x_name: row.mean for row in table}
    words = f"{symbol} = {values['estimate']:+.2f}, p = {values['p']:.2g}"
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.15 * (high - low))  # room for the words
    ax.text(0.98, 0.97, words.replace("-", "\u2212"), transform=ax.transAxes, ha="right", va="top", fontsize=9, color=NOTE)


def _pairs(ax: Axes, table: Table) -> None:
    points, bins = table.select(quantity=WINS, training=KEPT), table.select(quantity=BINNED)
    ax.plot(points.column("x"), 100 * points.column("mean"), linestyle="none", marker="o", markersize=2.4, color=FROZEN.colour, alpha=0.35)
    bars(ax, bins, Look(MARKED, "", "s"), 100)
    reference(ax, linewidth=0.7, zorder=0)
    left, span = points.column("x").min(), np.ptp(points.column("x"))
    right = max(left + 1.05 * span, 0.1 * span)
    ax.axvspan(0, right, color=POLE, linewidth=0, zorder=0)
    _correlation(ax, table.select(quantity=CORRELATION, training=RANKS), r"$\rho$")
    words = {"xlabel": "law: initialized $-$ frozen forgetting (squared weights)", "ylabel": "first task kept,\nfrozen $-$ initialized (points)"}
    ax.set(xlim=(left - 0.05 * span, right), **words)


def facts(table: Table) -> dict:
    counts = []
    for name in table.cases():
        kept, both = (table.select(case=name, quantity=WINS, training=training).rows for training in (KEPT, BOTH))
        better, better_on_both = (sum(row.mean > _TIE for row in rows) for rows in (kept, both))
        unequal = [row for row in kept if abs(row.mean) > _TIE]
        counts.append(
            f"{name}: frozen training keeps more of the first task in {better} of {len(kept)} pairs (is better on both in "
            f"{better_on_both}), the law says {sum(row.x > 0 for row in kept)}; it is right in "
            f"{sum((row.x > 0) == (row.mean > 0) for row in unequal)} of {len(unequal)} without a tie"
        )
    runs = sorted({row.trials for row in table.select(quantity=BENEFIT)})
    return {"counts": "; ".join(counts), "runs": " or ".join(map(str, runs)), "shufflings": SHUFFLES + 1}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, size=lambda table: (8.2, 2.7 * len(table.cases())), sources=sources(explained_files()))
