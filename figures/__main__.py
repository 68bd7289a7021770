"""Command line: ``driftlaw figures [NAME ...] [--out DIR] [--quick]``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from figures import DEFAULT_OUT
from theory.commands import choices, parse, print_json
from theory.errors import InputError
from theory.exits import STANDS, command_line, interrupt_says


@dataclass(frozen=True)
class Options:
    """Draw the figures: exact laws as curves, simulation as points with 95 % intervals.

    Every figure is written as PNG, SVG, PDF and the CSV of all that is drawn. Finished figures and simulated points
    are kept, so a command that was interrupted continues where it was. With --load FILE.py, figures of your own too.
    """

    names: Annotated[tuple[str, ...], tyro.conf.Positional, choices("Figures to draw, by default all", _names(), metavar="[NAME ...]")] = ()
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = DEFAULT_OUT
    """Folder for the files."""
    quick: tyro.conf.FlagCreatePairsOff[bool] = False
    """Fewer trials: the same figures in seconds, with wider intervals."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print one JSON object, which lists the files, and nothing else on standard output."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status of `theory.exits`."""
    return command_line(lambda: run(arguments), arguments)


def run(arguments: Sequence[str] | None, prog: str = "python -m figures") -> int:
    """Draw what the arguments say."""
    options = parse(Options, arguments, prog)
    kept = f"finished figures and simulated points are kept in {shown(options.out)}"
    with interrupt_says(f"{kept}; the same command continues from there"):
        draw_all(options)
    return STANDS


def draw_all(options: Options) -> None:
    """Draw the chosen figures that are not finished yet, and say where the files are.

    Raises
    ------
    InputError
        At the end, if records of some are missing; the others are drawn.
    """
    from figures.make import make
    from figures.kit.output import SUFFIXES, Output
    from figures.registry import MissingRecords, choose, discover

    known = discover()
    names = choose(options.names, known)
    output, missing, done = Output(options.out), [], []
    for name in names:
        start = time.monotonic()
        try:
            state = "drawn" if make(name, known, output, options.quick) else "kept"
        except MissingRecords as error:
            missing.append(f"{name} is not drawn, since {error}")
            continue
        done.append({"name": name, "state": state, "files": [str(path) for path in output.files(name)]})
        if not options.json:
            print(f"{name}: {state}{f' in {time.monotonic() - start:.0f} s' if state == 'drawn' else ''}", flush=True)
    if options.json:
        print_json({"folder": str(options.out), "figures": done, "missing": missing})
    else:
        print(f"{'1 figure' if len(done) == 1 else f'{len(done)} figures'} in {shown(options.out)}{os.sep} ({', '.join(SUFFIXES)})")
    if missing:
        raise InputError("; ".join(missing))


def _names() -> list[str]:
    from figures.registry import discover

    return list(discover())


def shown(path: Path) -> str:
    """Write a path as seen from the working directory if it lies in there."""
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
