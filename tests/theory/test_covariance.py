"""Features with a covariance for each task: whitened, scaled and weighted experiments have other laws; the sampler judges the rest."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
from scaffold import refusals

from simulate import check, simulate, sweep
from theory import DomainError, Gaussian, NoClosedForm, Rademacher, Ridge, Task, TaskSequence, expected_errors, moment_orders, one_block
from theory.equivalents import approximate_errors

RNG = np.random.default_rng(1)


def covariance(d, low=0.3, high=3.0):
    turn = np.linalg.qr(RNG.standard_normal((d, d)))[0]
    return turn * np.geomspace(low, high, d) @ turn.T


def three(samples, sizes=(6, 8), risk="features", scale=0.6, **chosen):
    """The second task keeps a block, the third starts one from zero and takes part of the step there."""
    tasks = []
    for t, n in enumerate(samples):
        truth = {block: RNG.standard_normal(d) / 2 for block, d in zip("ab", sizes, strict=True)}
        settings = {"start": {"b": "zero"}, "scale": {"b": scale}} if t == 2 else {}
        tasks.append(Task(n, 0.4, truth, ("b",) if t == 1 else ("a", "b"), **settings))
    return TaskSequence(dict(zip("ab", sizes, strict=True)), tasks, risk=risk, **chosen)


def coloured(seq):
    """A covariance of its own for each task, a vector of variances for the second one's last block."""
    colours = [{block: covariance(d) if (t, block) != (1, "b") else np.linspace(0.5, 2, d) for block, d in seq.blocks.items()} for t in range(len(seq))]
    return replace(seq, tasks=[replace(task, features=Gaussian(colour)) for task, colour in zip(seq.tasks, colours, strict=True)])


@pytest.mark.parametrize("risk", ["features", "euclidean"])
def test_the_sampler_obeys_the_exact_law(risk):
    """15 means at |z| < 4.5; none at all is more than 5 errors away."""
    seq = coloured(three((24, 16, 30), risk=risk))
    law, found = expected_errors(seq), simulate(seq, 8000, 3)
    assert law.status == "exact"
    plain = expected_errors(seq.under(Gaussian({block: np.ones(d) for block, d in seq.blocks.items()})))
    for estimate, right in ((found.errors, law.errors), (found.step_sizes, law.step_sizes), (found.update_magnitude, law.update_magnitude)):
        assert np.abs((estimate.mean - right) / estimate.stderr).max() < 4.5
    assert np.abs((found.errors.mean - plain.errors) / found.errors.stderr).max() > 5


def test_whitened_features_have_the_usual_law():
    """Least squares looks the same in the coordinates root(Sigma) theta, partial steps too."""
    sigma, truths = covariance(7), RNG.standard_normal((3, 7))
    values, vectors = np.linalg.eigh(sigma)
    seq = one_block(7, (12, 9, 20), 0.3, list(truths))
    seq = replace(seq, tasks=[seq.tasks[0], replace(seq.tasks[1], scale=0.5), seq.tasks[2]])
    white = replace(seq, tasks=[replace(task, truth={"shared": w}) for task, w in zip(seq.tasks, truths @ (vectors * values**0.5) @ vectors.T, strict=True)])
    found = expected_errors(seq.under(Gaussian(sigma), risk="features"))
    np.testing.assert_allclose(found.errors, expected_errors(white).errors, rtol=1e-10)
    assert found.status == "exact" and expected_errors(seq.under(risk="features")).errors.tolist() == expected_errors(seq).errors.tolist()


@pytest.mark.parametrize("samples", [(20, 12, 25), (20, 0, 25)])
def test_scaled_features_scale_the_noise(samples):
    seq = three(samples, risk="euclidean")
    quieter = replace(seq, tasks=[replace(task, noise=task.noise / 2) for task in seq.tasks])
    found, right = expected_errors(seq.under(Gaussian({"a": 4 * np.ones(6), "b": 4 * np.eye(8)}))), expected_errors(quieter)
    for part, factor in {"errors": 1, "step_sizes": 1, "update_magnitude": 1, "effective_noise": 4}.items():
        np.testing.assert_allclose(getattr(found, part), factor * getattr(right, part), rtol=1e-12)


def test_weighted_steps_are_steps_in_scaled_coordinates():
    """The equivalents of unequal weights are those of features with the variances 1 / weight, by another recursion."""
    seq, weights = three((9, 5, 11), risk="euclidean", scale=1), {"a": 0.4, "b": 2.5}
    heavy = replace(seq, tasks=[replace(task, weights={block: weights[block] for block in task.train}) for task in seq.tasks])
    scaled = [replace(task, truth={block: w.values * weights[block] ** 0.5 for block, w in task.truth.items()}) for task in seq.tasks]
    light = replace(seq, tasks=scaled, features=Gaussian({block: np.full(seq.blocks[block], 1 / weight) for block, weight in weights.items()}), risk="features")
    one, other = approximate_errors(light), approximate_errors(heavy)
    np.testing.assert_allclose(one.errors[0], other.errors[0], rtol=1e-8)
    assert one.status == other.status == "first order"


@pytest.mark.parametrize("rule", [None, Ridge(2.0)], ids=str)
def test_equivalents_tend_to_the_law_and_to_the_sampler(rule):
    """In features of one variance the distance to the exact law falls like 1 / dimension; else the sampler is near."""
    off = []
    for size in (1, 4):
        seq = one_block(20 * size, (12 * size, 8 * size), 0.4, list(np.eye(2, 20 * size))).under(rule=rule and Ridge(2.0 * size))
        off.append(approximate_errors(seq.under(Gaussian(np.ones(20 * size)))).errors / expected_errors(seq).errors - 1)
    assert np.abs(off[0]).max() < 0.06 and 0.15 < np.abs(off[1]).max() / np.abs(off[0]).max() < 0.35
    seq = coloured(three((40, 20, 36), (32, 40))).under(rule=rule and Ridge(8.0))
    law, found = approximate_errors(seq), simulate(seq, 400, 2)
    assert law.status == "first order" and np.abs(found.errors.mean / law.errors - 1).max() < 0.06


def test_a_pole_is_blank_as_far_as_it_reaches_and_none_without_noise():
    seq = three((24, 8, 30)).under(Gaussian({"a": np.ones(6), "b": np.full(8, 2.0)}))
    found = expected_errors(seq, outside="nan")
    assert np.array_equal(np.isnan(found.errors), [[False] * 3, [True] * 3, [False] * 3]) and np.isnan(found.update_magnitude).tolist() == [False, True, True]
    for n in (6, 7, 8):
        exact = expected_errors(one_block(6, (5 + n, n), (0.4, 0), list(np.eye(2, 6))).under(Gaussian(np.arange(1.0, 7))))
        np.testing.assert_array_equal(exact.errors[1], [2, 0])


def test_weights_play_no_part_in_least_squares():
    seq = coloured(three((24, 16, 30)))
    heavy = replace(seq, tasks=[replace(task, weights={"b": 3.0}) for task in seq.tasks])
    assert np.array_equal(expected_errors(heavy).errors, expected_errors(seq).errors)


def test_verdicts_and_sweeps_take_the_risk():
    sigma = np.array([0.2, 1.0, 5.0])

    def build(n):
        return one_block(3, (n,), 0.5, [np.ones(3)]).under(Gaussian(sigma))

    case = {"n": 14}
    assert check(lambda n: 0.25 * 3 / (n - 4), "error[0,0]", build, case, risk="features").verdict == "agree"
    assert check(lambda n: 0.25 * (1 / sigma).sum() / (n - 4), "error[0,0]", build, case).verdict == "agree"
    (row,) = sweep(build, case, "error[0,0]", risk="features", trials=2000).rows
    assert abs(row.estimate.mean - 0.075) < 5 * row.estimate.stderr


def law(**changes):
    return lambda: expected_errors(replace(one_block(6, (20,), 0.5, [np.ones(6)]).under(Gaussian(np.ones(6))), **changes))


def single(n=20, features=Gaussian(np.ones(6)), **settings):
    return [Task(n, 0.5, {"shared": np.ones(6)}, ("shared",), features=features, **settings)]


test_what_has_no_law_is_refused_by_name = refusals({
    "few samples": (law(tasks=single(4)), "no exact law is known for task 0.*n = 4, d = 6.*approximate_errors"),
    "ridge": (law(rule=Ridge(1.0)), "least steps of n >= d.*Ridge"),
    "singular": (law(tasks=single(features=Gaussian(np.array([0, 1, 1, 1, 1, 1])))), "variances of zero"),
    "weights": (lambda: approximate_errors(one_block(6, (20,), 0.5, gram=[[1]]).under(Gaussian(np.ones(6)))), "truths as vectors.*'shared' in task 0"),
    "weights of ridge steps": (lambda: approximate_errors(replace(one_block(6, (9,), 0.5, [np.ones(6)]), tasks=single(rule=Ridge(1.0), weights={"shared": 2.0}))), "unequal weights"),
    "few samples without noise": (law(tasks=[replace(single(5)[0], noise=0)]), "n = 5, d = 6"),
    "grid": (law(tasks=[replace(single()[0], noise=np.array([0.1, 0.2]))]), "one numeric experiment"),
    "symbols in a vector": (law(tasks=[replace(single()[0], truth={"shared": [sympy.Symbol("w"), *range(5)]})]), "one numeric experiment"),
    "symbol": (law(tasks=[replace(single()[0], samples=sympy.Symbol("n", integer=True))]), "one numeric experiment"),
    "signs": (law(features=Rademacher(), tasks=single(features=None)), "no exact law is known for Rademacher"),
}, NoClosedForm)
test_thresholds_are_infinite = refusals({str(n): (law(tasks=single(n)), "here n - d = ") for n in (5, 6, 7)}, DomainError)


def test_a_step_of_length_zero_keeps_a_blank_away():
    seq = one_block(6, (6, 12), 0.5, truth=list(np.eye(6)[:2])).under(Gaussian(np.arange(1.0, 7)))
    seq = replace(seq, tasks=[replace(seq.tasks[0], scale=0), seq.tasks[1]])
    assert np.isfinite(expected_errors(seq, outside="nan").errors).all()


def test_directions_without_variance_are_no_dimensions():
    orders = [moment_orders(one_block(20, (5,), 0.5, gram=[[1]]).under(Gaussian([1.0] * k + [0.0] * (20 - k)))).step_sizes[0] for k in (5, 9, 20)]
    assert orders == [moment_orders(one_block(k, (5,), 0.5, gram=[[1]])).step_sizes[0] for k in (5, 9, 20)]
    before = [one_block(20, (n, 30), 0.5, gram=np.eye(2)).under(Gaussian([1.0] * 9 + [0.0] * 11)) for n in (9, 30)]
    assert [moment_orders(seq).errors[1, 1] for seq in before] == [0.5, 11.0]  # the second task erases nothing
