"""`driftlaw deep status`: the runs of a folder and how far they are."""

from dataclasses import dataclass
from pathlib import Path

from deep.commands.options import existing
from deep.commands.reports import states_table
from deep.runs.folder import DEFAULT, INTERRUPTED, RunState
from deep.runs.names import SHOWN
from theory.commands import JsonOption, print_json


@dataclass(frozen=True)
class StatusCommand(JsonOption):
    """List the runs of a folder: finished, failed, running or interrupted."""

    out: Path = DEFAULT
    """Folder of runs."""

    def run(self) -> int:
        """Print the runs; return the exit status."""
        states = existing(self.out).states()
        if self.json:
            print_json([_state_record(state) for state in states])
        elif not states:
            print(f"no runs in {self.out}")
        else:
            print(states_table(states))
            interrupted = [state for state in states if state.status == INTERRUPTED]
            left = [state for state in interrupted if state.obstacle]
            if len(left) < len(interrupted):
                print(f"\n`driftlaw deep resume --out {self.out}` goes on with {'the other ' if left else ''}interrupted runs")
            for state in left:
                print(f"{state.key[:SHOWN]} cannot be resumed: it was started by {state.obstacle}")
        return 0


def _state_record(state: RunState) -> dict:
    record = state.record
    return {
        "key": state.key,
        "status": state.status,
        **({"problem": state.problem} if state.problem else {}),
        **({"resumable": not state.obstacle} if state.status == INTERRUPTED else {}),
        "config": state.config,
        "tasks_done": 0 if record is None else len(record.results),
        "metrics": None if record is None else record.metrics,
    }
