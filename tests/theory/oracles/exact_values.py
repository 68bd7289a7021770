"""Exact values of SymPy expressions at rational numbers, by plain recursion over the tree.

Square roots of numbers that are no squares are rational within 1e-60; all else is exact.
"""

import math
import operator
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy

DIGITS = 10**60
RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


def evaluate(expression: sympy.Basic, values: dict[str, Any]) -> Any:
    """Value at ``values`` (by name; lists and matrices are counted from 1 in the expression, from 0 here).

    Raises
    ------
    ZeroDivisionError, LookupError, ValueError
        Where the expression has no value: at a pole, outside a list, for the root of a negative number.
    """
    if expression.is_Symbol:
        return values[expression.name]
    if expression.is_Rational:
        return int(expression.p) if expression.is_Integer else Fraction(int(expression.p), int(expression.q))
    if expression.is_Add or expression.is_Mul:
        arguments = [evaluate(argument, values) for argument in expression.args]
        return sum(arguments) if expression.is_Add else math.prod(arguments)
    if isinstance(expression, sympy.Sum):
        return _sum(expression.function, list(expression.limits), values)
    if isinstance(expression, sympy.Indexed):
        return _entry(values[str(expression.base.label)], [int(evaluate(index, values)) for index in expression.indices])
    if isinstance(expression, sympy.Piecewise):
        for piece, condition in expression.args:
            if evaluate(condition, values):
                return evaluate(piece, values)
        raise LookupError(f"no branch of {expression} applies")
    if expression in (sympy.true, sympy.false):
        return bool(expression)
    arguments = [evaluate(argument, values) for argument in expression.args]
    return _apply(expression, arguments)


def _apply(expression: sympy.Basic, arguments: list[Any]) -> Any:
    if expression.is_Pow:
        return _power(*arguments)
    if isinstance(expression, sympy.Abs):
        return abs(arguments[0])
    if expression.is_Relational:
        return RELATIONS[expression.rel_op](*arguments)
    raise TypeError(f"cannot evaluate {type(expression).__name__}: {expression}")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator == 1:
        return base ** int(exponent) if exponent >= 0 else 1 / Fraction(base) ** -int(exponent)
    base, exponent = Fraction(base), Fraction(exponent)
    if exponent.denominator != 2 or base < 0:
        raise ValueError(f"{base} to the power {exponent}")
    return square_root(base) ** int(exponent.numerator)


def square_root(number: Fraction) -> Fraction:
    """Exact for squares of fractions, otherwise within 1e-60 of relative error."""
    top, bottom = math.isqrt(number.numerator), math.isqrt(number.denominator)
    if top * top == number.numerator and bottom * bottom == number.denominator:
        return Fraction(top, bottom)
    return Fraction(math.isqrt(number.numerator * number.denominator * DIGITS**2), number.denominator * DIGITS)


def _sum(term: sympy.Basic, limits: list[Any], values: Mapping[str, Any]) -> Fraction:
    if not limits:
        return evaluate(term, values)
    index, low, high = limits[-1]  # SymPy writes the outermost sum last
    total = Fraction(0)
    for k in range(int(evaluate(low, values)), int(evaluate(high, values)) + 1):
        values[index.name] = Fraction(k)
        total += _sum(term, limits[:-1], values)
    return total


def _entry(array: Any, indices: list[int]) -> Any:
    for index in indices:
        if index < 1:
            raise LookupError(f"index {index} of an array counted from 1")
        array = array[index - 1]
    return array


class Values(dict):
    """Values by name; an intermediate is computed when it is first asked for."""

    def __init__(self, case: Mapping[str, Any], intermediates: Any) -> None:
        super().__init__(case)
        self.definitions = {symbol.name: definition for symbol, definition in intermediates}

    def __missing__(self, name: str) -> Any:
        self[name] = evaluate(self.definitions[name], self)
        return self[name]


def formula_value(formula: Any, case: Mapping[str, Any], intermediates: Any = None, expression: Any = None) -> Any:
    """Value of a formula at an exact case through its intermediates; parts may be replaced by mutants."""
    parameters = {name: case[name] for name in formula.parameters}
    values = Values(parameters, formula.intermediates if intermediates is None else intermediates)
    return evaluate(formula.expression if expression is None else expression, values)


def holds(relations: Any, values: dict[str, Any]) -> bool:
    """Whether all relations hold exactly."""
    return all(evaluate(relation, values) for relation in relations)


def in_domain(formula: Any, case: Mapping[str, Any], which: str = "domain") -> bool:
    """Whether a formula's conditions hold; they may speak of intermediates and of numbers of the case beside the parameters."""
    return holds([condition.relation for condition in getattr(formula, which)], Values(case, formula.intermediates))
