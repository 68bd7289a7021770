"""`python -m deep`, as a user runs it: data sets and streams, runs and what is told of them."""

import dataclasses
import json
import re

import pytest
from made_files import idx_bytes, small, write
from made_records import interrupted_at
from scaffold import assert_refused, outcome, python, raising

from deep.__main__ import main
from deep.commands.run import RunCommand
from deep.commands.settings import parse_options
from deep.records import read_records
from deep.runs import RunsFolder
from driftlaw import RunConfig, stream
from simulate.work.store import RunStore

QUICK = ("--stream-options", "train_examples=40", "--epochs", "2", "--probe-examples", "20")


def deep(*arguments: object, capsys: pytest.CaptureFixture) -> tuple[int, str, str]:
    return outcome(main, capsys, *arguments)


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


def test_one_data_set(capsys):
    text = deep("data", "digits", capsys=capsys)[1]
    assert "digits: images of 8 x 8, 10 classes" in text and "1,438" in text and "Own division" in text
    record = json.loads(deep("data", "digits", "--json", capsys=capsys)[1])
    assert record["parts"]["train"]["images"] == 1438 and len(record["parts"]["test"]["sha256"]) == 64


def test_one_stream_as_text(capsys):
    _, out, _ = deep("streams", "permuted-digits", "--tasks", 5, "--split", "--original-first", capsys=capsys)
    lines = out.splitlines()
    assert lines[0] == "permuted-digits: 5 tasks, images of 8 x 8, seed 0, order 0"
    assert [line.split()[0] for line in lines[4:9]] == ["0", "1", "2", "3", "4"] and "original pixels, classes 0, 1" in lines[4]
    assert "class-incremental: one head of 10 outputs" in lines


def test_the_list_as_json(capsys, tmp_path):
    record = json.loads(deep("data", "--data-root", tmp_path, "--json", capsys=capsys)[1])
    states = {entry["name"]: entry["state"] for entry in record["data_sets"]}
    assert states.pop("digits") == states.pop("digits-28") == "present (embedded)" and set(states.values()) == {"absent"} and len(states) == 6


def test_one_run(tmp_path, capsys):
    status, out, _ = deep("run", "--strategy", "frozen", "--strategy-options", "depth=1", *QUICK, "--out", tmp_path, capsys=capsys)
    assert status == 0
    assert "split-digits (train_examples=40), order 0, seed 0, frozen (depth=1) training, mlp-100: finished" in out
    assert "after 4" in out and re.search(r"average accuracy +[\d.]+ +[\d.]+ to [\d.]+\n", out) and "leave out" in out
    (state,) = RunsFolder(tmp_path).states()
    assert state.record.config["strategy_options"] == {"depth": 1}
    assert [result.trained for result in state.record.results] == [(True,) * 3] + [(False, False, True)] * 4
    assert all(result.update[:2] == (0.0, 0.0) for result in state.record.results[1:])
    status, shown, _ = deep("show", state.key[:6], "--out", tmp_path, capsys=capsys)
    assert status == 0 and shown == out


def test_several_runs_give_the_numbers_that_each_gives_alone(tmp_path, capsys):
    records = tmp_path / "records.jsonl"
    status, out, _ = deep("run", *QUICK, "--orders", 0, 1, "--workers", 2, "--out", tmp_path / "both", "--records", records, capsys=capsys)
    assert status == 0 and len([line for line in out.splitlines() if "finished" in line]) == 2
    both = read_records(records)
    assert [record.config["order"] for record in both] == [0, 1]
    deep("run", *QUICK, "--orders", 1, "--out", tmp_path / "one", "--records", records, capsys=capsys)
    (one,) = read_records(records)
    assert one.numbers() == both[1].numbers() != both[0].numbers()


def test_a_run_that_diverges_is_marked_failed_and_the_others_go_on(tmp_path, capsys):
    status, out, err = deep("run", *QUICK, "--out", tmp_path, "--learning-rate", 1e5, "--orders", 0, 1, "--workers", 1, capsys=capsys)
    assert status == 2 and out.count("failed in task 0") == 2
    assert err.count("failed: split-digits") == 2 and "the training loss is" in err
    state = RunsFolder(tmp_path).states()[0]
    assert state.status == "failed" and state.record.failure.task == 0 and state.record.metrics is None
    assert state.record.failure.step >= 0
    status, shown, _ = deep("show", state.key, "--out", tmp_path, capsys=capsys)
    assert status == 0 and f"failed in task 0 at step {state.record.failure.step}" in shown


def test_interrupted_and_resumed(tmp_path, capsys):
    """Ctrl-C between tasks: exit status 130, a hint, and `resume` ends the run with the numbers of an uninterrupted one."""
    options = ("--stream-options", "validation_share=0.2", "--epochs", "2", "--batch-size", "4")
    with interrupted_at(tmp_path / "cut", 1) as seen:
        status, _, err = deep("run", *options, "--out", tmp_path / "cut", capsys=capsys)
    assert status == 130 and seen == ["running"] and "interrupted: `driftlaw deep resume" in err
    (state,) = RunsFolder(tmp_path / "cut").states()
    assert state.status == "interrupted" and len(state.record.results) == 1
    status, out, _ = deep("status", "--out", tmp_path / "cut", capsys=capsys)
    assert status == 0 and "interrupted" in out and "deep resume" in out
    deep("resume", "--out", tmp_path / "cut", capsys=capsys)
    deep("run", *options, "--out", tmp_path / "whole", capsys=capsys)
    records = [RunsFolder(tmp_path / name).states()[0].record for name in ("cut", "whole")]
    assert records[0].status == "finished" and records[0].numbers() == records[1].numbers()


def test_runs_of_other_code_do_not_keep_others_from_being_resumed(tmp_path, capsys):
    """By their keys, and by fields that today's configurations have not."""
    config = RunConfig(stream_options={"train_examples": 40}, epochs=2)
    stored = {"0" * 64: config.canonical(), "1" * 64: {**config.canonical(), "colour": "red"}, "2" * 64: {"stream": "split-digits"}}
    for key, value in stored.items():
        RunsFolder(tmp_path).run(key).put_config(value)
    hints = (deep("status", "--out", tmp_path, capsys=capsys)[1], deep("show", "0", "--out", tmp_path, capsys=capsys)[2])
    assert not any("deep resume" in hint for hint in hints) and "2222222222 is unreadable: " in hints[0]
    status, _, err = deep("resume", "1", "--out", tmp_path, capsys=capsys)
    assert status == 2 and "started by an older version" in err and str(tmp_path / ("1" * 64)) in err
    RunsFolder(tmp_path).run(config.key).put_config(config.canonical())
    out = deep("status", "--out", tmp_path, capsys=capsys)[1]
    assert "goes on with the other interrupted runs" in out and "0000000000 cannot be resumed: it was started by an older version" in out
    told = json.loads(deep("status", "--out", tmp_path, "--json", capsys=capsys)[1])
    assert {state["key"]: state.get("resumable") for state in told} == {"0" * 64: False, "1" * 64: False, config.key: True, "2" * 64: None}
    assert [state["key"] for state in told if "problem" in state] == ["2" * 64]
    status, out, err = deep("resume", "--out", tmp_path, capsys=capsys)
    assert status == 2 and err.count("error: the run ") == 3 and f"run {config.key[:10]}" in out
    assert [state.status for state in RunsFolder(tmp_path).states() if state.key == config.key] == ["finished"]


def test_what_other_runs_reached_is_shown_beside_one_that_cannot_be_trained(tmp_path, capsys):
    deep("run", *QUICK, "--orders", 1, "--out", tmp_path, capsys=capsys)
    (state,) = RunsFolder(tmp_path).states()
    RunStore(tmp_path / state.key).put("record", {"schema": 99})
    records = tmp_path / "records.jsonl"
    status, out, err = deep("run", *QUICK, "--orders", 0, 1, 2, "--workers", 1, "--out", tmp_path, "--records", records, capsys=capsys)
    assert status == 2 and out.count("finished") == 2 and "schema 99" in err and not records.exists()


def test_what_is_said_of_an_interrupted_call_names_the_data(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("deep.commands.run.train_runs", raising(KeyboardInterrupt))
    status, _, err = deep("run", "--data-root", tmp_path / "my data", "--download", "--out", tmp_path, capsys=capsys)
    assert status == 130 and f"deep resume --out {tmp_path} --data-root '{tmp_path}/my data' --download`" in err


def test_own_parts_are_told_of_wherever_the_run_is(tmp_path, capsys, real_data):
    """The same command on official images is another run; whoever reads the record learns of it."""
    options = ("--stream", "split-kmnist", "--no-download", "--data-root", real_data, "--stream-options", "train_examples=200", "test_examples=100")
    status, out, _ = deep("run", *options, "--own-parts", "--epochs", 1, "--out", tmp_path, "--seeds", 0, 1, "--workers", 1, capsys=capsys)
    assert status == 0 and out.count("note: Own division: the 10,000 official test images divided") == 1
    (state, _) = RunsFolder(tmp_path).states()
    assert state.config["own_parts"] is True
    assert "note: Own division" in deep("show", state.key, "--out", tmp_path, capsys=capsys)[1]
    status, _, err = deep("run", *options, "--out", tmp_path, capsys=capsys)
    assert status == 2 and "has no training part here" in err


@pytest.mark.parametrize(("arguments", "reason"), [
    (["run", "--out", "{tmp}/runs", "--stream", "split-digit"], "did you mean 'digits'"),
    (["run", "--out", "{tmp}/runs", "--strategy", "frozen", "--strategy-options", "depth=9"], "depth 9 is beyond the network"),
    (["run", "--out", "{tmp}/runs", "--stream", "split-mnist", "--no-download", "--data-root", "{tmp}/none"], "mnist"),
    (["run", "--out", "{tmp}/runs", "--workers", "0"], "workers is 0"),
    (["run", "--out", "{tmp}/runs", "--stream-options", "tasks={[]:1}"], "{[]:1}"),
    (["streams", "split-qmnist", "--no-download", "--data-root", "{tmp}"], "QMNIST is absent: looked for it in {tmp}"),
    (["streams", "split-digits", "--common", "0.5"], "unknown split stream option 'common'"),
    (["data", "--data-root", "{tmp}/none"], "the data root '{tmp}/none' (--data-root) is no folder"),
])
def test_bad_input(tmp_path, arguments, reason, capsys):
    status, out, err = deep(*(argument.replace("{tmp}", str(tmp_path)) for argument in arguments), capsys=capsys)
    assert status == 2 and reason.replace("{tmp}", str(tmp_path)) in err and err.startswith("error: ") and not out
    assert not RunsFolder(tmp_path / "runs").states()


@pytest.mark.parametrize("command", [("run", *QUICK), ("path", *QUICK), ("linear",), ("ntk",), ("study", "hybrid")], ids=lambda command: command[0])
def test_records_that_cannot_be_written_are_refused_before_the_work(command, tmp_path, capsys, monkeypatch):
    work = raising(AssertionError("work before the check"))
    for place in ("path.run_jobs", "run.train_runs", "linear.bridge_record", "ntk.stream"):
        monkeypatch.setattr(f"deep.commands.{place}", work)
    monkeypatch.setattr("deep.studies.driver.run_study", work)
    (tmp_path / "file").write_text("")
    status, _, err = deep(*command, "--records", tmp_path / "file" / "x.jsonl", capsys=capsys)
    assert status == 2 and "cannot write" in err and "a folder that you may write to" in err


def test_options_are_python_literals_or_text():
    assert parse_options(("depth=2", "start=fresh", "share=.5", "split=True")) == {"depth": 2, "start": "fresh", "share": 0.5, "split": True}
    for texts in (("depth",), ("=2",), ("a=1", "a=2")):
        assert_refused(lambda: parse_options(texts))


def test_every_setting_of_a_run_has_an_option_with_its_default():
    options = {field.name: field.default for field in dataclasses.fields(RunCommand)}
    renamed = {"order": "orders", "seed": "seeds"}
    for field in dataclasses.fields(RunConfig):
        assert renamed.get(field.name, field.name) in options, field.name
        if field.name not in (*renamed, "stream_options", "strategy_options"):
            assert options[field.name] == field.default, field.name


def test_help_does_not_load_torch():
    program = "import sys; from deep.__main__ import main\ntry: main(['status'])\nfinally: sys.exit('torch' in sys.modules)"
    assert python("-c", program).returncode == 0
