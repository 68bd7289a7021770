"""What a study's runs say, with planted effects: verdicts and how often they are wrong, benefits of schedules, distances between tasks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_study import TINY, made_run, made_runs
from made_training import with_another_pixel
from scaffold import refusals
from scipy.stats import t as student

from deep.data import load
from deep.runs.execute import DataSource
from deep.streams.registry import make_options, parse_name
from deep.studies.design import AS_RATE, Rule
from deep.studies.effects import EXHAUSTIVE, masks, schedules, unit_effects
from deep.studies.pairs import LONGER, PairJob, measure
from deep.studies.statistics import MATCHES, SUPPORTED, UNSUPPORTED, UNTESTABLE, WORSE, Results, comparisons, verdicts
from deep.training.run import train_run
from theory.errors import InputError

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


BENEFITS = {1: (0.0, 0.0625, 0.125), 2: (0.0625, 0.125, 0.0), 3: (0.25, 0.0, 0.0625)}  # of depth 1, 2, 3 in each task


def run(schedule: tuple[int, ...], **changes):
    """Return a run whose Avg.Acc is the sum of its depths' benefits."""
    share = 0.25 + sum(BENEFITS[task][depth - 1] for task, depth in enumerate(schedule, 1))
    rows = tuple((share,) * (task + 1) for task in range(4))
    return made_run("schedule", 0, (share,) * 3, accuracy=rows, trained=("111", *masks(schedule, 3)), **changes)


def test_planted_benefits_are_recovered():
    tried = {schedule: run(schedule) for schedule in schedules(3, 3)}
    scored = run((3, 3, 3), decision=({}, *({"score": 0.25 * task, "stage_scores": [0.0, 0.5]} for task in range(3))))
    found = unit_effects(3, tried, scored, {"graded": run((1, 2, 3))})
    assert found.exhaustive and found.schedules == 27 and found.scores == (0.0, 0.25, 0.5) and found.stage_scores == ((0.0, 0.5),) * 3
    assert [len(gains) for gains in found.gains] == [9, 9, 9]
    assert found.benefit == pytest.approx((0.0625, -0.125, 0.0625), abs=1e-6)  # all stages minus head and last stage
    assert found.best_depths() == (3, 2, 1) and found.chosen == {"graded": (1, 2, 3)}
    assert found.reached == pytest.approx({"graded": 0.4375, "best schedule": 0.75, "mean schedule": 0.25 + (0.1875 + 0.1875 + 0.3125) / 3}, abs=1e-6)
    for task, values in enumerate(found.by_depth, 1):
        assert np.subtract(values, values[0]) == pytest.approx(np.subtract(BENEFITS[task], BENEFITS[task][0]), abs=2e-6)


def test_too_many_schedules_become_departures_in_one_task():
    assert len(schedules(4, 3)) == 81 <= EXHAUSTIVE < 3**5
    found = schedules(9, 5)
    assert len(found) == len(set(found)) == 2 + 2 * 9 and {depth for schedule in found for depth in schedule} == {2, 5}
    tried = {schedule: made_run("schedule", 0, (0.5, 0.5 + sum(schedule) / 128, 0.5)) for schedule in found}
    scored = made_run("scores", 0, (0.5, 0.5, 0.5), trained=("11111",) * 10, decision=({}, *({"score": 0.0, "stage_scores": []} for _ in range(9))))
    effects = unit_effects(5, tried, scored, {})
    assert not effects.exhaustive and effects.benefit == pytest.approx([3 / 256] * 9, abs=1e-6) and [len(gains) for gains in effects.gains] == [2] * 9
    assert effects.by_depth[0][0] is None and effects.best_depths() is None  # shallow schedules beside deep ones tell of no task


def test_a_failed_schedule_is_refused():
    tried = {schedule: run(schedule) for schedule in schedules(3, 3)}
    tried[1, 1, 1] = run((1, 1, 1), status="failed")
    with pytest.raises(InputError, match="1 runs failed"):
        unit_effects(3, tried, run((3, 3, 3)), {})


def test_masks_are_the_last_stages():
    assert masks((1, 3, 4), 4) == ["0001", "0111", "1111"]


@pytest.mark.parametrize("place", [0, 1])
def test_distances_and_errors_of_pairs(place):
    """Against parameters by name, of trainings from the untrained network; separate heads belong to neither part."""
    job = PairJob("tiny", TINY.streams[place], TINY.development[0], DataSource(download=False), "cpu")
    kind, (dataset,) = parse_name(job.stream.stream)
    stream = make_options(kind, dict(job.stream.options)).build(load(dataset), job.unit.seed, job.unit.order)

    def trained(epochs: int) -> list[dict[str, torch.Tensor]]:
        found = []
        fresh = replace(job.config, strategy_options={"start": "fresh"}, epochs=epochs)
        train_run(fresh, stream, watch=lambda task, _: found.append({name: value.detach().double().clone() for name, value in task.network.named_parameters()}))
        return found

    def squares(left, right) -> tuple[float, float]:
        own = [name for name in left if place == 1 or not name.startswith("heads")]
        values = {name: float((left[name] - right[name]).square().sum()) for name in own}
        shared = sum(value for name, value in values.items() if "hidden1" in name)
        return shared, sum(values.values()) - shared

    learned, truths = trained(job.config.epochs), trained(LONGER * job.config.epochs)
    for pair in measure(job)[:5]:
        assert pair.distance == pytest.approx(squares(truths[pair.first], truths[pair.second]), rel=2e-5)
        assert pair.error == pytest.approx(squares(learned[pair.first], truths[pair.first]), rel=2e-5)
        assert pair.advantage == pytest.approx((pair.frozen[1] + pair.frozen[2] - pair.initialized[1] - pair.initialized[2]) / 2, abs=1e-15)


def test_pairs_on_other_images_are_other_pairs(monkeypatch):
    """What is stored of some images is not given back for others."""
    job = PairJob("tiny", TINY.streams[0], TINY.development[0], DataSource(download=False), "cpu")
    key = job.key
    assert replace(job).key == key
    monkeypatch.setattr("deep.training.reading._read", lambda *_: with_another_pixel(load("digits")))
    assert replace(job).key != key
