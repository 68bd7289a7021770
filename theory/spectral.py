"""Moments of steps by other rules than the least one: A h(A'A) r for features A in R^{d x n} and any filter h.

With x the N = min(n, d) eigenvalues of A'A that are not zero and q(x) = x h(x), a step is B delta + A h(A'A) noise, where B has the
eigenvalues q(x) in directions that are uniformly random and independent of them (Haar). So with

    S = E sum q,   S_2 = E sum q^2,   k = E sum x h^2,   T = E (sum q)^2

the moments of `theory.projections` are m = S / d, a = [S_2 / d - (T + 2 S_2) / (d (d + 2))] / (d - 1), b = S_2 / d - d a.

**Exact.** The eigenvalues have the density prod_{i<j} |x_i - x_j| prod_i w(x_i), w(x) = x^{(|n-d|-1)/2} e^{-x/2} (real Laguerre ensemble).
For functions f, by de Bruijn's integral, E prod f(x_i) is a Pfaffian over the one at f = 1, of the matrix

    M_jk[f] = double integral of sgn(y - x) f(x) f(y) phi_j(x) phi_k(y),

phi_j = w times polynomials of degree j < N; odd N has one more row, the integrals of f phi_k. With f = 1 + s q the first and second
derivative of the logarithm at s = 0 are E sum q, which gives the density of eigenvalues, and E sum_{i<j} q q - (E sum q)^2 / 2.

**Second order** (ridge). Stein's identity for tr A'(W + lambda)^{-1} A gives, exactly, T = (s + 1) S - n d - S_2 with s = n + d + lambda;
with T = S^2 + V and k = -S' that is S^2 - s S + n d = -lambda S' - V. With D = sqrt(s^2 - 4 n d), V ~ 2 n d lambda^2 / D^4 and
S = S_0 + S_1 + S_2 by powers of 1 / dimension, S_0 = (s - D) / 2, S_1 = lambda S_0' / D, S_2 = (S_1^2 + lambda S_1' + V) / D. Relative
errors are about 1 / D^3, seen by doubling n, d and lambda.
**First order** (Marchenko and Pastur): S = S_0, k = S_0 / D. Sources: Forrester, Log-Gases and Random Matrices, chapter 6; the rest is
driftlaw's own derivation.
"""

import cmath
import math
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, cast

import numpy as np

from theory.conditions import Flow, GradientDescent, Ridge, Rule, by_condition, filtered
from theory.errors import NoClosedForm
from theory.projections import StepMoments
from theory.values import plain_array

LARGEST = 1000  # of min(n, d), up to which eigenvalues are integrated over: two seconds; beyond, ridge steps go to second order
LEAST_ROOT = 20  # of D, from which second order is good to a few times 1e-4
TAIL = 8.5  # the largest singular value is above sqrt(n) + sqrt(d) + TAIL with probability exp(-TAIL^2 / 2) at most
NODES, PHASE, LEVELS = 64, 36, 7  # of a panel: its nodes, the phase of what they resolve; panels towards zero, each a 16th


@by_condition
def filter_values(rule: Any, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
    """Compute the filter h at positive eigenvalues of A'A, any shape; a rule of one's own registers its filter here, if it is smooth."""
    raise NoClosedForm(
        f"no exact law is known for {rule!r}: laws are those of the least step, Ridge (which is EWC with the population's Fisher information, "
        "theory.constructors.ewc_rules), Distillation, HeadDistillation, Flow and GradientDescent; simulate the experiment, or register the rule's filter with "
        "theory.spectral.filter_values.register"
    )


@filter_values.register
def _(rule: Ridge, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
    return 1 / (eigenvalues + rule.lam)


@filter_values.register
def _(rule: Flow, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
    return -np.expm1(-rule.time / rows * eigenvalues) / eigenvalues


@filter_values.register
def _(rule: GradientDescent, eigenvalues: np.ndarray, rows: int) -> np.ndarray:
    progress = rule.rate / rows * eigenvalues
    most = 1 + math.exp(TAIL**2 / 8 / rule.steps)  # so that the tail, of probability exp(-TAIL^2 / 2), counts less than exp(-TAIL^2 / 4)
    if progress.max() > most:
        raise NoClosedForm(
            f"the expectation under {rule} is that of rare trials in which descent diverges: A'A / {rows} has eigenvalues up to "
            f"{eigenvalues.max() / rows:.3g}; take a rate of at most {math.floor(1e3 * most * rows / eigenvalues.max()) / 1e3:.3g}, or Flow({rule.time:g})"
        )
    slow = -np.expm1(rule.steps * np.log1p(-np.minimum(progress, 0.5)))
    return np.where(progress < 0.5, slow, 1 - (1 - progress) ** rule.steps) / eigenvalues


class Spectrum:
    """Quadrature over the nonzero eigenvalues of A'A.

    Parameters
    ----------
    n, d : int

    Attributes
    ----------
    x : ndarray, shape (nodes,)
        Eigenvalues.
    mass : ndarray, shape (nodes,)
        Weights with which functions of one eigenvalue add up to the expectation of their sum.
    """

    def __init__(self, n: int, d: int) -> None:
        size, power = min(n, d), abs(n - d)
        widest = math.sqrt(n) + math.sqrt(d)
        low, high = max(0.0, power / widest - TAIL), widest + TAIL
        edges = np.linspace(low, high, math.ceil((high - low) * widest / PHASE) + 1)
        if low == 0:  # filters may change within any distance from zero
            edges = np.concatenate([[0], edges[1] * 16.0 ** np.arange(-LEVELS, 0), edges[1:]])
        points, weights = np.polynomial.legendre.leggauss(NODES)
        self._half, self._points = np.diff(edges)[:, None] / 2, weights
        roots = (edges[:-1, None] + self._half * (1 + points)).ravel()  # singular values, in which all is smooth
        self._weights, self.x = (self._half * weights).ravel(), roots**2
        values = np.polynomial.legendre.legvander(points, NODES)
        degrees = np.arange(NODES)
        running = np.column_stack([points + 1, (values[:, 2:] - values[:, :-2]) / (2 * degrees[1:] + 1)])  # integrals from -1
        self._running = running @ (values[:, :-1].T * (degrees[:, None] + 0.5) * weights)
        self._functions = _laguerre(self.x, power, size)
        self._signed = self._against_sign(self._functions)
        if size % 2:
            self._functions, self._signed = (np.vstack([f, np.full_like(roots, fill)]) for f, fill in ((self._functions, 0), (self._signed, 1)))
        matrix = self._antisymmetric(self._weights)
        matrix[:size, :size] /= 2
        self._inverse = np.linalg.inv(matrix)
        self.mass = np.einsum("jg,jg->g", self._signed, self._inverse.T @ self._functions) * self._weights

    def _against_sign(self, functions: np.ndarray) -> np.ndarray:
        """Integrals of sgn(u - v) f(v) over v."""
        left = (functions.reshape(-1, NODES) @ (2 * self._running.T)).reshape(len(functions), -1, NODES)
        left *= self._half
        whole = functions.reshape(left.shape) @ self._points * self._half[:, 0]
        left += (2 * np.cumsum(whole, axis=-1) - 2 * whole - whole.sum(-1, keepdims=True))[..., None]
        return left.reshape(functions.shape)

    def _antisymmetric(self, weights: np.ndarray) -> np.ndarray:
        product = (self._signed * weights) @ self._functions.T
        return product - product.T

    def square_of_sum(self, q: np.ndarray) -> float:
        """E (sum q)^2 for the values of a function at the nodes."""
        first = self._inverse @ self._antisymmetric(self._weights * q)
        turned = self._functions * q
        second = self._inverse @ (self._against_sign(turned) * self._weights @ turned.T)
        pairs = (np.trace(second) - np.sum(first * first.T) / 2 + np.trace(first) ** 2 / 4) / 2
        return float(self.mass @ q**2 + 2 * pairs)


def _laguerre(x: np.ndarray, power: int, count: int) -> np.ndarray:
    """Values of w(x) dx/du times the orthonormal Laguerre polynomials of that power, up to one factor, shape (count, nodes)."""
    off = (x - power) / max(power, 1)
    with np.errstate(divide="ignore"):
        log = power / 2 * (np.log1p(off) - off) if power else -x / 2  # in the logarithm, where the factor of the first one underflows
    rows, before, now = np.empty((count, len(x))), np.zeros_like(x), np.ones_like(x)
    for j in range(count):
        rows[j] = now * np.exp(log)
        before, now = now, ((2 * j + 1 + power - x) * now - math.sqrt(j * (j + power)) * before) / math.sqrt((j + 1) * (j + 1 + power))
        if j % 16 == 15:
            size = np.maximum(np.abs(before), np.abs(now))
            before, now, log = before / size, now / size, log + np.log(size)
    return rows


_spectrum = lru_cache(maxsize=1)(Spectrum)  # whose functions take 200 MB at size 1,000


@lru_cache(maxsize=512)
def nodes(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues of A'A and their masses: E sum of f over the eigenvalues that are not 0 is ``masses @ f(eigenvalues)``."""
    spectrum = _spectrum(n, d)
    return spectrum.x, spectrum.mass


@lru_cache(maxsize=2**16)
def _sums(rule: Rule, handler: Any, n: int, d: int, pairs: bool) -> tuple[float, float, float, float, float]:
    """S, S_2, k, T (0 without ``pairs``) and D of the order (infinite where exact); ``handler`` keeps apart what was registered anew."""
    if n == 0:
        return 0.0, 0.0, 0.0, 0.0, math.inf
    ridge, lam = (True, float(rule.lam)) if isinstance(rule, Ridge) else (False, 0.0)
    total = n + d + lam
    root = math.sqrt(total**2 - 4 * n * d) if ridge else 0.0
    if min(n, d) > LARGEST and root >= LEAST_ROOT:
        share, k = _second_order(n, d, lam)
    elif min(n, d) > LARGEST:
        remedy = f"raise the penalty until D = sqrt((n + d + lam)^2 - 4 n d), which is {root:.3g}, is at least {LEAST_ROOT}, or simulate it" if ridge else "simulate it"
        raise NoClosedForm(f"eigenvalues of {n} samples in {d} dimensions are too many for the exact law under {rule!r} (min(n, d) <= {LARGEST}); {remedy}")
    else:
        x, mass = nodes(n, d)
        h = filtered(rule, filter_values(rule, x, n), x)
        q = x * h
        _require_smooth(rule, q, mass)
        share, k, root = float(mass @ q), float(mass @ (q * h)), math.inf
        if not ridge:
            return share, float(mass @ q**2), k, _spectrum(n, d).square_of_sum(q) if pairs else 0.0, root
    square = share - lam * k
    return share, square, k, (total + 1) * share - n * d - square, root


@lru_cache
def _last_coefficients() -> np.ndarray:
    points, weights = np.polynomial.legendre.leggauss(NODES)
    last = np.arange(NODES - 8, NODES)
    return np.polynomial.legendre.legvander(points, NODES - 1)[:, last] * (last + 0.5) * weights[:, None]


def _require_smooth(rule: Rule, q: np.ndarray, mass: np.ndarray) -> None:
    """Refuse filters that the quadrature does not resolve: their last Legendre coefficients in some panel are not small."""
    unresolved = np.abs(q.reshape(-1, NODES) @ _last_coefficients()).max(axis=1)
    if not unresolved @ np.abs(mass).reshape(-1, NODES).sum(axis=1) < 1e-6 * mass.sum():
        raise NoClosedForm(f"the filter of {rule!r} is not smooth enough for the law's quadrature; smooth its jumps, or simulate it")


def _second_order(n: int, d: int, lam: float) -> tuple[float, float]:
    """S with two corrections, and k = -dS/dlam by a step along the imaginary axis, which is exact for analytic functions."""
    x = lam + 1e-30j
    total = n + d + x
    root = cmath.sqrt(total**2 - 4 * n * d)
    share = 2 * n * d / (total + root)
    first = -x * share / root**2
    slope = first / x + x * share / root**3 - 2 * total * first / root**2
    value = share + first + (first**2 + x * slope + 2 * n * d * x**2 / root**4) / root
    return value.real, -value.imag / x.imag


def step_moments(rule: Rule, n: Any, d: Any, pairs: bool = True) -> tuple[StepMoments, float]:
    """Compute the moments of a step for float64 arrays that broadcast against each other and against the rule's grids.

    Parameters
    ----------
    rule : Rule
        Any with a filter in `filter_values`.
    n, d : array_like
        Samples and trained parameters.
    pairs : bool
        Whether ``a`` and ``b`` are wanted apart; of one block only a d + b counts, and then a is 0.

    Returns
    -------
    moments : StepMoments
    root : float
        The smallest D of what was taken to second order; infinite where all is exact.
    """
    grids, given_rule = rule.numbers, cast(Any, rule)
    values = np.broadcast_arrays(n, d, *(plain_array(value).astype(float) for value in grids.values()))
    points, place = np.unique(np.stack([value.ravel() for value in values], axis=-1), axis=0, return_inverse=True)
    handler = filter_values.dispatch(type(rule))

    def single(point: np.ndarray) -> tuple[float, ...]:
        changes = {name: float(value) for (name, given), value in zip(grids.items(), point[2:], strict=True) if np.ndim(given)}
        return _sums(replace(given_rule, **changes) if changes else rule, handler, int(point[0]), int(point[1]), pairs)

    found = np.array([single(point) for point in points])[place.ravel()].reshape(*values[0].shape, 5)
    share, square, k, whole, root = np.moveaxis(found, -1, 0)
    d = values[1]
    return _moments(d, share, square, k, whole if pairs else None, np.zeros(d.shape, dtype=bool)), float(root.min())


def first_order(rule: Rule, n: Any, d: Any, lift: Any) -> StepMoments:
    """Compute the moments of a ridge step in a field that has the square root D, to first order; NoClosedForm for other rules and fields."""
    if not isinstance(rule, Ridge) or lift is Fraction:
        raise NoClosedForm(f"the law under {rule!r} is not rational; write the experiment with floats, as noise=0.5 or Ridge(0.5), or simulate it")
    lam = lift(rule.lam)
    root = lift(first_order_root(rule, n, d))
    n, d = lift(n), lift(d)
    share = (n + d + lam - root) / 2
    k = share / root
    return _moments(d, share, share - lam * k, k, share**2, False)


def first_order_root(rule: Ridge, n: Any, d: Any) -> Any:
    """D = sqrt((n + d + lam)^2 - 4 n d) as an expression."""
    import sympy

    return sympy.sqrt((sympy.sympify(n) + d + rule.lam) ** 2 - 4 * sympy.sympify(n) * d)


def _moments(d: Any, share: Any, square: Any, k: Any, whole: Any, pole: Any) -> StepMoments:
    if whole is None:
        return StepMoments(0 * share, square / d, share / d, k, pole)
    a = (square / d - (whole + 2 * square) / (d * (d + 2))) / (d - 1 + (d == 1))  # of one parameter it is zero
    return StepMoments(a, square / d - a * d, share / d, k, pole)
