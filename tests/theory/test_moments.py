"""Which moments exist, by cases worked out by hand and by draws.

The cases, each with its orders, stand in `moment_battery`, which test_mutations.py runs on the mutants of the code
too. Their reasons, for one block of 10: a step that fits n < d samples keeps part of the past, so
that the smallest gap so far counts (gaps 4, 8, 2); n >= d samples erase it, so that the estimate forgets
task 0's tail and the step to it does not; partial steps and tasks without samples keep it; a start from
zero forgets it in the estimate, not in the update. For several blocks: errors of a frozen block are noise,
even without label noise, unless the block is right; a block that starts anew leaves its tail behind, the
others bring theirs into the joint step. Stored rows count as rows, and as noise if they are of another
truth; more rows than parameters, stored ones too, erase the past. What is only drawn moves nothing. Steps
that damp small singular values have all moments.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from moment_battery import MOMENT_CHECKS
from strategies import sequences

import theory
from theory import DomainError, Task, TaskSequence, expected_errors, moment_orders, one_block
from theory.moments import step_slack

# ---------------------------------------------------------------- one step


@pytest.mark.parametrize("gap, order", [(0, 0.5), (1, 1), (2, 1.5), (3, 2), (4, 2.5), (8, 4.5)])
@pytest.mark.parametrize("side", [-1, 1])
def test_order_of_one_noisy_step(gap, order, side):
    """|g|^2 = f chi^2 / chi^2_{gap+1}: moments below (gap + 1) / 2 exist."""
    made = moment_orders(one_block(10, (10 + side * gap,), 0.5, gram=[[1.0]]))
    assert made.errors[0, 0] == made.step_sizes[0] == made.update_magnitude[0] == order
    assert made.generalization() == made.error(0, 0) == order


@pytest.mark.parametrize("check", MOMENT_CHECKS)
def test_cases_by_hand(check):
    check(theory)


# ---------------------------------------------------------------- memory


def heads(shared, head, stored, fresh, noise=0.5):
    """Task 1 trains the shared block and its own head, with stored rows of task 0, whose head it leaves alone."""
    blocks = {"a": shared, "g": 1, "h": head}
    tasks = [Task(stored, noise, {"a": "u", "g": "g"}, ("a", "g")), Task(fresh, noise, {"a": "u", "h": "h"}, ("a", "h"), memory={0: stored})]
    return TaskSequence(blocks, tasks, {block: np.ones((2, 2)) for block in blocks})


@pytest.mark.parametrize(("sizes", "slack", "determined"), [
    ((1, 3, 4, 2), 1, "a"),  # two rows for three parameters of the head; without regard to zeros it would be 2
    ((1, 2, 2, 3), 1, "ah"),  # three rows for two
    ((1, 2, 5, 2), 0, "ah"),  # two for two, 4 without regard to zeros
    ((2, 3, 1, 3), 1, ""),
    ((3, 1, 2, 1), 1, ""),  # two stored rows for three shared parameters
])
def test_zeros_in_stored_rows_bring_the_features_nearer_to_losing_rank(sizes, slack, determined):
    """Against draws: the least singular value that is not zero for certain is below e with a probability ~ e^(slack + 1)."""
    assert step_slack(heads(*sizes), 1) == (slack, set(determined))
    shared, head, stored, fresh = sizes
    features = np.random.default_rng(0).standard_normal((100_000, stored + fresh, shared + head))
    features[:, :stored, shared:] = 0
    least = np.linalg.svd(features, compute_uv=False)[:, np.linalg.matrix_rank(features[0]) - 1]
    lowest = np.sort(least)[:301]
    assert 1 / np.mean(np.log(lowest[-1] / lowest[:-1])) == pytest.approx(slack + 1, rel=0.25)  # Hill's estimate, +- 6 %


# ---------------------------------------------------------------- agreement with the law


@given(sequences())
def test_the_law_exists_where_first_moments_do(seq):
    made, law = moment_orders(seq), expected_errors(seq)
    assert np.all(made.errors > 1) and np.all(made.step_sizes > 1) and np.all(made.update_magnitude > 1)
    assert np.isfinite(law.errors.astype(float)).all()
    with pytest.raises(DomainError):
        noisy = replace(seq.tasks[-1], samples=seq.trained_dimension(len(seq) - 1), noise=1, scale=1)
        pole = replace(seq, tasks=[*seq.tasks[:-1], noisy])
        assert moment_orders(pole).step_sizes[-1] <= 0.5
        expected_errors(pole)
