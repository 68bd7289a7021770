"""Which figures there are: every module of this package that has a ``FIGURE``."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import figures
from figures.kit.figure import Figure
from theory.errors import InputError


class MissingRecords(InputError):
    """A figure is drawn from records that are not there."""


def discover() -> dict[str, Figure]:
    """Import this package's modules and return the figures among them, by module name in alphabetical order."""
    found = {}
    for module in sorted(pkgutil.iter_modules(figures.__path__), key=lambda m: m.name):
        if not module.ispkg and not module.name.startswith("_"):
            own = vars(importlib.import_module(f"figures.{module.name}"))
            if "FIGURE" in own:  # None where the records that it is drawn from were not made
                found[module.name] = own["FIGURE"] or Figure(module.name, _unrecorded, _unrecorded)
    return found


def require_records(figure: Figure) -> None:
    """Raise `MissingRecords` if a figure is drawn from a file that is not there."""
    for path in figure.sources:
        if not path.exists():
            raise MissingRecords(f"{path} is missing; README.md beside it says how it is made")


def _unrecorded(*_: object) -> NoReturn:
    records = Path(figures.__file__).parent / "records"
    raise MissingRecords(f"its records are not in {records}; README.md in there says how they are made")


def choose(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the asked names without repetition, all known ones if none is asked.

    Raises
    ------
    InputError
        For an unknown name; shows the nearest known one.
    """
    known, names = list(known), list(dict.fromkeys(names))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(f"there is no figure {name!r}; {hint}choose from {', '.join(known)}")
    return names or known
