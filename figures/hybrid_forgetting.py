r"""Forgetting under hybrid training.

Forgetting, paired differences: to the left of zero less is forgotten than under initialized training, which
may come of learning less. The runs are those of the Avg.Acc of hybrid training, and so are lines and
controls; verdicts do not rest on forgetting. {runs}
"""

from figures.kit.studies import metric_figure, runs

FIGURE = metric_figure("forgetting", "Forgetting", __doc__, globals(), lambda table: {"runs": runs(table)})
