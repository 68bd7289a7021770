"""Law and simulation agree in every family of rules and features, where a difference of 0.5 % of the errors would be seen."""

import numpy as np
import pytest

from driftlaw import EWC, HeadDistillation, check
from theory import Distillation, Flow, Gaussian, GradientDescent, Ridge, Subspace, Task, TaskSequence, expected_errors, one_block
from theory.constructors import ewc_rules

GRAM = np.array([[1.0, 0.6, 0.4], [0.6, 1.2, 0.5], [0.4, 0.5, 0.9]])
TRUTHS = np.pad(np.linalg.cholesky(GRAM), ((0, 0), (0, 21))).tolist()


def block(*samples, noise=0.5, **options):
    return one_block(24, samples, noise, TRUTHS[: len(samples)]).under(**options)


def heads(samples, rule):
    """A shared block and a head for each of two tasks."""
    tasks = [Task(n, 0.5, {"body": [1.0] * 20, f"head {t}": [0.5] * 20}, ("body", f"head {t}"), rule=rule if t else None) for t, n in enumerate(samples)]
    return TaskSequence({"body": 20, "head 0": 20, "head 1": 20}, tasks)


FAMILIES = {
    "least norm": block(6, 8, 5),
    "ridge": block(6, 8, 30, rule=Ridge(2.0)),
    "gradient flow": block(6, 8, 5, rule=Flow(3.0)),
    "gradient descent": block(6, 8, 5, rule=GradientDescent(20, 0.05)),
    "distillation": block(6, 8, 5, rule=Distillation(0.7)),
    "distillation, heads": heads((10, 8), HeadDistillation(1.0)),
    "EWC, Fisher information of the population": block(6, 8, 5, rule=ewc_rules(0.3, (6, 8, 5))),
    "EWC where tasks interpolate": block(6, 8, 5, rule=EWC(1.5)),
    "joint training": TaskSequence({"a": 24}, [Task(12, 0.5, {"a": TRUTHS[0]}, ("a",)), Task(25, 0.5, {"a": TRUTHS[1]}, ("a",), memory={0: 12})]),
    "replay": TaskSequence({"a": 24}, [Task(6, 0.5, {"a": TRUTHS[0]}, ("a",)), Task(5, 0.5, {"a": TRUTHS[1]}, ("a",), memory={0: 4})]),
    "visits": block(4, 6, visits=(0, 1, 0, 1)),
    "covariance": block(60, 56, 52, features=Gaussian(np.linspace(0.3, 2, 24))),
    "subspace": block(6, 8, 5, features=Subspace(np.eye(24)[:, :18])),
    "running mean": block(6, 8, 5, rule=Ridge(2.0), average="mean"),
}


@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("quantity", ["forgetting", "generalization"])
def test_law_and_simulation_agree_at_half_a_percent(family, quantity):
    seq = FAMILIES[family]
    theory = float(expected_errors(seq).read(quantity))
    assert check(lambda: theory, quantity, lambda: seq, cases=[{}], delta=0.005, max_trials=2_000_000).verdict == "agree"
    assert check(lambda: theory + 0.01 * expected_errors(seq).errors.max(), quantity, lambda: seq, cases=[{}], delta=0.005, expected="disagree").verdict == "disagree"
