r"""Hybrid training beside frozen and initialized training.

Avg.Acc, paired differences. Rules were chosen on validation data with development seeds; shown are fresh
seeds on the test part, in orders of which development had used some or all; bars take runs as independent, and
leave out that all share their test images. A rule's control, below it, has the rule's decisions in random order,
or is initialized training at the rule's mean step weight, in older runs in the first task too, a handicap. Stars and crosses: verdicts, by intervals
that hold for all comparisons of a study at once, with orders as the draws; supported is above frozen and
initialized training and above the controls, worse is below one of both trainings. {found} {runs}
"""

from deep.studies.statistics import SUPPORTED
from figures.kit import MARK, Table
from figures.kit.studies import metric_figure, runs


def facts(table: Table) -> dict:
    supported = [f"{row.training} on {row.case}" for row in table.select(kind=MARK, source=SUPPORTED)]
    found = f"Supported: {', '.join(supported)}." if supported else "No rule is supported on any stream."
    return {"found": found, "runs": runs(table)}


FIGURE = metric_figure("average_accuracy", "Avg.Acc", __doc__, globals(), facts, judged=True)
