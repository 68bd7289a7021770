"""Proportional limits: what a formula tends to as all dimensions and sample counts grow in fixed ratios, and how fast.

With every dimension and count multiplied by t, a ledger formula is limit + rate / t + O(1 / t^2) on either side of a
threshold. Both coefficients are exact: the formula is evaluated in Laurent series in 1/t, named intermediate by named
intermediate, so that nothing has to be simplified.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import sympy

from theory.errors import DomainError, InputError
from theory.formula import Condition, Formula

BELOW, ABOVE = "below", "above"
LARGE = 10**6  # times the dimensions of a case, to see where its ratios lie
TERMS = 3  # of a series; one more than asked for, since leading terms may cancel


@dataclass(frozen=True)
class Series:
    """t^degree (c_0 + c_1 / t + ...), cut after `TERMS` coefficients."""

    degree: int
    terms: tuple[sympy.Expr, ...]

    @classmethod
    def constant(cls, value: Any) -> "Series":
        """Return the series of something that does not depend on t."""
        return value if isinstance(value, Series) else cls(0, (sympy.sympify(value),) + (sympy.Integer(0),) * (TERMS - 1))

    def coefficient(self, power: int) -> sympy.Expr:
        """Return the coefficient of t^power."""
        place = self.degree - power
        return self.terms[place] if 0 <= place < TERMS else sympy.Integer(0)

    @property
    def vanishes(self) -> bool:
        """Whether it is exactly zero; a zero must not push another series' terms out of sight."""
        return all(term == 0 for term in self.terms)

    def __add__(self, other: Any) -> "Series":
        other = Series.constant(other)
        if self.vanishes or other.vanishes:
            return other if self.vanishes else self
        degree = max(self.degree, other.degree)
        return Series(degree, tuple(self.coefficient(degree - k) + other.coefficient(degree - k) for k in range(TERMS)))

    def __mul__(self, other: Any) -> "Series":
        other = Series.constant(other)
        if self.vanishes or other.vanishes:
            return Series.constant(0)
        terms = tuple(sympy.Add(*(self.terms[i] * other.terms[k - i] for i in range(k + 1))) for k in range(TERMS))
        return Series(self.degree + other.degree, terms)

    def reciprocal(self) -> "Series":
        """Return 1 / series; the leading coefficient must not vanish."""
        lead = self.terms[0]
        result = [1 / lead]
        for k in range(1, TERMS):
            result.append(-sympy.Add(*(self.terms[i] * result[k - i] for i in range(1, k + 1))) / lead)
        return Series(-self.degree, tuple(result))


@dataclass(frozen=True)
class ProportionalLimit:
    """Limit of a formula and the coefficient of its first correction.

    Parameters
    ----------
    formula : Formula
    side : {"below", "above"}
    limit, rate : sympy.Expr
        At t times the dimensions and counts the formula is ``limit + rate / t`` up to order 1/t^2.
    definitions : tuple of (Symbol, Expr)
        The coefficients of the formula's intermediates that occur in them, in the order of definition: ``r`` is the
        leading coefficient of r, ``r'`` the next.
    """

    formula: Formula
    side: str
    limit: sympy.Expr
    rate: sympy.Expr
    definitions: tuple[tuple[sympy.Symbol, sympy.Expr], ...]

    def value(self, **case: float) -> tuple[float, float]:
        """Return limit and rate at a case.

        Raises
        ------
        DomainError
            If the formula does not hold for large dimensions in the ratios of the case, or the case is on the other side
            of a threshold; names what fails.
        """
        self._require_place(case)
        known: dict[sympy.Symbol, sympy.Expr] = {}
        for symbol, definition in self.definitions:
            known[symbol] = _at(definition, known, case)
        limit, rate = (float(_at(part, known, case)) for part in (self.limit, self.rate))
        return limit, rate


    def _require_place(self, case: Mapping[str, float]) -> None:
        """Raise DomainError where ratios of dimensions and counts are outside the formula's domain, or on the other side."""
        own = self.formula
        relations = [own.in_parameters(condition.relation) for condition in own.domain]
        symbols = own.expanded.free_symbols.union(*(relation.free_symbols for relation in relations))
        large = {symbol: case[str(symbol)] * (LARGE if symbol.is_integer else 1) for symbol in symbols if str(symbol) in case}
        for relation, condition in zip(relations, own.domain, strict=True):
            if relation.free_symbols <= large.keys() and not Condition(relation, condition.reason).holds(large):
                raise DomainError(f"formula {own.name} needs {condition.relation} ({condition.reason}) in the ratios of the case {dict(case)}")
        for piece in cast(Any, own.expanded.atoms(sympy.Piecewise)):
            below = piece.args[0].cond
            if below.free_symbols <= large.keys() and bool(below.subs(large)) != (self.side == BELOW):
                raise DomainError(f"the limit of {own.name} is for the side {self.side!r}, where {below} is {self.side == BELOW}; it is not in {dict(case)}")


def proportional_limit(formula: Formula, side: str = BELOW) -> ProportionalLimit:
    """Compute the proportional limit of a formula and its rate.

    Parameters
    ----------
    formula : Formula
        Without sums over tasks, and rational in its dimensions and counts (not p_2*).
    side : {"below", "above"}
        Fewer samples than parameters in every task, or more.

    Raises
    ------
    InputError
        If the formula is not rational in its dimensions, or does not tend to a finite limit.
    """
    if side not in (BELOW, ABOVE):
        raise InputError(f"side is {side!r}; choose {BELOW!r} or {ABOVE!r}")
    if formula.expanded.has(sympy.Sum):
        raise InputError(f"formula {formula.name} is a sum over tasks; take the limit for a fixed number of tasks from the law instead")
    known: dict[sympy.Symbol, Series] = {}
    definitions: list[tuple[sympy.Symbol, sympy.Expr]] = []
    for symbol, definition in formula.intermediates:
        known[symbol] = _named(symbol, _series(formula, _branch(definition, side), known), definitions)
    series = _series(formula, _branch(formula.expression, side), known)
    growing = [series.coefficient(power) for power in range(series.degree, 0, -1)]
    if any(term != 0 for term in growing):
        raise InputError(f"formula {formula.name} grows with the dimensions; it has no proportional limit")
    return ProportionalLimit(formula, side, series.coefficient(0), series.coefficient(-1), tuple(definitions))


def _named(symbol: sympy.Symbol, series: Series, definitions: list[tuple[sympy.Symbol, sympy.Expr]]) -> Series:
    """Replace every coefficient that is no number by a symbol of its own, and note what it stands for."""
    terms = []
    for k, term in enumerate(series.terms):
        if term.is_number or term.is_Symbol:
            terms.append(term)
            continue
        name = sympy.Symbol(f"{symbol}{chr(39) * k}", real=True)
        definitions.append((name, term))
        terms.append(name)
    return Series(series.degree, tuple(terms))


def _series(formula: Formula, expression: Any, known: Mapping[sympy.Symbol, Series]) -> Series:
    if expression in known:
        return known[expression]
    if expression.is_Symbol and expression.is_integer:
        return Series(1, (expression,) + (sympy.Integer(0),) * (TERMS - 1))
    if expression.is_number or expression.is_Symbol:
        return Series.constant(expression)
    if expression.is_Add or expression.is_Mul:
        first, *others = (_series(formula, part, known) for part in expression.args)
        for other in others:
            first = first + other if expression.is_Add else first * other
        return first
    if expression.is_Pow and expression.exp.is_Integer:
        base = _series(formula, expression.base, known)
        base = base if expression.exp > 0 else base.reciprocal()
        result = base
        for _ in range(abs(int(expression.exp)) - 1):
            result = result * base
        return result
    raise InputError(f"formula {formula.name} is not rational in its dimensions ({expression}); its proportional limit is not offered")


def _branch(expression: Any, side: str) -> Any:
    """The pieces for fewer samples than parameters (first) or for more (last)."""
    place = 0 if side == BELOW else -1
    return expression.replace(lambda part: isinstance(part, sympy.Piecewise), lambda part: part.args[place][0])


def _at(expression: Any, known: Mapping[Any, Any], case: Mapping[str, float]) -> Any:
    return expression.subs({symbol: known.get(symbol, case.get(str(symbol))) for symbol in expression.free_symbols})
