"""What goes for every figure: simulated points against the curves, pictures against their tables, tables as files."""

import math

import numpy as np
import pytest

from figures.kit.table import SIMULATION, THEORY
from figures.registry import discover
from figures.report.pictures import read_table

pytestmark = pytest.mark.slow

FIGURES = discover()
# Figures without curves that simulated points lie on, and such ones whose pictures hold more: the other files know them.
OF_ANOTHER_KIND = {
    "interval_coverage", "feature_laws", "accuracy_matrices", "update_path", "cost_against_p", "forgetting_distributions",
    "verdict_calibration", "hybrid_accuracy", "hybrid_forgetting", "hybrid_scores", "magnitude_forgetting", "memory_fronts", "memory_study",
    "regimes_study", "ntk_width", "ntk_adapters",
}  # fmt: skip
WITH_MORE = {"phase_diagrams", "step_weight", "schedules", "linear_training", "hybrid_estimate"}


@pytest.fixture(params=sorted(set(FIGURES) - OF_ANOTHER_KIND - WITH_MORE))
def name(request):
    """Name of a figure of exact curves and simulated points with normal intervals."""
    return request.param


@pytest.fixture
def table(name, made):
    return made(name)


@pytest.fixture
def canvas(name, drawn):
    return drawn(name)


@pytest.mark.parametrize("name", sorted(set(FIGURES) - OF_ANOTHER_KIND))
def test_simulated_points_agree_with_the_theory_at_their_place(name, table):
    """False alarm: 6e-7 a point, below 6e-4 for all figures if means were normal; seeds are fixed, so a pass stays one.

    Power: a curve that is off by 8 standard errors at one point is caught with probability .998.
    """
    curves = table.select(lambda row: row.source not in ("v1_reconstruction", "limit"), kind=THEORY)
    points = table.select(lambda row: not row.training.startswith("hybrid") and not row.quantity.endswith("gain"), kind=SIMULATION)
    for row in points:
        exact = curves.only(quantity=row.quantity, training=row.training, case=row.case, x=row.x).mean
        assert abs(row.mean - exact) < 5 * row.stderr, row
    assert len(points) >= 8 and f"{points.trials():,} independent trials" in FIGURES[name].caption(table)


def places(lines):
    return {(float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True)}


def test_everything_drawn_is_in_the_table_and_the_other_way_round(table, canvas):
    """Beyond it only reference lines are drawn, at 0 and at the error of task 1."""
    caps = {cap for ax in canvas.axes for container in ax.containers for cap in container.lines[1]}
    lines = [line for ax in canvas.axes for line in ax.lines if line not in caps]
    across = {line for line in lines if list(line.get_xdata()) == [0, 1] and len(set(line.get_ydata())) == 1}
    levels = {float(line.get_ydata()[0]) for line in across}
    assert levels <= {0.0, *table.select(quantity="error of task 1").column("mean")}
    table = table.select(lambda row: not math.isnan(row.mean) and row.quantity != "error of task 1")
    drawn = {(x, y) for x, y in places(line for line in lines if line not in across) if not math.isnan(y)}
    assert drawn == {(row.x, row.mean) for row in table}


@pytest.mark.parametrize("name", ["phase_diagrams", "schedules", "interval_coverage", "hybrid_estimate"])
def test_every_simulated_value_is_drawn(name, table, canvas):
    shown = {(x, round(y, 9)) for x, y in places(line for ax in canvas.axes for line in ax.lines)}
    points = table.select(kind=SIMULATION)
    assert f"{max(row.trials for row in points):,}" in FIGURES[name].caption(table)
    assert {(row.x, round(float(row.case.split("=")[1]) if name == "phase_diagrams" else row.mean, 9)) for row in points} <= shown


def test_points_carry_95_percent_intervals_and_are_hollow_without_a_fourth_moment(name, table, canvas):
    drawn = []
    for container in (container for ax in canvas.axes for container in ax.containers):
        line, _, (bars,) = container.lines
        hollow = line.get_markerfacecolor() == "white"
        drawn += [(x, y, np.ptp(bar[:, 1]), hollow) for x, y, bar in zip(*line.get_data(), bars.get_segments(), strict=True)]
    rows = table.select(kind=SIMULATION)
    wanted = [(row.x, row.mean, 2 * 1.959964 * row.stderr, row.moment_order <= 4) for row in rows]
    assert np.array(sorted(set(drawn))) == pytest.approx(np.array(sorted(wanted)), rel=1e-4)  # some are drawn in two panels
    assert all(row.moment_order > 2 and row.trials == FIGURES[name].quick_trials for row in rows)
    assert ("Hollow points" in FIGURES[name].caption(table)) == any(hollow for *_, hollow in wanted)


@pytest.mark.parametrize("name", FIGURES)
def test_words_are_all_there_inside_and_off_the_data(name, table, canvas):
    """The whole caption lies below the axes, nothing is cut at the edge, and no legend covers a point of its axes."""
    assert " ".join(text.get_text() for text in canvas.texts) == f"{FIGURES[name].title} {FIGURES[name].caption(table)}"
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


@pytest.mark.parametrize("name", FIGURES)
def test_tables_are_read_back_with_every_number_in_full(made, name, tmp_path):
    (tmp_path / "table.csv").write_text(made(name).csv())
    found = read_table(tmp_path / "table.csv")
    assert all(np.array_equal(found.column(column), made(name).column(column), equal_nan=True) for column in ("x", "mean", "stderr", "trials", "moment_order"))
