"""Command line: ``driftlaw figures [NAME ...] [--out DIR] [--quick]``."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from figures import DEFAULT_OUT
from theory.errors import InputError
from theory.exits import STANDS, command_line, interrupt_says
from theory.own import loaded


@dataclass(frozen=True)
class Options:
    """Draw the figures: exact laws as curves, simulation as points with 95 % intervals.

    Every figure is written as PNG, SVG, PDF and the CSV of all that is drawn. Finished figures and simulated points
    are kept, so a command that was interrupted continues where it was. With --load FILE.py, figures of your own too.
    """

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[NAME ...]")] = ()
    """Figures to draw; all of them by default."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")] = DEFAULT_OUT
    """Folder for the files."""
    quick: tyro.conf.FlagCreatePairsOff[bool] = False
    """Fewer trials: the same figures in seconds, with wider intervals."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status of `theory.exits`."""
    return command_line(lambda: run(arguments))


def run(arguments: Sequence[str] | None, prog: str = "python -m figures") -> int:
    """Draw what the arguments say."""
    options = tyro.cli(Options, args=loaded(arguments), prog=prog)
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
    output, missing = Output(options.out), []
    for name in names:
        start = time.monotonic()
        try:
            drawn = make(name, known, output, options.quick)
        except MissingRecords as error:
            missing.append(f"{name} is not drawn, since {error}")
            continue
        print(f"{name}: {f'drawn in {time.monotonic() - start:.0f} s' if drawn else 'kept'}", flush=True)
    count = len(names) - len(missing)
    print(f"{'1 figure' if count == 1 else f'{count} figures'} in {shown(options.out)}{os.sep} ({', '.join(SUFFIXES)})")
    if missing:
        raise InputError("; ".join(missing))


def shown(path: Path) -> str:
    """Write a path as seen from the working directory if it lies in there."""
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
