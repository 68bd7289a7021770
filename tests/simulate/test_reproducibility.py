"""What must not change a bit of a result: number of trials, memory, threads; and how much memory a trial takes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import threadpoolctl
from sampler_reference import CASES, random_sequence, same_bits, vectors

from simulate import simulate
from simulate.sample import batches, run
from simulate.sample.learner import Learner
from simulate.sample.plan import make_plan
from simulate.sample.streams import TRIALS_PER_BLOCK, Streams
from theory import frozen, initialized

ODD = random_sequence(np.random.default_rng(13))


@pytest.mark.parametrize("name", ["frozen", "tall", "replay with heads", "too much replay with heads", "random truths"])
def test_memory_limit_and_workers_do_not_change_a_bit(name):
    seq = ODD if name == "random truths" else CASES[name]
    trials, need = TRIALS_PER_BLOCK * 2 + 9, make_plan(seq).bytes_per_trial
    whole = simulate(seq, trials, 2, workers=1)
    for batch in (1, 3, 17):
        assert same_bits(whole, simulate(seq, trials, 2, memory_limit=need * batch, workers=1)), f"{batch} trials at a time"
    for workers in (2, 3):
        assert same_bits(whole, simulate(seq, trials, 2, memory_limit=need * 10, workers=workers)), f"{workers} workers"


def test_the_random_truths_case_is_one():
    assert any(spec.random for spec in make_plan(ODD).truths)


def test_more_trials_extend_a_sample():
    seq = ODD
    longer = simulate(seq, 1000, 8)
    for trials in (1, TRIALS_PER_BLOCK, 300):
        shorter = simulate(seq, trials, 8)
        assert shorter.trials == trials and same_bits(longer, shorter, trials)


def test_frozen_and_initialized_training_see_the_same_data():
    rng = np.random.default_rng(8)
    setting = ({"shared": 20, "specific": 24}, (12, 10, 8), 0.3, {"shared": vectors(rng, 20, 3), "specific": vectors(rng, 24, 3)})
    one, other = simulate(frozen(*setting), 500, 1), simulate(initialized(*setting), 500, 1)
    assert np.array_equal(one.errors_sample[:, 0], other.errors_sample[:, 0])
    assert not np.array_equal(one.errors_sample[:, 1], other.errors_sample[:, 1])
    assert (one - other).forgetting().stderr < 0.9 * np.hypot(one.forgetting().stderr, other.forgetting().stderr)


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


def traced_peak(plan, trials):
    """Bytes that NumPy and Python hold at most while a batch is learned, without its results."""
    return traced_peak_of(lambda streams, count: Learner(plan, streams, count), plan, trials)


def traced_peak_of(make, plan, trials, extra=0):
    """The same for any learner with ``extra`` arrays of results beyond the usual ones."""
    tasks = len(plan.tasks)
    results = (np.zeros((trials, tasks, tasks)), *(np.zeros((trials, tasks)) for _ in range(2 + extra)))
    make(Streams(0, 0), trials).run(*results)  # imports and caches are filled here
    tracemalloc.start()
    make(Streams(0, 0), trials).run(*results)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("solver", ["gram", "qr"])
@pytest.mark.parametrize("name", CASES)
def test_bytes_per_trial_is_honest(name, solver):
    """What a trial adds to the peak stays below the estimate, which is at most twice that."""
    plan = make_plan(CASES[name].under(rule=solver))
    per_trial = (traced_peak(plan, 48) - traced_peak(plan, 16)) / 32
    assert per_trial < plan.bytes_per_trial < 2 * per_trial


def test_workers_share_the_memory_limit():
    plan = make_plan(CASES["frozen"])
    need = plan.bytes_per_trial
    assert batches.share_memory(plan, 10 * need, 3) == (3, 3)
    assert batches.share_memory(plan, 2.5 * need, 8) == (2, 1)
    assert batches.share_memory(plan, 2**40, 8) == (8, min(TRIALS_PER_BLOCK, batches.BATCH_BYTES // need))
