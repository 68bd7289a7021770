"""The command ``driftlaw``: one entrance to the commands of all packages."""

import importlib
import sys
from collections.abc import Sequence

from driftlaw import __version__
from theory.checks import known
from theory.commands import overview
from theory.exits import STANDS, command_line
from theory.own import loaded

# Command, where it lives, and whether its name is for the package to read as well.
COMMANDS = {
    "check": ("simulate", "judge the lemma of a Python file by simulation"),
    "derive": ("simulate", "derive a quantity of an experiment with symbols, with its proof"),
    "refute": ("figures.regions", "search a space of settings for a counterexample to a statement"),
    "compare": ("figures.regions", "see where which of two experiments has the smaller error"),
    "memory": ("figures.regions", "see what memory strength (GEM) does to a step, by law and by sampling"),
    "verify": ("simulate", "judge the catalogue of formulas"),
    "sweep": ("simulate", "estimate quantities over many experiments, resumably"),
    "calibrate": ("simulate", "measure how often verdicts go wrong"),
    "robustness": ("simulate", "see how far formulas hold beyond their assumptions"),
    "theory": ("theory", "list, show, evaluate and export formulas: theory list, theory show NAME ..."),
    "deep": ("deep", "train and study networks: deep run, deep status, deep resume, deep study ..."),
    "gpu": ("deep.gpu", "measure all that needs a GPU, eight minutes a call"),
    "figures": ("figures", "draw the figures"),
    "report": ("figures.report", "write the page with catalogue, claims, figures and an explorer"),
}
_HOMES = [home for home, _ in COMMANDS.values()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status of `theory.exits`."""
    return command_line(lambda: _run(loaded(arguments)), arguments)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "--version"):
        print(f"driftlaw {__version__}" if words[:1] == ["--version"] else overview("driftlaw", "verify the theory of continual learning", {name: about for name, (_, about) in COMMANDS.items()}))
        return STANDS
    name, *rest = words
    home, _ = COMMANDS[known(name, COMMANDS, "command of driftlaw:", "`driftlaw {}`")]
    run = importlib.import_module(f"{home}.__main__").run
    return run([name, *rest], "driftlaw") if _HOMES.count(home) > 1 else run(rest, f"driftlaw {name}")


if __name__ == "__main__":
    sys.exit(main())
