"""Memory and its strength: one step of GEM and its relatives, under a memory that is fresh, or that theta was fitted to.

With C chi-squared of m degrees, b and xi standard normal and s^2 = delta^2 + sigma^2, a fresh memory's gradient is
g_m = (sqrt(C)/m) [(delta sqrt(C) + sigma b) u + s xi], u along gbar and xi across it. All values are one-dimensional quadratures to 1e-10 at most,
but for violations under GEM, double and triple ones to 1e-6.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from numpy.polynomial import Chebyshev, legendre
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, ndtr, stdtr
from scipy.stats import chi

from theory.formula import Condition, Formula
from theory.ledger.ridge import OfEigenvalues
from theory.memory import MemoryStep, StoredStep

_legendre = lru_cache(legendre.leggauss)
REACH = 9.0  # standard deviations beyond which a normal density counts as zero


def _integral(function: Any, low: float, high: float) -> float:
    return float(quad(function, low, high, epsabs=1e-13, epsrel=1e-11, limit=400)[0])


def chi_range(degrees: float) -> tuple[float, float]:
    """Where the root of a chi-squared variable is."""
    return max(0.0, float(degrees**0.5) - REACH), float(degrees**0.5) + REACH


def nodes(low: Any, high: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights between arrays of ends, along a new last axis; none where the ends are the wrong way round."""
    x, w = _legendre(count)
    half = np.maximum(np.asarray(high) - low, 0.0)[..., None] / 2
    return np.asarray(low)[..., None] + half * (1 + x), half * w


def _normal(x: np.ndarray) -> np.ndarray:
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def _function(name: str, value: Any, words: str) -> Any:
    """Return a function of symbols that has the ``value`` where its arguments are numbers."""
    return type(name, (OfEigenvalues,), {"_imp_": staticmethod(value), "__doc__": words, "__module__": __name__})


K = _function(
    "K", lambda m, p, k: _integral(lambda y: (1 - k + k * y ** (2 / (p - 2))) ** ((m - 1) / 2), 0, 1) / (p - 2),
    "E 1/(H^2 + chi^2_{p-1}), H = sqrt(k C) + sqrt(1 - k) b, for the share k = delta^2/s^2.",
)  # fmt: skip
A = _function("A", lambda m, p, k: 1 - (p - 1) * K._imp_(m, p + 2, k), "E cos^2 of the memory's gradient and gbar.")
F = _function("F", lambda m, x: float(stdtr(m, x)), "Student's distribution function with m degrees of freedom at x.")
R = _function("R", lambda m: float(np.exp(gammaln((m + 1) / 2) - gammaln(m / 2)) / np.sqrt(np.pi)), "Gamma((m + 1)/2) / (sqrt(pi) Gamma(m/2)).")


def _gated(m: float, p: float, k: float, rho: float, of: int) -> float:
    """The shares of the conflict that projecting where there is one takes off <z, gbar> (of = 0) and <z, g> (of = 1)."""

    def integrand(y: float) -> float:
        x = y ** (2 / (p - 2))  # 1/(1 + 2t) of the Laplace transform in t
        left = 1 - k + k * x
        spread, middle = x * (1 - k) / left, np.sqrt(k) * x / left
        o = np.sqrt(rho**2 * spread + (1 - rho**2) * x)
        B = rho * middle / o
        low, high = stdtr(m, -B * np.sqrt(left * m)), left * m * stdtr(m + 2, -B * np.sqrt(left * (m + 2)))
        edge = np.sqrt(left) * R._imp_(m) * (1 + B**2 * left) ** (-(m + 1) / 2)
        first, second = rho * middle**2 * high - middle * o * edge, rho**2 * middle**2 * high + o**2 * low - rho * middle * o * edge
        share = second if of else (1 - rho**2 * spread / o**2) * first + rho * spread / o**2 * second
        return share * left ** ((m - 1) / 2)

    return _integral(integrand, 0, 1) / (p - 2)


L = _function("L", lambda m, p, k, rho: _gated(m, p, k, rho, 0), "What GEM takes off the retention, in units of G delta.")
M = _function("M", lambda m, p, k, rho: _gated(m, p, k, rho, 1), "What GEM takes off the progress, in units of G^2.")
V = _function(
    "V", lambda m, sigma, delta, t: _integral(lambda u: chi.pdf(u, m) * ndtr((t * m / u - delta * u) / sigma), *chi_range(m)),
    "Probability that <g, gbar> + v <g_m, gbar> is negative, for <g, gbar> = -v delta t.",
)  # fmt: skip


def _violation(m: float, p: float, sigma: float, delta: float, rho: float, gamma: float, added: bool = False) -> float:
    """Probability that GEM's step violates the constraint on the population; gamma in units of |g|."""
    s, sign = np.hypot(delta, sigma), -1.0 if rho >= 0 else 1.0
    turns = [REACH * sigma / delta, *(np.roots([-sign * delta, end * sigma, abs(rho) * m / gamma]) for end in (-REACH, REACH) if gamma > 1e-150)]
    ends = np.unique([*np.real(np.hstack(turns)).clip(*chi_range(m)), *chi_range(m)])  # u at which a range of b opens or ends
    u, weight = (part.ravel() for part in nodes(ends[:-1], ends[1:], 120))
    at = abs(rho) * m / (gamma * u) if gamma else np.full_like(u, np.inf) if rho else 0 * u  # |h| beyond which the strength decides
    zero, top = -sign * delta * u / sigma, np.full_like(u, REACH)  # of the normal variable, turned so that h rises from 0
    middle = np.clip(zero + at / sigma, zero.clip(-REACH, REACH), top)
    highest = (delta * u[-1] + REACH * sigma) / s
    met = (lambda t: _conflict_met(p, rho, t, (1 - t * s / at[:, None]).clip(1e-9, 1))) if added else _met(p, rho, highest) if rho else ndtr
    ranges = ((zero.clip(-REACH, REACH), middle, met), (middle, top, lambda t: ndtr(abs(rho) * t / np.sqrt(1 - rho**2))))
    total = 0.0
    for low, high, probability in ranges:
        b, w = nodes(low, high, 48)
        if np.any(w):
            h = (b - zero[:, None]) * sigma / s
            total += np.sum((weight * chi.pdf(u, m))[:, None] * w * _normal(b) * probability(h))
    return float(total if rho >= 0 else 1 - total)


@lru_cache(maxsize=8)
def _met(p: float, rho: float, highest: float) -> Chebyshev:
    """What `_conflict_met` is where nothing is added to the projection, as a function of |H| up to the highest."""
    return Chebyshev.interpolate(lambda t: _conflict_met(p, rho, t, 1.0), 160, [0, highest])


def _conflict_met(p: float, rho: float, t: np.ndarray, left: Any) -> np.ndarray:
    """Probability of a conflict in which projecting decides for the side of H, |H| = t, against the share of rho that added strength has left.

    It is E [Phi(x_+) - Phi(x_-)] over Q, chi-squared with p - 2 degrees, where x_+ and x_- are the roots of
    (sqrt(1 - rho^2) x + |rho| t) t/(|rho| left) = t^2 + x^2 + Q in x.
    """
    half = np.maximum(t * np.sqrt(1 - rho**2) / (abs(rho) * left) / 2, 1e-150)
    reach = np.sqrt(half**2 + t**2 * (1 / left - 1))
    low, high = chi_range(p - 2)
    angle, w = nodes(np.arcsin(np.minimum(low / reach, 1)), np.arcsin(np.minimum(high / reach, 1)), 64)
    half, reach = half[..., None], reach[..., None]
    inside = ndtr(half + reach * np.cos(angle)) - ndtr(half - reach * np.cos(angle))
    return np.sum(w * reach * np.cos(angle) * chi.pdf(reach * np.sin(angle), p - 2) * inside, axis=-1)


def _capacity(b: float, k: float) -> float:
    """1/min_t E ((t H + N)_-)^2 with H = sqrt(k chi^2_b) + sqrt(1 - k) N': parts for each parameter above which no step is left."""
    u, w = nodes(*chi_range(b), 120)
    weight = w * chi.pdf(u, b)

    def excess(t: float) -> float:
        spread = np.sqrt(1 + t**2 * (1 - k))
        x = t * np.sqrt(k) * u / spread
        return spread**2 * float(weight @ ((1 + x**2) * ndtr(-x) - x * _normal(x)))

    least: Any = minimize_scalar(excess, bounds=(0, 40), method="bounded", options={"xatol": 1e-9})
    return 1 / float(least.fun)


W = _function("W", _violation, str(_violation.__doc__))
U = _function("U", lambda *at: _violation(*at, added=True), f"{_violation.__doc__}, which is added to the multiplier that projects.")
B = _function("B", _capacity, str(_capacity.__doc__))
m, p, J, b = sympy.symbols("m p J b", positive=True, integer=True)
sigma, gamma, c = sympy.symbols("sigma gamma c", nonnegative=True)
delta, G = sympy.symbols("delta G", positive=True)
rho, v = sympy.symbols("rho v", real=True)
D = sympy.Symbol("D", nonnegative=True)
s, kap, nu, beta, omega, T = sympy.symbols("s kap nu beta omega T", real=True)

MEANING = {
    "p": "number of parameters",
    "m": "stored samples",
    "sigma": "standard deviation of the memory's noise",
    "delta": "|gbar|, length of the earlier task's population gradient",
    "rho": "cosine of the current gradient g and gbar",
    "G": "|g|, length of the current gradient",
    "v": "constant multiplier of the memory's gradient",
    "gamma": "memory strength",
    "D": "|w_2 - w_1|, distance of the truths",
    "c": "share of the way from theta_1 to w_2 that theta has gone",
    "J": "number of groups of parameters, to which g and gbar are spread evenly",
    "b": "samples in each part of the memory",
}
DERIVED = "derived for driftlaw; checked by a second quadrature and by direct simulation in the tests"
FRESH = ("all features i.i.d. N(0, 1)", "a memory that theta does not depend on, such as held-out samples", "one earlier task; g is fixed")
STORED = (
    "all features i.i.d. N(0, 1)", "theta_1 was fitted from zero to n_1 < p - 1 samples, m of them stored; theta = theta_1 + c (w_2 - theta_1)",
    "g is task 2's population gradient",
)  # fmt: skip
CONFLICT = "The code form of memory strength: where <g, g_m> < 0, the strength is a lower bound of the dual variable, which is projecting g + gamma g_m."
_S = (s, sympy.sqrt(delta**2 + sigma**2))
_KAP = (_S, (kap, delta**2 / s**2))
_NU = (nu, ((p + 1) * delta**2 + p * sigma**2) / m)
_BETA = ((omega, sympy.sqrt(sigma**2 + delta**2 * (1 - rho**2))), (beta, rho * delta / omega))
_STORED_S = (s, sympy.sqrt(D**2 + sigma**2))
_STORED_KAP = (_STORED_S, (kap, D**2 / s**2))
_MOST, _LEAST = Condition(rho <= 1, "a cosine"), Condition(rho >= -1, "a cosine")
_INNER = (Condition(rho < 1, "gradients that are not parallel"), Condition(rho > -1, "gradients that are not parallel"))
_THREE = Condition(p > 2, "the mean of 1/|g_m|^2 is finite")
_NOISE = Condition(sigma > 0, "without noise the value is an indicator's")
_WAY = Condition(c <= 1, "a share")
_MEETS = (_THREE, Condition(D**2 + sigma**2 > 0, "without noise and distance theta stays at the truth"))


def _entry(name: str, statement: str, expression: Any, names: str, terms: tuple = (), domain: tuple = (), *, stored: bool = False, **more: Any) -> Formula:
    domain = ((_MOST, _LEAST) if "rho" in names.split() and domain[:2] != _INNER else ()) + ((_WAY,) if "c" in names.split() else ()) + domain
    common = {"source": DERIVED, "status": "exact", "uses": ("memory_gradient",), "assumptions": STORED if stored else FRESH, "rules": (StoredStep if stored else MemoryStep,)}
    return Formula(name, statement, expression, {key: MEANING[key] for key in names.split()}, intermediates=terms, domain=domain, **{**common, **more})


FORMULAS = (
    _entry("memory_square", "E |g_m|^2 of a fresh memory: nu above |gbar|^2, by which the memory's own multiplier is too small.", delta**2 + nu, "p m sigma delta", (_NU,)),
    _entry("memory_agreement_variance", "Var <g_m, gbar>, free of p; the mean is delta^2.", delta**2 * (2 * delta**2 + sigma**2) / m, "m sigma delta"),
    _entry(
        "memory_alignment",
        "Alignment of a fresh memory, E cos^2(g_m, gbar): the share of a conflict that projecting on the memory's constraint removes. In the limit "
        "delta^2/(delta^2 + nu).",
        A(m, p, kap), "p m sigma delta", _KAP, (_THREE,),
    ),
    _entry("memory_conflict", "Probability that the memory sees a conflict, <g, g_m> < 0: Student's law with m degrees.", F(m, -sympy.sqrt(m) * beta), "m sigma delta rho", _BETA, _INNER),
    _entry("memory_disagreement", "Probability that a memory's gradient points away from the population's.", F(m, -sympy.sqrt(m) * delta / sigma), "m sigma delta", (), (_NOISE,)),
    _entry("memory_projected_retention", "E <z, gbar> of projecting on <z, g_m> = 0 whatever its sign.", rho * G * delta * (1 - A(m, p, kap)), "p m sigma delta rho G", _KAP, (_THREE,)),
    _entry(
        "memory_projected_progress",
        "E <z, g> = E |z|^2 of projecting on <z, g_m> = 0 whatever its sign.",
        G**2 * (1 - rho**2 * A(m, p, kap) - (1 - rho**2) * (1 - A(m, p, kap)) / (p - 1)), "p m sigma delta rho G", _KAP, (_THREE,),
    ),
    _entry(
        "memory_gem_retention", "E <z, gbar> of GEM with strength 0, which projects where it sees a conflict.", G * delta * (rho - L(m, p, kap, rho)), "p m sigma delta rho G", _KAP,
        (*_INNER, _THREE),
    ),
    _entry("memory_gem_progress", "E <z, g> = E |z|^2 of GEM with strength 0.", G**2 * (1 - M(m, p, kap, rho)), "p m sigma delta rho G", _KAP, (*_INNER, _THREE)),
    _entry(
        "memory_added_retention",
        "E <z, gbar> where the strength is added to GEM's own multiplier afterwards (the other form of memory strength): GEM's, and gamma times what the "
        "gate lets through.",
        G * delta * (rho - L(m, p, kap, rho))
        + gamma * (delta**2 * F(m + 2, -beta * sympy.sqrt(m + 2)) - rho * sigma**2 * delta / (m * omega) * R(m) * (1 + beta**2) ** (-(m + 1) / 2)),
        "p m sigma delta rho G gamma", (*_KAP, *_BETA), (*_INNER, _THREE),
    ),
    _entry("memory_constant_retention", "E <z, gbar> of z = g + v g_m with a constant multiplier.", rho * G * delta + v * delta**2, "delta rho G v"),
    _entry("memory_constant_progress", "E <z, g> of a constant multiplier.", G**2 + v * rho * G * delta, "delta rho G v"),
    _entry(
        "memory_constant_square", "E |z|^2 of a constant multiplier: strength lengthens the step by noise.", G**2 + 2 * v * rho * G * delta + v**2 * (delta**2 + nu),
        "p m sigma delta rho G v", (_NU,),
    ),
    _entry("memory_constant_gap", "E <z, g_m> - <z, gbar> of a constant multiplier: grows with the strength.", v * nu, "p m sigma delta v", (_NU,)),
    _entry(
        "memory_constant_violation",
        "P(<z, gbar> < 0) of a constant multiplier, free of p; about Phi((gamma*/v - 1) delta sqrt(m)/sqrt(2 delta^2 + sigma^2)).",
        V(m, sigma, delta, -rho * G / v), "m sigma delta rho G v", (), (_NOISE, Condition(v > 0, "a multiplier above 0")),
    ),
    _entry("memory_threshold", "gamma*, the constant multiplier at which the constraint on the population holds in the mean; GEM's own is about A gamma*.", -rho * G / delta, "delta rho G", uses=()),
    _entry(
        "memory_violation",
        f"P(<z, gbar> < 0) of GEM with any strength. {CONFLICT} At strength 0 it tends to 1 whenever the tasks are in conflict, and no strength "
        "brings it below the probability that the memory sees no conflict. A double quadrature, to 1e-6 where sigma is above delta/20.",
        W(m, p, sigma, delta, rho, gamma / G), "p m sigma delta rho G gamma", (), (*_INNER, _NOISE, _THREE),
    ),
    _entry(
        "memory_debiased_square", "E of U = (m |g_m|^2 - mean |g_i|^2)/(m - 1), g_i the gradient of one sample: an estimate of |gbar|^2 without bias, so that "
        "-<g, g_m>/U estimates gamma* with nothing to tune (debiased strength, ours).", delta**2, "delta",
    ),
    _entry(
        "split_memory_retention",
        "E <z, gbar> of p-mGEM, GEM in each of J groups of parameters: each group is GEM in p/J dimensions, for which the errors of the others are noise.",
        G * delta * (rho - L(m, p / J, kap / J, rho)), "p m sigma delta rho G J", _KAP, (*_INNER, Condition(p > 2 * J, "groups of more than two parameters")),
    ),
    _entry(
        "split_memory_progress", "E <z, g> = E |z|^2 of p-mGEM with strength 0.", G**2 * (1 - M(m, p / J, kap / J, rho)), "p m sigma delta rho G J", _KAP,
        (*_INNER, Condition(p > 2 * J, "groups of more than two parameters")),
    ),
    _entry(
        "memory_parts_capacity",
        "J/p above which d-mGEM, with a constraint for each of J parts of the memory, leaves no step but 0; p and J large. 2/(1 - kap) for b = 2.",
        B(b, kap), "b sigma delta", _KAP, (_NOISE,), status="limit", uses=("memory_gradient",), assumptions=(*FRESH[:2], "p and J tend to infinity at a fixed ratio"),
    ),
    _entry(
        "stored_memory_agreement", "E <g_m, gbar> of a memory that theta_1 was fitted to: negative for c < c*.", c * (c * s**2 - sigma**2), "sigma D c", (_STORED_S,), stored=True,
    ),
    _entry(
        "stored_memory_crossing", "c*, up to which constant memory strength on stored samples increases forgetting, to first order in the step.", sigma**2 / (D**2 + sigma**2), "sigma D",
        domain=_MEETS[1:], stored=True,
    ),
    _entry(
        "stored_memory_square", "E |g_m|^2 of a memory that theta_1 was fitted to.", c**2 * ((p + m + 1) * D**2 + p * sigma**2) / m, "p m sigma D c", stored=True,
    ),
    _entry("stored_memory_conflict", "E <g, g_m> of a memory that theta_1 was fitted to: it always sees a conflict.", -c * (1 - c) * (D**2 + sigma**2), "sigma D c", stored=True),
    _entry("stored_constant_gain", "What a constant multiplier adds to E <z, gbar>.", v * c * (c * s**2 - sigma**2), "sigma D c v", (_STORED_S,), stored=True),
    _entry(
        "stored_gem_gain",
        "What GEM with strength 0 adds to E <z, gbar>: negative up to a share later than c*.",
        (1 - c) * T, "p m sigma D c",
        (*_STORED_KAP, (T, m * ((c * s**2 - sigma**2) * K(m + 2, p, kap) - D**2 * sigma**2 / s**2 * (K(m, p, kap) - K(m, p + 2, kap))))), (*_MEETS, Condition(c > 0, "at theta_1 the memory is fitted")), stored=True,
    ),
    _entry(
        "stored_gem_crossing",
        "The share of the way up to which GEM with strength 0 increases forgetting on stored samples.",
        sigma**2 / s**2 + D**2 * sigma**2 / s**4 * (K(m, p, kap) - K(m, p + 2, kap)) / K(m + 2, p, kap), "p m sigma D", _STORED_KAP, _MEETS, stored=True,
    ),
    _entry(
        "memory_added_violation",
        "P(<z, gbar> < 0) where the strength is added to GEM's own multiplier afterwards: less than with the strength inside. A triple quadrature, to 1e-6 where "
        "sigma is above delta/20.",
        U(m, p, sigma, delta, rho, gamma / G), "p m sigma delta rho G gamma", (), (*_INNER, _NOISE, _THREE),
    ),
)  # fmt: skip
CASES = (
    {"p": 24, "m": 5, "sigma": 0.6, "delta": 0.8, "rho": -0.3, "G": 1.2, "v": 0.4, "gamma": 0.5, "D": 0.9, "c": 0.3, "J": 2, "b": 2},
    {"p": 36, "m": 3, "sigma": 1.6, "delta": 0.7, "rho": 0.3, "G": 0.9, "v": 0.3, "gamma": 0.2, "D": 1.4, "c": 0.45, "J": 3, "b": 3},
)
