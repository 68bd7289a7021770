"""The displayed mathematics means what the ledger says: it is read back and evaluated at the ledger's own cases."""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy
from scaffold import assert_refused

from figures.report import prose
from figures.report.entries import shown_intermediates
from figures.report.mathml import GREEK, equation, mathml, presentation
from theory import DriftlawError, Formula
from theory.formulas import FAMILIES, FORMULAS
from theory.ledger import memory, prototypes
from theory.ledger.ridge import OfEigenvalues

LATIN = {letter: word for word, letter in GREEK.items() if word != "varepsilon"}
X = "<mi>x</mi>"
BUILTINS = {"sum": sum, "range": range, "abs": abs, **{one.__name__: one._imp_ for one in OfEigenvalues.__subclasses__()}}
ARITY = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "mover": 2, "munderover": 3}
CORE = {*ARITY, "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "msqrt", "mtable", "mtr", "mtd"}
SIGNS = {"\u2062": "*", "−": "-", "=": "==", "≤": "<=", "≥": ">=", "≠": "!="}


class Reader:
    """Reads MathML as a Python expression, knowing nothing of the printer but the meaning of MathML."""

    def __init__(self, arrays: set[str]) -> None:
        self.arrays = arrays

    def read(self, node: ElementTree.Element) -> str:
        return getattr(self, f"_{node.tag}", self._plain)(node)

    def _plain(self, node: ElementTree.Element) -> str:
        return LATIN.get(node.text, node.text) if node.tag == "mi" else node.text

    def _mo(self, node: ElementTree.Element) -> str:
        if node.text == "|":
            return "abs(" if node.get("form") == "prefix" else ")"
        return SIGNS.get(node.text, node.text)

    def _mtext(self, node: ElementTree.Element) -> str:
        return {"if": " if ", "otherwise": " if True", "and": " and ", "boundary": "boundary"}[node.text.strip()]

    def _mrow(self, node: ElementTree.Element) -> str:
        if len(node) == 0:
            return ""
        if node[0].tag == "munderover":
            body = "".join(self.read(child) for child in node if child.tag != "munderover")
            for sign in reversed([child for child in node if child.tag == "munderover"]):
                index, low = self.read(sign[1]).split("==")
                body = f"sum({body} for {index} in range({low}, {self.read(sign[2])} + 1))"
            return f"({body})"
        if node[0].text == "{":
            return self.read(node[1])
        return "".join(map(self.read, node))

    _math = _mtr = _mtd = _mrow

    def _mtable(self, node: ElementTree.Element) -> str:
        if node.get("class") == "lines":
            return "".join(map(self.read, node))
        text = "undefined()"
        for row in reversed(node):
            value, condition = (self.read(cell) for cell in row)
            text = f"(({value}) {condition} else {text})"
        return text

    def _mfrac(self, node: ElementTree.Element) -> str:
        return "(({})/({}))".format(*map(self.read, node))

    def _msqrt(self, node: ElementTree.Element) -> str:
        return f"(({''.join(map(self.read, node))})**0.5)"

    def _msup(self, node: ElementTree.Element) -> str:
        return "(({})**({}))".format(*map(self.read, node))

    def _mover(self, node: ElementTree.Element) -> str:
        return self.read(node[0]) + {"¯": "bar"}[node[1].text]

    def _msub(self, node: ElementTree.Element) -> str:
        base, below = map(self.read, node)
        return f"{base}[{below}]" if base in self.arrays else f"{base}_{below}"

    def _msubsup(self, node: ElementTree.Element) -> str:
        return f"({self.read(node[0])}_{self.read(node[1])}**({self.read(node[2])}))"


def evaluated(markup: str, values: Mapping[str, Any]) -> float:
    """Value of displayed mathematics without its left side."""
    node = ElementTree.fromstring(markup)
    text = Reader({key for key, value in values.items() if np.ndim(value)}).read(node)
    return eval(text.partition("==")[2], {"__builtins__": BUILTINS, **values})  # noqa: S307


def counted_from_one(value: Any) -> Any:
    return np.pad(np.asarray(value, dtype=float), [(1, 0)] * np.ndim(value)) if np.ndim(value) else value


def displayed_value(formula: Formula, case: Mapping[str, Any], write: Any = equation) -> float:
    """Value of a formula through its displayed intermediates and its displayed expression."""
    values = {key: counted_from_one(case[key]) for key in formula.parameters}
    for symbol, definition in shown_intermediates(formula):
        values["kappa" if str(symbol) == "kap" else str(symbol)] = evaluated(write(X, definition), values)
    return evaluated(write(X, formula.expression), values)


CROWDED = {"p": 20, "m": 8, "n_2": 30, "sigma_1": 0.4, "sigma_2": 0.7, "phi": 0.6, "d_w": 0.9, "e": 0.4}  # more samples than free directions, as in no family


def cases_of(formula: Formula) -> list[Mapping[str, Any]]:
    """Cases at which a formula has a value: its own families', or any other's."""
    families = sorted(FAMILIES.values(), key=lambda family: family.formula.name != formula.name)
    return list(islice((case for case in (*(case for family in families for case in family.cases), CROWDED, *memory.CASES, *prototypes.CASES) if has_value(formula, case)), 4))


def has_value(formula: Formula, case: Mapping[str, Any]) -> bool:
    try:
        formula(**case)
    except DriftlawError:
        return False
    return True


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=list(FORMULAS))
def test_displayed_formula_has_the_value_of_the_formula(formula: Formula) -> None:
    cases = cases_of(formula)
    assert cases
    for case in cases:
        value = formula(**case)
        assert displayed_value(formula, case) == pytest.approx(value, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize(
    ("correct", "mistake", "count"), [("<mo>−</mo>", "<mo>+</mo>", 1), ('<mo form="(prefix|postfix)" stretchy="false" lspace="0" rspace="0">[()]</mo>', "", 0)]
)
def test_a_wrong_sign_or_a_lost_parenthesis_on_display_would_be_seen(correct: str, mistake: str, count: int) -> None:
    formula = FORMULAS["frozen_forgetting"]
    case = cases_of(formula)[0]
    damaged = displayed_value(formula, case, lambda left, right: re.sub(correct, mistake, equation(left, right), count=count))
    assert abs(damaged - formula(**case)) > 1e-6


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=list(FORMULAS))
def test_markup_is_core_mathml_that_browsers_lay_out_in_two_lines(formula: Formula) -> None:
    conditions = formula.domain + formula.normal_domain + formula.exact_when
    pieces = [equation(X, part) for part in (formula.expression, *(definition for _, definition in formula.intermediates))]
    pieces += [f"<math>{presentation(condition.relation)}</math>" for condition in conditions]
    for markup in pieces:
        for node in ElementTree.fromstring(markup).iter():
            assert node.tag in CORE
            assert len(node) == ARITY.get(node.tag, len(node)), node.tag
            assert node.get("class") != "lines" or len(node) <= 2


def test_unknown_objects_are_refused() -> None:
    for source in (r"\unknown{x}", r"\left(x", r"\frac{x}"):
        assert_refused(lambda: mathml(source), "no MathML")


@pytest.mark.parametrize("expression", ["-(a + b)*c", "a - (b - c)**3", "(a*b)**2", "a/(b*c)/2", "-a/(b - c)", "sqrt(a + b)/3", "-2*a**3", "a*(-b)**c"])
def test_precedence(expression: str) -> None:
    values = {"a": 1.3, "b": 0.7, "c": 2.0}
    parsed = sympy.sympify(expression)
    assert evaluated(equation(X, parsed), values) == pytest.approx(float(parsed.subs(values)))


def test_sentences_show_symbols_and_leave_words() -> None:
    assert prose.pretty("|q_2 - q_1|^2 >= 0") == "|<i>q</i><sub>2</sub> − <i>q</i><sub>1</sub>|<sup>2</sup> ≥ 0"
    assert prose.pretty("p_2* < sigma_2^2") == "<i>p</i><sub>2</sub><sup>*</sup> &lt; <i>σ</i><sub>2</sub><sup>2</sup>"
    assert prose.pretty("a task's step, i.i.d. N(0, 1)") == "a task's step, i.i.d. N(0, 1)"
    assert prose.pretty("v1_reconstruction and initialized_deviation") == "v1_reconstruction and initialized_deviation"
    assert prose.pretty("arXiv 2602.20796") == '<a href="https://arxiv.org/abs/2602.20796">arXiv 2602.20796</a>'
    assert prose.unlinked("arXiv 2602.20796") == "arXiv 2602.20796"


def test_captions_show_mathematics_or_its_source() -> None:
    shown = prose.caption(r"at $p_2^*=\sqrt{\xi}$, with $\pm$2 & more")
    assert "<msqrt><mi>ξ</mi></msqrt>" in shown and shown.endswith("with ±2 &amp; more")
    assert prose.caption(r"$\unknown{x}$") == r"<code>\unknown{x}</code>"
    assert "<msubsup><mi>χ</mi><mi>n</mi><mn>2</mn></msubsup>" in prose.caption(r"$\sigma^2\chi^2_n$")
    assert presentation(sympy.Symbol("sigma_2")) in prose.caption(r"$\sigma_2$")
