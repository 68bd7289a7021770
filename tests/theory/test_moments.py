"""Which moments exist, by cases worked out by hand, and the moments of projections against Haar integrals.

More cases, each with its orders, stand in `moment_battery`, which test_mutations.py runs on the code and on
its mutants. Their reasons, for one block of 10: a step that fits n < d samples keeps part of the past, so
that the smallest gap so far counts (gaps 4, 8, 2); n >= d samples erase it, so that the estimate forgets
task 0's tail and the step to it does not; partial steps and tasks without samples keep it; a start from
zero forgets it in the estimate, not in the update. For several blocks: errors of a frozen block are noise,
even without label noise, unless the block is right; a block that starts anew leaves its tail behind, the
others bring theirs into the joint step. Stored rows count as rows, and as noise if they are of another
truth; more rows than parameters, stored ones too, erase the past. What is only drawn moves nothing. Steps
that damp small singular values have all moments.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction as F

import numpy as np
import pytest
from haar_moments import expected_noise_step, projection_moment
from hypothesis import given

from driftlaw.testing import task_sequences
from theory import DomainError, Isotropic, Task, TaskSequence, expected_errors, frozen, moment_orders, one_block
from theory.moments import step_slack
from theory.projections import exact_step_moments, float_step_moments

INF = math.inf
EYE = {"shared": np.eye(2), "specific": np.eye(2)}


def orders(dimension, *samples, noise=0.5, **settings) -> np.ndarray:
    gram = np.eye(len(samples))
    return moment_orders(one_block(dimension, samples, noise, gram=gram, **settings)).errors


# ---------------------------------------------------------------- one step


@pytest.mark.parametrize("gap, order", [(0, 0.5), (1, 1), (2, 1.5), (3, 2), (4, 2.5), (8, 4.5)])
@pytest.mark.parametrize("side", [-1, 1])
def test_order_of_one_noisy_step(gap, order, side):
    """|g|^2 = f chi^2 / chi^2_{gap+1}: moments below (gap + 1) / 2 exist."""
    made = moment_orders(one_block(10, (10 + side * gap,), 0.5, gram=[[1.0]]))
    assert made.errors[0, 0] == made.step_sizes[0] == made.update_magnitude[0] == order
    assert made.generalization() == made.error(0, 0) == order


@pytest.mark.parametrize("samples", [5, 9, 10, 11, 15])
def test_without_noise_all_moments_exist(samples):
    assert orders(10, samples, noise=0.0)[0, 0] == INF


# ---------------------------------------------------------------- several blocks


def test_frozen_noise_inherits_its_order():
    """Task 0: 100 parameters, 94 samples, order 3.5. Task 1: gap 40 on the specific block, but shared's error is its noise."""
    made = moment_orders(frozen({"shared": 40, "specific": 60}, (94, 20), 0.5, gram=EYE))
    assert made.errors.tolist() == [[3.5, 3.5], [3.5, 3.5]] and made.step_sizes.tolist() == [3.5, 3.5]
    near = moment_orders(frozen({"shared": 40, "specific": 60}, (30, 57), 0.5, gram=EYE))
    assert near.errors.tolist() == [[35.5, 35.5], [2.0, 2.0]]
    tasks = [Task(5, 0.5, {"a": "u"}, ("a",)), Task(20, 0.5, {"a": "u", "c": "w"}, ("c",))]
    fresh = moment_orders(TaskSequence({"a": 7, "c": 40}, tasks, {"a": np.ones((2, 2)), "c": np.ones((2, 2))}))
    assert fresh.step_sizes.tolist() == [1.5, 1.5]  # c was never trained: its step has no other past than a's


def test_a_task_counts_its_own_blocks_only():
    """Task 1 trains its head near the threshold; task 0's blocks keep the order of task 0."""
    tasks = [Task(4, 0.5, {"a": "u", "b": "v"}, ("a", "b")), Task(3, 0.5, {"a": "u", "c": "w"}, ("c",))]
    made = moment_orders(TaskSequence({"a": 5, "b": 6, "c": 6}, tasks, {"a": np.ones((2, 2)), "b": np.eye(2), "c": np.eye(2)}))
    assert made.errors.tolist() == [[4.0, 4.0], [4.0, 2.0]]  # c is untouched by task 0, so L_1(theta_0) has a's order
    assert made.deviation() == 4.0 and made.generalization() == 2.0 and made.forgetting() == 4.0


def test_blocks_trained_together_share_the_smaller_order():
    """Block b has order 1.5 from its own task; the joint step with n < d carries it into a."""
    tasks = [Task(5, 0.5, {"b": "v"}, ("b",)), Task(2, 0.5, {"a": "u", "b": "v"}, ("a", "b")), Task(40, 0.5, {"b": "v"}, ("b",))]
    made = moment_orders(TaskSequence({"a": 6, "b": 7}, tasks, {"a": np.ones((3, 3)), "b": np.ones((3, 3))}))
    assert made.errors[:2].tolist() == [[1.5, 1.5, 1.5], [1.5, 1.5, 1.5]]
    assert made.errors[2].tolist() == [17.0, 1.5, 17.0] and made.step_sizes.tolist() == [1.5, 1.5, 1.5]


def test_isotropic_truths():
    tasks = [Task(6, 0.5, {"a": Isotropic(1)}, ("a",)), Task(2, 0.5, {"a": Isotropic(1)}, ("a",))]
    assert moment_orders(TaskSequence({"a": 10}, tasks)).errors[1, 0] == 2.5


# ---------------------------------------------------------------- memory, weights


def test_steps_without_noise_are_projections_with_memory_too():
    """One truth, no noise: 9 rows of 10, then 10 of 10; the label noise of what is stored counts, a truth of its own too."""
    tasks = [Task(4, 0.0, {"a": "u"}, ("a",)), Task(5, 0.0, {"a": "u"}, ("a",), memory={0: 4}), Task(1, 0.0, {"a": "u"}, ("a",), memory={0: 4, 1: 5})]
    seq = TaskSequence({"a": 10}, tasks, {"a": np.ones((3, 3))})
    assert np.all(moment_orders(seq).errors == INF) and np.all(moment_orders(seq).update_magnitude == INF)
    noisy = replace(seq, tasks=[replace(tasks[0], noise=0.5), *tasks[1:]])
    assert moment_orders(noisy).errors[:, 0].tolist() == [3.5, 1.0, 0.5]
    other = TaskSequence({"a": 10}, [replace(tasks[0], truth={"a": "v"}), *tasks[1:]], {"a": [[2, 1, 1], [1, 1, 1], [1, 1, 1]]})
    assert moment_orders(other).errors[:, 0].tolist() == [INF, 1.0, 0.5]
    assert moment_orders(TaskSequence({"a": 10}, [replace(task, truth={"a": Isotropic(1)}) for task in tasks])).errors[1, 0] == 1.0
    assert np.all(moment_orders(TaskSequence({"a": 10}, [replace(task, truth={"a": Isotropic(1, "u")}) for task in tasks])).errors == INF)


def test_unequal_weights():
    tasks = [Task(4, 0.0, {"a": "u", "b": "v"}, ("a", "b"), weights={"a": 2.0})]
    gram = {"a": [[1.0]], "b": [[1.0]]}
    assert moment_orders(TaskSequence({"a": 5, "b": 5}, tasks, gram)).errors[0, 0] == INF
    assert moment_orders(TaskSequence({"a": 5, "b": 5}, [replace(tasks[0], noise=0.5)], gram)).errors[0, 0] == 3.5


def heads(shared, head, stored, fresh, noise=0.5):
    """Task 1 trains the shared block and its own head, with stored rows of task 0, whose head it leaves alone."""
    blocks = {"a": shared, "g": 1, "h": head}
    tasks = [Task(stored, noise, {"a": "u", "g": "g"}, ("a", "g")), Task(fresh, noise, {"a": "u", "h": "h"}, ("a", "h"), memory={0: stored})]
    return TaskSequence(blocks, tasks, {block: np.ones((2, 2)) for block in blocks})


@pytest.mark.parametrize(
    ("sizes", "slack", "determined"),
    [
        ((1, 3, 4, 2), 1, "a"),  # two rows for three parameters of the head; without regard to zeros it would be 2
        ((1, 2, 2, 3), 1, "ah"),  # three rows for two
        ((1, 2, 5, 2), 0, "ah"),  # two for two, 4 without regard to zeros
        ((2, 3, 1, 3), 1, ""),
        ((3, 1, 2, 1), 1, ""),  # two stored rows for three shared parameters
    ],
)
def test_zeros_in_stored_rows_bring_the_features_nearer_to_losing_rank(sizes, slack, determined):
    """Against draws: the least singular value that is not zero for certain is below e with a probability ~ e^(slack + 1)."""
    assert step_slack(heads(*sizes), 1) == (slack, set(determined))
    shared, head, stored, fresh = sizes
    features = np.random.default_rng(0).standard_normal((100_000, stored + fresh, shared + head))
    features[:, :stored, shared:] = 0
    least = np.linalg.svd(features, compute_uv=False)[:, np.linalg.matrix_rank(features[0]) - 1]
    lowest = np.sort(least)[:301]
    assert 1 / np.mean(np.log(lowest[-1] / lowest[:-1])) == pytest.approx(slack + 1, rel=0.25)  # Hill's estimate, +- 6 %


def test_errors_of_untrained_blocks_depend_on_stored_rows():
    """Task 1 steps in 9 parameters on 4 stored rows that left order 4 of the untrained block: 1 / (1/3 + 1/4), not the smaller."""
    tasks = [Task(4, 0.5, {"a": "u", "b": "v"}, ("a", "b")), Task(0, 0.5, {"a": "u", "b": "v"}, ("b",), memory={0: 4})]
    made = moment_orders(TaskSequence({"a": 2, "b": 9}, tasks, {"a": np.ones((2, 2)), "b": np.ones((2, 2))}))
    assert made.errors.tolist() == [[4.0, 4.0], [pytest.approx(12 / 7)] * 2]


# ---------------------------------------------------------------- agreement with the law, refusals


@given(task_sequences())
def test_the_law_exists_where_first_moments_do(seq):
    made, law = moment_orders(seq), expected_errors(seq)
    assert np.all(made.errors > 1) and np.all(made.step_sizes > 1) and np.all(made.update_magnitude > 1)
    assert np.isfinite(law.errors.astype(float)).all()
    with pytest.raises(DomainError):
        noisy = replace(seq.tasks[-1], samples=seq.trained_dimension(len(seq) - 1), noise=1, scale=1)
        pole = replace(seq, tasks=[*seq.tasks[:-1], noisy])
        assert moment_orders(pole).step_sizes[-1] <= 0.5
        expected_errors(pole)


@given(task_sequences())
def test_exact_numbers_have_the_orders_of_floats(seq):
    made = moment_orders(seq)
    floats = moment_orders(replace(seq, tasks=[replace(task, noise=float(task.noise)) for task in seq.tasks]))
    assert np.array_equal(made.errors, floats.errors) and np.array_equal(made.update_magnitude, floats.update_magnitude)


# ---------------------------------------------------------------- moments of projections and inverse Wishart matrices


@pytest.mark.parametrize("d", [2, 3, 4, 6])
def test_step_moments_by_haar_integrals(d):
    """E[P v v' P] entry by entry for v = e_0 + 2 e_1, and E P."""
    v = [1, 2] + [0] * (d - 2)
    for n in range(1, d):
        made = exact_step_moments(F(n), F(d), True, abs(n - d) <= 1)
        for i in range(d):
            for j in range(d):
                integral = sum(v[k] * v[m] * projection_moment(((i, k), (m, j)), n, d) for k in (0, 1) for m in (0, 1))
                assert integral == made.a * 5 * (i == j) + made.b * v[i] * v[j]
            assert projection_moment(((i, i),), n, d) == made.m
        assert made.k is None if n == d - 1 else made.k == expected_noise_step(n, d)


def test_step_moments_in_floats():
    n, d = np.arange(0, 15)[:, None], np.arange(1, 9)
    made = float_step_moments(n, d)
    for index in np.ndindex(15, 8):
        samples, size = int(n[index[0], 0]), int(d[index[1]])
        pole = samples > 0 and abs(samples - size) <= 1
        exact = exact_step_moments(F(samples), F(size), samples < size, pole) if samples else (0, 0, 0, 0, False)
        for value, expected in zip(made[:3], exact[:3]):
            assert math.isclose(value[index], expected, rel_tol=1e-14, abs_tol=1e-15)
        assert made.pole[index] == pole and (math.isnan(made.k[index]) if pole else math.isclose(made.k[index], exact[3], rel_tol=1e-14))
