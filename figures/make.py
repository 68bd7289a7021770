"""Makes one figure: computes its table, draws it, writes the files; keeps it if it is finished."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

import simulate
import theory
from figures.kit.figure import Figure
from figures.kit.output import SUFFIXES, Output
from figures.kit.sampling import Sampler
from figures.kit.style import canvas_with_caption, style
from figures.registry import FIGURES, require_records
from simulate.work.keys import code_fingerprint, run_key
from theory.parts import Place


def make(name: str, figures: dict[str, Figure], output: Output, quick: bool = False) -> bool:
    """Make the figure ``name`` of ``figures``; return False if a finished one was kept.

    Parameters
    ----------
    name : str
    figures : dict of str to Figure
        All figures; the code of the others does not count when a finished one is recognised.
    output : Output
    quick : bool
        Whether to take ``quick_trials``.

    Raises
    ------
    MissingRecords
        If it is drawn from records that are not there.
    """
    figure, key = _keyed(name, figures, quick)
    if output.is_finished(name, key):
        return False
    output.require_writable()
    table = figure.table(Sampler(name, figure.quick_trials if quick else figure.trials, output.points))
    with style():
        canvas = canvas_with_caption(figure.area(table), figure.title, figure.caption(table))
        figure.draw(table, canvas)
        # Laid out once, the picture is the same in all formats.
        canvas.draw_without_rendering()
        canvas.set_layout_engine("none")
        output.write(name, key, canvas, table.csv())
    return True


def is_made(name: str, figures: dict[str, Figure], output: Output, quick: bool = False) -> bool:
    """Whether `make` would keep a finished figure."""
    return output.is_finished(name, _keyed(name, figures, quick)[1])


def _keyed(name: str, figures: dict[str, Figure], quick: bool) -> tuple[Figure, str]:
    figure = figures[name]
    require_records(figure)
    return figure, figure_key(name, set(figures), figure.quick_trials if quick else figure.trials, quick, figure.sources)


def figure_key(name: str, others: set[str], trials: int, quick: bool, records: Sequence[Path] = ()) -> str:
    """Compute the key of a finished figure: all code and records that it depends on, its options, the versions that draw it."""
    here, own = Path(__file__).parent, FIGURES.own(name) if name in FIGURES else None
    sources = [path for path in sorted(here.glob("*.py")) if path.stem == name or path.stem not in others]
    versions = {"matplotlib": matplotlib.__version__, "numpy": np.__version__}
    description = {"figure": name, "trials": trials, "quick": quick, "files": list(SUFFIXES), "versions": versions}
    description |= {"own": own.source.texts} if isinstance(own, Place) and own.source else {}
    packages = [Path(package.__file__).parent for package in (theory, simulate)]
    return run_key(description, code_fingerprint([*sources, *here.glob("kit"), *here.glob("kit/*.mplstyle"), *records, *packages]))
