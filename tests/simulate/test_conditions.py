"""Training rules and laws of the features: like the same written out trial by trial, their limits, what stays paired, what they refuse."""

import numpy as np
import pytest
from sampler_reference import CASES, SAMPLES, assert_like_naive, naive_trial, normal_features, same_bits, vectors
from scaffold import assert_refused, refusals
from scipy.linalg import expm
from sympy import Symbol

from driftlaw import Task, TaskSequence, expected_errors, initialized, load, one_block, simulate
from simulate.sample.features import draw
from simulate.sample.plan import make_plan
from simulate.sample.solvers import step_filter
from simulate.sample.streams import MIXING, TRIALS_PER_BLOCK, Streams, entropy
from simulate.work.keys import condition_key, sequence_key
from theory.conditions import ROUTES as SOLVERS, Distillation, FeatureLaw, Flow, Gaussian, GradientDescent, MinNorm, Rademacher, Ridge, StandardNormal, StudentT
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


test_rules_that_are_refused = refusals({
    "no penalty": (lambda: Ridge(0), "penalty lam is 0; .*above 0 .*min_norm"),
    **{f"penalty {bad!r}": (lambda bad=bad: Ridge(bad), f"penalty lam is {bad!r}") for bad in (-1, np.inf, "1")},
    "no steps": (lambda: GradientDescent(0, 0.1), "number of gradient steps is 0; give a whole number"),
    "half a step": (lambda: GradientDescent(2.5, 0.1), "number of gradient steps is 2.5"),
    "no time": (lambda: Flow(0), "time of gradient flow is 0"),
    "negative strength": (lambda: Distillation(-1), "strength of distillation is -1; .* at least 0"),
    "grid": (lambda: simulate(CASES["frozen"], 2, solver=Ridge(np.ones(2))), r"grid of shape \(2,\)"),
    "symbol": (lambda: simulate(CASES["frozen"], 2, solver=Ridge(Symbol("x", positive=True))), "lam of the rule of task 0 is the symbol x"),
    "restarted": (lambda: simulate(CASES["from zero"], 2, solver=Distillation(1)), "trained before and starts from zero"),
    "one rule too many": (lambda: CASES["initialized"].under(rule=[Ridge(1)] * 3), "3 rules for 2 tasks"),
    **{f"rate {bad}": (lambda bad=bad: GradientDescent(3, bad), f"rate of gradient descent is {bad}") for bad in (0, float("nan"))},
    "route": (lambda: MinNorm("svd"), "no solver 'svd'"),
    "name": (lambda: simulate(CASES["frozen"], 2, solver="min-norm"), f"did you mean 'min_norm'.*{SOLVERS[0]}.*Ridge.lam.*Grad"),
    "class": (lambda: simulate(CASES["frozen"], 2, solver=Ridge), "no solver <class"),
})


# --- laws of the features


RNG = np.random.default_rng(11)


def covariances(blocks):
    """A matrix for the first block, variances for the second, nothing for the others."""
    names = list(blocks)
    half = RNG.standard_normal((blocks[names[0]], blocks[names[0]] + 2))
    given = {names[0]: half @ half.T / blocks[names[0]]}
    return given | ({names[1]: np.linspace(0.2, 3, blocks[names[1]])} if len(names) > 1 else {})


def entries_of(law, seq):
    """How a plain loop draws a law's features: from the same streams, one trial at a time."""
    names = list(seq.blocks)

    def features(seed, trial, samples, d, t, block):
        z = normal_features(seed, trial, samples, d, t, block)
        if isinstance(law, Rademacher):
            return np.sign(z)
        if isinstance(law, StudentT):
            sequence = np.random.SeedSequence(entropy(seed), spawn_key=(trial // 64, t, MIXING, block))
            generator = np.random.Generator(np.random.SFC64(sequence))
            chi_squared = 2 * generator.standard_gamma(law.df / 2, (trial % 64 + 1, samples, d))[-1]
            return z / np.sqrt(chi_squared / law.df) * np.sqrt((law.df - 2) / law.df)
        covariance = np.asarray(law.covariance.get(names[block], np.ones(d)))
        if covariance.ndim == 1:
            covariance = np.diag(covariance)
        values, directions = np.linalg.eigh(covariance)
        return z @ (directions * np.sqrt(np.where(values > 1e-12, values, 0))) @ directions.T

    return features


LAWS = {"Gaussian": lambda seq: Gaussian(covariances(seq.blocks)), "Rademacher": lambda seq: Rademacher(), "StudentT": lambda seq: StudentT(3.5)}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", [*NAMES, "weights"])
def test_laws_like_a_plain_loop(name, law):
    seq, tolerance = CASES[name], 1e-6 if name == "at the threshold" else 1e-9
    features = LAWS[law](seq)
    assert_like_naive(seq, 3, (0, 1, TRIALS_PER_BLOCK + 5), tolerance, entries_of(features, seq), features=features)


def test_repeated_signs_take_the_least_step_all_the_same():
    """With four parameters a third of all sign matrices lack rank; every trial has to be the pseudo-inverse's."""
    seq = TaskSequence({"a": 3, "b": 1}, [Task(n, 0.4, {"a": np.ones(3), "b": np.ones(1)}, ("a", "b")) for n in (3, 5)])
    found, lost = simulate(seq, 60, 1, features=Rademacher()), 0
    for trial in range(60):
        expected = naive_trial(seq, 1, trial, entries_of(Rademacher(), seq))
        np.testing.assert_allclose(found.errors_sample[trial], expected[0], atol=1e-9)
        signs = np.hstack([np.sign(normal_features(1, trial, 3, d, 0, block)) for block, d in enumerate((3, 1))])
        lost += np.linalg.matrix_rank(signs) < 3
    assert lost > 10


# --- the default, and what stays paired with it


# Sums over 70 trials of seed 5, from the sampler as it was before it knew other laws and rules.
GOLDEN = {
    "frozen": (1580.3954755030832, 216.58562865387518, 216.58562865387518),
    "replay with heads": (7199.729215356983, 986.721340400769, 986.721340400769),
    "from zero": (1394.7203753287822, 163.9482561766485, 314.25222034657713),
    "many random truths": (223422.19052352832, 822.6066039756859, 822.6066039756859),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_default_is_what_it_was(name):
    seq = CASES[name]
    found = simulate(seq, 70, 5)
    assert tuple(getattr(found, sample).sum() for sample in SAMPLES) == pytest.approx(GOLDEN[name], rel=1e-12)
    assert found.experiment == seq
    for solver in ("auto", "min_norm", MinNorm()):
        same = simulate(seq, 70, 5, features=StandardNormal(), solver=solver)
        assert same_bits(found, same) and same.experiment == seq


def test_the_identity_covariance_changes_no_bit():
    seq = CASES["replay with heads"]
    for covariance in ({b: np.eye(d) for b, d in seq.blocks.items()}, {b: np.ones(d) for b, d in seq.blocks.items()}, {}):
        for risk in ("euclidean", "features"):
            assert same_bits(simulate(seq, 10, 1), simulate(seq, 10, 1, features=Gaussian(covariance), risk=risk))


def test_routes_where_features_may_lack_rank_or_differ_in_size():
    """Signs of few parameters and singular covariances take the pseudo-inverse, far variances QR, all others the fast way."""

    def route(features, d=100, solver="auto", **task):
        seq = TaskSequence({"a": d, "b": 4}, [Task(10, 1, {"a": np.ones(d), "b": np.ones(4)}, ("a", "b"), **task)])
        return make_plan(seq.under(features, solver)).tasks[0].route

    fast = StandardNormal(), StudentT(3), Rademacher(), Gaussian({"a": np.linspace(1, 9, 100)})
    assert [route(features) for features in fast] == ["gram"] * 4
    assert [route(Rademacher(), d) for d in (59, 60)] == ["svd", "gram"]
    assert [route(Gaussian({"b": [1, 1, 1, v]})) for v in (1e-5, 1e-7, 1e7, 0.0)] == ["gram", "qr", "qr", "svd"]
    assert [route(Gaussian({"b": [1, 1, 1, v]}), solver="gram") for v in (1e-7, 0.0)] == ["gram", "svd"]
    assert make_plan(CASES["replay"].under(Rademacher())).tasks[1].route == "svd"


def test_laws_have_unit_variance_and_pair_with_the_normal_one():
    """Means, variances, fourth moments within 5 standard errors (6e-7 each); a t not scaled to unit variance is off by 60."""
    shape = (400, 10, 50)
    draws = {law: draw(law, Streams(1, 0), 0, 0, shape).ravel() for law in (StandardNormal(), Rademacher(), StudentT(10))}
    count = draws[StandardNormal()].size
    for values in draws.values():
        assert abs(values.mean()) < 5 / count**0.5
        assert abs((values**2).mean() - 1) < 5 * (values**2).std() / count**0.5 + 1e-15
        assert np.array_equal(np.sign(values), np.sign(draws[StandardNormal()]))
    fourth = draws[StudentT(10)] ** 4  # E t^4 = 3 (df - 2)/(df - 4) = 4 at unit variance
    assert abs(fourth.mean() - 4) < 5 * fourth.std() / count**0.5 < 0.6
    assert set(np.unique(draws[Rademacher()])) == {-1.0, 1.0}
    np.testing.assert_allclose(draw(StudentT(1e12), Streams(1, 0), 0, 0, shape).ravel(), draws[StandardNormal()], rtol=1e-4)


# --- covariances: what stays exact, and step weights as a covariance of blocks


def test_a_singular_covariance_never_moves_what_no_feature_sees():
    """Directions without variance keep their error; the rest is an experiment of its own."""
    rng = np.random.default_rng(4)
    basis = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    covariance = (basis[:, :7] * np.linspace(0.5, 2, 7)) @ basis[:, :7].T
    truths = rng.standard_normal((2, 12))
    for samples in (5, 30):
        seq = one_block(12, (samples, samples), 0.1, truths)
        unseen = np.sum((truths @ basis[:, 7:]) ** 2, axis=1)
        assert np.all(simulate(seq, 8, 2, features=Gaussian(covariance)).errors_sample >= unseen - 1e-9)
        assert_like_naive(seq, 2, (0, 7), 1e-7, entries_of(Gaussian({"shared": covariance}), seq), features=Gaussian(covariance))


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


# --- records and refusals


def test_conditions_are_recorded_and_do_not_mix():
    seq = CASES["frozen"]
    conditions = [{}, {"features": Rademacher()}, {"solver": Ridge(1.0)}, {"features": StudentT(5)}]
    runs = [simulate(seq, 4, seed, **options) for seed, options in enumerate(conditions)]
    for i, run in enumerate(runs):
        for other in runs[:i]:
            assert_refused(lambda: run.merge(other), "different experiments")
    assert runs[1].merge(simulate(seq, 4, 9, features=Rademacher(), solver="qr")).trials == 8
    again = simulate(seq, 4, 0, features=Rademacher()).experiment
    assert runs[1].experiment == again and hash(runs[1].experiment) == hash(again)
    assert (runs[1] - simulate(seq, 4, 1)).trials == 4


def test_laws_and_rules_are_values_with_keys():
    variances = np.linspace(1, 2, 3)
    laws = [StandardNormal(), Rademacher(), StudentT(5), StudentT(6), Gaussian(variances), Gaussian(np.diag(variances))]
    laws += [Gaussian({"a": variances}), Gaussian({"b": variances})]
    rules = [MinNorm(), MinNorm("qr"), Ridge(1), Ridge(2), GradientDescent(3, 0.1), GradientDescent(3, 0.2), GradientDescent(4, 0.1)]
    assert len({str(condition_key(one)) for one in laws + rules}) == len(laws) + len(rules)
    assert len({*laws, *rules}) == len(laws) + len(rules) - 1 and MinNorm() == MinNorm("qr")  # rounding only
    assert Gaussian({"a": variances}) == Gaussian({"a": variances.tolist()}) and StudentT(5) == StudentT(np.float64(5))
    assert condition_key(Ridge(1)) == ["Ridge", {"lam": 1.0}] and sequence_key(CASES["frozen"])
    for wrong in (3, Rademacher):
        assert_refused(lambda: condition_key(wrong), "the condition is")


WIDE = one_block(3, (2,), 0.1, [np.ones(3)])
TWO = initialized({"a": 3, "b": 2}, (2,), 0.1, {"a": [np.ones(3)], "b": [np.ones(2)]})
test_laws_that_are_refused = refusals({
    "infinite variance": (lambda: StudentT(2), "degrees of freedom are 2; .*above 2.*variance is infinite"),
    "not a number of degrees": (lambda: StudentT("5"), "degrees of freedom are '5'"),
    "no law": (lambda: simulate(WIDE, 2, features="rademacher"), "features is 'rademacher'; choose StandardNormal"),
    "a law's class": (lambda: simulate(WIDE, 2, features=Rademacher), "features is <class"),
    "the bare base": (lambda: simulate(WIDE, 2, features=FeatureLaw()), "choose StandardNormal"),
    "negative eigenvalue": (lambda: Gaussian([[1, 2], [2, 1]]), "eigenvalue -1; .*positive semidefinite"),
    "negative variance": (lambda: Gaussian({"a": [1, -0.5]}), "covariance of block 'a' has the variance -0.5"),
    "not symmetric": (lambda: Gaussian([[1, 0.5], [0, 1]]), "not symmetric.*by 0.5"),
    "not square": (lambda: Gaussian(np.ones((2, 3))), r"shape \(2, 3\); give a square matrix"),
    "not finite": (lambda: Gaussian([1, np.nan]), "NaN or infinity"),
    "not numbers": (lambda: Gaussian("ab"), "the covariance is 'ab'; give an array of numbers"),
    "single array": (lambda: simulate(TWO, 2, features=Gaussian(np.eye(3))), r"single array.*blocks \['a', 'b'\]; give a mapping"),
    "unknown block": (lambda: simulate(TWO, 2, features=Gaussian({"c": np.eye(3)})), "names block 'c', which is not among"),
    "dimension": (lambda: simulate(TWO, 2, features=Gaussian({"b": np.eye(3)})), "block 'b' is for 3 features, the block has 2"),
    "risk": (lambda: simulate(WIDE, 2, risk="sigma"), "risk is 'sigma'; choose one of euclidean, features"),
})


def test_keys_know_the_filter_of_a_rule_wherever_it_is(tmp_path):
    (tmp_path / "apart.py").write_text("from theory.conditions import Ridge\nclass Apart(Ridge): pass")
    rule, keys = load(tmp_path / "apart.py").Apart(1.0), []
    for factor in (1, 2):
        (tmp_path / "filter.py").write_text(f"def apart(rule, eigenvalues, rows):\n    return {factor} / eigenvalues")
        step_filter.register(type(rule), load(tmp_path / "filter.py").apart)
        keys.append(str(condition_key(rule)))
    assert keys[0] != keys[1] and "filter.py" in keys[0]
