"""A derivation as a value: lines that introduce names one after another. LaTeX, Python, formulas and proofs are folds over them."""

import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import sympy

from theory.formula import Condition, Formula
from theory.notations import Latex
from theory.substitution import substitute, written_out

FIELD = 2**61  # values among which every symbol of a random point is drawn
ASSUMPTIONS = ("all features i.i.d. N(0, 1), fresh data for each task, independent Gaussian label noise", "least steps that fit the data")
WIDTH = 230  # characters of LaTeX in a row
TEXTS = dict(re.findall(r"^%% (\w+)\n(.*?)(?=^%% |\Z)", Path(__file__).with_name("appendix.tex").read_text(encoding="utf-8"), re.M | re.S))


@dataclass(frozen=True)
class Line:
    """One line of a derivation: a name, and what it equals before and after it is collected.

    Parameters
    ----------
    symbol : sympy.Symbol
        Name that the line introduces.
    before, right : sympy.Expr
        What the lemma gives, in earlier names and parameters, and the same collected.
    words : str
        What the line is about, as LaTeX.
    lemma : str
        Name of the lemma that is used, if any.
    judge : callable, optional
        Maps the law at a point, and the point, to what the line must come to there.
    meaning : str
        What the name stands for, as LaTeX.
    """

    symbol: sympy.Symbol
    before: Any
    right: Any
    words: str = ""
    lemma: str = ""
    judge: Callable[[Any, Mapping[str, Any]], Any] | None = None
    meaning: str = ""


@dataclass(frozen=True)
class Proof:
    """What random points say of a derivation.

    Parameters
    ----------
    points : int
        At which both sides of all lines were compared with one another, and with the law, in fractions.
    degree : int
        Bound on the degree of the polynomials that would have to vanish there.
    wrong : str
        The first line that does not hold, and how; empty if all do.
    """

    points: int
    degree: int
    wrong: str = ""

    @property
    def chance(self) -> float:
        """Most probability that a wrong line passes at all points (Schwartz and Zippel)."""
        return (self.degree / FIELD) ** self.points

    def __str__(self) -> str:
        held = f"both sides of all lines, and the law, agree in exact fractions at {self.points} points that are drawn from 2^61 values of each symbol; "
        held += f"a wrong line of degree up to {self.degree} passes with probability below {self.chance:.0e}"
        return f"wrong: {self.wrong}" if self.wrong else held


@dataclass(frozen=True)
class Derivation:
    """An exact expression for a quantity, as lines that lead to it (`derive`).

    Parameters
    ----------
    lines : tuple of Line
        In the order of derivation; the last one is the result.
    formula : theory.Formula
        The result for checks, the catalogue and tests, with its domain.
    order : sympy.Expr
        Supremum of the quantity's finite moment orders.
    setting : str
        The experiment in words, as LaTeX.
    sample : callable
        Maps a random generator and the number of a point to a point, values by name, and the law there, which the lines are judged by.
    law_degree : int
        Bound on the degree of the law's numbers in the symbols.

    Examples
    --------
    >>> import sympy
    >>> import driftlaw as dl
    >>> n, p = sympy.symbols("n p", positive=True, integer=True)
    >>> w = sympy.Symbol("w", nonnegative=True)
    >>> derived = dl.derive(dl.one_block(p, (n, n), noise=0, gram=[[w, w], [w, w]]), "deviation")
    >>> print(derived.python())
    def deviation(p, n, w):
        r = -n/p + 1
        E_1 = r*w
        return E_1*r
    <BLANKLINE>
    >>> derived.formula(n=10, p=20, w=1.0)
    0.25
    """

    lines: tuple[Line, ...]
    formula: Formula
    order: Any
    setting: str
    sample: Callable[[random.Random, int], tuple[dict[str, Any], Any]]
    law_degree: int

    @classmethod
    def of(cls, lines: list[Line], quantity: Any, parameters: Any, *, gaps: Mapping[str, Any], build: Any, domain: Any, uses: Any, **others: Any) -> "Derivation":
        """Make the formula of the last line and of those that it needs; ``gaps`` are the |d - n| of noisy steps."""
        names, needed = lines[-1].right.free_symbols, []
        for line in lines[-2::-1]:
            if line.symbol in names and line.symbol not in [symbol for symbol, _ in needed]:
                needed.insert(0, (line.symbol, line.right))
                names |= line.right.free_symbols
        normal = tuple(Condition(gap >= 8, f"moments of {which} beyond the fourth exist") for which, gap in gaps.items() if not gap.is_number)
        formula = Formula(
            f"derived_{_identifier(quantity)}", f"The quantity {quantity} of an experiment, derived from task to task.", lines[-1].right, parameters,
            "derived by driftlaw", "exact", quantity, build, tuple(needed), domain, normal, assumptions=ASSUMPTIONS, uses=uses,
        )  # fmt: skip
        return cls(tuple(lines), formula, sympy.Min(*((gap + 1) / 2 for gap in gaps.values())) if gaps else sympy.oo, **others)

    def proof(self, points: int = 5, seed: int = 0) -> Proof:
        """Compare both sides of every line at random points with one another, and with the law; stops at the first wrong line."""
        generator, degree = random.Random(seed), 0
        for number in range(points):
            (point, law), known = self.sample(generator, number), {}
            for line in self.lines:
                name, (before, right) = str(line.symbol), (substitute(side, point) for side in (line.before, line.right))
                judged = right if line.judge is None else sympy.sympify(line.judge(law, point))
                for other, what in ((before, "what it comes to before it is collected"), (judged, "the law")):
                    if not (other - right).equals(0):
                        shown = f"{name} is {sympy.N(right, 6)} where {sympy.N(other, 6)} is {what}"
                        return Proof(points, 0, f"{shown}, at {', '.join(f'{k} = {v}' for k, v in point.items() if k in self.formula.parameters)}")
                point[name], sizes = right, []
                for side in (line.before, line.right):
                    counts = {s: sympy.Integer(point[str(s)]) for s in side.free_symbols if type(point.get(str(s))) is int}  # of tasks, in sums and powers
                    sizes.append(size(written_out(side.xreplace(counts)), known))
                known[name], degree = sizes[1], max(degree, sum(sizes) + self.law_degree)
        return Proof(points, degree)

    def latex(self) -> str:
        """Return the result and the names that it needs as an ``align`` environment."""
        names = [Line(*pair, pair[1]) for pair in self.formula.intermediates]
        return _align([_equation(line, [line.right]) for line in (self.lines[-1], *names)])

    def python(self) -> str:
        """Return a Python function of the parameters; lists count from 0, as in cases."""
        arrays = {name: meaning.partition(" ")[0] for name, meaning in self.formula.parameters.items()}
        shift = {"list": "{0} = dict(enumerate({0}, 1))", "matrix": "{0} = {{(i, j): x for i, row in enumerate({0}, 1) for j, x in enumerate(row, 1)}}"}
        rows = [shift[kind].format(name) for name, kind in arrays.items() if kind in shift]
        rows += [f"{sympy.pycode(symbol)} = {sympy.pycode(right)}" for symbol, right in self.formula.intermediates]
        body = "".join(f"    {row}\n" for row in [*rows, f"return {sympy.pycode(self.formula.expression)}"]).replace("builtins.", "")
        head = f"def {_identifier(self.formula.quantity)}({', '.join(str(sympy.pycode(sympy.Symbol(name))) for name in arrays)}):\n"
        return "import math\n\n\n" * ("math." in body) + head + body

    def __str__(self) -> str:
        rows = [f"{self.formula.quantity} = {self.formula.expression}", *(f"  {symbol} = {right}" for symbol, right in self.formula.intermediates)]
        rows += [f"finite where {condition.relation}: {condition.reason}" for condition in self.formula.domain]
        return "\n".join([*rows, f"moments of all orders below {self.order} are finite"])

    def appendix(self, evidence: str = "", seed: int = 0) -> str:
        """Return the proof as a LaTeX document: setting, lemmas, lines, result, domain, and what was checked.

        Parameters
        ----------
        evidence : str
            What simulation says, as LaTeX (`simulate.verdicts.appendix`).
        seed : int
            Of the points at which the lines are compared.
        """
        used = {line.lemma for line in self.lines} | {"projection_mean"}
        numbers = {name: place for place, name in enumerate([name for name in TEXTS if name in used], 1)}
        rows, result = [], self.lines[-1]
        for line in [line for line in self.lines[:-1] if line.words or line.lemma]:
            sides = dict.fromkeys((line.before, line.right))
            tag = f" \\tag*{{Lemma {numbers[line.lemma]}}}" if line.lemma else ""
            rows.append((f"\\intertext{{{line.words}}}\n" if line.words else "") + _equation(line, sides) + tag)
        names = ", ".join(f"${_math(line.symbol)}={_math(line.right)}$" for line in self.lines if not (line.words or line.lemma))
        parts = {
            "TITLE": plain(str(self.formula.quantity)), "SETTING": self.setting, "ORDER": _math(self.order), "EVIDENCE": evidence,
            "PROOF": plain(str(self.proof(seed=seed))),
            "LEMMAS": "\n".join(f"\\paragraph{{Lemma {place}.}} {TEXTS[name]}" for name, place in numbers.items()),
            "NAMES": f"Write {names}." if names else "", "STEPS": _align(rows) if rows else "",
            "RESULT": f"{result.words}\n{_align([_equation(result, dict.fromkeys((result.before, result.right)))])}",
            "DOMAIN": "; ".join(f"${_math(condition.relation)}$" for condition in self.formula.domain) or "all parameters",
        }  # fmt: skip
        return re.sub(r"<<(\w+)>>", lambda found: parts[found[1]], TEXTS["document"])


def rational(generator: random.Random) -> Fraction:
    """Draw one of `FIELD` rational numbers."""
    return Fraction(generator.randrange(1, FIELD + 1), 1024)


def _align(rows: list[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _equation(line: Line, sides: Iterable[Any]) -> str:
    """Return a line as rows of an alignment, in the printer's order of summands; long rows are broken between them."""
    rows = []
    for side in sides:
        (negative, first), *others = Latex().terms(side)
        terms = [f"{'-' * negative}{first}"]
        for minus, term in others:
            long = len(terms[-1]) + len(term) > WIDTH
            terms[-1 if not long else len(terms) :] = [f"{'' if long else terms[-1]} {'-' if minus else '+'} {term}"]
        rows.append(" \\\\\n&\\quad ".join(terms))
    return f"{_math(line.symbol)} {'=' * bool(line.meaning)} {line.meaning} &= " + " \\\\\n&= ".join(rows)


def _math(expression: Any) -> str:
    return Latex().doprint(expression)


def plain(text: str) -> str:
    """Return text as LaTeX shows it."""
    return re.sub(r"([_%#&{}])", r"\\\1", text).replace("+-", r"$\pm$").replace("^", r"\^{}")


def _identifier(text: Any) -> str:
    return re.sub(r"\W+", "_", str(text)).strip("_")


def size(expression: Any, known: Mapping[str, int]) -> int:
    """Bound on the degrees of numerator and denominator in parameters: symbols counted as often as they stand there, names with their own."""
    if expression.is_number:
        return 0
    if expression.is_Pow and expression.exp.is_Integer:
        return abs(int(expression.exp)) * size(expression.base, known)
    return sum(size(part, known) for part in expression.args) if expression.is_Add or expression.is_Mul else known.get(str(expression), 1)
