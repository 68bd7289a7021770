"""Replay by integration: stored and fresh rows written in an orthonormal frame, coordinates integrated monomial by monomial."""

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from math import prod

from haar_moments import _haar, chi_square_moment, double_factorial, expected_noise_step, normal_moment
from polynomials import Polynomial, add, constant, integrate, multiply, scale, squared_length, subtract, variable


def least_norm_error(p: int, owners: list[int], gram: list[list[Fraction]], variances: list[Fraction], target: int | None) -> Fraction:
    """E |theta - w_target|^2 (from zero if None) of the least-norm fit of rows a of the tasks ``owners[a]``.

    The rows are the columns of Q R, Q Haar, R Bartlett's triangle, R_ii^2 ~ chi^2_{p - i}; theta = Q z with
    z_b = sum_{a <= b} (R^{-1})_{ab} y_a, y_a = sum_{c <= a} R_{ca} <q_c, w_{owner(a)}> + eps_a; E q_c q_c'' = delta I / p.
    """
    rows = range(len(owners))
    inverse = _triangular_inverse(len(owners))
    square, cross = constant(0), constant(0)
    for b in rows:
        for a in range(b + 1):
            for other in range(b + 1):
                columns = add(*(multiply(_r(c, a), _r(c, other)) for c in range(min(a, other) + 1)))
                label = scale(columns, gram[owners[a]][owners[other]] / p)
                label = add(label, constant(variances[owners[a]])) if a == other else label
                square = add(square, multiply(multiply(inverse[a][b], inverse[other][b]), label))
            if target is not None and b <= a:
                cross = add(cross, scale(multiply(inverse[a][b], _r(b, a)), gram[target][owners[a]] / p))
    value = _triangle_expectation(square, p)
    return value if target is None else value - 2 * _triangle_expectation(cross, p) + gram[target][target]


def least_squares_error(p: int, owners: list[int], variances: list[Fraction], product: Callable[[int, int], Fraction]) -> Fraction:
    """E |theta - z|^2 of the least-squares fit of N > p + 1 rows of the tasks ``owners``; ``product(s, o)`` = E <w_s - z, w_o - z>.

    A = U W^{1/2} with U the first p columns of a Haar orthogonal matrix and W Wishart, independent: theta - z = sum_a W^{-1/2} u_a u_a' W^{1/2} v_a
    + W^{-1/2} U' eps, and only the eigenvalues l of W count. E sum_{j,k} l_j / l_k = E tr W tr W^{-1} by Bartlett's triangle, rows of U by Weingarten.
    """
    N, inverse = len(owners), _triangular_inverse(p)
    pairs = [(i, j) for j in range(p) for i in range(j + 1)]
    ratio = multiply(add(*(multiply(_r(i, j), _r(i, j)) for i, j in pairs)), add(*(multiply(inverse[i][j], inverse[i][j]) for i, j in pairs)))
    unequal = _triangle_expectation(ratio, N) - p  # of l_j / l_k, j != k
    same, other = ((p * _haar(rows, (0, 0, 0, 0), N) + (unequal * _haar(rows, (0, 1, 1, 0), N) if p > 1 else 0)) / p for rows in ((0, 0, 0, 0), (0, 0, 1, 1)))
    value = sum((product(s, o) * (same if a == b else other) for a, s in enumerate(owners) for b, o in enumerate(owners)), Fraction(0))
    return value + sum(variances[s] for s in owners) * expected_noise_step(N, p) / N


def _r(i: int, j: int) -> Polynomial:
    return variable(("R", i, j))


def _triangular_inverse(size: int) -> list[list[Polynomial]]:
    inverse = [[constant(0)] * size for _ in range(size)]
    for j in range(size):
        inverse[j][j] = variable(("1/R", j, j))
        for i in reversed(range(j)):
            total = add(*(multiply(_r(i, row), inverse[row][j]) for row in range(i + 1, j + 1)))
            inverse[i][j] = scale(multiply(variable(("1/R", i, i)), total), -1)
    return inverse


def _triangle_expectation(polynomial: Polynomial, p: int) -> Fraction:
    total = Fraction(0)
    for monomial, coefficient in polynomial.items():
        powers: Counter = Counter()
        for kind, i, j in monomial:
            powers[i, j] += 1 if kind == "R" else -1
        normals = prod(normal_moment(power) for (i, j), power in powers.items() if i != j)
        if normals:  # else odd powers of the diagonal may stand beside it
            total += coefficient * normals * prod(_chi_moment(p - i, power) for (i, j), power in powers.items() if i == j)
    return total


def _chi_moment(degrees: int, power: int) -> Fraction:
    if power % 2:
        raise ValueError(f"chi_{degrees}^{power}: squared errors are even in every diagonal entry")
    return chi_square_moment(degrees, power // 2)


class OneStoredRow:
    """Two tasks in R^p: task 0 with rows x_s (stored) and x_r, task 1 with one fresh row x_f and the memory of x_s.

    In the frame of q = x_s / |x_s|: x_r = A q + rho e, x_f = B q + eta h, with A, B normal, rho^2 and eta^2 chi^2_{p-1},
    e and h independent and uniform on the unit sphere of the complement of q, all independent.
    """

    def __init__(self, p: int, first: list[int], second: list[int], noise: tuple[Fraction, Fraction]) -> None:
        self.p, self.noise = p, noise
        truths = [[constant(x) for x in w] for w in (first, second)]
        q, e, h = ([variable((name, i)) for i in range(p)] for name in "qeh")
        along_q = add(self._dot(q, truths[0]), multiply(variable(("eps", 0)), variable(("1/R", 0))))
        slip = subtract(variable(("eps", 1)), multiply(multiply(variable(("A", 0)), variable(("eps", 0))), variable(("1/R", 0))))
        along_e = add(self._dot(e, truths[0]), multiply(slip, variable(("1/rho", 0))))
        theta = [add(multiply(q[i], along_q), multiply(e[i], along_e)) for i in range(p)]
        residual = add(multiply(variable(("B", 0)), subtract(self._dot(q, truths[1]), along_q)), variable(("eps", 2)))
        step = subtract(self._dot(h, truths[1]), multiply(self._dot(h, e), along_e))
        step = add(step, multiply(residual, variable(("1/eta", 0))))
        later = [add(theta[i], multiply(h[i], step)) for i in range(p)]
        self.errors = [[self.expectation(squared_length([subtract(x, y) for x, y in zip(at, w)])) for w in truths] for at in (theta, later)]
        self.step_size = self.expectation(squared_length([multiply(entry, step) for entry in h]))

    @staticmethod
    def _dot(left: list[Polynomial], right: list[Polynomial]) -> Polynomial:
        return add(*(multiply(x, y) for x, y in zip(left, right)))

    def expectation(self, polynomial: Polynomial) -> Fraction:
        polynomial = integrate(polynomial, lambda v: v[0] not in "qeh", self._scalars)
        for name in "he":
            polynomial = integrate(polynomial, lambda v, name=name: v[0] == name, lambda inner: self._in_complement([i for _, i in inner]))
        return integrate(polynomial, lambda v: True, lambda inner: constant(self._on_sphere([i for _, i in inner]))).get((), Fraction(0))

    def _scalars(self, inner: tuple) -> Polynomial:
        degrees = {"1/R": self.p, "1/rho": self.p - 1, "1/eta": self.p - 1}
        value = Fraction(1)
        for (name, index), power in Counter(inner).items():
            if power % 2:
                return constant(0)  # odd in a symmetric variable: every reciprocal comes with an odd normal or noise
            value *= chi_square_moment(degrees[name], -power // 2) if name in degrees else normal_moment(power)
            value *= self.noise[index == 2] ** power if name == "eps" else 1
        return constant(value)

    def _in_complement(self, indices: list[int]) -> Polynomial:
        """Moments of a uniform unit vector orthogonal to q, polynomials in q."""
        if len(indices) % 2:
            return constant(0)
        if not indices:
            return constant(1)
        normalisation = Fraction(1, prod(self.p - 1 + 2 * i for i in range(len(indices) // 2)))
        return scale(add(*(self._pairing(pairs) for pairs in _pairings(tuple(indices)))), normalisation)

    @staticmethod
    def _pairing(pairs: tuple[tuple[int, int], ...]) -> Polynomial:
        value = constant(1)
        for i, j in pairs:
            value = multiply(value, subtract(constant(int(i == j)), multiply(variable(("q", i)), variable(("q", j)))))
        return value

    def _on_sphere(self, indices: list[int]) -> Fraction:
        powers = Counter(indices).values()
        if any(power % 2 for power in powers):
            return Fraction(0)
        return Fraction(prod(double_factorial(power - 1) for power in powers), prod(self.p + 2 * i for i in range(len(indices) // 2)))


def _pairings(indices: tuple[int, ...]) -> list[tuple[tuple[int, int], ...]]:
    if not indices:
        return [()]
    first, rest = indices[0], indices[1:]
    return [((first, rest[k]), *others) for k in range(len(rest)) for others in _pairings(rest[:k] + rest[k + 1 :])]
