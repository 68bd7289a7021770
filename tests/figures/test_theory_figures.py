"""Figures of regions, optima, replay, fluctuations and robustness: tables against direct calls of the theory.

All are made with the trials of ``--quick``. A simulated point may be 5 standard errors off its exact value: false alarm
6e-7 a point where means are normal, below 3e-4 for the 400 points here; a curve that is off by 8 standard errors at one
point is caught with probability .998. Seeds are fixed, so a pass stays one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from figures import interval_coverage, phase_diagrams
from figures.kit import MARK, SIMULATION, THEORY, Table, binomial_interval
from figures.kit.maps import winner
from figures.registry import discover
from theory import Task, TaskSequence, expected_errors, frozen, initialized
from theory.equivalents import approximate_errors
from theory.regions import frozen_wins

FIGURES = discover()


def assert_points(table: Table, points: int, exact=None, slack=0.0) -> None:
    """Simulated rows of ``table`` lie within 5 standard errors of their theory row, or of ``exact[x]``."""
    rows = table.select(kind=SIMULATION).rows
    assert len(rows) == points
    curves = {(r.quantity, r.training, r.case, r.x): r.mean for r in table.select(kind=THEORY)}
    for row in rows:
        value = curves[row.quantity, row.training, row.case, row.x] if exact is None else exact[row.x]
        assert abs(row.mean - value) < 5 * row.stderr + slack * abs(value), (row, value)


PLANES = {
    "share": lambda x, y: (60, 30, 30, (12, 10), (0.3, 0.3), 2 * x, 2 * (1 - x), y),
    "dimension": lambda x, y: (60, 30, int(x), (12, 20), (0.3, 0.3), 0.0, 2.0, y),
    "noise": lambda x, y: (30, 20, 20, (12, int(x)), (0.3, y), 0.5, 1.5, 0.5),
}


def _plane_rows(table, name):
    """(x, y, advantage) of the law at every 37th place of a plane."""
    rows = table.select(kind=THEORY, quantity=f"forgetting, {name}").rows
    assert len(rows) == len(phase_diagrams.PLANES[name].x) * len(phase_diagrams.PLANES[name].y)
    return [(row.x, float(row.case.split("=")[1]), row.mean) for row in rows[::37] if not math.isnan(row.mean)]


@pytest.mark.parametrize("name", PLANES)
def test_phase_diagrams_show_the_law_and_the_closed_conditions(made, name, paper):
    places = _plane_rows(made("phase_diagrams"), name)
    plane = phase_diagrams.PLANES[name]
    wins = [bool(frozen_wins("forgetting", **plane.case(x, y))) for x, y, _ in places]
    assert 0.05 < np.mean(wins) < 0.95
    for (x, y, value), won in zip(places, wins, strict=True):
        trained, kept = (expected_errors(paper(*PLANES[name](x, y), train_shared)).forgetting() for train_shared in (True, False))
        assert value == pytest.approx(trained - kept, rel=1e-9, abs=1e-9)
        assert abs(value) < 1e-12 or (value > 0) == won


@pytest.mark.parametrize("name", PLANES)
def test_the_winner_changes_at_the_boundary(made, name):
    """Just below and above every point of the black line the closed conditions name different winners."""
    line = made("phase_diagrams").select(kind=THEORY, quantity=f"boundary, {name}")
    plane, compared = phase_diagrams.PLANES[name], 0
    for row in line:
        if row.mean > 1e-3:  # NaN compares false
            below, above = (bool(frozen_wins("forgetting", **plane.case(row.x, row.mean * factor))) for factor in (0.999, 1.001))
            assert (below, above) == ((False, True) if name == "noise" else (True, False))
            compared += 1
    assert compared >= 20


def test_the_strip_at_the_pole_is_empty(made):
    rows = made("phase_diagrams").select(kind=THEORY, quantity="forgetting, noise")
    assert {row.x for row in rows if math.isnan(row.mean)} == {49, 50, 51}


def test_simulated_winners_agree_with_the_law(made):
    """At 99.9 % a wrong winner would be drawn once in 2,000 points; there are 39."""
    table, shown = made("phase_diagrams"), {"frozen": 0, "initialized": 0, "undecided": 0}
    assert_points(table, sum(len(plane.simulated) for plane in phase_diagrams.PLANES.values()))
    for row in table.select(kind=SIMULATION):
        exact = table.only(kind=THEORY, quantity=row.quantity, case=row.case, x=row.x).mean
        found = winner(row.mean, row.stderr)
        shown[found] += 1
        assert found == "undecided" or found == ("frozen" if exact > 0 else "initialized")
    assert shown["frozen"] >= 10 and shown["initialized"] >= 10


def test_a_winner_needs_the_confidence_that_the_caption_states():
    assert [winner(mean, 1.0) for mean in (3.28, 3.30, -3.28, -3.30)] == ["undecided", "frozen", "undecided", "initialized"]


def test_trainable_fraction_runs_from_frozen_to_initialized(made):
    table = made("trainable_fraction")
    assert_points(table, 3 * 3 * 13)
    for square, criterion in itertools.product((0.0, 0.05, 0.15), ("deviation", "generalization")):
        curve = table.select(kind=THEORY, quantity=criterion, case=f"u_11={square:g}")
        arguments = {"samples": (12, 20), "noise": 0.3, "gram": {"shared": np.full((2, 2), square), "specific": [[2.0, 2.0], [2.0, 2.25]]}}
        for training, trained in ((frozen, 0), (initialized, 60)):
            law = expected_errors(training({"shared": 60, "specific": 30}, **arguments))
            assert curve.only(x=trained).mean == pytest.approx(getattr(law, criterion)())
        part = {b: np.asarray(arguments["gram"]["shared"]) * d / 60 for b, d in (("kept", 37), ("moved", 23))}
        gram = {**part, "specific": arguments["gram"]["specific"]}
        seq = frozen({"kept": 37, "moved": 23, "specific": 30}, (12, 20), 0.3, gram=gram, keep=("kept",))
        assert curve.only(x=23).mean == pytest.approx(getattr(expected_errors(seq), criterion)(), rel=1e-12)
        mark = table.only(kind=MARK, quantity=criterion, case=f"u_11={square:g}")
        assert mark.mean == curve.column("mean").min() == curve.only(x=mark.x).mean and 0 < mark.x < 60


def weighted(weight):
    specific = [[2.0, 2.0], [2.0, 2.3]]
    tasks = [
        Task(n, s, {"shared": f"u_{t}", "specific": f"q_{t}"}, ("shared", "specific"), weights={"shared": weight} if t else None)
        for t, (n, s) in enumerate(((10, 0.3), (20, 0.5)))
    ]
    return TaskSequence({"shared": 30, "specific": 40}, tasks, {"shared": np.full((2, 2), 0.1), "specific": specific})


def test_step_weights_join_the_exact_ends(made):
    table = made("step_weight")
    truths = {"gram": {"shared": np.full((2, 2), 0.1), "specific": [[2.0, 2.0], [2.0, 2.3]]}}
    for criterion in ("deviation", "forgetting", "generalization"):
        curve = table.select(kind=THEORY, quantity=criterion)
        for index in (0, 33, 60, 90):
            row = curve.rows[index]
            assert row.mean == pytest.approx(getattr(approximate_errors(weighted(row.x)), criterion)(), rel=1e-9)
        for name, training in (("frozen", frozen), ("initialized", initialized)):
            law = expected_errors(training({"shared": 30, "specific": 40}, (10, 20), (0.3, 0.5), **truths))
            assert set(table.select(quantity=f"{criterion}, end", training=name, kind=THEORY).column("mean")) == {getattr(law, criterion)()}
        ends = {name: table.select(quantity=f"{criterion}, end", training=name).rows[0].mean for name in ("frozen", "initialized")}
        mark = table.only(kind=MARK, quantity=criterion)
        assert mark.mean <= curve.column("mean").min() < min(ends.values()) and 2 < mark.x < 8
        assert curve.only(x=1.0).mean == pytest.approx(ends["initialized"], rel=1e-9)


def test_simulated_weights_follow_the_approximation_and_beat_both_ends(made):
    """The equivalent is off by order 1/dimension: 2.5 % of the deviation's level and 0.04 of forgetting on top of 5 standard errors."""
    table = made("step_weight")
    for criterion, slack in (("deviation", 0.025), ("generalization", 0.025)):
        assert_points(table.select(quantity=criterion), 13, slack=slack)
    forgetting = table.select(quantity="forgetting")
    exact = {row.x: row.mean for row in forgetting.select(kind=THEORY)}
    assert all(abs(row.mean - exact[row.x]) < 5 * row.stderr + 0.04 for row in forgetting.select(kind=SIMULATION))
    for training, criterion in itertools.product(("frozen", "initialized"), ("deviation", "forgetting", "generalization")):
        gain = table.only(kind=SIMULATION, quantity=f"{criterion}, gain", training=training)
        assert gain.mean > 5 * gain.stderr


def test_forgetting_is_a_parabola_in_the_scale_and_the_star_its_minimum(made, paper):
    table = made("update_scale")
    assert_points(table, 2 * 2 * 11)
    for training in ("frozen", "initialized"):
        curve = table.select(kind=THEORY, quantity="forgetting", training=training)
        second = np.diff(curve.column("mean"), 2)
        assert np.ptp(second) < 1e-9 and second[0] > 0
        mark = table.only(kind=MARK, quantity="forgetting", training=training)
        assert mark.mean <= curve.column("mean").min() and abs(mark.x - curve.column("x")[np.argmin(curve.column("mean"))]) <= 0.01
        seq = paper(20, 30, 40, (15, 18), (0.3, 0.3), 0.5, 2.0, 0.5, training == "initialized")
        assert curve.only(x=1.0).mean == pytest.approx(expected_errors(seq).forgetting(), rel=1e-12)
        by_size = table.select(kind=THEORY, quantity="forgetting by magnitude", training=training)
        full = expected_errors(seq).update_magnitude[-1]
        assert by_size.column("x") == pytest.approx(full * curve.column("x") ** 2, rel=1e-9, abs=1e-15)
        assert np.array_equal(by_size.column("mean"), curve.column("mean"))
        mark_by_size = table.only(kind=MARK, quantity="forgetting by magnitude", training=training)
        assert mark_by_size.x == pytest.approx(full * mark.x**2, rel=1e-9)


def schedule(scenario, frozen_tasks, tasks):
    """The schedules figure's experiment, written anew."""
    groups = ["AABBAABB"[t] if scenario == "mixed" else "A" for t in range(tasks)]
    same = np.array([[1.0 if a == b else 0.0 for b in groups] for a in groups])
    gram = {"shared": same, "specific": 0.9 * same + 0.1 * np.eye(tasks)}
    parts = [
        Task(20, 0.3, {"shared": f"u_{t}", "specific": f"q_{t}"}, ("specific",) if t in frozen_tasks else ("shared", "specific"))
        for t in range(tasks)
    ]
    return expected_errors(TaskSequence({"shared": 30, "specific": 60}, parts, gram))


def test_schedules_are_all_there_and_the_best_is_least(made):
    table = made("schedules")
    for scenario, criterion in itertools.product(("similar", "mixed"), ("forgetting", "generalization")):
        rows = table.select(kind=THEORY, quantity=criterion, case=scenario)
        for tasks in (2, 3, 5, 8):
            every = rows.select(training="every schedule", x=tasks).column("mean")
            assert len(every) == 2 ** (tasks - 1) and rows.only(training="best", x=tasks).mean == every.min()
        value = {t: getattr(schedule(scenario, kept, 5), criterion)() for t, kept in (("frozen", {1, 2, 3, 4}), ("initialized", set()))}
        for training, exact in value.items():
            assert rows.only(training=training, x=5).mean == pytest.approx(exact, rel=1e-12)
        subsets = [set(s) for r in range(5) for s in itertools.combinations(range(1, 5), r)]
        values = sorted(getattr(schedule(scenario, kept, 5), criterion)() for kept in subsets)
        assert sorted(rows.select(training="every schedule", x=5).column("mean")) == pytest.approx(values, rel=1e-12)


def test_simulated_schedules_and_the_rule(made):
    """Fixed trainings lie on their lines; the rule mixes them, and beats the best fixed schedule nowhere here."""
    table = made("schedules")
    assert_points(table.select(lambda row: row.training in ("frozen", "initialized")), 2 * 2 * 2 * 4)
    for row in table.select(lambda row: row.training.startswith("hybrid")):
        assert row.mean + 5 * row.stderr > table.only(kind=THEORY, quantity=row.quantity, case=row.case, training="best", x=row.x).mean


def constrained(distance, m):
    tasks = [Task(30, 0.3, {"b": "w_0"}, ("b",)), Task(30, 0.3, {"b": "w_1"}, ("b",), memory={0: m})]
    return expected_errors(TaskSequence({"b": 100}, tasks, {"b": [[1.0, 1.0], [1.0, 1.0 + distance]]})).forgetting()


def replayed(cosine, k):
    gram = np.full((4, 4), cosine) + (1 - cosine) * np.eye(4)
    tasks = [Task(16, 0.3, {"b": f"w_{t}"}, ("b",), start="zero", memory={s: k for s in range(t)}) for t in range(4)]
    return expected_errors(TaskSequence({"b": 120}, tasks, {"b": gram})).generalization()


def test_replay_curves_are_the_law_and_change_direction(made):
    table = made("replay")
    assert_points(table, 4 * 7 + 4 * 9)
    for distance, m in itertools.product((0.0, 0.5, 1.0, 2.0), (0, 7, 30)):
        assert table.only(kind=THEORY, case=f"d_w={distance:g}", x=m).mean == pytest.approx(constrained(distance, m), rel=1e-9)
    for cosine, k in itertools.product((1.0, 0.75, 0.5, 0.0), (0, 5, 16)):
        assert table.only(kind=THEORY, case=f"cosine={cosine:g}", x=k).mean == pytest.approx(replayed(cosine, k), rel=1e-9)
        joint = table.only(kind=MARK, case=f"cosine={cosine:g}")
        assert joint.x == 16 and joint.mean == pytest.approx(replayed(cosine, 16), rel=1e-9)
    changes = {case: np.diff(table.select(kind=THEORY, case=case).column("mean")) for case in ("d_w=0", "d_w=2", "cosine=1", "cosine=0")}
    assert np.all(changes["d_w=0"][:24] < 0) and changes["d_w=0"].sum() < -0.01  # the last samples bring more noise than they save
    assert np.all(changes["cosine=1"] < 0)
    assert np.all(changes["d_w=2"] > 0) and np.all(changes["cosine=0"] > 0)


def test_fluctuations_are_exact_and_fall_with_the_size(made, paper):
    table = made("fluctuations")
    assert_points(table, 13 + 11 + 5)
    means = table.select(kind=THEORY, quantity="deviation")
    for n_2 in (2, 20, 52):
        exact = expected_errors(paper(20, 30, 40, (15, n_2), (0.3, 0.5), 1.0, 1.0, 0.5, True)).deviation()
        assert means.only(x=n_2).mean == pytest.approx(exact, rel=1e-9)
    ratios = table.select(kind=THEORY, quantity="relative standard deviation").column("mean")
    assert np.allclose(ratios[:-1] / ratios[1:], math.sqrt(2), rtol=0.06)
    assert table.select(kind=SIMULATION, quantity="standard deviation").column("moment_order").min() > 8
    within = []
    for row in table.select(quantity="single run"):
        spread = table.only(kind=THEORY, quantity="standard deviation", x=row.x).mean
        within.append(abs(row.mean - means.only(x=row.x).mean) < spread)
    assert 0.6 < np.mean(within) < 0.85  # 68 % if normal, more with heavy tails; 325 runs


def test_coverage_near_the_pole(made):
    """Sampler against chi-square law: 5 binomial standard errors; a coverage that is off by 20 points is seen with .99."""
    table = made("interval_coverage")
    law, sampled = (table.select(training=name) for name in ("chi-square law", "sampler"))
    for row in sampled:
        other = law.only(x=row.x)
        assert abs(row.mean - other.mean) < 5 * math.hypot(other.stderr, math.sqrt(other.mean * (1 - other.mean) / row.trials))
    assert 0.68 < law.only(x=2).mean < 0.84
    assert all(abs(row.mean - 0.95) < 0.04 for row in law if row.x >= 8)
    errors = np.array([[1.0, 3.0] * 50, [9.0, 11.0] * 50])
    assert [interval_coverage.covers(errors, mean) for mean in (2.0, 2.19, 2.21, 10.0)] == [1, 1, 0, 1]
    low, high = binomial_interval(replace(sampled.rows[0], mean=0.8, trials=100))
    assert (low, high) == pytest.approx((0.7082, 0.8733), abs=2e-4)  # Clopper-Pearson, from tables


def test_feature_laws_against_the_exact_law(made, paper):
    """Normal features lie on the law; correlated ones do not (the figure's message), by more than 5 standard errors in sum."""
    table = made("feature_laws")
    for training in ("frozen", "initialized"):
        for n_2 in (2, 17, 32):
            seq = paper(20, 30, 40, (15, n_2), (0.3, 0.5), 1.0, 1.0, 0.5, training == "initialized")
            assert table.only(kind=THEORY, training=training, x=n_2).mean == pytest.approx(expected_errors(seq).deviation(), rel=1e-12)
        curve = {row.x: row.mean for row in table.select(kind=THEORY, training=training)}
        assert_points(table.select(training=training, case="normal", quantity="deviation"), 5, exact=curve)
        assert_points(table.select(training=training, case="Rademacher", quantity="deviation"), 5, exact=curve, slack=0.05)
        for law in ("normal", "Rademacher", "Student t", "correlated"):
            for ratio in table.select(training=training, case=law, quantity="relative difference"):
                row = table.only(training=training, case=law, quantity="deviation", x=ratio.x)
                assert ratio.mean == pytest.approx(100 * (row.mean / curve[row.x] - 1))
                assert ratio.stderr == pytest.approx(100 * row.stderr / curve[row.x])
        apart = table.select(training=training, case="correlated", quantity="relative difference")
        assert apart.column("mean").sum() > 5 * np.sqrt((apart.column("stderr") ** 2).sum())
        if training == "initialized":  # nothing is frozen: heavy tails do not show
            heavy_tailed = table.select(training=training, case="Student t", quantity="relative difference")
            assert abs(heavy_tailed.column("mean").sum()) < 5 * np.sqrt((heavy_tailed.column("stderr") ** 2).sum())
    heavy = table.select(case="Student t")
    kept, moved = (heavy.select(training=name).column("moment_order").max() for name in ("frozen", "initialized"))
    assert kept == 2.5 and moved > 4


@pytest.mark.parametrize("name", ["phase_diagrams", "schedules", "interval_coverage"])
def test_pictures_show_their_table(made, drawn, name):
    """Every simulated value is a drawn point, and every caption names the trials."""
    table = made(name)
    shown = {
        (float(x), round(float(y), 9))
        for ax in drawn(name).axes
        for line in ax.lines
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }
    for row in table.select(kind=SIMULATION):
        assert (row.x, round(float(row.case.split("=")[1]) if name == "phase_diagrams" else row.mean, 9)) in shown
    assert f"{max(row.trials for row in table.select(kind=SIMULATION)):,}" in FIGURES[name].caption(table)
