"""Statements of every kind: bounds, orderings, limits and bounds of every draw, right ones and planted mistakes."""

import importlib
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scaffold import ROOT, assert_refused, outcome, refusals
from scipy.stats import chi2
from test_check import CASES, RIGHT as EXACT, TWO_TASKS, n, p, s

from driftlaw import FORMULAS, Rademacher, Task, TaskSequence, check, frozen, initialized, one_block, simulate
from simulate.__main__ import main
from simulate.evidence import holm, one_sided_p, symmetric, two_sided_p
from simulate.verdicts.comparison import comparisons
from simulate.verdicts.conjecture import conjecture
from simulate.verdicts.planning import LEAST_TRIALS, Levels, Settings
from theory.limits import proportional_limit

judge = importlib.import_module("simulate.verdicts.judge")
ERROR = "error[0,0]"


def one_task(p, n, s):
    return one_block(p, (n,), s, gram=[[1]])


def half(p, ratio=0.5):
    return one_block(p, (int(p * ratio),), 0.5, gram=[[1]])


def pair(make, rho=0.5, noise=0.3):
    truths = {"shared": [[1, rho], [rho, 1]], "specific": [[1, 0], [0, 1]]}
    return make(blocks={"shared": 30, "specific": 40}, samples=(12, 10), noise=noise, gram=truths)


def initialized_pair(rho):
    return pair(initialized, rho)


def frozen_pair(rho):
    return pair(frozen, rho)


# Bounds.


@pytest.mark.parametrize("relation", ["<=", ">="])
def test_the_exact_law_is_a_tight_bound_of_itself(relation):
    """Attained, it holds up to delta to both sides; 3 % inside it is violated, 3 % outside there is room."""
    sign = 1 if relation == "<=" else -1
    tight, wrong, loose = (check(EXACT * (1 + sign * off), ERROR, one_task, CASES, relation=relation, name="b") for off in (0, -0.03, 0.03))
    assert (tight.verdict, wrong.verdict, loose.verdict) == ("holds up to delta", "violated", "holds up to delta")
    assert (tight.exit_status, wrong.exit_status, loose.exit_status) == (0, 1, 0) and tight.as_expected and not wrong.as_expected
    assert all("at most" in one.sentence for one in tight.verdicts)
    assert all(("above" if sign > 0 else "below") in one.sentence and one.p_holm < 1e-6 and sign * one.z > 4 for one in wrong.verdicts)
    assert all("at least" in one.sentence and ("below" if sign > 0 else "above") in one.sentence for one in loose.verdicts)
    assert all(row["relation"] == relation and row["pathwise"] is False for row in wrong.rows())
    assert check(EXACT * (1 - sign * 0.03), ERROR, one_task, CASES, relation=relation, expected="disagree").exit_status == 0


def test_what_a_bound_leaves_open():
    few = check(EXACT, ERROR, one_task, CASES[1], relation="<=", delta=0.002, max_trials=LEAST_TRIALS)
    assert few.verdict == "undecided" and few.exit_status == 3 and "raise max_trials" in few.warning
    near = check(EXACT, ERROR, one_task, [{"p": 30, "n": 29, "s": 0.4}], relation=">=")
    assert near.verdict == "not testable" and near.rows()[0]["relation"] == ">=" and near.rows()[0]["violations"] is None
    conditions = {"cases": TWO_TASKS, "relation": "<=", "method": "reduced"}
    wrong = check(FORMULAS["v1_reconstruction"], **conditions)
    assert wrong.verdict == "violated" and wrong.exit_status == 0 and "is violated; it does not claim" in wrong.warning
    assert check(FORMULAS["v1_reconstruction"], **conditions, exact=True).exit_status == 1
    others = check(FORMULAS["frozen_deviation"], cases=TWO_TASKS, relation="<=", features=Rademacher())
    assert others.verdict == "holds up to delta"  # what the catalogue says of normal features may bound others


def test_tails_of_one_side_are_exact():
    assert one_sided_p(0) == 0.5 and one_sided_p(-40) == 1 and one_sided_p(1e300) == 0
    assert one_sided_p(10) == pytest.approx(7.61985302416e-24, rel=1e-10) and two_sided_p(10) == 2 * one_sided_p(10)


# Orderings.


def test_both_experiments_of_an_ordering_see_the_same_data(monkeypatch):
    """Training of the first task is the same, so its error is, trial by trial; the difference is that of two paired simulations."""
    calls = []
    monkeypatch.setattr(judge, "simulate", lambda *args, **kw: calls.append(args) or simulate(*args, **kw))
    (one,) = check(None, "forgetting", initialized_pair, {"rho": 0.5}, against=frozen_pair, relation="<=", delta=0.05).verdicts
    assert one.verdict == "holds up to delta" and one.theory == 0 and one.mean < -0.1 and one.kind.against == "frozen_pair"
    left, right = calls[-2:]
    assert left[1:] == right[1:] and left[0] != right[0]
    drawn = [simulate(*left), simulate(*right)]
    assert one.trials == left[1] and (drawn[0] - drawn[1]).forgetting().mean == one.mean
    assert one.stderr < 0.9 * math.hypot(*(each.forgetting().stderr for each in drawn))
    (same,) = check(None, ERROR, initialized_pair, {"rho": 0.5}, against=lambda rho: frozen_pair(rho), relation="<=").verdicts
    assert same.mean == 0 and same.stderr < 1e-8 and "difference 0" in same.sentence and "above the other" in same.sentence


def swapped(rho):
    seq = pair(initialized, rho)
    return TaskSequence(dict(reversed(list(seq.blocks.items()))), seq.tasks, seq.gram)


def test_ties_hold_to_both_sides_and_the_reverse_is_violated():
    """Blocks in another order draw other data with the same law."""
    cases = {"rho": 0.5}
    for relation in ("<=", ">=", "=="):
        tie = check(None, "forgetting", initialized_pair, cases, against=swapped, relation=relation, delta=0.1)
        assert tie.verdict == ("agree" if relation == "==" else "holds up to delta") and all(one.stderr > 1e-4 for one in tie.verdicts)
        assert tie.formula == f"initialized_pair {relation} swapped"
    wrong = check(None, "forgetting", frozen_pair, cases, against=initialized_pair, relation="<=", delta=0.1)
    unequal = check(None, "forgetting", frozen_pair, cases, against=initialized_pair, delta=0.1)
    assert (wrong.verdict, unequal.verdict) == ("violated", "disagree") and wrong.exit_status == 1 and unequal.tail_rates.batches == 0
    assert all("above initialized_pair" in report.verdicts[0].sentence for report in (wrong, unequal))


def test_the_error_scale_of_an_ordering_is_the_average():
    (one,) = check(None, ERROR, lambda k: one_task(30, 8, 0.1), {"k": 0}, against=lambda k: one_task(30, 8, 3.0)).verdicts
    scales = [simulate(one_task(30, 8, noise), 20_000).error(0, 0).mean + noise**2 for noise in (0.1, 3.0)]
    assert one.delta == pytest.approx(0.02 * np.mean(scales), rel=0.1)
    near = check(None, ERROR, lambda k: one_task(30, 8, 0.1), {"k": 0}, against=lambda k: one_task(30, 27, 0.1))
    assert near.verdict == "not testable" and "|n - d| = 3" in near.verdicts[0].sentence and near.rows()[0]["against"] == "the other"


# Limits.

ALONG = {"p": (50, 100, 200, 400)}


@pytest.mark.parametrize(("relation", "right", "wrong"), [("==", "agree", "disagree"), ("<=", "holds up to delta", "violated")])
def test_a_limit_theorem_is_judged_and_a_wrong_one_caught(relation, right, wrong):
    """n = p / 2: 1 - 1/2 + s^2 / 2 / (1 - 1/2) is reached like 1/p; the formula of finite p has no gap."""
    options = {"along": ALONG, "relation": relation, "method": "reduced"}
    for formula in (0.75, EXACT.subs({n: p / 2, s: 0.5})):
        report = check(formula, ERROR, half, **options)
        (one,) = report.verdicts
        assert report.verdict == right and report.exit_status == 0 and one.lack_of_fit > 0.01 and one.label == "p to infinity"
        assert one.theory == pytest.approx(0.75, abs=1e-3) and "p^-1, p^-2 over p=50, 100, 200, 400, lack of fit" in one.sentence
    moved = check(0.75 - 0.03, ERROR, half, **options)
    assert moved.verdict == wrong and moved.exit_status == 1 and "if the gap falls so" in moved.verdicts[0].sentence
    row = json.loads(json.dumps(moved.rows()[0], allow_nan=False))
    assert row["along"] == {"p": [50, 100, 200, 400]} and row["rate"] == [1, 2] and row["method"] == "reduced" and 0 < row["lack_of_fit"] < 1


def test_a_gap_of_another_rate_is_undecided_and_its_own_rate_agrees():
    def slow(p):
        return 0.75 + 3 * p**-0.5

    open_ = check(slow, ERROR, half, along=ALONG, method="reduced")
    assert open_.verdict == "undecided" and open_.exit_status == 3 and open_.verdicts[0].misfit and open_.verdicts[0].lack_of_fit < 0.01
    assert "does not fall as" in open_.verdicts[0].sentence and "rate" in open_.warning
    assert check(slow, ERROR, half, along=ALONG, method="reduced", rate=(0.5, 1)).verdict == "agree"


def test_limits_of_the_catalogue_agree():
    dimensions = {"p": 12, "p_1": 20, "p_2": 20, "n_1": 8, "n_2": 6}
    others = {"sigma_1": 0.3, "sigma_2": 0.5, "u_11": 1.0, "q_11": 1.0, "d_u": 0.2, "c_u": 0.1, "d_q": 0.5}
    formula = FORMULAS["initialized_deviation"]
    limit, _ = proportional_limit(formula).value(**dimensions, **others)

    def grown(t):
        return formula.build(**{name: size * t for name, size in dimensions.items()}, **others)

    along = {"t": (1, 2, 4, 8)}
    assert check(limit, "deviation", grown, along=along, method="reduced").verdict == "agree"
    assert check(1.05 * limit, "deviation", grown, along=along, method="reduced").verdict == "disagree"


def test_the_trials_of_a_limit_reach_its_standard_error():
    """Sizes get what their weight asks for: neither short of the goal nor far beyond it."""
    settings, scale = Settings(delta=0.005), 0.5 + 80 * 0.05**2 / 79 + 0.05**2  # of the largest size; the smallest has 0.84
    claim = conjecture(0.5, ERROR, lambda p: one_task(p, p // 2, 8 / p), along={"p": (20, 40, 80, 160)}, method="reduced")
    levels = Levels.of(settings, 1)
    (one,) = judge.check_all([claim], settings)[0].verdicts
    assert one.verdict != "disagree" and 0.7 < one.stderr / levels.goal(one.delta) <= 1
    assert one.trials == one.needed > 10 * LEAST_TRIALS and one.delta == pytest.approx(0.005 * scale, rel=0.02)


def test_a_limit_is_the_intercept_of_weighted_least_squares():
    """NumPy's weighted polynomial in 1/p has the same intercept, standard error and chi-squared."""
    claim, settings = conjecture(EXACT.subs({n: p / 2, s: 0.4}), ERROR, half, along={"p": (20, 30, 50, 90, 160)}, method="reduced"), Settings()
    prepared, levels = comparisons(claim), Levels.of(settings, 1)
    samples = judge.draw_samples(prepared, levels, settings, simulate)
    (one,) = judge.decide(prepared, samples, levels, settings)
    sizes, points = 1 / np.array(claim.kind.along["p"]), samples[0].points
    gaps = [point.estimate.mean - claim.value(0, size) for point, size in zip(points, claim.sizes)]
    spread = np.array([point.stderr for point in points])
    found, covariance = np.polyfit(sizes, gaps, 2, w=1 / spread, cov="unscaled")
    assert one.mean - one.theory == pytest.approx(found[-1], abs=1e-12) and one.stderr == pytest.approx(math.sqrt(covariance[-1, -1]))
    assert one.lack_of_fit == pytest.approx(chi2.sf(np.sum(((np.polyval(found, sizes) - gaps) / spread) ** 2), 2)) and spread.max() > 2 * spread.min()


def test_an_ordering_may_be_claimed_of_a_limit():
    report = check(None, ERROR, half, {"ratio": 0.5}, against=lambda p, ratio: half(p, 0.4), along={"p": (20, 40, 60, 80)}, rate=1, relation=">=", delta=0.05)
    assert report.verdict == "violated" and report.verdicts[0].label == "ratio=0.5, p to infinity"
    assert report.verdicts[0].mean == pytest.approx(0.75 - (0.6 + 0.25 * 0.4 / 0.6), abs=0.02)


# Bounds of every draw.


def triangle(sim):
    return np.sqrt(sim.errors_sample[:, 1, 0]) - np.sqrt(sim.errors_sample[:, 0, 0]) - np.sqrt(sim.update_magnitude_sample[:, 1])


@pytest.mark.parametrize("method", ["direct", "reduced"])
def test_the_triangle_inequality_holds_in_every_draw(method):
    """In one dimension it is attained in half of the draws, up to rounding; and near the threshold tails do not matter."""
    cases = [{"d": d, "k": k} for d, k in ((1, 9), (12, 10), (12, 12))]
    report = check(0, triangle, lambda d, k: one_block(d, (k, k), 0.3, gram=[[1, 0.5], [0.5, 0.25]]), cases, relation="<=", pathwise=True, method=method)
    assert report.verdict == "no violation" and report.exit_status == 0 and report.tail_rates.batches == 0
    for one in report.verdicts:
        assert one.violations == 0 and one.worst < 1e-9 and one.share == pytest.approx(1 - (1e-6 / 3) ** (1 / one.trials)) and one.p_holm == 1
        assert ("reduced" in one.sentence) == (method == "reduced") and "no violation in 4,096 draws" in one.sentence


def test_where_everything_is_zero_it_agrees():
    report = check(0, "forgetting", lambda p: one_block(p, (2 * p, 3 * p), 0, gram=[[0, 0], [0, 0]]), {"p": 20})
    assert report.verdict == "agree" and report.verdicts[0].stderr == 0 and json.dumps(report.rows(), allow_nan=False)


@pytest.mark.parametrize("relation", ["<=", ">="])
def test_rounding_is_relative_to_the_draw_where_tails_are_heavy(relation):
    """A second task without noise steps onto the truth: as far as the first one, at its threshold, was off, a million times the median in some draws."""

    def twice(p):
        tasks = [Task(p, noise, {"b": "w"}, ("b",)) for noise in (1, 0)]
        return TaskSequence({"b": p}, tasks, gram={"b": [[1, 1], [1, 1]]})

    def apart(simulation):
        return simulation.per_trial("error[0,1]") - simulation.per_trial("update_magnitude[1]")

    assert check(0, apart, twice, {"p": 60}, relation=relation, pathwise=True).verdict == "no violation"


@pytest.mark.parametrize(("relation", "bound", "worst"), [("<=", 1.3, np.argmax), (">=", 0.35, np.argmin)])
def test_a_violation_names_its_draw(relation, bound, worst, monkeypatch):
    monkeypatch.setattr(judge, "CHUNK", 1024)
    report = check(bound, ERROR, one_task, CASES, relation=relation, pathwise=True)
    for one, case in zip(report.verdicts, CASES):
        values = np.concatenate([simulate(one_task(**case), 1024, (*one.worst_seed[:3], chunk)).per_trial(ERROR) for chunk in range(4)])
        assert one.verdict == "violated" and one.p_holm == 0 and one.violations == np.sum(values > bound if relation == "<=" else values < bound)
        assert one.worst == values[worst(values)] and (one.worst_seed[3], one.worst_trial) == divmod(int(worst(values)), 1024)
        assert simulate(one_task(**case), one.worst_trial + 1, one.worst_seed).per_trial(ERROR)[-1] == one.worst
        assert f"trial {one.worst_trial} of seed {one.worst_seed}" in one.sentence
    row = json.loads(json.dumps(report.rows()[0], allow_nan=False))
    assert report.exit_status == 1 and row["pathwise"] and row["worst_seed"][3] < 4 and row["z"] is row["detectable"] is None and row["violations"] > 0


# All kinds together.


def test_kinds_share_one_run():
    kinds = [
        conjecture(EXACT, ERROR, one_task, CASES, name="equality"),
        conjecture(EXACT, ERROR, one_task, CASES, name="bound", relation="<="),
        conjecture(0, ERROR, one_task, CASES[0], name="draws", relation=">=", pathwise=True),
        conjecture(None, "forgetting", initialized_pair, {"rho": 0.5}, name="ordering", relation="<=", against=frozen_pair),
        conjecture(0.75, ERROR, half, name="limit", along=ALONG, method="reduced"),
    ]
    reports = judge.check_all(kinds, Settings())
    assert [report.verdict for report in reports] == ["agree", "holds up to delta", "no violation", "holds up to delta", "agree"]
    verdicts = [one for report in reports for one in report.verdicts]
    raw = [one.p_holm if one.kind.pathwise else one_sided_p(symmetric(one.z, one.asymmetry)) if one.kind.sign else two_sided_p(one.z) for one in verdicts]
    np.testing.assert_allclose([one.p_holm for one in verdicts], holm(raw))
    for one in verdicts:
        levels = Levels.of(Settings(), 7, sides=1 if one.kind.sign else 2)
        assert one.standard_errors == levels.z_alpha + levels.z_power
    assert [one.mean for one in reports[0].verdicts] == [one.mean for one in reports[1].verdicts]  # on the same draws, which are counted once
    assert reports[0].tail_rates.batches and not reports[1].tail_rates.batches


def test_agreement_mentions_a_gap_that_is_seen():
    one = replace(check(EXACT, ERROR, one_task, CASES[0]).verdicts[0], theory=1.0, mean=1.004, stderr=0.001, delta=0.02)
    said = [replace(one, z=z, p_holm=p_holm).sentence for z, p_holm in ((4.0, 0.006), (2.9, 0.004), (4.0, 0.06))]
    assert ["a gap of 0.0040 is seen, smaller than delta = 0.0200" in one for one in said] == [True, False, False]


def test_the_reduced_sampler_draws_by_itself_and_is_named():
    direct, reduced = (check(EXACT, ERROR, one_task, CASES, method=method) for method in ("direct", "reduced"))
    assert direct.verdict == reduced.verdict == "agree" and direct.verdicts[0].mean != reduced.verdicts[0].mean
    assert "reduced sampler" in reduced.verdicts[0].sentence and "sampler" not in direct.verdicts[0].sentence
    assert check(EXACT, ERROR, one_task, CASES[0], method="auto").verdicts[0].kind.method == "reduced"
    assert check(1.03 * EXACT, ERROR, one_task, CASES, method="reduced").verdict == "disagree"


# Files and mistakes.

LEMMA = "from driftlaw import one_block\nquantity = 'error[0,0]'\ndef build(p):\n    return one_block(p, (p // 2,), 0.5, gram=[[1]])\n"
OTHER = "def against(p):\n    return one_block(p, (p // 2,), 0.6, gram=[[1]])\n"


@pytest.mark.parametrize(("lines", "options", "status", "words"), [
    ("formula = 1.25\nrelation = '<='\ncases = [{'p': 30}]", (), 0, "mine: holds up to delta"),
    ("formula = 0.6\nrelation = '<='\ncases = [{'p': 30}]", ("--method", "reduced"), 1, "reduced sampler"),
    (OTHER + "relation = '<='\ngrid = {'p': [20, 30]}", (), 0, "paired trials"),
    ("formula = 0.75\nalong = {'p': (50, 100, 200, 400)}\nmethod = 'reduced'", (), 0, "mine: agree"),
    ("formula = 0\nrelation = '>='\npathwise = True\ncases = [{'p': 30}]", (), 0, "no violation in 4,096 draws"),
    ("relation = '<='\ncases = [{'p': 30}]", (), 2, "does not define 'formula'"),
    (OTHER + "cases = [{'p': 30}]", ("--method", "reduced"), 2, "use method='direct'"),
])  # fmt: skip
def test_lemma_files_state_every_kind(tmp_path, capsys, lines, options, status, words):
    (tmp_path / "mine.py").write_text(LEMMA + lines)
    found, out, error = outcome(main, capsys, "check", tmp_path / "mine.py", *options)
    assert found == status and words in out + error


def test_the_example_file_stands(capsys):
    found, out, error = outcome(main, capsys, "check", ROOT / "examples" / "initialized_forgets_less.py", "--json")
    rows = json.loads(out)["rows"]
    assert found == 0 and not error and {row["against"] for row in rows} == {"against"} and {row["verdict"] for row in rows} == {"holds up to delta"}


def wrong(*arguments, **changes):
    return lambda: check(*(arguments or (EXACT,)), **{"quantity": ERROR, "build": one_task, "cases": CASES, **changes})


def limit(**changes):
    return wrong(0.75, **{"build": half, "cases": [{}], "along": ALONG, **changes})


test_errors_name_the_mistake = refusals([
    (wrong(relation="<"), "unknown relation '<'.*choose one of ==, <=, >="),
    (wrong(method="fast"), "unknown method 'fast'"),
    (wrong(against=one_task), "both formula and against"),
    (wrong(None), "neither formula nor against"),
    (wrong(None, against=3), "against is 3; give a function"),
    (wrong(None, against=one_task, method="reduced"), "method is 'reduced', whose experiments do not share draws"),
    (wrong(None, against=lambda q: one_task(q, 8, 0.1)), "against needs 'q'"),
    (wrong(None, against=lambda p, n, s: one_block(p, (n, n), s, gram=np.eye(2))), "build makes 1 tasks, against 2"),
    (wrong(pathwise="no", relation="<="), "pathwise is 'no'; give True or False"),
    (wrong(relation="=<"), "did you mean '<='"),
    (wrong(pathwise=True), "pathwise compares every draw with a bound"),
    (wrong(None, against=one_task, relation="<=", pathwise=True), "pathwise .*neither against nor along"),
    *((limit(along={"p": sizes}), "along gives . sizes of p; give at least 4") for sizes in ((50, 100, 200), 50)),
    (limit(along=ALONG, rate=(1, 2, 3)), "along gives 4 sizes of p; give at least 5"),
    (limit(along={"p": (50, 200, 100, 400)}), "sizes of p are .50, 200, 100, 400.; give positive numbers from small to large"),
    (limit(along={"p": (50, 50, 100, 200)}), "from small to large, each once"),
    (limit(along={"p": ALONG["p"], "ratio": ALONG["p"]}), "give one parameter and its sizes"),
    (limit(along={"q": ALONG["p"]}), "along gives sizes of 'q', which build does not read"),
    (limit(cases=[{"ratio": 0.4}, {"p": 50}]), r"case 1 \(p=50\): along gives the sizes of 'p', and the case gives one too"),
    *((limit(rate=rate), "rate is .*positive and each once") for rate in (0, -1, (1, -2), (1, 1), (), "fast", None)),
])  # fmt: skip


def test_a_limit_with_a_size_near_the_threshold_is_not_testable():
    report = check(0.75, ERROR, half, along={"p": (8, 100, 200, 400)}, method="reduced")
    assert report.verdict == "not testable" and "at p=8: only moments below" in report.verdicts[0].sentence and report.exit_status == 3
    assert_refused(lambda: check(1 / (p - 50), ERROR, half, along=ALONG), r"case 0 \(p=50\): the formula .* no finite")
