"""What explains a study: effects of planted benefits, schedules, and distances between tasks against a direct computation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_study import TINY, made_run

from deep.data import load
from deep.runs.execute import DataSource
from deep.streams.registry import make_options, parse_name
from deep.studies.effects import EXHAUSTIVE, masks, schedules, unit_effects
from deep.studies.pairs import LONGER, PairJob, measure
from deep.training.run import train_run
from theory.errors import InputError

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
    other = load("digits")
    images = np.array(other.train.images)
    images[0, 0, 0] += 1
    changed = replace(other, train=replace(other.train, images=images))
    key = job.key
    assert replace(job).key == key
    monkeypatch.setattr("deep.training.reading._read", lambda *_: changed)
    assert replace(job).key != key
