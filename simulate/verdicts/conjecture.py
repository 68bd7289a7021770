"""A conjecture: a formula in any of three forms, and the experiments that it claims to describe.

Knows formulas and builders of experiments, no samples; `simulate.check` brings both together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any

import numpy as np
import sympy

from simulate.verdicts.cases import Keywords, build_case, call_case, check_cases, place, read_keywords, under
from theory.errors import InputError
from theory.formula import Formula
from theory.problem import TaskSequence
from theory.quantities import Quantity

EXPECTATIONS = ("agree", "disagree")
CLAIMS_EXACTNESS = ("exact", "published")  # of Formula.status


class NoValue(InputError):
    """A formula has no finite real value in a case, which is no mistake where the expectation is infinite too."""


@dataclass(frozen=True)
class Conjecture:
    """What is claimed, of which quantity, in which experiments.

    Parameters
    ----------
    name : str
    quantity : str or callable
        The quantity, as `simulate.Simulation.per_trial` takes it.
    cases : tuple of dict
        One value for every parameter of formula and builder.
    formula : callable
        Maps a case to the formula's value.
    builder : callable
        Maps a case to a `theory.TaskSequence`.
    expected : {"agree", "disagree"}
    exact : bool
        Whether the formula claims to be exact, so that a disagreement is a failure.
    assumes_usual : bool
        Whether the formula is a `theory.Formula`, all of which assume standard normal features, and least steps unless they name other rules.
    rules : tuple of type
        Rules that a `theory.Formula` speaks of beside the least step.
    own_builder : callable, optional
        Maps a case to the experiment as the builder says it, before other features or another rule are put in.
    label : str
        How to call what the experiments do otherwise; made of it by default.
    """

    name: str
    quantity: str | Quantity | Callable
    cases: tuple[dict[str, Any], ...]
    formula: Callable[[dict[str, Any]], Any]
    builder: Callable[[dict[str, Any]], TaskSequence]
    expected: str = "agree"
    exact: bool = True
    assumes_usual: bool = False
    label: str = ""
    rules: tuple[type, ...] = ()
    own_builder: Callable[[dict[str, Any]], TaskSequence] | None = None

    def value(self, index: int) -> float:
        """Compute the formula's value in case ``index``.

        Raises
        ------
        DomainError
            Where the formula says that it has no value.
        NoValue
            Where the value is no finite real number; names the case and the value.
        InputError
            Where the formula fails otherwise; names the case, the file and the line.
        """
        value = call_case("the formula", self.formula, index, self.cases[index], NoValue)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise NoValue(
                f"{place(index, self.cases[index])}: the formula {self.name!r} has the value {value!r}, which is no finite "
                "real number; correct the formula or leave out the case"
            )
        return number

    def sequence(self, index: int) -> TaskSequence:
        """Build the experiment of case ``index``; errors of the builder name the case."""
        return build_case(self.builder, index, self.cases[index])


def conjecture(
    formula: Any,
    quantity: str | Quantity | Callable | None = None,
    build: Callable | None = None,
    cases: Iterable[Mapping] | Mapping | None = None,
    *,
    name: str | None = None,
    expected: str = "agree",
    exact: bool | None = None,
    features: Any = None,
    solver: Any = None,
    label: str = "",
) -> Conjecture:
    """Make a `Conjecture` of a SymPy expression, a callable or a `theory.Formula`; see `simulate.check` for the arguments.

    Raises
    ------
    InputError
        If a part is missing, a case lacks a parameter, or a case has a key that nothing reads.
    """
    if isinstance(formula, Formula):
        quantity, build = quantity or formula.quantity, build or formula.build
    if quantity is None or build is None or cases is None:
        absent = "quantity" if quantity is None else "build" if build is None else "cases"
        raise InputError(f"{absent} is missing; give {absent}=... (only a theory.Formula brings its own quantity and build)")
    if not callable(build):
        raise InputError(f"build is {build!r}; give a function that makes a TaskSequence of a case's keyword arguments")
    if name is not None and not isinstance(name, str):
        raise InputError(f"name is {name!r}; give text")
    if exact is not None and not isinstance(exact, bool):
        raise InputError(f"exact is {exact!r}; give True or False, or leave it out")
    if expected not in EXPECTATIONS:
        raise InputError(f"expected is {expected!r}; choose one of {EXPECTATIONS}")
    if exact is None:
        exact = formula.status in CLAIMS_EXACTNESS if isinstance(formula, Formula) else True
    value, reads, default_name = _readable(formula)
    build_reads = read_keywords(build, "build")
    return Conjecture(
        name or default_name,
        quantity,
        check_cases(cases, {"the formula": reads, "build": build_reads}),
        value,
        lambda case: under(build(**build_reads.pick(case)), features, solver),
        expected,
        exact,
        isinstance(formula, Formula),
        label,
        formula.rules if isinstance(formula, Formula) else (),
        lambda case: build(**build_reads.pick(case)),
    )


def _readable(formula: Any) -> tuple[Callable[[dict], Any], Keywords, str]:
    """Return how to evaluate the formula in a case, what it reads there, and its name."""
    if isinstance(formula, Formula):
        reads = Keywords(frozenset(str(parameter) for parameter in formula.parameters))
        return lambda case: formula(**reads.pick(case)), reads, formula.name
    if isinstance(formula, (sympy.Expr, Real)) and not isinstance(formula, bool):
        expression = sympy.sympify(formula)
        reads = Keywords(frozenset(_scalars(expression)) | frozenset(_arrays(expression)))
        text = str(formula)
        return lambda case: substitute(expression, case), reads, text if len(text) <= 40 else "formula"
    if callable(formula) and not isinstance(formula, sympy.Basic):
        reads = read_keywords(formula, "the formula")
        name = getattr(formula, "__name__", type(formula).__name__)
        return lambda case: formula(**reads.pick(case)), reads, "formula" if name == "<lambda>" else name
    raise InputError(
        f"the formula is {formula!r} of type {type(formula).__name__}; give a SymPy expression, a function of a case's keyword "
        "arguments or a theory.Formula (sympy.sympify turns text into an expression)"
    )


def _arrays(expression: Any) -> set[str]:
    return {str(base.label) for base in expression.atoms(sympy.IndexedBase)}


def _scalars(expression: Any) -> dict[str, list[sympy.Symbol]]:
    """Free symbols by name; symbols that differ in their assumptions only mean the same parameter."""
    found: dict[str, list[sympy.Symbol]] = {}
    arrays = _arrays(expression)
    for symbol in expression.free_symbols:
        if symbol.is_Symbol and symbol.name not in arrays:
            found.setdefault(symbol.name, []).append(symbol)
    return found


def substitute(expression: Any, case: Mapping) -> Any:
    """Put the case's values in, exactly; arrays count from 1 in expressions, from 0 in cases."""
    values = {symbol: _exact_number(case[name], name) for name, symbols in _scalars(expression).items() for symbol in symbols}
    expanded = written_out(expression.xreplace(values)).doit()
    return expanded.xreplace({entry: _entry(entry, case) for entry in expanded.atoms(sympy.Indexed)})


def written_out(expression: Any) -> Any:
    """Return an expression with its sums between whole numbers as additions (``doit`` looks for closed forms first, for minutes)."""
    if not expression.has(sympy.Sum):
        return expression
    if not isinstance(expression, sympy.Sum):
        return expression.func(*map(written_out, expression.args))
    *inner, (index, low, high) = expression.limits  # SymPy writes the outermost sum last
    if not (low.is_Integer and high.is_Integer):
        return expression
    term = sympy.Sum(expression.function, *inner) if inner else expression.function
    return sympy.Add(*(written_out(term.xreplace({index: sympy.Integer(k)})) for k in range(int(low), int(high) + 1)))


def _entry(entry: Any, case: Mapping) -> sympy.Expr:
    array = np.asarray(case[str(entry.base.label)], dtype=object)
    index = tuple(int(i) - 1 if i.is_Integer else -1 for i in entry.indices)
    if len(index) != array.ndim or not all(0 <= i < size for i, size in zip(index, array.shape, strict=True)):
        raise InputError(
            f"the formula asks for {entry}, the case's {entry.base.label} has shape {array.shape}; entries count from 1 in expressions"
        )
    return _exact_number(array[index], str(entry))


def _exact_number(value: Any, name: str) -> sympy.Expr:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, sympy.Expr) and value.is_number:
        return value
    if isinstance(value, Integral):
        return sympy.Integer(int(value))
    if isinstance(value, (Rational, Fraction)):
        return sympy.Rational(value.numerator, value.denominator)
    if isinstance(value, Real) and math.isfinite(value):
        return sympy.Rational(float(value))
    raise InputError(
        f"the symbol {name} of the formula is {value!r} in the case; give a finite number (a formula of vectors can be a function)"
    )
