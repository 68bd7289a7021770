"""SymPy expressions as presentation MathML, for browsers without any library.

SymPy's own printer leaves fences to the deprecated ``mfenced``, which browsers dropped; this one writes MathML Core.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

import sympy
from sympy.printing.precedence import PRECEDENCE, precedence_traditional
from sympy.printing.printer import Printer

from theory.errors import InputError

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "kappa": "κ", "kap": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ",
    "Omega": "Ω",
}  # fmt: skip
RELATIONS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}
LINE = 62  # characters of a displayed line
_TIMES = "<mo>&#x2062;</mo>"
# First letters of squared lengths, errors and noise; coefficients are written before them.
_MAGNITUDES = {"u", "q", "c", "e", "E", "g", "w", "D", "x", "h", "xy", "sigma", "mu", "J", "eta", "xi", "kappa", "C", "U", "S", "spill"}


def tag(name: str, *parts: str, **attributes: str) -> str:
    """Write an element whose parts are markup already."""
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(parts)}</{name}>"


def operator(sign: str, **attributes: str) -> str:
    """Write an operator."""
    return tag("mo", escape(sign), **attributes)


def row(*parts: str) -> str:
    """Group parts so that they count as one argument."""
    return parts[0] if len(parts) == 1 else tag("mrow", *parts)


def fenced(left: str, inner: str, right: str) -> str:
    """Put fences around markup; they grow with fractions, roots and sums, not with mere indices."""
    tall = any(part in inner for part in ("<mfrac", "<msqrt", "<munderover", "<mtable"))
    shape = {"stretchy": "true" if tall else "false", "lspace": "0", "rspace": "0"}
    return row(operator(left, form="prefix", **shape), inner, operator(right, form="postfix", **shape))


def name(text: str) -> str:
    """Write a symbol's name: Greek letters, a bar, a subscript after the first underscore."""
    base, _, below = text.partition("_")
    return tag("msub", _letter(base), _index(below)) if below else _letter(base)


def _letter(base: str) -> str:
    if base.endswith("bar") and len(base) == 4:
        return tag("mover", tag("mi", base[0]), operator("¯"), accent="true")
    if base in GREEK:
        return tag("mi", GREEK[base])
    return row(*(tag("mi", letter) for letter in base)) if len(base) == 2 else tag("mi", base)


def _index(text: str) -> str:
    return tag("mn" if text.isdigit() else "mi", GREEK.get(text, text))


class MathML(Printer):
    """Printer of what formulas are made of; anything else is an `InputError`, never a guess."""

    printmethod = "_presentation"

    def emptyPrinter(self, expr: Any) -> str:  # noqa: N802 - the name that SymPy calls
        raise InputError(f"there is no MathML for {type(expr).__name__} in {expr}; teach it to figures.report.mathml.MathML")

    def _print_Symbol(self, symbol: sympy.Symbol) -> str:
        return name(symbol.name)

    def _print_Indexed(self, entry: Any) -> str:
        places = [part for index in entry.indices for part in (operator(",", rspace="0"), self._print(index))][1:]
        return tag("msub", name(str(entry.base.label)), row(*places))

    def _print_Integer(self, number: sympy.Integer) -> str:
        digits = tag("mn", str(abs(int(number))))
        return digits if number >= 0 else row(operator("−", form="prefix"), digits)

    def _print_Rational(self, number: sympy.Rational) -> str:
        fraction = tag("mfrac", tag("mn", str(abs(number.p))), tag("mn", str(number.q)))
        return fraction if number >= 0 else row(operator("−", form="prefix"), fraction)

    def _print_Add(self, total: sympy.Add) -> str:
        parts: list[str] = []
        for negative, term in self.terms(total):
            parts += [operator("−", form="infix" if parts else "prefix")] if negative else [operator("+")] if parts else []
            parts.append(term)
        return row(*parts)

    def terms(self, expression: sympy.Expr) -> list[tuple[bool, str]]:
        """Return the summands as (negative, markup), a positive one first and sums with a sign last."""
        if not isinstance(expression, sympy.Add):
            return [(False, self._print(expression))]
        summands = list(expression.as_ordered_terms())
        summands.sort(key=lambda term: term.has(sympy.Sum))
        if all(abs_term.is_Atom for abs_term in (-term if term.could_extract_minus_sign() else term for term in summands)):
            summands.sort(key=lambda term: term.could_extract_minus_sign())
        first = next((term for term in summands if not term.could_extract_minus_sign()), summands[0])
        summands.insert(0, summands.pop(summands.index(first)))
        signed = [(term.could_extract_minus_sign(), term) for term in summands]
        return [(negative, self._within(-term if negative else term, "Add")) for negative, term in signed]

    def _within(self, expression: Any, place: str) -> str:
        """Write a part of a larger expression, with parentheses where the place needs them."""
        markup = self._print(expression)
        low = precedence_traditional(expression) < PRECEDENCE[place] and not isinstance(expression, (sympy.Abs, sympy.Sum))
        return fenced("(", markup, ")") if low or isinstance(expression, sympy.Piecewise) else markup

    def _print_Mul(self, product: sympy.Mul) -> str:
        if product.could_extract_minus_sign():
            return row(operator("−", form="prefix"), self._within(-product, "Mul"))
        pieces = [factor for factor in product.args if isinstance(factor, sympy.Piecewise)]
        if len(pieces) == 1:
            rest = sympy.Mul(*(factor for factor in product.args if factor is not pieces[0]))
            return self._print(sympy.Piecewise(*((value * rest, condition) for value, condition in pieces[0].args)))
        above, below, beside = self._split(product)
        if not below:
            return self._factors(above + beside)
        fraction = tag("mfrac", self._factors(above) if above else tag("mn", "1"), self._factors(below))
        return row(fraction, _TIMES, self._factors(beside, alone=False)) if beside else fraction

    @staticmethod
    def _split(product: sympy.Mul) -> tuple[list, list, list]:
        """Factors above and below the fraction bar, and long ones that stand beside the fraction."""
        above, below, beside = [], [], []
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
        if below:
            beside = [factor for factor in above if _is_long(factor)]
        return [factor for factor in above if factor not in beside], below, beside

    def _factors(self, factors: list, alone: bool = True) -> str:
        if len(factors) == 1 and alone:
            return self._print(factors[0])
        parts = [part for factor in factors for part in (_TIMES, self._within(factor, "Mul"))]
        return row(*parts[1:])

    def _print_Pow(self, power: sympy.Pow) -> str:
        base, exponent = power.as_base_exp()
        if exponent == sympy.Rational(1, 2):
            return tag("msqrt", self._print(base))
        if exponent.is_Rational and exponent < 0:
            return tag("mfrac", tag("mn", "1"), self._print(base**-exponent))
        if isinstance(base, sympy.Symbol) and "_" in base.name:
            letter, _, below = base.name.partition("_")
            return tag("msubsup", _letter(letter), _index(below), self._print(exponent))
        inner = self._print(base)
        return tag("msup", inner if base.is_Atom else fenced("(", inner, ")"), self._print(exponent))

    def _print_Abs(self, value: sympy.Abs) -> str:
        return fenced("|", self._print(value.args[0]), "|")

    def _print_Sum(self, total: sympy.Sum) -> str:
        signs = []
        for index, low, high in reversed(total.limits):
            below = row(self._print(index), operator("="), self._print(low))
            signs.append(tag("munderover", operator("∑", movablelimits="false"), below, self._print(high)))
        return row(*signs, self._within(total.function, "Mul"))

    def _print_Piecewise(self, pieces: sympy.Piecewise) -> str:
        rows = [tag("mtr", tag("mtd", self._print(value)), tag("mtd", self._case(condition))) for value, condition in pieces.args]
        return row(operator("{", stretchy="true", form="prefix"), tag("mtable", *rows, displaystyle="true", **{"class": "cases"}))

    def _case(self, condition: Any) -> str:
        if condition == True:  # noqa: E712 - SymPy's truth value
            return tag("mtext", "otherwise")
        from_below = condition.reversed if isinstance(condition, (sympy.Gt, sympy.Ge)) else condition
        return row(tag("mtext", "if\u00a0"), self._print(from_below))

    def _print_Relational(self, relation: Any) -> str:
        return row(self._print(relation.lhs), operator(RELATIONS[relation.rel_op]), self._print(relation.rhs))

    def _print_And(self, conditions: Any) -> str:
        parts = [part for condition in conditions.args for part in (tag("mtext", "\u00a0and\u00a0"), self._print(condition))]
        return row(*parts[1:])


def presentation(expression: Any) -> str:
    """Write an expression or a relation as the inside of a ``math`` element."""
    return MathML().doprint(sympy.sympify(expression))


def inline(markup: str) -> str:
    """Set MathML in a line of text."""
    return tag("math", markup)


def equation(left: str, right: Any) -> str:
    """Write ``left = right`` as displayed mathematics; a long sum goes on in further lines.

    Parameters
    ----------
    left : str
        MathML.
    right : sympy.Expr
    """
    content, total = right.as_content_primitive() if isinstance(right, sympy.Add) else (sympy.Integer(1), right)
    lines: list[list[str]] = [[]]
    used = 0
    for negative, term in MathML().terms(total):
        letters = width(term)
        if lines[-1] and used + letters > LINE:
            lines.append([])
            used = 0
        if negative or len(lines) > 1 or lines[-1]:
            lines[-1].append(operator("−" if negative else "+", form="infix" if lines[-1] or len(lines) > 1 else "prefix"))
        lines[-1].append(term)
        used += letters + 2
    if content != 1:
        lines[0] = [presentation(content), _TIMES, operator("(", stretchy="false"), *lines[0]]
        lines[-1].append(operator(")", stretchy="false"))
    return displayed(left, [row(*line) for line in lines])


def displayed(left: str, lines: list[str]) -> str:
    """Write ``left =`` before the first of some lines, aligned at the sign of equality."""
    if len(lines) == 1:
        return tag("math", left, operator("="), lines[0], display="block")
    heads = [row(left, operator("="))] + [""] * (len(lines) - 1)
    rows = [tag("mtr", tag("mtd", head), tag("mtd", line)) for head, line in zip(heads, lines, strict=True)]
    return tag("math", tag("mtable", *rows, displaystyle="true", **{"class": "lines"}), display="block")


def _is_long(factor: sympy.Expr) -> bool:
    nested = isinstance(factor, sympy.Add) and (len(factor.args) > 2 or any(term.as_numer_denom()[1] != 1 for term in factor.args))
    return nested or isinstance(factor, sympy.Sum)


def _has_magnitude(factor: sympy.Expr) -> bool:
    names = {str(getattr(symbol, "base", symbol)) for symbol in factor.free_symbols}
    return any(text.partition("_")[0] in _MAGNITUDES or text.startswith("d_") for text in names)


def width(markup: str) -> int:
    """Count the letters that markup shows."""
    return len(re.sub("&[^;]*;", "x", re.sub("<[^>]*>", "", markup.replace("&#x2062;", ""))))
