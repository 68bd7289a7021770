"""What the measurements say: the goals, met or not and why, and the table."""

import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from contenders import DIRECT, DRAWS, GRAM, INVERSE, LSTSQ, REDUCED, SOLVES, TORCH_DRAWS, TORCH_SINGLE

from simulate.work.files import replace_file
from simulate.work.machine import cores
from simulate.work.provenance import processor

Rows = list[dict[str, Any]]
SCHEMA = 1


def machine(**settings: Any) -> dict[str, Any]:
    """Return the first row of a record, which describes what the numbers were measured on."""
    versions = {name: version(name) for name in ("numpy", "torch", "scipy", "driftlaw")}
    return {
        "kind": "machine", "schema": SCHEMA, "date": datetime.datetime.now(datetime.UTC).date().isoformat(), "processor": processor(), "cores": cores(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None, "python": platform.python_version(), "versions": versions,
        "load_before": os.getloadavg()[0], **settings,
    }  # fmt: skip


def write(path: Path | None, rows: Rows) -> None:
    """Write the rows as JSON lines, if there is a path."""
    if path is not None:
        replace_file(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def goals(rows: Rows) -> Rows:
    """Compare what was measured with the goals, as far as their points were measured."""
    times = {(row["contender"], row["tasks"], row["parameters"]): row["seconds_per_trial"] for row in rows if row["kind"] == "time"}
    found: Rows = []

    def goal(text: str, value: float, bound: float, at_least: bool, why: str = "") -> None:
        met = value >= bound if at_least else value <= bound
        found.append({"kind": "goal", "goal": text, "value": value, "side": "at least" if at_least else "at most", "bound": bound, "met": met, "why": "" if met else why})

    for tasks in sorted({t for _, t, _ in times}):
        at = {(name, p): seconds for (name, t, p), seconds in times.items() if t == tasks}
        if (DIRECT, 400) in at:
            share = at[TORCH_DRAWS, 400] / at[DRAWS, 400]
            draws = f"the loop draws in single precision, which takes {share:.2f} of the direct sampler's own draws"
            for loop, why in ((LSTSQ, ""), (INVERSE, draws)):
                goal(f"T = {tasks}, p = 400: direct, times faster than {loop}", at[loop, 400] / at[DIRECT, 400], 5, True, why)
            goal(
                f"T = {tasks}, p = 400: direct in torch float32, times faster than {INVERSE}", at[INVERSE, 400] / at[TORCH_SINGLE, 400], 5, True,
                f"drawing alone takes {at[TORCH_DRAWS, 400] / at[INVERSE, 400]:.2f} of the loop's time",
            )  # fmt: skip
        for p in sorted(p for name, p in at if name == DIRECT and p >= 400):
            parts = ", ".join(f"{part.split(': ')[1].split(',')[0]} {at[part, p] / at[DIRECT, p]:.0%}" for part in (DRAWS, GRAM, SOLVES))
            goal(f"T = {tasks}, p = {p:,}: direct, multiple of drawing its numbers", at[DIRECT, p] / at[DRAWS, p], 1.5, False, f"of its time {parts}")
        if (LSTSQ, 10_000) in at:
            for loop in (LSTSQ, INVERSE):
                why = f"a trial takes {at[REDUCED, 10_000] / tasks * 1e6:.3g} microseconds a task, whatever p"
                goal(f"T = {tasks}, p = 10,000: reduced, times faster than {loop}", at[loop, 10_000] / at[REDUCED, 10_000], 1000, True, why)
        flat = {p: seconds for (name, p), seconds in at.items() if name == REDUCED}
        if len(flat) > 1:
            slowest, fastest = max(flat, key=flat.get), min(flat, key=flat.get)
            why = f"slowest at p = {slowest:,}, fastest at p = {fastest:,}; see the ranges of both"
            goal(f"T = {tasks}: reduced, slowest p over fastest p", flat[slowest] / flat[fastest], 1.2, False, why)
    for row in rows:
        if row["kind"] == "sweep":
            goal(f"published sweep of {row['points']} points, reduced, seconds", row["seconds"], 60, False)
    return found


def table(rows: Rows) -> str:
    """Write the rows as text."""
    about = rows[0]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    processor = f"{about['processor']}, {about['cores']} cores" + (f", {about['gpu']}" if about["gpu"] else "")
    lines = [
        f"Samplers, {about['date']}: {processor}; Python {about['python']}, {versions}; load {about['load_before']:.2f} before.",
        "Microseconds a trial, all cores: median, and half the range, of measurements in turns; n = 50.",
    ]
    for tasks in sorted({row["tasks"] for row in rows if row["kind"] == "time"}):
        lines += ["", *_times([row for row in rows if row["kind"] == "time" and row["tasks"] == tasks], tasks)]
    lines += ["", *_rest(rows)]
    return "\n".join(lines) + "\n"


def _times(rows: Rows, tasks: int) -> list[str]:
    columns = sorted({row["parameters"] for row in rows})
    cells = {(row["contender"], row["parameters"]): row for row in rows}
    lines = [f"{f'T = {tasks}':<36}" + "".join(f"{f'p = {p:,}':>19}" for p in columns)]
    for name in dict.fromkeys(row["contender"] for row in rows):
        lines.append(f"{name:<36}" + "".join(f"{_cell(cells.get((name, p))):>19}" for p in columns))
    return lines


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    return f"{_short(row['seconds_per_trial'] * 1e6)} +-{100 * (row['most'] - row['least']) / 2 / row['seconds_per_trial']:3.0f} %"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _rest(rows: Rows) -> list[str]:
    lines = []
    for row in rows:
        if row["kind"] == "sweep":
            loops = "; ".join(f"{loop} {seconds:,.0f} s" for loop, seconds in row["estimated_loop_seconds"].items() if seconds is not None)
            lines.append(f"Published sweep, {row['points']} points, {row['trials']:,} trials: reduced {row['seconds']:.1f} s.")
            lines.append(f"    Estimated from the points above, not run: {loops or 'nothing, no loop was measured at T = 10'}.")
        if row["kind"] == "verdicts":
            moved = "; ".join(row["moved"]) or "none"
            lines.append(
                f"Verdicts, {row['sampling']}: {row['verdicts']} testable, moved: {moved}; largest |z| {row['largest_z']:.2f}, "
                f"mean z^2 {row['mean_squared_z']:.2f}, largest shift of z {row['largest_shift_of_z']:.2g}."
            )
    for row in rows:
        if row["kind"] == "goal":
            missed = "met" if row["met"] else "MISSED" + (f": {row['why']}" if row["why"] else "")
            lines.append(f"Goal {row['goal']}: {row['value']:.3g} ({row['side']} {row['bound']:g}) {missed}")
    return lines
