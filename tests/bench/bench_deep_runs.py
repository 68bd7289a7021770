"""How much faster runs go side by side, as processes with one thread each, than one after another, measured in one run.

    python tests/bench/bench_deep_runs.py [--runs 20] [--epochs 300] [--workers N] [--device cuda] [--out FILE]

The same runs on split digits, first one at a time in this process, then side by side, start of the processes included.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tyro
from speed_table import machine, write

from deep.records import FINISHED, RunRecord
from deep.runs.execute import train_runs
from deep.training.config import RunConfig
from simulate.work.machine import cores
from theory.exits import STANDS, command_line

SCHEMA = 1
GOALS = {"cpu": 0.9, "cuda": 0.5}  # of the number of workers: 1.8 times on two cores, 8 times on a GPU with 16 cores


def timed(configs: list[RunConfig], workers: int) -> tuple[float, list[RunRecord]]:
    """Train the runs in a folder of their own; return seconds and records in the order of the seeds."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        records = list(train_runs(configs, Path(folder), workers=workers))
        seconds = time.perf_counter() - begin
    return seconds, sorted(records, key=lambda record: record.config["seed"])


def measure(runs: int, epochs: int, workers: int, device: str) -> dict[str, Any]:
    """Time both ways on the same runs; return the row of the table.

    Raises
    ------
    RuntimeError
        If a run fails, or its numbers depend on what runs beside it.
    """
    configs = [RunConfig(seed=seed, epochs=epochs, device=device) for seed in range(runs)]
    timed([RunConfig(seed=runs, epochs=1, device=device)], 1)  # imports and caches are filled here
    alone, one_by_one = timed(configs, 1)
    together, side_by_side = timed(configs, workers)
    if [record.numbers() for record in one_by_one] != [record.numbers() for record in side_by_side]:
        raise RuntimeError("runs side by side gave other numbers than one after another")
    if any(record.status != FINISHED for record in side_by_side):
        raise RuntimeError("a run did not finish")
    return {
        "kind": "side by side", "runs": runs, "epochs": epochs, "workers": workers, "seconds_alone": alone, "seconds_together": together,
        "ratio": alone / together, "goal": GOALS[device] * workers,
    }  # fmt: skip


def table(row: dict[str, Any]) -> str:
    """Write the row as text."""
    verdict = "met" if row["ratio"] >= row["goal"] else "missed"
    return (
        f"{row['runs']} runs of {row['epochs']} epochs a task: {row['seconds_alone']:.1f} s one after another, "
        f"{row['seconds_together']:.1f} s {row['workers']} at a time: {row['ratio']:.2f} times; goal {row['goal']:g}: {verdict}\n"
    )


def main(runs: int = 20, epochs: int = 300, workers: int = cores(), device: str = "cpu", out: Path | None = None) -> int:
    """Measure how much faster runs go side by side, and print it.

    Parameters
    ----------
    runs : int
    epochs : int
        Of each task.
    workers : int
        Runs at a time.
    device : str
        cpu or cuda.
    out : path, optional
        File of JSON lines.
    """
    row = measure(runs, epochs, workers, device)
    print(table(row), end="")
    if out is not None:
        write(out, [{"kind": "machine", "schema": SCHEMA, **machine(), "device": device}, row])
    return STANDS


if __name__ == "__main__":
    sys.exit(command_line(lambda: tyro.cli(main)))
