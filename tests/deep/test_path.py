"""Along the step of a task: its ends are what the run has recorded, and measuring changes nothing."""

import copy
import functools
import itertools
import json

import numpy as np
import pytest
import torch
from scaffold import assert_refused, refusals

from deep.__main__ import main
from deep.path import SCALES, WHOLE, Meter, PathRecord, measure_paths
from deep.records import from_json, read_records, to_json
from deep.training.evaluate import accuracy
from driftlaw import RunConfig, stream, train_run

OPTIONS = {"train_examples": 60, "tasks": 5}
COMMON = {"stream_options": OPTIONS, "scenario": "domain", "probe_examples": 0}
CONFIGS = {
    "frozen": RunConfig(**COMMON, epochs=4, strategy="frozen"),
    "running statistics": RunConfig(**COMMON, epochs=2, network="convnet", normalisation="batch", batch_size=20, learning_rate=0.1),
}
START, MIDDLE, END = map(SCALES.index, (0.0, 0.5, 1.0))


@functools.cache
def measured(name):
    """Return the record of a run, that of its paths, and the network after each task with the tasks that were tested so far."""
    digits, networks = stream("split-digits", **OPTIONS), []

    def watch(task, examples):
        networks.append((copy.deepcopy(task.network), examples.evaluations(task.number)[: task.number + 1]))

    return train_run(CONFIGS[name], digits, watch=watch), measure_paths(CONFIGS[name], digits), networks


@pytest.mark.parametrize("name", CONFIGS)
def test_the_ends_of_a_step_are_what_the_run_recorded(name):
    run, path, _ = measured(name)
    assert path.key == run.key and path.scales == SCALES and len(path.curves) == 4
    for task in range(1, 5):
        whole = path.curve(task)
        own = np.diagonal(run.accuracy)[:task]
        for scale, row in ((START, run.accuracy[task - 1]), (END, run.accuracy[task])):
            assert whole.accuracy[scale] == pytest.approx(row[: task + 1].mean(), abs=1e-6)
            assert whole.forgetting[scale] == pytest.approx((own - row[:task]).mean(), abs=1e-6)
        # After task 1 the first of two earlier losses is its own: nothing has been forgotten at the start of a step.
        assert task > 1 or whole.forgetting_loss[START] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", CONFIGS)
def test_between_the_ends_running_statistics_go_along(name):
    run, path, ((first, _), (second, held_out), *_) = measured(name)
    network, last = copy.deepcopy(second), run.stages[-2]
    start, end = first.state_dict(), second.state_dict()
    for part, place, scale in ((last, START, 0.0), (last, MIDDLE, 0.5), (WHOLE, MIDDLE, 0.5)):
        moved = {key for key, value in end.items() if value.is_floating_point() and part in (WHOLE, key.split(".")[1])}
        network.load_state_dict({key: torch.lerp(start[key], value, scale) if key in moved else value for key, value in end.items()})
        assert path.curve(1, part).accuracy[place] == pytest.approx(np.mean([accuracy(network, one) for one in held_out]), abs=1e-6)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_part_of_a_step_ends_where_the_whole_step_does(name):
    run, path, _ = measured(name)
    for task in range(1, 5):
        parts = {curve.part: curve for curve in path.curves[task - 1]}
        assert set(parts) == {WHOLE, *itertools.compress(run.stages, run.results[task].trained)}
        assert len({curve.loss[END] for curve in parts.values()}) == 1
        assert len({curve.loss[0] for curve in parts.values()}) == len(parts)
    assert name != "frozen" or path.curve(1, "hidden1") is None


@pytest.mark.parametrize("name", CONFIGS)
def test_measuring_leaves_the_run_as_it_is(name):
    """A path that moved parameters would change the tasks after it, and so their losses."""
    again = train_run(CONFIGS[name], stream("split-digits", **OPTIONS), watch=Meter(SCALES).watch)
    assert again.numbers() == measured(name)[0].numbers()


def test_round_trip_and_command(tmp_path, capsys):
    _, path, _ = measured("frozen")
    assert from_json(json.loads(json.dumps(to_json(path))), (PathRecord,)) == path
    settings = ("--stream-options", "train_examples=60", "tasks=5", "--epochs", "4", "--scenario", "domain", "--strategy", "frozen")
    records = tmp_path / "paths.jsonl"
    assert main(["path", *settings, "--probe-examples", "0", "--records", str(records)]) == 0
    assert read_records(records, PathRecord) == [path]
    out = capsys.readouterr().out
    assert "best s by loss" in out and "hidden2" in out
    assert_refused(lambda: read_records(records), "line 1: unknown kind of record 'path'")


test_what_has_no_path = refusals([
    (lambda: measure_paths(RunConfig(stream="rotated-digits", stream_options={"tasks": 1}), stream("rotated-digits", tasks=1)), "choose more tasks"),
    (lambda: measure_paths(RunConfig(stream_options=OPTIONS, learning_rate=1e5, epochs=2), stream("split-digits", **OPTIONS)), "the run failed in task 0"),
])
