"""Polynomials as dictionaries from sorted tuples of variables to Fractions; just enough to integrate squared errors."""

from collections.abc import Callable
from fractions import Fraction

Monomial = tuple[tuple, ...]
Polynomial = dict[Monomial, Fraction]


def constant(value: object) -> Polynomial:
    return {(): Fraction(value)} if value else {}


def variable(name: tuple) -> Polynomial:
    return {(name,): Fraction(1)}


def add(*terms: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for term in terms:
        for monomial, coefficient in term.items():
            total[monomial] = total.get(monomial, 0) + coefficient
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def scale(polynomial: Polynomial, factor: object) -> Polynomial:
    return {monomial: coefficient * factor for monomial, coefficient in polynomial.items()} if factor else {}


def subtract(left: Polynomial, right: Polynomial) -> Polynomial:
    return add(left, scale(right, -1))


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    product: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            monomial = tuple(sorted(a + b))
            product[monomial] = product.get(monomial, 0) + x * y
    return {monomial: coefficient for monomial, coefficient in product.items() if coefficient}


def squared_length(vector: list[Polynomial]) -> Polynomial:
    return add(*(multiply(entry, entry) for entry in vector))


def integrate(polynomial: Polynomial, mine: Callable[[tuple], bool], moment: Callable[[Monomial], Polynomial]) -> Polynomial:
    """Replace in every monomial the variables that are ``mine`` by their ``moment``, a polynomial in the others."""
    groups: dict[Monomial, Polynomial] = {}
    for monomial, coefficient in polynomial.items():
        inner = tuple(v for v in monomial if mine(v))
        outer = tuple(v for v in monomial if not mine(v))
        group = groups.setdefault(inner, {})
        group[outer] = group.get(outer, 0) + coefficient
    return add(*(multiply(group, moment(inner)) for inner, group in groups.items()))
