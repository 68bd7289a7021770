"""Formulas in other notations: LaTeX, Python, Mathematica, MathML, and as JSON-ready records."""

from __future__ import annotations

from typing import Any

import sympy
from sympy.printing.mathematica import MCodePrinter

from theory.formula import Formula


class _Mathematica(MCodePrinter):
    """SymPy's Mathematica printer, taught pieces, indexed entries and names without underscores (patterns there)."""

    def _print_Symbol(self, symbol: sympy.Symbol) -> str:
        return symbol.name.replace("_", "")

    def _print_Indexed(self, entry: Any) -> str:
        return f"{self._print(entry.base.label)}[[{', '.join(self._print(index) for index in entry.indices)}]]"

    def _print_Piecewise(self, pieces: sympy.Piecewise) -> str:
        listed = ", ".join(f"{{{self._print(value)}, {self._print(condition)}}}" for value, condition in pieces.args)
        return f"Piecewise[{{{listed}}}]"

    def _print_Relational(self, relation: Any) -> str:
        return f"{self._print(relation.lhs)} {relation.rel_op} {self._print(relation.rhs)}"

    def _print_BooleanTrue(self, _: Any) -> str:
        return "True"

    def _print_Sum(self, total: sympy.Sum) -> str:
        limits = ", ".join(f"{{{', '.join(self._print(part) for part in limit)}}}" for limit in reversed(total.limits))
        return f"Sum[{self._print(total.function)}, {limits}]"


def code(formula: Formula, language: str) -> str:
    """Return the expanded expression as "latex", "python" or "mathematica" source."""
    if language == "latex":
        return sympy.latex(formula.expanded)
    if language == "mathematica":
        return _Mathematica().doprint(formula.expanded)
    return sympy.pycode(formula.expanded, fully_qualified_modules=False)


def describe(formula: Formula) -> dict[str, Any]:
    """Return everything that is known of a formula, as JSON-ready strings."""

    def conditions(entries: tuple) -> list[dict[str, str]]:
        return [{"relation": str(entry.relation), "latex": sympy.latex(entry.relation), "reason": entry.reason} for entry in entries]

    return {
        "name": formula.name,
        "statement": formula.statement,
        "status": formula.status,
        "target": formula.target,
        "expression": str(formula.expression),
        "latex": sympy.latex(formula.expression),
        "intermediates": [{"symbol": str(s), "expression": str(e), "latex": f"{sympy.latex(s)} = {sympy.latex(e)}"} for s, e in formula.intermediates],
        "python": code(formula, "python"),
        "mathematica": code(formula, "mathematica"),
        "parameters": dict(formula.parameters),
        "domain": conditions(formula.domain),
        "normal_domain": conditions(formula.normal_domain),
        "exact_when": conditions(formula.exact_when),
        "assumptions": list(formula.assumptions),
        "source": formula.source,
    }
