"""An experiment is one value: rules, feature laws and quantities of one's own reach samplers, verdicts, sweeps and laws."""

from dataclasses import replace

import numpy as np
import pytest
from scaffold import assert_refused

from simulate import Gaussian, GradientDescent, MinNorm, Quantity, Rademacher, Ridge, StandardNormal, StudentT, check, simulate, sweep
from simulate.work.keys import canonical, draw_key, sequence_key
from theory import NoClosedForm, Task, expected_errors, moment_orders, one_block

GRAM = [[1.0, 0.5, 0.2], [0.5, 1.0, 0.1], [0.2, 0.1, 1.0]]
USUAL = one_block(12, (5, 7, 4), 0.3, gram=GRAM)
PATH_MEAN = Quantity("path mean", lambda tasks: np.eye(tasks) / tasks)


def mixed(**conditions):
    """Three tasks of which the second is trained by ridge regression, and whatever else is asked for."""
    second = replace(USUAL.tasks[1], rule=Ridge(3.0), **conditions)
    return replace(USUAL, tasks=(USUAL.tasks[0], second, USUAL.tasks[2]))


def test_a_rule_of_one_task_is_that_tasks_alone():
    """Tasks before it are as in the usual run, bit for bit; its step is ridge regression's; other tasks take the least step."""
    usual, ridge = (simulate(seq, 64, 3) for seq in (USUAL, mixed()))
    everywhere = simulate(USUAL, 64, 3, solver=Ridge(3.0))
    assert np.array_equal(usual.errors_sample[:, 0], ridge.errors_sample[:, 0])
    assert (ridge.step_sizes_sample[:, 1] < usual.step_sizes_sample[:, 1]).all(), "a penalty shortens the step"
    first_ridge = replace(USUAL, tasks=tuple(replace(task, rule=Ridge(3.0)) for task in USUAL.tasks))
    assert np.array_equal(simulate(first_ridge, 64, 3).errors_sample, everywhere.errors_sample)


def test_features_of_one_task_are_that_tasks_alone():
    usual = simulate(USUAL, 64, 3)
    wide = Gaussian(np.linspace(0.5, 2, 12))
    other = simulate(mixed(features=wide), 64, 3)
    assert np.array_equal(usual.errors_sample[:, 0], other.errors_sample[:, 0])
    assert not np.allclose(other.errors_sample[:, 1], simulate(mixed(), 64, 3).errors_sample[:, 1])
    # errors of task 1 count in the norm of its own features, those of the others in the Euclidean one
    seq = replace(mixed(features=wide), risk="features")
    found, plain = simulate(seq, 64, 3), other
    np.testing.assert_allclose(found.errors_sample[..., [0, 2]], plain.errors_sample[..., [0, 2]], rtol=1e-12)
    assert not np.allclose(found.errors_sample[..., 1], plain.errors_sample[..., 1])
    every = replace(USUAL, features=wide, risk="features")
    apart = replace(USUAL, tasks=tuple(replace(task, features=wide) for task in USUAL.tasks), risk="features")
    assert np.array_equal(simulate(every, 64, 3).errors_sample, simulate(apart, 64, 3).errors_sample)
    hidden = replace(USUAL.tasks[2], features=Gaussian(np.linspace(0.5, 2, 12) + 1e-13))  # three dense roots in place of one
    rounded = replace(every, tasks=(*every.tasks[:2], hidden))
    np.testing.assert_allclose(simulate(rounded, 64, 3).errors_sample, simulate(every, 64, 3).errors_sample, rtol=1e-9)


def test_the_reduced_sampler_takes_rules_and_refuses_features_of_single_tasks():
    direct, reduced = (simulate(mixed(), 20_000, 1, method=method).forgetting() for method in ("direct", "reduced"))
    assert abs(direct.mean - reduced.mean) < 6 * np.hypot(direct.stderr, reduced.stderr)  # once in 5e8 runs of right samplers
    assert abs(reduced.mean - simulate(USUAL, 20_000, 1, method="reduced").forgetting().mean) > 10 * reduced.stderr
    assert_refused(lambda: simulate(mixed(features=Rademacher()), 4, method="reduced"), r"needs standard normal features.*Rademacher\(\).*method='direct'")
    assert simulate(mixed(features=Rademacher()), 4, method="auto").method == "direct"


def test_seeds_do_not_see_rules_and_keys_do():
    """So runs under two rules are paired, seeds of usual experiments are those of always, and stored results do not mix."""
    others = [mixed(), USUAL.under(rule=Ridge(3.0)), USUAL.under(Rademacher()), USUAL.under(risk="features"), mixed(features=StudentT(5))]
    others.append(USUAL.under(Rademacher(), risk="features"))
    others += [USUAL.under(average="mean"), USUAL.under(average=np.eye(len(USUAL)))]
    assert all(draw_key(seq) == draw_key(USUAL) for seq in others)
    keys = [canonical(sequence_key(seq)) for seq in (USUAL, *others)]
    assert len(set(keys)) == len(keys) and sequence_key(USUAL) == draw_key(USUAL)
    assert sequence_key(USUAL.under(StandardNormal(), MinNorm("qr"))) == sequence_key(USUAL)
    assert sequence_key(USUAL.under(rule=Ridge(3))) == sequence_key(mixed().under(rule=Ridge(3.0)))


def test_grids_keep_their_conditions():
    seq = one_block(12, (5, 7), np.array([0.1, 0.2]), gram=np.eye(2)).under(Rademacher(), GradientDescent(5, 0.1), "features")
    grid = seq.under(rule=Ridge(np.array([1.0, 2.0])))
    assert grid.grid_shape == (2,) and grid.at(1).rule == Ridge(2.0)
    assert seq.at(1).unusual == seq.unusual and seq.at(1).tasks[0].noise == 0.2


def test_sweeps_take_the_whole_experiment():
    def build(lam, p):
        return replace(one_block(p, (5, 7, 4), 0.3, gram=GRAM), rule=Ridge(lam))

    cases = [{"lam": lam, "p": 12} for lam in (0.5, 3.0)]
    found = sweep(build, cases, ["forgetting", PATH_MEAN], trials=2048, method="direct", workers=1)
    means = {(row.case["lam"], row.quantity): row.mean for row in found.rows}
    assert means[0.5, "forgetting"] != means[3.0, "forgetting"] and len(means) == 4
    given = sweep(lambda p: one_block(p, (5, 7, 4), 0.3, gram=GRAM), {"p": 12}, ["forgetting", PATH_MEAN], trials=2048, method="direct",
                  workers=1, solver=lambda seq: Ridge(3.0))  # fmt: skip
    assert [row.mean for row in given.rows] == [means[3.0, "forgetting"], means[3.0, "path mean"]]


def test_a_quantity_of_ones_own_in_law_sample_verdict_and_sweep(tmp_path):
    law, run = expected_errors(USUAL), simulate(USUAL, 4096, 5)
    along = np.diagonal(run.errors_sample, axis1=1, axis2=2).mean(axis=1)
    np.testing.assert_allclose(run.per_trial(PATH_MEAN), along, rtol=1e-14)
    assert law.read(PATH_MEAN) == pytest.approx(np.trace(law.errors) / 3, rel=1e-14)
    orders = moment_orders(USUAL)
    assert orders.read(PATH_MEAN) == np.diagonal(orders.errors).min()

    def build(p):
        return one_block(p, (5, 7, 4), 0.3, gram=GRAM)

    def right(p):
        return expected_errors(build(p)).read(PATH_MEAN)

    report = check(right, PATH_MEAN, build, {"p": 40})
    assert report.verdict == "agree" and report.verdicts[0].quantity == "path mean"
    assert check(lambda p: 1.2 * right(p), PATH_MEAN, build, {"p": 40}).verdict == "disagree"
    scale = np.mean([float(expected_errors(build(40)).error(i, i)) + 0.09 for i in range(3)])  # of the tasks that it weighs
    assert report.verdicts[0].delta == pytest.approx(0.02 * scale, rel=0.1)

    doubled = Quantity("path mean", lambda tasks: 2 * np.eye(tasks) / tasks)
    first, again, other = (sweep(build, {"p": 40}, quantity, trials=512, store=tmp_path, workers=1) for quantity in (PATH_MEAN, PATH_MEAN, doubled))
    assert first.computed > 0 and again.computed == 0, "weights that are equal are found again"
    assert other.computed > 0 and other.rows[0].mean == pytest.approx(2 * first.rows[0].mean, rel=1e-14), "a name is not enough"
    assert_refused(lambda: sweep(build, {"p": 40}, [PATH_MEAN, doubled], trials=16), "two quantities are called 'path mean'")
    assert_refused(lambda: run.per_trial(Quantity("small", lambda tasks: np.eye(2))), r"have shape \(2, 2\); with 3 tasks the errors have shape \(3, 3\)")


def test_what_has_no_law_is_refused_by_name():
    assert_refused(lambda: expected_errors(mixed().under(Rademacher())), r"Rademacher\(\).*simulate the experiment", NoClosedForm)
    assert_refused(lambda: replace(USUAL, risk="l1"), "risk is 'l1'")
    assert_refused(lambda: Task(3, 0.1, {"b": "w"}, ("b",), rule="ridge"), "there is no solver 'ridge'")
