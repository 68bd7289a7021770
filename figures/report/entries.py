"""The report's sections on formulas: every entry of the ledger with what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from types import ModuleType

from figures.report import verdicts
from figures.report.mathml import LINE, displayed, equation, inline, mathml, presentation, symbol, width
from figures.report.prose import pretty
from theory.formula import Condition, Formula
from theory.formulas import FORMULAS, MODULES, SLOTS
from theory.ledger.notation import needed
from theory.notations import code, sign_of

LANGUAGES = {"python": "Python", "latex": "LaTeX", "mathematica": "Mathematica"}


def groups() -> list[tuple[str, str, list[Formula]]]:
    """Return the ledger by families of results: heading, what it is about, formulas; in the ledger's order."""
    families = [(*_heading(module), list(module.FORMULAS)) for module in MODULES]
    named = {formula.name for _, _, formulas in families for formula in formulas}
    others = [formula for name, formula in FORMULAS.items() if name not in named]
    return families + ([("Other formulas", "", others)] if others else [])


def _heading(module: ModuleType) -> tuple[str, str]:
    """Split the first line of a module's description, or else its name, into a heading and the rest."""
    line = (module.__doc__ or module.__name__.rpartition(".")[2].replace("_", " ").capitalize()).strip().splitlines()[0].rstrip(".")
    heading, _, rest = line.partition(": ")
    return heading, rest[:1].upper() + rest[1:]


def anchor(formula: str) -> str:
    """Name of the place of a formula on the page."""
    return f"formula-{formula}"


def link(formula: str) -> str:
    """Write a link to a formula's place."""
    return f'<a class="name" href="#{anchor(formula)}"><code>{escape(formula)}</code></a>'


def entry(formula: Formula, run: verdicts.Run | None, pictures: Mapping[str, list[str]]) -> str:
    """Write one formula of the ledger.

    Parameters
    ----------
    formula : Formula
    run : Run or None
        Verdicts of the check.
    pictures : mapping of str to list of str
        Names of the figures that show each formula.
    """
    badge = f'<span class="badge {formula.status}">{formula.status}</span>'
    parts = [
        f"<h4><code>{escape(formula.name)}</code> {badge} {verdicts.chip(run, formula)}</h4>",
        f"<p>{pretty(formula.statement)}</p>",
        f'<div class="formula">{equation(mathml(sign_of(formula)), formula.expression)}</div>',
        _where(formula),
        _facts(formula, pictures.get(formula.name, [])),
        _assumptions(formula),
        verdicts.details(run, formula),
        _code(formula),
    ]
    return f'<article class="entry" id="{anchor(formula.name)}">{"".join(parts)}</article>'


def shown_intermediates(formula: Formula) -> tuple:
    """Return the named parts that the expression or a condition uses; formulas carry their family's others along."""
    return needed(formula.intermediates, formula.expression, formula.domain + formula.normal_domain + formula.exact_when)


def _where(formula: Formula) -> str:
    shown = shown_intermediates(formula)
    if not shown:
        return ""
    symbols = ", ".join(inline(presentation(part)) for part, _ in shown)
    lines = [f"<li>{displayed(presentation(part), [presentation(definition)])}</li>" for part, definition in shown]
    return f'<details class="where"><summary>where {symbols}</summary><ul class="formula">{"".join(lines)}</ul></details>'


def _facts(formula: Formula, pictures: list[str]) -> str:
    slots = [slot.name for slot in SLOTS.values() if formula.name in slot.related]
    facts = {
        "Finite where": _conditions(formula.domain) or "everywhere",
        "Exact only if": _conditions(formula.exact_when),
        "Source": pretty(formula.source),
        "Published on the subject": ", ".join(f'<a href="#{slot_anchor(slot)}">{escape(slot)}</a>' for slot in slots),
        "Figures": ", ".join(f'<a href="#figure-{escape(picture)}">{escape(picture.replace("_", " "))}</a>' for picture in pictures),
    }
    return definitions({term: text for term, text in facts.items() if text})


def _conditions(conditions: Iterable[Condition]) -> str:
    return "; ".join(map(_condition, conditions))


def _condition(condition: Condition) -> str:
    """Write a condition with its reason; of one that is longer than a line the reason must do."""
    relation = presentation(condition.relation)
    return pretty(condition.reason) if width(relation) > LINE else f"{inline(relation)} ({pretty(condition.reason)})"


def definitions(facts: Mapping[str, str]) -> str:
    """Write terms and what is said of them."""
    return f'<dl class="facts">{"".join(f"<div><dt>{term}</dt><dd>{text}</dd></div>" for term, text in facts.items())}</dl>'


def slot_anchor(slot: str) -> str:
    """Name of the place of a published slot on the page."""
    return "slot-" + slot.lower().replace(" ", "-").replace(".", "-")


def _assumptions(formula: Formula) -> str:
    facts = {
        "Assumes": "; ".join(pretty(assumption) for assumption in formula.assumptions),
        "Normal intervals where": _conditions(formula.normal_domain),
        "Quantity": f"<code>{escape(formula.quantity)}</code>" if formula.quantity else "",
    }
    rows = [
        f'<tr><th scope="row">{symbol(key)}</th><td><code>{escape(key)}</code></td><td>{pretty(meaning)}</td></tr>'
        for key, meaning in formula.parameters.items()
    ]
    table = f'<table class="parameters"><tbody>{"".join(rows)}</tbody></table>'
    known = definitions({term: text for term, text in facts.items() if text})
    return f"<details><summary>Assumptions and parameters</summary>{known}{table}</details>"


def _code(formula: Formula) -> str:
    blocks = []
    for language, title in LANGUAGES.items():
        source = escape(code(formula, language), quote=False)
        label = f"{title} code of {formula.name}"
        blocks.append(f'<h5>{title}</h5><pre data-copy tabindex="0" aria-label="{label}"><code>{source}</code></pre>')
    return f"<details><summary>Code in Python, LaTeX, Mathematica</summary>{''.join(blocks)}</details>"
