"""What a score foresees of whether frozen or initialized training is better in a task, from records, with intervals over orders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from deep.studies.design import FROZEN, INITIALIZED
from deep.studies.statistics import Results, detectable

TIE = 1e-6  # accuracies are recorded to six digits
ORDERS, EACH = 6, 8  # fewer orders, or choices that gain or lose, and 95 % intervals would hold in 60 to 90 % only


@dataclass(frozen=True)
class Foresight:
    """A statistic with its 95 % interval, and the distance from what chance gives that would have been seen with probability 0.8."""

    value: float
    low: float
    high: float
    seen: float


@dataclass(frozen=True)
class Choices:
    """Tasks of units in which frozen and initialized training were compared; arrays, one entry a choice.

    Parameters
    ----------
    stream : ndarray of str
        Scores are compared within a stream only.
    order : ndarray of int
        Choices of one order, in all streams, are one draw.
    score : ndarray
        Cosine of the task's gradient with the previous one's, before the task; a threshold rule freezes where it is large.
    distance : ndarray
        What stands for the distance of the two tasks.
    kept, gain : ndarray
        Frozen minus initialized training: accuracy on the task before, after this one, and Avg.Acc.
    """

    stream: np.ndarray
    order: np.ndarray
    score: np.ndarray
    distance: np.ndarray
    kept: np.ndarray
    gain: np.ndarray


def second_tasks(results: Results, streams: Sequence[str]) -> Choices:
    """Return the second tasks of all units on the test part, before which frozen and initialized training are one; distance is the update norm of the latter.

    Nothing of a stream without frozen and initialized training and a strategy with scores, nor of units in which one of them failed.
    """
    rows = []
    for stream in streams:
        arms = [{run.unit: run for run in results.runs(stream, arm) if run.finished and len(run.accuracy) > 1} for arm in results.arms(stream)]
        named = dict(zip(results.arms(stream), arms, strict=True))
        frozen, full = (named.get(arm, {}) for arm in (FROZEN, INITIALIZED))
        scored = {unit: run.decision[1]["score"] for own in arms for unit, run in own.items() if "score" in run.decision[1]}
        for unit in sorted(frozen.keys() & full.keys() & scored.keys()):
            kept, learned = frozen[unit].matrix()[1, :2] - full[unit].matrix()[1, :2]
            rows.append((stream, unit.order, scored[unit], full[unit].update[1], kept, (kept + learned) / 2))
    return Choices(*(np.array(column) for column in zip(*rows, strict=True))) if rows else Choices(*(np.zeros(0),) * 6)


def area(stream: np.ndarray, score: np.ndarray, gain: np.ndarray) -> float:
    """Compute the probability that of two choices of a stream the one that gains has the larger score; ties of gains are left out. NaN without a pair."""
    larger = pairs = 0.0
    for name in dict.fromkeys(stream.tolist()):
        up, down = (score[(stream == name) & (sign * gain > TIE)] for sign in (1, -1))
        larger, pairs = larger + (np.sign(up[:, None] - down).sum() + up.size * down.size) / 2, pairs + up.size * down.size
    return larger / pairs if pairs else np.nan


def correlation(stream: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    """Compute Pearson's correlation of two numbers within streams."""
    one, other = (x - sum((stream == name) * x[stream == name].mean() for name in set(stream.tolist())) for x in (one, other))
    return float(one @ other / np.sqrt((one @ one) * (other @ other))) if one.any() and other.any() else np.nan


def regret(order: np.ndarray, score: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Return what is lost in every choice to the better training, by the threshold that is best in all other orders."""
    lost = np.zeros(len(gain))
    for own in set(order.tolist()):
        there, here = order != own, order == own
        best = max([-np.inf, *np.unique(score[there]), np.inf], key=lambda end: gain[there & (score >= end)].sum())
        lost[here] = np.where(score >= best, np.maximum(-gain, 0), np.maximum(gain, 0))[here]
    return lost


def by_orders(statistic: Callable[[np.ndarray], float], order: np.ndarray) -> Foresight | None:
    """Return a statistic with Student's interval by the jackknife over whole orders; None, not testable, with fewer than `ORDERS`.

    Parameters
    ----------
    statistic : callable
        Of a mask over choices.
    order : ndarray
    """
    names = np.unique(order)
    if len(names) < ORDERS:
        return None
    value, left = float(statistic(order == order)), np.array([statistic(order != name) for name in names])
    stderr = float(np.sqrt((len(names) - 1) * np.mean((left - left.mean()) ** 2)))
    half = float(student.ppf(0.975, len(names) - 1)) * stderr
    return Foresight(value, value - half, value + half, detectable(0.025, len(names) - 1.0) * stderr)


def area_by_orders(stream: np.ndarray, order: np.ndarray, score: np.ndarray, gain: np.ndarray) -> Foresight | None:
    """Return the `area` with its interval; None, not testable, with fewer than `EACH` gains or losses too."""
    few = min((gain > TIE).sum(), (gain < -TIE).sum()) < EACH
    return None if few else by_orders(lambda kept: area(stream[kept], score[kept], gain[kept]), order)


HEADER = (
    "stream", "choices, orders", "score: mean, sd", "frozen better: kept, Avg.Acc", "area: kept", "area: Avg.Acc", "r with distance", "area of small distance: kept",
    "lost: never, always frozen, threshold", "threshold less the better of both",
)  # fmt: skip


def row(name: str, found: Choices) -> tuple[str, ...]:
    """Return what `HEADER` names: losses of Avg.Acc in points, 95 % intervals with what would have been seen, "-" where nothing is testable."""
    stream, order, score, far, gain, lost = found.stream, found.order, found.score, found.distance, found.gain, np.zeros((3, len(found.order)))
    gained, better = np.maximum([gain, -gain], 0), np.zeros(len(gain))
    for own in (stream == label for label in dict.fromkeys(stream.tolist())):
        lost[:, own] = [*gained[:, own], regret(order[own], score[own], gain[own])]
        better[own] = min(gained[:, own], key=np.mean)
    areas = [area_by_orders(stream, order, *what) for what in ((score, found.kept), (score, gain), (-far, found.kept))]
    r, less = by_orders(lambda kept: correlation(stream[kept], score[kept], far[kept]), order), by_orders(lambda kept: 100 * (lost[2] - better)[kept].mean(), order)
    return (
        name, f"{len(gain)}, {len(np.unique(order))}", f"{score.mean():+.3f}, {score.std(ddof=1):.3f}", f"{(found.kept > TIE).sum()}, {(gain > TIE).sum()}",
        *map(_text, areas[:2]), _text(r, "+"), _text(areas[2]), ", ".join(f"{100 * value:.2f}" for value in lost.mean(1)), _text(less, "+"),
    )  # fmt: skip


def _text(found: Foresight | None, sign: str = "") -> str:
    if found is None or not found.seen:  # a threshold that chooses as one training for all does has no interval
        return "-" if found is None else "0"
    return "{:{s}.2f} [{:{s}.2f}, {:{s}.2f}] ({:.2f})".format(found.value, found.low, found.high, found.seen, s=sign)
