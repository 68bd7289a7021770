"""Puts the report together: one HTML page that holds everything it shows."""

from __future__ import annotations

import importlib.metadata
from html import escape
from pathlib import Path
from string import Template

import simulate
import theory
from figures.report import controls, entries, statements, verdicts
from figures.report.explorer import script
from figures.report.pictures import Picture, find_pictures
from figures.report.prose import pretty, unlinked
from simulate.work.files import replace_file, require_writable
from simulate.work.keys import code_fingerprint
from theory.claims import CLAIMS
from theory.errors import InputError
from theory.formulas import FORMULAS, SLOTS

HERE = Path(__file__).parent
SCRIPTS = ("explorer.js", "chart.js", "map.js", "page.js")


def write_report(folder: Path, verdict_file: Path | None = None) -> Path:
    """Build the report on what an output folder holds and write it to ``report/index.html`` in there; return its path.

    Parameters
    ----------
    folder : path
        Of the figures; made if need be.
    verdict_file : path, optional
        JSON of ``python -m simulate verify --json``; without it the page says that nothing was checked.

    Raises
    ------
    InputError
        If the verdicts or figures cannot be read, or the page cannot be written.
    """
    path = folder / "report" / "index.html"
    run = verdicts.read_verdicts(verdict_file)
    pictures = find_pictures(folder) if folder.is_dir() else []
    require_writable(path)
    try:
        replace_file(path, build(pictures, run).encode())
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; free space or choose another --out") from None
    return path


def build(pictures: list[Picture], run: verdicts.Run | None) -> str:
    """Write the page; equal figures, verdicts and code give equal bytes."""
    shown: dict[str, list[str]] = {}
    for picture in pictures:
        for formula in picture.formulas:
            shown.setdefault(formula, []).append(picture.name)
    groups = entries.groups()
    return Template(_read("page.html")).substitute(
        style=_read("style.css"),
        script=f"(() => {{\n\"use strict\";\n{script()}\n{''.join(map(_read, SCRIPTS))}}})();\n",
        menus=controls.menus(),
        map_menu=controls.map_menu(),
        presets=controls.presets(),
        sliders=controls.sliders(),
        legend=controls.legend(),
        values=controls.values(),
        contents=_contents(groups, pictures),
        overview=verdicts.overview(run),
        ledger="".join(_group(place, *group, run, shown) for place, group in enumerate(groups)),
        slots="".join(map(statements.slot, SLOTS.values())),
        claims="".join(map(statements.claim, CLAIMS.values())),
        pictures="".join(map(_picture, pictures)) or "<p>No figures were found; <code>python -m figures</code> draws them.</p>",
        provenance=_provenance(),
        count=str(len(FORMULAS)),
        checked=str(sum(bool(verdicts.of_formula(run, formula)) for formula in FORMULAS.values()) or "none"),
    )


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _group(place: int, heading: str, about: str, formulas: list, run: verdicts.Run | None, shown: dict[str, list[str]]) -> str:
    lead = f'<p class="quiet">{pretty(about)}.</p>' if about else ""
    body = "".join(entries.entry(formula, run, shown) for formula in formulas)
    return f'<section id="ledger-{place}"><h3>{pretty(heading)}</h3>{lead}{body}</section>'


def _contents(groups: list, pictures: list[Picture]) -> str:
    ledger = []
    for place, (heading, _, formulas) in enumerate(groups):
        lines = "".join(f"<li>{entries.link(formula.name)}</li>" for formula in formulas)
        ledger.append(f'<li><a href="#ledger-{place}">{unlinked(heading)}</a><ul>{lines}</ul></li>')
    slots = [f'<li><a href="#{entries.slot_anchor(name)}">{escape(name)}</a></li>' for name in SLOTS]
    claims = [f'<li><a href="#claim-{name}">{escape(name.replace("_", " "))}</a></li>' for name in CLAIMS]
    drawn = [f'<li><a href="#figure-{escape(picture.name)}">{escape(picture.name.replace("_", " "))}</a></li>' for picture in pictures]
    parts = (("ledger", "Ledger", ledger), ("slots", "Published slots", slots), ("claims", "Claims", claims), ("figures", "Figures", drawn))
    blocks = [f'<li><a href="#{place}">{title}</a><ul class="{place}">{"".join(lines)}</ul></li>' for place, title, lines in parts]
    return f'<ul class="contents">{"".join(blocks)}<li><a href="#provenance">Provenance</a></li></ul>'


def _picture(picture: Picture) -> str:
    shows = f'<p class="quiet">Formulas: {", ".join(map(entries.link, picture.formulas))}</p>' if picture.formulas else ""
    shows += f'<p class="notice">{escape(picture.state)}</p>' if picture.state else ""
    image = f'<img src="{picture.uri}" alt="{escape(picture.alternative)}" loading="lazy" decoding="async">'
    return (
        f'<figure class="picture" id="figure-{escape(picture.name)}">{image}'
        f"<figcaption><strong>{picture.title}</strong> {picture.text}{shows}</figcaption></figure>"
    )


def _provenance() -> str:
    try:
        version = importlib.metadata.version("driftlaw")
    except importlib.metadata.PackageNotFoundError:
        version = "run from its sources, not installed"
    code = code_fingerprint([Path(theory.__file__).parent, Path(simulate.__file__).parent, HERE.parent])
    facts = {
        "Version of driftlaw": escape(version),
        "Fingerprint of the code": f"<code>{code}</code> (SHA-256 over theory, simulate and figures)",
        "SymPy, NumPy": f"{importlib.metadata.version('sympy')}, {importlib.metadata.version('numpy')}",
        "Date": "left out, so that equal results give equal bytes",
    }
    return entries.definitions(facts)
