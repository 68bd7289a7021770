"""Moments of random projections and of Gaussian matrices by integration, without the closed forms under test.

Projections: P = O_n O_n' with O_n the first n columns of a Haar orthogonal matrix, integrated entry by entry with
haarpy's Weingarten functions. Inverse Wishart: A = Q R with Bartlett's independent entries of R, integrated monomial
by monomial with the moments of normal and chi-square variables.
"""

from fractions import Fraction
from functools import cache
from math import prod

from haarpy import haar_integral_orthogonal


@cache
def projection_moment(entries: tuple[tuple[int, int], ...], n: int, d: int) -> Fraction:
    """E prod P[i, j] over at most three ``entries`` of the projection on a random n-dimensional subspace of R^d."""
    if not entries:
        return Fraction(1)
    return _canonical(_relabelled(tuple(index for entry in entries for index in entry)), n, d)


def _relabelled(indices: tuple[int, ...]) -> tuple[int, ...]:
    """Number the indices by first appearance: the Haar measure does not care for their names."""
    names: dict[int, int] = {}
    return tuple(names.setdefault(index, len(names)) for index in indices)


@cache
def _canonical(rows: tuple[int, ...], n: int, d: int) -> Fraction:
    if len(rows) == 2:
        return n * _haar(rows, (0, 0), d)
    if len(rows) == 4:
        return n * _haar(rows, (0, 0, 0, 0), d) + n * (n - 1) * _haar(rows, (0, 0, 1, 1), d)
    if len(rows) != 6:
        raise ValueError(f"{len(rows) // 2} entries of a projection; training errors are cubic in a task's own, errors quadratic")
    alike = n * _haar(rows, (0,) * 6, d)
    pairs = sum(_haar(rows, columns, d) for columns in ((0, 0, 0, 0, 1, 1), (0, 0, 1, 1, 0, 0), (1, 1, 0, 0, 0, 0))) if n > 1 else 0
    return alike + n * (n - 1) * pairs + (n * (n - 1) * (n - 2) * _haar(rows, (0, 0, 1, 1, 2, 2), d) if n > 2 else 0)


def _haar(rows: tuple[int, ...], columns: tuple[int, ...], d: int) -> Fraction:
    value = haar_integral_orthogonal((rows, columns), d)
    return Fraction(int(value.numerator), int(value.denominator))


@cache
def expected_noise_step(n: int, d: int) -> Fraction:
    """E tr (A'A)^{-1} for A in R^{d x n} with n < d, or E tr (AA')^{-1} for n > d, through |R^{-1}|^2.

    R is the triangular factor of the longer side by the shorter one: R_ii^2 ~ chi^2_{long - i}, R_ij ~ N(0, 1). Row by
    row, x_i = (R^{-1})_{i,j} obeys back substitution; entries above the diagonal enter each x_i through independent
    normals, so squares add up: E x_i^2 = E[1 / R_ii^2] sum_{l > i} E x_l^2.
    """
    short, long = min(n, d), max(n, d)
    inverse = [Fraction(1, long - i - 2) for i in range(short)]  # E 1 / chi^2_m = 1 / (m - 2), m = long - i
    total = Fraction(0)
    for column in range(short):
        squares = {column: inverse[column]}
        for i in reversed(range(column)):
            squares[i] = inverse[i] * sum(squares[row] for row in range(i + 1, column + 1))
        total += sum(squares.values())
    return total


def double_factorial(m: int) -> int:
    """m (m - 2) (m - 4) ..., 1 for m <= 0."""
    return prod(range(m, 0, -2))


def normal_moment(power: int) -> int:
    """E g^power of a standard normal."""
    return 0 if power % 2 else double_factorial(power - 1)


def chi_square_moment(degrees: int, power: int) -> Fraction:
    """E (chi^2_degrees)^power for a whole power, negative ones included."""
    if power >= 0:
        return Fraction(prod(degrees + 2 * i for i in range(power)))
    factors = [degrees - 2 * i for i in range(1, -power + 1)]
    if factors[-1] <= 0:
        raise ValueError(f"E (chi^2_{degrees})^{power} is infinite")
    return Fraction(1, prod(factors))
