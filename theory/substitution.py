"""Numbers in the place of an expression's symbols, exactly, by their names."""

import math
from collections.abc import Mapping
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any

import numpy as np
import sympy

from theory.errors import InputError


def arrays(expression: Any) -> set[str]:
    """Return the names of an expression's arrays."""
    return {str(base.label) for base in expression.atoms(sympy.IndexedBase)}


def scalars(expression: Any) -> dict[str, list[sympy.Symbol]]:
    """Free symbols by name; symbols that differ in their assumptions only mean the same parameter."""
    found: dict[str, list[sympy.Symbol]] = {}
    indexed = arrays(expression)
    for symbol in expression.free_symbols:
        if symbol.is_Symbol and symbol.name not in indexed:
            found.setdefault(symbol.name, []).append(symbol)
    return found


def substitute(expression: Any, case: Mapping) -> Any:
    """Put the case's values in, exactly; arrays count from 1 in expressions, from 0 in cases."""
    values = {symbol: _exact_number(case[name], name) for name, symbols in scalars(expression).items() for symbol in symbols}
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
        raise InputError(f"the formula asks for {entry}, the case's {entry.base.label} has shape {array.shape}; entries count from 1 in expressions")
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
    raise InputError(f"the symbol {name} of the formula is {value!r} in the case; give a finite number (a formula of vectors can be a function)")
