"""What is drawn: numbers against direct calls of law and formulas, and pictures against their tables."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas

from figures.kit.style import canvas_with_caption, style
from figures.kit.table import MARK, SIMULATION, THEORY
from figures.registry import discover
from theory import expected_errors, frozen, initialized, one_block

FIGURES = discover()
# Maps, bars of other kinds, curves that are approximate or deliberately left: the other files of figure tests know them.
OF_ANOTHER_KIND = {
    "phase_diagrams", "step_weight", "schedules", "interval_coverage", "feature_laws", "accuracy_matrices", "update_path",
    "linear_training", "cost_against_p", "forgetting_distributions", "verdict_calibration",
    "hybrid_accuracy", "hybrid_depths", "hybrid_forgetting", "hybrid_scores", "magnitude_forgetting",
}  # fmt: skip


@pytest.fixture(params=sorted(set(FIGURES) - OF_ANOTHER_KIND))
def name(request):
    """Name of a figure of exact curves and simulated points with normal intervals."""
    return request.param


@pytest.fixture
def table(name, made):
    return made(name)


@pytest.fixture
def canvas(name, drawn):
    return drawn(name)


def test_simulated_points_agree_with_the_theory_at_their_place(table):
    """False alarm: 6e-7 a point, about 2e-4 for all figures if means were normal; seeds are fixed, so a pass stays one.

    Power: a curve that is off by 8 standard errors at one point is caught with probability .998.
    """
    compared = 0
    for row in table.select(lambda row: row.kind == SIMULATION and row.moment_order > 4):
        curves = table.select(
            lambda r: r.source not in ("v1_reconstruction", "limit"), kind=THEORY, quantity=row.quantity, training=row.training, case=row.case, x=row.x
        )
        (curve,) = curves.rows
        assert abs(row.mean - curve.mean) < 5 * row.stderr, (row, curve)
        compared += 1
    assert compared >= 8


def test_intervals_are_drawn_only_where_the_variance_is_finite(name, table):
    for row in table.select(kind=SIMULATION):
        assert row.moment_order > 2 and row.trials == FIGURES[name].quick_trials and 0 < row.stderr < math.inf


def test_everything_drawn_is_in_the_table_and_the_other_way_round(table, canvas):
    """Beyond it only reference lines are drawn, at 0 and at the error of task 1."""
    caps = {cap for ax in canvas.axes for container in ax.containers for cap in container.lines[1]}
    lines = [line for ax in canvas.axes for line in ax.lines if line not in caps]
    across = {line for line in lines if list(line.get_xdata()) == [0, 1] and len(set(line.get_ydata())) == 1}
    levels = {float(line.get_ydata()[0]) for line in across}
    assert levels <= {0.0, *table.select(quantity="error of task 1").column("mean")}
    drawn = {(float(x), float(y)) for line in lines if line not in across for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)}
    table = table.select(lambda row: not math.isnan(row.mean) and row.quantity != "error of task 1")
    assert {(x, y) for x, y in drawn if not math.isnan(y)} == {(row.x, row.mean) for row in table}


def test_bars_are_95_percent_intervals(table, canvas):
    bars = {}
    for ax in canvas.axes:
        for container in ax.containers:
            (segments,) = (collection.get_segments() for collection in container.lines[2])
            bars |= {(float(s[:, 0].mean()), round(float(s[:, 1].mean()), 12)): float(np.ptp(s[:, 1])) for s in segments}
    shown = table.select(lambda row: (row.x, round(row.mean, 12)) in bars, kind=SIMULATION)
    assert len(shown) >= 8
    for row in shown:
        assert bars[row.x, round(row.mean, 12)] == pytest.approx(2 * 1.959964 * row.stderr, rel=1e-4)


def test_hollow_points_are_those_without_a_fourth_moment(table, canvas):
    faces = {True: set(), False: set()}
    for ax in canvas.axes:
        for container in ax.containers:
            line = container.lines[0]
            faces[line.get_markerfacecolor() == "white"] |= set(
                zip(map(float, line.get_xdata()), map(float, line.get_ydata()), strict=True)
            )
    for hollow, drawn in faces.items():
        rows = table.select(lambda row, hollow=hollow: row.kind == SIMULATION and (row.moment_order <= 4) == hollow)
        assert drawn == {(row.x, row.mean) for row in rows}


def test_captions_tell_trials_and_intervals(name, table):
    text = FIGURES[name].caption(table)
    assert f"means of {FIGURES[name].quick_trials:,} independent trials" in text and "95\u00a0% intervals" in text and "1.96 standard errors" in text
    assert ("Hollow points" in text) == any(row.kind == SIMULATION and row.moment_order <= 4 for row in table)
    assert (name == "reconstruction_split") == ("form is our reconstruction" in text)


@pytest.mark.parametrize("name", FIGURES)
def test_words_stay_inside_and_off_the_data(name, drawn):
    """Nothing is cut at the edge, the caption lies below the axes, and no legend covers a point of its axes."""
    canvas = drawn(name)
    renderer = canvas.canvas.get_renderer()
    box = canvas.bbox
    for text in [*canvas.texts, *(t for ax in canvas.axes for t in (ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.texts))]:
        if not text.get_text():
            continue
        extent = text.get_window_extent(renderer)
        assert box.x0 - 1 <= extent.x0 and extent.x1 <= box.x1 + 1 and box.y0 - 1 <= extent.y0 and extent.y1 <= box.y1 + 1, text
    caption_top = max(text.get_window_extent(renderer).y1 for text in canvas.texts)
    assert caption_top <= min(ax.get_tightbbox(renderer).y0 for ax in canvas.axes if ax.get_visible())
    for ax in canvas.axes:
        words = [t.get_window_extent(renderer) for t in ax.texts if t.get_window_extent(renderer).y1 <= ax.bbox.y1]
        words += [ax.get_legend().get_window_extent(renderer)] if ax.get_legend() else []
        for container in ax.containers:
            for place in ax.transData.transform(np.column_stack(container.lines[0].get_data())):
                assert ax.bbox.padded(5).contains(*place), "a point lies outside the axes"
                assert not any(extent.contains(*place) for extent in words), "a point is covered"


def test_tables_are_csv_with_every_number_in_full(table):
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert list(rows[0]) == ["kind", "quantity", "training", "case", "x_name", "x", "mean", "stderr", "trials", "moment_order", "source"]
    assert len(rows) == len(table) > 50
    for written, row in zip(rows, table, strict=True):
        assert float(written["mean"]) == row.mean or math.isnan(row.mean)
        assert written["stderr"] == ("" if row.stderr is None else repr(row.stderr))


def test_deviation_curves_are_the_law_with_gaps_at_both_poles(made, paper):
    table = made("deviation_against_p2")
    gaps = {}
    for training in ("frozen", "initialized"):
        for p_2 in (9, 15, 25, 38, 42, 100, 240):
            seq = paper(20, 8, p_2, (14, 40), (0.3, 0.3), 1.0, 1.0, 0.25, training == "initialized")
            row = table.only(kind=THEORY, training=training, x=p_2)
            assert row.mean == pytest.approx(expected_errors(seq).deviation(), rel=1e-12)
        curve = table.select(kind=THEORY, training=training)
        gaps[training] = curve.column("x")[np.isnan(curve.column("mean"))].tolist()
    assert gaps == {"frozen": [39, 40, 41], "initialized": [19, 20, 21]}
    simulated = table.select(kind=SIMULATION, training="frozen").column("x")
    assert {36, 44} <= set(simulated) and not np.any(np.abs(simulated - 40) < 4)
    assert simulated.min() < 20 and simulated.max() > 200


def test_the_difference_is_paired(made, paper):
    """Its standard error is that of values on the same draws, not that of two independent samples."""
    table = made("deviation_against_p2")
    left, right, both = (table.only(kind=SIMULATION, training=t, x=170) for t in ("frozen", "initialized", "frozen - initialized"))
    assert both.mean == pytest.approx(left.mean - right.mean, rel=1e-9)
    assert both.stderr < 0.8 * math.hypot(left.stderr, right.stderr)


def test_forgetting_curves_are_the_law_and_stars_their_minima(made, paper):
    table = made("forgetting_against_p2")
    for training, d_q in (("frozen", 0.0), ("frozen", 0.25), ("frozen", 0.5), ("frozen", 1.0), ("initialized", 0.25)):
        curve = table.select(kind=THEORY, training=training, case=f"d_q={d_q:g}")
        for p_2 in (40, 53, 380):
            seq = paper(10, 24, p_2, (20, 16), (0.3, 0.3), 0.3, 2.5, d_q, training == "initialized")
            assert curve.only(x=p_2).mean == pytest.approx(expected_errors(seq).forgetting(), rel=1e-12)
    marks = table.select(kind=MARK)
    assert [row.case for row in marks] == ["d_q=0", "d_q=0.25", "d_q=0.5"]
    for mark in marks:
        values = [
            expected_errors(paper(10, 24, p_2, (20, 16), (0.3, 0.3), 0.3, 2.5, float(mark.case[4:]))).forgetting()
            for p_2 in (math.floor(mark.x) - 1, math.floor(mark.x), math.ceil(mark.x), math.ceil(mark.x) + 1)
        ]
        assert mark.x > 25 and mark.mean <= min(values) < mark.mean + 1e-4 and values[1] <= values[0] and values[2] <= values[3]
    distant = table.select(kind=THEORY, case="d_q=1").column("mean")
    assert np.all(np.diff(distant) < 0) and distant[-1] > 0


def test_reconstruction_and_law_cross_where_the_norm_is_split_as_the_dimensions(made, paper):
    table = made("reconstruction_split")
    for p_1 in (60, 20):
        share = 40 / (40 + p_1)
        for place in (0.0, 0.3, 1.0):
            seq = paper(40, p_1, 60, (30, 20), (0.3, 0.5), place, 1 - place, 0.0)
            exact = expected_errors(seq).deviation()
            gap = table.only(kind=THEORY, source="v1_reconstruction_gap", case=f"p_1={p_1}", x=place).mean
            assert (gap > 0) == (place > share) and abs(gap) > 0.01
            if p_1 == 60:
                assert table.only(source="expected_errors", x=place).mean == pytest.approx(exact, rel=1e-12)
                assert table.only(kind=THEORY, source="v1_reconstruction", x=place).mean == pytest.approx(exact - gap, rel=1e-12)
                point, difference = (
                    table.only(kind=SIMULATION, case="p_1=60", x=place, quantity=q) for q in ("deviation", "deviation - reconstruction")
                )
                assert difference.mean == pytest.approx(point.mean - exact + gap, abs=1e-12) and difference.stderr == point.stderr
        mark = table.only(kind=MARK, quantity="deviation - reconstruction", case=f"p_1={p_1}")
        assert mark.x == pytest.approx(share, rel=1e-12) and mark.mean == pytest.approx(0, abs=1e-12)
    mark = table.only(kind=MARK, quantity="deviation")
    seq = paper(40, 60, 60, (30, 20), (0.3, 0.5), 0.4, 0.6, 0.0)
    assert mark.x == pytest.approx(0.4, rel=1e-12) and mark.mean == pytest.approx(expected_errors(seq).deviation(), rel=1e-12)


def test_curves_against_T_are_those_of_sequences_with_T_tasks(made, paper):
    """The figure reads all T from one long sequence; here each T is an experiment of its own."""
    table = made("forgetting_against_T")
    blocks = {"shared": 30, "specific": 60}

    def sequence(training, gram):
        if training == "one block":
            return one_block(60, (15,) * len(gram), 0.3, gram=gram)
        build = {"frozen": frozen, "initialized": initialized}[training]
        return build(blocks, (20,) * len(gram), 0.3, gram={"shared": np.ones_like(gram), "specific": gram})

    for training in ("one block", "frozen", "initialized"):
        for case, cosine in (("similar", 0.9), ("dissimilar", 0.0)):
            for tasks in (1, 2, 7, 20):
                law = expected_errors(sequence(training, np.where(np.eye(tasks) == 1, 1.0, cosine)))
                row = table.only(kind=THEORY, quantity="generalization", training=training, case=case, x=tasks)
                assert row.mean == pytest.approx(law.generalization(), rel=1e-12)
                if tasks > 1:
                    row = table.only(kind=THEORY, quantity="forgetting", training=training, case=case, x=tasks)
                    assert row.mean == pytest.approx(law.forgetting(), rel=1e-12)
    assert {row.source for row in table.select(kind=THEORY, training="one block")} == {"lin_forgetting", "lin_generalization"}


def test_an_empty_canvas_carries_the_whole_caption():
    with style():
        canvas = canvas_with_caption((4, 2), "A title.", "words and $a + b$ " * 30)
    shown = " ".join(text.get_text() for text in canvas.texts)
    assert isinstance(canvas, Canvas) and shown == "A title. " + ("words and $a + b$ " * 30).strip()
