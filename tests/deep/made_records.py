"""Records of runs that never happened, for tests of what reads them."""

from __future__ import annotations

from dataclasses import replace

from deep.records import RunRecord, TaskResult


def made_record(**changes) -> RunRecord:
    """Return a finished record of two tasks and three stages; every number is a binary fraction."""
    first = TaskResult("zero", (0.75, 0.5), (True, True, True), (3.0, 0.0, 4.0), (), (1.5, 0.25), 20, 640, 0.5)
    second = TaskResult("one", (0.625, 1.0), (False, True, True), (0.0, 0.5, 1.25), (0.125,), (0.75, 0.5), 22, 700, 0.25)
    record = RunRecord(
        key="abc123",
        config={
            "stream": "split-digits", "stream_options": {}, "order": 0, "seed": 0, "strategy": "frozen", "strategy_options": {"depth": 2},
            "network": "mlp-100", "scenario": "task",
        },
        status="finished",
        task_names=("zero", "one"),
        stages=("hidden1", "hidden2", "head"),
        baseline=(0.5, 0.5),
        results=(first, second),
        stream_fingerprint="f" * 64,
        versions={"python": "3.11"},
        device="cpu",
    )
    return replace(record, **changes)
