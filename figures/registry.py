"""What a figure is, and which there are: every module of this package that has a ``FIGURE``."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import figures
from theory.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from figures.kit.sampling import Sampler
    from figures.kit.table import Table


class MissingRecords(InputError):
    """A figure is drawn from records that are not there."""


@dataclass(frozen=True)
class Figure:
    """A figure: what is computed, how it is drawn, what its caption says.

    Parameters
    ----------
    title : str
        First words of the caption.
    compute : callable
        Maps a `figures.kit.Sampler` to the `figures.kit.Table` of everything that is drawn.
    draw : callable
        Draws the table, and nothing else, on an empty canvas.
    caption : callable
        Maps the table to the caption's text: what is drawn, the number of trials, what the interval is.
    trials, quick_trials : int
        Trials at every simulated point, and with ``--quick``; 0 where nothing is simulated.
    size : pair of float
        Width and height of the axes' area in inches; the caption comes below it.
    sources : tuple of path
        Records that it is drawn from, and code of other packages that reads them. A module whose records were not made has
        ``FIGURE = None``, and cannot be drawn.
    """

    title: str
    compute: Callable[[Sampler], Table]
    draw: Callable[[Table, Canvas], None]
    caption: Callable[[Table], str]
    trials: int = 0
    quick_trials: int = 0
    size: tuple[float, float] = (7.0, 4.0)
    sources: tuple[Path, ...] = ()


def discover() -> dict[str, Figure]:
    """Import this package's modules and return the figures among them, by module name in alphabetical order."""
    found = {}
    for module in sorted(pkgutil.iter_modules(figures.__path__), key=lambda m: m.name):
        if not module.ispkg and not module.name.startswith("_"):
            own = vars(importlib.import_module(f"figures.{module.name}"))
            if "FIGURE" in own:
                found[module.name] = own["FIGURE"] or Figure(module.name, _unrecorded, _unrecorded, _unrecorded)
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
