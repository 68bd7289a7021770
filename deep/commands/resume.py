"""`python -m deep resume`: goes on with the interrupted runs of a folder."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import tyro

from deep.commands.options import DataOptions
from deep.commands.run import Training, train_and_report
from deep.runs.execute import DataSource
from deep.runs.folder import INTERRUPTED, RunsFolder
from deep.runs.names import SHOWN, run_name
from theory.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ResumeCommand(DataOptions, Training):
    """Go on with interrupted runs from their last finished tasks; with RUN, with that one."""

    run_key: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")] = None
    """First letters of the run's key, as status lists it."""
    download: bool = True
    """Download data sets that are absent from their official addresses."""

    def run(self) -> int:
        """Train, print the records; return the exit status."""
        from deep.training.config import RunConfig

        folder = RunsFolder(self.out)
        states = [folder.find(self.run_key)] if self.run_key else [state for state in folder.states() if state.status == INTERRUPTED]
        if not states:
            print(f"no interrupted runs in {self.out}", file=sys.stderr)
            return 0
        configs = []
        for state in states:
            config = RunConfig.from_canonical(state.config)
            if config.key != state.key:
                raise InputError(
                    f"the run {state.key[:SHOWN]} ({run_name(state.config)}) was started by other code or versions of packages; go on with "
                    f"those, or remove {folder.run(state.key).path} and run it anew"
                )
            configs.append(config)
        return train_and_report(configs, DataSource(self.data_root, self.download, self.own_parts), self)
