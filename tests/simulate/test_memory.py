"""Steps under a memory: the sampler that draws scalars against the one that draws vectors, both against the laws, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from law_comparison import least_p
from scaffold import refusals
from scipy.optimize import minimize

from simulate.sample.memory import direct, measure, multiplier, reduced, stored, stored_gain
from theory.formulas import FORMULAS
from theory.memory import ADDED, CONSTANT, EQUALITY, INSIDE, MemoryStep, StoredStep

STEPS = {
    "conflict": MemoryStep(12, 6, 0.5, 1.0, -0.4), "no noise": MemoryStep(9, 5, 0.0, 1.3, -0.5, 0.8), "agreement": MemoryStep(8, 3, 1.5, 0.7, 0.3),
    "one sample": MemoryStep(7, 1, 0.4, 1.0, -0.2), "more samples than parameters": MemoryStep(4, 11, 0.7, 1.2, -0.8),
    "groups": MemoryStep(12, 5, 0.6, 1.1, -0.3, 0.9, groups=3),
}  # fmt: skip
STORED = [StoredStep(14, 4, 8, 0.9, 1.2, share) for share in (0.15, 0.6)] + [StoredStep(12, 7, 7, 0.4, 0.8, 0.5)]
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


def test_another_law_is_seen():
    """A noise that differs by a tenth, one stored sample more, and a regression without its noise."""
    step = STEPS["conflict"]
    right = moving(drawn(direct, step))
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
test_refused = refusals(
    {
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
        "stored": (lambda: StoredStep(10, 5, 4, 0.5, 1.0, 0.1), "m <= n_1 < p - 1"), "share": (lambda: StoredStep(10, 3, 4, 0.5, 1.0, 1.1), "share"),
    }
)
