"""Laws with memory: against integrals over the rows' frame, closed forms coded once more, and one simulation.

Experiments for which there is no law, or no finite one, are checks of `replay_battery`, which
test_mutations.py runs.
"""

from dataclasses import replace
from fractions import Fraction as F

import numpy as np
import pytest
from hypothesis import given, strategies as st
from replay_battery import HALF, THIRD, remembering
from replay_route import OneStoredRow
from strategies import products
from written_out import replay_from_zero, replay_nested

from driftlaw import check, expected_errors, simulate
from theory.formulas import FAMILIES

# ---------------------------------------------------------------- integrals


@pytest.mark.parametrize("p", [4, 5])
def test_one_stored_row_by_integration(p):
    """Theta_0 fits two rows, one of which stays fitted while the next task adds its own."""
    first, second = [1, 2, 0, 0, 0][:p], [0, 1, 1, -1, 0][:p]
    direct = OneStoredRow(p, first, second, (HALF, THIRD))
    law = expected_errors(remembering(p, (2, 1), ({}, {0: 1}), truths=[first, second]))
    assert law.errors.tolist() == direct.errors and law.step_sizes[1] == law.update_magnitude[1] == direct.step_size


# ---------------------------------------------------------------- closed forms


@st.composite
def experiments(draw, tasks: int = 3) -> dict:
    """Nested memories: what task t stores was stored or fresh at task t - 1."""
    samples = [draw(st.integers(1, 6)) for _ in range(tasks)]
    memories: list[dict[int, int]] = [{}]
    for t in range(1, tasks):
        before = {**memories[-1], t - 1: samples[t - 1]}
        memories.append({s: draw(st.integers(0, n)) for s, n in before.items() if draw(st.booleans())})
    most = max(n + sum(m.values()) for n, m in zip(samples, memories))
    return {
        "p": most + draw(st.integers(2, 20)),
        "samples": samples,
        "noises": [draw(st.sampled_from([F(0), HALF, F(2)])) for _ in range(tasks)],
        "memories": memories,
        "gram": products(draw, tasks),
    }


@given(experiments())
def test_nested_memory(setting):
    """Task after task from the previous estimate, with each task's memory among the rows that the last fit holds."""
    law = expected_errors(remembering(**setting))
    gram, variances = setting["gram"], [sigma**2 for sigma in setting["noises"]]
    for i in range(3):
        error = gram[i][i]
        for t, n in enumerate(setting["samples"]):
            error = replay_nested(setting["p"], setting["memories"][t], (t, n), variances, gram, error, i)
            assert law.errors[t, i] == error


@given(experiments())
def test_memory_from_zero(setting):
    law = expected_errors(remembering(**setting, starts=["zero"] * 3))
    gram, variances = setting["gram"], [sigma**2 for sigma in setting["noises"]]
    for t, n in enumerate(setting["samples"]):
        rows = {**setting["memories"][t], t: n}
        assert law.errors[t].tolist() == [replay_from_zero(setting["p"], rows, variances, gram, i) for i in range(3)]


@given(experiments())
def test_steps_of_nested_fits_obey_pythagoras(setting):
    """With everything stored, theta_{t-1} is the projection of theta_t: |D|^2 = |theta_t|^2 - |theta_{t-1}|^2."""
    memories = [dict(enumerate(setting["samples"][:t])) for t in range(3)]
    setting = {**setting, "p": setting["p"] + sum(setting["samples"]), "memories": memories}
    law = expected_errors(remembering(**setting))
    again = expected_errors(remembering(**setting, starts=["zero"] * 3))
    assert law.update_magnitude.tolist() == again.update_magnitude.tolist() == [again.step_sizes[0], *(again.step_sizes[1:] - again.step_sizes[:-1])]


# ---------------------------------------------------------------- simulation


@pytest.mark.parametrize(
    "memories, starts",
    [(({}, {0: 5}, {0: 3, 1: 4}), ("previous",) * 3), (({}, {0: 10}, {0: 10, 1: 8}), ("zero",) * 3), (({}, {0: 4}, {}), ("previous", "previous", "zero"))],
)
def test_simulated(memories, starts):
    """36 means against the law at |z| < 6: false alarm below 1e-7; a mean that is off by 10 % is seen with probability .99.

    4000 trials, relative standard errors below 1.2 %, so that 10 % is 8.3 of them. No step has |n - d| < 8.
    """
    truths = np.random.default_rng(1).standard_normal((3, 40)) / 40**0.5
    seq = remembering(40, (10, 8, 6), memories, (0.3, 0.5, 0.2), starts=starts, truths=list(truths))
    law, sample = expected_errors(seq), simulate(seq, 4000, seed=2)
    for estimate, exact in ((sample.errors, law.errors), (sample.update_magnitude, law.update_magnitude)):
        assert np.all(np.abs(estimate.mean - exact) < 6 * estimate.stderr) and np.all(estimate.stderr < 0.012 * exact)


@pytest.mark.parametrize("name", ["pooled_generalization", "gem_first_error"])
def test_formulas_are_judged_by_simulation(name):
    formula, cases = FAMILIES[name].formula, FAMILIES[name].cases[:2]
    assert check(formula, cases=cases, delta=0.05).verdict == "agree"
    swapped = replace(formula, expression=formula.expression.subs(formula.intermediates[0][0], formula.intermediates[0][0] + 1))
    assert check(swapped, cases=cases, delta=0.05).verdict == "disagree"


def everything(p, first, last):
    return remembering(p, (first, 6, last), ({}, {0: first}, {0: first, 1: 6}), (0.3, 0.5, 0.4), np.eye(3))


def test_updates_of_least_squares_are_judged_by_simulation():
    """Two interpolating fits before 31 rows on 20 parameters, and three least-squares fits on 6; there theta_{t-1} is no projection."""
    cases = [{"p": 20, "first": 5, "last": 20}, {"p": 6, "first": 16, "last": 6}]

    def law(**case):
        return float(expected_errors(everything(**case)).update_magnitude[-1])

    def pythagoras(**case):
        zeros = [replace(task, start="zero") for task in everything(**case).tasks]
        sizes = expected_errors(replace(everything(**case), tasks=zeros)).step_sizes
        return float(sizes[-1] - sizes[-2])

    for formula, verdict in ((law, "agree"), (pythagoras, "disagree")):
        assert check(formula, "update_magnitude", everything, cases, delta=0.02).verdict == verdict
