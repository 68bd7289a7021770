"""What gradients tell of a distance: laws by a second route and by the sampler, estimates without bias, rules in random settings."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy
from sampler_reference import same_bits, vectors
from scaffold import refusals

from figures.hybrid_estimate import CUT, DISTANCES, ESTIMATE, NAMES, auc, in_settings, losses, scores, sequence
from simulate import hybrid, simulate
from simulate.hybrid_rule import watch
from simulate.sample.adaptive import frozen_sequence
from theory import NoClosedForm, claims, expected_errors, initialized
from theory.claims import judge, random_settings
from theory.ledger.two_tasks import initialized_two_tasks
from theory.projections import exact_step_moments, float_step_moments
from theory.regions import advantage
from theory.score import COUNTED, ScoreLaw, alignment, difference, estimate, score_law

BLOCKS = {"shared": 12, "specific": 9}
CASE = {"p": 12, "p_1": 6, "p_2": 10, "sigma_1": 0.4, "sigma_2": 0.6, "u_11": 1.0, "q_11": 2.0, "d_u": 0.5, "c_u": 0.1, "d_q": 1.5, "c_q": -0.4, "x_q": 0.6}


def experiment(samples, seed=1):
    rng = np.random.default_rng(seed)
    return initialized(BLOCKS, samples, (0.3, 0.7, 0.2)[: len(samples)], {b: vectors(rng, d, len(samples)) for b, d in BLOCKS.items()})


def z(values, law):
    return (values.mean(axis=0) - float(law)) / (values.std(axis=0, ddof=1) / np.sqrt(len(values)))


@pytest.mark.parametrize("schedule", [(False, False, False), (False, True, False), (False, True, True)])
@pytest.mark.parametrize("samples", [(7, 6, 9), (26, 30, 10)])
def test_the_law_of_the_score_meets_the_sampler(samples, schedule):
    """Trained and frozen tasks, on both sides of the threshold, block by block and whole; |z| < 5 has a false-alarm rate of 6e-7 each."""
    seq = frozen_sequence(experiment(samples), ("shared",), schedule)
    seen, run = watch(seq, 2000, 3)
    assert same_bits(run, simulate(seq, 2000, 3))
    for blocks in (("shared",), ("specific",), tuple(BLOCKS)):
        law, places = score_law(seq, blocks), [list(BLOCKS).index(block) for block in blocks]
        for t in range(3):
            assert abs(z(seen["squares"][:, t, places].sum(1), law.squares[t])) < 5
            assert t == 0 or abs(z(seen["products"][:, t, places].sum(1), law.inner[t])) < 5


def test_what_is_watched_is_what_the_rule_compares():
    seq = experiment((7, 6, 9))
    seen, _ = watch(seq, 70, 3)
    squares = seen["squares"][:, :, 0]
    cosine = seen["products"][:, 1:, 0] / np.sqrt(squares[:, 1:] * squares[:, :-1])
    np.testing.assert_allclose(cosine, hybrid(seq, 2, 70, 3).scores[:, 1:], rtol=1e-9)


def test_alignment_by_eigenvectors():
    """A'A = V S V' with S independent of uniform V: fourth moments of two orthonormal directions, and E of an eigenvalue, d."""
    for n, d, d_b in ((1, 5, 2), (3, 7, 3), (6, 11, 10), (4, 5, 1)):
        total, error, noise = Fraction(3), Fraction(5, 4), Fraction(2, 7)
        same = (d_b * total + 2 * error) / (d * (d + 2))
        two = (error / d - same) / (d - 1)
        found = alignment(Fraction(n), Fraction(d), Fraction(d_b), error, total, noise, exact_step_moments(Fraction(n), Fraction(d), True, d - n <= 1))
        assert found == d * (same + (n - 1) * two) + noise * Fraction(d_b, d)


def test_squares_sample_by_sample():
    """One sample gives d_b S + 2 e_b by Isserlis' theorem, a pair of them e_b."""
    for n in (1, 3, 20):
        seq = initialized({"shared": 5, "specific": 3}, (n,), Fraction(1, 2), gram={"shared": [[2]], "specific": [[7]]})
        for block, size, error in (("shared", 5, 2), ("specific", 3, 7)):
            assert score_law(seq, (block,)).squares[0] == (size * (9 + Fraction(1, 4)) + 2 * error + (n - 1) * error) / n


def test_the_score_does_not_contain_what_decides():
    """On the shared block with u_2 = u_1 nothing of q_2 is left; whole, the score is <w_2 - w_1, w_1> - sigma^2 min(1, N/n)."""
    u, q, d_q, c_q, s = sympy.symbols("u q d_q c_q s", positive=True)
    gram = {"shared": [[u, u], [u, u]], "specific": [[q, q + c_q], [q + c_q, q + 2 * c_q + d_q]]}
    for n in (4, 16):
        seq = initialized({"shared": 5, "specific": 3}, (n, 4), s, gram=gram)
        shared, whole = (score_law(seq, blocks) for blocks in (("shared",), tuple(gram)))
        assert shared.inner[1].free_symbols == ({u, q, s} if n == 4 else {s}) and d_q in shared.squares[1].free_symbols
        a = sympy.Rational(n * (8 - n), 8 * 7 * 10) if n < 8 else 0
        assert sympy.expand(shared.inner[1] + a * 8 / n * (5 * (u + q) - 8 * u) + 5 * s**2 * sympy.Rational(1, max(n, 8))) == 0
        assert sympy.expand(whole.inner[1] - c_q + s**2 * min(1, sympy.Rational(8, n))) == 0


def test_a_frozen_task_makes_the_next_look_related():
    """Three equal tasks: after a frozen one the score's mean is the shared error, after a trained one almost nothing."""
    seq = initialized({"shared": 20, "specific": 30}, (15, 10, 10), 0.3, gram={"shared": np.ones((3, 3)), "specific": np.ones((3, 3))})
    kept = frozen_sequence(seq, ("shared",), (False, True, True))
    found = score_law(kept).inner[2]
    assert found == pytest.approx(expected_errors(kept).errors[0, 0] - specific_error()) and found > 10 * abs(score_law(seq).inner[2])


def specific_error():
    """E |theta - w|^2 in the specific block after task 0, written out."""
    step, w = float_step_moments(15, 50), 2.0
    return (1 - 2 * step.m + step.b) + (step.a * w + step.k * 0.3**2 / 50) * 30


@pytest.mark.parametrize("criterion", COUNTED)
def test_difference_of_expectations_is_that_of_the_formulas(criterion):
    s = random_settings(400, seed=4, overparameterized=False)
    N, w = s["p"] + s["p_1"], s["u_11"] + s["q_11"]
    step = float_step_moments(s["n_1"], N)
    e_u, e_q = ((1 - 2 * step.m + step.b) * x + (step.a * w + step.k * s["sigma_1"] ** 2 / N) * d for x, d in ((s["u_11"], s["p"]), (s["q_11"], s["p_1"])))
    along = (1 - step.m) * s["c_q"]
    found = difference(criterion, s["n_2"], (s["p"], e_u, -e_u), (s["p_2"], e_q + 2 * along + s["d_q"], -e_q - along), s["sigma_2"] ** 2)
    gains = [advantage(c, **s) for c in ("deviation", "generalization")]
    right = -gains[0] if criterion in ("deviation", "forgetting") else -gains[1] if criterion == "generalization" else gains[0] - 2 * gains[1]
    np.testing.assert_allclose(found, right, rtol=1e-7, atol=1e-9 * np.abs(gains).max())


@pytest.mark.parametrize("samples", [(7, 6), (8, 16), (30, 28)])
def test_the_estimate_has_no_bias(samples):
    """Any truths, p_2 > p_1, all three cases of n_2; |z| < 5. Without the excess over e_b, z is above 15 at 7 samples."""
    seq = initialized_two_tasks(**CASE, n_1=samples[0], n_2=samples[1])
    seen, _ = watch(seq, 6000, 5)
    frozen, full = (expected_errors(each) for each in (frozen_sequence(seq, ("shared",)), seq))
    for criterion in COUNTED:
        law = frozen.errors[1, 1] - full.errors[1, 1] if criterion == "second_error" else frozen.read(criterion) - full.read(criterion)
        assert abs(z(estimate(criterion, seq, seen), law)) < 5


def test_the_estimate_of_a_later_task():
    seq = experiment((9, 12, 6), seed=2)
    frozen, full = (expected_errors(each) for each in (frozen_sequence(seq, ("shared",), (False, False, True)), seq))
    seen, _ = watch(seq, 6000, 6)
    assert abs(z(estimate("deviation", seq, seen, t=2), frozen.errors[2, 1] - full.errors[2, 1])) < 5


def distance_covariance(n, dimensions, distances, noise):
    """Return the exact covariance, given the start, of the estimates of (D_b for every block, residual level S).

    U-statistics of order 2: 2 (2 (n - 2) zeta_1 + zeta_2) / (n (n - 1)), zeta_1 that of the kernel given one sample.
    """
    d, D = np.asarray(dimensions, dtype=float), np.asarray(distances, dtype=float)
    level = D.sum() + noise
    one, both = np.outer(D, D) + np.diag(D * level), 3 * np.outer(D, D) + np.diag(d * level**2 + 4 * level * D)
    found = np.full((len(D) + 1,) * 2, 2 * level**2 / n)
    found[:-1, :-1] = 2 * (2 * (n - 2) * one + both) / (n * (n - 1))
    found[:-1, -1] = found[-1, :-1] = 4 * level * D / n
    return found


def test_the_covariance_of_what_the_estimate_is_made_of():
    """Task 0 starts from zero, so that all truths are known; entries within 5 of their own standard errors."""
    seq = experiment((9,))
    seen, _ = watch(seq, 20000, 2)
    values = np.column_stack([seen["distances"][:, 0], seen["level"][:, 0]])
    law = distance_covariance(9, list(BLOCKS.values()), [float(np.sum(v.values**2)) for v in seq.tasks[0].truth.values()], 0.3**2)
    products = (values - values.mean(0))[:, :, None] * (values - values.mean(0))[:, None]
    assert np.all(np.abs(products.mean(0) - law) < 5 * products.std(0) / np.sqrt(len(values)))


def test_the_covariance_from_a_single_pair():
    """n = 2: the entries are sums of squares of E r^2 a a', less the product of the means."""
    w, noise = np.array([1.0, -0.5, 2.0, 0.3, 0.7]), 0.4
    square, parts = (w @ w + noise) * np.eye(5) + 2 * np.outer(w, w), (slice(0, 2), slice(2, 5))
    D = [float(w[a] @ w[a]) for a in parts]
    right = [[np.sum(square[a, b] ** 2) - w[a] @ w[a] * (w[b] @ w[b]) for b in parts] for a in parts]
    np.testing.assert_allclose(distance_covariance(2, (2, 3), D, noise)[:2, :2], right, rtol=1e-12)


def test_the_estimate_tells_near_from_far_and_the_cosine_the_wrong_way_round():
    """5 standard errors of an area under the curve of 1,500 each are below 0.06."""
    near, far = (scores("forgetting", sequence(x), 1500, (9, place))[0] for place, x in enumerate(DISTANCES[[0, -1]]))
    cosine, unbiased, cut = (auc(near[name], far[name]) for name in NAMES)
    assert cosine < 0.48 and 0.56 < unbiased < cut


def test_following_the_estimate_in_random_settings():
    """The cosine's best threshold is never to freeze, or near it; the estimate's sign alone loses less than half of that."""
    found = in_settings(250, seed=2)
    ratio, wins = found["ratio"], found["ratio"] < 0
    never, sign, cut = (losses(ratio, frozen).mean() for frozen in (False, found[ESTIMATE] > 0, found[CUT] > 0))
    best = [min(losses(ratio, found[name] >= least).mean() for least in [*found[name], np.inf]) for name in NAMES]
    assert best[0] > 0.95 * never and max(sign, cut) < never / 2 and max(best[1:]) < never / 2
    areas = [auc(found[name][wins], found[name][~wins]) for name in NAMES]
    assert areas[0] < 0.7 < 0.8 < min(areas[1:])


def test_the_claim_follows_from_the_law(monkeypatch):
    effect = judge("gradient_direction").effect
    assert 0 < effect["share where the cosine falls as |q_2 - q_1|^2 doubles"] < 0.25
    settings = random_settings(overparameterized=False)
    for criterion in ("deviation", "generalization"):
        wins, cosine = advantage(criterion, **settings) > 0, claims._cosines(settings)
        said = effect[f"probability that of two settings the one that gains {criterion} by freezing has the larger cosine"]
        assert said == pytest.approx(auc(cosine[wins], cosine[~wins]), rel=1e-9) and said < 0.6
        assert effect[f"share decided wrongly at the best threshold, {criterion}"] > 0.98 * effect[f"share decided wrongly by never freezing, {criterion}"]
    monkeypatch.setattr("theory.score.score_law", lambda seq, **_: replaced(score_law(seq, outside="nan")))
    assert judge("gradient_direction").verdict == "holds"
    assert "gradient_direction" in claims.CLAIMS


def replaced(law):
    return ScoreLaw(np.abs(law.inner) + 1e-9, law.squares)


SEQ = experiment((7, 6))
test_what_has_no_law = refusals([
    (lambda: score_law(replace(SEQ, tasks=(SEQ.tasks[0], replace(SEQ.tasks[1], start="zero")))), "task 1 has memory or starts again from zero"),
], NoClosedForm)
test_refusals_name_the_value_and_the_remedy = refusals([
    (lambda: score_law(replace(SEQ, tasks=(SEQ.tasks[0], replace(SEQ.tasks[1], samples=0)))), "task 1 has no samples and so no gradient"),
    (lambda: estimate("deviation", experiment((7, 1)), {}), "7 and 1 samples"),
    (lambda: estimate("speed", SEQ, watch(SEQ, 3)[0]), "speed"),
])
