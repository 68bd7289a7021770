"""Puts the report together: a page of findings, explorer and figures, and the catalogue of formulas; each holds all that it shows."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from string import Template

import simulate
import theory
from figures.report import entries, statements, verdicts
from figures.report.explorer import script
from figures.report.pictures import Picture, find_pictures
from figures.report.prose import pretty, unlinked
from simulate.work.files import replace_file, require_writable
from simulate.work.keys import code_fingerprint
from theory.claims import CLAIMS
from theory.errors import InputError
from theory.formulas import FORMULAS, SLOTS

HERE = Path(__file__).parent
SCRIPTS = ("controls.js", "explorer.js", "chart.js", "map.js", "page.js")
OTHERS = "Other figures"
SUBJECTS = {
    "Two tasks": (
        "deviation_against_p2", "forgetting_against_p2", "double_descent", "phase_diagrams", "fluctuations", "forgetting_distributions",
        "reconstruction_split",
    ),
    "Between frozen and initialized training": ("step_weight", "trainable_fraction", "update_path", "update_scale", "magnitude_forgetting"),
    "Many tasks": ("forgetting_against_T", "schedules", "hybrid_estimate", "replay"),
    "Other features and large dimensions": ("feature_laws", "proportional_limits"),
    "Networks": (
        "linear_training", "accuracy_matrices", "hybrid_accuracy", "hybrid_forgetting", "hybrid_depths", "hybrid_scores",
    ),
    "How far to trust the checks": ("verdict_calibration", "interval_coverage", "cost_against_p"),
    OTHERS: (),
}  # fmt: skip


def write_report(folder: Path, verdict_file: Path | None = None) -> Path:
    """Build the report on what an output folder holds and write it to ``report`` in there; return the path of its first page.

    Parameters
    ----------
    folder : path
        Of the figures; made if need be.
    verdict_file : path, optional
        JSON of ``driftlaw verify --json``; without it the report says that nothing was checked.

    Raises
    ------
    InputError
        If the verdicts or figures cannot be read, or a page cannot be written.
    """
    run = verdicts.read_verdicts(verdict_file)
    pictures = find_pictures(folder) if folder.is_dir() else []
    pages = {folder / "report" / "index.html": findings, folder / "report" / entries.CATALOGUE: catalogue}
    for path in pages:
        require_writable(path)
    for path, build in pages.items():
        try:
            replace_file(path, build(pictures, run).encode())
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror or error}; free space or choose another --out") from None
    return next(iter(pages))


def findings(pictures: list[Picture], run: verdicts.Run | None) -> str:
    """Write the first page; equal figures, verdicts and code give equal bytes."""
    subject_of = {name: subject for subject, names in SUBJECTS.items() for name in names}
    drawn = {subject: [picture for picture in pictures if subject_of.get(picture.name, OTHERS) == subject] for subject in SUBJECTS}
    subjects = {subject: shown for subject, shown in drawn.items() if shown}
    lists = {
        subject: (f"subject-{place}", [f'<a href="#figure-{escape(picture.name)}">{picture.title}</a>' for picture in shown])
        for place, (subject, shown) in enumerate(subjects.items())
    }
    return _page(
        "findings.html",
        f"{script()}\n{''.join(map(_read, SCRIPTS))}",
        overview=verdicts.overview(run),
        claims="".join(map(statements.claim, CLAIMS.values())),
        contents=_contents(lists),
        pictures="".join(
            f'<section id="{lists[subject][0]}"><h3>{subject}</h3>{"".join(map(_picture, shown))}</section>' for subject, shown in subjects.items()
        )
        or "<p>No figures were found; <code>driftlaw figures</code> draws them.</p>",
        provenance=_provenance(),
        count=str(len(FORMULAS)),
        checked=str(sum(bool(verdicts.of_formula(run, formula)) for formula in FORMULAS.values()) or "none"),
    )


def catalogue(pictures: list[Picture], run: verdicts.Run | None) -> str:
    """Write the page with all formulas and published slots; equal figures, verdicts and code give equal bytes."""
    groups = entries.groups()
    lists = {unlinked(heading): (f"group-{place}", (entries.link(formula.name) for formula in formulas)) for place, (heading, _, formulas) in enumerate(groups)}
    lists["Published slots"] = ("slots", (f'<a href="#{entries.slot_anchor(name)}">{escape(name)}</a>' for name in SLOTS))
    return _page(
        "catalogue.html",
        _read("catalogue.js"),
        contents=_contents(lists),
        groups="".join(
            f'<section id="group-{place}"><h2>{pretty(heading)}</h2><p class="quiet">{pretty(about)}</p>'
            f"{''.join(entries.entry(formula, run, [picture.name for picture in pictures if formula.name in picture.formulas]) for formula in formulas)}</section>"
            for place, (heading, about, formulas) in enumerate(groups)
        ),
        slots="".join(map(statements.slot, SLOTS.values())),
        count=str(len(FORMULAS)),
    )


def _page(name: str, program: str, **parts: str) -> str:
    """Fill a page's template and put it into the frame that both pages share."""
    body = Template(_read(name)).substitute(parts)
    program = f'(() => {{\n"use strict";\n{program}}})();\n'
    return Template(_read("page.html")).substitute(style=_read("style.css"), body=body, script=program)


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _contents(lists: Mapping[str, tuple[str, Iterable[str]]]) -> str:
    """Write links to sections, each with links to what it holds."""
    blocks = (f'<li><a href="#{place}">{title}</a><ul>{"".join(f"<li>{link}</li>" for link in links)}</ul></li>' for title, (place, links) in lists.items())
    return f'<ul class="contents">{"".join(blocks)}</ul>'


def _picture(picture: Picture) -> str:
    shows = f'<p class="quiet">Formulas: {", ".join(map(entries.link, picture.formulas))}</p>' if picture.formulas else ""
    shows += f'<p class="notice">{escape(picture.state)}</p>' if picture.state else ""
    size = 'width="{}" height="{}"'.format(*picture.size) if picture.size else ""
    image = f'<img src="{picture.uri}" alt="{escape(picture.alternative)}" {size} loading="lazy" decoding="async">'
    return (
        f'<figure class="picture" id="figure-{escape(picture.name)}"><a class="enlarge" href="../{escape(picture.path.name)}">{image}</a>'
        f"<figcaption><strong>{picture.title}.</strong> {picture.text}{shows}</figcaption></figure>"
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
