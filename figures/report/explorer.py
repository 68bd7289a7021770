"""The explorer's numbers: JavaScript made from the catalogue's expressions, and the settings of its sliders."""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import sympy
from sympy.printing.jscode import JavascriptCodePrinter

from theory.formula import Formula
from theory.formulas import FORMULAS
from theory.ledger.criteria import TRUTHS
from theory.ledger.two_tasks import DIMENSIONS

SETTINGS = tomllib.loads(Path(__file__).with_name("explorer.toml").read_text(encoding="utf-8"))  # words, sliders, examples
TRAININGS, QUANTITIES = SETTINGS["trainings"], SETTINGS["quantities"]
PARAMETERS = DIMENSIONS + TRUTHS


class _JavaScript(JavascriptCodePrinter):
    """SymPy's printer, with squares as products: ``Math.pow`` need not round them correctly."""

    def _print_Pow(self, power: sympy.Pow) -> str:
        if power.exp == 2 and power.base.is_Symbol:
            letter = self._print(power.base)
            return f"({letter}*{letter})"
        return super()._print_Pow(power)


def formula_of(training: str, quantity: str) -> Formula:
    """Return the catalogue's formula (padded norm) that the explorer draws."""
    return FORMULAS[f"{training}_{quantity}"]


@cache
def laws() -> str:
    """Write the object ``laws`` with a function for every quantity: parameters in order, an array over trainings.

    A value outside its formula's domain, where the expectation is infinite, is NaN.
    """
    functions = ",\n".join(_function(quantity) for quantity in QUANTITIES)
    return f"const laws = {{\n{functions}\n}};\n"


def _function(quantity: str) -> str:
    formulas = [formula_of(training, quantity) for training in TRAININGS]
    values = [_plain(formula.expanded) for formula in formulas]
    domains = [[_plain(formula.in_parameters(condition.relation)) for condition in formula.domain] for formula in formulas]
    # Sides of inequalities join the search for common parts; the inequalities themselves are put together in text.
    sides = [side for domain in domains for relation in domain for side in (relation.lhs, relation.rhs)]
    common, reduced = sympy.cse(values + sides, symbols=sympy.numbered_symbols("x"))
    printer = _JavaScript()
    lines = [f"    const {symbol} = {printer.doprint(part)};" for symbol, part in common]
    written = iter([printer.doprint(part) for part in reduced])
    results = [next(written) for _ in values]
    guards = [" && ".join(f"{next(written)} {relation.rel_op} {next(written)}" for relation in domain) for domain in domains]
    rows = [f"      {guard} ? {result} : NaN," for guard, result in zip(guards, results, strict=True)]
    return "\n".join([f"  {quantity}({', '.join(PARAMETERS)}) {{", *lines, "    return [", *rows, "    ];", "  }"])


def _plain(expression: Any) -> Any:
    """Replace symbols by ones without assumptions, lest cse's rebuilding decides an inequality by them."""
    return expression.xreplace({symbol: sympy.Symbol(symbol.name) for symbol in expression.free_symbols})


def script() -> str:
    """Write the generated part of the page's script: what it has to know, and the laws."""
    return f"const settings = {json.dumps(SETTINGS | {'parameters': PARAMETERS}, ensure_ascii=False)};\n{laws()}"
