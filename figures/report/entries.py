"""The catalogue's entries: every formula with what is known of it, on the record that `theory.notations.describe` makes."""

from collections.abc import Iterable, Mapping
from html import escape
from types import ModuleType
from typing import Any

from figures.report import verdicts
from figures.report.mathml import LINE, displayed, equation, inline, mathml, presentation, symbol, width
from figures.report.prose import pretty
from theory.formula import Formula
from theory.formulas import FORMULAS, MODULES, SLOTS
from theory.ledger.notation import needed
from theory.notations import code, describe, sign_of

CATALOGUE = "catalogue.html"  # the page that formulas and published slots stand on


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


def link(formula: str) -> str:
    """Write a link to a formula's place, which is called as the formula."""
    return f'<a class="name" href="{CATALOGUE}#{escape(formula)}"><code>{escape(formula)}</code></a>'


def entry(formula: Formula, run: verdicts.Run | None, pictures: list[str]) -> str:
    """Write one formula of the catalogue.

    Parameters
    ----------
    formula : Formula
    run : Run or None
        Verdicts of the check.
    pictures : list of str
        Names of the figures that show it.
    """
    record = describe(formula)
    badge = f'<span class="badge {formula.status}">{formula.status}</span>'
    parts = [
        f"<h3>{link(formula.name)} {badge} {verdicts.chip(run, formula)}</h3>",
        f"<p>{pretty(formula.statement)}</p>",
        f'<div class="formula">{equation(mathml(sign_of(formula)), formula.expression)}</div>',
        _where(formula),
        _facts(record, pictures),
        _assumptions(record),
        verdicts.details(run, formula),
        _code({"Python": record["python"], "LaTeX": code(formula, "latex"), "Mathematica": record["mathematica"]}, formula.name),
    ]
    return f'<article class="entry" id="{formula.name}">{"".join(parts)}</article>'


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


def _facts(record: Mapping[str, Any], pictures: list[str]) -> str:
    slots = [slot.name for slot in SLOTS.values() if record["name"] in slot.related]
    facts = {
        "Finite where": _conditions(record["domain"]) or "everywhere",
        "Exact only if": _conditions(record["exact_when"]),
        "Source": pretty(record["source"]),
        "Published on the subject": ", ".join(f'<a href="#{slot_anchor(slot)}">{escape(slot)}</a>' for slot in slots),
        "Figures": ", ".join(f'<a href="index.html#figure-{escape(picture)}">{escape(picture.replace("_", " "))}</a>' for picture in pictures),
    }
    return definitions(facts)


def _conditions(conditions: Iterable[Mapping[str, str]]) -> str:
    """Write conditions with their reasons; of one that is longer than a line the reason must do."""
    pairs = ((mathml(condition["latex"]), pretty(condition["reason"])) for condition in conditions)
    return "; ".join(reason if width(relation) > LINE else f"{inline(relation)} ({reason})" for relation, reason in pairs)


def definitions(facts: Mapping[str, str]) -> str:
    """Write terms and what is said of them; a term of which nothing is said is left out."""
    return f'<dl class="facts">{"".join(f"<div><dt>{term}</dt><dd>{text}</dd></div>" for term, text in facts.items() if text)}</dl>'


def slot_anchor(slot: str) -> str:
    """Name of the place of a published slot on the page."""
    return "slot-" + slot.lower().replace(" ", "-").replace(".", "-")


def _assumptions(record: Mapping[str, Any]) -> str:
    facts = {
        "Assumes": "; ".join(map(pretty, record["assumptions"])),
        "Normal intervals where": _conditions(record["normal_domain"]),
        "Quantity": record["quantity"] and f"<code>{escape(record['quantity'])}</code>",
    }
    rows = [
        f'<tr><th scope="row">{symbol(key)}</th><td><code>{escape(key)}</code></td><td>{pretty(meaning)}</td></tr>'
        for key, meaning in record["parameters"].items()
    ]
    table = f'<table class="parameters"><tbody>{"".join(rows)}</tbody></table>'
    return f"<details><summary>Assumptions and parameters</summary>{definitions(facts)}{table}</details>"


def _code(sources: Mapping[str, str], name: str) -> str:
    blocks = [
        f'<h4>{language}</h4><pre data-copy tabindex="0" aria-label="{language} code of {name}"><code>{escape(source, quote=False)}</code></pre>'
        for language, source in sources.items()
    ]
    return f"<details><summary>Code in {', '.join(sources)}</summary>{''.join(blocks)}</details>"
