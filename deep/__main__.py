"""Entry point of `python -m deep`: parses the options, runs the command, reports errors with exit status 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import tyro

from deep.commands.data import DataCommand
from deep.commands.linear import LinearCommand
from deep.commands.path import PathCommand
from deep.commands.resume import ResumeCommand
from deep.commands.run import INTERRUPTED_STATUS, RunCommand
from deep.commands.show import ShowCommand
from deep.commands.status import StatusCommand
from deep.commands.streams import StreamsCommand
from deep.commands.study import StudyCommand
from theory.errors import DriftlawError

DESCRIPTION = "Continual learning of deep networks: data sets, streams of tasks, training."
Command = (
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0, 1 where runs failed, 2 for an error that the message explains, 130 for Ctrl-C."""
    try:
        command = tyro.cli(Command, args=arguments, prog="python -m deep", description=DESCRIPTION)
        status = command.run()
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # A reader such as head has closed; without this Python reports it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED_STATUS
    except DriftlawError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
