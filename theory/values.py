"""Hashable values of which an experiment is made: numbers, symbols, grids of numbers, vectors.

Nothing here imports SymPy; symbols are recognised by their ``free_symbols`` attribute, so that the sampler can
read experiments without loading the formulas' machinery.
"""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any, TypeGuard

import numpy as np

from theory.errors import InputError


class FrozenArray:
    """Read-only array that compares and hashes by content; ``numpy.asarray`` reads it without a copy.

    Parameters
    ----------
    values : array_like
        Copied once. Integer and floating arrays keep their kind, everything else becomes an object array.
    """

    __slots__ = ("values", "_hash")

    def __init__(self, values: Any) -> None:
        array = np.array(values)
        if array.dtype.kind not in "iuf" or (array.dtype.kind == "u" and array.size and int(array.max()) >= 2**63):
            array = np.array(values, dtype=object)
        elif array.dtype.kind == "f":
            array = array.astype(np.float64)
        else:
            array = array.astype(np.int64)
        array.flags.writeable = False
        self.values = array
        content = tuple(array.ravel()) if array.dtype == object else (array + 0).tobytes()  # + 0: -0.0 equals 0.0
        self._hash = hash((array.shape, array.dtype.str, content))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if dtype is not None and np.dtype(dtype) != self.values.dtype:
            return self.values.astype(dtype)
        return self.values.copy() if copy else self.values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrozenArray) and self.values.dtype == other.values.dtype and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        if self.values.size <= 6:
            return f"array({self.values.tolist()})"
        return f"array(shape={self.shape})"

    def __reduce__(self) -> tuple:
        return (FrozenArray, (np.array(self.values),))


class FrozenMapping(Mapping):
    """Read-only mapping with a hash; the order in which it was written counts (blocks draw their data in order)."""

    __slots__ = ("_items", "_hash")

    def __init__(self, items: Mapping | Any = ()) -> None:
        self._items = dict(items)
        self._hash = hash(tuple(self._items.items()))

    def __getitem__(self, key: Any) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenMapping):
            return list(self._items.items()) == list(other._items.items())
        return super().__eq__(other)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return repr(self._items)

    def __reduce__(self) -> tuple:
        return (FrozenMapping, (dict(self._items),))


def is_symbolic(value: Any) -> TypeGuard[Any]:
    """Whether ``value`` is a symbolic expression (a number such as sqrt(2) that is no fraction counts)."""
    return hasattr(value, "free_symbols")


def is_grid(value: Any) -> TypeGuard[FrozenArray]:
    """Whether ``value`` holds one number per grid point."""
    return isinstance(value, FrozenArray)


def number(value: Any, what: str) -> Any:
    """Return ``value`` as int, Fraction, float, symbolic expression or grid.

    Parameters
    ----------
    value : int, Fraction, float, numpy scalar, SymPy expression or numpy array
        An array of one or more dimensions is a grid: one number per grid point.
    what : str
        How to name the value in an error.

    Raises
    ------
    InputError
        If it is no real finite number, symbol or array of such.
    """
    if isinstance(value, FrozenArray):
        value = value.values
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return number(value.item(), what)
        return _number_grid(value, what)
    if isinstance(value, (bool, np.bool_)):
        raise InputError(f"{what} is {value!r}; give a number")
    if is_symbolic(value):
        return _plain_if_rational(value, what)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Rational):
        return Fraction(value)
    if isinstance(value, Real):
        if not math.isfinite(value):
            raise InputError(f"{what} is {value}; give a finite number")
        return float(value)
    raise InputError(f"{what} is {value!r} of type {type(value).__name__}; give a number, a symbol or a numpy array of grid points")


def _number_grid(value: np.ndarray, what: str) -> FrozenArray:
    if value.dtype.kind not in "iuf" or value.size == 0:
        raise InputError(f"{what} is an array of {value.dtype} with shape {value.shape}; a grid holds at least one real number")
    if not np.all(np.isfinite(value)):
        bad = value[~np.isfinite(value)][0]
        raise InputError(f"{what} holds {bad} at {int((~np.isfinite(value)).sum())} grid points; give finite numbers")
    return FrozenArray(value)


def _plain_if_rational(value: Any, what: str) -> Any:
    if getattr(value, "is_Rational", False):
        fraction = Fraction(int(value.p), int(value.q))
        return int(fraction) if fraction.denominator == 1 else fraction
    if getattr(value, "is_Float", False):
        return number(float(value), what)
    if value.is_finite is False or value.is_extended_real is False or (value.is_number and not value.is_finite):
        raise InputError(f"{what} is {value}; give a finite real expression")
    return value


def below(value: Any, bound: float) -> bool:
    """Whether ``value`` is known to be smaller than ``bound`` (at any grid point); False for open symbols."""
    if is_symbolic(value):
        return (value - bound).is_negative is True
    return bool(np.any(np.asarray(value) < bound))


def whole_number(value: Any, what: str, least: int) -> Any:
    """Return ``value`` as an int, a symbol or an integer grid of at least ``least``; 20.0 is as good as 20.

    Raises
    ------
    InputError
        If it is not whole or is too small.
    """
    value = number(value, what)
    if isinstance(value, (Fraction, float)) and value == int(value):
        value = int(value)
    elif is_grid(value) and value.values.dtype.kind == "f" and np.all(value.values == np.floor(value.values)):
        value = FrozenArray(value.values.astype(np.int64))
    fractional = isinstance(value, (Fraction, float)) or (is_grid(value) and value.values.dtype.kind == "f")
    if fractional or (is_symbolic(value) and value.is_integer is False):
        raise InputError(f"{what} is {value!r}; give a whole number of at least {least}")
    if below(value, least):
        raise InputError(f"{what} is {value!r}; it must be at least {least}")
    return value


def plain_array(value: Any) -> np.ndarray:
    """Return a number, symbol or grid as an array (object dtype for fractions and symbols)."""
    if is_symbolic(value) or isinstance(value, Fraction):
        boxed = np.empty((), dtype=object)
        boxed[()] = value
        return boxed
    return np.asarray(value)
