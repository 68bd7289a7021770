"""`python -m simulate sweep FILE`: tables, files, options and messages."""

import csv
import json

import pytest
import scaffold

from simulate import grid, sweep
from simulate.__main__ import main
from simulate.work.store import RunStore

SWEEP = """
import numpy as np
from theory import initialized

quantities = ["forgetting", "error[0,0]"]
grid = {"p": (30, 50), "seed": (6, 12)}

def build(p, seed):
    return initialized({"shared": p, "specific": 20}, (10, seed), 0.3, gram={"shared": np.eye(2), "specific": np.eye(2)})
"""


@pytest.fixture
def file(tmp_path):
    def write(old="", new=""):
        assert old in SWEEP
        path = tmp_path / "mine.py"
        path.write_text(SWEEP.replace(old, new) if old else SWEEP)
        return path

    return write


def outcome(capsys, *arguments):
    return scaffold.outcome(main, capsys, "sweep", *arguments)


def expected(**options):
    defined = {}
    exec(SWEEP, defined)
    return [row.as_dict() for row in sweep(defined["build"], grid(**defined["grid"]), defined["quantities"], **options).rows]


def test_a_table_and_a_store_beside_the_file(capsys, file, tmp_path):
    status, out, err = outcome(capsys, file(), "--trials", 400)
    first, *_, last = out.splitlines()
    assert status == 0 and err == "" and len(out.splitlines()) == 9
    row = expected(trials=400)[0]
    assert first.startswith(f"p=30 seed=6   forgetting {row['mean']:.2f}"[:-1]) and "(400 trials, " in first and "+-" in first
    assert last.startswith("8 quantities, 1,600 trials, 1,600 of them computed now, ")
    assert len(list((tmp_path / "mine.sweep").glob("*.json"))) == 4
    again = outcome(capsys, file(), "--trials", 400)[1]
    assert again.splitlines()[:-1] == out.splitlines()[:-1] and " 0 of them computed now" in again


def test_options_reach_the_sweep(capsys, file, tmp_path):
    options = ("--trials", 300, "--seed", 4, "--method", "direct", "--dtype", "float32", "--processes", "--workers", 2)
    status, out, _ = outcome(capsys, file(), *options, "--store", tmp_path / "kept", "--json")
    found = json.loads(out)
    assert status == 0 and found["rows"] == expected(trials=300, seed=4, method="direct", dtype="float32")
    assert found["schema"] == 1 and found["computed"] == 1200 and found["set_aside"] == 0 and (tmp_path / "kept").is_dir()
    assert {(row["method"], row["backend"], row["dtype"], row["seed"]) for row in found["rows"]} == {("direct", "numpy", "float32", 4)}


def test_precision_and_its_warning(capsys, file):
    status, out, err = outcome(capsys, file(), "--precision", 0.02, "--max-trials", 1500, "--json")
    rows = json.loads(out)["rows"]
    missed = sum(row["status"] == "not reached" for row in rows)
    assert status == 3 and 0 < missed < 8 and rows == expected(precision=0.02, max_trials=1500)
    assert err == f"warning: {missed} of 8 quantities did not reach precision 0.02 within 1,500 trials; raise max_trials\n"
    assert "not reached" in outcome(capsys, file(), "--precision", 0.02, "--max-trials", 1500)[1]


def test_files_hold_every_bit(capsys, file, tmp_path):
    for name in ("rows.csv", "deep/rows.json"):
        assert outcome(capsys, file(), "--trials", 100, "--out", tmp_path / name)[0] == 0
    rows = expected(trials=100)
    assert json.loads((tmp_path / "deep/rows.json").read_text())["rows"] == rows
    table = list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))
    assert [float(line["mean"]) for line in table] == [row["mean"] for row in rows]
    cases = [(row["case"]["p"], row["case"]["seed"], 0) for row in rows]
    assert [(int(line["p"]), int(line["case_seed"]), int(line["seed"])) for line in table] == cases


@pytest.mark.parametrize("factor", [1, 2])
def test_what_other_code_has_stored_is_told_of_in_a_line(capsys, file, tmp_path, factor):
    outcome(capsys, file(), "--trials", 100)
    store = RunStore(tmp_path / "mine.sweep")
    for key in store.keys():
        record = store.get(key)
        record["stamp"]["files"]["simulate/simulation.py"] = "0"
        for tally in record["chunks"]["0"].values():
            tally[1] *= factor
        store.put(key, record)
    status, out, err = outcome(capsys, file(), "--trials", 100)
    assert status == 0 and ("4 points were stored by other code" in out) == (factor == 1)
    if factor == 1:
        assert err == "" and "0 of them computed now" in out
    else:
        assert err.startswith("warning: 4 of 4 points are stored with other numbers") and "simulate/simulation.py" in err
        assert err.count("\n") == 1 and "400 of them computed now" in out


def test_a_damaged_record_is_told_of_in_a_line(capsys, file, tmp_path):
    outcome(capsys, file(), "--trials", 100)
    damaged = sorted((tmp_path / "mine.sweep").glob("*.json"))[0]
    damaged.write_text("half")
    status, out, err = outcome(capsys, file(), "--trials", 100)
    assert status == 0 and "100 of them computed now" in out
    assert err.startswith(f"warning: the record {damaged} is damaged") and err.count("\n") == 1


@pytest.mark.parametrize(("old", "new", "message"), [
    ("quantities =", "quantity =", "does not define 'quantities' (it must define build, quantities, cases, or grid in place of cases); is it 'quantity'?"),
    ("grid =", "gird =", "does not define 'cases'"),
    ("(30, 50)", "(30, -1)", "case 2 (p=-1, seed=6): the dimension of block 'shared' is -1"),
    ("grid =", "seed = 3\ngrid =", "defines 'seed', which a sweep does not read from its file; give it to the command"),
    ("grid =", "Trials = 3\ngrid =", "defines 'Trials', which a sweep does not read from its file"),
    ("grid = ", "Grid = []\ncases = [dict(p=30, seed=6)]\n_grid = ", "did you mean 'grid'?"),
])
def test_mistakes_in_the_file(capsys, file, tmp_path, old, new, message):
    status, out, err = outcome(capsys, file(old, new))
    assert status == 2 and out == "" and err.startswith("error: ") and message in err and "Traceback" not in err
    assert not (tmp_path / "mine.sweep").exists()


@pytest.mark.parametrize(("options", "message"), [
    (("--processes", "--scheduler", "tcp://127.0.0.1:1"), "--processes stands beside --scheduler"),
    (("--scheduler", "tcp://127.0.0.1:1"), "cannot reach the Dask scheduler"),
    (("--out", "rows.txt"), "the output is rows.txt; let its name end in one of .csv, .json"),
    (("--out", "/proc/rows.csv"), "cannot write /proc/rows.csv"),
    (("--store", "/proc/store"), "cannot write to the folder /proc/store"),
])
def test_mistakes_in_the_call(capsys, file, options, message):
    status, out, err = outcome(capsys, file(), *options)
    assert status == 2 and out == "" and err.startswith("error: ") and message in err
