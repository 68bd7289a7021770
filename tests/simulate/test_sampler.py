"""The direct sampler against a plain loop over trials, what its solutions have to be, and what must not change a bit of them."""

from dataclasses import replace

import numpy as np
import pytest
import sampler_reference
import threadpoolctl
from sampler_reference import CASES, RANDOM_CASES, assert_honest, assert_like_naive, naive_data, random_sequence, same_bits, vectors, with_memory

from driftlaw import Gaussian, GradientDescent, Rademacher, Ridge, StudentT, Task, TaskSequence, expected_errors, frozen, one_block, one_head_per_task, simulate
from simulate.sample import batches, run, steps
from simulate.sample.learner import Learner
from simulate.sample.plan import make_plan
from simulate.sample.streams import TRIALS_PER_BLOCK, Streams
from theory.conditions import ROUTES


@pytest.mark.parametrize("solver", ["auto", "gram", "qr"])
@pytest.mark.parametrize("case", range(RANDOM_CASES))
def test_random_sequences_like_a_plain_loop(case, solver):
    rng = np.random.default_rng(case)
    assert_like_naive(random_sequence(rng), case, (0, 1), 1e-6 if solver == "gram" else 1e-8, solver=solver)


def test_the_random_sequences_have_all_kinds_of_steps():
    tasks = [task for case in range(RANDOM_CASES) for task in make_plan(random_sequence(np.random.default_rng(case))).tasks]
    assert all(sum(task.route == route for task in tasks) >= 8 for route in ROUTES[1:] + ("svd",))
    assert sum(not task.rows for task in tasks) >= 3 and sum(bool(task.memory) for task in tasks) >= 30


@pytest.mark.parametrize("solver", ["auto", "gram", "qr"])
@pytest.mark.parametrize("name", CASES)
def test_named_cases_like_a_plain_loop(name, solver):
    tolerance = 1e-6 if name == "at the threshold" else 1e-10
    assert_like_naive(CASES[name], 3, (0, 1, TRIALS_PER_BLOCK, TRIALS_PER_BLOCK + 5), tolerance, solver=solver)


def test_averages_of_estimates_like_a_plain_loop():
    """Errors are those of sums of the loop's estimates, in blocks those of the law; training that restarts from their mean is a step of 1/t."""
    rows, truths, mean, restarted = np.array([[1, 0, 0], [0.3, 0.9, 0], [0.5, -0.2, 0.6]]), np.eye(9)[:3], np.zeros(9), []
    seq = one_block(9, (4, 3, 5), 0.5, truth=list(truths))
    path = [sampler_reference.naive_trial(replace(seq, tasks=seq.tasks[: t + 1]), 1, 1)[3] for t in range(3)]
    assert np.allclose(simulate(seq.under(average=rows), 2, 1).errors_sample[1], [[np.sum((row @ path - w) ** 2) for w in truths] for row in rows])
    for t, (x, y, _) in enumerate(naive_data(seq, 1, 1)):
        mean = mean + np.linalg.lstsq(x, y - x @ mean, rcond=None)[0] / (t + 1)
        restarted.append([np.sum((mean - w) ** 2) for w in truths])
    short = replace(seq, tasks=[replace(task, scale=1 / (t + 1)) for t, task in enumerate(seq.tasks)])
    assert np.allclose(simulate(short, 2, 1).errors_sample[1], restarted)
    blocks = frozen({"shared": 8, "specific": 12}, (6, 4, 20), 0.3, gram={"shared": np.eye(3), "specific": 0.5 + np.eye(3)}).under(average=rows)
    found = simulate(blocks, 4000, 1).errors
    assert np.abs((found.mean - expected_errors(blocks).errors) / found.stderr).max() < 4.5


def test_auto_takes_gram_away_from_the_threshold_and_qr_near_it():
    def route(n, **task):
        seq = TaskSequence({"a": 20, "b": 20}, [Task(n, 1, {"a": np.ones(20), "b": np.ones(20)}, ("a", "b"), **task)])
        return make_plan(seq).tasks[0].route

    assert [route(n) for n in (32, 33, 40, 47, 48)] == ["gram", "qr", "qr", "qr", "gram"]
    assert [route(20, weights={"a": w}) for w in (1e5, 1e7)] == ["gram", "qr"]
    assert [make_plan(CASES[name]).tasks[2].route for name in ("replay with heads", "too much replay with heads")] == ["qr", "svd"]
    assert steps.choose_route("auto", [(4, frozenset({0, 1})), (5, frozenset({0}))], (3, 8), (2.0, 0.3)) == "svd"  # two stored rows too many for a block


@pytest.mark.parametrize("solver", ["auto", "gram", "qr"])
def test_far_weights_still_fit_the_data(solver):
    """30 rows and 24 light columns: the heavy block has to fit the rest, at a ratio of 1e5."""
    seq = with_memory(CASES["initialized"], 1, None, samples=30, weights={"shared": 1e5})
    assert_like_naive(seq, 0, (0,), 1e-8, solver=solver)


# --- what the solution is


@pytest.mark.parametrize("solver", ["gram", "qr"])
@pytest.mark.parametrize("name", ["frozen", "initialized", "heads", "replay", "replay with heads", "weights"])
def test_full_wide_steps_fit_fresh_and_stored_samples(name, solver):
    seq, trials = CASES[name], 3
    learner = Learner(make_plan(seq.under(rule=solver)), Streams(4, 0), trials)
    learner.run(*sampler_reference.empty_results(trials, len(seq)))
    last = len(seq) - 1
    for trial in range(trials):
        theta = np.concatenate([block[trial] for block in learner.theta])
        np.testing.assert_allclose(theta, sampler_reference.naive_trial(seq, 4, trial)[3], atol=1e-10)
        data = naive_data(seq, 4, trial)
        for s, count in {last: seq.tasks[last].samples, **(seq.tasks[last].memory or {})}.items():
            np.testing.assert_allclose(data[s][1][:count] - data[s][0][:count] @ theta, 0, atol=1e-10)


def test_small_directions_of_deficient_steps_are_kept():
    """Only what is zero but for rounding is left out: A = diag(1, 1e-6, 0) fits two of three labels exactly."""
    (step,) = steps.least_step([np.diag([1.0, 1e-6, 0.0])[None]], np.array([[1.0, 1e-6, 1.0]]), (1.0,), "svd")
    np.testing.assert_allclose(step, [[1.0, 1.0, 0.0]], atol=1e-9)


def test_rank_slack_is_negative_exactly_where_rank_is_lost():
    rng, lost = np.random.default_rng(1), 0
    for _ in range(400):
        dimensions = rng.integers(1, 5, size=rng.integers(1, 4))
        touched = [np.flatnonzero(rng.random(len(dimensions)) < 0.6).tolist() for _ in range(rng.integers(1, 4))]
        groups = [(int(rng.integers(0, 6)), frozenset(blocks)) for blocks in touched]
        groups = [(rows, support) for rows, support in groups if support] or [(3, frozenset({0}))]
        rows_per_block = [[block in support for block in range(len(dimensions))] for rows, support in groups for _ in range(rows)]
        pattern = np.repeat(np.reshape(rows_per_block, (-1, len(dimensions))), dimensions, axis=1)
        if not len(pattern):
            continue
        deficient = np.linalg.matrix_rank(pattern * rng.standard_normal(pattern.shape)) < min(pattern.shape)
        assert (steps.rank_slack(groups, dimensions.tolist()) < 0) == deficient, (groups, dimensions)
        lost += deficient
    assert 40 < lost < 360  # both answers were asked for


def test_frozen_heads_forget_nothing_in_any_trial():
    rng = np.random.default_rng(3)
    seq = one_head_per_task(8, (9, 9, 9), (5, 4, 4), 0.3, {"shared": vectors(rng, 8, 3), "head": vectors(rng, 9, 3)}, train_shared=False)
    errors = simulate(seq, 30).errors_sample
    assert all(np.array_equal(errors[:, t, i], errors[:, i, i]) for i in range(3) for t in range(i, 3))


def test_a_block_that_no_task_uses_changes_nothing():
    task = Task(5, 0.1, {"a": np.ones(8)}, ("a",))
    alone = simulate(TaskSequence({"a": 8}, [task]), 10)
    assert same_bits(alone, simulate(TaskSequence({"a": 8, "idle": 3}, [task]), 10))
    assert same_bits(alone, simulate(TaskSequence({"a": 8, "idle": 3}, [task], {"idle": [[1.0]]}), 10))


# --- what must not change a bit


ODD = random_sequence(np.random.default_rng(13))


CUT = {name: CASES[name] for name in ("frozen", "tall", "replay with heads", "too much replay with heads")} | {"random truths": ODD}
CUT |= {type(law).__name__: CASES["replay"].under(law) for law in (Rademacher(), StudentT(4), Gaussian({"shared": np.linspace(0.5, 2, 20)}))}
CUT |= {type(rule).__name__: CASES["replay"].under(rule=rule) for rule in (Ridge(1.0), GradientDescent(20, 0.05))}


@pytest.mark.parametrize("name", CUT)
def test_memory_limit_workers_and_more_trials_do_not_change_a_bit(name):
    seq, trials = CUT[name], TRIALS_PER_BLOCK * 2 + 9
    need = make_plan(seq).bytes_per_trial
    whole = simulate(seq, trials, 2, workers=1)
    for batch, workers in ((1, 1), (3, 1), (17, 1), (10, 2), (10, 3)):
        assert same_bits(whole, simulate(seq, trials, 2, memory_limit=need * batch, workers=workers)), f"{batch} trials at a time, {workers} workers"
    for shorter in (1, TRIALS_PER_BLOCK, TRIALS_PER_BLOCK + 6):
        assert same_bits(whole, simulate(seq, shorter, 2), shorter)


def test_the_random_truths_case_is_one():
    assert any(spec.random for spec in make_plan(ODD).truths)


def test_seeds_and_trials_differ():
    found = simulate(CASES["frozen"], 2 * TRIALS_PER_BLOCK, 0).errors_sample[:, 0, 0]
    assert len(np.unique(found)) == 2 * TRIALS_PER_BLOCK
    assert not np.isin(simulate(CASES["frozen"], 10, (0, 0)).errors_sample[:, 0, 0], found).any()


def test_blas_runs_on_one_thread(monkeypatch):
    seen = []

    class Watched(Learner):
        def run(self, *results):
            seen.extend(pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas")
            super().run(*results)

    monkeypatch.setattr(run, "Learner", Watched)
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        simulate(CASES["frozen"], 5)
    assert seen and set(seen) == {1}


BY_VALUES = ("frozen", "tall", "replay with heads", "too much replay with heads", "much replay")  # for rules that need eigenvalues


def experiments():
    """All kinds of steps; drawing takes the most where a large block is used and not trained, norms where there are many tasks."""
    for name, seq in CASES.items():
        for rule in ("gram", "qr", *([Ridge(1.0)] * (name in BY_VALUES))):
            yield pytest.param(seq.under(rule=rule), id=f"{name}, {rule}")
    wide = frozen({"shared": 150, "specific": 20}, (10, 60), 0.3, {"shared": [np.ones(150)] * 2, "specific": [np.ones(20)] * 2})
    for name, seq in {"wide frozen": wide, **{name: CASES[name] for name in ("frozen", "replay", "many tasks")}}.items():
        for law in (Rademacher(), StudentT(3.5), Gaussian({"shared": np.diag(np.linspace(0.5, 2, seq.blocks["shared"]))})):
            for risk in ("euclidean", "features"):
                yield pytest.param(seq.under(law, risk=risk), id=f"{name}, {type(law).__name__}, {risk}")


@pytest.mark.parametrize("seq", list(experiments()))
def test_bytes_per_trial_is_honest(seq):
    plan = make_plan(seq)
    assert_honest(plan.bytes_per_trial, lambda trials: Learner(plan, Streams(0, 0), trials), len(seq))


def test_workers_share_the_memory_limit():
    plan = make_plan(CASES["frozen"])
    need = plan.bytes_per_trial
    assert batches.share_memory(plan, 10 * need, 3) == (3, 3)
    assert batches.share_memory(plan, 2.5 * need, 8) == (2, 1)
    assert batches.share_memory(plan, 2**40, 8) == (8, min(TRIALS_PER_BLOCK, batches.BATCH_BYTES // need))
