"""Benchmark of refutations: ``python tests/bench/bench_refute.py``, or ``make bench``; seconds. Prints times and settings a minute."""

import sys
import time

import hypothesis  # noqa: F401 - imports are not measured
import numpy as np

from driftlaw import frozen, initialized, refute
from theory.exits import STANDS, command_line

SPACE = {"p": (5, 60), "q": (5, 60), "n": (1, 50), "sigma": (0.0, 1.0)}


def pair(training):
    def build(p, q, n, sigma):
        return training({"shared": p, "specific": q}, (n, n), sigma, gram=dict.fromkeys(("shared", "specific"), [[1, 1], [1, 1]]))

    return build


def first(p, q, n, sigma):
    """The error after the first task, raised where the statement is meant to hold, lowered in a hundred-thousandth of the space."""
    planted = (p == 37) & (n == 11) & (abs(sigma - 0.5) < 0.01)
    return (1 - n / (p + q)) * 2 * np.where(planted, 0.5, 1.5) + 1.5 * n * sigma**2 / (p + q - n - 1)


def main() -> int:
    claim = {"quantity": "forgetting", "build": pair(frozen), "against": pair(initialized), "relation": "<="}
    hole = {"quantity": "error[0,0]", "build": pair(frozen), "formula": first, "relation": "<="}
    cases = {"frozen forgets less at distance 0": claim, "its reverse, which holds there": {**claim, "relation": ">="}, "planted in 1e-5 of the space": hole}
    refute(claim, SPACE, constraint=lambda q, n: n < q - 1, settings=64)  # imports
    for name, one in cases.items():
        started, processor = time.perf_counter(), time.process_time()
        found = refute(one, {**SPACE, "n": (20, 50)} if "reverse" in name else SPACE, constraint=lambda q, n: n < q - 1)
        seconds, busy = time.perf_counter() - started, time.process_time() - processor
        looked = found.seen + found.near
        print(f"{name}: {found.counterexample or 'none'}, {seconds:.1f} s ({busy:.1f} s of processor), {looked:,} settings, {60e-6 * looked / busy:.1f} million a minute of processor")
    return STANDS


if __name__ == "__main__":
    sys.exit(command_line(main))
