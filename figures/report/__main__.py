"""Command line: ``driftlaw report [--out DIR] [--verdicts FILE]``."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from figures import DEFAULT_OUT
from figures.__main__ import shown
from theory.commands import parse, print_json
from theory.errors import InputError
from theory.exits import STANDS, command_line


@dataclass(frozen=True)
class Options:
    """Write the report: a page of findings, explorer and figures, and the catalogue of formulas; it opens offline."""

    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = DEFAULT_OUT
    """Folder of the figures; the report goes to report/index.html and report/catalogue.html in there."""
    verdicts: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """JSON of `driftlaw verify --json`; without it the report says that nothing was checked."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print one JSON object, which lists the pages, and nothing else on standard output."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status of `theory.exits`."""
    return command_line(lambda: run(arguments), arguments)


def run(arguments: Sequence[str] | None, prog: str = "python -m figures.report") -> int:
    """Write the report that the arguments say."""
    options = parse(Options, arguments, prog)
    from figures.report.entries import CATALOGUE
    from figures.report.page import write_report

    if not any(path.suffix in (".svg", ".png") for path in options.out.glob("*.*")):
        draws = f"driftlaw figures --out {options.out}"
        raise InputError(f"no figures lie in {options.out}; draw them with `{draws}`, or name their folder")
    path = write_report(options.out, options.verdicts)
    if options.json:
        print_json({"report": str(path), "catalogue": str(path.with_name(CATALOGUE))})
    else:
        print(f"report: {shown(path)}")
    return STANDS


if __name__ == "__main__":
    sys.exit(main())
