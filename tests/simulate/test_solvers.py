"""Training rules: like the same rule written out trial by trial, their limits, and what they refuse."""

import numpy as np
import pytest
from sampler_reference import CASES, assert_like_naive, naive_trial, normal_features
from scaffold import assert_refused, refusals
from scipy.linalg import expm
from sympy import Symbol

from driftlaw import Distillation, Flow, GradientDescent, MinNorm, Rademacher, Ridge, Task, TaskSequence, expected_errors, one_block, simulate
from simulate.sample.plan import make_plan
from simulate.sample.solvers import step_filter
from simulate.sample.streams import TRIALS_PER_BLOCK
from theory.conditions import ROUTES as SOLVERS
from theory.spectral import filter_values


class Strange(Flow):
    """A user's rule whose filter returns what it should not."""


@pytest.mark.parametrize("returned", [np.ones(3), np.nan, "x", None], ids=str)
def test_a_filter_has_a_finite_number_for_each_eigenvalue(returned):
    for registry in (filter_values, step_filter):
        registry.register(Strange, lambda rule, x, rows: returned * x if isinstance(returned, float) else returned)
    seq = one_block(20, (5, 5), 0.5, gram=[[1, 0], [0, 1]]).under(rule=Strange(1.0))
    for compute in (expected_errors, lambda seq: simulate(seq, 10)):
        assert_refused(lambda: compute(seq), "the filter of Strange.*finite number for each")


def ridge_step(lam):
    def step(a, residual):
        d = a.shape[1]
        return np.linalg.lstsq(np.vstack([a, lam**0.5 * np.eye(d)]), np.concatenate([residual, np.zeros(d)]), rcond=None)[0]

    return step


def descent_step(steps, rate):
    def step(a, residual):
        moved = np.zeros(a.shape[1])
        for _ in range(steps):
            moved -= rate * a.T @ (a @ moved - residual) / len(residual)
        return moved

    return step


def flow_step(time):
    """The solution of d/dt moved = A'(r - A moved) / rows, as one linear system with a constant."""

    def step(a, residual):
        system = np.zeros((a.shape[1] + 1,) * 2)
        if len(residual):
            system[:-1] = np.column_stack([-a.T @ a, a.T @ residual]) / len(residual)
        return expm(time * system)[:-1, -1]

    return step


def distilled_step(strength):
    """Labels and the previous outputs, which are zero as seen from the previous estimate, fitted as rows of one problem."""

    def step(a, residual):
        rows = np.vstack([a, strength**0.5 * a])
        return np.linalg.lstsq(rows, np.concatenate([residual, 0 * residual]), rcond=None)[0]

    return step


RULES = {
    "flow": (Flow(3.0), flow_step(3.0)),
    "ridge": (Ridge(2.5), ridge_step(2.5)),
    "strong ridge": (Ridge(1e4), ridge_step(1e4)),
    "one step": (GradientDescent(1, 0.1), descent_step(1, 0.1)),
    "few steps": (GradientDescent(7, 0.05), descent_step(7, 0.05)),
    "many steps": (GradientDescent(400, 0.02), descent_step(400, 0.02)),
}


NAMES = ["frozen", "from zero", "tall", "at the threshold", "heads", "replay with heads", "too much replay with heads"]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", [*NAMES, "partial steps", "no samples, restarted"])
def test_rules_like_a_plain_loop(name, rule):
    solver, solve = RULES[rule]
    assert_like_naive(CASES[name], 3, (0, 1, TRIALS_PER_BLOCK + 5), solver=solver, solve=solve)


@pytest.mark.parametrize("name", ["frozen", "initialized", "tall", "heads", "replay with heads", "partial steps"])
def test_distillation_like_a_plain_fit_of_both_kinds_of_labels(name):
    assert_like_naive(CASES[name], 3, (0, 1), solver=Distillation(0.7), solve=distilled_step(0.7))


SLOWER = {"ridge": RULES["ridge"], "descent": (GradientDescent(30, 0.01), descent_step(30, 0.01))}  # a light block is steeper


@pytest.mark.parametrize(("solver", "solve"), SLOWER.values(), ids=SLOWER)
def test_weights_penalise_and_slow_their_blocks(solver, solve):
    """In the coordinates sqrt(lambda_b) theta_b, which the plain loop uses, both are the plain rule."""
    assert_like_naive(CASES["weights"], 1, (1,), solver=solver, solve=solve)


@pytest.mark.parametrize("name", ["frozen", "from zero", "tall", "heads", "replay with heads", "weights"])
def test_limits_are_the_least_step(name):
    """lam to 0 and steps to infinity, to the errors that are left there; neither at lam = 1 or after 10 steps."""
    seq = CASES[name]
    least = simulate(seq, 20, 1).errors_sample
    size = least.max()
    for solver in (Ridge(1e-10), GradientDescent(10**8, 0.01)):
        np.testing.assert_allclose(simulate(seq, 20, 1, solver=solver).errors_sample, least, atol=1e-6 * size)
    for solver in (Ridge(1.0), GradientDescent(10, 0.01)):
        assert np.abs(simulate(seq, 20, 1, solver=solver).errors_sample - least).max() > 0.01 * size


def test_ridge_and_descent_find_the_same_at_every_route():
    """Normal equations far from the threshold, singular values near it: one more parameter does not change the method's answer."""
    for d in (18, 19, 17):
        seq = one_block(d, (10, 26, 9), 0.2, list(np.random.default_rng(d).standard_normal((3, d))))
        assert {task.route for task in make_plan(seq.under(rule=Ridge(1))).tasks} >= {"gram"}
        for solver, solve in RULES.values():
            assert_like_naive(seq, 2, (0,), solver=solver, solve=solve)


def test_one_gradient_step_from_zero_has_its_expectation():
    """E|theta - w|^2 = |w|^2 (1 - 2 eta + eta^2 (n + d + 1)/n) + eta^2 d sigma^2/n.

    |z| < 5 has a false-alarm rate of 6e-7; a loss divided by n - 1 or by 1 instead of 2 differs by more than 20 SE.
    """
    d, n, rate, noise = 12, 8, 0.2, 0.5
    found = simulate(one_block(d, (n,), noise, [np.full(d, 0.5)]), 20000, 4, solver=GradientDescent(1, rate)).errors
    expected = 3.0 * (1 - 2 * rate + rate**2 * (n + d + 1) / n) + rate**2 * d * noise**2 / n
    assert abs(found.mean[0, 0] - expected) < 5 * found.stderr[0, 0] and found.stderr[0, 0] < 0.01


def test_gradient_descent_contracts_beyond_one_over_the_curvature():
    """Rates between 1 and 2 over the curvature overshoot and still converge."""
    seq = one_block(3, (12,), 0.1, [np.ones(3)])
    rates = [2 / np.linalg.eigvalsh(a.T @ a / 12)[-1] for a in (normal_features(6, trial, 12, 3, 0, 0) for trial in range(20))]
    fast = GradientDescent(3, 0.99 * min(rates))
    found = simulate(seq, 20, 6, solver=fast)
    slowest = int(np.argmin(rates))
    expected = naive_trial(seq, 6, slowest, solve=descent_step(3, fast.rate))[0]
    np.testing.assert_allclose(found.errors_sample[slowest], expected, rtol=1e-10)
    np.testing.assert_allclose(simulate(seq, 20, 6, solver=GradientDescent(5000, fast.rate)).errors_sample, simulate(seq, 20, 6).errors_sample, atol=1e-9)


def test_divergence_names_the_rate_and_the_largest_admissible_one():
    """The limit is that of all trials and tasks, whatever the batches: just below it runs, just above it is refused."""
    seq, trials = one_block(6, (4, 9), 0.1, list(np.ones((2, 6)))), 150
    features = [normal_features(2, trial, n, 6, t, 0) for n, t in ((4, 0), (9, 1)) for trial in range(trials)]
    limit = 2 / max(np.linalg.eigvalsh(a.T @ a / len(a))[-1] for a in features)
    shown = f"{np.floor(limit * 1000) / 1000:g}"
    message = rf"the rate {1.001 * limit:g} is above 2 / lambda_max.*largest admissible rate for these trials is {shown}$"
    for options in ({}, {"workers": 1, "memory_limit": 40000}):
        assert_refused(lambda: simulate(seq, trials, 2, solver=GradientDescent(3, 1.001 * limit), **options), message)
    assert np.isfinite(simulate(seq, trials, 2, solver=GradientDescent(10**6, 0.999 * limit)).errors_sample).all()


def test_rules_work_on_signs_that_repeat():
    seq = TaskSequence({"a": 2}, [Task(3, 0.4, {"a": np.ones(2)}, ("a",))] * 2)
    assert np.isfinite(simulate(seq, 200, 1, features=Rademacher(), solver=GradientDescent(10**9, 0.1)).errors_sample).all()


test_refusals_name_the_value_and_the_remedy = refusals({
    "no penalty": (lambda: Ridge(0), "penalty lam is 0; .*above 0 .*min_norm"),
    "negative penalty": (lambda: Ridge(-1.0), "penalty lam is -1"),
    "infinite penalty": (lambda: Ridge(np.inf), "penalty lam is inf"),
    "penalty of text": (lambda: Ridge("1"), "penalty lam is '1'"),
    "no steps": (lambda: GradientDescent(0, 0.1), "number of gradient steps is 0; give a whole number"),
    "half a step": (lambda: GradientDescent(2.5, 0.1), "number of gradient steps is 2.5"),
    "no time": (lambda: Flow(0), "time of gradient flow is 0"),
    "negative strength": (lambda: Distillation(-1), "strength of distillation is -1; .* at least 0"),
    "grid": (lambda: simulate(CASES["frozen"], 2, solver=Ridge(np.ones(2))), r"grid of shape \(2,\)"),
    "symbol": (lambda: simulate(CASES["frozen"], 2, solver=Ridge(Symbol("x", positive=True))), "lam of the rule of task 0 is the symbol x"),
    "restarted": (lambda: simulate(CASES["from zero"], 2, solver=Distillation(1)), "trained before and starts from zero"),
    "one rule too many": (lambda: CASES["initialized"].under(rule=[Ridge(1)] * 3), "3 rules for 2 tasks"),
    "no rate": (lambda: GradientDescent(3, 0), "rate of gradient descent is 0"),
    "rate nan": (lambda: GradientDescent(3, float("nan")), "rate of gradient descent is nan"),
    "route": (lambda: MinNorm("svd"), "no solver 'svd'"),
    "name": (lambda: simulate(CASES["frozen"], 2, solver="min-norm"), f"did you mean 'min_norm'.*{SOLVERS[0]}.*Ridge.lam.*Grad"),
    "class": (lambda: simulate(CASES["frozen"], 2, solver=Ridge), "no solver <class"),
})
