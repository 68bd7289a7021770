"""Features with a covariance: what stays exact, and step weights as a covariance of blocks."""

from __future__ import annotations

import numpy as np
import pytest
from sampler_reference import naive_trial, vectors
from test_features import covariances, entries_of

from simulate import Gaussian, simulate
from simulate.sample.features import roots
from simulate.sample.streams import Streams
from theory import Task, TaskSequence, initialized, one_block

RNG = np.random.default_rng(12)


def test_covariance_of_gaussian_features():
    """Entries within 5 standard errors of the matrix (false-alarm rate 6e-6 over ten entries)."""
    given = np.array([[2.0, 0.6, 0.0, 0.1], [0.6, 1.0, -0.3, 0.0], [0.0, -0.3, 0.5, 0.2], [0.1, 0.0, 0.2, 3.0]])
    (root,) = roots(Gaussian(given), {"a": 4})
    np.testing.assert_allclose(root @ root, given, atol=1e-14)
    rows = Streams(3, 0).features(0, 0).standard_normal((40000, 4)) @ root
    error = np.sqrt((np.outer(np.diag(given), np.diag(given)) + given**2) / len(rows))
    assert np.all(np.abs(rows.T @ rows / len(rows) - given) < 5 * error)


def test_a_singular_covariance_never_moves_what_no_feature_sees():
    """Directions without variance keep their error; the rest is an experiment of its own."""
    rng = np.random.default_rng(4)
    basis = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    covariance = (basis[:, :7] * np.linspace(0.5, 2, 7)) @ basis[:, :7].T
    truths = rng.standard_normal((2, 12))
    for samples in (5, 30):
        seq = one_block(12, (samples, samples), 0.1, truths)
        found = simulate(seq, 8, 2, features=Gaussian(covariance))
        unseen = np.sum((truths @ basis[:, 7:]) ** 2, axis=1)
        assert np.all(found.errors_sample >= unseen[None, None] - 1e-9)
        for trial in (0, 7):
            wanted = naive_trial(seq, 2, trial, entries_of(Gaussian({"shared": covariance}), seq))[0]
            np.testing.assert_allclose(found.errors_sample[trial], wanted, rtol=1e-7)


def test_full_steps_on_many_samples_do_not_feel_the_covariance():
    """With n > d the risk in the features' norm is that of standard normal features, in every trial."""
    truths = {"shared": vectors(RNG, 6, 2), "specific": vectors(RNG, 5, 2)}
    seq = initialized({"shared": 6, "specific": 5}, (24, 30), 0.5, truths)
    features = Gaussian(covariances(seq.blocks))
    same = simulate(seq, 30, 1, features=features, risk="features").errors_sample
    for t in range(2):  # a task's own error; the others also hold the distance of the truths, in either norm
        np.testing.assert_allclose(same[:, t, t], simulate(seq, 30, 1).errors_sample[:, t, t], rtol=1e-9)
    assert not np.allclose(simulate(seq, 30, 1, features=features).errors_sample, same)


def test_the_risk_is_the_mean_squared_error_of_predictions():
    seq = one_block(3, (2,), 0.1, [np.array([1.0, -2.0, 0.5])])
    covariance = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.1]])
    found = simulate(seq, 4, 1, features=Gaussian(covariance), risk="features")
    theta = [naive_trial(seq, 1, trial, entries_of(Gaussian({"shared": covariance}), seq))[3] for trial in range(4)]
    error = np.array(theta) - [1.0, -2.0, 0.5]
    np.testing.assert_allclose(found.errors_sample[:, 0, 0], np.einsum("ti,ij,tj->t", error, covariance, error), rtol=1e-9)


@pytest.mark.parametrize("samples", [(12, 10), (12, 60)])
def test_a_covariance_for_each_block_is_the_same_as_step_weights(samples):
    """Weights lambda_b are features of variance 1/lambda_b and truths sqrt(lambda_b) w_b, errors in the features' norm."""
    weights = {"shared": 4.0, "specific": 0.3}
    blocks = {"shared": 20, "specific": 24}
    truths = {block: vectors(RNG, d, 2) for block, d in blocks.items()}

    def tasks(truth, weights):
        return [Task(n, 0.3, {b: truth[b][t] for b in blocks}, tuple(blocks), weights=weights) for t, n in enumerate(samples)]

    weighted = simulate(TaskSequence(blocks, tasks(truths, weights)), 40, 3)
    scaled = {block: [weights[block] ** 0.5 * w for w in truths[block]] for block in blocks}
    features = Gaussian({block: np.full(d, 1 / weights[block]) for block, d in blocks.items()})
    coloured = simulate(TaskSequence(blocks, tasks(scaled, None)), 40, 3, features=features, risk="features")
    np.testing.assert_allclose(weighted.errors_sample, coloured.errors_sample, rtol=1e-9)
    euclidean = simulate(TaskSequence(blocks, tasks(scaled, None)), 40, 3, features=features)
    assert not np.allclose(weighted.errors_sample, euclidean.errors_sample)
