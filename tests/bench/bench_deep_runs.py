"""How much faster runs go side by side, as processes with one thread each, than one after another, measured in one run.

    python tests/bench/bench_deep_runs.py [--runs 20] [--epochs 300] [--workers N ...] [--device cuda] [--out FILE]

The same runs on split digits, first one at a time in this process, then side by side. The start of the processes is included,
unless ``--short`` names a smaller number of epochs: then both ways are measured with so many too, and the ratio is that of the
differences, in which the starts cancel.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tyro
from speed_table import machine, write

from deep.records import FINISHED, RunRecord
from driftlaw import RunConfig, train_runs
from simulate.work.machine import cores
from theory.exits import STANDS, command_line

GOALS = {"cpu": 0.9, "cuda": 0.5}  # of the number of workers: 1.8 times on two cores, 8 times on a GPU with 16 cores


def timed(configs: list[RunConfig], workers: int) -> tuple[float, list[RunRecord]]:
    """Train the runs in a folder of their own; return seconds and records in the order of the seeds."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        records = list(train_runs(configs, Path(folder), workers=workers))
        seconds = time.perf_counter() - begin
    return seconds, sorted(records, key=lambda record: record.config["seed"])


def measure(runs: int, epochs: int, workers: Sequence[int], device: str, short: int = 0) -> Iterator[dict[str, Any]]:
    """Time both ways on the same runs; yield a row of the table for each number of workers.

    Raises
    ------
    RuntimeError
        If a run fails, or its numbers depend on what runs beside it.
    """

    def numbers(together: int, epochs: int) -> tuple[float, list[dict[str, Any]]]:
        seconds, records = timed([RunConfig(seed=seed, epochs=epochs, device=device) for seed in range(runs)], together)
        if any(record.status != FINISHED for record in records):
            raise RuntimeError("a run did not finish")
        return seconds, [record.numbers() for record in records]

    timed([RunConfig(seed=runs, epochs=1, device=device)], 1)  # imports and caches are filled here
    alone, one_by_one = numbers(1, epochs)
    alone_short = numbers(1, short)[0] if short else 0.0
    for together in workers:
        seconds, side_by_side = numbers(together, epochs)
        if one_by_one != side_by_side:
            raise RuntimeError("runs side by side gave other numbers than one after another")
        started = numbers(together, short)[0] if short else 0.0
        yield {
            "kind": "side by side", "runs": runs, "epochs": epochs, "short": short, "workers": together, "seconds_alone": alone,
            "seconds_together": seconds, "ratio": (alone - alone_short) / (seconds - started), "goal": GOALS[device] * min(together, cores()),
        }  # fmt: skip


def table(row: dict[str, Any]) -> str:
    """Write the row as text."""
    verdict = "met" if row["ratio"] >= row["goal"] else "missed"
    apart = f", starts apart (by runs of {row['short']} epochs)" if row.get("short") else ""
    return (
        f"{row['runs']} runs of {row['epochs']} epochs a task: {row['seconds_alone']:.1f} s one after another, "
        f"{row['seconds_together']:.1f} s {row['workers']} at a time: {row['ratio']:.2f} times{apart}; goal {row['goal']:g}: {verdict}\n"
    )


def main(runs: int = 20, epochs: int = 300, workers: tuple[int, ...] = (cores(),), device: str = "cpu", short: int = 0, out: Path | None = None) -> int:
    """Measure how much faster runs go side by side, and print it.

    Parameters
    ----------
    runs : int
    epochs : int
        Of each task.
    workers : tuple of int
        Runs at a time.
    device : str
        cpu or cuda.
    short : int
        Epochs of the runs that tell how long processes take to start; 0 leaves the starts in.
    out : path, optional
        File of JSON lines.
    """
    rows = [machine(device=device)]
    for row in measure(runs, epochs, workers, device, short):
        print(table(row), end="", flush=True)
        rows.append(row)
        write(out, rows)
    return STANDS


if __name__ == "__main__":
    sys.exit(command_line(lambda: tyro.cli(main)))
