"""Methods against forgetting at two trainable depths, the head and everything, on a balanced part of CIFAR-100.

    DRIFTLAW_IMAGES=FILE python tests/bench/gpu_regimes.py --device cuda --out FILE.jsonl --runs DIR

Strengths are chosen on validation data of one order, arms are compared on test data of others, both at each depth. Finished runs
are not trained again.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import tyro

from deep.metrics import average_accuracy, forgetting
from deep.records import FINISHED, RunRecord, write_records
from deep.runs.execute import train_runs
from deep.training.config import RunConfig
from simulate.work.machine import cores
from theory.exits import STANDS, command_line
from theory.own import SourceFile

STRENGTHS: dict[str, tuple[float, ...]] = {"fine-tuning": (0.0,), "ewc": (3.0, 30.0, 300.0), "si": (0.01, 0.1, 1.0), "lwf": (0.3, 1.0, 3.0)}
LOOP: dict[str, Any] = {"network": "resnet18-20", "epochs": 10, "batch_size": 64, "learning_rate": 0.1}
TOY: dict[str, Any] = {"network": "convnet", "epochs": 1, "batch_size": 8, "learning_rate": 0.1}
UNITS, DEPTHS = 3, (1, 5)
Arm = tuple[str, int, float]  # method, depth, strength


def config(arm: Arm, unit: int, device: str, toy: bool, evaluate_on: str) -> RunConfig:
    """Return the run of an arm; unit 0 is development's."""
    method, depth, strength = arm
    named = {"strategy": "frozen", "strategy_options": {"depth": depth}}
    if method != "fine-tuning":
        named = {"strategy": method, "strategy_options": {"depth": depth, "strength": strength}}
    captured = {} if device == "cpu" else {"execution": "captured"}
    options = {"tasks": 10, "validation_share": 0.1}
    return RunConfig(
        stream="split-cifar-100-part", stream_options=options, order=unit, seed=unit, device=device, evaluate_on=evaluate_on, probe_examples=0,
        **named, **(TOY if toy else LOOP), **captured,
    )  # fmt: skip


def train(wanted: Sequence[tuple[Arm, RunConfig]], runs: Path, workers: int) -> list[tuple[Arm, RunRecord]]:
    """Train the runs; return the records in the same order."""
    found = {record.key: record for record in train_runs([entry for _, entry in wanted], runs, workers=workers)}
    return [(arm, found[entry.key]) for arm, entry in wanted]


def chosen(records: Sequence[tuple[Arm, RunRecord]]) -> list[Arm]:
    """Return, for each method and depth, the arm with the best accuracy."""
    finished = [(arm, average_accuracy(record.accuracy)) for arm, record in records if record.status == FINISHED]
    return [max(own, key=lambda entry: entry[1])[0] for _, own in groupby(finished, key=lambda entry: entry[0][:2])]


def table(records: Sequence[tuple[Arm, RunRecord]]) -> str:
    """Write means over units, with standard errors."""
    lines = [f"{'depth':>5} {'method':<12} {'strength':>8} {'accuracy':>14} {'forgetting':>14}"]
    for arm, own in groupby(records, key=lambda entry: entry[0]):
        values = [[100 * measure(record.accuracy) for measure in (average_accuracy, forgetting)] for _, record in own if record.status == FINISHED]
        cells = [f"{statistics.mean(column):6.1f} +- {statistics.stdev(column) / len(column) ** 0.5:4.1f}" for column in zip(*values, strict=True)] if values[1:] else ["too few finished"]
        lines.append(f"{arm[1]:>5} {arm[0]:<12} {arm[2]:>8g} " + " ".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def main(out: Path, runs: Path, device: str = "cpu", toy: bool = False, workers: int = cores()) -> int:
    """Choose strengths, compare, write the records and print the table.

    Parameters
    ----------
    out : path
        File of JSON lines.
    runs : path
        Folder of runs.
    device : str
        cpu or cuda.
    toy : bool
        One strength each, and a small network: a rehearsal.
    workers : int
        Runs at a time.
    """
    SourceFile.read(Path(__file__).with_name("cifar_part.py")).module()
    arms = [(method, depth, strength) for depth in DEPTHS for method, values in STRENGTHS.items() for strength in values[: 1 if toy else None]]
    developed = train([(arm, config(arm, 0, device, toy, "validation")) for arm in arms], runs, workers)
    best = chosen(developed)
    confirmed = train([(arm, config(arm, unit, device, toy, "test")) for arm in best for unit in range(1, 1 + (2 if toy else UNITS))], runs, workers)
    write_records(out, [record for _, record in (*developed, *confirmed)])
    print(table(confirmed))
    return STANDS


if __name__ == "__main__":
    sys.exit(command_line(lambda: tyro.cli(main)))
