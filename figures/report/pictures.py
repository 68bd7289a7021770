"""The figures found in the output folder: pictures as data URIs, captions from their tables."""

import base64
import csv
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path
from typing import Any

from figures.kit.figure import Figure
from figures.kit.output import Output
from figures.kit.table import Row, Table
from figures.make import figure_key
from figures.registry import discover
from figures.report.prose import caption
from theory.errors import InputError
from theory.formulas import FORMULAS

POINTS_PER_INCH = 72
_NUMBERS = {"x", "mean", "stderr", "moment_order"}


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Parameters
    ----------
    name : str
    title, text : str
        Caption as HTML.
    path : path
        Its file.
    image : bytes
        The picture itself.
    alternative : str
        The caption as plain text.
    formulas : tuple of str
        Names of the catalogue's formulas whose values it shows.
    state : str
        What a reader has to know of how it was drawn; empty for a finished figure of this code.
    """

    name: str
    title: str
    text: str
    path: Path
    image: bytes
    alternative: str
    formulas: tuple[str, ...] = ()
    state: str = ""

    @property
    def uri(self) -> str:
        """The picture so that it needs no file."""
        kind = "svg+xml" if self.path.suffix == ".svg" else "png"
        return f"data:image/{kind};base64,{base64.b64encode(self.image).decode()}"

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in the picture's own units, which keep its place on a page that is still loading."""
        if self.path.suffix == ".png":
            return struct.unpack(">II", self.image[16:24])
        box = re.search(rb'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', self.image)
        return (round(float(box[1])), round(float(box[2]))) if box else None


def find_pictures(folder: Path) -> list[Picture]:
    """Collect every figure in a folder, registered ones with their captions, others under their file names.

    Raises
    ------
    InputError
        If a file cannot be read, or a table does not fit its figure.
    """
    known = discover()
    names = sorted({path.stem for suffix in ("svg", "png") for path in folder.glob(f"*.{suffix}") if not path.name.startswith(".")})
    ordered = [name for name in known if name in names] + [name for name in names if name not in known]
    try:
        return [
            _registered(folder, name, known) if name in known else Picture(name, escape(name), "", *_file(folder, name), name.replace("_", " "))
            for name in ordered
        ]
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read {error.filename}: {reason}; draw the figures again or correct its permissions") from None


def _registered(folder: Path, name: str, known: dict[str, Figure]) -> Picture:
    figure, source = known[name], folder / f"{name}.csv"
    try:
        table = read_table(source)
        text = figure.caption(table)
    except (InputError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"the table {source} does not fit its figure ({error}); draw it again with `driftlaw figures {name}`") from None
    path, image = _file(folder, name)
    if path.suffix == ".svg":
        image = without_caption(image.decode(), figure.area(table)).encode()
    alternative, formulas = plain(f"{figure.title} {text}"), tuple(_shown_formulas(table))
    return Picture(name, caption(figure.title.rstrip(".")), caption(text), path, image, alternative, formulas, _state(folder, name, known))


def _state(folder: Path, name: str, known: dict[str, Figure]) -> str:
    figure = known[name]
    for trials, quick, words in ((figure.trials, False, ""), (figure.quick_trials, True, "Drawn with fewer trials (--quick).")):
        if Output(folder).is_finished(name, figure_key(name, set(known), trials, quick, figure.sources)):
            return words
    return "Drawn by another version of the code than the one that wrote this page."


def _file(folder: Path, name: str) -> tuple[Path, bytes]:
    svg, png = folder / f"{name}.svg", folder / f"{name}.png"
    path = svg if svg.exists() else png
    return path, path.read_bytes()


def without_caption(svg: str, size: tuple[float, float]) -> str:
    """Cut a figure's picture to its axes' area, since the page sets the caption as text.

    Pictures of another width than the figure's are left whole.
    """
    head = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt" viewBox="0 0 [\d.]+ [\d.]+"', svg)
    width, height = (inches * POINTS_PER_INCH for inches in size)
    if head is None or abs(float(head[1]) - width) > 0.5 or float(head[2]) < height:
        return svg
    return svg[: head.start()] + f'width="{width:g}pt" height="{height:g}pt" viewBox="0 0 {width:g} {height:g}"' + svg[head.end() :]


def read_table(path: Path) -> Table:
    """Read the table that a figure was drawn from.

    Raises
    ------
    InputError
        If the file is missing or has other columns.
    """
    names = [field.name for field in fields(Row)]
    if not path.exists():
        raise InputError(f"{path} is missing")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != names:
            raise InputError(f"{path} has the columns {reader.fieldnames}, not {names}")
        return Table([Row(**{name: _value(name, text) for name, text in line.items()}) for line in reader])


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS:
        return float(text) if text else None
    return (int(text) if text else None) if name == "trials" else text


def _shown_formulas(table: Table) -> Iterable[str]:
    """Formulas whose values are in a table: named as a source, or the same quantity over one of their parameters."""
    found: dict[str, None] = {}
    for row in table:
        name = f"{row.training}_{row.quantity}"
        if row.source in FORMULAS:
            found[row.source] = None
        elif name in FORMULAS and row.x_name in FORMULAS[name].parameters:
            found[name] = None
    return found


def plain(text: str) -> str:
    """Write a caption without its mathematics' markup, for readers that cannot show it."""
    return re.sub(r"[{}$]|\\,", "", re.sub(r"\\([A-Za-z]+)", r"\1 ", text)).replace("  ", " ")
