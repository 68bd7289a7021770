"""The hybrid study: average accuracy and forgetting of every strategy and control, minus those of initialized training."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from deep.studies.design import INITIALIZED
from deep.studies.presets import PRESETS
from deep.studies.records import METRICS
from deep.studies.statistics import comparisons, verdicts
from figures.draw import panel_letter
from figures.measured import half_width, runs_sentence
from figures.registry import Figure
from figures.sampling import Sampler
from figures.study_records import case, confirmed, confirmed_files, figure, look
from figures.style import FAINT, NOTE
from figures.table import MARK, Table

SHOWN = {"average_accuracy": "Avg.Acc", "forgetting": "Forgetting"}
DIFFERENCE, LEVEL, VERDICT = "minus initialized", "itself", "verdict"
_ARM = 0.17  # inches a line


def compute(sampler: Sampler) -> Table:
    table = Table()
    for name, path in confirmed_files().items():
        preset, results = PRESETS[name], confirmed(path)
        for stream in results.streams:
            for place, arm in enumerate(results.arms(stream)):
                for metric in METRICS:
                    own, base = (results.values(stream, which, metric) for which in (arm, INITIALIZED))
                    units = [unit for unit in own if None not in (own[unit], base[unit])]
                    if units:
                        table.add_measured(f"{metric}, {LEVEL}", arm, "arm", place, [own[unit] for unit in units], path.name, case(preset, stream))
                        pairs = [own[unit] - base[unit] for unit in units]
                        table.add_measured(f"{metric}, {DIFFERENCE}", arm, "arm", place, pairs, path.name, case(preset, stream))
        for verdict in verdicts(comparisons(results, preset.rules, preset.level), preset.rules):
            place = results.arms(verdict.stream).index(verdict.rule)
            table.add_mark(VERDICT, verdict.rule, "arm", place, float("nan"), verdict.verdict, case(preset, verdict.stream))
    return table


def draw(table: Table, canvas: Canvas) -> None:
    cases = list(dict.fromkeys(row.case for row in table))
    lines = [len({row.x for row in table.select(case=name)}) + 1 for name in cases]
    axes = canvas.subplots(len(cases), len(SHOWN), sharey="row", sharex="col", squeeze=False, gridspec_kw={"height_ratios": lines})
    for ax, letter, words in zip(axes[0], "ab", SHOWN.values(), strict=True):
        panel_letter(ax, letter, f"{words} minus that of initialized training")
    for ax in axes[-1]:
        ax.set_xlabel("points (%)")
    for row, name in zip(axes, cases, strict=True):
        for ax, metric in zip(row, SHOWN, strict=True):
            _panel(ax, table.select(case=name, quantity=f"{metric}, {DIFFERENCE}"))
        base = table.select(case=name, training=INITIALIZED, quantity=f"average_accuracy, {LEVEL}")
        words = f"{name}; initialized: {100 * base.rows[0].mean:.1f} $\\pm$ {100 * half_width(base)[0]:.1f} %"
        row[0].text(0.01, 0.985, words, transform=row[0].transAxes, fontsize=8.5, va="top", fontweight="bold", color=NOTE)
        for mark in table.select(kind=MARK, case=name):
            row[1].text(1.01, mark.x, mark.source, transform=row[1].get_yaxis_transform(), fontsize=8, va="center", color=NOTE)


def _panel(ax: Axes, table: Table) -> None:
    """One line an arm, from the top."""
    arms = {row.training: row.x for row in table}
    for row, half in zip(table, half_width(table), strict=True):
        own = look(row.training)
        face = own.colour if " " not in row.training else "white"
        ax.errorbar(
            100 * row.mean, row.x, xerr=100 * half, fmt=own.marker, color=own.colour, markersize=4, markerfacecolor=face, elinewidth=1.1, capsize=2.0
        )  # fmt: skip
    ax.axvline(0, color=FAINT, linewidth=0.7, zorder=0)
    ax.set_yticks(list(arms.values()), list(arms), fontsize=8)
    ax.set_ylim(max(arms.values()) + 0.6, -1.7)


def caption(table: Table) -> str:
    supported = [f"{row.training} on {row.case}" for row in table.select(kind=MARK) if row.source == "supported"]
    found = f"Supported: {', '.join(supported)}." if supported else "No rule is supported on any stream."
    return (
        "Rules were chosen on validation data with development seeds; shown are fresh orders and seeds on the test part. Filled: strategies; hollow: "
        "best fixed depth and controls, which have the rule's decisions in random order, or initialized training at the rule's mean step weight. "
        "Paired differences. Words at the right: verdict in Avg.Acc with intervals that hold for all comparisons of a study at once, which are wider "
        f"than the bars; \u201csupported\u201d is above frozen and initialized training and above the control. {found} {_runs(table)}"
    )


def _runs(table: Table) -> str:
    """Say how many runs there are, stream by stream if they differ."""
    measured = table.select(lambda row: row.kind != MARK)
    counts = {name: runs_sentence(Table([row for row in measured if row.case == name]), "orders and seeds") for name in dict.fromkeys(r.case for r in measured)}
    if len(set(counts.values())) == 1:
        return next(iter(counts.values()))
    return " ".join(f"{name}: {sentence}" for name, sentence in counts.items())


def _height() -> float:
    arms = [len(preset.rules) * 2 + 3 + 1.2 for name in confirmed_files() for preset in [PRESETS[name]] for _ in confirmed(confirmed_files()[name]).streams]
    return 0.9 + _ARM * sum(arms)


FIGURE = figure(
    confirmed_files(),
    lambda sources: Figure(
        "Hybrid training beside frozen and initialized training.", compute, draw, caption, size=(8.6, _height()), sources=sources
    ),
)
