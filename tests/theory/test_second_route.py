"""The law against routes that do not use its recursion: brute-force Haar integrals and closed forms coded once more.

Everything is compared as fractions, without tolerance.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F

import pytest
from direct_route import DirectRoute, InfiniteExpectation
from haar_moments import expected_noise_step, projection_moment
from hypothesis import assume, given, settings, strategies as st
from written_out import TwoTasks, one_block_error, one_block_forgetting, one_block_generalization

from driftlaw.testing import inner_products, numbers, positive_numbers, task_sequences
from theory import DomainError, Task, TaskSequence, expanding, expected_errors, frozen, initialized, one_block

HALF, THIRD = F(1, 2), F(1, 3)


# ---------------------------------------------------------------- the integrals themselves


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_integrated_projections_are_projections(d):
    """E tr P = n, E P^2 = E P, E (tr P)^2 = n^2, from the integrals of single entries."""
    for n in range(1, d):
        every = range(d)
        assert sum(projection_moment(((i, i),), n, d) for i in every) == n
        assert sum(projection_moment(((i, i), (j, j)), n, d) for i in every for j in every) == n**2
        for i, k in ((0, 0), (0, 1)):
            assert sum(projection_moment(((i, j), (j, k)), n, d) for j in every) == projection_moment(((i, k),), n, d)


def test_noise_steps_by_back_substitution_and_by_the_chi_square_ratio():
    """|A (A'A)^{-1} eps|^2 = chi^2_n / chi^2_{d-n+1}, so its mean is n / (d - n - 1); the longer side is d or n."""
    for short in range(1, 7):
        for long in range(short + 2, short + 6):
            ratio = F(short) * F(1, long - short + 1 - 2)
            assert expected_noise_step(short, long) == expected_noise_step(long, short) == ratio


# ---------------------------------------------------------------- brute force


def assert_same_as_brute_force(seq: TaskSequence) -> None:
    try:
        direct = DirectRoute(seq)
    except InfiniteExpectation as pole:
        with pytest.raises(DomainError, match=str(pole).split(":")[0]):
            expected_errors(seq)
        return
    law = expected_errors(seq)
    for part in ("errors", "step_sizes", "update_magnitude", "effective_noise"):
        assert getattr(law, part).tolist() == getattr(direct, part).tolist(), part


U, Q = [[1, 2], [0, -1]], [[1, 0, 2], [1, 1, 1]]
TINY = {  # silent and partial steps are among those of `law_battery`
    "frozen": frozen({"shared": 2, "specific": 3}, (2, 1), (HALF, THIRD), {"shared": U, "specific": Q}),
    "frozen, first task with many samples": frozen({"shared": 2, "specific": 3}, (8, 1), (HALF, THIRD), {"shared": U, "specific": Q}),
    "frozen, second task with many samples": frozen({"shared": 2, "specific": 3}, (3, 6), (HALF, THIRD), {"shared": U, "specific": Q}),
    "initialized": initialized({"shared": 2, "specific": 3}, (3, 2), (HALF, THIRD), {"shared": U, "specific": Q}),
    "initialized from zero": initialized({"shared": 2, "specific": 3}, (3, 2), (HALF, THIRD), {"shared": U, "specific": Q}, start="zero"),
    "initialized, many samples": initialized({"shared": 2, "specific": 3}, (3, 7), (HALF, THIRD), {"shared": U, "specific": Q}),
    "growing, padded": TaskSequence(
        {"shared": 2, "specific": 1, "extra": 2},
        [
            Task(1, HALF, {"shared": U[0], "specific": [2], "extra": [0, 0]}, ("shared", "specific")),
            Task(2, THIRD, {"shared": U[1], "specific": [1], "extra": [1, -1]}, ("shared", "specific", "extra")),
        ],
    ),
    "growing, frozen, excess risk": expanding(
        2, (1, 2), (1, 1), (HALF, THIRD), {"shared": U, "specific": [[2], [1]], "extra": [1, -1]}, norm="excess_risk", train_shared=False
    ),
    "three tasks on one block": one_block(3, (1, 5, 1), (HALF, THIRD, 1), [[1, 2, 0], [0, 1, 1], [2, 0, -1]]),
}  # fmt: skip


@pytest.mark.parametrize("name", TINY)
def test_tiny_experiments_by_brute_force(name):
    assert_same_as_brute_force(TINY[name])


@settings(max_examples=2 * settings().max_examples)
@given(task_sequences(tasks=(1, 2), blocks=(1, 2), dimension=(1, 2), vectors=True))
def test_two_tasks_by_brute_force(seq):
    assert_same_as_brute_force(seq)


@given(task_sequences(tasks=(1, 3), blocks=(1, 3), dimension=(1, 1), vectors=True))
def test_three_tasks_by_brute_force(seq):
    assert_same_as_brute_force(seq)


@given(task_sequences(tasks=(1, 2), blocks=(1, 2), dimension=(1, 2), vectors=True), st.data())
def test_the_threshold_by_brute_force(seq, data):
    """Counts at the threshold with and without noise: both routes call the same steps infinite."""
    t = data.draw(st.integers(0, len(seq) - 1))
    task = seq.tasks[t]
    samples = max(seq.trained_dimension(t) + data.draw(st.sampled_from([-1, 0, 1])), 0)
    task = replace(task, samples=samples, noise=data.draw(st.sampled_from([F(0), HALF])), scale=data.draw(st.sampled_from([1, HALF])))
    assert_same_as_brute_force(replace(seq, tasks=[*seq.tasks[:t], task, *seq.tasks[t + 1 :]]))


# ---------------------------------------------------------------- two tasks, written out

COUNTS = {"n_1 < N - 1": lambda draw, N: draw(st.integers(0, N - 2)), "n_1 > N + 1": lambda draw, N: draw(st.integers(N + 2, 3 * N))}


@st.composite
def two_tasks(draw, first: str, second: str) -> TwoTasks:
    """Random numbers of the paper's setting; ``second`` bounds n_2: "frozen", "full", "between" or "above" the thresholds."""
    p, p_1 = draw(st.integers(1, 20)), draw(st.integers(2, 20))
    p_2 = p_1 + draw(st.integers(0, 8))
    ranges = {"frozen": (0, p_2 - 2), "full": (0, p + p_2 - 2), "between": (p_2 + 2, p + p_2 - 2), "above": (p + p_2 + 2, 3 * (p + p_2))}
    low, high = ranges[second]
    assume(low <= high)
    (u11, u12), (_, u22) = draw(inner_products(2))
    (q11, q12), (_, q22) = draw(inner_products(2))
    extra = draw(st.sampled_from([F(0), F(1), F(3, 2)])) if p_2 > p_1 else F(0)
    distance = q22 - 2 * q12 + q11
    noise = draw(st.sampled_from([F(0), HALF, F(1)])), draw(st.sampled_from([F(0), THIRD, F(2)]))
    return TwoTasks(
        p, p_1, p_2, COUNTS[first](draw, p + p_1), draw(st.integers(low, high)), noise[0] ** 2, noise[1] ** 2,
        u11, u12 - u11, u22 - 2 * u12 + u11, q11, q12 - q11, distance + extra, extra,
    )  # fmt: skip


def build(two: TwoTasks, train_shared: bool, norm: str = "padded", d_u: F | None = None) -> TaskSequence:
    def pair(square, along, distance):
        return [[square, square + along], [square + along, square + 2 * along + distance]]

    gram = {"shared": pair(two.u11, two.cu, two.du), "specific": pair(two.q11, two.cq, two.dq - two.extra), "extra": two.extra}
    roots = {variance: root for root in (F(0), THIRD, HALF, F(1), F(2)) for variance in (root**2,)}
    noise = roots[two.variance_1], roots[two.variance_2]
    return expanding(two.p, (two.p_1, two.p_2 - two.p_1), (two.n_1, two.n_2), noise, gram=gram, norm=norm, train_shared=train_shared)


@pytest.mark.parametrize("first", COUNTS)
class TestTwoTasks:
    @given(data=st.data())
    def test_first_task(self, first, data):
        two = data.draw(two_tasks(first, "full"))
        law = expected_errors(build(two, True))
        assert law.errors[0, 0] == two.E_1 == two.e_u + two.e_q
        assert law.errors[0, 1] == two.E_1 + 2 * two.r * (two.cu + two.cq) + two.du + two.dq

    @given(data=st.data())
    def test_frozen_deviation(self, first, data):
        two = data.draw(two_tasks(first, "frozen"))
        law = expected_errors(build(two, False))
        assert law.deviation() == two.frozen_deviation() and law.effective_noise[1] == two.frozen_noise
        assert law.forgetting() == two.frozen_deviation() - two.E_1

    @given(data=st.data())
    def test_initialized_deviation(self, first, data):
        two = data.draw(two_tasks(first, "full"))
        assert expected_errors(build(two, True)).deviation() == two.initialized_deviation()

    @pytest.mark.parametrize("second", ["between", "above"])
    @given(data=st.data())
    def test_beyond_the_thresholds_of_the_second_task(self, first, second, data):
        """r_A (and r_B) are zero, k_A = p_2 / (n_2 - p_2 - 1) (and k_B alike)."""
        two = data.draw(two_tasks(first, second))
        assert expected_errors(build(two, False)).deviation() == two.frozen_deviation()
        assert expected_errors(build(two, True)).deviation() == two.initialized_deviation()

    @given(data=st.data())
    def test_excess_risk_of_a_growing_model(self, first, data):
        two = data.draw(two_tasks(first, "frozen"))
        assert expected_errors(build(two, False, "excess_risk")).deviation() == two.frozen_excess_risk()
        assert expected_errors(build(two, True, "excess_risk")).deviation() == two.initialized_excess_risk()


@pytest.mark.parametrize("second", ["frozen", "between", "above"])
@given(data=st.data())
def test_when_frozen_training_wins(second, data):
    """u_2 = u_1, padded norm: the inequalities of the three regimes decide as the difference of two laws does."""
    two = replace(data.draw(two_tasks("n_1 < N - 1", second)), cu=F(0), du=F(0))
    still, moving = expected_errors(build(two, False)), expected_errors(build(two, True))
    for zeta, values in (
        (two.zeta, (still.deviation(), moving.deviation())),
        (two.zeta, (still.forgetting(), moving.forgetting())),
        (two.zeta_generalization, (still.generalization(), moving.generalization())),
        (two.zeta_last_error, (still.errors[1, 1], moving.errors[1, 1])),
    ):
        if two.n_2 and values[0] != values[1]:
            assert two.frozen_wins(zeta) == (values[0] < values[1])


@pytest.mark.parametrize(
    "winner",
    [
        TwoTasks(40, 40, 40, 1, 1, F(0), F(1, 9), F(0), F(0), F(0), F(1), F(0), F(0)),
        TwoTasks(6, 4, 4, 4, 7, F(0), F(4), F(0), F(0), F(0), F(1), F(0), F(0)),
        TwoTasks(4, 4, 4, 4, 11, F(0), F(4), F(0), F(0), F(0), F(1), F(0), F(0)),
    ],
)
def test_both_sides_of_the_inequality_occur(winner):
    """Frozen training wins where the shared part is known and loses where it is off, in each of the three regimes."""
    for two, wins in ((winner, True), (replace(winner, u11=F(9), q11=F(0), variance_2=F(0)), False)):
        still, moving = (expected_errors(build(two, shared)).deviation() for shared in (False, True))
        assert two.frozen_wins(two.zeta) == (still < moving) == wins


# ---------------------------------------------------------------- one block


@given(st.integers(3, 30), st.integers(1, 5), st.sampled_from([F(0), HALF, F(2)]), st.data())
def test_one_block_by_lin_et_al(p, tasks, sigma, data):
    n, gram = data.draw(st.integers(1, p - 2)), data.draw(inner_products(tasks))
    law = expected_errors(one_block(p, (n,) * tasks, sigma, gram=gram))
    for t in range(tasks):
        assert [law.errors[t, i] for i in range(tasks)] == [one_block_error(p, n, sigma**2, gram, t + 1, k) for k in range(1, tasks + 1)]
    assert law.generalization() == one_block_generalization(p, n, sigma**2, gram)
    assert tasks == 1 or law.forgetting() == one_block_forgetting(p, n, sigma**2, gram)


# ---------------------------------------------------------------- update magnitude


def products_with_step(seq: TaskSequence, t: int, i: int) -> F:
    """E <theta_t - theta_{t-1}, theta_{t-1} - w_i>, the derivative at scale 0 of L_i / 2 along the last step.

    Errors are a parabola in the scale of the last step; its slope comes from three laws that scale the step.
    """
    at = {s: expected_errors(replace(seq, tasks=[*seq.tasks[:t], replace(seq.tasks[t], scale=s)])).errors[t, i] for s in (-1, 1)}
    return (at[1] - at[-1]) / 4


@given(st.integers(1, 9), st.integers(2, 9), st.integers(0, 8), st.data())
def test_best_scale_of_initialized_training(p, p_1, more, data):
    """s* = -E <D, err> / E |D|^2 has the closed form of two tasks, minimises L_1, and gains E <D, err>^2 / E |D|^2."""
    two = data.draw(two_tasks("n_1 < N - 1", "full"))
    seq = build(two, True)
    law = expected_errors(seq)
    assume(two.n_2 and law.step_sizes[1])
    along = products_with_step(seq, 1, 0)
    best = -along / law.step_sizes[1]
    assert best == two.best_scale
    scaled = expected_errors(replace(seq, tasks=[seq.tasks[0], replace(seq.tasks[1], scale=best)]))
    assert scaled.errors[1, 0] - law.errors[0, 0] == -(along**2) / law.step_sizes[1]
    assert scaled.errors[1, 0] <= law.errors[1, 0]


@given(st.integers(2, 6), st.integers(1, 5), st.data())
def test_what_a_step_changes(p, p_1, data):
    """L_i(theta_t) - L_i(theta_{t-1}) = |D|^2 + 2 <D, err> in expectation; E <D, err> = sum_b m (c.g_t - s_b - g_ti + c.g_i).

    Over two tasks from zero c = m_1 (unit vector 0), s_b = E |theta_0,b|^2, both written out by hand.
    """
    d, n = p + p_1, data.draw(st.tuples(st.integers(0, p + p_1 - 2), st.integers(0, p + p_1 - 2)))
    grams = data.draw(inner_products(2))
    law = expected_errors(one_block(d, n, HALF, gram=grams))
    m_1, m = F(n[0], d), F(n[1], d)
    square = m_1 * grams[0][0] + F(n[0], d - n[0] - 1) / 4
    for i in (0, 1):
        along = m * (m_1 * grams[0][1] - square - grams[1][i] + m_1 * grams[0][i])
        assert law.errors[1, i] - law.errors[0, i] == law.update_magnitude[1] + 2 * along


@given(st.integers(2, 12), st.data())
def test_update_of_a_block_started_from_zero(d, data):
    """Two independent estimates: E |theta_1 - theta_0|^2 = E |theta_1|^2 + E |theta_0|^2 - 2 m_0 m_1 <w_0, w_1>."""
    gram = data.draw(inner_products(2))
    n = [data.draw(st.sampled_from([k for k in range(2 * d + 4) if k == 0 or abs(k - d) > 1])) for _ in "01"]
    sigma = data.draw(numbers.map(abs)), data.draw(positive_numbers)
    law = expected_errors(one_block(d, n, sigma, gram=gram, start="zero"))
    squares = [expected_errors(one_block(d, (k,), s, gram=[[gram[t][t]]])).step_sizes[0] for t, (k, s) in enumerate(zip(n, sigma))]
    shares = [min(F(k, d), F(1)) for k in n]
    assert law.update_magnitude[1] == sum(squares) - 2 * shares[0] * shares[1] * gram[0][1]
    assert law.step_sizes.tolist() == squares
