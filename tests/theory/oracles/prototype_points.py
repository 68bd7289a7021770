"""Values of the laws of nearest prototypes by another route: covariances from the draws' parts, noncentral chi-squared laws, the nearest of the others."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from memory_points import nodes
from scipy.special import chdtr
from scipy.stats import chi2, ncx2, norm, poisson


def rooted(d: float, centre: Any) -> tuple[np.ndarray, np.ndarray]:
    """Squares up to nine around the root of d + centre, and weights of the density in them."""
    root = np.sqrt(d + centre)
    y, w = nodes(np.maximum(root - 9, 0), root + 9)
    return y**2, 2 * y * w


def pair(case: Mapping[str, Any]) -> np.ndarray:
    """Loadings, in each direction, of u = m_1 - m_2 and v = 2 x - m_1 - m_2 on the point, its drift and both means' errors."""
    s = case["n"] ** -0.5
    return np.array([[0, 0, s, -s], [2, 2 * case["tau"], -s, -s]])


def two(case: Mapping[str, Any]) -> float:
    """|U + V|^2 above |U - V|^2, whose laws are independent noncentral chi-squared."""
    a, b = case["D"] / np.linalg.norm(pair(case), axis=1)
    x, w = rooted(case["d"], (a + b) ** 2 / 2)
    return float(np.sum(w * ncx2.pdf(x, case["d"], (a + b) ** 2 / 2) * ncx2.cdf(x, case["d"], (a - b) ** 2 / 2)))


def two_as_normal(case: Mapping[str, Any]) -> float:
    """By the variance of a quadratic form."""
    u, v = pair(case)
    form, D = (np.outer(u, v) + np.outer(v, u)) / 2, case["D"]
    return float(norm.cdf(D**2 / np.sqrt(2 * case["d"] * np.trace(form @ form) + D**2 * np.sum((u + v) ** 2))))


def known(case: Mapping[str, Any], K: str = "K", tau: bool = True) -> float:
    """Over the most of the other classes' variables."""
    shift, (y, w) = case["D"] / np.sqrt(2 * (1 + tau * case["tau"] ** 2)), nodes(-8.5, 8.5)
    return float(np.sum(w * (case[K] - 1) * norm.pdf(y) * norm.cdf(y) ** (case[K] - 2) * norm.cdf(shift - y)))


def random_means(case: Mapping[str, Any]) -> float:
    """With noncentral laws as mixtures of central ones."""
    d, sigma, j = case["d"], case["D"] / np.sqrt(2 * case["d"]), np.arange(400)
    x, m = np.array([[sigma, 1, case["tau"], 0], [sigma, 0, 0, case["n"] ** -0.5]])  # on the class's mean, the point, its drift and the prototype's error
    slope = (x - m) @ x / (x @ x)
    rest, V = np.sum((x - m - slope * x) ** 2), m @ m
    X, w = rooted(d, 0.0)
    along = slope**2 * (x @ x) * X / rest
    Y, w_Y = rooted(d, along)
    density = np.sum(poisson.pmf(j, along[:, None, None] / 2) * chi2.pdf(Y[..., None], d + 2 * j), axis=-1)
    nearer = np.sum(poisson.pmf(j, (x @ x) * X[:, None, None] / V / 2) * chdtr(d + 2 * j, rest * Y[..., None] / V), axis=-1)
    return float(np.sum(w * chi2.pdf(X, d) * np.sum(w_Y * density * (1 - nearer) ** (case["K"] - 1), axis=1)))


VALUES: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "prototype_accuracy": two, "prototype_accuracy_normal": two_as_normal, "known_prototypes_accuracy": known, "random_prototypes_accuracy": random_means,
    "prototype_competition": lambda case: known(case, "K_0", False) - known(case, tau=False), "prototype_drift": lambda case: known(case, tau=False) - known(case),
}  # fmt: skip
