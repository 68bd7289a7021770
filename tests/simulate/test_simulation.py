"""Results of a simulation: definitions of the quantities, their names, merging and paired differences."""

import pickle

import numpy as np
import pytest
from scaffold import assert_refused, refusals

import simulate
from driftlaw import Estimate, Isotropic, Simulation, initialized, one_block


def made_up(trials=50, tasks=3, seed=0, draws=((1, 0, 49),), experiment="e"):
    rng = np.random.default_rng(seed)
    samples = (rng.random(shape) for shape in ((trials, tasks, tasks), (trials, tasks), (trials, tasks)))
    return Simulation(*samples, frozenset(draws), experiment)


ONE_TASK = simulate.simulate(one_block(6, (2,), 0.1, [np.ones(6)]), 4)


# What a name reads of errors e, step sizes s and update magnitudes u of one trial, for T = 3; `quantity_battery` writes out every quantity.
WRITTEN_OUT = {
    "forgetting": lambda e, s, u: ((e[2, 0] - e[0, 0]) + (e[2, 1] - e[1, 1])) / 2,
    " error[ -1 , 0 ] ": lambda e, s, u: e[2, 0],
    "step_size": lambda e, s, u: s[2],
    "update_magnitude[1]": lambda e, s, u: u[1],
}


def test_what_it_shows_fits_a_screen():
    assert str(simulate.simulate(one_block(30, (8,) * 9, 0.5, truth=[Isotropic(1)] * 9), 200)).count("+-") == 4
    assert str(Estimate(1.11984, 0.0015, 20_000)) == "1.1198 +- 0.0015 (20,000 trials)"


@pytest.mark.parametrize("quantity", WRITTEN_OUT)
def test_targets_are_what_they_are_called(quantity):
    found = made_up()
    by_trial = zip(found.errors_sample, found.step_sizes_sample, found.update_magnitude_sample, strict=True)
    expected = [WRITTEN_OUT[quantity](*trial) for trial in by_trial]
    np.testing.assert_allclose(found.per_trial(quantity), expected, rtol=1e-14)
    estimate = found.estimate(quantity)
    assert estimate.mean == pytest.approx(np.mean(expected), rel=1e-13) and estimate.count == 50
    assert estimate.stderr == pytest.approx(np.std(expected, ddof=1) / 50**0.5, rel=1e-12)
    assert estimate.draws == found.draws


def test_methods_are_the_targets():
    found = made_up()
    for name in ("deviation", "forgetting", "generalization"):
        for t in (1, 2, -1):
            left, right = getattr(found, name)(t), found.estimate(f"{name}[{t}]")
            assert (left.mean, left.stderr) == (right.mean, right.stderr)
        assert getattr(found, name)().mean == found.estimate(name).mean
    np.testing.assert_allclose(found.errors.mean, found.errors_sample.mean(axis=0))
    np.testing.assert_allclose(found.errors.stderr[2, 1], found.estimate("error[2,1]").stderr)
    assert found.errors.draws == found.step_sizes.draws == found.update_magnitude.draws == found.forgetting().draws == {(1, 0, 49)}
    assert found.step_sizes.mean[1] == pytest.approx(found.estimate("step_size[1]").mean)
    assert found.update_magnitude.mean[1] == pytest.approx(found.estimate("update_magnitude[1]").mean)


test_bad_targets_are_refused = refusals([
    (lambda: made_up().per_trial("forgeting"), "no quantity 'forgeting'; did you mean 'forgetting'"),
    (lambda: made_up().per_trial(3), "the quantity is 3"),
    (lambda: made_up().per_trial(lambda s: s.errors_sample), r"\(50, 3, 3\); .* one number for each of"),
    (lambda: made_up().per_trial(lambda s: 1.0), r"shape \(\)"),
    (lambda: made_up().per_trial(lambda s: ["a"] * 50), "returned <U1"),
    (lambda: made_up().per_trial(lambda s: np.full(50, np.nan)), "50 values that are not finite"),
    (lambda: ONE_TASK.estimate("deviation"), "no earlier task .the sequence has 1."),
    (lambda: ONE_TASK.estimate("forgetting"), "no earlier task .the sequence has 1."),
])


def test_a_function_is_a_target():
    found = made_up()
    np.testing.assert_array_equal(found.per_trial(lambda s: s.errors_sample[:, 2, 0]), found.per_trial("error[2,0]"))
    assert found.per_trial(lambda s: np.arange(50)).dtype == np.float64


MISFITS = [((5, 2, 2), (5, 2), (5, 3)), ((5, 2, 3), (5, 2), (5, 2)), ((4, 2, 2), (5, 2), (5, 2)), ((0, 2, 2), (0, 2), (0, 2))]
test_samples_that_do_not_fit_are_refused = refusals([
    (lambda shapes=shapes: Simulation(*map(np.zeros, shapes)), r"the samples have shapes .*\(trials, T, T\)") for shapes in MISFITS
])


def test_samples_are_read_only():
    found = made_up()
    for array in (found.errors_sample, found.step_sizes_sample, found.update_magnitude_sample):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert (found.trials, found.tasks) == (50, 3)


def test_pickling_keeps_everything():
    seq = one_block(6, (2, 3), 0.1, [np.ones(6)] * 2)
    found = simulate.simulate(seq, 5, (1, 2))
    again = pickle.loads(pickle.dumps(found))
    assert np.array_equal(again.errors_sample, found.errors_sample)
    assert again.draws == found.draws == {((1, 2), 0, 4)} and again.experiment == seq


# --- merging and differences


SEQ = initialized({"a": 5, "b": 4}, (3, 2), 0.3, {"a": [np.ones(5)] * 2, "b": [np.ones(4), -np.ones(4)]})
OTHER = initialized({"a": 5, "b": 4}, (3, 2), 0.3, {"a": [np.ones(5)] * 2, "b": [np.ones(4), -np.ones(4)]}, start="zero")


def test_merging_pools_the_trials():
    one, two = simulate.simulate(SEQ, 30, 1), simulate.simulate(SEQ, 20, (1, 5))
    both = one.merge(two)
    assert both.trials == 50 and both.draws == {(1, 0, 29), ((1, 5), 0, 19)} and both.experiment == SEQ
    for name in ("errors_sample", "step_sizes_sample", "update_magnitude_sample"):
        assert np.array_equal(getattr(both, name), np.concatenate([getattr(one, name), getattr(two, name)]))
    merged = one.deviation().merge(two.deviation())
    assert merged.mean == pytest.approx(both.deviation().mean) and merged.stderr == pytest.approx(both.deviation().stderr)
    assert_refused(lambda: both.merge(simulate.simulate(SEQ, 10, 1)), "trials 0 to 9 of seed 1 ")


def test_merging_refuses_other_experiments():
    for other in (simulate.simulate(OTHER, 5, 2), simulate.simulate(SEQ, 5, 2) - simulate.simulate(OTHER, 5, 2)):
        assert_refused(lambda: simulate.simulate(SEQ, 5, 1).merge(other), "different experiments")


def test_differences_are_taken_trial_by_trial():
    one, two = simulate.simulate(SEQ, 40, 1), simulate.simulate(OTHER, 40, 1)
    difference = one - two
    assert np.array_equal(difference.errors_sample, one.errors_sample - two.errors_sample)
    assert np.array_equal(difference.update_magnitude_sample, one.update_magnitude_sample - two.update_magnitude_sample)
    for quantity in ("deviation", "forgetting", "generalization", "step_size"):
        np.testing.assert_allclose(difference.per_trial(quantity), one.per_trial(quantity) - two.per_trial(quantity), atol=1e-14)
    assert difference.draws == one.draws
    more = simulate.simulate(SEQ, 30, 2) - simulate.simulate(OTHER, 30, 2)
    assert difference.merge(more).trials == 70


def test_differences_refuse_other_draws():
    one = simulate.simulate(SEQ, 20, 1)
    merged = one.merge(simulate.simulate(SEQ, 20, 2))
    for left, right in ((one, simulate.simulate(OTHER, 20, 2)), (one, simulate.simulate(OTHER, 19, 1)), (merged, merged), (one, merged)):
        assert_refused(lambda: left - right, "a paired difference needs the same seed and the same number of trials")
    assert_refused(lambda: one - simulate.simulate(one_block(6, (2,), 0.1, [np.ones(6)]), 20, 1), "2 and 1 tasks")
    assert_refused(lambda: one - 3.0, error=TypeError)


# --- the package


def test_unknown_names_are_refused():
    assert_refused(lambda: simulate.simulator, "no attribute 'simulator'; it offers .*simulate", AttributeError)
    assert {"simulate", "check", "Simulation", "Estimate"} <= set(dir(simulate))
