"""`driftlaw deep show RUN`: the record of one run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from deep.commands.reports import record_text
from deep.records import to_json
from deep.runs.folder import DEFAULT, RunsFolder
from theory.commands import JsonOption, print_json
from theory.errors import InputError


@dataclass(frozen=True)
class ShowCommand(JsonOption):
    """Show the record of a run: accuracy matrix, metrics, updates, configuration."""

    run_key: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """First letters of the run's key, as status lists it."""
    out: Path = DEFAULT
    """Folder of runs."""

    def run(self) -> int:
        """Print the record; return the exit status."""
        state = RunsFolder(self.out).find(self.run_key)
        if state.record is None:
            remedy = f"it was started by {state.obstacle}" if state.obstacle else f"`driftlaw deep resume --out {self.out}` goes on with it"
            raise InputError(f"the run {state.key[:10]} is {state.status} and has no record yet; {remedy}")
        print_json(to_json(state.record)) if self.json else print(record_text(state.record, state.status))
        return 0
