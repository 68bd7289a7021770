"""Entry point of `driftlaw deep`: parses the options and runs the command."""

import importlib
import sys
from collections.abc import Sequence

from theory.commands import parse
from theory.exits import command_line

COMMANDS = ("data", "streams", "run", "status", "resume", "show", "study", "reference", "path", "linear", "ntk")  # files of deep/commands
ABOUT = "networks that learn one task after another: data sets, streams of tasks, training, studies"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status of `theory.exits`."""
    return command_line(lambda: run(arguments), arguments)


def run(arguments: Sequence[str] | None, prog: str = "python -m deep") -> int:
    """Run the command that the arguments say."""
    commands = {name: vars(importlib.import_module(f"deep.commands.{name}"))[f"{name.capitalize()}Command"] for name in COMMANDS}
    return parse(commands, arguments, prog, ABOUT).run()


if __name__ == "__main__":
    sys.exit(main())
