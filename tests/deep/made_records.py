"""Records of runs that never happened, for tests of what reads them, and runs that are interrupted when they store theirs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deep.records import RunRecord, TaskResult
from deep.runs import RunFolder


def made_record(**changes) -> RunRecord:
    """Return a finished record of two tasks and three stages; every number is a binary fraction."""
    first = TaskResult("zero", (0.75, 0.5), (True, True, True), (3.0, 0.0, 4.0), (), (1.5, 0.25), 20, 640, 0.5)
    second = TaskResult("one", (0.625, 1.0), (False, True, True), (0.0, 0.5, 1.25), (0.125,), (0.75, 0.5), 22, 700, 0.25)
    config = {"stream": "split-digits", "stream_options": {}, "order": 0, "seed": 0, "strategy": "frozen", "strategy_options": {"depth": 2}}
    record = RunRecord(
        key="abc123", config={**config, "network": "mlp-100", "scenario": "task"}, status="finished", task_names=("zero", "one"),
        stages=("hidden1", "hidden2", "head"), baseline=(0.5, 0.5), results=(first, second), stream_fingerprint="f" * 64,
        versions={"python": "3.11"}, device="cpu",
    )  # fmt: skip
    return replace(record, **changes)


@contextmanager
def interrupted_at(root: Path, records: int) -> Iterator[list[str]]:
    """Ctrl-C as soon as so many runs of a folder have a record, whatever the machine's speed; yield what the last one's status was."""
    put, seen = RunFolder.put_record, []

    def put_record(folder: RunFolder, record: RunRecord) -> None:
        put(folder, record)
        if len(list(root.glob("*/record.json"))) >= records:
            seen.append(folder.state().status)
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "put_record", put_record)
        yield seen
