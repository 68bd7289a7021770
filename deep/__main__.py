"""Entry point of `driftlaw deep`: parses the options and runs the command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from theory.exits import command_line
from theory.own import LOADING, loaded

DESCRIPTION = f"""Continual learning of deep networks: data sets, streams of tasks, training.

Exit status: 0; 2 for bad input, what the machine lacks, or a run that failed; 130 after an interrupt.
{LOADING}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status of `theory.exits`."""
    return command_line(lambda: run(arguments))


def run(arguments: Sequence[str] | None, prog: str = "python -m deep") -> int:
    """Run the command that the arguments say."""
    from deep.commands.data import DataCommand
    from deep.commands.linear import LinearCommand
    from deep.commands.path import PathCommand
    from deep.commands.resume import ResumeCommand
    from deep.commands.run import RunCommand
    from deep.commands.show import ShowCommand
    from deep.commands.status import StatusCommand
    from deep.commands.streams import StreamsCommand
    from deep.commands.study import StudyCommand

    commands = (
        Annotated[DataCommand, tyro.conf.subcommand("data")]
        | Annotated[StreamsCommand, tyro.conf.subcommand("streams")]
        | Annotated[RunCommand, tyro.conf.subcommand("run")]
        | Annotated[StatusCommand, tyro.conf.subcommand("status")]
        | Annotated[ResumeCommand, tyro.conf.subcommand("resume")]
        | Annotated[ShowCommand, tyro.conf.subcommand("show")]
        | Annotated[StudyCommand, tyro.conf.subcommand("study")]
        | Annotated[PathCommand, tyro.conf.subcommand("path")]
        | Annotated[LinearCommand, tyro.conf.subcommand("linear")]
    )
    command: Any = tyro.cli(commands, args=loaded(arguments), prog=prog, description=DESCRIPTION)
    return command.run()


if __name__ == "__main__":
    sys.exit(main())
