"""Single-term mutations of a SymPy expression tree."""

from collections.abc import Iterator

import sympy


def mutants(expression: sympy.Basic) -> Iterator[tuple[str, sympy.Basic]]:
    """Yield (what was done, mutated tree): each whole number moved by one, each sign, each summand and factor dropped.

    Numbers inside fractions, exponents, limits of sums and conditions of pieces count too. Mutants that SymPy finds
    equal to the original are left out.
    """
    yield from ((f"-({expression})", -expression),) if isinstance(expression, sympy.Expr) and expression != 0 else ()
    for what, mutant in _inside(expression):
        if mutant != expression:
            yield what, mutant


def _inside(node: sympy.Basic) -> Iterator[tuple[str, sympy.Basic]]:
    if isinstance(node, sympy.Rational):
        p, q = sympy.Integer(node.p), sympy.Integer(node.q)
        for top, bottom in ((p + 1, q), (p - 1, q), (-p, q), *(((p, q + 1), (p, q - 1)) if q > 1 else ())):
            yield f"{node} -> {top / bottom}", top / bottom
        return
    if isinstance(node, (sympy.Symbol, sympy.IndexedBase)):
        return
    if isinstance(node, (sympy.Add, sympy.Mul)):
        for i, argument in enumerate(node.args):
            rest = node.args[:i] + node.args[i + 1 :]
            yield f"{node} without {argument}", node.func(*rest)
            if isinstance(node, sympy.Add):
                yield f"{node} with -({argument})", node.func(*rest, -argument)
    for i, argument in enumerate(node.args):
        if isinstance(node, sympy.Sum) and i:
            yield from _limits(node, i)
            continue
        for what, mutant in _inside(argument):
            yield what, node.func(*node.args[:i], mutant, *node.args[i + 1 :])


def _limits(node: sympy.Sum, i: int) -> Iterator[tuple[str, sympy.Basic]]:
    index, low, high = node.args[i]
    for bounds in ([(what, (mutant, high)) for what, mutant in _inside(low)], [(what, (low, mutant)) for what, mutant in _inside(high)]):
        for what, (first, last) in bounds:
            yield f"sum over {index} from {low} to {high}: {what}", sympy.Sum(*node.args[:i], (index, first, last), *node.args[i + 1 :])
