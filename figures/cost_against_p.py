"""Time of a trial against the number of parameters: the loop that one would write, the direct sampler, the reduced one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.draw import entry, panel_letter
from figures.measured import RECORDS
from figures.registry import Figure
from figures.sampling import Sampler
from figures.style import FAINT, STEPS, Look
from figures.table import MEASURED, Row, Table
from theory.errors import InputError

RECORD = RECORDS / "bench_simulate.jsonl"
SCHEMA = 1
MEDIAN, LEAST, MOST = "median time", "least time", "greatest time"
METHODS = {
    "loop: numpy lstsq": ("loop, numpy.linalg.lstsq", STEPS[3]),
    "loop: torch inverse": ("loop, torch.inverse, single precision", STEPS[2]),
    "direct: numpy float64": ("direct sampler", STEPS[1]),
    "reduced": ("reduced sampler", STEPS[0]),
    "floor: draws, numpy float64": ("drawing alone", Look(FAINT, (0, (1, 1.2)), "")),
}


def read(record: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the line of the machine and those of measured times.

    Raises
    ------
    InputError
        If the record is missing, damaged or of another schema.
    """
    try:
        machine, *rows = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
        if machine["schema"] != SCHEMA:
            raise ValueError(f"its schema is {machine['schema']}, not {SCHEMA}")
        return machine, [row for row in rows if row["kind"] == "time"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read the benchmark {record}: {error}; measure it with: make bench") from None


def compute(_: Sampler) -> Table:
    table = Table()
    _, times = read(RECORD)
    for row in (row for row in times if row["contender"] in METHODS):
        case = f"T={row['tasks']}, n={row['samples']}"
        for quantity, seconds in ((MEDIAN, row["seconds_per_trial"]), (LEAST, row["least"]), (MOST, row["most"])):
            table.rows.append(
                Row(MEASURED, quantity, row["contender"], case, "p", row["parameters"], seconds, None, row["repeats"], source=RECORD.name)
            )
    return table


def draw(table: Table, canvas: Canvas) -> None:
    cases = list(dict.fromkeys(row.case for row in table))
    panels = canvas.subplots(1, len(cases), sharey=True, squeeze=False)[0]
    for letter, ax, case in zip("abcdef", panels, cases, strict=False):
        for name, (_, look) in METHODS.items():
            rows = table.select(training=name, case=case)
            if not len(rows):
                continue
            x, y, low, high = (rows.select(quantity=MEDIAN).column("x"), *(rows.select(quantity=q).column("mean") for q in (MEDIAN, LEAST, MOST)))
            ax.errorbar(
                x, y, (y - low, high - y), color=look.colour, linestyle=look.line, marker=look.marker, markersize=4, capsize=2, elinewidth=1,
                zorder=3,
            )  # fmt: skip
        ax.set(xscale="log", yscale="log", xlabel="$p$, number of parameters")
        panel_letter(ax, letter, f"${case.replace(', ', '$, $')}$")
    panels[0].set_ylabel("seconds per trial")
    panels[0].legend(handles=[entry(look, label) for label, look in METHODS.values()], loc="upper left", fontsize=8.5)
    low, high = (edge(table.column("mean")) for edge in (np.min, np.max))
    panels[0].set_ylim(low / 2, high * 60)  # room for the legend


def caption(table: Table) -> str:
    machine, _ = read(RECORD)
    medians = table.select(quantity=MEDIAN)
    repeats = sorted({row.trials for row in medians})
    gains = [
        f"{_at(medians, case, 'loop: numpy lstsq', p) / _at(medians, case, 'reduced', p):,.0f}-fold at ${case.split(',')[0]}$"
        for case, p in ((case, _common(medians, case)) for case in dict.fromkeys(row.case for row in medians))
    ]
    count = f"{repeats[0]}" if len(repeats) == 1 else f"{repeats[0]} to {repeats[-1]}"
    return (
        "Time of one trial of $T$ tasks in one block, side by side in one run; medians of "
        f"{count} measurements, bars: from the least to the greatest of them. Machine: {machine['cores']} cores. Both samplers use all of "
        "them; a floor for the direct one is to draw its random numbers and do nothing else. The reduced sampler is exact in law, and "
        f"what it draws does not grow with $p$: at $p={_power(_common(medians, medians.rows[0].case))}$ it beats the loop in "
        f"NumPy {' and '.join(gains)}."
    )


def _common(medians: Table, case: str) -> float:
    """Greatest p at which both the loop and the reduced sampler were measured."""
    places = [set(medians.select(training=name, case=case).column("x").tolist()) for name in ("loop: numpy lstsq", "reduced")]
    return max(places[0] & places[1])


def _at(medians: Table, case: str, name: str, p: float) -> float:
    return medians.select(training=name, case=case, x=p).rows[0].mean


def _power(p: float) -> str:
    return f"{int(p):,}".replace(",", "{,}")


# No figure as long as nothing was measured.
FIGURE = Figure("Cost of a trial.", compute, draw, caption, size=(7.4, 3.7), sources=(RECORD,)) if RECORD.exists() else None
