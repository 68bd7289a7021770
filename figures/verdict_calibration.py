r"""How often verdicts go wrong.

The whole procedure of a check (pilot, planned trials, $z$, Holm, verdict), repeated {runs:,} times for each
family of two formulas, deviation and forgetting, in (a) to (c), and {others} times for each other statement on
the deviation. (a) $|z|$ of the deviation beyond normal quantiles, measured over nominal rate. (b) A right
formula of the family disagrees, at false-alarm rates 0.05 and 0.01. (c) At 0.01: a deviation formula that is
off by exactly $\delta$ does not disagree, or the right formulas do not both agree; hollow in (b) and (c):
initialized training. (d), (e) The same for a bound that is attained, an ordering of frozen and initialized
training that tie, and a limit whose gap has terms in $1/p$ and $1/p^2$; hollow: at 0.01, a statement
that is wrong by exactly $\delta$ holds up to $\delta$. Bars: exact binomial 95 % intervals, without a point
where nothing was counted. The gap {least} is the smallest that is judged: moments exist below order {order:g}.
"""

import numpy as np

from figures.kit import (
    FAINT, FROZEN, INITIALIZED, MARK, MEASURED, NOTE, RECORDS, STEPS, Axes, Canvas, Figure, Look, Row, Sampler, Table, entry, panels,
    plain_log_ticks, ticks,
)  # fmt: skip
from simulate.calibration.report import AGREEMENT, BEYOND, BOUND, EQUALITY, FALSE_ALARM, HELD, LIMIT, ORDERING, TOO_HIGH, TOO_LOW, read_report

RECORD = RECORDS / "calibration.jsonl"
TAIL, ALARM, MISS = "rate of |z| / nominal", "false alarms", "not as promised"
STATEMENTS = "statements: "  # what begins the quantities of all but equalities
UNSEEN = "off by delta, not seen"
SHOWN = "deviation"  # forgetting is much the same
LEVELS = {0.05: Look(STEPS[1].colour, "", STEPS[1].marker), 0.01: Look(STEPS[0].colour, "", STEPS[0].marker)}
_PROMISE = {"color": NOTE, "linewidth": 0.9, "linestyle": (0, (4, 3)), "zorder": 1}
MISSES = {TOO_HIGH: Look(STEPS[2].colour, "", "^"), TOO_LOW: Look(STEPS[1].colour, "", "v"), AGREEMENT: Look(STEPS[0].colour, "", "o")}
MEANING = {TOO_HIGH: "too high by $\\delta$, not seen", TOO_LOW: "too low by $\\delta$, not seen", AGREEMENT: "right, but no agreement"}


def family(rate: dict) -> str:
    """Name a family of formulas, or another statement."""
    relation = {"<=": "$\\leq$", ">=": "$\\geq$"}.get(rate["quantity"].split()[-1])
    named = {BOUND: "{training} {0} bound", ORDERING: "{training} {0} initialized", LIMIT: "limit of {training}", EQUALITY: "{training}"}
    return f"{named[rate['statement']].format(relation, **rate)}, gap {rate['gap']}"


def compute(table: Table, _: Sampler) -> None:
    _, rates = read_report(RECORD)
    for rate in rates:
        strictest = rate["false_alarm"] == min(LEVELS)
        if rate["statement"] != EQUALITY:
            _add_statement(table, rate, strictest)
        elif rate["event"] == BEYOND and rate["quantity"] == SHOWN and strictest:
            _add(table, TAIL, family(rate), "nominal", rate["nominal"], rate["rate"], rate)
        elif rate["event"] == FALSE_ALARM:
            _add(table, ALARM, family(rate), f"gap at {rate['false_alarm']:g}", rate["gap"], rate["rate"], rate)
        elif strictest and (rate["event"] == AGREEMENT or rate["event"] in (TOO_HIGH, TOO_LOW) and rate["quantity"] == SHOWN):
            _add(table, f"{MISS}: {rate['event']}", family(rate), "gap", rate["gap"], 1 - rate["rate"], rate)
    for nominal in sorted({rate["nominal"] for rate in rates if rate["event"] == FALSE_ALARM}):
        table.add_mark(ALARM, "", "promised", 0, nominal, "Settings.false_alarm")
    (power,) = {rate["nominal"] for rate in rates if rate["event"] == TOO_HIGH}
    table.add_mark(MISS, "", "promised", 0, 1 - power, "Settings.power")


def _add_statement(table: Table, rate: dict, strictest: bool) -> None:
    """Add a rate of a bound, an ordering or a limit; of a limit both mistakes are one miss."""
    event = {TOO_HIGH: UNSEEN, TOO_LOW: UNSEEN}.get(rate["event"], rate["event"])
    if event in (FALSE_ALARM, HELD) and (strictest or event == FALSE_ALARM):
        _add(table, f"{STATEMENTS}{event} at {rate['false_alarm']:g}", family(rate), "gap", rate["gap"], rate["rate"], rate)
    elif event in (UNSEEN, AGREEMENT) and strictest:
        _add(table, f"{STATEMENTS}{event}", family(rate), "gap", rate["gap"], 1 - rate["rate"], rate)


def _add(table: Table, quantity: str, name: str, x_name: str, x: float, value: float, rate: dict) -> None:
    table.rows.append(Row(MEASURED, quantity, name, "", x_name, x, value, None, rate["runs"], rate["moment_order"], RECORD.name))


def draw(table: Table, canvas: Canvas) -> None:
    upper, lower = canvas.subfigures(2, 1, height_ratios=(1, 1.15))
    left, middle, right = panels(upper, ("tails of $z$", "false alarms", "misses"), width_ratios=(1.25, 1, 1))
    alarms, misses = panels(lower, ("", ""))
    _draw_tails(left, table.select(quantity=TAIL))
    middle.set(yscale="log", ylim=(3e-3, 0.2), ylabel="share of runs")
    right.set(yscale="log", ylim=(5e-5, 1.5))
    for level, look in LEVELS.items():
        _rates(middle, table.select(quantity=ALARM, x_name=f"gap at {level:g}"), look)
    for place, (event, look) in enumerate(MISSES.items()):
        _rates(right, table.select(quantity=f"{MISS}: {event}"), look, 1.06 ** (place - 1))
    for ax, quantity in ((middle, ALARM), (right, MISS)):
        plain_log_ticks(ax, (8, 12, 20, 40))
        ax.set(xlim=(6.5, 50), xlabel="gap $|n-d|$")
        for row in table.select(kind=MARK, quantity=quantity):
            ax.axhline(row.mean, **_PROMISE)
            ax.text(21, row.mean * 1.02, "promised", ha="center", va="bottom", fontsize=9, color=NOTE)
    middle.legend(handles=[entry(look, f"at {level:g}") for level, look in LEVELS.items()], loc="upper right", ncols=2, handlelength=1)
    right.legend(handles=[entry(look, MEANING[event]) for event, look in MISSES.items()], loc="upper right", fontsize=8.5)
    _draw_statements(alarms, misses, table)
    alarms.set_title("(d) false alarms of other statements", loc="left")
    misses.set_title("(e) their misses", loc="left")


def _draw_tails(ax: Axes, table: Table) -> None:
    """Draw measured over nominal tail rates, families side by side."""
    families = sorted({row.training for row in table}, key=lambda name: (name.split(",")[0], int(name.split()[-1])))
    ax.axhline(1, **_PROMISE)
    ax.set(xscale="log", yscale="log", xlim=(0.1, 5e-5), xlabel="nominal rate", ylabel="measured / nominal")
    ticks(ax.yaxis, {0.25: "1/4", 0.5: "1/2", 1: "1", 2: "2", 4: "4", 8: "8"})
    ax.set_ylim(0.2, 16)
    looks = dict(zip(families, (FROZEN, STEPS[3], Look(FAINT, "-", "D"), INITIALIZED), strict=False))
    for place, (name, look) in enumerate(looks.items()):
        shift = 1.2 ** ((len(families) - 1) / 2 - place)  # the axis runs to the left
        for row in table.select(training=name):
            low, high = row.binomial
            _bar(ax, row.x * shift, *(value / row.x for value in (low, row.mean, high)), look, look.colour)
    ax.legend(handles=[entry(Look(look.colour, "", look.marker), name) for name, look in looks.items()], loc="upper left", fontsize=8.5)


def _draw_statements(alarms: Axes, misses: Axes, table: Table) -> None:
    """Draw the rates of bounds, orderings and limits, a line each."""
    rows = [row for row in table if row.quantity.startswith(STATEMENTS)]
    names = list(dict.fromkeys(row.training for row in rows))
    hollow = f"{HELD} at {min(LEVELS):g}"
    called = {f"{FALSE_ALARM} at {level:g}": (look, f"at {level:g}") for level, look in LEVELS.items()} | {hollow: (LEVELS[0.01], "wrong, but holds")}
    missed = {UNSEEN: (MISSES[TOO_HIGH], "off by $\\delta$, not seen"), AGREEMENT: (MISSES[AGREEMENT], "right, but not so called")}
    for ax, events, quantity, labels in ((alarms, called, ALARM, names), (misses, missed, MISS, [""] * len(names))):
        ax.set(xscale="log", xlim=(3e-4, 0.2), ylim=(len(names) - 0.4, -1.6), xlabel="share of runs")
        ticks(ax.yaxis, dict(enumerate(labels)))
        handles = [entry(look, word) for look, word in events.values()]
        for place, (event, (look, _)) in enumerate(events.items()):
            face = "white" if event == hollow else look.colour
            handles[place].set_markerfacecolor(face)
            for row in (row for row in rows if row.quantity == STATEMENTS + event):
                low, high = row.binomial
                _bar(ax, names.index(row.training) + 0.2 * place - 0.2, low, row.mean, high, look, face, across=True)
        for row in table.select(kind=MARK, quantity=quantity):
            ax.vlines(row.mean, -0.6, len(names) - 0.4, **_PROMISE)
        ax.legend(handles=handles, loc="upper center", ncols=3, fontsize=8.5, handlelength=1, columnspacing=1)


def _rates(ax: Axes, rows: Table, look: Look, shift: float = 1.0) -> None:
    """Draw shares with exact binomial intervals; hollow for initialized training."""
    for row in rows:
        low, high = row.binomial
        face = "white" if row.training.startswith("initialized") else look.colour
        x = row.x * shift * (1.04 if face == "white" else 0.96)
        _bar(ax, x, low, row.mean, high, look, face)


def _bar(ax: Axes, x: float, low: float, mean: float, high: float, look: Look, face: str, *, across: bool = False) -> None:
    """Draw a share with its interval, up or across; of one that is 0, for which a logarithmic axis has no place, the upper end."""
    if mean > 0:
        bars = {"xerr" if across else "yerr": ([mean - low], [high - mean])}
        place = np.array([[mean], [x]] if across else [[x], [mean]])
        ax.errorbar(*place, **bars, fmt=look.marker, color=look.colour, markerfacecolor=face, markersize=4.2, capsize=2, elinewidth=1, zorder=3)
    else:
        start = ax.get_xlim()[0] if across else ax.get_ylim()[0]
        (ax.hlines if across else ax.vlines)(x, start, high, color=look.colour, linewidth=1, zorder=3)
        ax.plot(*([high], [x]) if across else ([x], [high]), marker="|" if across else "_", color=look.colour, zorder=3)


def facts(table: Table) -> dict:
    rows = table.select(kind=MEASURED)
    orders = {row.training.split("gap ")[1]: row.moment_order for row in rows}
    least = min(orders, key=orders.get)
    equal, others = ({row.trials for row in rows if row.quantity.startswith(STATEMENTS) == other} for other in (False, True))
    text = " to ".join(f"{runs:,}" for runs in dict.fromkeys((min(others, default=0), max(others, default=0))))
    return {"runs": max(equal), "others": text, "least": least, "order": orders[least]}


FIGURE = Figure(__doc__, compute, draw, globals(), facts, size=(7.8, 6.6), sources=(RECORD,))
