"""What must not change a bit of a result: number of trials, memory, threads; and how much memory a trial takes."""

import numpy as np
import pytest
import threadpoolctl
from sampler_reference import CASES, assert_honest, random_sequence, same_bits

from driftlaw import Gaussian, GradientDescent, Rademacher, Ridge, StudentT, frozen, simulate
from simulate.sample import batches, run
from simulate.sample.learner import Learner
from simulate.sample.plan import make_plan
from simulate.sample.streams import TRIALS_PER_BLOCK, Streams

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
