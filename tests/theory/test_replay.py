"""Laws with memory: against integrals over the rows' frame, closed forms coded once more, and one simulation.

Experiments for which there is no law, or no finite one, are checks of `replay_battery`, which
test_mutations.py runs.
"""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, strategies as st
from replay_route import OneStoredRow, least_norm_error
from written_out import HardConstraints, fitted_part, replay_from_zero, replay_nested

from driftlaw.testing import inner_products, numbers
from theory import Task, TaskSequence, expected_errors, one_block
from theory.errors import DriftlawError

HALF, THIRD = F(1, 2), F(1, 3)


# ---------------------------------------------------------------- integrals


VECTORS = [[1, 2, 0, 0, 0, 0], [0, 1, 1, -1, 0, 0], [0, 0, 1, 0, 1, 1]]
PRODUCTS = [[F(sum(x * y for x, y in zip(u, v))) for v in VECTORS] for u in VECTORS]


@pytest.mark.parametrize("memories, owners", [(({}, {0: 1}), [0, 1, 1]), (({}, {0: 2}), [0, 0, 1]), (({}, {0: 1}, {0: 1, 1: 1}), [0, 1, 2]), (({}, {}), [1])])
def test_replay_from_zero_by_integration(memories, owners):
    """Least-norm fit of all rows in the frame Q R, every entry of R integrated."""
    tasks = len(memories)
    samples = [2, *(owners.count(t) if t == tasks - 1 else 2 for t in range(1, tasks))]
    noises = (HALF, THIRD, F(1))[:tasks]
    grams = [row[:tasks] for row in PRODUCTS[:tasks]]
    law = expected_errors(remembering(6, samples, noises, memories, grams, ["zero"] * tasks))
    variances = [sigma**2 for sigma in noises]
    assert law.errors[-1].tolist() == [least_norm_error(6, owners, grams, variances, i) for i in range(tasks)]
    assert law.step_sizes[-1] == least_norm_error(6, owners, grams, variances, None)


@pytest.mark.parametrize("p", [4, 5])
def test_one_stored_row_by_integration(p):
    """Theta_0 fits two rows, one of which stays fitted while the next task adds its own."""
    first, second = [1, 2, 0, 0, 0][:p], [0, 1, 1, -1, 0][:p]
    direct = OneStoredRow(p, first, second, (HALF, THIRD))
    law = expected_errors(remembering(p, (2, 1), (HALF, THIRD), ({}, {0: 1}), truths=[first, second]))
    assert law.errors.tolist() == direct.errors and law.step_sizes[1] == law.update_magnitude[1] == direct.step_size


# ---------------------------------------------------------------- closed forms


def remembering(p, samples, noises, memories, gram=None, starts=None, truths=None) -> TaskSequence:
    """One block, every task trains it."""
    truth = truths or [f"w_{t}" for t in range(len(samples))]
    tasks = [
        Task(n, noises[t], {"a": truth[t]}, ("a",), start=starts[t] if starts else "previous", memory=memories[t]) for t, n in enumerate(samples)
    ]
    return TaskSequence({"a": p}, tasks, None if truths else {"a": gram})


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
        "gram": draw(inner_products(tasks)),
    }


@given(experiments(), st.data())
def test_nested_memory(setting, data):
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
def test_an_estimate_from_zero_is_the_same_in_any_number_of_steps(setting):
    """With all earlier samples stored, going on from the previous estimate is joint training, and joint training is one task."""
    memories = [dict(enumerate(setting["samples"][:t])) for t in range(3)]
    p, total = setting["p"] + sum(setting["samples"]), sum(setting["samples"])
    setting = {**setting, "p": p, "memories": memories}
    on, again = (expected_errors(remembering(**setting, starts=[start] * 3)) for start in ("previous", "zero"))
    assert np.array_equal(on.errors, again.errors) and np.array_equal(on.update_magnitude, again.update_magnitude)
    same = [[setting["gram"][0][0]] * 3] * 3
    joint = expected_errors(one_block(p, (total,), HALF, gram=[[same[0][0]]]))
    split = expected_errors(remembering(**{**setting, "gram": same, "noises": [HALF] * 3}))
    assert split.errors[2, 0] == joint.errors[0, 0]


@given(experiments())
def test_steps_of_nested_fits_obey_pythagoras(setting):
    """With everything stored, theta_{t-1} is the projection of theta_t: |D|^2 = |theta_t|^2 - |theta_{t-1}|^2."""
    memories = [dict(enumerate(setting["samples"][:t])) for t in range(3)]
    setting = {**setting, "p": setting["p"] + sum(setting["samples"]), "memories": memories}
    law = expected_errors(remembering(**setting))
    again = expected_errors(remembering(**setting, starts=["zero"] * 3))
    assert law.update_magnitude.tolist() == [again.step_sizes[0], *(again.step_sizes[1:] - again.step_sizes[:-1])]


@given(st.integers(0, 6), st.integers(0, 8), st.integers(1, 8), st.integers(2, 20), numbers, st.data())
def test_hard_constraints(m, more, n_2, gap, sigma, data):
    """Forgetting and the new task's error of OGD- and GEM-like training on m stored samples."""
    n_1 = m + more
    p = max(n_1, m + n_2) + gap
    gram = data.draw(inner_products(2))
    assume(n_1)
    noises = abs(sigma), data.draw(st.sampled_from([F(0), HALF]))
    along = gram[0][1] - gram[0][0]
    closed = HardConstraints(p, n_1, n_2, m, noises[0] ** 2, noises[1] ** 2, gram[0][0], along, gram[1][1] - gram[0][0] - 2 * along)
    law = expected_errors(remembering(p, (n_1, n_2), noises, ({}, {0: m} if m else {}), gram))
    assert law.errors[0, 0] == closed.E_1 and law.forgetting() == closed.forgetting() and law.errors[1, 1] == closed.last_error()


@given(experiments(), st.data())
def test_a_fresh_step_without_memory_between(setting, data):
    """Other tasks may have memory: a task without obeys the plain law, from its own R and the share 1 - n/p of the past."""
    memories = [*setting["memories"][:2], {}]
    law = expected_errors(remembering(**{**setting, "memories": memories}))
    variances = [sigma**2 for sigma in setting["noises"]]
    p, n = setting["p"], setting["samples"][2]
    own = [fitted_part(p, {2: n}, variances, setting["gram"], i) for i in range(3)]
    assert law.errors[2].tolist() == [own[i] + (1 - F(n, p)) * law.errors[1, i] for i in range(3)]


@given(experiments())
def test_blocks_that_train_together_are_one(setting):
    whole = expected_errors(remembering(**setting))
    part = [[entry / 3 for entry in row] for row in setting["gram"]]
    rest = [[2 * entry / 3 for entry in row] for row in setting["gram"]]
    tasks = [
        Task(n, sigma, {"b": f"u_{t}", "c": f"v_{t}"}, ("c", "b"), memory=memory)
        for t, (n, sigma, memory) in enumerate(zip(setting["samples"], setting["noises"], setting["memories"]))
    ]
    cut = TaskSequence({"b": 1, "c": setting["p"] - 1}, tasks, {"b": part, "c": rest})
    for name in ("errors", "step_sizes", "update_magnitude"):
        assert np.array_equal(getattr(expected_errors(cut), name), getattr(whole, name))


@given(experiments())
def test_floats_equal_fractions(setting):
    exact = expected_errors(remembering(**setting))
    law = expected_errors(remembering(**{**setting, "noises": [float(sigma) for sigma in setting["noises"]]}))
    for name in ("errors", "step_sizes", "update_magnitude", "effective_noise"):
        assert np.allclose(getattr(law, name), getattr(exact, name).astype(float), rtol=1e-9, atol=1e-9)


def test_grids_of_noise_dimensions_and_products():
    p, sigma = np.array([[20], [30]]), np.array([0.0, 0.5, 1.0])
    gram = np.arange(1.0, 4.0)[:, None, None] * np.array([[2.0, 1.0], [1.0, 3.0]])
    seq = remembering(p, (5, 4), (sigma, 0.3), ({}, {0: 3}), gram)
    law = expected_errors(seq)
    for index in np.ndindex(2, 3):
        point = expected_errors(seq.at(index))
        assert np.allclose(law.errors[index], point.errors, rtol=1e-13) and np.allclose(law.step_sizes[index], point.step_sizes, rtol=1e-13)


def test_symbols_and_their_conditions():
    n_1, n_2, m, p = sympy.symbols("n_1 n_2 m p", positive=True, integer=True)
    gram = [[2, 1], [1, 3]]
    law = expected_errors(remembering(p, (n_1, n_2), (HALF, THIRD), ({}, {0: m}), gram))
    assert set(law.conditions) == {p - n_1 > 1, m <= n_1, p - m - n_2 > 1, p - m > 1}
    values = {n_1: 5, n_2: 4, m: 3, p: 20}
    exact = expected_errors(remembering(20, (5, 4), (HALF, THIRD), ({}, {0: 3}), gram))
    for name in ("errors", "step_sizes", "update_magnitude"):
        assert [sympy.sympify(entry).subs(values) for entry in getattr(law, name).ravel()] == [
            sympy.Rational(x.numerator, x.denominator) for x in getattr(exact, name).ravel()
        ]
    assert len(expected_errors(remembering(p, (n_1, n_2), (HALF, THIRD), ({}, {0: n_1}), gram)).conditions) == 2


# ---------------------------------------------------------------- simulation


def simulated(p, samples, noises, memories, starts, truths, trials, seed):
    """Errors and updates of every trial by least-norm steps on drawn data, batched; ``starts`` as in `Task`."""
    rng, tasks = np.random.default_rng(seed), len(samples)
    theta, data = np.zeros((trials, p)), []
    errors, updates = np.empty((trials, tasks, tasks)), np.empty((trials, tasks))
    for t, n in enumerate(samples):
        rows = rng.standard_normal((trials, n, p))
        data.append((rows, rows @ truths[t] + float(noises[t]) * rng.standard_normal((trials, n))))
        parts = [data[t]] + [(data[s][0][:, :k], data[s][1][:, :k]) for s, k in memories[t].items()]
        x, y = np.concatenate([a for a, _ in parts], 1), np.concatenate([b for _, b in parts], 1)
        start = np.zeros_like(theta) if starts[t] == "zero" else theta
        new = start + (np.linalg.pinv(x) @ (y - (x @ start[..., None])[..., 0])[..., None])[..., 0]
        updates[:, t] = ((new - theta) ** 2).sum(1)
        errors[:, t] = ((new[:, None] - truths) ** 2).sum(-1)
        theta = new
    return errors, updates


@pytest.mark.parametrize(
    "memories, starts",
    [
        (({}, {0: 5}, {0: 3, 1: 4}), ("previous",) * 3),
        (({}, {0: 10}, {0: 10, 1: 8}), ("zero",) * 3),
        (({}, {0: 4}, {}), ("previous", "previous", "zero")),
    ],
)
def test_simulated(memories, starts):
    """36 means against the law at |z| < 6: false alarm below 1e-7; a mean that is off by 10 % is seen with probability .99.

    4000 trials, relative standard errors below 1.2 %, so that 10 % is 8.3 of them. No step has |n - d| < 8.
    """
    p, samples, noises = 40, (10, 8, 6), (0.3, 0.5, 0.2)
    truths = np.random.default_rng(1).standard_normal((3, p)) / p**0.5
    errors, updates = simulated(p, samples, noises, memories, starts, truths, 4000, 2)
    law = expected_errors(remembering(p, samples, noises, memories, truths=list(truths), starts=starts))
    for sample, exact in ((errors, law.errors), (updates, law.update_magnitude)):
        stderr = sample.std(0, ddof=1) / len(sample) ** 0.5
        assert np.all(np.abs(sample.mean(0) - exact) < 6 * stderr) and np.all(stderr < 0.012 * exact)


@given(experiments())
def test_update_of_a_start_from_zero_without_memory(setting):
    """The new estimate knows nothing of the old: E theta_1 . theta_0 = (n_0 n_1 / p^2) <w_0, w_1>; task 2's memory leads here."""
    n, p, gram = setting["samples"], setting["p"] + setting["samples"][1], setting["gram"]
    law = expected_errors(remembering(p, n, setting["noises"], [{}, {}, {1: 1}], gram, ("previous", "zero", "previous")))
    assert law.update_magnitude[1] == law.step_sizes[0] + law.step_sizes[1] - 2 * F(n[0] * n[1], p * p) * gram[0][1]


def test_more_stored_samples_than_there_are():
    m = sympy.Symbol("m", positive=True, integer=True)
    with pytest.raises(DriftlawError):
        expected_errors(remembering(m + 12, (m, 4), (HALF,) * 2, ({}, {0: m + 1}), [[1, 0], [0, 1]]))
