"""Training errors in the sampler: against a plain loop, against the law, and what asks for them."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from sampler_reference import CASES, naive_data, naive_trial, random_sequence
from scaffold import assert_refused

from driftlaw import Quantity, StudentT, Task, TaskSequence, check, expected_errors, one_block, simulate, sweep
from simulate.sample.plan import make_plan
from simulate.sweeps.tally import Tally
from simulate.work.store import RunStore

OWN = Quantity("one step back", lambda T: np.eye(T, k=-1) / (T - 1), "training_errors")
SEQ = one_block(20, (7, 5, 6), 0.5, gram=[[1, 0.3, 0.2], [0.3, 1.5, -0.4], [0.2, -0.4, 0.8]])


@pytest.mark.parametrize("seq", [*(CASES[name] for name in ("replay with heads", "weights", "frozen")), *(random_sequence(np.random.default_rng(k)) for k in (3, 8))])
def test_residuals_like_a_plain_loop(seq):
    found = simulate(seq, 2, 5, training_errors=True).training_errors_sample[1]
    data = naive_data(seq, 5, 1)
    for t in range(len(seq)):
        theta = naive_trial(replace(seq, tasks=seq.tasks[: t + 1], gram=None), 5, 1)[3]
        expected = [np.sum((x @ theta - y) ** 2) for x, y, _ in data]
        np.testing.assert_allclose(found[t], expected, rtol=1e-6, atol=1e-6 * (1 + max(expected)))


def test_asking_changes_nothing_else():
    plain, asked = simulate(SEQ, 700, 1), simulate(SEQ, 700, 1, training_errors=True)
    tight = simulate(SEQ, 700, 1, training_errors=True, memory_limit=2**16, workers=1)
    for name in ("errors_sample", "step_sizes_sample", "update_magnitude_sample"):
        assert np.array_equal(getattr(plain, name), getattr(asked, name))
    assert plain.draws == asked.draws and np.array_equal(asked.training_errors_sample, tight.training_errors_sample)
    more = make_plan(SEQ, True).bytes_per_trial - make_plan(SEQ).bytes_per_trial
    assert more == 8 * (18 * 21 + 3 * 20), "features and labels of all tasks, and an estimate after each"


def test_torch_measures_the_same():
    pytest.importorskip("torch")
    one, two = (simulate(SEQ, 20, 1, backend=backend, training_errors=True) for backend in ("numpy", "torch"))
    np.testing.assert_allclose(one.training_errors_sample, two.training_errors_sample, rtol=1e-8, atol=1e-10)


def test_what_was_not_sampled_is_said():
    plain, asked = simulate(SEQ, 50, 1), simulate(SEQ, 50, 2, training_errors=True)
    for read in (lambda: plain.training_errors, lambda: plain.read("training_forgetting"), lambda: plain.merge(asked).read(OWN)):
        assert_refused(read, "training_errors=True")
    assert_refused(lambda: simulate(SEQ, 50, method="reduced", training_errors=True), "use method='direct'")
    assert simulate(one_block(10**4, (2, 2), 0, gram=np.eye(2)), 5, method="auto", training_errors=True).method == "direct"


def test_results_merge_and_subtract_and_pickle():
    one, two, other = (simulate(seq, 50, seed, training_errors=True) for seq, seed in ((SEQ, 1), (SEQ, 2), (SEQ.under(StudentT(9)), 1)))
    values = one.per_trial("training_error[2,0]")
    assert np.array_equal(values, one.training_errors_sample[:, 2, 0])
    assert np.array_equal(one.merge(two).per_trial("training_error[2,0]")[:50], values)
    assert np.array_equal((one - other).training_errors_sample, one.training_errors_sample - other.training_errors_sample)
    assert np.array_equal(pickle.loads(pickle.dumps(one)).per_trial(OWN), one.per_trial(OWN))
    with pytest.raises(ValueError, match="read-only"):
        one.training_errors_sample[0] = 0


def _two_blocks(*settings):
    grams = {"a": [[1, 0.3, 0.2], [0.3, 1.5, -0.4], [0.2, -0.4, 0.8]], "b": [[0.7, 0.1, 0.5], [0.1, 1.2, 0.3], [0.5, 0.3, 0.9]]}
    tasks = [Task(n, 0.5, {"a": f"u{t}", "b": f"q{t}"}, tuple(train), scale=scale) for t, (n, train, scale) in enumerate(settings)]
    return TaskSequence({"a": 9, "b": 14}, tasks, grams)


@pytest.mark.parametrize("seq", [
    SEQ,
    _two_blocks((6, "ab", 1), (5, "b", 1), (7, "b", 1)),
    _two_blocks((6, "ab", {"a": 0.5, "b": 0.8}), (24, "b", 0.6), (8, "ab", 1)),
    _two_blocks((36, "ab", 1), (5, "b", 0.5), (40, "ab", {"a": 0.9, "b": 1})),
])  # fmt: skip
def test_means_are_the_laws(seq):
    """At most 9 z-scores an experiment: beyond 4.9 once in 10^5 suites, were they normal."""
    found, law = simulate(seq, 4096, 3, training_errors=True).training_errors, expected_errors(seq)
    random = np.asarray(law.training_errors != 0)
    assert np.all(np.abs(found.mean[~random]) < 1e-20)
    assert np.abs((found.mean - law.training_errors)[random] / found.stderr[random]).max() < 4.9


def _pair(p):
    return one_block(p, (8, 8), 0.5, gram=[[1, 0.5], [0.5, 1]])


def test_verdicts_ask_for_them():
    law = lambda p, factor: factor * float(expected_errors(_pair(p)).read(OWN))  # noqa: E731
    right, wrong = (check(lambda p, f=factor: law(p, f), OWN, _pair, {"p": 30}) for factor in (1, 1.1))
    assert (right.verdict, wrong.verdict) == ("agree", "disagree")
    verdict = right.verdicts[0]
    scale = 8 * (float(expected_errors(_pair(30)).error(0, 0)) + 0.25)
    assert verdict.delta == pytest.approx(0.02 * scale, rel=0.05), "errors of 8 samples"


def test_sweeps_ask_for_them_and_store_them(tmp_path):
    signed = Quantity("what was lost", lambda T: np.eye(T, k=-1) - np.eye(T), "training_errors")
    names = [OWN, signed, "training_error[1,0]", "error[1,0]"]
    found = sweep(_pair, [{"p": 30}], names, trials=600, store=RunStore(tmp_path)).rows
    assert found[0].estimate.mean == found[2].estimate.mean == pytest.approx(found[1].estimate.mean), "a fitted task has no residual"
    again = sweep(_pair, [{"p": 30}], names, trials=600, store=RunStore(tmp_path))
    assert again.computed == 0 and [str(row.estimate) for row in again.rows] == [str(row.estimate) for row in found]
    sample = simulate(_pair(30), 50, training_errors=True)
    assert Tally.of(sample, signed).scale == pytest.approx(sample.training_errors.mean[1, 0]), "the size of its parts"
    assert_refused(lambda: sweep(_pair, [{"p": 30}], OWN, trials=600, method="reduced"), "use method='direct'")
