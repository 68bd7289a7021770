"""What a study's runs say, with planted effects: verdicts and how often they are wrong, benefits of schedules, distances between tasks."""

import runpy
from dataclasses import replace
from importlib import import_module
from itertools import islice

import numpy as np
import pytest
from made_study import made_run, made_runs
from scaffold import ROOT, assert_refused, refusals
from scipy.stats import mannwhitneyu, sem, t as student

from deep.records import read_records, to_json
from deep.runs.execute import DataSource
from deep.studies import statistics as judging
from deep.studies.design import AS_RATE, Rule
from deep.studies.explanation import EXHAUSTIVE, SCHEDULE, SCORES, masks, schedules, unit_effects
from deep.studies.foresight import Choices, area, area_by_orders, by_orders, correlation, regret, row as told
from deep.studies.presets import PRESETS
from deep.studies.records import GROUPS, PairRecord, UnitEffects
from deep.studies.statistics import Results, comparisons, detectable, image_residuals, power, verdicts
from deep.training.examples import StreamExamples
from deep.training.run import BOUND
from simulate.work.provenance import equal

SUPPORTED, MATCHES, WORSE, UNSUPPORTED, UNDECIDED, UNTESTABLE = judging.VERDICTS
RANDOM, RATE = Rule("threshold", ({},)), Rule("constrained", ({},), AS_RATE)
NULL = {"initialized": 0.7, "frozen": 0.7, "best depth": 0.7, "threshold": 0.7, "threshold at random": 0.7}


def judge(levels: dict[str, float], rule: Rule = RANDOM, **options) -> str:
    """Return the verdict on runs with these levels."""
    (verdict,) = verdicts(comparisons(Results(made_runs(levels, **options)), [rule]), [rule], 0.05)
    assert verdict.sentence.startswith(f"{rule.strategy} on split: {verdict.verdict}; ")
    return verdict.verdict


@pytest.mark.parametrize(("changes", "verdict"), [
    ({"threshold": 0.9}, SUPPORTED),
    ({"threshold": 0.9, "best depth": 0.9}, SUPPORTED),  # a best depth as good is said, and no reason against a rule with a random control
    ({"threshold": 0.9, "threshold at random": 0.95}, MATCHES),
    ({}, UNSUPPORTED),
    ({"threshold": 0.9, "initialized": 0.9, "threshold at random": 0.5}, UNSUPPORTED),
    ({"threshold": 0.9, "frozen": 0.9}, UNSUPPORTED),
    ({"threshold": 0.5}, WORSE),
    ({"threshold": 0.6, "initialized": 0.5}, WORSE),
])  # fmt: skip
def test_planted_effects(changes, verdict):
    assert judge({**NULL, **changes}) == verdict


@pytest.mark.parametrize(("changes", "verdict"), [({}, SUPPORTED), ({"best depth": 0.9}, MATCHES), ({"constrained as a rate": 0.9}, MATCHES)])
def test_a_rule_without_module_counts_has_two_controls(changes, verdict):
    levels = {"initialized": 0.7, "frozen": 0.7, "best depth": 0.7, "constrained": 0.9, "constrained as a rate": 0.7}
    assert judge({**levels, **changes}, RATE) == verdict


@pytest.mark.parametrize(("repeating", "verdict"), [(8, UNTESTABLE), (7, UNTESTABLE), (6, SUPPORTED)])
def test_a_control_with_the_rules_own_schedule_says_nothing(repeating, verdict):
    """Nor is one wanted where all decisions are alike."""
    runs = made_runs({**NULL, "threshold": 0.9})
    same = {(arm, unit): ("111",) * 3 for unit in range(repeating) for arm in ("threshold", "threshold at random")}
    runs = [replace(run, trained=same.get((run.arm, run.order), run.trained)) for run in runs]
    for some in (runs, [run for run in runs if run.arm == "threshold" or (run.arm, run.order) not in same]):
        (found,) = verdicts(comparisons(Results(some), [RANDOM], 0.5), [RANDOM])
        assert found.verdict == verdict and (verdict == SUPPORTED or f"in {8 - repeating} order(s)" in found.sentence)


def test_a_handicapped_rate_supports_nothing_and_refutes_all_the_same():
    levels = {"initialized": 0.7, "frozen": 0.7, "best depth": 0.7, "constrained": 0.9, "constrained as a rate": 0.7}
    for level, wanted in ((0.7, UNTESTABLE), (0.9, MATCHES)):
        runs = [replace(run, options={}) for run in made_runs({**levels, "constrained as a rate": level})]
        assert verdicts(comparisons(Results(runs), [RATE]), [RATE], 0.05)[0].verdict == wanted


def test_units_of_one_order_are_one_draw():
    """Four orders of three seeds each: Student's interval of the orders' means, half their shares of wins, and what it would have seen."""
    generator = np.random.default_rng(3)
    gains = np.repeat(generator.normal(0.03, 0.02, 4), 3) + np.tile([-0.01, 0.0, 0.01], 4)
    runs = [made_run(arm, unit, (0.5,) * 3, seed=unit, order=unit // 3) for arm in NULL for unit in range(12)]
    runs = [replace(run, accuracy=((0.5,), (0.5 + gains[run.seed],) * 2)) if run.arm == "threshold" else run for run in runs]
    (found,) = (entry for entry in comparisons(Results(runs), [RANDOM], 0.9) if entry.reference == "frozen")
    means = gains.reshape(4, 3).mean(1)
    assert (found.difference.mean, found.difference.stderr) == pytest.approx((means.mean(), means.std(ddof=1) / 2), rel=1e-9)
    assert found.high - found.low == pytest.approx(2 * student.ppf(1 - 0.1 / 8, 3) * means.std(ddof=1) / 2, rel=1e-9)
    assert found.wins[0] == np.mean(means > 0)


def test_shared_test_images_widen_intervals_by_what_they_are_worth():
    """Units and images crossed: the estimated variance against that of means over new units and new images, 400 times."""
    generator = np.random.default_rng(7)
    units, found, means = 12, [], []
    for _ in range(400):
        by_image, by_unit = generator.normal(0.02, 0.3, GROUPS), generator.normal(0, 0.03, (units, 1))
        gains = by_image + by_unit + generator.normal(0, 1, (units, GROUPS))
        parts = np.stack([gains, np.ones_like(gains)], 2) / GROUPS
        means.append(gains.mean())
        found.append((np.square(image_residuals(parts, parts * [0, 1], range(units))).sum(), gains.mean(1).var(ddof=1) / units))
    shared, own = np.mean(found, 0)
    assert shared + own == pytest.approx(np.var(means), rel=4 * (2 / 400) ** 0.5) and shared == pytest.approx(0.3**2 / GROUPS, rel=0.15)


@pytest.mark.parametrize(("tail", "freedom"), [(0.025, 10), (0.0004, 10), (0.05, 32)])
def test_what_is_detectable_is_found_that_often(tail, freedom):
    """Student's t of shifted draws, 20,000 times; three standard errors of the share are 0.009."""
    generator = np.random.default_rng(5)
    draws = generator.normal(detectable(tail, freedom) / (freedom + 1) ** 0.5, 1, (20_000, freedom + 1))
    t = draws.mean(1) / draws.std(1, ddof=1) * (freedom + 1) ** 0.5
    assert np.mean(t > student.ppf(1 - tail, freedom)) == pytest.approx(judging.POWER, abs=0.009)
    assert power(0, tail, freedom) == pytest.approx(tail, rel=0.2)


def test_a_null_that_could_see_little_is_undecided():
    compared = comparisons(Results(made_runs(NULL, spread=0.05)), [RANDOM])
    assert [verdicts(compared, [RANDOM], effect)[0].verdict for effect in (0.02, 0.5)] == [UNDECIDED, UNSUPPORTED]


def test_how_often_a_study_without_any_effect_claims_one():
    """Families of 8 null comparisons at 90 %: at most 10 % of studies may have an interval that misses 0.

    Of 400 studies more than 61 would have probability 2e-4 even at exactly 10 %; pointwise intervals would give about 100.
    """
    wrong = 0
    for seed in range(400):
        runs = [run for place, stream in enumerate(("a", "b")) for run in made_runs(NULL, count=5, seed=2 * seed + place, stream=stream)]
        compared = comparisons(Results(runs), [RANDOM], level=0.9)
        wrong += any(entry.above or entry.below for entry in compared)
    assert 0 < wrong <= 61


def test_a_failed_run_makes_its_comparisons_untestable_and_no_others():
    runs = made_runs({**NULL, "threshold": 0.9})
    broken = [made_run(run.arm, run.order, (0.5, 0.5, 0.5), status="failed") if (run.arm, run.order) == ("frozen", 3) else run for run in runs]
    compared = comparisons(Results(broken), [RANDOM])
    assert {entry.reference for entry in compared if entry.failed} == {"frozen"}
    (verdict,) = verdicts(compared, [RANDOM])
    assert verdict.verdict == UNTESTABLE and "1 of the runs" in verdict.sentence


def test_a_control_of_several_deals_counts_by_its_mean():
    runs = made_runs(NULL, count=3)
    runs += [made_run("dealt", unit, (share,) * 3, deal=deal) for unit in range(3) for deal, share in enumerate((0.25, 0.75))]
    assert list(Results(runs).values("split", "dealt", "average_accuracy").values()) == [0.5] * 3


RUNS = made_runs(NULL)
WITHOUT = [run for run in RUNS if run.arm != "threshold at random"]
test_records_that_cannot_be_compared = refusals([
    (lambda: Results([*RUNS, RUNS[0]]), "stands twice"),
    (lambda: comparisons(Results(RUNS[1:]), [RANDOM]), "different orders and seeds"),
    (lambda: comparisons(Results(WITHOUT), [RANDOM]), "no run of 'threshold at random'"),
])


def run(arm: str, schedule: tuple[int, ...], stages: int, benefits: dict, **changes):
    """Return a run whose Avg.Acc is the sum of what each task's depth adds."""
    share = 0.25 + sum(benefits[task][depth - 1] for task, depth in enumerate(schedule))
    return made_run(arm, 0, (share,) * 3, trained=("1" * stages, *masks(schedule, stages)), **changes)


def test_planted_benefits_are_recovered():
    """All schedules of three tasks; of nine tasks those that depart in one, which tell of no best depth."""
    benefits = {0: (0.0, 0.0625, 0.125), 1: (0.0625, 0.125, 0.0), 2: (0.25, 0.0, 0.0625)}  # of depth 1, 2, 3
    scored = run(SCORES, (3, 3, 3), 3, benefits, decision=({}, *({"score": 0.25 * task, "stage_scores": [0.0, 0.5]} for task in range(3))))
    tried = [run(SCHEDULE, schedule, 3, benefits) for schedule in schedules(3, 3)]
    found = unit_effects(3, [*tried, scored, run("graded", (1, 2, 3), 3, benefits)])
    assert found.exhaustive and found.schedules == 27 and found.scores == (0.0, 0.25, 0.5) and found.stage_scores == ((0.0, 0.5),) * 3
    assert [len(gains) for gains in found.gains] == [9, 9, 9] and found.best_depths() == (3, 2, 1) and found.chosen == {"graded": (1, 2, 3)}
    assert found.benefit == pytest.approx((0.0625, -0.125, 0.0625), abs=1e-6)  # all stages minus head and last stage
    assert found.reached == pytest.approx({"graded": 0.4375, "best schedule": 0.75, "mean schedule": 0.25 + (0.1875 + 0.1875 + 0.3125) / 3}, abs=1e-6)
    for task, values in enumerate(found.by_depth):
        assert np.subtract(values, values[0]) == pytest.approx(np.subtract(benefits[task], benefits[task][0]), abs=2e-6)
    assert_refused(lambda: unit_effects(3, [*tried, run(SCORES, (3, 3, 3), 3, benefits, status="failed")]), "1 runs failed")
    few, deep = schedules(9, 5), dict.fromkeys(range(9), np.arange(5) / 128)
    assert 3**4 <= EXHAUSTIVE < 3**5 and len(few) == len(set(few)) == 2 + 2 * 9 and {depth for schedule in few for depth in schedule} == {2, 5}
    scored = run(SCORES, (5,) * 9, 5, deep, decision=({}, *({"score": 0.0, "stage_scores": []} for _ in range(9))))
    found = unit_effects(5, [*(run(SCHEDULE, schedule, 5, deep) for schedule in few), scored])
    assert not found.exhaustive and found.benefit == pytest.approx([3 / 128] * 9, abs=1e-6) and found.by_depth[0][0] is None and found.best_depths() is None


def test_the_example_measures_pairs_as_they_were_recorded():
    """Distances, errors and accuracies of two pairs, on any kind of processor."""
    preset = PRESETS["digits-large"]
    stored = read_records(ROOT / "figures" / "records" / "hybrid_digits-large_explain.jsonl", UnitEffects, PairRecord)
    stored = [pair for pair in stored if isinstance(pair, PairRecord) and (pair.stream, pair.order) == ("rotated digits", 0)]
    example = runpy.run_path(str(ROOT / "examples" / "pairs_of_tasks.py"))
    again = islice(example["pair_records"](preset, preset.streams[3], preset.development[0], DataSource(download=False)), 2)
    assert all(equal(to_json(one), to_json(other), exact=False, bound=BOUND) for one, other in zip(stored, again, strict=False))


def test_the_example_compares_memories_with_held_out_images(monkeypatch):
    """Where the memory is all that the task trained on, and the images held out are the same, gradients are one and a strong memory violates nothing."""
    monkeypatch.setattr(StreamExamples, "evaluation", lambda examples, task, trained: examples.training(task))
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    example, preset = import_module("held_out_constraints"), PRESETS["memory-digits"]
    preset = replace(preset, streams=(replace(preset.streams[0], options={"tasks": 3, "train_examples": 100}),))
    options = {"memory_size": 100, "strength": 2.0, "epochs": 30, "learning_rate": 0.1}
    rows = list(example.measured(preset, preset.rules[1], options, preset.development[0], DataSource(download=False)))
    assert [row["task"] for row in rows] == [2, 3] and any(row["conflict"] > 0 for row in rows)
    for row in rows:
        assert [row[name] for name in ("slope", "ratio", "alignment", "violated")] == pytest.approx([1, 1, 1, 0], abs=1e-3)


def drawn_choices(generator: np.random.Generator, seen: float, orders: int = 11, each: int = 3, streams: int = 2) -> Choices:
    """Draw scores and gains that share half of their variance within an order and have a correlation of ``seen``."""
    place = [(f"stream {stream}", order) for stream in range(streams) for order in range(orders) for _ in range(each)]
    score, rest = (np.sqrt(0.5) * (np.repeat(generator.standard_normal(streams * orders), each) + generator.standard_normal(len(place))) for _ in range(2))
    gain = seen * score + np.sqrt(1 - seen**2) * rest - 0.5
    return Choices(*map(np.array, zip(*place, strict=True)), score, -score, gain, gain)


def test_areas_and_losses_of_a_score():
    """Scipy's area within streams; a mean has Student's interval; a threshold that the other orders say; too few orders or gains are not testable."""
    one, two = (drawn_choices(np.random.default_rng(seed), 0.5, streams=1) for seed in (0, 1))
    pairs = [mannwhitneyu(own.score[own.gain > 0], own.score[own.gain < 0]).statistic for own in (one, two)]
    sizes = [(own.gain > 0).sum() * (own.gain < 0).sum() for own in (one, two)]
    both = [np.concatenate(each) for each in ([one.stream, np.full(33, "other")], [one.score, two.score + 100], [one.gain, two.gain])]
    assert area(*both) == pytest.approx(sum(pairs) / sum(sizes)) and correlation(both[0], both[1], both[1] * 2) == pytest.approx(1)
    found, means = by_orders(lambda kept: one.gain[kept].mean(), one.order), one.gain.reshape(11, 3).mean(1)
    assert (found.low, found.high) == pytest.approx(student.interval(0.95, 10, means.mean(), sem(means))) and found.seen > found.high - found.value
    assert regret(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 2, 1, 3, 0, 3.5]), np.array([-1, 1, -1, 1, -1, -2.0])).tolist() == [0, 1, 0, 1, 0, 2]
    few, rare = drawn_choices(np.random.default_rng(2), 0.0, orders=5), replace(one, gain=np.where(np.arange(33) < 7, 1.0, -1.0))
    assert [area_by_orders(own.stream, own.order, own.score, own.gain) for own in (few, rare)] == [None, None]
    assert told("few", few)[4:8] == ("-",) * 4 and told("one", one)[1:3] == ("33, 11", f"{one.score.mean():+.3f}, {one.score.std(ddof=1):.3f}")


@pytest.mark.parametrize("seen", [0.0, 0.5])
def test_intervals_of_areas_hold(seen):
    """In 95 % of 300 data sets but for 4.5 standard errors and 3 %, where units share orders; a real foresight is mostly found."""
    many = drawn_choices(np.random.default_rng(9), seen, orders=2000, each=1, streams=1)
    truth, generator = area(many.stream, many.score, many.gain), np.random.default_rng(3)
    found = [area_by_orders(own.stream, own.order, own.score, own.gain) for own in (drawn_choices(generator, seen) for _ in range(300))]
    held = np.mean([one.low <= truth <= one.high for one in found if one])
    assert abs(held - 0.95) < 4.5 * (0.95 * 0.05 / 300) ** 0.5 + 0.03 and (np.mean([one.low > 0.5 for one in found if one]) > 0.5) == (seen > 0)
