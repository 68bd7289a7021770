"""Whether the best method changes with the regime: a swap foreseen by development, all pairs at once, and what update norms tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from deep.studies.design import Preset
from deep.studies.protocol import Protocol, choose
from deep.studies.records import StudyRun
from deep.studies.statistics import DECIDING, POWER, Results, Verdict, contrast, detectable, image_variance, signed, superiority
from simulate.evidence import holm

SWAP, STAYS, UNDECIDED, NOT_TESTABLE = OUTCOMES = ("swap", "no swap", "undecided", "not testable")
FLIPS, SEED = 4096, 0  # of the signs of units: all where there are no more than so many
Values = Mapping[tuple[str, int], np.ndarray]  # by method and regime, shape (units, ...)


class Side(NamedTuple):
    """One side of a decision: whether a mean difference is above 0, one-sided.

    ``wins`` is P(difference > 0) over units with its interval, ``seen`` the mean found with probability `POWER` in a single data set.
    """

    text: str
    mean: float
    p: float
    wins: tuple[float, float, float]
    seen: float


def side(text: str, gains: np.ndarray, shared: float = 0.0, margin: float = 0.0, tail: float = 0.05) -> Side:
    """Test whether the mean of differences, shape (units,), is above ``-margin``; ``shared`` is the variance by common test images."""
    found, freedom = contrast(gains, shared)
    p = float(student.sf((found.mean + margin) / found.stderr, freedom)) if found.stderr else float(found.mean + margin <= 0)
    return Side(text, found.mean, p, superiority(gains), detectable(tail, freedom) * found.stderr - margin)


def decide(foreseen: Mapping[str, tuple[str, str]], values: Mapping[str, Values], effect: float, level: float = 0.95, images: Mapping[str, Values] = {}, units: int = 0) -> list[Verdict]:
    """Decide for each data set whether the best method changes from the first regime to the last.

    Parameters
    ----------
    foreseen : mapping of str to (str, str)
        By data set, the methods that development found best in the first regime and in the last.
    values : mapping of str to mapping of (str, int) to array of shape (units,)
        By data set, Avg.Acc of method and regime in every unit.
    effect : float
    level : float
    images : mapping of str to mapping of (str, int) to array of shape (units, GROUPS, 2)
        `StudyRun.images` likewise, where the error of shared test images counts.
    units : int
        Units of the design, of which those in ``values`` are the ones in which no arm failed; with fewer than two a data set is not testable.

    Notes
    -----
    Where two methods are foreseen, each has to be above the other in its own regime: an intersection of two hypotheses, each tested at
    the full level. Where one is, it has to be less than ``effect`` behind every other method in both regimes. p is the largest of a data
    set's sides; Holm's adjustment holds over data sets.
    """
    whole = {stream: len(next(iter(found.values()))) for stream, found in values.items()}
    left = {stream: f"; {units - count} of {units} units left out, in which an arm failed" if count < units else "" for stream, count in whole.items()}
    few = [stream for stream, count in whole.items() if count < 2]
    sides = {stream: list(_sides(*foreseen[stream], values[stream], images.get(stream, {}), effect, 1 - level)) for stream in values if stream not in few}
    adjusted = holm([max(entry.p for entry in found) for found in sides.values()])
    decided = [_decided(stream, foreseen[stream], found, p, 1 - level, effect, left[stream]) for (stream, found), p in zip(sides.items(), adjusted, strict=True)]
    return decided + [Verdict(stream, " | ".join(foreseen[stream]), NOT_TESTABLE, f"{stream}: {NOT_TESTABLE}{left[stream]}") for stream in few]


def _sides(first: str, last: str, values: Values, images: Values, effect: float, tail: float) -> Iterator[Side]:
    regimes, methods = sorted({regime for _, regime in values}), sorted({method for method, _ in values} - {first})
    ends = (regimes[0], regimes[-1])
    tests = [(first, last, ends[0]), (last, first, ends[1])] if first != last else [(first, other, regime) for regime, other in product(ends, methods)]
    for ours, theirs, regime in tests:
        one, other = (ours, regime), (theirs, regime)
        shared = image_variance(images[one], images[other], range(len(values[one]))) if images else 0.0
        yield side(f"{ours} over {theirs} in R{regime}", values[one] - values[other], shared, effect if first == last else 0.0, tail)


def _decided(stream: str, foreseen: tuple[str, str], sides: Sequence[Side], p: float, tail: float, effect: float, left: str) -> Verdict:
    first, last = foreseen
    outcome, worst = UNDECIDED if p > tail else STAYS if first == last else SWAP, max(sides, key=lambda entry: entry.p)
    numbers = (f"{entry.text} {signed(entry.mean)} (p = {entry.p:.2g}, P(better) = {entry.wins[0]:.2f} [{entry.wins[1]:.2f}, {entry.wins[2]:.2f}])"
               for entry in (sides if first != last else [worst]))  # fmt: skip
    foresaw = f"{first} best in the first regime, {last} in the last" if first != last else f"{first} best in both, so that less than {signed(effect)} behind is tested"
    blind = f"; {signed(worst.seen)} would have been seen with probability {POWER}" if outcome == UNDECIDED else ""
    return Verdict(stream, f"{first} | {last}", outcome, f"{stream}: {outcome} (p = {p:.2g}, Holm); foreseen: {foresaw}; {', '.join(numbers)}{blind}{left}")


def all_pairs(values: Values, level: float = 0.95) -> list[dict[str, Any]]:
    """Return regime, better method, the other, mean difference and P(better) of all pairs that differ, all of them at once.

    Notes
    -----
    max |t| over pairs and regimes under flips of the signs of whole units, which keeps what methods and regimes of a unit share: strong
    control for symmetric differences. A pair that stands there with both signs is a flip of ranks.
    """
    methods, regimes = sorted({method for method, _ in values}), sorted({regime for _, regime in values})
    names = [(regime, first, second) for first, second in combinations(methods, 2) for regime in regimes]
    gains = np.array([values[first, regime] - values[second, regime] for regime, first, second in names])
    units = gains.shape[1]
    if units < 2:
        return []
    signs = np.random.default_rng(SEED).choice([1, -1], (FLIPS, units)) if 2**units > FLIPS else np.array(list(product((1, -1), repeat=units)))
    signs[0] = 1
    means = signs @ gains.T / units
    found = np.abs(means) / np.sqrt(np.maximum((gains**2).mean(1) - means**2, 1e-24) / (units - 1))
    chances = (found.max(1)[:, None] >= found[0] * (1 - 1e-12)).mean(0)
    rows = []
    for (regime, *pair), gain, mean, chance in zip(names, gains, means[0], chances, strict=True):
        if chance <= 1 - level:
            better, other = pair if mean > 0 else pair[::-1]
            wins = superiority(gain * np.sign(mean))
            rows.append({"regime": regime, "better": better, "other": other, "difference": abs(float(mean)), "wins": wins})
    return rows


def foreseen(preset: Preset, protocol: Protocol) -> dict[str, tuple[str, str]]:
    """Return by stream the methods that development found best in the first regime and in the last."""
    found = {}
    for stream in preset.streams:
        if stream.label not in protocol.absent:
            chosen = choose(preset, stream, protocol.tried[stream.label])
            ends = ([rule for rule in preset.rules if rule.regime == end(other.regime for other in preset.rules)] for end in (min, max))
            found[stream.label] = tuple(max(rules, key=lambda rule: chosen[rule.name].average_accuracy).label for rules in ends)
    return found


def measured(preset: Preset, results: Results, stream: str, suffix: str = "", read: Callable[[StudyRun], Any] = lambda run: run.metric(DECIDING)) -> Values:
    """Return what is read of the runs of every method and regime, shape (units, ...), in the units in which none failed."""
    runs = {(rule.label, rule.regime): {run.unit: run for run in results.runs(stream, rule.name + suffix) if run.finished} for rule in preset.rules}
    whole = [unit for unit in preset.confirmation if all(unit in own for own in runs.values())]
    return {key: np.array([read(own[unit]) for unit in whole]) for key, own in runs.items()}


def norms(preset: Preset, results: Results, stream: str, level: float = 0.95) -> list[tuple[int, float, float, float, float]]:
    """Return regime, mean update norm after the first task, its correlation with forgetting, and that one's interval.

    Notes
    -----
    Runs of all methods in a regime; the percentile interval resamples whole units. Nothing where fewer than two are whole.
    """
    generator, found = np.random.default_rng(SEED), []
    values = measured(preset, results, stream, read=lambda run: (np.mean(run.update[1:]), run.metric("forgetting")))
    for regime in sorted({regime for _, regime in values}) if len(next(iter(values.values()))) > 1 else ():
        pairs = np.stack([own for (_, other), own in values.items() if other == regime], 1)
        drawn = [pairs, *(pairs[generator.integers(len(pairs), size=len(pairs))] for _ in range(1000))]
        r = np.array([_correlation(sample.reshape(-1, 2)) for sample in drawn])
        found.append((regime, float(pairs[..., 0].mean()), float(r[0]), *map(float, np.quantile(r[1:], [(1 - level) / 2, (1 + level) / 2]))))
    return found


def _correlation(pairs: np.ndarray) -> float:
    return float(np.corrcoef(pairs.T)[0, 1]) if np.ptp(pairs, 0).min() > 0 else 0.0
