r"""Cost of a trial.

Time of one trial of $T$ tasks in one block, side by side in one run; medians of {count} measurements, bars:
from the least to the greatest of them. Machine: {cores} cores. Both samplers use all of them; a floor for the
direct one is to draw its random numbers and do nothing else. The reduced sampler is exact in law, and what it
draws does not grow with $p$: at $p={greatest}$ it beats the loop in NumPy {gains}.
"""

import json
from pathlib import Path
from typing import Any

from figures.kit import FAINT, MEASURED, RECORDS, STEPS, Canvas, Figure, Look, Row, Sampler, Table, entry, panels
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
COMPARED = ("loop: numpy lstsq", "reduced")


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


def compute(table: Table, _: Sampler) -> None:
    for row in (row for row in read(RECORD)[1] if row["contender"] in METHODS):
        place = row["contender"], f"T={row['tasks']}, n={row['samples']}", "p", row["parameters"]
        for quantity, seconds in ((MEDIAN, row["seconds_per_trial"]), (LEAST, row["least"]), (MOST, row["most"])):
            table.rows.append(Row(MEASURED, quantity, *place, seconds, None, row["repeats"], source=RECORD.name))


def draw(table: Table, canvas: Canvas) -> None:
    cases = table.cases()
    axes = panels(canvas, [f"${case.replace(', ', '$, $')}$" for case in cases], sharey=True)
    for ax, case in zip(axes, cases, strict=True):
        for name in (name for name in METHODS if len(table.select(training=name, case=case))):
            rows, look = table.select(training=name, case=case), METHODS[name][1]
            y, low, high = (rows.select(quantity=quantity).column("mean") for quantity in (MEDIAN, LEAST, MOST))
            shape = {"color": look.colour, "linestyle": look.line, "marker": look.marker}
            x = rows.select(quantity=MEDIAN).column("x")
            ax.errorbar(x, y, (y - low, high - y), markersize=4, capsize=2, elinewidth=1, zorder=3, **shape)
        ax.set(xscale="log", yscale="log", xlabel="$p$, number of parameters")
    axes[0].set_ylabel("seconds per trial")
    axes[0].legend(handles=[entry(look, label) for label, look in METHODS.values()], loc="upper left", fontsize=8.5)
    seconds = table.column("mean")
    axes[0].set_ylim(seconds.min() / 2, seconds.max() * 60)  # room for the legend


def facts(table: Table) -> dict:
    medians = table.select(quantity=MEDIAN)
    repeats = sorted({row.trials for row in medians})
    gains, places = [], []
    for case in medians.cases():
        loop, reduced = ({row.x: row.mean for row in medians.select(training=name, case=case)} for name in COMPARED)
        places.append(max(loop.keys() & reduced.keys()))  # the greatest p at which both were measured
        gains.append(f"{loop[places[-1]] / reduced[places[-1]]:,.0f}-fold at ${case.split(',')[0]}$")
    count, greatest = " to ".join(map(str, dict.fromkeys((repeats[0], repeats[-1])))), f"{int(places[0]):,}".replace(",", "{,}")
    return {"count": count, "cores": read(RECORD)[0]["cores"], "greatest": greatest, "gains": " and ".join(gains)}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, size=(7.4, 3.7), sources=(RECORD,))
