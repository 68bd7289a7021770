"""`python -m deep data` and `python -m deep streams`, as a user runs them."""

from __future__ import annotations

import json

import pytest
from made_files import idx_bytes, small, write
from scaffold import outcome, python

from deep.__main__ import main
from deep.streams import stream


def test_data_lists_what_is_present_and_where_it_was_looked_for(tmp_path):
    write(tmp_path / "KMNIST" / "raw", idx_bytes(small("kmnist"), "test"))
    done = python("-m", "deep", "data", DRIFTLAW_DATA=str(tmp_path))
    assert done.returncode == 0 and not done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"data root: {tmp_path} (from DRIFTLAW_DATA)"
    states = {line.split()[0]: line for line in lines[3:10]}
    assert "present (embedded)" in states["digits"] and "train part absent" in states["kmnist"] and "absent" in states["mnist"]
    assert f"looked in: {tmp_path}/QMNIST/raw" in done.stdout and f"cifar-10-binary.tar.gz into {tmp_path}" in done.stdout


def test_streams_prints_the_same_fingerprint_as_another_process():
    options = ("--seed", 3, "--order", 2, "--max-noise", 0.2)
    done = python("-m", "deep", "streams", "corrupted-split-digits", *options, "--json")
    assert done.returncode == 0 and not done.stderr
    record = json.loads(done.stdout)
    built = stream("corrupted-split-digits", 3, 2, max_noise=0.2)
    assert record["sha256"] == built.fingerprint and [task["sha256"] for task in record["tasks"]] == [task.fingerprint for task in built]
    assert [task["train"] for task in record["tasks"]] == [len(task.train_indices) for task in built]
    assert record["outputs"] == {"task": [2] * 5, "domain": [2], "class": [10]} and record["notes"] == list(built.notes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "mnits"], "unknown data set 'mnits' (did you mean 'mnist'?)"),
        (["streams", "split-digits", "--tasks", "3"], "do not divide into 3 tasks of equal size; choose 1, 2"),
        (["streams", "split-qmnist", "--no-download"], "QMNIST is absent: looked for it in"),
        (["streams", "split-digits", "--common", "0.5"], "unknown split stream option 'common'"),
        (["data", "--data-root", "/no such folder"], "the data root '/no such folder' (--data-root) is no folder"),
    ],
)
def test_bad_input(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTLAW_DATA", str(tmp_path))
    status, out, err = outcome(main, capsys, *arguments)
    assert status == 2 and err.startswith("error: ") and message in err and not out


def test_unknown_options_are_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["streams", "split-digits", "--taks", "3"])
    assert stopped.value.code == 2


def test_one_data_set(capsys):
    text = outcome(main, capsys, "data", "digits")[1]
    assert "digits: images of 8 x 8, 10 classes" in text and "1,438" in text and "Own parts" in text
    record = json.loads(outcome(main, capsys, "data", "digits", "--json")[1])
    assert record["parts"]["train"]["images"] == 1438 and len(record["parts"]["test"]["sha256"]) == 64


def test_one_stream_as_text(capsys):
    _, out, _ = outcome(main, capsys, "streams", "permuted-digits", "--tasks", 5, "--split", "--original-first")
    lines = out.splitlines()
    assert lines[0] == "permuted-digits: 5 tasks, images of 8 x 8, seed 0, order 0"
    assert [line.split()[0] for line in lines[4:9]] == ["0", "1", "2", "3", "4"] and "original pixels, classes 0, 1" in lines[4]
    assert "class-incremental: one head of 10 outputs" in lines


def test_the_list_as_json(capsys, tmp_path):
    record = json.loads(outcome(main, capsys, "data", "--data-root", tmp_path, "--json")[1])
    states = {entry["name"]: entry["state"] for entry in record["data_sets"]}
    assert states.pop("digits") == "present (embedded)" and set(states.values()) == {"absent"} and len(states) == 6
