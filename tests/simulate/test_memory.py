"""Steps under a memory: the sampler that draws scalars against the one that draws vectors, both against the laws, and what is refused."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from law_comparison import least_p
from scaffold import refusals
from scipy.optimize import minimize

from simulate.sample.memory import by_scalars, by_vectors, direct, measure, moved, multiplier, path, reduced, stored, stored_gain
from theory.formulas import FORMULAS
from theory.memory import ADDED, CONSTANT, EQUALITY, INSIDE, Memories, MemoryStep, StoredStep

STEPS = {
    "conflict": MemoryStep(12, 6, 0.5, 1.0, -0.4), "no noise": MemoryStep(9, 5, 0.0, 1.3, -0.5, 0.8), "agreement": MemoryStep(8, 3, 1.5, 0.7, 0.3),
    "one sample": MemoryStep(7, 1, 0.4, 1.0, -0.2), "more samples than parameters": MemoryStep(4, 11, 0.7, 1.2, -0.8),
    "groups": MemoryStep(12, 5, 0.6, 1.1, -0.3, 0.9, groups=3),
}  # fmt: skip
STORED = [StoredStep(14, 4, 8, 0.9, 1.2, share) for share in (0.15, 0.6)] + [StoredStep(12, 7, 7, 0.4, 0.8, 0.5)]
ONE = [[1, -0.5], [-0.5, 0.8]]
SEVERAL = {
    "two tasks": Memories((12,), (0, 4, 6), (0, 0.5, 0.9), [[1.2, -0.4, 0.2], [-0.4, 0.8, 0.1], [0.2, 0.1, 0.6]]), "batch": Memories((9,), (3, 5), (0.7, 0.4), ONE),
    "parts": Memories((10,), (0, 3, 3, 2), (0, 0.5, 0.5, 0.5), [[1, -0.5, -0.5, -0.5], *[[-0.5, 1, 1, 1]] * 3]),
    "unequal groups": Memories((4, 9), (2, 5, 3), (0.3, 0.6, 0.2), [[[0.5, -0.2, 0], [-0.2, 0.3, 0.1], [0, 0.1, 0.4]], [[0.5, 0.1, -0.3], [0.1, 0.9, 0.2], [-0.3, 0.2, 0.5]]]),
}  # fmt: skip
DRAWS, FALSE_ALARM = 20_000, 1e-6


def drawn(sampler, step, seed=0, count=DRAWS):
    return sampler(step, count, np.random.default_rng(seed))


def moving(products):
    return np.concatenate(products[:3], axis=1)


@pytest.mark.parametrize("name", STEPS)
def test_scalars_have_the_law_of_vectors(name):
    p, what = least_p(*(moving(drawn(sampler, STEPS[name], seed)) for seed, sampler in enumerate((direct, reduced))))
    assert p > FALSE_ALARM, what


@pytest.mark.parametrize("step", STORED)
def test_scalars_have_the_law_of_a_memory_that_theta_was_fitted_to(step):
    p, what = least_p(*(moving(drawn(sampler, step, seed)) for seed, sampler in enumerate((stored, stored_gain))))
    assert p > FALSE_ALARM, what


def products(seen, at, edges):
    """Inner products of all gradients in each group, and with the population's, side by side."""
    groups = [(seen[:, :, a:b], at[:, :, a:b]) for a, b in pairwise(edges)]
    return np.concatenate([(own @ np.swapaxes(other, 1, 2)).reshape(len(seen), -1) for own, population in groups for other in (own, population)], axis=1)


@pytest.mark.parametrize("name", SEVERAL)
def test_several_memories_have_the_law_of_vectors_in_a_step_and_along_a_path(name):
    start = SEVERAL[name]
    p, what = least_p(*(products(*drawn(sampler, start, seed)) for seed, sampler in enumerate((by_vectors, by_scalars))))
    assert p > FALSE_ALARM, what
    for form in (INSIDE, ADDED):
        p, what = least_p(*(path(start, 3000, 3, 0.3, 0.2, form, seed=seed, reduced=seed > 0, fitted=name == "two tasks")[:, 1:].reshape(3000, -1) for seed in (0, 1)))
        assert p > FALSE_ALARM, (form, what)


def test_another_law_is_seen():
    """A noise that differs by a tenth, one stored sample more, and a regression without its noise."""
    step = STEPS["conflict"]
    right, start = moving(drawn(direct, step)), SEVERAL["two tasks"]
    for other in (replace(start, sigma=(0, 0.6, 0.9)), replace(start, samples=(0, 4, 7)), replace(start, sizes=(13,))):
        assert least_p(products(*drawn(by_vectors, start)), products(*drawn(by_scalars, other, 1)))[0] < FALSE_ALARM
    for other in (replace(step, sigma=0.55), replace(step, m=7), replace(step, sigma=0.0, distance=float(np.hypot(1, 0.5)))):
        assert least_p(right, moving(drawn(reduced, other, 1)))[0] < FALSE_ALARM


@pytest.mark.parametrize(("name", "sampler"), [(name, sampler) for name in STEPS for sampler in (direct, reduced)])
def test_samples_agree_with_the_laws(name, sampler):
    """5 standard errors: false alarm 6e-7 a comparison; a mistake of 6.7 of them is seen with 95 %."""
    step = STEPS[name]
    case = {"p": step.p, "m": step.m, "sigma": step.sigma, "delta": step.distance, "rho": step.cos, "G": step.norm, "J": step.groups}

    def compare(form, strength, **laws):
        found = measure(step, [strength], DRAWS if sampler is direct else 10 * DRAWS, 3, form, sampler=sampler)
        for quantity, law in laws.items():
            expected = FORMULAS[law](**case, v=strength, gamma=strength)
            assert abs(found[quantity].mean[0] - expected) < 5 * found[quantity].stderr[0] + 1e-12, (form, strength, quantity)

    own = "split_memory" if step.groups > 1 else "memory_gem"
    compare(INSIDE, 0.0, retention=f"{own}_retention", progress=f"{own}_progress", square=f"{own}_progress")
    if step.groups > 1:
        return
    compare(EQUALITY, 0.0, retention="memory_projected_retention", progress="memory_projected_progress", square="memory_projected_progress")
    compare(ADDED, 0.4, retention="memory_added_retention")
    compare(CONSTANT, 0.4, retention="memory_constant_retention", progress="memory_constant_progress", square="memory_constant_square", gap="memory_constant_gap")
    if step.sigma:
        compare(CONSTANT, 0.4, violation="memory_constant_violation")
        for strength in (0.0, 0.2, 0.7):
            compare(INSIDE, strength, violation="memory_violation")


@pytest.mark.parametrize("step", STORED)
@pytest.mark.parametrize("sampler", [stored, stored_gain])
def test_stored_samples_agree_with_the_laws(step, sampler):
    case = {"p": step.p, "m": step.m, "sigma": step.sigma, "D": step.distance, "c": step.share}
    products = drawn(sampler, step, 5)
    observed = {"memory_agreement": products.earlier, "memory_square": products.memory, "memory_conflict": products.current, "gem_gain": multiplier(products, 0.0) * products.earlier}
    for law, values in observed.items():
        assert abs(values.mean() - FORMULAS[f"stored_{law}"](**case)) < 5 * values.std() / np.sqrt(DRAWS), law
    assert np.all(products.current < 0)


@pytest.mark.parametrize("sampler", [by_vectors, by_scalars])
def test_groups_batches_and_several_memories_agree_with_the_laws(sampler):
    """Unequal groups sum the laws of each, for which the errors of the others are noise; batches and other memories enter by products."""
    start, total = Memories((4, 9), (0, 5), (0, 0.6), [[[0.4, -0.3], [-0.3, 0.5]], [[0.5, 0.2], [0.2, 0.9]]]), 1.4 + 0.6**2
    cases = [
        {"p": p, "m": 5, "sigma": np.sqrt(total - d), "delta": np.sqrt(d), "rho": x / np.sqrt(g * d), "G": np.sqrt(g)} for p, g, x, d in ((4, 0.4, -0.3, 0.5), (9, 0.5, 0.2, 0.9))
    ]
    found = measure(start, [0.0], DRAWS, 7, sampler=sampler)
    for quantity in ("retention", "progress"):
        error = found[quantity].mean[0] - sum(FORMULAS[f"memory_gem_{quantity}"](**case) for case in cases)
        assert np.all(np.abs(error) < 5 * found[quantity].stderr[0])
    seen = drawn(sampler, SEVERAL["batch"], 8)[0]
    product, n, m, p, t, delta, g, s = (seen[:, 0] * seen[:, 1]).sum(axis=1), 3, 5, 9, 1 + 0.7**2, 0.8, 1, 0.8 + 0.4**2
    second = ((m + 1) * (n + 1) * 0.25 + (m + 1) * t * delta + (n + 1) * s * g + p * s * t) / (m * n)
    assert all(abs(x.mean() - mean) < 5 * x.std() / np.sqrt(DRAWS) for x, mean in ((product, -0.5), (product**2, second)))


def test_one_memory_among_several_kinds_is_the_same_step_at_any_number_of_parameters():
    for p in (24, 10**6):
        one, several = MemoryStep(p, 6, 0.5, 0.9, -0.5), Memories((p,), (0, 6), (0, 0.5), [[1, -0.45], [-0.45, 0.81]])
        for form in (INSIDE, ADDED, CONSTANT, EQUALITY):
            left, right = (measure(step, [0.3], DRAWS, seed, form) for seed, step in enumerate((one, several)))
            for quantity, a in left.items():
                b = right[quantity]
                assert abs(a.mean[0] - b.mean.ravel()[0]) < 5 * np.hypot(a.stderr[0], b.stderr.ravel()[0]), (p, form, quantity)


@pytest.mark.parametrize("strength", [0.0, 0.4])
def test_the_step_is_the_nearest_that_meets_the_constraints_in_each_group(strength):
    """What is added to g and the strength's share of the gradients is a sum of gradients whose constraints are tight."""
    seen, _, edges = drawn(by_scalars, SEVERAL["unequal groups"], count=300)
    z = moved(seen, edges, strength)
    for a, b in pairwise(edges):
        for own, (g, *others) in zip(z[:, a:b], seen[:, :, a:b], strict=True):
            G = np.array(others)
            if np.all(G @ g >= 0):
                assert np.array_equal(own, g)
                continue
            u = np.linalg.lstsq(G.T, own - g - strength * G.sum(axis=0))[0]
            assert np.allclose(g + (strength + u) @ G, own) and np.all(u > -1e-9) and np.all(G @ own > -1e-9) and np.all(np.abs(u * (G @ own)) < 1e-9)


def test_batches_are_fresh_in_every_step():
    """Without strength a step on n samples multiplies the squared distance by 1 - 2 eta + eta^2 (n + p + 1)/n in the mean, and adds noise."""
    error, n, p, sigma, eta = 1.0, 3, 9, 0.7, 0.2
    found = path(SEVERAL["batch"], DRAWS, 4, eta, form=CONSTANT)[:, -1, 0]
    for _ in range(4):
        error = error * (1 - 2 * eta + eta**2 * (n + p + 1) / n) + eta**2 * p * sigma**2 / n
    assert abs(found.mean() - error) < 5 * found.std() / np.sqrt(DRAWS)


def test_any_strength_ends_at_the_hard_constraints_from_a_fit_of_the_memory():
    """As the rate goes to zero; law of least steps with n_2 samples at the population's end."""
    p, m, sigma, D = 40, 10, 0.5, 1.0
    start = Memories((p,), (0, m), (0, sigma), [[1 + D, 1], [1, 1]])
    noise = m * sigma**2 / (p - m - 1)
    for strength in (0.0, 1.0):
        fine, coarse = (path(start, 2000, int(8 / rate), rate, strength, fitted=True, seed=4)[:, -1] for rate in (0.005, 0.01))
        ends = 2 * fine - coarse
        assert np.all(np.abs(ends.mean(axis=0) - [noise + m / p * D, noise + (1 - m / p) * D]) < 5 * ends.std(axis=0) / np.sqrt(2000) + 2e-3), strength


def test_the_sign_of_what_stored_samples_do_changes_at_the_crossing():
    for name, gain in (("stored_memory_crossing", "stored_memory_agreement"), ("stored_gem_crossing", "stored_gem_gain")):
        case = {"p": 14, "m": 4, "sigma": 0.9, "D": 1.2}
        at = FORMULAS[name](**case)
        assert FORMULAS[gain](**case, c=at - 0.01) < 0 < FORMULAS[gain](**case, c=at + 0.01) and abs(FORMULAS[gain](**case, c=at)) < 1e-12


def test_the_debiased_length_has_no_bias_and_brings_violations_to_a_half():
    products = drawn(direct, STEPS["groups"])
    assert products.unbiased is not None
    assert abs(products.unbiased.mean() - 1.1**2 / 3) < 5 * products.unbiased.std() / np.sqrt(products.unbiased.size / 3)
    step = MemoryStep(60, 80, 0.5, 1.0, -0.4)
    debiased, plain = (measure(step, [0.0], 1000, form=EQUALITY, sampler=direct, debiased=flag)["violation"].mean[0] for flag in (True, False))
    assert 0.35 < debiased < 0.65 and plain > 0.95


@pytest.mark.parametrize("strength", [0.0, 0.3, 2.0])
def test_the_multiplier_solves_the_dual_problem(strength):
    """The least v'KV/2 + v<g, g_m> over v >= strength, where the memory sees a conflict."""
    products = drawn(reduced, STEPS["conflict"], count=20)
    for current, length, v in zip(products.current[:, 0], products.memory[:, 0], multiplier(products, strength)[:, 0], strict=True):
        found = minimize(lambda x, a=current, b=length: b * x[0] ** 2 / 2 + a * x[0], [1.0], bounds=[(strength, None)]).x[0]
        assert v == pytest.approx(found if current < 0 else 0.0, rel=1e-4, abs=1e-5)


GOOD = STEPS["conflict"]
test_refused = refusals({
    "cosine": (lambda: replace(GOOD, cos=-1.2), "cos, the cosine of both gradients, is -1.2, outside"),
    "m": (lambda: replace(GOOD, m=0), "m, the number of stored samples, is 0; give a whole number"),
    "p": (lambda: replace(GOOD, p=2), "p, the number of parameters, is 2"), "no number": (lambda: replace(GOOD, sigma=float("nan")), "sigma, .* is nan"),
    "groups": (lambda: replace(GOOD, groups=5), "groups is 5, which does not divide p = 12"),
    "distance": (lambda: replace(GOOD, distance=0), "distance, the length of gbar, is 0"),
    "strength": (lambda: measure(GOOD, [-0.1], 10), "a memory strength is -0.1"),
    "no strength": (lambda: measure(GOOD, [], 10), "there is no memory strength"), "text": (lambda: measure(GOOD, ["a"], 10), "a memory strength is 'a'"),
    "form": (lambda: measure(GOOD, [0.1], 10, form="insode"), "did you mean 'inside'"),
    "one draw": (lambda: measure(GOOD, [0.1], 1), "count, the number of draws, is 1"),
    "debiased": (lambda: measure(GOOD, [0.1], 10, debiased=True), "use sampler=direct"),
    "length of a group": (lambda: Memories((3, 1), (0, 4), (0, 0.5), ONE), "group of 1 parameters has no room for gradients of rank 2"),
    "no memory": (lambda: Memories((9,), (0,), (0,), [[1]]), "do not agree"), "empty memory": (lambda: Memories((9,), (0, 0), (0, 0.5), ONE), "samples of memory 1 is 0"),
    "products": (lambda: Memories((9,), (0, 4), (0, 0.5), [[1, -2], [-2, 1]]), "no matrix of inner products"),
    "path": (lambda: path(SEVERAL["parts"], 2, 1, 0.1, form=EQUALITY), "several memories"), "rate": (lambda: path(SEVERAL["batch"], 2, 1, 0), "rate, the learning rate, is 0"),
    "stored": (lambda: StoredStep(10, 5, 4, 0.5, 1.0, 0.1), "m <= n_1 < p - 1"), "share": (lambda: StoredStep(10, 3, 4, 0.5, 1.0, 1.1), "share"),
})
