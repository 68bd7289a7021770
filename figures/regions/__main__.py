"""Command line: ``driftlaw refute FILE`` and ``driftlaw compare FILE FILE --over NAME=LOW:HIGH ...``."""

from __future__ import annotations

import json as writer
import sys
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tyro.conf import FlagCreatePairsOff, Positional, arg
from tyro.extras import subcommand_cli_from_dict

from simulate.work.files import replace_file, require_writable
from theory.errors import InputError
from theory.exits import STANDS, command_line
from theory.own import LOADING, load, loaded

FINE = 101  # values of a parameter that takes more
Out = Annotated[Path | None, arg(metavar="FILE")]


def refute(
    file: Annotated[Positional[Path], arg(metavar="FILE")], settings: int | None = None, seed: int = 0, workers: int | None = None,
    out: Out = None, json: bool = False,
) -> int:  # fmt: skip
    """Search a space of settings for the smallest counterexample to a statement.

    The file is one of driftlaw check with space in place of cases: a mapping from parameter to (low, high), both ends included, whole or
    real as they are written, to a list of choices, or to one value. It may define constraint, a function of parameters that is true
    where a setting is meant. A claim of driftlaw's own is taken by its name.

    Exit status: 1 if the statement is refuted; 3 if not, for a search that finds nothing is no proof; 2 for a mistake in the input.

    Parameters
    ----------
    file : path
        Python file with the statement, or the name of a claim.
    settings : int, optional
        Settings drawn at random; a million by default, fewer where they are taken one at a time or simulated.
    seed : int
        Seed of all draws; equal seeds give equal answers.
    workers : int, optional
        Threads of the sampler; all cores by default.
    out : path, optional
        Also draw where the statement fails, as .png, .svg or .pdf.
    json : bool
        Print one JSON object and nothing else on standard output.
    """
    from simulate.verdicts.lemma import load_lemma
    from simulate.verdicts.refutation import refute as search
    from theory.claims import CLAIMS

    started, name = _started(out), str(file)
    claim = {"name": name, **CLAIMS[name].searched} if name in CLAIMS else load_lemma(file, space=True)
    found = search(claim, settings=settings, seed=seed, workers=workers)
    if out is not None:
        from figures.regions.refutation import draw

        _draw(draw(found), out)
    return _finish(found, started, json, found.exit_status)


def compare(
    files: Annotated[Positional[tuple[Path, Path]], arg(metavar="FILE FILE")], over: Annotated[tuple[str, ...], arg(metavar="NAME=LOW:HIGH ...")],
    at: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE ...")] = (), quantity: str = "forgetting", out: Out = None, json: bool = False,
) -> int:  # fmt: skip
    """Show where which of two experiments has the smaller error, by the exact law, over one parameter or two.

    Each file defines build; its defaults give all parameters that neither --over nor --at does.

    Exit status: 0; 2 for a mistake in the input.

    Parameters
    ----------
    files : pair of path
        Python files with the experiments.
    over : tuple of str
        One or two parameters that vary, such as p_2=10:200 sigma=0.0:1.0; whole numbers where both ends are.
    at : tuple of str
        Other parameters, where defaults are not meant.
    quantity : str
        What is compared.
    out : path, optional
        Also draw it, as .png, .svg or .pdf.
    json : bool
        Print one JSON object and nothing else on standard output.
    """
    from figures.regions.compare import compare as compared

    started = _started(out)
    varying, fixed = dict(_read(text, "--over", _values) for text in over), dict(_read(text, "--at", _number) for text in at)
    if not 1 <= len(varying) <= 2 or varying.keys() & fixed.keys():
        raise InputError(f"--over names {', '.join(varying) or 'nothing'}, --at {', '.join(fixed) or 'nothing'}; let one or two parameters vary, fix others")
    builders: dict[str, Any] = {(path.stem if files[0].stem != files[1].stem else str(path)): getattr(load(path), "build", None) for path in files}
    if len(builders) < 2 or not all(map(callable, builders.values())):
        raise InputError(f"{' and '.join(builders)}: name two files, each of which defines build, a function that makes an experiment")
    found = compared(builders, varying, fixed, quantity)
    if out is not None:
        _draw(found.draw(), out)
    return _finish(found, started, json, STANDS)


def _started(out: Path | None) -> float:
    """Refuse a picture of another kind, or one that cannot be written, before anything is computed; return the time."""
    if out is not None:
        if out.suffix not in (".png", ".svg", ".pdf"):
            raise InputError(f"--out is {out}; choose a name that ends in .png, .svg or .pdf")
        require_writable(out)
    return time.perf_counter()


def _draw(canvas: Any, out: Path) -> None:
    from figures.kit.output import render

    replace_file(out, render(canvas, out.suffix[1:]))


def _finish(found: Any, started: float, json: bool, status: int) -> int:
    seconds = time.perf_counter() - started
    print(writer.dumps({**found.as_dict(), "seconds": round(seconds, 3)}, indent=2, allow_nan=False) if json else f"{found.text}\n{seconds:.1f} s")
    return status


def _read(text: str, option: str, read: Callable[[str], Any]) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, read(value)
    except (ValueError, ZeroDivisionError):
        form = "NAME=LOW:HIGH" if option == "--over" else "NAME=VALUE"
        raise InputError(f"{option} {text!r} cannot be read; write {form} with numbers such as 40, 0.5 or 1/3, the lower one first") from None


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(Fraction(text))


def _values(text: str) -> np.ndarray:
    low, high = map(_number, text.split(":"))
    if low >= high:
        raise ValueError
    whole = isinstance(low, int) and isinstance(high, int)
    values = np.linspace(low, high, min(int(high - low) + 1, FINE) if whole else FINE)
    return np.unique(values.round().astype(int)) if whole else values


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status of `theory.exits`."""
    return command_line(lambda: run(arguments))


def run(arguments: Sequence[str] | None, prog: str = "python -m figures.regions") -> int:
    """Run the command that the arguments say."""
    commands = {"refute": refute, "compare": compare}
    return subcommand_cli_from_dict(commands, prog=prog, description=f"Search spaces of settings.\n\n{LOADING}", args=loaded(arguments), config=(FlagCreatePairsOff,))


if __name__ == "__main__":
    sys.exit(main())
