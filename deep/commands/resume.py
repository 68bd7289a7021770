"""`driftlaw deep resume`: goes on with the interrupted runs of a folder."""

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from deep.commands.options import DataRootOption, Training, existing
from deep.commands.run import train_and_report
from deep.runs.execute import DataSource
from deep.runs.folder import INTERRUPTED
from deep.runs.names import SHOWN, run_name
from theory.commands import print_json


@dataclass(frozen=True, kw_only=True)
class ResumeCommand(DataRootOption, Training):
    """Go on with interrupted runs from their last finished tasks; with RUN, with that one."""

    run_key: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")] = None
    """First letters of the run's key, as status lists it."""

    def run(self) -> int:
        """Train, print the records; return the exit status, 2 if runs had to be left alone."""
        from deep.training.config import RunConfig

        folder = existing(self.out)
        states = [folder.find(self.run_key)] if self.run_key else folder.states()
        configs, left = [], []
        for state in states:
            if state.problem:
                left.append(f"the run {state.key[:SHOWN]} cannot be read: {state.problem}")
            elif self.run_key or state.status == INTERRUPTED:
                if state.obstacle:
                    left.append(
                        f"the run {state.key[:SHOWN]} ({run_name(state.config)}) was started by {state.obstacle}; go on with those, or remove "
                        f"{folder.run(state.key).path} and run it anew"
                    )
                else:
                    configs.append(RunConfig.from_canonical(state.config))
        if not configs and not left:
            print_json([]) if self.json else print(f"no interrupted runs in {self.out}", file=sys.stderr)
            return 0
        status = train_and_report(configs, DataSource(self.data_root, self.download), self) if configs else 0
        for reason in left:
            print(f"error: {reason}", file=sys.stderr)
        return 2 if left else status
