"""Command line of the catalogue of formulas: ``driftlaw theory list | show NAME | eval NAME --set p=40 ... | export``."""

import json
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

import tyro

from theory.checks import known
from theory.commands import JsonOption, parse, print_json
from theory.errors import InputError
from theory.exits import STANDS, command_line


@dataclass(frozen=True)
class List(JsonOption):
    """List every closed form and every published slot."""


@dataclass(frozen=True)
class Show:
    """Show a formula or a published slot: statement, expression, domain, assumptions, source."""

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """Name, as `list` prints it."""
    latex: bool = False
    """Print the expanded expression as LaTeX."""
    python: bool = False
    """Print it as Python code."""
    mathematica: bool = False
    """Print it as Mathematica code."""
    json: bool = False
    """Print all that is known of it as JSON."""


@dataclass(frozen=True)
class Eval(JsonOption):
    """Evaluate a formula, with its named intermediates."""

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME")]
    """Name, as `list` prints it."""
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE")] = ()
    """Parameters: numbers (40, 0.5, 1/3) or JSON lists (w=[1,2])."""


@dataclass(frozen=True)
class Export:
    """Print the catalogue as JSON: all of it, or what is named."""

    names: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[NAME ...]")] = ()
    """Formulas and published slots; all of them by default."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status of `theory.exits`."""
    return command_line(lambda: run(arguments), arguments)


def run(arguments: list[str] | None, prog: str = "python -m theory") -> int:
    """Run the command that the arguments say."""
    commands = {"list": List, "show": Show, "eval": Eval, "export": Export}
    command = parse(commands, arguments, prog, "the catalogue of formulas")
    answer = {List: _list, Show: _show, Eval: _evaluate, Export: _export}[type(command)](command)
    print(answer) if isinstance(answer, str) else print_json(answer)
    return STANDS


def _export(command: Export) -> dict[str, Any]:
    from theory.formula import Formula
    from theory.formulas import FORMULAS, SLOTS, Slot, find

    entries = [find(name) for name in command.names] or [*FORMULAS.values(), *SLOTS.values()]
    kinds = {"formulas": Formula, "slots": Slot}
    return {"schema": 1, **{what: [_record(entry) for entry in entries if isinstance(entry, kind)] for what, kind in kinds.items()}}


def _record(entry: Any) -> dict[str, Any]:
    from theory.formula import Formula
    from theory.notations import describe

    return describe(entry) if isinstance(entry, Formula) else {"name": entry.name, "knowledge": entry.knowledge, "seen": entry.seen, "related": [*entry.related]}


def _list(command: List) -> str | dict[str, Any]:
    from theory.formulas import FORMULAS, SLOTS

    if command.json:
        rows = [{"name": f.name, "status": f.status, "quantity": f.quantity} for f in FORMULAS.values()]
        return {"formulas": rows, "slots": [{"name": s.name, "knowledge": s.knowledge} for s in SLOTS.values()]}
    width = max(map(len, FORMULAS))
    lines = [f"{f.name:<{width}}  {f.status:<13}  {f.statement}" for f in FORMULAS.values()]
    return "\n".join([*lines, "", "Published slots of arXiv 2602.20796:", *(f"  {s.name:<16} {s.knowledge}" for s in SLOTS.values())])


def _show(command: Show) -> str | dict[str, Any]:
    from theory.formula import Formula
    from theory.formulas import SLOTS, find
    from theory.notations import code, describe

    wanted = [language for language in ("latex", "python", "mathematica", "json") if getattr(command, language)]
    if len(wanted) > 1:
        raise InputError(f"--{' and --'.join(wanted)} were given together; choose one")
    entry = find(command.name)
    if command.json:
        return _record(entry)
    if not isinstance(entry, Formula):
        if wanted:
            raise InputError(f"{entry.name} is a published slot without an expression of its own; show one of {', '.join(entry.related) or 'the formulas'}")
        related = f"\nOur own results on the subject: {', '.join(entry.related)}" if entry.related else ""
        return f"{entry.name} (arXiv 2602.20796): {entry.knowledge}\n{entry.seen or 'Its text could not be obtained.'}{related}"
    if wanted:
        return code(entry, wanted[0])
    about = describe(entry)
    slots = [slot.name for slot in SLOTS.values() if entry.name in slot.related]
    lines = [f"{entry.name} ({entry.status})", entry.statement, "", f"  {about['quantity'] or 'value'} = {entry.expression}"]
    lines += [f"    {symbol} = {definition}" for symbol, definition in entry.intermediates]
    lines += ["", *(f"  {name}: {meaning}" for name, meaning in entry.parameters.items()), ""]
    lines += [f"  finite where {c['relation']}: {c['reason']}" for c in about["domain"]]
    lines += [f"  normal intervals where {c['relation']}" for c in about["normal_domain"]]
    lines += [f"  exact only if {c['relation']}: {c['reason']}" for c in about["exact_when"]]
    lines += [f"  assumes {assumption}" for assumption in entry.assumptions]
    lines += [f"  source: {entry.source}"] + ([f"  published slots on the subject: {', '.join(slots)}"] if slots else [])
    return "\n".join(lines)


def _evaluate(command: Eval) -> str | dict[str, Any]:
    from theory.formula import Formula
    from theory.formulas import find

    formula = find(command.name)
    if not isinstance(formula, Formula):
        raise InputError(f"{formula.name} is a published slot and has no expression; evaluate one of {', '.join(formula.related) or 'the formulas'}")
    case = {known(name, formula.parameters, f"parameter of {formula.name}:"): value for name, value in map(_parameter, command.set)}
    value = formula(**case)
    parts = formula.intermediate_values(**case)
    if command.json:
        return {"formula": formula.name, "parameters": case, "value": value, "intermediates": parts}
    return "\n".join([f"{formula.name} = {value:.12g}", *(f"  {name} = {part:.6g}" for name, part in parts.items())])


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    try:
        if not equals:
            raise ValueError
        if value.lstrip().startswith("["):
            return name, json.loads(value)
        return name, int(value) if value.lstrip("-").isdigit() else float(Fraction(value))
    except (ValueError, ZeroDivisionError, OverflowError):
        raise InputError(f"--set {text!r} is no parameter; write NAME=VALUE with a number (40, 0.5, 1/3) or a JSON list") from None


if __name__ == "__main__":
    sys.exit(main())
