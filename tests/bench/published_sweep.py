"""The double descent sweep of Banayeeanzade et al. by the reduced sampler, and what the loop would take for it."""

import time
from typing import Any

import numpy as np
from contenders import INVERSE, LSTSQ, Experiment

from simulate import Estimate, run_jobs, simulate

TASKS, SAMPLES, LEAST, MOST = 10, 50, 10, 50_000
NOISES = (0.1, 0.5, 1.0)
MANY, FEW, LIMIT = 500, 50, 1000


def published_sweep(points: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Run the sweep and return its row.

    Parameters
    ----------
    points : int
        Values of p from 10 to 50,000, evenly on a logarithmic scale.
    rows : list of dict
        Measured times, from which those of the loops are estimated: straight lines between the logarithms of p and time,
        constant below the least p that was measured.
    """
    values = np.unique(np.round(np.geomspace(LEAST, MOST, points)).astype(int))
    while len(values) < points:  # small values coincide
        values = np.unique(np.append(values, np.setdiff1d(np.arange(LEAST, MOST), values)[0]))
    trials = np.where(values < LIMIT, MANY, FEW)
    jobs = [(noise, int(p), int(count)) for noise in NOISES for p, count in zip(values, trials, strict=True)]
    started = time.perf_counter()
    forgetting = [estimate for _, estimate in run_jobs(_forgetting, jobs)]  # a point's few trials would keep one core busy
    seconds = time.perf_counter() - started
    loops = {loop: _loop_seconds(loop, values, trials, rows) for loop in (LSTSQ, INVERSE)}
    counts = {"points": len(forgetting), "trials": sum(estimate.count for estimate in forgetting)}
    finite = bool(all(np.isfinite(estimate.mean) for estimate in forgetting))
    return {"kind": "sweep", **counts, "seconds": seconds, "finite": finite, "estimated_loop_seconds": loops}


def _forgetting(job: tuple[float, int, int]) -> Estimate:
    noise, p, trials = job
    return simulate(Experiment(TASKS, SAMPLES, p, noise).sequence, trials, method="reduced", workers=1).forgetting()


def _loop_seconds(loop: str, values: np.ndarray, trials: np.ndarray, rows: list[dict[str, Any]]) -> float | None:
    """Estimate a loop's time for the sweep; None where it was not measured at ten tasks."""
    measured = sorted(
        (row["parameters"], row["seconds_per_trial"]) for row in rows if row["kind"] == "time" and row["contender"] == loop and row["tasks"] == TASKS
    )
    if not measured:
        return None
    p, seconds = np.array(measured).T
    return float(len(NOISES) * trials @ np.exp(np.interp(np.log(values), np.log(p), np.log(seconds))))
