"""What all command lines share: how a command is chosen, its help, what is said of misspelt words, JSON."""

import dataclasses
import inspect
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tyro

from theory.checks import known
from theory.errors import InputError
from theory.exits import STANDS
from theory.own import LOADING, loaded

EXITS = "Exit status: 0; 2 for bad input or what the machine lacks; 130 after an interrupt."


@dataclasses.dataclass(frozen=True, kw_only=True)
class JsonOption:
    """How what was found is printed."""

    json: bool = False
    """Print JSON and nothing else on standard output."""


def parse(commands: type | Mapping[str, type], arguments: Sequence[str] | None, prog: str, about: str = "", config: Sequence[Any] = ()) -> Any:
    """Return the command that the arguments say; files of ``--load`` are loaded.

    Parameters
    ----------
    commands : type or mapping of str to type
        Dataclass of options; or several by the names that choose them.
    arguments : sequence of str or None
        None: those of the process.
    prog : str
        What is typed to come here, such as "driftlaw deep".
    about : str
        First line of the overview of several commands.
    config : sequence
        Of tyro's markers.

    Raises
    ------
    InputError
        For an unknown command or option; names the nearest one as it is typed.
    SystemExit
        After help was printed, and from tyro for values that cannot be read.
    """
    words = loaded(arguments)
    if isinstance(commands, Mapping):
        if words[:1] in (["-h"], ["--help"]):
            print(overview(prog, about, {name: (inspect.getdoc(command) or "").partition("\n\n")[0] for name, command in commands.items()}))
            raise SystemExit(STANDS)
        if not words:
            raise InputError(f"{prog} needs a command: {', '.join(commands)}; `{prog} --help` says what they do")
        name, *words = words
        commands, prog = commands[known(name, commands, f"command of {prog}:", f"`{prog} {{}}`")], f"{prog} {name}"
    fields = [field for field in dataclasses.fields(commands) if "Positional" not in str(field.type)]
    options = ["--help", "--load"]
    options += [option for field in fields for option in (f"--{field.name.replace('_', '-')}", *re.findall(r"'(--[\w-]+)'", str(field.type)))]
    for option in (word.partition("=")[0].replace("_", "-") for word in words if word.startswith("--")):
        known(option.replace("--no-", "--", 1), options, f"option of {prog}:", f"`{prog} {{}}`")
    text = inspect.getdoc(commands) or ""
    ends = "" if "Exit status" in text else f"\n\n{EXITS}"
    return tyro.cli(commands, args=words, prog=prog, description=f"{text}{ends}\n\n{LOADING}", config=config)


def overview(prog: str, about: str, commands: Mapping[str, str]) -> str:
    """Return the help of a program that has several commands."""
    width = max(map(len, commands))
    lines = [f"  {name:<{width}}  {' '.join(what.split())}" for name, what in commands.items()]
    return "\n".join([f"{prog} COMMAND ...: {about}", "", *lines, "", f"`{prog} COMMAND --help` says more. {LOADING}"])


def choices(about: str, names: Iterable[str], **more: Any) -> Any:
    """Return what makes an option's help say which names there are."""
    return tyro.conf.arg(help=f"{about}: {', '.join(names)}.", **more)


def print_json(value: Any) -> None:
    """Print a value for a program to read."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
