"""Forgetting and similarity

A figure of your own: two tasks with truths of length 1 in one block of {p} parameters, {n} samples each, without noise. Curve: the exact law. {simulation}
"""
# $ driftlaw figures own_similarity --load figure.py --quick
#
# A figure fills a table and is drawn by nothing but that table; the docstring above is its caption. PNG, SVG, PDF and CSV go to
# figures-out/, where the command keeps what is finished.

from figures.kit import FROZEN, Figure, Line, Panel, Point, curves
from figures.registry import FIGURES
from theory import expected_errors, one_block

p, n = 40, 10
COSINES = [-1, -0.5, 0, 0.5, 1]


def build(cosine):
    """The experiment at a similarity."""
    return one_block(p, (n, n), 0, gram=[[1, cosine], [cosine, 1]])


def compute(table, sampler):
    """Fill the table: the exact law, and simulated points."""
    values = [float(expected_errors(build(cosine)).forgetting()) for cosine in COSINES]
    table.add_curve("forgetting", "one block", "cosine", COSINES, values, "expected_errors")
    sampler.add(table, "cosine", [Point({"one block": build(cosine)}, ("forgetting",), x=cosine) for cosine in COSINES])


PANEL = Panel("", [Line(FROZEN, "")], axes={"xlabel": "cosine of the two truths", "ylabel": "forgetting"}, zero=True)
FIGURES.register(Figure(__doc__, compute, curves(PANEL), globals(), trials=2000, quick_trials=200), name="own_similarity")
