"""`python -m deep data` and `python -m deep streams`, as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_files import idx_bytes, small, write

from deep.__main__ import main
from deep.streams import stream

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, code: str | None = None, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "deep", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)


def test_data_lists_what_is_present_and_where_it_was_looked_for(tmp_path):
    write(tmp_path / "KMNIST" / "raw", idx_bytes(small("kmnist"), "test"))
    done = run("data", DRIFTLAW_DATA=str(tmp_path))
    assert done.returncode == 0 and not done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"data root: {tmp_path} (from DRIFTLAW_DATA)"
    states = {line.split()[0]: line for line in lines[3:10]}
    assert "present (embedded)" in states["digits"] and "train part absent" in states["kmnist"] and "absent" in states["mnist"]
    assert f"looked in: {tmp_path}/QMNIST/raw" in done.stdout and f"cifar-10-binary.tar.gz into {tmp_path}" in done.stdout


def test_streams_prints_the_same_fingerprint_as_another_process():
    done = run("streams", "corrupted-split-digits", "--seed", "3", "--order", "2", "--max-noise", "0.2", "--json")
    assert done.returncode == 0 and not done.stderr
    record = json.loads(done.stdout)
    built = stream("corrupted-split-digits", 3, 2, max_noise=0.2)
    assert record["sha256"] == built.fingerprint and [task["sha256"] for task in record["tasks"]] == [task.fingerprint for task in built]
    assert [task["train"] for task in record["tasks"]] == [len(task.train_indices) for task in built]
    assert record["outputs"] == {"task": [2] * 5, "domain": [2], "class": [10]} and record["notes"] == list(built.notes)


def test_errors_go_to_stderr_with_exit_status_2():
    done = run("streams", "split-digits", "--tasks", "3")
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == "error: 10 classes do not divide into 3 tasks of equal size; choose 1, 2, 5, 10 tasks\n"


def test_a_closed_reader_is_no_crash(tmp_path):
    command = [sys.executable, "-m", "deep", "data", "--data-root", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == "" and process.wait() == 0


def test_neither_torch_nor_a_formula_is_loaded():
    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'sympy', 'simulate') or name == 'theory.law':\n"
        "            raise ImportError('refused: ' + name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from deep.streams import stream\n"
        "print(len(stream('rotated-digits', tasks=2)))"
    )
    done = run(code=code)
    assert done.returncode == 0 and done.stdout == "2\n", done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "mnits"], "unknown data set 'mnits' (did you mean 'mnist'?)"),
        (["data", "qmnist"], "QMNIST is absent: looked for it in"),
        (["streams", "split-qmnist", "--no-download"], "QMNIST is absent: looked for it in"),
        (["streams", "splt-digits"], "unknown stream 'splt-digits' (did you mean 'split-digits'?)"),
        (["streams", "split-digits", "--validation-share", "1.5"], "the validation share is 1.5, outside [0, 1]"),
        (["streams", "split-digits", "--common", "0.5"], "unknown split stream option 'common'"),
        (["data", "--data-root", "/no such folder"], "the data root '/no such folder' (--data-root) is no folder"),
    ],
)
def test_bad_input(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTLAW_DATA", str(tmp_path))
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and message in printed.err and not printed.out


def test_unknown_options_are_refused(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["streams", "split-digits", "--taks", "3"])
    assert stopped.value.code == 2


def test_one_data_set(capsys):
    assert main(["data", "digits"]) == 0
    text = capsys.readouterr().out
    assert "digits: images of 8 x 8, 10 classes" in text and "1,438" in text and "Own parts" in text
    assert main(["data", "digits", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["parts"]["train"]["images"] == 1438 and len(record["parts"]["test"]["sha256"]) == 64


def test_one_stream_as_text(capsys):
    assert main(["streams", "permuted-digits", "--tasks", "5", "--split", "--original-first"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "permuted-digits: 5 tasks, images of 8 x 8, seed 0, order 0"
    assert [line.split()[0] for line in lines[4:9]] == ["0", "1", "2", "3", "4"] and "original pixels, classes 0, 1" in lines[4]
    assert "class-incremental: one head of 10 outputs" in lines


def test_the_list_as_json(capsys, tmp_path):
    assert main(["data", "--data-root", str(tmp_path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    states = {entry["name"]: entry["state"] for entry in record["data_sets"]}
    assert states.pop("digits") == "present (embedded)" and set(states.values()) == {"absent"} and len(states) == 6
