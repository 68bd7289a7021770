"""Along the step of a task: its ends are what the run has recorded, and measuring changes nothing."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch

from deep.__main__ import main
from deep.path import SCALES, WHOLE, Meter, PathRecord, measure_paths
from deep.records import from_json, read_records, to_json
from deep.streams import stream
from deep.training.config import RunConfig
from deep.training.evaluate import accuracy
from deep.training.run import train_run
from theory.errors import InputError

OPTIONS = {"train_examples": 60, "tasks": 5}
CONFIG = RunConfig(stream_options=OPTIONS, epochs=4, scenario="domain", strategy="frozen", probe_examples=0)


@pytest.fixture(scope="module")
def measured():
    """Record of a run, and of its paths."""
    torch.set_num_threads(1)  # as the command does: more threads sum in another order
    digits = stream("split-digits", **OPTIONS)
    return train_run(CONFIG, digits), measure_paths(CONFIG, digits)


def test_the_ends_of_a_step_are_what_the_run_recorded(measured):
    run, path = measured
    assert path.key == run.key and path.scales == SCALES and len(path.curves) == 4
    start, end = SCALES.index(0.0), SCALES.index(1.0)
    for task in range(1, 5):
        whole = path.curve(task)
        own = np.diagonal(run.accuracy)[:task]
        for scale, row in ((start, run.accuracy[task - 1]), (end, run.accuracy[task])):
            assert whole.accuracy[scale] == pytest.approx(row[: task + 1].mean(), abs=1e-6)
            assert whole.forgetting[scale] == pytest.approx((own - row[:task]).mean(), abs=1e-6)
        # After task 1 the first of two earlier losses is its own: nothing has been forgotten at the start of a step.
        assert task > 1 or whole.forgetting_loss[start] == pytest.approx(0, abs=1e-6)


def test_running_statistics_go_along():
    """With batch normalisation too the ends of the whole step are what the run recorded, and what lies between what states say."""
    torch.set_num_threads(1)
    config = RunConfig(
        stream_options=OPTIONS, epochs=2, scenario="domain", network="convnet", normalisation="batch", batch_size=20, learning_rate=0.1, probe_examples=0
    )
    ends, expected = [], {}

    class Watching(Meter):
        def watch(self, task, examples):
            end = {name: value.clone() for name, value in task.network.state_dict().items()}
            super().watch(task, examples)
            assert all(torch.equal(value, end[name]) for name, value in task.network.state_dict().items())
            ends.append(end)
            if task.number == 1:
                for part, scale in (("conv4", 0.0), ("conv4", 0.5), (WHOLE, 0.5)):
                    network = copy.deepcopy(task.network)
                    network.load_state_dict({
                        name: torch.lerp(ends[0][name], value, scale) if value.is_floating_point() and part in (WHOLE, name.split(".")[1]) else value
                        for name, value in end.items()
                    })  # fmt: skip
                    expected[part, scale] = np.mean([accuracy(network, held_out) for held_out in examples.evaluations(1)[:2]])

    meter = Watching(SCALES)
    run = train_run(config, stream("split-digits", **OPTIONS), watch=meter.watch)
    start, end = SCALES.index(0.0), SCALES.index(1.0)
    for task in range(1, 5):
        whole = meter.curves[task - 1][0]
        for scale, row in ((start, run.accuracy[task - 1]), (end, run.accuracy[task])):
            assert whole.part == WHOLE and whole.accuracy[scale] == pytest.approx(row[: task + 1].mean(), abs=1e-6)
            assert whole.forgetting[scale] == pytest.approx((np.diagonal(run.accuracy)[:task] - row[:task]).mean(), abs=1e-6)
    curves = {curve.part: curve for curve in meter.curves[0]}
    for (part, scale), value in expected.items():
        assert curves[part].accuracy[SCALES.index(scale)] == pytest.approx(value, abs=1e-6), (part, scale)


def test_every_part_of_a_step_ends_where_the_whole_step_does(measured):
    _, path = measured
    end = SCALES.index(1.0)
    for task in range(1, 5):
        parts = {curve.part: curve for curve in path.curves[task - 1]}
        assert set(parts) == {WHOLE, "hidden2", "head"}  # hidden1 is frozen
        assert len({curve.loss[end] for curve in parts.values()}) == 1
        assert len({curve.loss[0] for curve in parts.values()}) == 3
    assert path.curve(1, "hidden1") is None


def test_measuring_leaves_the_run_as_it_is(measured):
    """A path that moved parameters would change the tasks after it, and so their losses."""
    run, _ = measured
    again = train_run(CONFIG, stream("split-digits", **OPTIONS), watch=Meter(SCALES).watch)
    assert again.numbers() == run.numbers()


def test_round_trip_and_command(measured, tmp_path, capsys):
    _, path = measured
    assert from_json(json.loads(json.dumps(to_json(path))), (PathRecord,)) == path
    settings = ("--stream-options", "train_examples=60", "tasks=5", "--epochs", "4", "--scenario", "domain", "--strategy", "frozen")
    records = tmp_path / "paths.jsonl"
    assert main(["path", *settings, "--probe-examples", "0", "--records", str(records)]) == 0
    assert read_records(records, PathRecord) == [path]
    out = capsys.readouterr().out
    assert "best s by loss" in out and "hidden2" in out
    with pytest.raises(InputError, match="line 1: unknown kind of record 'path'"):
        read_records(records)


def test_what_has_no_path():
    with pytest.raises(InputError, match="choose more tasks"):
        measure_paths(RunConfig(stream="rotated-digits", stream_options={"tasks": 1}), stream("rotated-digits", tasks=1))
    with pytest.raises(InputError, match="the run failed in task 0"):
        measure_paths(RunConfig(stream_options=OPTIONS, learning_rate=1e5, epochs=2), stream("split-digits", **OPTIONS))
