"""Command line: ``driftlaw refute FILE``, ``driftlaw compare FILE FILE --over NAME=LOW:HIGH ...`` and ``driftlaw memory``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tyro.conf import FlagCreatePairsOff, Positional, arg

from simulate.work.files import replace_file, require_writable
from theory.checks import known
from theory.commands import JsonOption, choices, parse, print_json
from theory.errors import InputError
from theory.exits import STANDS, command_line
from theory.memory import FORMS as STRENGTHS, MemoryStep
from theory.own import load
from theory.quantities import FORMS
from theory.space import Space

FINE = 101  # values of a parameter that takes more


@dataclass(frozen=True, kw_only=True)
class _Drawn(JsonOption):
    """A command whose `found` computes what has a text, values for a program and a picture."""

    out: Annotated[Path | None, arg(metavar="FILE")] = None
    """Also draw what is found, as .png, .svg or .pdf."""

    def found(self) -> Any:
        """Compute what is printed and drawn."""
        raise NotImplementedError

    def picture(self, found: Any) -> Any:
        """Draw what was found."""
        return found.draw()

    def run(self) -> int:
        """Compute, draw and print; refuse a picture of another kind, or one that cannot be written, before that. Return the exit status."""
        if self.out is not None:
            if self.out.suffix not in (".png", ".svg", ".pdf"):
                raise InputError(f"--out is {self.out}; choose a name that ends in .png, .svg or .pdf")
            require_writable(self.out)
        started, found = time.perf_counter(), self.found()
        if self.out is not None:
            from figures.kit.output import render

            replace_file(self.out, render(self.picture(found), self.out.suffix[1:]))
        seconds = time.perf_counter() - started
        if self.json:
            print_json({**found.as_dict(), "seconds": round(seconds, 3)})
        else:
            print(f"{found.text}\n{seconds:.1f} s")
        return getattr(found, "exit_status", STANDS)


@dataclass(frozen=True)
class Refute(_Drawn):
    """Search a space of settings for the smallest counterexample to a statement.

    The file is one of driftlaw check with space in place of cases: a mapping from parameter to (low, high), both ends included, whole or
    real as they are written, to a list of choices, or to one value. It may define constraint, a function of parameters that is true
    where a setting is meant. A claim of driftlaw's own is taken by its name.

    Exit status: 1 if the statement is refuted; 3 if not, for a search that finds nothing is no proof; 2 for a mistake in the input.
    """

    file: Annotated[Positional[Path], choices("Python file with the statement, or the name of a claim", _searched(), metavar="FILE")]
    settings: int | None = None
    """Settings drawn at random; a million by default, fewer where they are taken one at a time or simulated."""
    seed: int = 0
    """Seed of all draws; equal seeds give equal answers."""
    workers: int | None = None
    """Threads of the sampler; all cores by default."""

    def found(self) -> Any:
        """Search."""
        from simulate.verdicts.lemma import load_lemma
        from simulate.verdicts.refutation import refute
        from theory.claims import CLAIMS

        name = str(self.file)
        if not self.file.suffix and not self.file.exists():
            known(name, _searched(), "claim or file")
        claim = {"name": name, **CLAIMS[name].searched} if name in _searched() else load_lemma(self.file, space=True)
        if self.out is not None and len(axes := Space.read(claim["space"]).axes) == 1:
            raise InputError(f"only {axes[0].name} varies, and a picture is over two parameters; leave out --out")
        return refute(claim, settings=self.settings, seed=self.seed, workers=self.workers)

    def picture(self, found: Any) -> Any:
        """Draw where the statement fails."""
        from figures.regions.refutation import draw

        return draw(found)


@dataclass(frozen=True)
class Compare(_Drawn):
    """Show where which of two experiments has the smaller error, by the exact law, over one parameter or two.

    Each file defines build; its defaults give all parameters that neither --over nor --at does.

    Exit status: 0; 2 for a mistake in the input.
    """

    files: Annotated[Positional[tuple[Path, Path]], arg(metavar="FILE FILE")]
    """Python files with the experiments."""
    over: Annotated[tuple[str, ...], arg(metavar="NAME=LOW:HIGH ...")]
    """One or two parameters that vary, such as p_2=10:200 sigma=0.0:1.0; whole numbers where both ends are, so that sigma=0:1 are two values."""
    at: Annotated[tuple[str, ...], arg(metavar="NAME=VALUE ...")] = ()
    """Other parameters, where defaults are not meant."""
    quantity: Annotated[str, choices("What is compared", FORMS)] = "forgetting"

    def found(self) -> Any:
        """Compute both experiments."""
        from figures.regions.compare import compare

        files = self.files
        varying, fixed = dict(_read(text, "--over", _values) for text in self.over), dict(_read(text, "--at", _number) for text in self.at)
        names = [text.partition("=")[0] for text in (*self.over, *self.at)]
        if not 1 <= len(self.over) <= 2 or len(set(names)) < len(names):
            raise InputError(f"--over names {', '.join(names[: len(self.over)]) or 'nothing'}, --at {', '.join(fixed) or 'nothing'}; let one or two parameters vary, fix others")
        builders: dict[str, Any] = {(path.stem if files[0].stem != files[1].stem else str(path)): getattr(load(path), "build", None) for path in files}
        if len(builders) < 2 or not all(map(callable, builders.values())):
            raise InputError(f"{' and '.join(builders)}: name two files, each of which defines build, a function that makes an experiment")
        return compare(builders, varying, fixed, self.quantity)


@dataclass(frozen=True, kw_only=True)
class Memory(_Drawn):
    """Show what memory strength does to a step of GEM: how often it violates the constraint on unseen data, and at which cost.

    A fresh memory of m samples with noise sigma; theta is at a distance from the earlier task's truth, and cos is the cosine of both
    tasks' gradients. The violation stands beside its law, everything else is simulated.

    Exit status: 0; 2 for a mistake in the input.
    """

    p: int
    """Number of parameters."""
    m: int
    """Stored samples."""
    sigma: float
    """Standard deviation of the memory's noise."""
    distance: float
    """Distance of theta from the earlier task's truth, the length of its population gradient."""
    cos: float
    """Cosine of the current gradient and that gradient; negative for a conflict."""
    groups: int = 1
    """Groups of parameters with a constraint each (p-mGEM); they divide p."""
    strengths: tuple[float, ...] | None = None
    """Memory strengths; from 0 to twice the threshold by default."""
    form: Annotated[str, choices("How strength enters", STRENGTHS)] = STRENGTHS[0]
    draws: int = 100_000
    """Draws behind every simulated value."""
    seed: int = 0
    """Seed of all draws; equal seeds give equal results."""

    def found(self) -> Any:
        """Compute and draw steps."""
        from figures.regions.memory import over_strengths

        step = MemoryStep(self.p, self.m, self.sigma, self.distance, self.cos, groups=self.groups)
        return over_strengths(step, self.strengths, self.form, self.draws, self.seed)


def _searched() -> list[str]:
    from theory.claims import CLAIMS

    return [name for name, claim in CLAIMS.items() if claim.searched]


def _read(text: str, option: str, read: Callable[[str], Any]) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, read(value)
    except (ValueError, ZeroDivisionError):
        form, ends = ("NAME=LOW:HIGH", ", the lower one first") if option == "--over" else ("NAME=VALUE", "")
        raise InputError(f"{option} {text!r} cannot be read; write {form} with numbers such as 40, 0.5 or 1/3{ends}") from None


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
    return command_line(lambda: run(arguments), arguments)


def run(arguments: Sequence[str] | None, prog: str = "python -m figures.regions") -> int:
    """Run the command that the arguments say."""
    return parse({"refute": Refute, "compare": Compare, "memory": Memory}, arguments, prog, "search spaces of settings", [FlagCreatePairsOff]).run()


if __name__ == "__main__":
    sys.exit(main())
