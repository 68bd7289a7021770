"""A derivation as a value: lines that introduce names one after another. LaTeX, Python, formulas and proofs are folds over them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from importlib.resources import files
from typing import Any

import sympy

from theory.errors import InputError
from theory.formula import Condition, Formula
from theory.notations import Latex
from theory.problem import TaskSequence
from theory.substitution import arrays, substitute, written_out

FIELD = 2**61  # values among which every symbol of a random point is drawn
TERMS = 4  # summands in a row of LaTeX
_TEXTS = dict(re.findall(r"^%% (\w+)\n(.*?)(?=^%% |\Z)", files(__package__).joinpath("appendix.tex").read_text(encoding="utf-8"), re.M | re.S))


@dataclass(frozen=True)
class Line:
    """One line of a derivation: a name, and what it equals before and after it is collected.

    Parameters
    ----------
    symbol : sympy.Symbol
        Name that the line introduces.
    meaning : str
        What it stands for, as LaTeX; empty for an abbreviation.
    before : sympy.Expr
        What the lemma gives, in earlier names and parameters.
    right : sympy.Expr
        The same, collected.
    words : str
        One sentence that says why.
    lemma : str
        Name of the lemma that is used, if any.
    judge : callable, optional
        Maps the law at a point, and the point, to what the line must come to there.
    """

    symbol: sympy.Symbol
    meaning: str
    before: Any
    right: Any
    words: str
    lemma: str = ""
    judge: Callable[[Any, Mapping[str, Any]], Any] | None = None


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
        if self.wrong:
            return f"wrong: {self.wrong}"
        return f"all lines hold at {self.points} random rational points, in exact fractions; a wrong one passes with probability below {self.chance:.0e}"


@dataclass(frozen=True)
class Derivation:
    """An exact expression for a quantity, as lines that lead to it (`derive`).

    Parameters
    ----------
    quantity : str
    lines : tuple of Line
        In the order of derivation; the last one is the result.
    setting : str
        The experiment in words, as LaTeX.
    parameters : mapping of str to str
        Symbols of the experiment and what they mean.
    domain, normal_domain : tuple of theory.formula.Condition
        Where the expression is finite, and where a normal interval around a simulated mean can be trusted.
    order : sympy.Expr
        Supremum of the quantity's finite moment orders.
    build : callable
        Makes the numeric experiment of a case.
    sample : callable
        Maps a random generator and the number of a point to a point, values by name, and the law there, which the lines are judged by.
    law_degree : int
        Bound on the degree of the law's numbers in the symbols.
    uses : tuple of str
        Laws and facts that the result rests on.

    Examples
    --------
    >>> import sympy
    >>> import driftlaw as dl
    >>> n, p = sympy.symbols("n p", positive=True, integer=True)
    >>> w = sympy.Symbol("w", nonnegative=True)
    >>> derived = dl.derive(dl.one_block(p, (n, n), noise=0, gram=[[w, w], [w, w]]), "deviation")
    >>> print(derived.python())
    def deviation(p, n, w):
        r_1 = 1 - n/p
        E_1 = r_1*w
        r_2 = 1 - n/p
        return E_1*r_2
    <BLANKLINE>
    >>> derived.formula(n=10, p=20, w=1.0)
    0.25
    """

    quantity: str
    lines: tuple[Line, ...]
    setting: str
    parameters: Mapping[str, str]
    domain: tuple[Condition, ...]
    normal_domain: tuple[Condition, ...]
    order: Any
    build: Callable[..., TaskSequence]
    sample: Callable[[random.Random, int], tuple[dict[str, Any], Any]]
    law_degree: int
    uses: tuple[str, ...]

    @property
    def result(self) -> Line:
        """The last line."""
        return self.lines[-1]

    @cached_property
    def formula(self) -> Formula:
        """The result as a `theory.Formula`, for checks, the catalogue and tests."""
        return Formula(
            name=f"derived_{self._word}",
            statement=f"The {self._word} of the experiment, as derived from task to task.",
            expression=self.result.right,
            parameters=self.parameters,
            source="derived by driftlaw",
            status="exact",
            quantity=self.quantity,
            build=self.build,
            intermediates=tuple((line.symbol, line.right) for line in self.needed),
            domain=self.domain,
            normal_domain=self.normal_domain,
            assumptions=("all features i.i.d. N(0, 1), fresh data for each task, independent Gaussian label noise", "steps are least steps that fit the data"),
            uses=self.uses,
        )

    @property
    def needed(self) -> list[Line]:
        """Lines whose names the result needs, in order."""
        names, found = set(map(str, self.result.right.free_symbols)), []
        for line in reversed(self.lines[:-1]):
            if str(line.symbol) in names:
                found.insert(0, line)
                names |= set(map(str, line.right.free_symbols))
        return found

    @property
    def _word(self) -> str:
        return re.sub(r"\W+", "_", self.quantity).strip("_")

    def proof(self, points: int = 5, seed: int = 0) -> Proof:
        """Compare both sides of every line at random points with one another, and with the law; stops at the first wrong line."""
        generator, degree = random.Random(seed), 0
        for number in range(points):
            (point, law), known = self.sample(generator, number), {}
            for line in self.lines:
                name, sides = str(line.symbol), [substitute(side, point) for side in (line.before, line.right)]
                if sympy.expand(sides[0] - sides[1]) != 0:
                    return Proof(points, 1, f"{name}: the line before it is collected is {sides[0]} where the line after it is {sides[1]}, at {_short(point)}")
                judged = sides[1] if line.judge is None else sympy.sympify(line.judge(law, point))
                if sympy.expand(judged - sides[1]) != 0:
                    return Proof(points, 1, f"{name} is {sides[1]} where the law is {judged}, at {_short(point)}")
                point[name] = sides[1]
                sizes = [degrees(written_out(side.xreplace(_whole(side, point))), known) for side in (line.before, line.right)]
                known[name] = sizes[1]
                degree = max(degree, *(sum(size) + max(sum(sizes[1]), 2 * self.law_degree) for size in sizes))
        return Proof(points, degree)

    def latex(self) -> str:
        """Return the result and the names that it needs as an ``align`` environment."""
        return _align([_equation(line, [line.right]) for line in (self.result, *self.needed)])

    def python(self) -> str:
        """Return a Python function of the parameters; lists count from 0, as in cases."""
        shifted = {name: 2 if meaning.startswith("matrix") else 1 for name, meaning in self.parameters.items() if meaning.startswith(("matrix", "list"))}
        rows = [f"{name} = [0, *{name}]" if axes == 1 else f"{name} = [0, *([0, *row] for row in {name})]" for name, axes in shifted.items()]
        rows += [f"{_code(line.symbol)} = {_code(line.right)}" for line in self.needed] + [f"return {_code(self.result.right)}"]
        body = "".join(f"    {row}\n" for row in rows)
        return "import math\n\n\n" * ("math." in body) + f"def {self._word}({', '.join(_code(sympy.Symbol(name)) for name in self.parameters)}):\n{body}"

    @property
    def text(self) -> str:
        """The result, its names and its domain, for a terminal."""
        rows = [f"{self.quantity} = {self.result.right}", *(f"  {line.symbol} = {line.right}" for line in self.needed)]
        rows += [f"finite where {condition.relation}: {condition.reason}" for condition in self.domain]
        return "\n".join([*rows, f"moments of all orders below {self.order} are finite"])

    def __str__(self) -> str:
        return self.text

    def appendix(self, evidence: str = "") -> str:
        """Return the proof as a LaTeX document: setting, lemmas, lines, result, domain, and what was checked.

        Parameters
        ----------
        evidence : str
            What simulation says, as LaTeX (`simulate.verdicts.appendix`).
        """
        lemmas = [name for name in dict.fromkeys(line.lemma for line in self.lines) if name]
        numbers = {name: str(place) for place, name in enumerate(lemmas, 1)}
        steps, short = [], [line for line in self.lines if not line.lemma]
        for line in self.lines:
            if line in short and line is not self.result:
                continue
            by = f" (Lemma {numbers[line.lemma]})" if line.lemma else ""
            sides = [line.right] if line.before == line.right else [line.before, line.right]
            steps.append(f"{line.words}{by}\n{_align([_equation(line, sides)])}")
        names = ", ".join(f"${_math(line.symbol)}={_math(line.right)}$" for line in short if line is not self.result)
        domain = "; ".join(f"${_math(condition.relation)}$" for condition in self.domain) or "all parameters"
        parts = {
            "TITLE": _plain(self.quantity),
            "SETTING": self.setting,
            "LEMMAS": "\n".join(f"\\paragraph{{Lemma {numbers[name]}.}} {_TEXTS[name]}" for name in lemmas),
            "NAMES": f"Write {names}." if names else "",
            "STEPS": "\n".join(steps),
            "RESULT": self.latex(),
            "DOMAIN": domain,
            "ORDER": _math(self.order),
            "PROOF": _plain(str(self.proof())),
            "EVIDENCE": evidence,
        }
        return re.sub(r"<<(\w+)>>", lambda found: parts[found[1]], _TEXTS["document"])


def rational(generator: random.Random) -> Fraction:
    """Draw one of `FIELD` rational numbers."""
    return Fraction(generator.randrange(1, FIELD + 1), 1024)


def _align(rows: list[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _equation(line: Line, sides: list[Any]) -> str:
    """Return one line as rows of an alignment; the printer's own order of summands, a few in each row."""
    shown = f"{_math(line.symbol)} " + (f"= {line.meaning} " if line.meaning else "")
    rows = []
    for side in sides:
        (negative, first), *others = Latex().terms(side)
        terms = [f"{'-' * negative}{first}", *(f"{'-' if minus else '+'} {term}" for minus, term in others)]
        rows.append(" \\\\\n&\\quad ".join(" ".join(terms[i : i + TERMS]) for i in range(0, len(terms), TERMS)))
    return f"{shown}&= " + " \\\\\n&= ".join(rows)


def _math(expression: Any) -> str:
    return Latex().doprint(expression)


def _plain(text: str) -> str:
    return re.sub(r"([_%#&{}])", r"\\\1", text)


def _code(expression: Any) -> str:
    return str(sympy.pycode(expression))


def _short(point: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in point.items() if isinstance(value, (int, Fraction, sympy.Rational)))[:200]


def _whole(expression: Any, point: Mapping[str, Any]) -> dict[Any, Any]:
    """Values of the symbols that count tasks, which make sums and powers finite."""
    return {s: sympy.Integer(point[str(s)]) for s in expression.free_symbols if type(point.get(str(s))) is int}


def degrees(expression: Any, known: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """Bounds on the degrees of numerator and denominator, in parameters, of an expression in names whose bounds are known."""
    if expression.is_number:
        return 0, 0
    parts = [degrees(part, known) for part in expression.args] if expression.is_Add or expression.is_Mul else []
    if expression.is_Add:
        below = sum(den for _, den in parts)
        return max(num - den for num, den in parts) + below, below
    if expression.is_Mul:
        return sum(num for num, _ in parts), sum(den for _, den in parts)
    if expression.is_Pow and expression.exp.is_Integer:
        above, below = (abs(int(expression.exp)) * size for size in degrees(expression.base, known))
        return (above, below) if expression.exp > 0 else (below, above)
    return known.get(str(expression), (1, 0))
