"""The benchmark of steps runs, compares loops that train alike, and writes what it says it writes; no time is tested."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from bench_deep_steps import CAPTURED_GOAL, CASES, GOAL, STRATEGIES, made_examples, our_turn, plain_turn, table
from scaffold import python

from deep.networks import build
from deep.strategies import strategy

PROGRAM = Path(__file__).parent / "bench_deep_steps.py"
CPU = torch.device("cpu")


def test_the_program_writes_its_record(tmp_path):
    result = python(PROGRAM, "--seconds", 0, "--networks", "mlp-100", "--out", tmp_path / "steps.jsonl")
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in (tmp_path / "steps.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[0]["kind"] == "machine" and rows[0]["threads"] == 1
    assert [row["loop"] for row in rows[1:]] == ["plain loop", "initialized", "frozen 2", "frozen 1"] and len(STRATEGIES) == 3
    assert all(row["turns"] == 5 and row["network"] == "mlp-100" and 0 < row["least"] <= row["milliseconds"] for row in rows[1:])
    assert rows[1]["ratio"] == 1 and result.stdout == table(rows)


def test_both_loops_do_the_same_work():
    """On a full batch, whose order does not matter, the plain epoch and ours end at the same weights."""
    name, shape, _, _ = CASES[1]
    examples = made_examples(shape, 12, CPU)
    images, targets = examples.batch(torch.arange(12))
    plain, ours = (build(name, shape, (10,)) for _ in range(2))
    plain_turn(plain, images, targets, 12)()
    our_turn(ours, examples, 12, strategy("initialized"))()
    for left, right in zip(plain.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6)
    assert not torch.equal(next(plain.parameters()), next(build(name, shape, (10,)).parameters()))


def test_the_table_says_whether_the_goal_is_met():
    row = {"kind": "step", "network": "mlp-100", "batch_size": 10, "turns": 5, "steps_a_turn": 1, "milliseconds": 1.0, "least": 1.0}
    for loop, goal in (("initialized", GOAL), ("captured", CAPTURED_GOAL)):
        for ratio, verdict in ((goal, "met"), (goal + 0.001, "missed")):
            assert f"goal {goal:.3g}: {verdict}" in table([{**row, "loop": loop, "ratio": ratio}])
    assert "goal" not in table([{**row, "network": "resnet18-20", "loop": "captured", "ratio": 1.0}])


def test_bad_input():
    result = python(PROGRAM, "--seconds", 0, "--networks", "mlp-100", "--out", "/")
    assert result.returncode == 2 and result.stderr.startswith("error: ")
