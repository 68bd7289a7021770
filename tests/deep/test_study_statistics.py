"""Verdicts of a study on made records with planted effects, and how often they are wrong without one."""

from __future__ import annotations

import numpy as np
import pytest
from made_study import made_run, made_runs
from scaffold import refusals
from scipy.stats import t as student

from deep.studies.design import AS_RATE, Rule
from deep.studies.statistics import MATCHES, SUPPORTED, UNSUPPORTED, UNTESTABLE, WORSE, Results, comparisons, verdicts

RANDOM, RATE = Rule("threshold", ({},)), Rule("constrained", ({},), AS_RATE)
NULL = {"initialized": 0.7, "frozen": 0.7, "best depth": 0.7, "threshold": 0.7, "threshold at random": 0.7}


def judge(levels: dict[str, float], rule: Rule = RANDOM, **options) -> str:
    """Return the verdict on runs with these levels."""
    (verdict,) = verdicts(comparisons(Results(made_runs(levels, **options)), [rule]), [rule])
    assert verdict.sentence.startswith(f"{rule.strategy} on split: {verdict.verdict}; ")
    return verdict.verdict


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"threshold": 0.9}, SUPPORTED),
        ({"threshold": 0.9, "best depth": 0.9}, SUPPORTED),  # a best depth as good is said, and no reason against a rule with a random control
        ({"threshold": 0.9, "threshold at random": 0.9}, MATCHES),
        ({"threshold": 0.9, "threshold at random": 0.95}, MATCHES),
        ({}, UNSUPPORTED),
        ({"threshold": 0.9, "initialized": 0.9, "threshold at random": 0.5}, UNSUPPORTED),
        ({"threshold": 0.9, "frozen": 0.9}, UNSUPPORTED),
        ({"threshold": 0.5}, WORSE),
        ({"threshold": 0.6, "initialized": 0.5}, WORSE),
    ],
)
def test_planted_effects(changes, verdict):
    assert judge({**NULL, **changes}) == verdict


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [({}, SUPPORTED), ({"best depth": 0.9}, MATCHES), ({"constrained as a rate": 0.9}, MATCHES), ({"frozen": 0.9}, UNSUPPORTED)],
)
def test_a_rule_without_module_counts_has_two_controls(changes, verdict):
    levels = {"initialized": 0.7, "frozen": 0.7, "best depth": 0.7, "constrained": 0.9, "constrained as a rate": 0.7}
    assert judge({**levels, **changes}, RATE) == verdict


def test_a_control_that_is_the_rule_itself_never_supports_it():
    runs = made_runs({name: level for name, level in {**NULL, "threshold": 0.9}.items() if name != "threshold at random"})
    runs += [made_run("threshold at random", run.order, (run.accuracy[0][0], *run.accuracy[1])) for run in runs if run.arm == "threshold"]
    compared = comparisons(Results(runs), [RANDOM])
    (same,) = (entry for entry in compared if entry.reference == "threshold at random" and entry.metric == "average_accuracy")
    assert (same.low, same.high) == (0, 0) and verdicts(compared, [RANDOM])[0].verdict == MATCHES


def test_intervals_by_hand():
    """Four units; two streams with one rule are a family of 8 comparisons in Avg.Acc, and one of 16 in the other metrics."""
    runs = []
    for stream in ("split", "rotated"):
        for arm in NULL:
            gains = {"threshold": (0.125, 0.25, 0.125, 0.25)}.get(arm, (0.0,) * 4)
            runs += [made_run(arm, unit, (0.5, 0.25 + gain, 0.5 + gain), stream) for unit, gain in enumerate(gains)]
    found = {(entry.stream, entry.reference, entry.metric): entry for entry in comparisons(Results(runs), [RANDOM], level=0.9)}
    assert len(found) == 2 * 4 * 3
    stderr = 0.0625 / np.sqrt(3)
    average, task, forgetting = (found["rotated", "frozen", metric] for metric in ("average_accuracy", "task_accuracy", "forgetting"))
    half = student.ppf(1 - 0.1 / 16, 3) * stderr
    assert (average.difference.mean, average.difference.stderr) == pytest.approx((0.1875, stderr), rel=1e-12)
    assert (average.low, average.high) == pytest.approx((0.1875 - half, 0.1875 + half), rel=1e-12)
    half = student.ppf(1 - 0.1 / 32, 3) * stderr / 2
    assert (task.low, task.high) == pytest.approx((0.09375 - half, 0.09375 + half), rel=1e-12)
    assert forgetting.difference.mean == pytest.approx(-0.1875, rel=1e-12) and forgetting.difference.count == 4


def test_how_often_a_study_without_any_effect_claims_one():
    """Families of 8 null comparisons at 90 %: at most 10 % of studies may have an interval that misses 0.

    Of 400 studies more than 61 would have probability 2e-4 even at exactly 10 %; pointwise intervals would give about 100.
    """
    wrong = 0
    for seed in range(400):
        runs = [run for place, stream in enumerate(("a", "b")) for run in made_runs(NULL, count=5, seed=2 * seed + place, stream=stream)]
        compared = [entry for entry in comparisons(Results(runs), [RANDOM], level=0.9) if entry.metric == "average_accuracy"]
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
