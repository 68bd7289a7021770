"""Whether the best method changes with the regime: a swap foreseen by development, all pairs at once, and what update norms tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from deep.studies.design import COMMON, Preset
from deep.studies.protocol import Protocol, choose
from deep.studies.records import GROUPS, StudyRun
from deep.studies.statistics import DECIDING, POWER, Results, Verdict, contrast, detectable, image_residuals, signed, superiority
from simulate.evidence import holm

SWAP, STAYS, UNDECIDED, NOT_TESTABLE = OUTCOMES = ("swap", "no swap", "undecided", "not testable")
FLIPS, SEED = 4096, 0  # of the signs of units: all where there are no more than so many
MEAN = "their mean"
TUNINGS = {"": "own", COMMON: "common"}  # options of each regime, and those that are one for all of them
Values = Mapping[tuple[str, int], np.ndarray]  # by method and regime, shape (units, ...)
UNTOLD: Values = {}


class Side(NamedTuple):
    """One side of a decision: whether a mean difference is above 0, one-sided.

    ``wins`` is P(difference > 0) over units with its interval, ``seen`` the mean found with probability `POWER` in a single data set,
    ``short`` the p of a mean of the effect or more.
    """

    text: str
    mean: float
    p: float
    wins: tuple[float, float, float]
    seen: float
    short: float


def side(text: str, gains: np.ndarray, effect: float, images: Any = (), margin: float = 0.0, tail: float = 0.05) -> Side:
    """Test whether the mean of differences, shape (units,), is above ``-margin``, and below ``effect``; ``images`` are their `image_residuals`."""
    found, freedom = contrast(gains, images)
    above, below = (float(student.sf(shift / found.stderr, freedom)) if found.stderr else float(shift <= 0) for shift in (found.mean + margin, effect - found.mean))
    return Side(text, found.mean, above, superiority(gains), detectable(tail, freedom) * found.stderr - margin, below)


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
    set's sides. A swap that is not found is none of ``effect`` where either side is below it, at half of the level each. Of both claims
    at most one is false in a data set; Holm's adjustment holds over data sets, for each of them.
    """
    whole = {stream: len(next(iter(found.values()))) for stream, found in values.items()}
    left = {stream: f"; {units - count} of {units} units left out, in which an arm failed" if count < units else "" for stream, count in whole.items()}
    few = [stream for stream, count in whole.items() if count < 2]
    sides = {stream: list(_sides(*foreseen[stream], values[stream], images.get(stream, {}), effect, 1 - level)) for stream in values if stream not in few}
    adjusted = holm([max(entry.p for entry in found) for found in sides.values()])
    short = {stream: min(1.0, 2 * min(entry.short for entry in found)) for stream, found in sides.items() if len(set(foreseen[stream])) > 1}
    denied = dict(zip(short, holm(list(short.values())), strict=True))
    decided = [_decided(stream, foreseen[stream], found, p, denied.get(stream), 1 - level, effect, left[stream]) for (stream, found), p in zip(sides.items(), adjusted, strict=True)]
    return decided + [Verdict(stream, " | ".join(foreseen[stream]), NOT_TESTABLE, f"{stream}: {NOT_TESTABLE}{left[stream]}") for stream in few]


def _sides(first: str, last: str, values: Values, images: Values, effect: float, tail: float) -> Iterator[Side]:
    regimes, methods = sorted({regime for _, regime in values}), sorted({method for method, _ in values} - {first})
    ends = (regimes[0], regimes[-1])
    tests = [(first, last, ends[0]), (last, first, ends[1])] if first != last else [(first, other, regime) for regime, other in product(ends, methods)]
    for ours, theirs, regime in tests:
        gains, common = _paired(values, images, (ours, regime), (theirs, regime))
        yield side(f"{ours} over {theirs} in R{regime}", gains, effect, common, effect if first == last else 0.0, tail)


def _paired(values: Values, images: Values, one: tuple[str, int], other: tuple[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Differences, shape (units,), and what they share by common test images, shape (GROUPS,); the latter 0 where nothing tells it."""
    gains = values[one] - values[other]
    return gains, image_residuals(images[one], images[other], range(len(gains))) if images else np.zeros(GROUPS)


def _decided(stream: str, foreseen: tuple[str, str], sides: Sequence[Side], p: float, denied: float | None, tail: float, effect: float, left: str) -> Verdict:
    (first, last), worst = foreseen, max(sides, key=lambda entry: entry.p)
    claims = {STAYS: p} if denied is None else {SWAP: p, STAYS: denied}
    outcome = next((claim for claim, chance in claims.items() if chance <= tail), UNDECIDED)
    numbers = (f"{entry.text} {signed(entry.mean)} (p = {entry.p:.2g}, P(better) = {entry.wins[0]:.2f} [{entry.wins[1]:.2f}, {entry.wins[2]:.2f}])"
               for entry in (sides if first != last else [worst]))  # fmt: skip
    foresaw = f"{first} best in the first regime, {last} in the last" if first != last else f"{first} best in both, so that less than {signed(effect)} behind is tested"
    size = "" if denied is None else f"; of {signed(effect)} on both sides: p = {denied:.2g}"
    blind = f"; {signed(worst.seen)} would have been seen with probability {POWER}" if p > tail else ""
    return Verdict(stream, f"{first} | {last}", outcome, f"{stream}: {outcome} (p = {p:.2g}, Holm{size}); foreseen: {foresaw}; {', '.join(numbers)}{blind}{left}")


def all_pairs(values: Values, level: float = 0.95, images: Values = UNTOLD) -> list[dict[str, Any]]:
    """Return regime, better method, the other, mean difference and P(better) of all pairs that differ, all of them at once.

    Notes
    -----
    max |t| over pairs and regimes under flips of the signs of whole units, which keeps what methods and regimes of a unit share: strong
    control for symmetric differences. Where ``images`` tell what units share, as in `decide`, so do flips of groups of test images,
    and its variance stands in t. A pair that stands there with both signs is a flip of ranks.
    """
    methods, regimes = sorted({method for method, _ in values}), sorted({regime for _, regime in values})
    names = [(regime, first, second) for first, second in combinations(methods, 2) for regime in regimes]
    gains, common = map(np.array, zip(*(_paired(values, images, (first, regime), (second, regime)) for regime, first, second in names), strict=True))
    units, generator = gains.shape[1], np.random.default_rng(SEED)
    if units < 2:
        return []
    signs = generator.choice([1, -1], (FLIPS, units)) if 2**units > FLIPS else np.array(list(product((1, -1), repeat=units)))
    signs[0] = 1
    means, shifts = signs @ gains.T / units, generator.choice([1, -1], (len(signs), GROUPS)) @ common.T
    shifts[0] = 0
    variances = np.maximum((gains**2).mean(1) - means**2, 1e-24) / (units - 1) + (common**2).sum(1)
    found = np.abs(means + shifts) / np.sqrt(variances)
    chances = (found.max(1)[:, None] >= found[0] * (1 - 1e-12)).mean(0)
    rows = []
    for (regime, *pair), gain, mean, chance in zip(names, gains, means[0], chances, strict=True):
        if chance <= 1 - level:
            better, other = pair if mean > 0 else pair[::-1]
            wins = superiority(gain * np.sign(mean))
            rows.append({"regime": regime, "better": better, "other": other, "difference": abs(float(mean)), "wins": wins})
    return rows


def depth_effects(values: Values, images: Values = UNTOLD, level: float = 0.95) -> list[tuple[str, float, float, float, tuple[float, float, float]]]:
    """Return of every method and of their mean: name, Avg.Acc in the last regime minus that in the first, its Student interval, P(above 0)."""
    (first, *_, last), methods, found = sorted({regime for _, regime in values}), sorted({method for method, _ in values}), []
    values, images = (own and {**own, **{(MEAN, end): np.mean([own[name, end] for name in methods], 0) for end in (first, last)}} for own in (values, images))
    for name in (*methods, MEAN):
        gains, common = _paired(values, images, (name, last), (name, first))
        estimate, freedom = contrast(gains, common)
        half = float(student.ppf((1 + level) / 2, freedom)) * estimate.stderr
        found.append((name, estimate.mean, estimate.mean - half, estimate.mean + half, superiority(gains)))
    return found


def foreseen(preset: Preset, protocol: Protocol, suffix: str = "") -> dict[str, tuple[str, str]]:
    """Return by stream the methods that development found best in the first regime and in the last; with `COMMON`, with one option for all."""
    found = {}
    for stream in preset.streams:
        if stream.label not in protocol.absent:
            chosen = choose(preset, stream, protocol.tried[stream.label])
            ends = ([rule for rule in preset.rules if rule.regime == end(other.regime for other in preset.rules)] for end in (min, max))
            found[stream.label] = tuple(max(rules, key=lambda rule: chosen[rule.name + suffix].average_accuracy).label for rules in ends)
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
    Runs of all methods in a regime; the percentile interval resamples whole units. Nothing where fewer than two are whole, or all forget alike.
    """
    generator, found = np.random.default_rng(SEED), []
    values = measured(preset, results, stream, read=lambda run: (np.mean(run.update[1:]), run.metric("forgetting")))
    for regime in sorted({regime for _, regime in values}) if len(next(iter(values.values()))) > 1 else ():
        pairs = np.stack([own for (_, other), own in values.items() if other == regime], 1)
        if not np.ptp(pairs.reshape(-1, 2), 0).all():
            continue
        drawn = [pairs, *(pairs[generator.integers(len(pairs), size=len(pairs))] for _ in range(1000))]
        r = np.array([_correlation(sample.reshape(-1, 2)) for sample in drawn])
        found.append((regime, float(pairs[..., 0].mean()), float(r[0]), *map(float, np.quantile(r[1:], [(1 - level) / 2, (1 + level) / 2]))))
    return found


def _correlation(pairs: np.ndarray) -> float:
    return float(np.corrcoef(pairs.T)[0, 1]) if np.ptp(pairs, 0).min() > 0 else 0.0
