"""Number systems in which the law is computed: float64 grids, fractions, and rational functions of symbols.

The law is linear in the inner products of the truths and in the noise variances (the *atoms*), with coefficients
that are rational in dimensions, sample counts and step scales. Symbols are handled by that linearity: the recursion
runs over a leading axis of unit atoms with coefficients in QQ or QQ(symbols), and the atoms' expressions enter only
at the end. So no expression is ever simplified, and all three systems share one recursion.
"""

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from theory.conditions import HeadDistillation, Ridge
from theory.errors import InputError
from theory.problem import Isotropic, TaskSequence
from theory.spectral import first_order_root
from theory.values import FrozenArray, is_grid, is_symbolic, plain_array


class FloatAlgebra:
    """float64 with leading grid axes."""

    exact = False

    def __init__(self, seq: TaskSequence) -> None:
        self.lead = seq.grid_shape
        self.gram = {block: self._gram(seq, block) for block in seq.blocks}
        self.noise_variance = [self.lift(task.noise) ** 2 for task in seq.tasks]

    def _gram(self, seq: TaskSequence, block: str) -> np.ndarray:
        if block in seq.gram and seq.gram[block].values.dtype != object:
            return seq.gram[block].values.astype(float)
        entries = truth_products(seq, block)
        lead = np.broadcast_shapes(*(np.shape(plain_array(entry)) for entry in entries.ravel()))
        result = np.empty(lead + entries.shape)
        for index, entry in np.ndenumerate(entries):
            result[(..., *index)] = plain_array(entry).astype(float)
        return result

    def lift(self, value: Any) -> np.ndarray:
        """Return a number or grid as float64."""
        return plain_array(value).astype(float)

    def zeros(self, *shape: int) -> np.ndarray:
        """Zeros with the leading grid axes."""
        return np.zeros(self.lead + shape)

    def coefficients(self, tasks: int) -> np.ndarray:
        """Zero coefficients of the truths in an expected estimate, shape (*grid, T)."""
        return self.zeros(tasks)

    def finish(self, array: np.ndarray) -> np.ndarray:
        """Return the result as the caller sees it."""
        return array


class ExactAlgebra:
    """Fractions, or expressions by linearity in the atoms; the leading axis runs over atoms (one for fractions)."""

    exact = True

    def __init__(self, seq: TaskSequence, symbolic: bool) -> None:
        self.symbolic = symbolic
        self.field = _field(seq) if symbolic else Fraction
        self._zero = self.field(0)
        products = {block: truth_products(seq, block) for block in seq.blocks}
        places = [(block, *index) for block in seq.blocks for index in np.argwhere(np.triu(products[block] != 0)).tolist()]
        noisy = [t for t, task in enumerate(seq.tasks) if task.noise != 0]
        values = [products[block][i, j] for block, i, j in places] + [seq.tasks[t].noise ** 2 for t in noisy]
        self.atoms = values if symbolic and values else [1]
        self.lead = (len(self.atoms),)
        self.gram = {block: self.zeros(*products[block].shape) for block in seq.blocks}
        self.noise_variance = [self.zeros() for _ in seq.tasks]
        for index, value in enumerate(values):
            atom, weight = (index, self.field(1)) if symbolic else (0, Fraction(value))
            if index < len(places):
                block, i, j = places[index]
                self.gram[block][atom, i, j] = self.gram[block][atom, j, i] = weight
            else:
                self.noise_variance[noisy[index - len(places)]][atom] = weight

    def lift(self, value: Any) -> Any:
        """Return a dimension, count or scale as an element of the coefficient field."""
        return self.field(value)

    def zeros(self, *shape: int) -> np.ndarray:
        """Zeros with the leading axis of atoms."""
        return np.full(self.lead + shape, self._zero, dtype=object)

    def coefficients(self, tasks: int) -> np.ndarray:
        """Zero coefficients of the truths in an expected estimate, shape (T,): they depend on no atom."""
        return np.full((tasks,), self._zero, dtype=object)

    def vanishes(self, value: np.ndarray) -> bool:
        """Whether a value is zero once the atoms' values are put in, where equal atoms may cancel."""
        if not self.symbolic:
            return bool(np.all(value == 0))
        return self.finish(value).item().expand() == 0

    def finish(self, array: np.ndarray) -> np.ndarray:
        """Put the atoms' values in; returns fractions or SymPy expressions."""
        if not self.symbolic:
            return array[0]
        import sympy

        values = [sympy.sympify(atom) for atom in self.atoms]
        result = np.empty(array.shape[1:], dtype=object)
        for index in np.ndindex(result.shape):
            result[index] = sympy.Add(*(_expression(array[(a, *index)]) * value for a, value in enumerate(values)))
        return result


def algebra_of(seq: TaskSequence) -> FloatAlgebra | ExactAlgebra:
    """Choose the number system from the numbers of the experiment: any symbol, else any float, else fractions."""
    numbers = seq.values() + [entry for matrix in seq.gram.values() for entry in _sample(matrix)]
    numbers += [entry for task in seq.tasks for truth in task.truth.values() if isinstance(truth, FrozenArray) for entry in _sample(truth)]
    symbolic = [value for value in numbers if is_symbolic(value)]
    floating = [value for value in numbers if isinstance(value, float)]
    if not symbolic:
        return FloatAlgebra(seq) if floating or seq.grid_shape else ExactAlgebra(seq, symbolic=False)
    if floating or seq.grid_shape:
        kind = f"the float {floating[0]!r}" if floating else f"a grid of shape {seq.grid_shape}"
        raise InputError(
            f"the experiment mixes the symbol {symbolic[0]} with {kind}; write floats as fractions "
            "(Fraction, sympy.Rational), or put numbers in place of the symbols"
        )
    return ExactAlgebra(seq, symbolic=True)


def _sample(array: FrozenArray) -> list[Any]:
    """Entries that decide the number system: all of an object array, one of a numeric one."""
    return list(array.values.ravel()) if array.values.dtype == object else [array.values.ravel()[0].item()]


def truth_products(seq: TaskSequence, block: str) -> np.ndarray:
    """Expected inner products of the truths of ``block`` over tasks, shape (T, T), object entries.

    Tasks that do not use the block have zero rows. Independent isotropic directions are orthogonal on average.
    """
    tasks = len(seq)
    products = np.full((tasks, tasks), 0, dtype=object)
    for i, j in product(seq.users(block), repeat=2):
        left, right = seq.tasks[i].truth[block], seq.tasks[j].truth[block]
        if isinstance(left, str):
            entry = seq.gram[block].values[i, j]
            products[i, j] = entry.item() if isinstance(entry, np.generic) else entry
        elif isinstance(left, Isotropic) or isinstance(right, Isotropic):
            products[i, j] = _isotropic_product(left, right, i == j)
        else:
            products[i, j] = _dot(left.values, right.values)
    return products


def _isotropic_product(left: Any, right: Any, same_task: bool) -> Any:
    both = isinstance(left, Isotropic) and isinstance(right, Isotropic)
    if not both or not (same_task or (left.name is not None and left.name == right.name)):
        return 0
    if is_grid(left.norm) or is_grid(right.norm):
        return FrozenArray(plain_array(left.norm) * plain_array(right.norm))
    return left.norm * right.norm


def _dot(left: np.ndarray, right: np.ndarray) -> Any:
    if left.dtype.kind == "f" or right.dtype.kind == "f":
        return float(np.dot(left.astype(float), right.astype(float)))
    return sum((a * b for a, b in zip(left.tolist(), right.tolist())), 0)


def _field(seq: TaskSequence):
    """Return the map from coefficients (dimensions, counts, scales) into QQ or the field QQ(their symbols)."""
    from sympy import sympify
    from sympy.polys.fields import sfield

    coefficients = [*seq.blocks.values(), *([] if seq.averaging is None else seq.averaging.ravel())]
    for t, task in enumerate(seq.tasks):
        coefficients += [task.samples, *(task.scale_of(block) for block in task.train), *(task.memory or {}).values()]
        if isinstance(rule := seq.rule_of(t), Ridge):
            coefficients += [rule.lam, first_order_root(rule, task.samples, seq.trained_dimension(t))]
        coefficients += [rule.strength] if isinstance(rule, HeadDistillation) else []
    expressions = [sympify(value) for value in coefficients]
    if all(expression.is_Rational for expression in expressions):
        return Fraction
    field, elements = sfield(expressions)
    known = dict(zip(expressions, elements))
    return lambda value: known[sympify(value)] if sympify(value) in known else field.from_expr(sympify(value))


def _expression(coefficient: Any) -> Any:
    import sympy

    if isinstance(coefficient, Fraction):
        return sympy.Rational(coefficient.numerator, coefficient.denominator)
    return sympy.factor(coefficient.as_expr())
