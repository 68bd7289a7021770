"""The report's sections on what was published and claimed: slots of the paper, claims with their computed verdicts."""

from html import escape
from numbers import Integral, Real
from typing import Any

from figures.report.entries import definitions, link, slot_anchor
from figures.report.prose import pretty
from theory.claims import Claim
from theory.ledger.slots import NOT_SEEN, Slot


def slot(entry: Slot) -> str:
    """Write a published slot: what was seen of it, and our own results on the subject."""
    seen = pretty(entry.seen) if entry.knowledge != NOT_SEEN else "Text not seen; no expression is attached."
    related = ", ".join(link(name) for name in entry.related)
    words = f"text {entry.knowledge}" if entry.knowledge == NOT_SEEN else entry.knowledge
    badge = f'<span class="badge {entry.knowledge.replace(" ", "-")}">{words}</span>'
    own = f'<p class="quiet">Our own results on the subject: {related}</p>' if related else ""
    return f'<article class="entry" id="{slot_anchor(entry.name)}"><h3>{escape(entry.name)} {badge}</h3><p>{seen}</p>{own}</article>'


def claim(entry: Claim) -> str:
    """Write a claim with its verdict, which is computed now."""
    found = entry.judge()
    words = "" if entry.text_seen else ". The words are ours; the text behind them was not seen."
    facts = {"Holds under": pretty(found.holds_under), "Fails in": pretty(found.fails_in), "Source": pretty(entry.source) + words}
    rows = [f'<tr><th scope="row">{pretty(what)}</th><td>{quantity(size)}</td></tr>' for what, size in found.effect.items()]
    sizes = f'<table class="effects"><caption>Size of the effect, computed</caption><tbody>{"".join(rows)}</tbody></table>' if rows else ""
    badge = f'<span class="badge {found.verdict.replace(" ", "-")}">{escape(found.verdict)}</span>'
    proof = f"<details><summary>Where, by how much, and the source</summary>{definitions(facts)}{sizes}</details>"
    return f'<article class="entry" id="claim-{escape(entry.name)}"><h3>{badge} {pretty(entry.statement)}</h3>{proof}</article>'


def quantity(value: Any) -> str:
    """Write a number, a truth value or a text of a verdict."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        return f"{float(value):.4g}".replace("-", "−")
    return f"<code>{escape(str(value))}</code>"
