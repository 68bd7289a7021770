"""Whether two expressions are the same function: a proof, or a point where they differ."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy

from theory.derivation.line import Derivation, rational
from theory.errors import InputError
from theory.formula import Formula
from theory.substitution import arrays, scalars, substitute

TRIES = 500  # points that are drawn to find one in the domain


@dataclass(frozen=True)
class Sameness:
    """Whether two expressions are the same; true where they are.

    Parameters
    ----------
    equal : bool or None
        None where they agree at all points and SymPy finds no proof.
    point : mapping
        Values at which they differ.
    values : tuple
        What both are there.
    """

    equal: bool | None
    point: Mapping[str, Any] = field(default_factory=dict)
    values: tuple[Any, ...] = ()

    def __bool__(self) -> bool:
        return self.equal is True

    def __str__(self) -> str:
        shown = ", ".join(f"{name} = {value}" for name, value in self.point.items())
        different = f"different: {' and '.join(f'{float(value):.6g}' for value in self.values)} at {shown}"
        return {True: "the same, proved", None: "equal at random points, without a proof", False: different}[self.equal]


def same(left: Any, right: Any, *, points: int = 4, seed: int = 0) -> Sameness:
    """Compare two expressions as functions of their symbols, which are the same if they have the same name.

    Parameters
    ----------
    left, right : sympy.Expr, theory.Formula or Derivation
        Formulas are compared in the domain that both share; of pieces, those at the first random point there. Arrays that sums run over have as
        many entries as the symbol at the end of the sum says, 2 to 6.
    points : int
        Random rational points at which both are compared first.
    seed : int
        Equal seeds draw equal points.

    Raises
    ------
    InputError
        If no point is found in the domain.

    Examples
    --------
    >>> import sympy
    >>> import driftlaw as dl
    >>> n, p = sympy.symbols("n p")
    >>> print(dl.same(1 - n / p, (p**2 - n**2) / (p * (p + n))))
    the same, proved
    >>> print(dl.same(1 - n / p, 1 - n / (p - 1)))
    different: ...
    """
    generator, domain, sides = random.Random(seed), [], []
    for side in (left, right):
        formula = side.formula if isinstance(side, Derivation) else side
        domain += [formula.in_parameters(condition.relation) for condition in formula.domain] if isinstance(formula, Formula) else []
        sides.append(formula.expanded if isinstance(formula, Formula) else sympy.sympify(formula))
    everything = sympy.Tuple(*sides, *domain)
    ends = {str(s) for total in everything.atoms(sympy.Sum) for limit in total.limits for s in limit[2].free_symbols if s not in total.variables}
    ranks = {str(entry.args[0]): len(entry.args) - 1 for entry in everything.atoms(sympy.Indexed)}
    first: dict[str, Any] = {}
    for number in range(points):
        draw = (lambda: rational(generator)) if number else lambda: sympy.Integer(generator.randrange(1, 100))  # the first one for readers
        for _ in range(TRIES):
            tasks = 2 + number % 5
            point = {name: tasks if name in ends else draw() for name in sorted(scalars(everything)) if name not in arrays(everything)}
            point |= {name: [[draw() for _ in range(tasks)] for _ in range(tasks)][0 if rank == 1 else slice(None)] for name, rank in ranks.items()}
            if all(substitute(relation, point) == True for relation in domain):  # noqa: E712
                break
        else:
            raise InputError(f"no point of {TRIES:,} lies in the domain {', '.join(map(str, domain))}; compare expressions, which have none")
        first = first or point
        values = tuple(substitute(side, point) for side in sides)
        if not (values[0] - values[1]).equals(0):
            return Sameness(False, point, values)
    choose = lambda *pieces: next(value for value, holds in pieces if substitute(holds, first) == True)  # noqa: E712, E731
    chosen = [side.replace(sympy.Piecewise, choose) for side in sides]
    named = [side.xreplace({s: sympy.Symbol(s.name) for s in side.free_symbols if s.is_Symbol}) for side in chosen]
    return Sameness(True if not ranks and sympy.expand(sympy.numer(sympy.together(named[0] - named[1]))) == 0 else None)
