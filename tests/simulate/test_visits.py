"""The same data again: what the sampler keeps and draws, against the law and its averages over orders, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scaffold import assert_refused

from driftlaw import Isotropic, Task, TaskSequence, check, expected_errors, moment_orders, one_block, simulate

GRAM = [[1.0, 0.3], [0.3, 2.0]]
SEQ = one_block(14, (4, 4), 0.5, gram=GRAM)


def deviations(sample, errors):
    estimates = [(sample.error(t, i), errors[t, i]) for t, i in np.ndindex(errors.shape)]
    return np.array([(estimate.mean - exact) / estimate.stderr for estimate, exact in estimates])


@pytest.mark.parametrize(("samples", "visits"), [((4, 4), (0, 1, 0, 1, 1, 0)), ((3, 7), (1, 0, 1, 0)), ((22, 5), (0, 1, 0, 1))])
def test_visits_in_a_given_order_have_the_errors_of_the_law(samples, visits):
    """False alarm below 1e-4 (36 errors, 4.9 standard errors); every visit must also bring the same labels, or the fit would be worse."""
    seq = one_block(14, samples, 0.5, gram=GRAM).under(visits=visits)
    sample, law = simulate(seq, 6000), expected_errors(seq)
    assert abs(deviations(sample, law.errors)).max() < 4.9
    assert np.all(abs(sample.step_sizes.mean - law.step_sizes) <= 4.9 * sample.step_sizes.stderr + 1e-12)


@pytest.mark.parametrize("visits", [(0, 1, (0, 1), (0, 1)), ((0, 1),) * 4, ((1, 0, 0), 0, (0, 1), 1)])
def test_visits_that_are_drawn(visits):
    """Each task, of another length, is met with data that stay the same; errors are those on what was drawn. False alarm below 1e-4."""
    seq = SEQ.under(visits=visits)
    sample, law = simulate(seq, 8000, 1), expected_errors(seq)
    assert abs(deviations(sample, law.errors)).max() < 4.7 and abs((sample.step_sizes.mean - law.step_sizes) / sample.step_sizes.stderr).max() < 4.7
    three = one_block(14, (4,) * 3, 0.5, gram=np.diag([1.0, 4.0, 25.0])).under(visits=((0, 1), (0, 2), (2, 0), (0, 1, 2)))
    first = simulate(three, 4000).error(0, 0)
    assert abs(first.mean - (2.5 * 10 / 14 + 4 * 0.25 / 9)) < 4.7 * first.stderr


def test_tails_of_what_is_drawn():
    """Task 1 has a part that nothing trains; in what order it is met, task 0 cannot stay free of its noise. One row is missing for its last direction."""
    tasks = [Task(5, 0, {"a": a, "b": b}, ("b",)) for a, b in (("z", "v"), ("u", "w"))]
    seq = TaskSequence({"a": 3, "b": 6}, tasks, {"a": [[0, 0], [0, 1]], "b": [[1, 0], [0, 1]]})
    assert np.isinf(moment_orders(seq.under(visits=(0, 0))).errors).all() and (moment_orders(seq.under(visits=((0, 1),) * 2)).errors == 1).all()


def test_drawn_visits_depend_on_seed_and_trial_alone():
    visits = (0, 1, (0, 1), (0, 1))
    few, many = (simulate(SEQ, trials, 3, visits=visits, workers=workers, memory_limit=limit) for trials, workers, limit in ((70, 1, 2e5), (200, 2, 2**30)))
    assert np.array_equal(few.errors_sample, many.errors_sample[:70])


def test_a_visit_at_once_changes_nothing_and_the_last_one_is_fitted():
    sample = simulate(SEQ, 50, visits=(0, 0, 1, 0), training_errors=True)
    assert np.allclose(sample.errors_sample[:, 0], sample.errors_sample[:, 1]) and np.allclose(sample.step_sizes_sample[:, 1], 0)
    assert np.allclose(sample.training_errors_sample[:, 3, [0, 1, 3]], 0) and sample.training_errors_sample[:, 3, 2].min() > 0


def test_visits_of_tasks_without_samples_move_nothing():
    for samples, visits in (((0, 5), (0, 1, 0)), ((0, 0), (0, 1, (0, 1)))):
        errors = simulate(one_block(14, samples, 0.5, gram=GRAM), 20, visits=visits).errors_sample
        assert np.array_equal(errors[:, 2], errors[:, 1])


def test_random_truths_are_those_of_the_first_visit():
    seq = one_block(14, (4, 4), 0, truth=[Isotropic(1), Isotropic(1, "w")]).under(visits=(0, 1, 0))
    sample = simulate(seq, 500)
    assert np.array_equal(sample.errors_sample[:, :, 0], sample.errors_sample[:, :, 2])
    assert abs(deviations(sample, expected_errors(seq).errors.astype(float))).max() < 4.9


def test_a_check_takes_visits():
    def build(p):
        return one_block(p, (1, 1), 0, gram=[[1, 1], [1, 1]]).under(visits=(0, 1, 0))

    def error(p):  # 1/p is learned at first, then another part of what is left, of which 1/p is seen again
        return 1 - 1 / p - (1 - 1 / p) / p - (1 / p - 3 / (p * (p + 2))) / p

    report = check(error, "error[2,0]", build, [{"p": 10}])
    assert report.verdict == "agree" and check(lambda p: error(p) + 0.05, "error[2,0]", build, [{"p": 10}]).verdict == "disagree"
    assert moment_orders(build(10)).read("error[2,0]") == np.inf


@pytest.mark.parametrize("visits", [(0, 1, 2), (0, -1), (), 3, ("a",), (0.5,), (0, 1, ()), ((0, 1),)])
def test_visits_of_what_is_not_there_are_refused(visits):
    assert_refused(lambda: SEQ.under(visits=visits), "visit")


def test_other_refusals():
    assert_refused(lambda: replace(SEQ, tasks=[SEQ.tasks[0], replace(SEQ.tasks[1], memory={0: 2})]).under(visits=(0, 1, 0)), "memory")
    assert_refused(lambda: one_block(14, (4, 5), 0.5, gram=GRAM).under(visits=(0, 1, (0, 1))), "truths only")
    assert_refused(lambda: replace(SEQ, tasks=[SEQ.tasks[0], Task(3, 0.5, {"shared": "shared_1"}, ("shared",), again=(0,))]), "visits")
    assert_refused(lambda: simulate(SEQ, 10, visits=(0, 1, 0), method="reduced"), "direct")
    assert simulate(SEQ, 10, visits=(0, 1, 0), method="auto").method == "direct"
