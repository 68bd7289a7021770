"""Command line: ``driftlaw figures [NAME ...] [--out DIR] [--quick]``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from figures import DEFAULT_OUT
from theory.commands import choices, parse, print_json
from theory.errors import InputError
from theory.exits import STANDS, command_line, interrupt_says

if TYPE_CHECKING:
    from figures.kit.output import Output


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
    """Draw the chosen figures that are not finished yet, several at once, and say where the files are.

    Raises
    ------
    InputError
        At the end, if records of some are missing; the others are drawn.
    """
    from figures.kit.output import SUFFIXES, Output
    from figures.make import is_made
    from figures.registry import FIGURES, MissingRecords, choose, discover
    from simulate.work.jobs import run_jobs

    known = discover()
    names = choose(options.names, known)
    output, missing, states = Output(options.out), [], {}

    def tell(name: str, state: str, how: str = "") -> None:
        states[name] = state
        if not options.json:
            print(f"{name}: {state}{how}", flush=True)

    left = []
    for name in names:
        try:
            tell(name, "kept") if is_made(name, known, output, options.quick) else left.append(name)
        except MissingRecords as error:
            missing.append(f"{name} is not drawn, since {error}")
    if left:
        output.require_writable()
    draw = partial(_draw, output=output, quick=options.quick)
    ours = [name for name in left if name in FIGURES and FIGURES.own(name) is None]  # other processes do not know a user's own
    if len(ours) > 1:
        for index, seconds in run_jobs(draw, ours, kind="processes", progress="figures", label=str):
            tell(ours[index], "drawn", f" in {seconds:.0f} s")
    for name in left:
        if name not in states:
            tell(name, "drawn", f" in {draw(name):.0f} s")
    done = [{"name": name, "state": states[name], "files": [str(path) for path in output.files(name)]} for name in names if name in states]
    if options.json:
        print_json({"folder": str(options.out), "figures": done, "missing": missing})
    else:
        print(f"{'1 figure' if len(done) == 1 else f'{len(done)} figures'} in {shown(options.out)}{os.sep} ({', '.join(SUFFIXES)})")
    if missing:
        raise InputError("; ".join(missing))


def _draw(name: str, output: Output, quick: bool) -> float:
    """Make a figure; return the seconds that it took."""
    from figures.make import make
    from figures.registry import discover

    start = time.monotonic()
    make(name, discover(), output, quick)
    return time.monotonic() - start


def _names() -> list[str]:
    from figures.registry import discover

    return list(discover())


def shown(path: Path) -> str:
    """Write a path as seen from the working directory if it lies in there."""
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
