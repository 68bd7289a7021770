"""Truths as numbers: vectors with a given Gram matrix and random directions."""

import numpy as np
import sympy

from simulate.sample import truths
from simulate.sample.coordinates import truth_coordinates
from simulate.sample.plan import make_plan
from simulate.sample.streams import Streams
from theory import Isotropic, Task, TaskSequence


def test_named_truths_have_the_gram_matrix():
    rng = np.random.default_rng(4)
    w = rng.standard_normal((4, 3))
    w[3] = w[1]
    gram = w @ w.T
    names = ("p", "q", "r", "q")
    tasks = [Task(3, 0, {"a": name} if t != 2 else {"a": name, "b": np.ones(2)}, ("a",)) for t, name in enumerate(names)]
    realised = truths.block_truths(TaskSequence({"a": 5, "b": 2}, tasks, {"a": gram}), "a").fixed
    np.testing.assert_allclose(realised @ realised.T, gram, atol=1e-13)
    assert realised.shape == (4, 5) and np.array_equal(realised[1], realised[3])


def test_gram_entries_of_tasks_without_the_block_are_ignored():
    tasks = [Task(3, 0, {"a": "p"}, ("a",)), Task(3, 0, {"b": np.ones(2)}, ("b",)), Task(3, 0, {"a": "q"}, ("a",))]
    gram = [[sympy.Rational(1, 3), -9, 0], [-9, -9, -9], [0, -9, sympy.sqrt(2)]]
    found = truths.block_truths(TaskSequence({"a": 2, "b": 2}, tasks, {"a": gram}), "a")
    np.testing.assert_allclose(found.fixed @ found.fixed.T, [[1 / 3, 0], [0, 2**0.5]], atol=1e-15)
    assert found.users == (0, 2)


def test_equal_vectors_of_a_gram_matrix_are_equal_to_rounding():
    """Without a floor, eigenvalues of 1e-17 would set the two vectors 1e-8 apart."""
    vectors_ = truths.realise_gram(np.full((3, 3), 0.7), [0, 1, 2], 4, "a")
    np.testing.assert_allclose(vectors_[0], vectors_[2], atol=1e-15)


def test_rank_equal_to_the_dimension_is_realised():
    w = np.random.default_rng(6).standard_normal((6, 2))
    np.testing.assert_allclose((lambda v: v @ v.T)(truths.realise_gram(w @ w.T, list(range(6)), 2, "a")), w @ w.T, atol=1e-13)


def test_isotropic_truths_have_their_norm_and_share_named_directions():
    truth = [{"a": Isotropic(2.0, "n"), "b": Isotropic(1.0)}, {"a": Isotropic(0.5, "n"), "b": Isotropic(1.0)}]
    seq = TaskSequence({"a": 4, "b": 3}, [Task(2, 0, w, ("a",)) for w in truth])
    a, b = (spec.draw(Streams(0, 0), block, 50) for block, spec in enumerate(make_plan(seq).truths))
    np.testing.assert_allclose(np.linalg.norm(a[:, 0], axis=1), 2, rtol=1e-14)
    np.testing.assert_allclose(a[:, 0] / 4, a[:, 1], atol=1e-15)
    assert np.abs(b[:, 0] - b[:, 1]).min() > 1e-6 and np.unique(a[:, 0], axis=0).shape == (50, 4)


def test_random_truths_in_coordinates_have_the_inner_products_of_uniform_vectors():
    """One given truth w and two random ones u, v of length 2 in three dimensions, 200,000 draws.

    E (w.u)^2 = E (u.v)^2 = 1/3, E (w.u)^4 = E (u.v)^4 = 1/5 and E (w.u)(u.v)(v.w) = 1/9 of unit vectors: 6 z-scores,
    false-alarm rate 4e-6 at |z| < 5; a fourth moment off by 2 % is seen.
    """
    truth = ([3.0, 0.0, 0.0], Isotropic(2.0), Isotropic(2.0))
    seq = TaskSequence({"a": 3}, [Task(1, 0, {"a": w}, ("a",)) for w in truth])
    w, u, v = np.moveaxis(truth_coordinates(seq, "a").draw(Streams(3, 0), 0, 200_000), 1, 0)
    np.testing.assert_allclose([np.linalg.norm(u, axis=1), np.linalg.norm(v, axis=1)], 2, rtol=1e-13)
    wu, uv, vw = (np.einsum("tk,tk->t", *pair) / size for *pair, size in ((w, u, 6), (u, v, 4), (v, w, 6)))
    found = np.array([wu**2, uv**2, wu**4, uv**4, wu * uv * vw, wu])
    wanted = np.array([1 / 3, 1 / 3, 1 / 5, 1 / 5, 1 / 9, 0])
    z = (found.mean(axis=1) - wanted) / (found.std(axis=1) / np.sqrt(found.shape[1]))
    assert np.abs(z).max() < 5
