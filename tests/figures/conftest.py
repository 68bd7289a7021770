"""Figures made once with the trials of ``--quick``, and the report on a small folder of figures."""

import base64
import functools
from dataclasses import dataclass
from pathlib import Path

import pytest

from figures.kit.sampling import Sampler, Simulated
from figures.kit.style import canvas_with_caption, style
from figures.kit.table import Table
from figures.registry import discover
from simulate.work.store import RunStore

FIGURES = discover()

# A picture of one black point, and a drawing with room for a caption below 7.4 by 3.5 inches.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="532.8pt" height="380pt" viewBox="0 0 532.8 380"><path d="M0 0L9 9" stroke="black"/></svg>'


@dataclass(frozen=True)
class Report:
    """The first page, the folder that it was made from, and both pages as text."""

    path: Path
    folder: Path
    text: str
    catalogue: str

    @staticmethod
    def fill(folder: Path) -> Path:
        """Make a folder with a registered figure (drawn by other code) and a picture of an unknown name."""
        folder.mkdir()
        table = Table()
        table.add_curve("deviation", "frozen", "share", [0.0, 1.0], [1.0, 1.25], "v1_reconstruction", case="p_1=60")
        table.add_point("deviation", "frozen", "share", 0.5, Simulated(1.1, 0.01, 300, 9.0), case="p_1=60")
        (folder / "reconstruction_split.csv").write_text(table.csv())
        (folder / "reconstruction_split.svg").write_text(SVG)
        (folder / "my_own_picture.png").write_bytes(PNG)
        return folder


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    from figures.report.page import write_report

    folder = Report.fill(tmp_path_factory.mktemp("report") / "out")
    path = write_report(folder)
    return Report(path, folder, *(path.with_name(name).read_text(encoding="utf-8") for name in ("index.html", "catalogue.html")))


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Return what computes the table of a figure, once."""
    store = RunStore(tmp_path_factory.mktemp("points"))
    return functools.cache(lambda name: FIGURES[name].table(Sampler(name, FIGURES[name].quick_trials, store)))


@pytest.fixture(scope="session")
def picture():
    """Return what draws a table as a figure does."""

    def draw(figure, table):
        with style():
            canvas = canvas_with_caption(figure.area(table), figure.title, figure.caption(table))
            figure.draw(table, canvas)
            canvas.draw_without_rendering()
        return canvas

    return draw


@pytest.fixture(scope="session")
def drawn(made, picture):
    """Return what draws a figure, once, or another table in its place."""
    return functools.cache(lambda name, table=None: picture(FIGURES[name], table or made(name)))
