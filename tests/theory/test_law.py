"""The law against integrals that do not use its recursion, on random experiments; compared as fractions, without tolerance.

Every property of the law (linear in squares of truths and noise, blind to names, to the order of blocks and to equal
weights, a parabola in the scale of a step, ...) follows from this equality. Regimes, conditions, thresholds, what is
refused, and truths as names, vectors and directions are checks of `law_battery`, which test_mutations.py runs on the code
and on its mutants.
"""

from dataclasses import replace
from fractions import Fraction as F

import pytest
from direct_route import DirectRoute, InfiniteExpectation
from haar_moments import expected_noise_step, projection_moment
from hypothesis import given, settings, strategies as st
from law_battery import PARTS
from scaffold import assert_refused
from strategies import sequences
from training_route import TrainingRoute

from theory import DomainError, TaskSequence, expected_errors

# ---------------------------------------------------------------- the integrals themselves


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_integrated_projections_are_projections(d):
    """E tr P = n, E P^2 = E P, E (tr P)^2 = n^2, and no direction preferred, from the integrals of single entries."""
    for n in range(1, d):
        every = range(d)
        assert sum(projection_moment(((i, i),), n, d) for i in every) == n
        assert sum(projection_moment(((i, i), (j, j)), n, d) for i in every for j in every) == n**2
        for i, k in ((0, 0), (0, 1)):
            assert sum(projection_moment(((i, j), (j, k)), n, d) for j in every) == projection_moment(((i, k),), n, d)
        square, same, crossed = (projection_moment(entries, n, d) for entries in (((0, 0), (0, 0)), ((0, 0), (1, 1)), ((0, 1), (0, 1))))
        assert square == same + 2 * crossed


def test_noise_steps_by_back_substitution_and_by_the_chi_square_ratio():
    """|A (A'A)^{-1} eps|^2 = chi^2_n / chi^2_{d-n+1}, so its mean is n / (d - n - 1); the longer side is d or n."""
    for short in range(1, 7):
        for long in range(short + 2, short + 6):
            ratio = F(short) * F(1, long - short + 1 - 2)
            assert expected_noise_step(short, long) == expected_noise_step(long, short) == ratio


# ---------------------------------------------------------------- the law


def by_inner_products(seq: TaskSequence) -> TaskSequence:
    """The same experiment with names for its truths."""
    tasks = [replace(task, truth={block: f"{block}_{t}" for block in task.truth}) for t, task in enumerate(seq.tasks)]
    vectors = {b: [task.truth[b].values.tolist() if b in task.truth else [0] * d for task in seq.tasks] for b, d in seq.blocks.items()}
    gram = {b: [[sum(x * y for x, y in zip(left, right)) for right in rows] for left in rows] for b, rows in vectors.items()}
    return TaskSequence(seq.blocks, tasks, gram)


@settings(max_examples=10 * settings().max_examples)
@given(sequences(max_dimension=8, vectors=True), st.data())
def test_random_experiments_by_integration(seq, data):
    """Counts at the threshold too, with and without noise: both routes call the same steps infinite."""
    t = data.draw(st.integers(0, len(seq) - 1))
    if data.draw(st.booleans()):
        samples = max(seq.trained_dimension(t) + data.draw(st.sampled_from([-1, 0, 1])), 0)
        seq = replace(seq, tasks=[replace(task, samples=samples) if s == t else task for s, task in enumerate(seq.tasks)])
    try:
        direct = DirectRoute(seq)
    except InfiniteExpectation:
        assert_refused(lambda: expected_errors(seq), f"task {t}: ", DomainError)
        return
    for law in (expected_errors(seq), expected_errors(by_inner_products(seq))):
        for part in PARTS:
            assert getattr(law, part).tolist() == getattr(direct, part).tolist(), part


# ---------------------------------------------------------------- training errors


@settings(max_examples=max(settings().max_examples // 2, 5))
@given(sequences(max_tasks=3, max_dimension=3, max_blocks=2, vectors=True))
def test_training_errors_by_integration(seq):
    try:
        found = TrainingRoute(seq).training
    except InfiniteExpectation:
        assert_refused(lambda: expected_errors(seq), error=DomainError)
        return
    assert expected_errors(seq).training_errors.tolist() == found.tolist()
