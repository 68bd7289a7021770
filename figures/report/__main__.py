"""Command line: ``driftlaw report [--out DIR] [--verdicts FILE]``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from figures import DEFAULT_OUT
from figures.__main__ import shown
from theory.errors import InputError
from theory.exits import STANDS, command_line
from theory.own import loaded


@dataclass(frozen=True)
class Options:
    """Write the report: a page of findings, explorer and figures, and the catalogue of formulas; it opens offline."""

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = DEFAULT_OUT
    """Folder of the figures; the report goes to report/index.html and report/catalogue.html in there."""
    verdicts: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """JSON of `driftlaw verify --json`; without it the report says that nothing was checked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status of `theory.exits`."""
    return command_line(lambda: run(arguments))


def run(arguments: Sequence[str] | None, prog: str = "python -m figures.report") -> int:
    """Write the report that the arguments say."""
    options = tyro.cli(Options, args=loaded(arguments), prog=prog)
    from figures.report.page import write_report

    if not any(path.suffix in (".svg", ".png") for path in options.out.glob("*.*")):
        draws = f"driftlaw figures --out {options.out}"
        raise InputError(f"no figures lie in {options.out}; draw them with `{draws}`, or name their folder")
    path = write_report(options.out, options.verdicts)
    print(f"report: {shown(path)}")
    return STANDS


if __name__ == "__main__":
    sys.exit(main())
