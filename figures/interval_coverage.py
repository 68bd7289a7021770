r"""Intervals near the interpolation threshold.

Coverage of normal 95 % intervals of a mean squared error, each from {TRIALS:,} trials of a step on pure
noise, $n={SAMPLES}$, $d=n+$gap. Points: {counts[sampler]:,} intervals each by the sampler; line:
{counts[law]:,} each from the exact law of the error, $\sigma^2\chi^2_n/\chi^2_{{d-n+1}}$; bars and band:
exact binomial 95 % intervals. At gap 2, where the variance is infinite, {at_two:.0f} % hold the mean, at gap
{LEAST_GAP} {at_least:.1f} %: a gap of {LEAST_GAP} is asked for before a formula is judged.
"""

import math
from functools import partial

import numpy as np

from figures.kit import FAINT, FROZEN, LEVEL, NORMAL, NOTE, POLE, Canvas, Figure, Look, Sampler, Simulated, Table, entry
from simulate import simulate
from simulate.verdicts.comparison import LEAST_GAP
from theory import TaskSequence, expected_errors, moment_orders, one_block

SAMPLES = 2  # n; the dimension is n + gap
GAPS = range(2, 21)
SAMPLED_GAPS = (2, 3, 4, 6, 8, 12, 16)
TRIALS = 1000  # of which every interval is made
MORE = 8  # times as many intervals from the chi-square law, which is cheap
LAW, SAMPLER = "chi-square law", "sampler"
QUANTITY = "coverage"
LOOKS = {LAW: Look(FAINT, "-", ""), SAMPLER: FROZEN}


def covers(errors: np.ndarray, mean: float) -> int:
    """Count the rows of ``errors`` whose normal interval of the mean holds ``mean``."""
    half = NORMAL * errors.std(axis=1, ddof=1) / math.sqrt(errors.shape[1])
    return int(np.count_nonzero(np.abs(errors.mean(axis=1) - mean) <= half))


def sequence(gap: int) -> TaskSequence:
    """Return one task of pure noise, whose error is the noise part of a step."""
    return one_block(SAMPLES + gap, (SAMPLES,), 1.0, gram=[[0.0]])


def compute(table: Table, sampler: Sampler) -> None:
    for origin, gap in [(LAW, gap) for gap in GAPS] + [(SAMPLER, gap) for gap in SAMPLED_GAPS]:
        intervals = sampler.trials * (MORE if origin == LAW else 1)
        run = partial(_from_law if origin == LAW else _from_sampler, gap, intervals)
        description = {"origin": origin, "gap": gap, "n": SAMPLES, "trials": TRIALS, "intervals": intervals}
        share = Simulated.share(sampler.stored(description, __file__, run), intervals, moment_orders(sequence(gap)).errors[0, 0])
        table.add_point(QUANTITY, origin, "gap", gap, share)


def _from_law(gap: int, intervals: int, seed: tuple[int, ...], _: int) -> int:
    generator, mean, hits = np.random.default_rng(np.random.SeedSequence(seed)), expected_errors(sequence(gap)).error(0, 0), 0
    for start in range(0, intervals, 500):
        shape = (min(500, intervals - start), TRIALS)
        hits += covers(generator.chisquare(SAMPLES, shape) / generator.chisquare(gap + 1, shape), mean)
    return hits


def _from_sampler(gap: int, intervals: int, seed: tuple[int, ...], _: int) -> int:
    errors = simulate(sequence(gap), intervals * TRIALS, seed).per_trial("generalization")
    return covers(errors.reshape(intervals, TRIALS), expected_errors(sequence(gap)).error(0, 0))


def draw(table: Table, canvas: Canvas) -> None:
    ax = canvas.subplots()
    for origin, look in LOOKS.items():
        rows = table.select(training=origin)
        x, y = rows.column("x"), rows.column("mean")
        low, high = np.array([row.binomial for row in rows]).T
        if origin == LAW:
            ax.fill_between(x, low, high, color=look.colour, alpha=0.35, linewidth=0, zorder=1)
            ax.plot(x, y, color=look.colour, zorder=2)
        else:
            ax.errorbar(x, y, (y - low, high - y), fmt=look.marker, color=look.colour, markersize=4, capsize=2.2, elinewidth=1, zorder=3)
    ax.axhline(LEVEL, color="black", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    ax.axvspan(1, LEAST_GAP - 0.5, color=POLE, alpha=0.6, linewidth=0, zorder=0)
    for x, y, side, words in ((LEAST_GAP - 0.65, 0.695, "right", "not tested"), (1.45, LEVEL + 0.004, "left", "nominal")):
        ax.text(x, y, words, ha=side, va="bottom", fontsize=9, color=NOTE)
    ax.set(xlim=(1.3, 20.7), ylim=(0.68, 1.0), xticks=[2, 4, 6, 8, 10, 12, 14, 16, 18, 20])
    ax.set(xlabel="gap $|n-d|$ to the interpolation threshold", ylabel="share of intervals that hold the mean")
    ax.legend(handles=[entry(Look(FROZEN.colour, "", "o"), "direct sampler"), entry(LOOKS[LAW], "chi-square law")], loc="lower right")


def facts(table: Table) -> dict:
    sampler, law = (table.select(training=origin) for origin in (SAMPLER, LAW))
    shares = {name: 100 * law.only(x=gap).mean for name, gap in (("at_two", 2), ("at_least", LEAST_GAP))}
    return {"counts": {"sampler": sampler.rows[0].trials, "law": law.rows[0].trials}, **shares}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, trials=500, quick_trials=100, size=(6.2, 3.4))
