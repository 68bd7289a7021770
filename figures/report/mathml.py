"""LaTeX as presentation MathML, for browsers without any library: the part that formulas and captions are written in."""

import re
from html import escape
from html.entities import html5
from typing import Any

import sympy

from theory.errors import InputError
from theory.notations import Latex

_LETTERS = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
_CAPITALS = "Gamma Delta Theta Lambda Sigma Phi Psi Omega"
GREEK = {"varepsilon": "ε"} | {name: html5[f"{name};"] for name in f"{_LETTERS} {_CAPITALS}".split()}
_PRINTER = Latex(times=r" \* ")
LINE = 62  # characters of a displayed line
_TIMES = "\u2062"  # is not seen
_OPERATORS = {
    "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "pm": "±", "times": "×", "cdot": "·", "to": "→", "infty": "∞", "approx": "≈",
    "ll": "≪", "gg": "≫", "sim": "∼", "in": "∈", "langle": "⟨", "rangle": "⟩", "ldots": "…", "dots": "…", "sum": "∑", "|": "‖",
    "rightarrow": "→", "*": _TIMES,
}  # fmt: skip
_ACCENTS = {"bar": "¯", "hat": "^", "tilde": "~"}
_WORDS = {"mathrm": "mi", "text": "mtext", "operatorname": "mtext"}
_SPACES = {",": "0.17em", ";": "0.28em", ":": "0.22em", " ": "0.3em", "quad": "1em"}
_SCRIPTS = {"_": "msub", "^": "msup", "^_": "msubsup"}
_TOKEN = re.compile(r"\\(?:text|mathrm|operatorname|begin|end)\{[^}]*\}|\\[A-Za-z]+|\\.|\d+(?:[.,]\d+)*|\S")


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


class _Reader:
    """Recursive-descent reader; raises KeyError or IndexError at what it does not know."""

    def __init__(self, source: str) -> None:
        self.tokens, self.place = _TOKEN.findall(source), 0

    def read(self, *until: str) -> str:
        """Read up to and with one of the closing tokens, or to the end."""
        parts = []
        while self.tokens[self.place] not in until if until else self.place < len(self.tokens):
            parts.append(self._with_scripts())
        self.place += 1
        return row(*parts)

    def _next(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1]

    def _with_scripts(self) -> str:
        summed, base, scripts = self.tokens[self.place] == r"\sum", self._atom(), {}
        while self.place < len(self.tokens) and self.tokens[self.place] in ("_", "^"):
            sign = self._next()
            scripts[sign] = self._atom()
        written = [scripts[sign] for sign in "_^" if sign in scripts]
        if summed and len(written) == 2:
            return tag("munderover", operator("∑", movablelimits="false"), *written)
        return tag(_SCRIPTS["".join(sorted(scripts))], base, *written) if scripts else base

    def _atom(self) -> str:
        token = self._next()
        if token == "{":
            return self.read("}")
        if token.startswith("\\"):
            return self._command(token[1:])
        if token[0].isdigit() or token.isalpha():
            return tag("mn" if token[0].isdigit() else "mi", token)
        shape = {"stretchy": "false", "lspace": "0", "rspace": "0"} if token in "()[]|/" else {}
        return operator("−" if token == "-" else token, **shape)

    def _command(self, command: str) -> str:
        name, _, words = command.removesuffix("}").partition("{")
        if command == "begin{cases}":
            return self._cases()
        if words:
            return tag(_WORDS[name], escape(words.replace(" ", "\u00a0")))
        if command in GREEK:
            return tag("mi", GREEK[command])
        if command in _SPACES:
            return tag("mspace", width=_SPACES[command])
        if command == "left":
            return fenced(self._next(), self.read(r"\right"), self._next())
        if command == "sqrt":
            return tag("msqrt", self._atom())
        if command == "frac":
            return tag("mfrac", self._atom(), self._atom())
        if command in _ACCENTS:
            return tag("mover", self._atom(), operator(_ACCENTS[command]), accent="true")
        return operator(_OPERATORS[command])

    def _cases(self) -> str:
        rows, cells, last = [], [], r"\end{cases}"
        while self.tokens[self.place - 1] != last:
            cells.append(tag("mtd", self.read("&", "\\\\", last)))
            if self.tokens[self.place - 1] != "&":
                rows.append(tag("mtr", *cells))
                cells = []
        return row(operator("{", stretchy="true", form="prefix"), tag("mtable", *rows, displaystyle="true", **{"class": "cases"}))


def mathml(source: str) -> str:
    """Write LaTeX as the inside of a ``math`` element.

    Raises
    ------
    InputError
        For what is not understood, rather than a guess.
    """
    try:
        return _Reader(source).read()
    except (IndexError, KeyError):
        raise InputError(f"there is no MathML for {source}; teach it to figures.report.mathml") from None


def presentation(expression: Any) -> str:
    """Write an expression or a relation as the inside of a ``math`` element."""
    return mathml(_PRINTER.doprint(sympy.sympify(expression)))


def symbol(name: str) -> str:
    """Write a symbol in a line of text."""
    return inline(presentation(sympy.Symbol(name)))


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
    for negative, source in _PRINTER.terms(total):
        term = mathml(source)
        letters = width(term)
        if lines[-1] and used + letters > LINE:
            lines.append([])
            used = 0
        if negative or len(lines) > 1 or lines[-1]:
            lines[-1].append(operator("−" if negative else "+", form="infix" if lines[-1] or len(lines) > 1 else "prefix"))
        lines[-1].append(term)
        used += letters + 2
    if content != 1:
        lines[0] = [presentation(content), operator(_TIMES), operator("(", stretchy="false"), *lines[0]]
        lines[-1].append(operator(")", stretchy="false"))
    return displayed(left, [row(*line) for line in lines])


def displayed(left: str, lines: list[str]) -> str:
    """Write ``left =`` before the first of some lines, aligned at the sign of equality."""
    if len(lines) == 1:
        return tag("math", left, operator("="), lines[0], display="block")
    heads = [row(left, operator("="))] + [""] * (len(lines) - 1)
    rows = [tag("mtr", tag("mtd", head), tag("mtd", line)) for head, line in zip(heads, lines, strict=True)]
    return tag("math", tag("mtable", *rows, displaystyle="true", **{"class": "lines"}), display="block")


def width(markup: str) -> int:
    """Count the letters that markup shows."""
    return len(re.sub("&[^;]*;", "x", re.sub("<[^>]*>", "", markup)).replace(_TIMES, ""))
