"""Nearest prototypes on Gaussian classes: what a classifier by class means reaches, what new classes cost it, and what drift does.

A test point x of class 1, whose mean has gone N(0, tau^2 I) since its prototype m_1 was stored, is nearer to m_1 than to m_2 where u.v > 0 with
u = m_1 - m_2 and v = 2 x - m_1 - m_2. These are independent, of mean D e each and of the variances 2/n and 4 (1 + tau^2) + 2/n in each direction.
For U = N(a e, I) and V = N(b e, I) the characteristic function of U.V at tan(t) is cos(t)^d exp(-(a^2 + b^2) sin(t)^2/2 + i a b sin(t) cos(t)),
from which `C` follows by Gil-Pelaez (1951). With known means x is right where z_j < z_1 + D/sqrt(2 (1 + tau^2)) for all j, z standard normal. Drift
of other classes does not matter to it, nor whether classes share it, for prototypes stay. Where means are random, prototypes m_j are i.i.d.
N(0, V I) given x and m_1, and |x|^2 and |x - m_1|^2 are all that counts.
"""

from typing import Any

import numpy as np
import sympy
from scipy.integrate import quad
from scipy.special import log_ndtr, xlog1py
from scipy.stats import chi, ncx2

from theory.formula import Condition, Formula
from theory.ledger.memory import REACH, chi_range, nodes
from theory.ledger.ridge import OfEigenvalues
from theory.prototypes import Classes


class C(OfEigenvalues):
    """P(U.V > 0) of independent U = N(a e, I) and V = N(b e, I) in d dimensions, e of length 1; to 1e-11."""

    @staticmethod
    def _imp_(d: float, a: float, b: float) -> float:
        whole = a * a + b * b + d
        if a * b > 12 * np.sqrt(whole):
            return 1.0  # by Chernoff's bound the rest is below exp(-(a b)^2/(3 (a^2 + b^2 + d)))

        def integrand(t: float) -> float:
            sine, cosine = np.sin(t), np.cos(t)
            return float(np.exp(xlog1py((d - 1) / 2, -sine * sine) - (a * a + b * b) * sine * sine / 2) * np.sin(a * b * sine * cosine) / sine)

        # Beyond 14/sqrt(whole) the integrand is below exp(-38).
        return min(1.0, 0.5 + quad(integrand, 0, min(np.pi / 2, 14 / np.sqrt(whole)), epsabs=1e-13, epsrel=1e-11, limit=400)[0] / np.pi)


class Q(OfEigenvalues):
    """Probability that K - 1 standard normal variables are all below x + z, z another one, to 1e-10 of its value; Phi(x/sqrt(2)) for K = 2."""

    @staticmethod
    def _imp_(K: float, x: float) -> float:
        return float(quad(lambda z: np.exp((K - 1) * log_ndtr(x + z) - z * z / 2), -9, 12, epsabs=0, epsrel=1e-11, limit=400)[0]) / np.sqrt(2 * np.pi)


class N(OfEigenvalues):
    """E (1 - F(q Y; l X))^(K - 1), X chi-squared with d degrees, Y noncentral chi-squared of r X, F its distribution function at l X; to 1e-8 for K up to 1,000."""

    @staticmethod
    def _imp_(K: float, d: float, q: float, r: float, l: float) -> float:
        (u, w), root = nodes(*chi_range(d), 80), np.sqrt(d)
        X, total = u * u, np.hypot(root, np.sqrt(r) * u)
        y, w_y = nodes(np.maximum(total - REACH, 0), total + REACH, 120)
        farther = ncx2.sf(q * y**2, d, (l * X)[:, None]) ** (K - 1)
        density = 2 * y * ncx2.pdf(y**2, d, (r * X)[:, None])
        return float(np.sum(w * chi.pdf(u, d) * np.sum(w_y * density * farther, axis=1)))


K, n, d = sympy.symbols("K n d", positive=True, integer=True)
K_0 = sympy.Symbol("K_0", positive=True, integer=True)
D, tau = sympy.symbols("D tau", nonnegative=True)
a, b, each, variance, V, A, left = sympy.symbols("a b each variance V A left", real=True)

MEANING = {
    "K": "classes", "K_0": "classes that came first", "d": "features", "n": "samples behind each prototype",
    "D": "distance of the classes, in standard deviations of a feature within a class", "tau": "standard deviation in each feature of a class's way since its prototype was stored",
}  # fmt: skip
_SPREAD = 1 + tau**2
_KNOWN, _FRESH = D / sympy.sqrt(2 * _SPREAD), D / sympy.sqrt(2)
NEAREST = ("classes N(mu_i, I) of equal frequency", "prototypes are means of fresh samples", "accuracy is averaged over samples and drift")
_FROZEN: Any = Q(K, _FRESH)
EQUAL, RANDOM = "all means at the distance D", "means drawn from N(0, D^2/(2d) I), so that E |mu_i - mu_j|^2 = D^2"


def _entry(name: str, statement: str, expression: Any, names: str, terms: tuple = (), domain: tuple = (), status: str = "exact", means: str = EQUAL) -> Formula:
    return Formula(
        name, statement, expression, {key: MEANING[key] for key in names.split()}, "derived for driftlaw; checked by a second route and by direct simulation in the tests", status,
        intermediates=terms, domain=domain, assumptions=(means, *NEAREST), uses=("nearest_mean",), rules=(Classes,),
    )  # fmt: skip


FORMULAS = (
    _entry("prototype_accuracy", "Accuracy of the nearest of two prototypes.", C(d, a, b), "d n D tau", ((a, D * sympy.sqrt(n / 2)), (b, D / sympy.sqrt(4 * _SPREAD + 2 / n)))),
    _entry(
        "prototype_accuracy_normal", "The same with u.v taken as normal: exact for known means (n to infinity) and for d to infinity; without drift off by at most 0.041 (d = 1), 0.008 (d = 20), 0.0022 (d = 100).",
        Q(2, D**2 * sympy.sqrt(2 / variance)), "d n D tau", ((each, 4 * _SPREAD + 2 / n), (variance, D**2 * (each + 2 / n) + 2 * d * each / n)), (), "approximate",
    ),
    _entry("known_prototypes_accuracy", "Accuracy of the nearest of K known means, in any dimension that has room for them.", Q(K, _KNOWN), "K D tau"),
    _entry(
        "random_prototypes_accuracy", "Accuracy of the nearest of K prototypes of classes whose means are random; in many dimensions these are about at equal distances.",
        N(K, d, left / V, _SPREAD**2 / (A * left), A / V), "K d n D tau", ((V, D**2 / (2 * d) + 1 / n), (A, D**2 / (2 * d) + _SPREAD), (left, _SPREAD + 1 / n - _SPREAD**2 / A)), (Condition(K <= 1000, "its quadrature, to 1e-8"),), means=RANDOM,
    ),
    _entry(
        "prototype_competition", "What the accuracy of K_0 old classes falls by as others come, up to K, with known means and frozen features: all of their forgetting.",
        Q(K_0, _FRESH) - _FROZEN, "K_0 K D", (), (Condition(K_0 <= K, "a part of the classes"),),
    ),
    _entry("prototype_drift", "What it falls by beyond that, where means have drifted away from stored ones.", _FROZEN - Q(K, _KNOWN), "K D tau"),
)  # fmt: skip
CASES = (
    {"K": 5, "K_0": 2, "d": 2, "n": 1, "D": 1.7, "tau": 0.6},
    {"K": 7, "K_0": 3, "d": 9, "n": 4, "D": 3.1, "tau": 0.4},
)
