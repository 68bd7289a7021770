"""Values of the formulas of `theory.ledger.gaps` by another route: laws of whole experiments, an envelope, and the joint density of few eigenvalues."""

from typing import Any

import numpy as np
from spectral_battery import eigenvalues

from theory import recursion
from theory.conditions import Ridge
from theory.law import expected_errors
from theory.ledger import gaps
from theory.ledger.ridge import one_ridge_task, two_ridge_tasks

REST = {"sigma_1": 0.3, "sigma_2": 0.5, "w_11": 1.1, "c_w": -0.3, "d_w": 0.8, "rho": 0.7, "sigma": 0.4, "S_1": 0.9, "S_x": 0.6, "lambda_3": 1.7}
CASES = tuple(
    {**REST, "p": p, "d": p, "n_1": n_1, "n": n_1, "n_2": n_2, "lambda_1": lam_1, "lambda_2": lam_2}
    for p, n_1, n_2, lam_1, lam_2 in ((3, 5, 2, 0.7, 1.3), (5, 2, 7, 1.9, 0.4), (3, 3, 3, 0.3, 2.2))
)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(120)


def own(case: dict[str, Any]) -> float:
    """The least penalised residual falls by |theta|^2 when the penalty does, and at an infinite one it is |y|^2."""
    u, lam = (NODES + 1) / 2, case["lambda_1"]
    lengths = [expected_errors(one_ridge_task(**{**case, "lambda_1": one})).step_sizes[..., 0] for one in (lam, lam / u)]
    whole = case["n_1"] * (case["w_11"] + case["sigma_1"] ** 2) - WEIGHTS / 2 @ (lengths[1] * lam / u**2)
    return float(whole - lam * lengths[0])


def old(case: dict[str, Any]) -> float:
    """Coordinate by coordinate of task 1's singular vectors, given its eigenvalues; step 2 is independent of them."""
    n, d, lam, noise = case["n_1"], case["p"], case["lambda_1"], case["sigma_1"] ** 2
    first, both = case["w_11"] / d, (case["w_11"] + case["c_w"]) / d
    second = (case["w_11"] + 2 * case["c_w"] + case["d_w"]) / d
    x, weights = eigenvalues(n, d)
    left = lam / (x + lam)
    residual = left**2 * (x * first + noise)
    product = -left * x * (both - (x * first + noise) / (x + lam))  # of the residual and the image of what task 2 moves along
    missed = second - 2 * (1 - left) * both + (1 - left) ** 2 * first + x / (x + lam) ** 2 * noise
    a, b, m, k, _ = recursion.step_moments(Ridge(case["lambda_2"]), case["n_2"], d)[0]
    whole = missed.sum(0) + (d - len(x)) * second
    sums = (residual + 2 * m * product + x * (a * whole + b * missed + k * case["sigma_2"] ** 2 / d)).sum(0)
    return float(weights @ sums + (n - len(x)) * noise)


def _errors(case: dict[str, Any], average: Any = None) -> np.ndarray:
    return expected_errors(two_ridge_tasks(**case).under(average=average)).errors


def _crossing(case: dict[str, Any]) -> float:
    lead = [expected_errors(gaps.single_set(**at)).errors[0, 0] - expected_errors(gaps.three_sets(**at)).errors[0, 0] for at in ({**case, "S_x": x} for x in (0, 1))]
    return -lead[0] / (lead[1] - lead[0])


VALUES: dict[str, Any] = {
    "ridge_training_error": own,
    "ridge_own_gap": lambda case: _errors(case)[0, 0] + case["sigma_1"] ** 2 - own(case) / case["n_1"],
    "ridge_old_training_error": old,
    "ridge_interplay_gap": lambda case: _errors(case)[1, 0] + case["sigma_1"] ** 2 - old(case) / case["n_1"],
    "averaging_gain": lambda case: _errors(case)[1, 0] - _errors(case, np.array([[1, 0], [0.5, 0.5]]))[1, 0],
    "tripling_threshold": _crossing,
}
