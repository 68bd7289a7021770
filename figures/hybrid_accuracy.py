"""The hybrid study: average accuracy of every strategy and control, minus that of initialized training."""

from __future__ import annotations

from deep.studies.statistics import SUPPORTED
from figures.kit import MARK, Table
from figures.kit.studies import handicapped, metric_figure, runs


def caption(table: Table) -> str:
    supported = [f"{row.training} on {row.case}" for row in table.select(kind=MARK) if row.source == SUPPORTED]
    found = f"Supported: {', '.join(supported)}." if supported else "No rule is supported on any stream."
    return (
        "Avg.Acc, paired differences. Rules were chosen on validation data with development seeds; shown are fresh seeds on the test part, in orders of which "
        "development had used some or all; errors leave out that all runs share their test images. "
        "A rule's control, below it, has the rule's decisions in random order, or is initialized training at the rule's mean step weight"
        f"{', in the first task too, a handicap' if handicapped() else ''}. "
        "Stars and crosses: verdicts, by intervals that hold for all comparisons of a study at once and are wider than the bars; supported is above frozen "
        f"and initialized training and above the controls, worse is below one of both trainings. {found} {runs(table)}"
    )


FIGURE = metric_figure("average_accuracy", "Avg.Acc", "Hybrid training beside frozen and initialized training.", caption, judged=True)
