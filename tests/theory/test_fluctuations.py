"""The variance of the two-task deviation, against the sample variance of direct simulation."""

import numpy as np
import pytest

from driftlaw import FORMULAS, simulate
from theory.ledger.two_tasks import initialized_two_tasks

VARIANCE = FORMULAS["initialized_deviation_variance"]
BASE = {"p": 20, "p_1": 30, "p_2": 40, "n_1": 15, "n_2": 18, "sigma_1": 0.3, "sigma_2": 0.5, "u_11": 1.0, "q_11": 0.5, "c_u": -0.4, "c_q": 0.3, "d_u": 0.6}
CASES = [
    {**BASE, "d_q": 1.0, "x_q": 0.4},
    {**BASE, "d_q": 3.0, "x_q": 0.0, "sigma_1": 1.0, "sigma_2": 1.2},
    {**BASE, "u_11": 3.0, "d_u": 3.0, "c_u": -3.0, "q_11": 0.1, "d_q": 0.1, "c_q": -0.1, "x_q": 0.0, "n_1": 30, "n_2": 40, "sigma_1": 0.1, "sigma_2": 0.1},
    {**BASE, "d_q": 0.3, "x_q": 0.1, "c_q": 0.0, "sigma_1": 0.0, "sigma_2": 0.0, "n_1": 30},
]


TRIALS = 40_000


def _measured(case: dict) -> dict[str, tuple[float, float]]:
    """Mean and standard error of |x|^2, |x|^4, (x.y)^2 with x = theta_1 - w_1, y = w_2 - w_1, and of the deviation's variance."""
    sample = simulate(initialized_two_tasks(**case), TRIALS, seed=5)
    square, towards = sample.errors_sample[:, 0, 0], sample.errors_sample[:, 0, 1]
    along = (square + case["d_u"] + case["d_q"] - towards) / 2
    deviation = sample.per_trial("deviation")
    spread = (deviation - deviation.mean()) ** 2 * TRIALS / (TRIALS - 1)
    values = {"x_2": square, "x_4": square**2, "xy_2": along**2, "variance": spread}
    return {name: (value.mean(), value.std() / np.sqrt(TRIALS)) for name, value in values.items()}


@pytest.mark.parametrize("case", CASES, ids=["moderate", "noisy", "opposite", "noise-free"])
def test_moments_and_variance(case):
    """5 standard errors: false alarm 6e-7 a comparison; a mistake of 6.7 standard errors (about 5 %) is seen with 95 %."""
    theory = {**VARIANCE.intermediate_values(**case), "variance": VARIANCE(**case)}
    for name, (mean, stderr) in _measured(case).items():
        assert abs(mean - theory[name]) < 5 * stderr, name
