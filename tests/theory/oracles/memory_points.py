"""Values of the laws of memory by another route: sums over the scalars that a memory's gradient consists of, conflicts by their definition."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import chdtr, ndtr
from scipy.stats import chi, norm

X, WEIGHTS = np.polynomial.legendre.leggauss(80)
END = 8.5


def nodes(low: Any, high: Any) -> tuple[np.ndarray, np.ndarray]:
    """Quadrature between arrays of ends, along a new last axis; empty where they are the wrong way round."""
    low, half = np.asarray(low)[..., None], np.maximum(np.asarray(high) - low, 0)[..., None] / 2
    return low + half * (1 + X), half * WEIGHTS


def root(degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Values and probabilities of the root of a chi-squared variable."""
    u, w = nodes(max(0.0, np.sqrt(degrees) - END), np.sqrt(degrees) + END)
    return u, w * chi.pdf(u, degrees)


def scalars(m: float, delta: float, sigma: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root of C, b, and their probabilities, on a grid."""
    (u, w), (b, w_b) = root(m), nodes(-END, END)
    return u[:, None], b, w[:, None] * w_b * norm.pdf(b)


def gradient(case: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root of C, h, and probabilities: along gbar the gradient is sqrt(C) h/m."""
    u, b, weight = scalars(case["m"], case["delta"], case["sigma"])
    return u, case["delta"] * u + case["sigma"] * b, weight


def s_squared(case: Mapping[str, Any], distance: str = "delta") -> float:
    return case[distance] ** 2 + case["sigma"] ** 2


def agreement_moment(case: Mapping[str, Any], power: int) -> float:
    u, h, weight = gradient(case)
    return np.sum(weight * (case["delta"] * u * h / case["m"]) ** power)


def square(case: Mapping[str, Any]) -> float:
    u, h, weight = gradient(case)
    return np.sum(weight * u**2 / case["m"] ** 2 * (h**2 + (case["p"] - 1) * s_squared(case)))


def along(case: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """H = h/s and its probabilities on a line, by the density given C."""
    k, (u, w) = case["delta"] ** 2 / s_squared(case), root(case["m"])
    ends = np.array([-END, 0.0, 0.5, 1.0]) * np.array([1, 1, *[np.sqrt(k * case["m"]) + 2 * END] * 2])
    H, w_H = (part.ravel() for part in nodes(ends[:-1], ends[1:]))
    return H, w_H * np.sum(w[:, None] * norm.pdf(H, np.sqrt(k) * u[:, None], np.sqrt(1 - k)), axis=0)


def projected(case: Mapping[str, Any], gate: bool, of_current: bool) -> float:
    """E of what projecting takes off <z, gbar>/(G delta), or off <z, g>/G^2, on a grid of H, xi and the rest's length."""
    rho, (H, weight), (rest, w_rest) = case["rho"], along(case), root(case["p"] - 2)
    steep = np.sqrt(1 - rho**2)
    xi, w_xi = nodes(np.full_like(H, -END), np.clip(-rho * H / steep, -END, END) if gate else np.full_like(H, END))
    current, H = rho * H[:, None] + steep * xi, H[:, None]
    share = np.sum(w_rest / ((H**2 + xi**2)[..., None] + rest**2), axis=-1)
    return float(np.sum(weight[:, None] * w_xi * norm.pdf(xi) * share * current * (current if of_current else H)))


def gate_moment(case: Mapping[str, Any]) -> float:
    """E <g_m, gbar> where the memory sees a conflict."""
    u, h, weight = gradient(case)
    seen = ndtr(-case["rho"] * h / np.sqrt((1 - case["rho"] ** 2) * s_squared(case)))
    return np.sum(weight * seen * case["delta"] * u * h / case["m"])


def conflict(case: Mapping[str, Any]) -> float:
    _, h, weight = gradient(case)
    return np.sum(weight * ndtr(-case["rho"] * h / np.sqrt((1 - case["rho"] ** 2) * s_squared(case))))


def disagreement(case: Mapping[str, Any]) -> float:
    b, w = nodes(-END, 0.0)
    return np.sum(w * norm.pdf(b) * chi.cdf(-case["sigma"] * b / case["delta"], case["m"]))


def between(case: Mapping[str, Any], b: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the u for which u (delta u + sigma b) < level; equal where there are none."""
    middle, reach = -case["sigma"] * b / (2 * case["delta"]), (case["sigma"] * b / (2 * case["delta"])) ** 2 + level / case["delta"]
    wide = np.sqrt(np.maximum(reach, 0))
    return np.maximum(middle - wide, 0), np.maximum(middle + wide, 0)


def pieces(case: Mapping[str, Any], level: float) -> tuple[np.ndarray, np.ndarray]:
    """Quadrature over b; a negative level's interval opens like a root, which a square in place of b makes smooth."""
    edge = -2 * np.sqrt(max(-level * case["delta"], 0)) / case["sigma"] if level < 0 else END
    (t, w), (after, w_after) = nodes(0.0, np.sqrt(max(END + edge, 0))), nodes(max(edge, -END), END)
    return np.concatenate([edge - t**2, after]), np.concatenate([2 * t * w, w_after])


def constant_violation(case: Mapping[str, Any]) -> float:
    """Over b at the end, with the interval of C given b."""
    level = -case["rho"] * case["G"] * case["m"] / case["v"]
    b, w = pieces(case, level)
    low, high = between(case, b, level)
    return float(np.sum(w * norm.pdf(b) * (chi.cdf(high, case["m"]) - chi.cdf(low, case["m"]))))


def projection_decides(case: Mapping[str, Any], h: np.ndarray, left: Any = 1.0) -> np.ndarray:
    """Probability, given |h|, of a conflict that projecting alone does not turn for the better (or not for the worse).

    ``left`` is the share of <g, gbar> that strength added to the projection has not undone.
    """
    t = np.abs(h) / np.sqrt(s_squared(case))
    half = t * np.sqrt(1 - case["rho"] ** 2) / abs(case["rho"]) / left / 2
    square = half**2 + t**2 * (1 / left - 1)
    inner = np.sqrt(np.maximum(square - (np.sqrt(case["p"] - 2) + END) ** 2, 0))  # from half, up to where the rest's length decides no more
    ends = np.stack([half - np.sqrt(square), half - inner, half + inner, half + np.sqrt(square)], axis=-1).clip(-END, END)
    x, w = nodes(ends[..., :-1], ends[..., 1:])
    return np.sum(w * norm.pdf(x) * chdtr(case["p"] - 2, np.maximum(square[..., None, None] - (x - half[..., None, None]) ** 2, 0)), axis=(-2, -1))


def violation(case: Mapping[str, Any], added: bool = False) -> float:
    """Over b at the end; given b, over the root of C on both sides of where the strength begins to decide."""
    sign = 1 if case["rho"] < 0 else -1
    level = sign * abs(case["rho"]) * case["G"] * case["m"] / case["gamma"]
    b, w_b = pieces(case, level)
    zero = np.maximum(-case["sigma"] * b / case["delta"], 0)  # of u, where h = 0
    low, high = (np.clip(end, 0, np.sqrt(case["m"]) + END) for end in between(case, b, level))
    steep, total = abs(case["rho"]) / np.sqrt((1 - case["rho"] ** 2) * s_squared(case)), 0.0
    decided, left = [(low, high)], [(0 * low, low), (high, zero)]
    if sign > 0:
        decided, left = [(high, np.full_like(b, np.sqrt(case["m"]) + END))], [(zero, high)]
    for ranges, projecting in ((left, True), (decided, False)):
        for u, w in (nodes(*ends) for ends in ranges):
            h = case["delta"] * u + case["sigma"] * b[:, None]
            undone = case["gamma"] * u * np.abs(h) / (abs(case["rho"]) * case["G"] * case["m"]) if added else 0 * h
            inside = w * chi.pdf(u, case["m"]) * (projection_decides(case, h, (1 - undone).clip(1e-9)) if projecting else ndtr(steep * np.abs(h)))
            total += np.sum((w_b * norm.pdf(b))[:, None] * inside)
    return float(1 - total if sign > 0 else total)


def capacity(case: Mapping[str, Any]) -> float:
    """Over both normal variables, the inner one where the sum is negative."""
    k, (u, w_u), (n, w_n) = case["delta"] ** 2 / s_squared(case), root(case["b"]), nodes(-END, END)
    H = np.sqrt(k) * u[:, None] + np.sqrt(1 - k) * n

    def excess(t: float) -> float:
        inner, w = nodes(np.full_like(H, -2 * END), np.minimum(-t * H, 2 * END))
        return np.sum(w_u[:, None] * w_n * norm.pdf(n) * np.sum(w * norm.pdf(inner) * (t * H[..., None] + inner) ** 2, axis=-1))

    return 1 / minimize_scalar(excess, bracket=(0.0, 1.0), tol=1e-5).fun


def group(case: Mapping[str, Any]) -> dict[str, Any]:
    """One of the groups: the others' errors are noise."""
    delta = case["delta"] / np.sqrt(case["J"])
    return {**case, "p": case["p"] / case["J"], "delta": delta, "sigma": np.sqrt(s_squared(case) - delta**2)}


def stored(case: Mapping[str, Any]) -> dict[str, Any]:
    return {**case, "delta": case["D"]}


def stored_moment(case: Mapping[str, Any], projecting: bool) -> float:
    """E <g_m, gbar>, or E v <g_m, gbar> of the projection, where theta has gone the share c from a fit of the memory."""
    c, D, sigma, p, m = (case[name] for name in ("c", "D", "sigma", "p", "m"))
    u, h, weight = gradient(stored(case))
    b = (h - D * u) / sigma
    product = c / m * ((c * s_squared(case, "D") - sigma**2) * u**2 + sigma * D * u * b)
    if projecting:
        rest, w_rest = root(p - 1)
        per_length = np.sum(w_rest / (h[..., None] ** 2 + s_squared(case, "D") * rest**2), axis=-1)
        product = product * (1 - c) / c * s_squared(case, "D") * m * per_length
    return float(np.sum(weight * product))


def crossing(case: Mapping[str, Any], projecting: bool) -> float:
    """Where a moment that is c (or 1 - c) times a line in c changes its sign."""
    near, far = (stored_moment({**case, "c": c}, projecting) / (1 - c if projecting else c) for c in (0.25, 0.75))
    return 0.25 - 0.5 * near / (far - near)


def debiased(case: Mapping[str, Any]) -> float:
    """From the squares of memories of three samples and of one."""
    several, one = (square({**case, "m": m, "p": 7, "sigma": 0.5}) for m in (3, 1))
    return (3 * several - one) / 2


VALUES: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "memory_square": square, "memory_agreement_variance": lambda c: agreement_moment(c, 2) - agreement_moment(c, 1) ** 2,
    "memory_alignment": lambda c: projected({**c, "rho": 1 - 1e-15}, False, False), "memory_conflict": conflict, "memory_disagreement": disagreement,
    "memory_projected_retention": lambda c: c["G"] * c["delta"] * (c["rho"] - projected(c, False, False)),
    "memory_projected_progress": lambda c: c["G"] ** 2 * (1 - projected(c, False, True)),
    "memory_gem_retention": lambda c: c["G"] * c["delta"] * (c["rho"] - projected(c, True, False)),
    "memory_gem_progress": lambda c: c["G"] ** 2 * (1 - projected(c, True, True)),
    "memory_added_retention": lambda c: c["G"] * c["delta"] * (c["rho"] - projected(c, True, False)) + c["gamma"] * gate_moment(c),
    "memory_constant_retention": lambda c: c["rho"] * c["G"] * c["delta"] + c["v"] * agreement_moment({**c, "m": 3, "sigma": 0.5}, 1),
    "memory_constant_progress": lambda c: c["G"] ** 2 + c["v"] * c["rho"] * c["G"] / c["delta"] * agreement_moment({**c, "m": 3, "sigma": 0.5}, 1),
    "memory_constant_square": lambda c: c["G"] ** 2 + 2 * c["v"] * c["rho"] * c["G"] / c["delta"] * agreement_moment(c, 1) + c["v"] ** 2 * square(c),
    "memory_constant_gap": lambda c: c["v"] * (square(c) - agreement_moment(c, 1)), "memory_constant_violation": constant_violation,
    "memory_threshold": lambda c: -c["rho"] * c["G"] * c["delta"] / c["delta"] ** 2, "memory_violation": violation, "memory_added_violation": lambda c: violation(c, True), "memory_debiased_square": debiased,
    "split_memory_retention": lambda c: VALUES["memory_gem_retention"](group(c)) * np.sqrt(c["J"]),
    "split_memory_progress": lambda c: VALUES["memory_gem_progress"](group(c)), "memory_parts_capacity": capacity,
    "stored_memory_agreement": lambda c: stored_moment(c, False), "stored_memory_crossing": lambda c: crossing({**c, "m": 3}, False),
    "stored_memory_square": lambda c: c["c"] ** 2 * square(stored(c)),
    "stored_memory_conflict": lambda c: -c["c"] * (1 - c["c"]) / c["m"] * s_squared(c, "D") * np.sum(scalars(c["m"], 1, 1)[0] ** 2 * scalars(c["m"], 1, 1)[2]),
    "stored_constant_gain": lambda c: c["v"] * stored_moment(c, False), "stored_gem_gain": lambda c: stored_moment(c, True),
    "stored_gem_crossing": lambda c: crossing(c, True),
}  # fmt: skip
