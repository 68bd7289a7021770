"""Benchmark of the samplers: ``python tests/bench/bench_simulate.py``, or ``make bench``; about a quarter of an hour.

Side by side in one run: the contenders take turns at every point, several times. Writes a JSON line for the machine and for
every median, goal, sweep and study of verdicts, and the table that is made of them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from contenders import CONTENDERS, REDUCED, Contender, Experiment
from published_sweep import published_sweep
from speed_table import goals, machine, table, write
from threadpoolctl import threadpool_limits
from tqdm import tqdm
from verdict_study import study

from simulate.sample import reduced
from simulate.sample.streams import TRIALS_PER_BLOCK
from simulate.work.files import replace_file, require_writable
from simulate.work.machine import cores
from theory.exits import STANDS, command_line

RECORDS = Path(__file__).resolve().parents[2] / "figures" / "records"
SAMPLES = 50
LEAST_REPEATS, MOST_REPEATS = 3, 9


def main(
    out: Path = RECORDS / "bench_simulate.jsonl",
    tasks: tuple[int, ...] = (2, 10),
    parameters: tuple[int, ...] = (100, 400, 1000, 10_000, 50_000, 1_000_000),
    most_direct: int = 50_000,
    seconds: float = 0.5,
    sweep_points: int = 280,
    verdict_cases: int | None = None,
) -> int:
    """Measure the samplers, write the record and print the table.

    Parameters
    ----------
    out : path
        File of JSON lines; the table goes beside it, with the ending .txt.
    tasks : tuple of int
        Numbers of tasks T.
    parameters : tuple of int
        Numbers of parameters p.
    most_direct : int
        Largest p for all but the reduced sampler.
    seconds : float
        How long a measurement should last at least.
    sweep_points : int
        Values of p in the published sweep; 0 leaves it out.
    verdict_cases : int, optional
        Cases of every family whose verdicts are compared; all by default, 0 leaves the study out.
    """
    require_writable(out)
    rows = [machine()]
    for point in tqdm([Experiment(t, SAMPLES, p) for t in tasks for p in parameters], unit="point", disable=None):
        rows += measure(point, seconds, {REDUCED: CONTENDERS[REDUCED]} if point.parameters > most_direct else CONTENDERS)
    if sweep_points:
        rows.append(published_sweep(sweep_points, rows))
    if verdict_cases != 0:
        rows += study(verdict_cases)
    rows += goals(rows)
    text = table(rows)
    write(out, rows)
    replace_file(out.with_suffix(".txt"), text.encode())
    print(text, end="")
    return STANDS


def measure(point: Experiment, seconds: float, contenders: dict[str, Contender]) -> list[dict[str, Any]]:
    """Return the median time of a trial of every contender, and its range, at one point."""
    trials, cost = {}, {}
    for name, contender in contenders.items():
        trials[name], cost[name] = _enough(name, contender, point, seconds)
    repeats = int(np.clip(20 * len(contenders) * seconds / sum(cost.values()), LEAST_REPEATS, MOST_REPEATS))
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):  # in turns, so that a busy moment does not fall on one of them
        for name, contender in contenders.items():
            times[name].append(_time(name, contender, point, trials[name]) / trials[name])
    about = {"tasks": point.tasks, "samples": point.samples, "parameters": point.parameters}
    return [
        {"kind": "time", "contender": name, **about, "trials": trials[name], "repeats": repeats,
         "seconds_per_trial": float(np.median(values)), "least": min(values), "most": max(values)}
        for name, values in times.items()
    ]  # fmt: skip


def _enough(name: str, contender: Contender, point: Experiment, seconds: float) -> tuple[int, float]:
    """Return the trials of a measurement and about how long it takes; the first run warms up and is not counted."""
    unit = _unit(name)
    _time(name, contender, point, unit)
    trials, taken = unit, _time(name, contender, point, unit)
    while taken < seconds:
        trials = unit * max(int(np.ceil(trials / unit * min(1.2 * seconds / taken, 20))), trials // unit + 1)
        taken = _time(name, contender, point, trials)
    return trials, taken


def _unit(name: str) -> int:
    """Trials that keep all cores busy: a block for each of them, whose trials one core takes."""
    if name.startswith("loop"):
        return 1
    return cores() * (reduced.TRIALS_PER_BLOCK if name == REDUCED else TRIALS_PER_BLOCK if name.startswith("direct") else 1)


def _time(name: str, contender: Contender, point: Experiment, trials: int) -> float:
    """Seconds for the trials; the loops have all cores for their linear algebra, the others bring threads of their own."""
    with threadpool_limits(cores() if name.startswith("loop") else 1, user_api="blas"):
        started = time.perf_counter()
        contender(point, trials)
        return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(command_line(lambda: tyro.cli(main)))
