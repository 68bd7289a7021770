"""`driftlaw deep run`: trains streams of tasks and prints accuracy matrices and metrics."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deep.commands.options import Training
from deep.commands.reports import record_text, states_table
from deep.commands.settings import Settings
from deep.records import FAILED, RunRecord
from deep.runs.execute import DataSource, train_runs
from deep.runs.folder import RunState
from deep.runs.names import SHOWN, run_name
from theory.errors import DriftlawError
from theory.exits import BAD_INPUT, STANDS, interrupt_says

if TYPE_CHECKING:
    from deep.training.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class RunCommand(Settings, Training):
    """Train a network on a stream of tasks, once for every order and seed, several at a time.

    Exit status: 0; 2 if a run failed, for bad input and for what the machine lacks; 130 after an interrupt.
    """

    def run(self) -> int:
        """Train, print the records; return the exit status."""
        return train_and_report(self.configs(), self.source, self)


def train_and_report(configs: list[RunConfig], source: DataSource, training: Training) -> int:
    """Train runs and print their records; return the exit status, 2 if a run failed: nothing is judged here.

    Raises
    ------
    DriftlawError
        If a run could not be trained, once the others are and their records are printed; no file is written then.
    """
    training.check_file()
    found: dict[str, RunRecord] = {}
    problem: DriftlawError | None = None
    try:
        with interrupt_says(f"`{_resume(training, source)}` goes on from the last finished tasks"):
            for record in train_runs(configs, training.out, source, training.workers):
                found[record.key] = record
    except DriftlawError as error:
        if not found:
            raise
        problem = error  # of some runs; what the others reached is shown first
    records = [found[config.key] for config in configs if config.key in found]
    training.report(records, lambda: _text(records), write=problem is None)
    failed = [record for record in records if record.status == FAILED]
    for record in failed:
        print(f"failed: {run_name(record.config)} (run {record.key[:SHOWN]}): {record.failure.reason}", file=sys.stderr)
    if problem is not None:
        raise problem
    return BAD_INPUT if failed else STANDS


def _text(records: list[RunRecord]) -> str:
    if len(records) == 1:
        return record_text(records[0], records[0].status)
    return states_table([RunState(record.key, dict(record.config), record, running=False) for record in records])


def _resume(training: Training, source: DataSource) -> str:
    """The command that goes on with runs, with the same data."""
    words = ["driftlaw", "deep", "resume", "--out", str(training.out)]
    words += [] if source.root is None else ["--data-root", str(source.root)]
    return shlex.join(words + (["--download"] if source.download else []))
