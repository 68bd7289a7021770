"""Formulas in other notations: LaTeX, from which the report makes MathML, Python, Mathematica, and as JSON-ready records."""

from typing import Any

import sympy
from sympy.printing.latex import LatexPrinter, translate
from sympy.printing.mathematica import MCodePrinter
from sympy.printing.precedence import PRECEDENCE, precedence_traditional

from theory.formula import Formula

# First letters of squared lengths, errors and noise; coefficients are written before them.
_MAGNITUDES = {"u", "q", "c", "e", "E", "g", "w", "D", "x", "h", "xy", "sigma", "mu", "J", "eta", "xi", "kappa", "C", "U", "S", "spill"}
# What stands left of the sign of equality: by quantity, then by the end of a name; T is the number of tasks.
_SIGNS = {
    "deviation": r"E\,L_1(\theta_T)", "forgetting": "F_T", "generalization": "G_T",
    "update_magnitude": r"E\,\left|\theta_2-\theta_1\right|^2", "error[1,1]": r"E\,L_2(\theta_T)", "error[-1,0]": r"E\,L_1(\theta_T)",
    "training_error[1,0]": r"E\,\left|A_1'\theta_2-y_1\right|^2", "training_forgetting": r"F_T^{\mathrm{train}}",
}  # fmt: skip
_OWN_SIGNS = {"p2_star": "p_2^*", "best_scale": "s^*", "deviation_variance": r"\mathrm{Var}L_1(\theta_2)"}


class Latex(LatexPrinter):
    """SymPy's LaTeX printer in the order of a writer: positive summands first, lengths and sums last, long factors beside a fraction.

    Parameters
    ----------
    times : str
        Sign of a product, a blank by default.
    """

    def __init__(self, times: str = " ") -> None:
        super().__init__()
        self.times = times

    def _print_Symbol(self, symbol: sympy.Symbol, style: str = "plain") -> str:
        base, _, below = symbol.name.partition("_")
        letters = translate({"kap": "kappa"}.get(base, base))
        if letters.isalpha() and len(letters) > 1:
            letters = rf"\mathrm{{{letters}}}" if len(letters) > 2 else f"{{{letters}}}"
        return f"{letters}_{{{translate(below)}}}" if below else letters

    def terms(self, expression: sympy.Expr) -> list[tuple[bool, str]]:
        """Return the summands as (negative, LaTeX), a positive one first and sums with a sign last."""
        if not isinstance(expression, sympy.Add):
            return [(False, self._print(expression))]
        terms: Any = expression.as_ordered_terms()
        summands = [(term.could_extract_minus_sign(), term) for term in terms]
        summands.sort(key=lambda entry: entry[1].has(sympy.Sum))
        if all((-term if negative else term).is_Atom for negative, term in summands):
            summands.sort(key=lambda entry: entry[0])
        first = next((entry for entry in summands if not entry[0]), summands[0])
        summands.insert(0, summands.pop(summands.index(first)))
        return [(negative, self._within(-term if negative else term, "Add")) for negative, term in summands]

    def _print_Add(self, expression: sympy.Add, order: Any = None) -> str:
        (negative, first), *others = self.terms(expression)
        return "-" * negative + first + "".join(f" {'-' if minus else '+'} {term}" for minus, term in others)

    def _within(self, expression: Any, place: str) -> str:
        """Write a part of a larger expression, with parentheses where the place needs them."""
        low = precedence_traditional(expression) < PRECEDENCE[place] and not isinstance(expression, (sympy.Abs, sympy.Sum))
        text = self._print(expression)
        return rf"\left({text}\right)" if low or isinstance(expression, sympy.Piecewise) else text

    def _print_Mul(self, product: sympy.Mul) -> str:
        if product.could_extract_minus_sign():
            return f"-{self._within(-product, 'Mul')}"
        pieces: Any = [factor for factor in product.args if isinstance(factor, sympy.Piecewise)]
        if len(pieces) == 1:
            rest = sympy.Mul(*(factor for factor in product.args if factor is not pieces[0]))
            return self._print(sympy.Piecewise(*((value * rest, condition) for value, condition in pieces[0].args)))
        above, below = [], []
        for factor in product.as_ordered_factors():
            base, exponent = factor.as_base_exp()
            if isinstance(factor, sympy.Rational):
                above += [sympy.Integer(factor.p)] if factor.p != 1 else []
                below += [sympy.Integer(factor.q)] if factor.q != 1 else []
            elif exponent.is_Rational and exponent < 0:
                below.append(base**-exponent)
            else:
                above.append(factor)
        above.sort(key=lambda factor: (factor.has(sympy.Sum), _has_magnitude(factor), isinstance(factor, sympy.Add)))
        beside = [factor for factor in above if below and _is_long(factor)]
        above = [factor for factor in above if factor not in beside]
        if not below:
            return self._factors(above)
        fraction = rf"\frac{{{self._factors(above) if above else 1}}}{{{self._factors(below)}}}"
        return self.times.join([fraction, *(self._within(factor, "Mul") for factor in beside)])

    def _factors(self, factors: list) -> str:
        return self._print(factors[0]) if len(factors) == 1 else self.times.join(self._within(factor, "Mul") for factor in factors)

    def _print_Sum(self, total: sympy.Sum) -> str:
        signs = [rf"\sum_{{{self._print(i)}={self._print(low)}}}^{{{self._print(high)}}}" for i, low, high in reversed(total.limits)]
        return f"{{{' '.join(signs)} {self._within(total.function, 'Mul')}}}"

    def _print_Piecewise(self, pieces: Any) -> str:
        rows = r" \\ ".join(f"{self._print(value)} & {self._case(condition)}" for value, condition in pieces.args)
        return rf"\begin{{cases}} {rows} \end{{cases}}"

    def _case(self, condition: Any) -> str:
        if condition == True:  # noqa: E712 - SymPy's truth value
            return r"\text{otherwise}"
        return rf"\text{{if }} {self._print(condition.reversed if isinstance(condition, (sympy.Gt, sympy.Ge)) else condition)}"

    def _print_And(self, conditions: Any) -> str:
        return r" \text{ and } ".join(map(self._print, conditions.args))


def _is_long(factor: sympy.Expr) -> bool:
    nested = isinstance(factor, sympy.Add) and (len(factor.args) > 2 or any(term.as_numer_denom()[1] != 1 for term in factor.args))
    return nested or isinstance(factor, sympy.Sum)


def _has_magnitude(factor: sympy.Expr) -> bool:
    names = {str(getattr(symbol, "base", symbol)) for symbol in factor.free_symbols}
    return any(text.partition("_")[0] in _MAGNITUDES or text.startswith("d_") for text in names)


def sign_of(formula: Formula) -> str:
    """Return the quantity that a formula gives as LaTeX, in the paper's letters."""
    if formula.quantity in _SIGNS:
        return _SIGNS[formula.quantity].replace("_T", "_2" if "n_2" in formula.parameters else "_T")
    own = [sign for ending, sign in _OWN_SIGNS.items() if formula.name.endswith(ending)]
    return own[0] if own else rf"\text{{{formula.quantity or formula.name.replace('_', ' ')}}}"


class _Mathematica(MCodePrinter):
    """SymPy's Mathematica printer, taught pieces, indexed entries and names without underscores (patterns there)."""

    def _print_Symbol(self, symbol: sympy.Symbol) -> str:
        return symbol.name.replace("_", "")

    def _print_Indexed(self, entry: Any) -> str:
        return f"{self._print(entry.base.label)}[[{', '.join(self._print(index) for index in entry.indices)}]]"

    def _print_Piecewise(self, pieces: Any) -> str:
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
        return Latex().doprint(formula.expanded)
    if language == "mathematica":
        return str(_Mathematica().doprint(formula.expanded))
    return str(sympy.pycode(formula.expanded, fully_qualified_modules=False, allow_unknown_functions=True))


def describe(formula: Formula) -> dict[str, Any]:
    """Return everything that is known of a formula, as JSON-ready strings."""

    latex = Latex().doprint

    def conditions(entries: tuple) -> list[dict[str, str]]:
        return [{"relation": str(entry.relation), "latex": latex(entry.relation), "reason": entry.reason} for entry in entries]

    return {
        "name": formula.name,
        "statement": formula.statement,
        "status": formula.status,
        "quantity": formula.quantity,
        "expression": str(formula.expression),
        "latex": latex(formula.expression),
        "intermediates": [{"symbol": str(s), "expression": str(e), "latex": f"{latex(s)} = {latex(e)}"} for s, e in formula.intermediates],
        "python": code(formula, "python"),
        "mathematica": code(formula, "mathematica"),
        "parameters": dict(formula.parameters),
        "domain": conditions(formula.domain),
        "normal_domain": conditions(formula.normal_domain),
        "exact_when": conditions(formula.exact_when),
        "assumptions": list(formula.assumptions),
        "source": formula.source,
        "uses": list(formula.uses),
    }
