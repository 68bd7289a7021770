"""The benchmark of runs side by side runs, and says what it measured; no time is tested."""

from __future__ import annotations

import json
from pathlib import Path

import bench_deep_runs
import pytest
from scaffold import python

PROGRAM = Path(__file__).parent / "bench_deep_runs.py"


def test_the_program_writes_its_record(tmp_path):
    result = python(PROGRAM, "--runs", 3, "--epochs", 1, "--workers", 2, "--out", tmp_path / "runs.jsonl")
    assert result.returncode == 0, result.stderr
    head, row = (json.loads(line) for line in (tmp_path / "runs.jsonl").read_text(encoding="utf-8").splitlines())
    assert head["kind"] == "machine" and row["ratio"] == pytest.approx(row["seconds_alone"] / row["seconds_together"])
    assert result.stdout == bench_deep_runs.table(row) and "goal 1.8" in result.stdout


def test_numbers_that_depend_on_neighbours_are_no_speed(monkeypatch):
    real = bench_deep_runs.timed

    def other_seeds(configs, workers):
        seconds, records = real(configs, 1)
        return seconds, records if workers == 1 else records[::-1]

    monkeypatch.setattr(bench_deep_runs, "timed", other_seeds)
    with pytest.raises(RuntimeError, match="other numbers"):
        bench_deep_runs.measure(2, 1, 2, "cpu")


def test_the_goal_decides_the_verdict():
    row = {"runs": 20, "epochs": 1, "seconds_alone": 1.0, "seconds_together": 1.0, "workers": 2, "goal": 1.8}
    assert bench_deep_runs.table({**row, "ratio": 1.8}).endswith("met\n") and bench_deep_runs.table({**row, "ratio": 1.79}).endswith("missed\n")


@pytest.mark.parametrize(("device", "workers", "goal"), [("cpu", 2, 1.8), ("cuda", 16, 8)])
def test_the_goals_are_those_asked_for(monkeypatch, device, workers, goal):
    monkeypatch.setattr(bench_deep_runs, "timed", lambda configs, workers: (1.0, []))
    assert bench_deep_runs.measure(2, 1, workers, device)["goal"] == goal


def test_bad_input():
    result = python(PROGRAM, "--runs", 1, "--epochs", 0)
    assert result.returncode == 2 and result.stderr.startswith("error: ")
