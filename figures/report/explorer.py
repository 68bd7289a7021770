"""The explorer's numbers: JavaScript made from the catalogue's expressions, and the sliders with their ranges."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import sympy
from sympy.printing.jscode import JavascriptCodePrinter

from theory.formula import Formula
from theory.formulas import FORMULAS
from theory.ledger.criteria import TRUTHS
from theory.ledger.two_tasks import DIMENSIONS

TRAININGS = {"frozen": "frozen", "initialized": "initialized", "from_zero": "from zero"}
QUANTITIES = {
    "deviation": "deviation from task 1",
    "forgetting": "forgetting of task 1",
    "generalization": "generalization error",
    "update": "update magnitude",
}
PARAMETERS = DIMENSIONS + TRUTHS


@dataclass(frozen=True)
class Control:
    """A slider with its number field.

    Parameters
    ----------
    name : str
        A parameter, or ``angle_u``, ``angle_q`` for the angle between a truth and its change, from which c_u, c_q follow.
    label : str
        Words.
    letter : str
        The paper's letters, in words for an angle.
    low, high, step : number
        Of the slider at the start; its upper end moves on where a larger value is typed, or a drag comes to rest there.
    limit : number
        Largest value.
    value : number
        At the start.
    unit : str
        y is the response.
    whole : bool
        Whether only whole numbers make sense.
    """

    name: str
    label: str
    letter: str
    low: float
    high: float
    step: float
    limit: float
    value: float
    unit: str
    whole: bool = False


def _count(name: str, letter: str, label: str, value: int, low: int = 2) -> Control:
    return Control(name, label, letter, low, 120, 1, 100_000, value, "a number", whole=True)


def _size(name: str, letter: str, label: str, value: float, high: float = 4, unit: str = "units of y²") -> Control:
    return Control(name, label, letter, 0, high, 0.01, 1e6, value, unit)


def _angle(block: str, label: str) -> Control:
    return Control(f"angle_{block}", label, f"angle of {block}₂ − {block}₁ to {block}₁", 0, 180, 1, 180, 90, "degrees")


CONTROLS = {
    "Dimensions": (
        _count("p", "p", "shared parameters", 40),
        _count("p_1", "p₁", "specific, task 1", 30),
        _count("p_2", "p₂", "specific, task 2", 30),
    ),
    "Samples and noise": (
        _count("n_1", "n₁", "samples, task 1", 10, 1),
        _count("n_2", "n₂", "samples, task 2", 10, 1),
        _size("sigma_1", "σ₁", "noise, task 1", 0.3, 2, "units of y"),
        _size("sigma_2", "σ₂", "noise, task 2", 0.3, 2, "units of y"),
    ),
    "Truths": (
        _size("u_11", "|u₁|²", "shared truth, task 1", 0.6),
        _size("q_11", "|q₁|²", "specific truth, task 1", 1.4),
        _size("d_u", "|u₂ − u₁|²", "shared change", 0),
        _angle("u", "angle of the change to u₁"),
        _size("d_q", "|q₂ − q₁|²", "specific change", 0.25),
        _angle("q", "angle of the change to q₁"),
    ),
}
PRESETS: dict[str, dict[str, float]] = {
    "Overparameterized": {},
    "Between the poles": {"p": 20, "p_1": 8, "p_2": 24, "n_1": 14, "n_2": 40, "sigma_2": 0.4},
    "Double descent": {"p": 20, "p_1": 8, "p_2": 60, "n_1": 14, "n_2": 40, "u_11": 1, "q_11": 1},
    "Small distance, frozen loses": {"p_1": 60, "p_2": 60, "n_1": 30, "n_2": 20, "sigma_2": 0.4, "u_11": 0.8, "q_11": 1.2, "d_q": 0.01},
    "Frozen wins: specific error": {
        "p": 100, "p_1": 20, "p_2": 60, "n_1": 20, "n_2": 12, "sigma_1": 0.1, "sigma_2": 0.1, "u_11": 0.1, "q_11": 1.9, "d_q": 0.1,
    },
    "Frozen wins: accurate shared part": {"p": 20, "p_1": 8, "p_2": 12, "n_1": 200, "n_2": 38, "sigma_2": 0.6, "d_q": 1},
}  # fmt: skip


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
    groups = {title: [asdict(control) for control in group] for title, group in CONTROLS.items()}
    settings = {"groups": groups, "presets": PRESETS, "parameters": PARAMETERS, "trainings": TRAININGS, "quantities": QUANTITIES}
    return f"const settings = {json.dumps(settings, ensure_ascii=False)};\n{laws()}"
