"""The hybrid rule: like a plain loop, equal to frozen and initialized training at its ends, beside fixed schedules."""

import numpy as np
import pytest
from sampler_reference import CASES, assert_honest, naive_data, same_bits, vectors
from scaffold import assert_refused, refusals

from driftlaw import InputError, Task, TaskSequence, compare_schedules, expected_errors, frozen, hybrid, initialized, simulate
from simulate.hybrid_rule import HybridSimulation
from simulate.sample.adaptive import AdaptiveLearner, AdaptivePlan, frozen_sequence
from simulate.sample.plan import make_plan
from simulate.sample.streams import Streams
from theory.optima import best_schedule

RNG = np.random.default_rng(7)
BLOCKS = {"shared": 20, "specific": 24}
SETTING = (BLOCKS, (12, 10, 8, 11), 0.3, {block: vectors(RNG, d, 4) for block, d in BLOCKS.items()})
SEQ = initialized(*SETTING)


def naive_hybrid(seq, threshold, seed, trial):
    """Errors, scores and decisions of one trial, written out."""
    data, shared = naive_data(seq, seed, trial), seq.blocks["shared"]
    theta, previous = np.zeros(data[0][0].shape[1]), None
    errors, scores, decisions = np.zeros((len(seq), len(seq))), [np.nan], [False]
    for t, (x, y, _) in enumerate(data):
        gradient = (x.T @ (x @ theta - y) / len(y))[:shared]
        if t:
            scores.append(gradient @ previous / np.linalg.norm(gradient) / np.linalg.norm(previous))
            decisions.append(scores[-1] >= threshold)
        previous = gradient
        moving = slice(shared if decisions[-1] else 0, None)
        theta[moving] += np.linalg.lstsq(x[:, moving], y - x @ theta, rcond=None)[0]
        errors[t] = [np.sum((theta - w) ** 2) for _, _, w in data]
    return errors, scores, decisions


@pytest.mark.parametrize("threshold", [-0.2, 0.0, 0.15])
def test_the_rule_like_a_plain_loop(threshold):
    found = hybrid(SEQ, threshold, 70, 3)
    for trial in (0, 1, 40, 63, 64, 69):
        errors, scores, decisions = naive_hybrid(SEQ, threshold, 3, trial)
        np.testing.assert_allclose(found.scores[trial], scores, rtol=1e-9)
        assert found.frozen[trial].tolist() == decisions
        np.testing.assert_allclose(found.errors_sample[trial], errors, rtol=1e-9)
    assert 10 < found.frozen[:, 1:].sum() < 200 and not found.frozen[:, 0].any()  # both decisions are there


@pytest.mark.parametrize("start", ["previous", "zero"])
def test_the_ends_are_frozen_and_initialized_training_bit_by_bit(start):
    seq = initialized(*SETTING, start=start)
    everything, keeping = simulate(seq, 90, 2), simulate(frozen_sequence(seq, ("shared",)), 90, 2)
    assert same_bits(hybrid(seq, 1.1, 90, 2), everything) and same_bits(hybrid(seq, -1, 90, 2), keeping)
    if start == "previous":
        assert same_bits(keeping, simulate(frozen(*SETTING), 90, 2))
    mixed = hybrid(seq, 0.0, 90, 2)
    for trial in np.flatnonzero(mixed.frozen[:, 1:].all(axis=1)):
        assert np.array_equal(mixed.errors_sample[trial], keeping.errors_sample[trial])
    for trial in np.flatnonzero(~mixed.frozen.any(axis=1)):
        assert np.array_equal(mixed.update_magnitude_sample[trial], everything.update_magnitude_sample[trial])
    assert mixed.frozen[:, 1:].all(axis=1).any() and (~mixed.frozen.any(axis=1)).any()


def test_equal_tasks_score_around_zero_and_opposite_ones_below():
    """What a fitted task left unlearned is orthogonal to its own gradient, so one truth twice scores 0, its negative far less.

    Means within 5 standard errors (6e-7); the difference of the two is 25 standard errors, the wrong sign is caught.
    """
    w = {block: np.full(d, 1.0) for block, d in BLOCKS.items()}
    same, opposite = (
        hybrid(initialized(BLOCKS, (20, 20), 0.1, {b: [v, sign * v] for b, v in w.items()}), 0.0, 400, 1).scores[:, 1] for sign in (1, -1)
    )
    assert abs(same.mean()) < 5 * same.std() / 20 < 0.06
    assert opposite.mean() < -0.3 and np.mean(opposite < same) > 0.9


def test_memory_workers_and_more_trials_do_not_change_a_bit():
    whole = hybrid(SEQ, 0.0, 150, 2, workers=1)
    for options in ({"workers": 2}, {"workers": 1, "memory_limit": 60000}):
        other = hybrid(SEQ, 0.0, 150, 2, **options)
        assert same_bits(whole, other) and np.array_equal(whole.frozen, other.frozen)
        assert np.array_equal(whole.scores, other.scores, equal_nan=True)
    assert same_bits(whole, hybrid(SEQ, 0.0, 70, 2), 70)


def test_bytes_per_trial_is_honest():
    plan = AdaptivePlan(make_plan(SEQ), make_plan(frozen_sequence(SEQ, ("shared",))), (0,), 0.0)
    assert_honest(plan.bytes_per_trial, lambda trials: AdaptiveLearner(plan, Streams(0, 0), trials), len(SEQ), 2)


def test_results_keep_their_decisions():
    one, other = hybrid(SEQ, 0.0, 30, 1), hybrid(SEQ, 0.0, 20, 2)
    both = one.merge(other)
    assert isinstance(both, HybridSimulation) and both.trials == 50
    assert np.array_equal(both.frozen, np.concatenate([one.frozen, other.frozen]))
    assert both.frozen_share.mean[0] == 0 and both.frozen_share.mean[1] == both.frozen[:, 1].mean()
    for stranger in (hybrid(SEQ, 0.1, 20, 2), simulate(SEQ, 20, 2)):
        assert_refused(lambda: one.merge(stranger), "different experiments")
    with pytest.raises(ValueError, match="read-only"):
        one.frozen[0, 1] = True
    with pytest.raises(InputError, match=r"scores has shape \(3, 2\)"):
        HybridSimulation(one.errors_sample, one.step_sizes_sample, one.update_magnitude_sample, scores=np.zeros((3, 2)), frozen=one.frozen)


def test_schedules_are_compared_on_the_same_draws():
    blocks = {"shared": 12, "specific": 16}
    seq = initialized(blocks, (8, 6, 6), 0.3, {b: vectors(np.random.default_rng(1), d, 3) for b, d in blocks.items()})
    trials, seed = 4000, 5
    (found, never) = compare_schedules("generalization", seq, (0.1, 2), trials, seed)
    run = hybrid(seq, 0.1, trials, seed)
    assert found.value.mean == run.generalization().mean and np.array_equal(found.frozen_share.mean, run.frozen_share.mean)
    everything, keeping = (simulate(one, trials, seed) for one in (seq, frozen_sequence(seq, ("shared",))))
    difference = run.per_trial("generalization") - everything.per_trial("generalization")
    assert found.minus_initialized.mean == pytest.approx(np.mean(difference), rel=1e-10)
    assert found.minus_frozen.mean == pytest.approx((run - keeping).generalization().mean, rel=1e-10)
    assert never.minus_initialized.mean == never.minus_initialized.stderr == 0
    best = best_schedule("generalization", seq)
    assert found.best_schedule == best.choice and found.best_value == best.value
    # the best schedule's own sample meets its exact value; |z| < 5 has a false-alarm rate of 6e-7
    sample = simulate(frozen_sequence(seq, ("shared",), best.choice), trials, seed).generalization()
    assert abs(sample.mean - best.value) < 5 * sample.stderr
    assert found.minus_best.mean == pytest.approx(found.value.mean - sample.mean, rel=1e-9)


def test_frozen_sequences_drop_what_they_no_longer_train():
    settings = {"weights": {"shared": 3.0}, "scale": {"shared": 0.5, "specific": 0.9}, "start": {"shared": "zero"}}
    weighted = Task(5, 0.1, {b: np.ones(d) for b, d in BLOCKS.items()}, tuple(BLOCKS), **settings)
    task = frozen_sequence(TaskSequence(BLOCKS, [weighted] * 2), ("shared",)).tasks[1]
    assert task.train == ("specific",) and task.weights is None and dict(task.scale) == {"specific": 0.9} and not task.start
    schedule = (False, True, False, True)
    seq, best = frozen_sequence(SEQ, ("shared",), schedule), best_schedule("generalization", SEQ)
    assert [task.train for task in seq.tasks] == [("specific",) if cold else tuple(BLOCKS) for cold in schedule]
    assert expected_errors(seq).generalization() == best.values[best.choices.index(schedule)]


def refused(seq, threshold=0.0, **options):
    return lambda: hybrid(seq, threshold, **{"trials": 3, **options})


test_refusals_name_the_value_and_the_remedy = refusals([
    (refused(3), "the experiment is a int"),
    (refused(SEQ, float("nan")), "threshold is nan; give a cosine"),
    (refused(SEQ, keep="shared"), "keep is 'shared'; give a tuple"),
    (refused(SEQ, keep=("head",)), "task 0 does not train block 'head'"),
    (refused(frozen(*SETTING)), r"task 1 does not train block 'shared' \(it trains \['specific'\]\)"),
    (refused(SEQ, keep=tuple(BLOCKS)), "would train nothing"),
    (refused(CASES["replay"]), "task 1 has memory"),
    (refused(CASES["no samples, restarted"], keep=("a",)), "task 1 has no samples and so no gradient"),
    (refused(SEQ, memory_limit=1000), "above memory_limit=1,000"),
    (refused(initialized({"shared": 10**6, "specific": 20}, (5,) * 3, 0, truth={"shared": [np.zeros(10**6)] * 3, "specific": [np.zeros(20)] * 3}), memory_limit=10**6), "beyond memory_limit=1,000,000"),
])
