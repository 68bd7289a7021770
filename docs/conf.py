"""How Sphinx builds the pages: without a network, with mathematics as MathML, and with the catalogue and the claims as the report writes them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from driftlaw import __version__  # noqa: E402
from figures.report import entries, statements  # noqa: E402
from figures.report.mathml import mathml, tag  # noqa: E402
from figures.report.prose import pretty  # noqa: E402
from theory.claims import CLAIMS, MEMORY_CLAIMS  # noqa: E402
from theory.formulas import FORMULAS, SLOTS  # noqa: E402
from theory.law import BASIS  # noqa: E402

project, version, release = "driftlaw", __version__, __version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
myst_enable_extensions = ["dollarmath"]
exclude_patterns, templates_path = ["_build"], ["_templates"]
html_theme, html_title = "furo", "driftlaw"
html_static_path, html_css_files = ["_static"], ["pages.css"]
html_math_renderer, html_show_copyright, html_show_sphinx, html_copy_source = "mathml", False, False, False
autodoc_typehints, autodoc_default_options = "none", {"members": True}
numpydoc_show_class_members, default_role = False, "code"


def chapters(what: str) -> Iterator[tuple[str, nodes.Node]]:
    """Yield headings and contents of what the directive ``driftlaw`` is asked for."""
    if what == "catalogue":
        for heading, _, formulas in entries.groups():
            yield heading, markup("".join(entries.entry(formula, None, {}) for formula in formulas))
    elif what == "published":
        yield "Numbered statements of the paper", markup("".join(map(statements.slot, SLOTS.values())))
        yield "Claims, with computed verdicts", markup("".join(map(statements.claim, CLAIMS.values())))
    elif what == "memory":
        yield "Verdicts", markup("".join(statements.claim(CLAIMS[name]) for name, *_ in MEMORY_CLAIMS))
    elif what == "rests":
        yield "Laws and facts", markup(entries.definitions({f"<code>{name}</code>": pretty(about) for name, about in BASIS.items()}))
        yield "Formulas", table({entries.link(f.name): (f.status, f.uses) for f in FORMULAS.values()})
        yield "Claims", table({f'<a href="published.html#claim-{c.name}">{pretty(c.statement)}</a>': (c.judge().verdict, c.uses) for c in CLAIMS.values()})
    else:
        for file in sorted(HERE.glob(f"{what}/*.py")):
            text = file.read_text(encoding="utf-8")
            yield file.stem.replace("_", " ").capitalize(), nodes.literal_block(text, text, language="python")


def markup(html: str) -> nodes.Node:
    """Return the report's markup; formulas have their anchors on one page, published slots on another."""
    html = re.sub(f'href="(?:{entries.CATALOGUE})?#slot-', 'href="published.html#slot-', html)
    return nodes.raw("", html, format="html")


def table(rows: dict[str, tuple[str, tuple[str, ...]]]) -> nodes.Node:
    """Return what rests on what: a column for each law and fact; formulas below the names of those that rest on them."""
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in ("", "status", *BASIS))
    lines = []
    for name, (status, uses) in rows.items():
        named = "".join(f"<br>↳ {entries.link(one)}" for one in uses if one not in BASIS)
        cells = [name + named, f'<span class="badge {status.replace(" ", "-")}">{status}</span>', *("●" if one in uses else "" for one in BASIS)]
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return markup(f'<div class="rests"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>')


class Generated(SphinxDirective):
    """``{driftlaw} catalogue``, ``published``, ``memory``, ``rests``, or a folder of Python files: sections that are made anew in every build."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        return [
            nodes.section("", nodes.title(heading, heading), content, ids=[nodes.make_id(heading)])
            for heading, content in chapters(self.arguments[0])
        ]


def plain_text(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: bars are lengths, underscores indices, and what is indented below a colon stands as it is."""
    shown = literal = False
    for place, line in enumerate(lines):
        if line.strip():
            literal = literal and line.startswith("    ")
            shown = literal or line.lstrip().startswith(">>>") or (shown and bool(lines[place - 1].strip()))
        if not shown:
            lines[place] = re.sub(r"(`+[^`]*`+)|([|]|_(?!\w)|(?<=[\s(])\*(?=\w))", lambda found: found[1] or f"\\{found[2]}", line)
        after = lines[place + 2 : place + 3]
        if line.endswith(":") and not shown and not "".join(lines[place + 1 : place + 2]).strip() and after and after[0].startswith("    "):
            lines[place], literal = f"{lines[place]}:", True


def mathematics(self: Any, node: nodes.Element) -> None:
    """Write the mathematics of a page as the report does."""
    display = {"display": "block"} if isinstance(node, nodes.math_block) else {}
    self.body.append(tag("math", mathml(node.astext()), **display))
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Make the directive, the renderer of mathematics and the reader of docstrings known."""
    app.add_directive("driftlaw", Generated)
    app.connect("autodoc-process-docstring", plain_text, priority=400)
    app.add_html_math_renderer("mathml", (mathematics, None), (mathematics, None))
