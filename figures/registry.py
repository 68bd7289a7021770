"""Which figures there are: the ``FIGURE`` of every module of this package, and those of users' own files.

    FIGURES.register(Figure(__doc__, compute, draw), name="mine")
"""

import importlib
import pkgutil
from collections.abc import Iterable

import figures
from figures.kit.figure import Figure
from theory.checks import known
from theory.errors import InputError
from theory.parts import Parts, instances


class MissingRecords(InputError):
    """A figure is drawn from records that are not there."""


FIGURES: Parts[Figure] = Parts("figure", instances(Figure))


def discover() -> dict[str, Figure]:
    """Return all figures by name, those of this package's modules in alphabetical order."""
    ours = {name for name in FIGURES if FIGURES.own(name) is None}
    for module in sorted(pkgutil.iter_modules(figures.__path__), key=lambda m: m.name):
        if not module.ispkg and not module.name.startswith("_"):
            own = vars(importlib.import_module(f"figures.{module.name}"))
            if "FIGURE" in own and module.name not in ours:
                FIGURES.register(own["FIGURE"], name=module.name)
    return dict(FIGURES)


def require_records(figure: Figure) -> None:
    """Raise `MissingRecords` if a figure is drawn from a file that is not there."""
    for path in figure.sources:
        if not path.exists():
            raise MissingRecords(f"{path} is missing; README.md beside it says how it is made")


def choose(names: Iterable[str], figures: Iterable[str]) -> list[str]:
    """Return the asked names without repetition, all known ones if none is asked.

    Raises
    ------
    InputError
        For an unknown name; shows the nearest known one.
    """
    names = [known(name, figures, "figure") for name in dict.fromkeys(names)]
    return names or list(figures)
