"""Tables of figures against direct calls of the theory at experiments that are written anew here; with the trials of ``--quick``."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from figures import interval_coverage, phase_diagrams
from figures.kit import MARK, SIMULATION, THEORY
from figures.phase_diagrams import HEIGHTS, winner
from theory import Ridge, Task, TaskSequence, expanding, expected_errors, frozen, initialized, one_block
from theory.equivalents import approximate_errors
from theory.regions import frozen_wins

BUILD = {"frozen": frozen, "initialized": initialized}
CRITERIA = ("deviation", "forgetting", "generalization")


def truths(u: float, q: float, d_q: float) -> dict[str, np.ndarray]:
    """Inner products of two tasks with u_2 = u_1 and q_2 - q_1 orthogonal to q_1."""
    return {"shared": np.full((2, 2), u), "specific": np.array([[q, q], [q, q + d_q]])}


def paper(training: str, p, p_1, p_2, n, sigma, u, q, d_q) -> TaskSequence:
    """The paper's setting."""
    return expanding(p, (p_1, p_2 - p_1), n, sigma, gram=truths(u, q, d_q), train_shared=training == "initialized")


def alike(tasks: int, cosine: float) -> np.ndarray:
    """Inner products of truths of length 1."""
    return np.full((tasks, tasks), cosine) + (1 - cosine) * np.eye(tasks)


def scheduled(scenario: str, frozen_tasks: set[int], tasks: int) -> TaskSequence:
    groups = ["AABBAABB"[t] if scenario == "mixed" else "A" for t in range(tasks)]
    same = np.array([[1.0 if a == b else 0.0 for b in groups] for a in groups])
    gram = {"shared": same, "specific": 0.9 * same + 0.1 * np.eye(tasks)}
    parts = [Task(20, 0.3, {"shared": f"u_{t}", "specific": f"q_{t}"}, ("specific",) if t in frozen_tasks else ("shared", "specific")) for t in range(tasks)]
    return TaskSequence({"shared": 30, "specific": 60}, parts, gram)


def constrained(distance: float, m: int) -> TaskSequence:
    tasks = [Task(30, 0.3, {"b": "w_0"}, ("b",)), Task(30, 0.3, {"b": "w_1"}, ("b",), memory={0: m})]
    return TaskSequence({"b": 100}, tasks, {"b": [[1.0, 1.0], [1.0, 1.0 + distance]]})


def replayed(cosine: float, k: int) -> TaskSequence:
    tasks = [Task(16, 0.3, {"b": f"w_{t}"}, ("b",), start="zero", memory={s: k for s in range(t)}) for t in range(4)]
    return TaskSequence({"b": 120}, tasks, {"b": alike(4, cosine)})


def experiments() -> Iterator[tuple[str, str, dict, TaskSequence]]:
    """Figure, quantity, fields of one of its exact rows, and the experiment that the row is about."""
    for training, build in BUILD.items():
        own = {"training": training}
        for p_2 in (9, 15, 25, 38, 42, 100, 240):
            yield "deviation_against_p2", "deviation", own | {"x": p_2}, paper(training, 20, 8, p_2, (14, 40), (0.3, 0.3), 1.0, 1.0, 0.25)
        for n_2 in (2, 17, 32):
            yield "feature_laws", "deviation", own | {"x": n_2}, paper(training, 20, 30, 40, (15, n_2), (0.3, 0.5), 1.0, 1.0, 0.5)
        yield "update_scale", "forgetting", own | {"x": 1.0}, paper(training, 20, 30, 40, (15, 18), (0.3, 0.3), 0.5, 2.0, 0.5)
        for n_2 in (10, 40):
            seq = build({"shared": 40, "specific": 60}, (30, n_2), (0.3, 0.5), gram={"shared": np.ones((2, 2)), "specific": alike(2, 0.6)})
            yield "linear_training", "deviation", own | {"x": n_2}, seq
            yield "linear_training", "update_magnitude", own | {"x": n_2, "quantity": "update"}, seq
        for criterion, weight in itertools.product(CRITERIA, (1e-2, 1e4)):
            seq = build({"shared": 30, "specific": 40}, (10, 20), (0.3, 0.5), gram=truths(0.1, 2.0, 0.3))
            yield "step_weight", criterion, own | {"x": weight, "quantity": f"{criterion}, end"}, seq
        for scenario, criterion in itertools.product(("similar", "mixed"), CRITERIA[1:]):
            kept = {1, 2, 3, 4} if training == "frozen" else set()
            yield "schedules", criterion, own | {"case": scenario, "x": 5}, scheduled(scenario, kept, 5)
    for training, d_q in (*(("frozen", d_q) for d_q in (0.0, 0.25, 0.5, 1.0)), ("initialized", 0.25)):
        for p_2 in (40, 53, 380):
            seq = paper(training, 10, 24, p_2, (20, 16), (0.3, 0.3), 0.3, 2.5, d_q)
            yield "forgetting_against_p2", "forgetting", {"training": training, "case": f"d_q={d_q:g}", "x": p_2}, seq
    for share in (0.0, 0.3, 1.0):
        seq = paper("frozen", 40, 60, 60, (30, 20), (0.3, 0.5), share, 1 - share, 0.0)
        yield "reconstruction_split", "deviation", {"source": "expected_errors", "x": share}, seq
    # The figure reads all T from one long sequence; here each T is an experiment of its own.
    for (case, cosine), tasks in itertools.product({"similar": 0.9, "dissimilar": 0.0}.items(), (1, 2, 7, 20)):
        gram = alike(tasks, cosine)
        grams = {"shared": np.ones_like(gram), "specific": gram}
        seqs = {name: build({"shared": 30, "specific": 60}, (20,) * tasks, 0.3, gram=grams) for name, build in BUILD.items()}
        seqs["one block"] = one_block(60, (15,) * tasks, 0.3, gram=gram)
        for (training, seq), criterion in itertools.product(seqs.items(), CRITERIA[1:] if tasks > 1 else CRITERIA[2:]):
            yield "forgetting_against_T", criterion, {"training": training, "case": case, "x": tasks}, seq
    for square, criterion in itertools.product((0.0, 0.05, 0.15), CRITERIA):
        gram = truths(square, 2.0, 0.25)
        parts = {"kept": gram["shared"] * 37 / 60, "moved": gram["shared"] * 23 / 60, "specific": gram["specific"]}
        some = frozen({"kept": 37, "moved": 23, "specific": 30}, (12, 20), 0.3, gram=parts, keep=("kept",))
        none, whole = (build({"shared": 60, "specific": 30}, (12, 20), 0.3, gram=gram) for build in BUILD.values())
        for trained, seq in {0: none, 23: some, 60: whole}.items():
            yield "trainable_fraction", criterion, {"case": f"u_11={square:g}", "x": trained}, seq
    for distance, m in itertools.product((0.0, 0.5, 1.0, 2.0), (0, 7, 30)):
        yield "replay", "forgetting", {"case": f"d_w={distance:g}", "x": m}, constrained(distance, m)
    for cosine, (k, kind) in itertools.product((1.0, 0.75, 0.5, 0.0), ((0, THEORY), (5, THEORY), (16, THEORY), (16, MARK))):
        yield "replay", "generalization", {"case": f"cosine={cosine:g}", "x": k, "kind": kind}, replayed(cosine, k)
    for penalty, name in itertools.product((0.1, 1000.0), ("last", "mean")):
        seq = one_block(40, (34,) * 6, 0.3, gram=alike(6, 0.7)).under(rule=Ridge(penalty), average="mean" if name == "mean" else None)
        yield "averages", "generalization", {"training": name, "case": "cosine 0.7, n = 34", "x": penalty}, seq
    for n_2 in (2, 20, 52):
        yield "fluctuations", "deviation", {"x": n_2}, paper("initialized", 20, 30, 40, (15, n_2), (0.3, 0.5), 1.0, 1.0, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(("figure", "quantity", "fields", "seq"), list(experiments()), ids=lambda value: value if isinstance(value, str) else "")
def test_exact_values_are_those_of_the_law(made, figure, quantity, fields, seq):
    row = made(figure).only(**{"kind": THEORY, "quantity": quantity} | fields)
    assert row.mean == pytest.approx(expected_errors(seq).read(quantity), rel=1e-9)


@pytest.mark.parametrize("name", ["forgetting_against_p2", "trainable_fraction", "step_weight", "update_scale"])
def test_stars_are_the_minima_of_their_curves(made, name):
    """Between the least value's neighbours, and no lower than a convex curve can be there."""
    marks = made(name).select(kind=MARK, quantity=CRITERIA)
    for mark in marks:
        curve = made(name).select(kind=THEORY, quantity=mark.quantity, training=mark.training, case=mark.case)
        x, values = curve.column("x"), curve.column("mean")
        least = int(values.argmin())
        assert x[least - 1] < mark.x < x[least + 1]
        assert 0 <= values[least] - mark.mean <= max(values[least - 1], values[least + 1]) - values[least]
    assert len(marks) >= 2


@pytest.mark.parametrize(("figure", "fields", "gaps"), [
    ("deviation_against_p2", {"training": "frozen"}, {39, 40, 41}),
    ("deviation_against_p2", {"training": "initialized"}, {19, 20, 21}),
    ("phase_diagrams", {"quantity": "forgetting, noise"}, {49, 50, 51}),
    ("double_descent", {"training": "one block"}, {49, 50, 51}),
    ("double_descent", {"training": "frozen"}, {50, 98, 100, 102}),
    ("double_descent", {"training": "initialized"}, {50}),
])
def test_curves_have_gaps_where_the_expectation_is_infinite(made, figure, fields, gaps):
    assert {row.x for row in made(figure).select(kind=THEORY, **fields) if math.isnan(row.mean)} == gaps


def test_the_difference_is_paired(made):
    """Its standard error is that of values on the same draws, not that of two independent samples."""
    table = made("deviation_against_p2")
    left, right, both = (table.only(kind=SIMULATION, training=t, x=170) for t in ("frozen", "initialized", "frozen - initialized"))
    assert both.mean == pytest.approx(left.mean - right.mean, rel=1e-9)
    assert both.stderr < 0.8 * math.hypot(left.stderr, right.stderr)


def test_forgetting_has_stars_where_xi_exceeds_eta(made):
    table = made("forgetting_against_p2")
    assert [row.case for row in table.select(kind=MARK)] == ["d_q=0", "d_q=0.25", "d_q=0.5"]
    distant = table.select(kind=THEORY, case="d_q=1").column("mean")
    assert np.all(np.diff(distant) < 0) and distant[-1] > 0


def test_reconstruction_and_law_cross_where_the_norm_is_split_as_the_dimensions(made):
    table = made("reconstruction_split")
    for p_1, share in ((60, 0.4), (20, 2 / 3)):
        gap = table.select(kind=THEORY, source="v1_reconstruction_gap", case=f"p_1={p_1}")
        assert np.all(np.sign(gap.column("mean").round(12)) == np.sign((gap.column("x") - share).round(12)))
        mark = table.only(kind=MARK, source="v1_reconstruction_gap", case=f"p_1={p_1}")
        assert (mark.x, mark.mean) == pytest.approx((share, 0), abs=1e-12)
    own = table.select(case="p_1=60", kind=THEORY)
    law, form, gap = (own.select(source=s).column("mean") for s in ("expected_errors", "v1_reconstruction", "v1_reconstruction_gap"))
    assert law - form == pytest.approx(gap, abs=1e-12)
    points, differences = (table.select(case="p_1=60", kind=SIMULATION, quantity=q) for q in ("deviation", "deviation - reconstruction"))
    assert points.column("mean") - differences.column("mean") == pytest.approx(form[::10], abs=1e-12)
    assert np.array_equal(points.column("stderr"), differences.column("stderr"))
    mark = table.only(kind=MARK, quantity="deviation")
    assert (mark.x, mark.mean) == pytest.approx((0.4, law[40]), rel=1e-12)


PLANES = {
    "share": lambda x, y: (60, 30, 30, (12, 10), (0.3, 0.3), 2 * x, 2 * (1 - x), y),
    "dimension": lambda x, y: (60, 30, int(x), (12, 20), (0.3, 0.3), 0.0, 2.0, y),
    "noise": lambda x, y: (30, 20, 20, (12, int(x)), (0.3, y), 0.5, 1.5, 0.5),
}


@pytest.mark.parametrize("name", PLANES)
def test_phase_diagrams_show_the_law_and_the_closed_conditions(made, name):
    """At every 37th place of a plane."""
    rows, plane = made("phase_diagrams").select(kind=THEORY, quantity=f"forgetting, {name}").rows, phase_diagrams.PLANES[name]
    assert len(rows) == len(plane.x) * len(HEIGHTS)
    wins = []
    for row in (row for row in rows[::37] if not math.isnan(row.mean)):
        y = float(row.case.split("=")[1])
        trained, kept = (expected_errors(paper(training, *PLANES[name](row.x, y))).forgetting() for training in ("initialized", "frozen"))
        assert row.mean == pytest.approx(trained - kept, rel=1e-9, abs=1e-9)
        wins.append(bool(frozen_wins("forgetting", **plane.case(row.x, y))))
        assert abs(row.mean) < 1e-12 or (row.mean > 0) == wins[-1]
    assert 0.05 < np.mean(wins) < 0.95


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


def test_simulated_winners_agree_with_the_law(made):
    """At 99.9 % a wrong winner would be drawn once in 2,000 points; there are 39."""
    curves, found = made("phase_diagrams").select(kind=THEORY), []
    for row in made("phase_diagrams").select(kind=SIMULATION):
        exact = curves.only(quantity=row.quantity, case=row.case, x=row.x).mean
        found.append(winner(row.mean, row.stderr))
        assert found[-1] in ("undecided", "frozen" if exact > 0 else "initialized")
    assert found.count("frozen") >= 10 and found.count("initialized") >= 10


def test_a_winner_needs_the_confidence_that_the_caption_states():
    assert [winner(mean, 1.0) for mean in (3.28, 3.30, -3.28, -3.30)] == ["undecided", "frozen", "undecided", "initialized"]


def test_step_weights_join_the_exact_ends(made):
    table = made("step_weight")
    for criterion in CRITERIA:
        curve = table.select(kind=THEORY, quantity=criterion)
        for row in (curve.rows[index] for index in (0, 33, 60, 90)):
            seq = initialized({"shared": 30, "specific": 40}, (10, 20), (0.3, 0.5), gram=truths(0.1, 2.0, 0.3))
            seq = replace(seq, tasks=(seq.tasks[0], replace(seq.tasks[1], weights={"shared": row.x})))
            assert row.mean == pytest.approx(approximate_errors(seq).read(criterion), rel=1e-9)
        ends = {name: table.only(quantity=f"{criterion}, end", training=name, kind=THEORY, x=1e4).mean for name in BUILD}
        assert curve.column("mean").min() < min(ends.values()) and 2 < table.only(kind=MARK, quantity=criterion).x < 8
        assert curve.only(x=1.0).mean == pytest.approx(ends["initialized"], rel=1e-9)
        for training in BUILD:
            gain = table.only(kind=SIMULATION, quantity=f"{criterion}, gain", training=training)
            assert gain.mean > 5 * gain.stderr


def test_forgetting_is_a_parabola_in_the_scale(made):
    table = made("update_scale")
    for training in BUILD:
        curve, by_size = (table.select(quantity=quantity, training=training) for quantity in ("forgetting", "forgetting by magnitude"))
        second = np.diff(curve.select(kind=THEORY).column("mean"), 2)
        assert np.ptp(second) < 1e-9 and second[0] > 0
        seq = paper(training, 20, 30, 40, (15, 18), (0.3, 0.3), 0.5, 2.0, 0.5)
        full = expected_errors(seq).update_magnitude[-1]
        for kind in (THEORY, MARK):
            scales, sizes = curve.select(kind=kind), by_size.select(kind=kind)
            assert sizes.column("x") == pytest.approx(full * scales.column("x") ** 2, rel=1e-9, abs=1e-15)
            assert np.array_equal(sizes.column("mean"), scales.column("mean"))


def test_schedules_are_all_there_and_the_best_is_least(made):
    table = made("schedules")
    for scenario, criterion in itertools.product(("similar", "mixed"), ("forgetting", "generalization")):
        rows = table.select(kind=THEORY, quantity=criterion, case=scenario)
        for tasks in (2, 3, 5, 8):
            every = rows.select(training="every schedule", x=tasks).column("mean")
            assert len(every) == 2 ** (tasks - 1) and rows.only(training="best", x=tasks).mean == every.min()
        subsets = [set(s) for r in range(5) for s in itertools.combinations(range(1, 5), r)]
        values = sorted(expected_errors(scheduled(scenario, kept, 5)).read(criterion) for kept in subsets)
        assert sorted(rows.select(training="every schedule", x=5).column("mean")) == pytest.approx(values, rel=1e-12)


def test_the_rule_beats_the_best_fixed_schedule_nowhere(made):
    table = made("schedules")
    rows = table.select(lambda row: row.training.startswith("hybrid"))
    assert len(rows) == 16
    for row in rows:
        assert row.mean + 5 * row.stderr > table.only(kind=THEORY, quantity=row.quantity, case=row.case, training="best", x=row.x).mean


def test_replay_changes_direction(made):
    cases = ("d_w=0", "d_w=2", "cosine=1", "cosine=0")
    changes = {case: np.diff(made("replay").select(kind=THEORY, case=case).column("mean")) for case in cases}
    assert np.all(changes["d_w=0"][:24] < 0) and changes["d_w=0"].sum() < -0.01  # the last samples bring more noise than they save
    assert np.all(changes["cosine=1"] < 0)
    assert np.all(changes["d_w=2"] > 0) and np.all(changes["cosine=0"] > 0)


def test_fluctuations_fall_with_the_size(made):
    table = made("fluctuations")
    ratios = table.select(kind=THEORY, quantity="relative standard deviation").column("mean")
    assert np.allclose(ratios[:-1] / ratios[1:], math.sqrt(2), rtol=0.06)
    assert table.select(kind=SIMULATION, quantity="standard deviation").column("moment_order").min() > 8
    within = []
    for row in table.select(quantity="single run"):
        mean, spread = (table.only(kind=THEORY, quantity=quantity, x=row.x).mean for quantity in ("deviation", "standard deviation"))
        within.append(abs(row.mean - mean) < spread)
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
    low, high = replace(sampled.rows[0], mean=0.8, trials=100).binomial
    assert (low, high) == pytest.approx((0.7082, 0.8733), abs=2e-4)  # Clopper-Pearson, from tables


@pytest.mark.parametrize("training", BUILD)
def test_feature_laws_against_the_exact_law(made, training):
    """Normal features lie on the law; correlated ones do not (the figure's message), by more than 5 standard errors in sum."""
    own = made("feature_laws").select(training=training)
    exact = {row.x: row.mean for row in own.select(kind=THEORY)}
    ratios = own.select(quantity="relative difference")
    assert len(ratios) == 4 * 5
    for ratio in ratios:
        row = own.only(case=ratio.case, quantity="deviation", x=ratio.x)
        assert ratio.mean == pytest.approx(100 * (row.mean / exact[row.x] - 1))
        assert ratio.stderr == pytest.approx(100 * row.stderr / exact[row.x])
    for law, slack in (("normal", 0), ("Rademacher", 5)):
        assert all(abs(ratio.mean) < 5 * ratio.stderr + slack for ratio in ratios.select(case=law))

    def apart(law: str) -> bool:
        rows = ratios.select(case=law)
        return abs(rows.column("mean").sum()) > 5 * np.sqrt((rows.column("stderr") ** 2).sum())

    assert apart("correlated") and (training == "frozen" or not apart("Student t"))  # nothing is frozen: heavy tails do not show
    moments = own.select(case="Student t").column("moment_order").max()
    assert moments == 2.5 if training == "frozen" else moments > 4


def test_fronts_have_no_point_below_the_envelope_of_stopping(made):
    """Small groups lie below the line of strengths at an equal rate, but not below the envelope; were it higher, they would be seen to."""
    from figures import memory_fronts as fronts

    table = made("memory_fronts")
    found = fronts.facts(table)
    assert found["beyond"] == 0 < found["under"]
    for where in fronts.SHOWN:
        envelope = table.select(kind=THEORY, quantity=where, training=fronts.STOPPED)
        assert np.all(np.diff(envelope.column("x")) >= 0) and np.all(np.diff(envelope.column("mean")) <= 0)
    raised = fronts.facts(type(table)([*table.select(kind=SIMULATION), *(replace(row, mean=row.mean + 1) for row in table.select(kind=THEORY))]))
    assert raised["beyond"] > 0
