"""Rules that look back: distillation with heads, EWC and SI, against plain fits, flows integrated step by step, and what is known of them."""

import itertools

import numpy as np
import pytest
from sampler_reference import naive_data
from scaffold import refusals
from scipy.integrate import solve_ivp

from driftlaw import EWC, SI, HeadDistillation, NoClosedForm, Ridge, Task, TaskSequence, check, expected_errors, moment_orders, one_block, simulate
from simulate.sample.learner import Learner
from simulate.sample.plan import make_plan
from simulate.sample.steps import penalised_step
from simulate.sample.streams import Streams
from theory.constructors import ewc_rules
from theory.ledger.consolidation import consolidated

RNG = np.random.default_rng(3)


def vectors(tasks, d):
    return list(RNG.standard_normal((tasks, d)) / d**0.5)


def headed(samples, heads=(3, 4, 2), shared=(5, 9), noise=0.4, strength=0.7):
    """A shared part in two blocks, and a head for each task in two blocks, too."""
    blocks = {"a": shared[0], "b": shared[1], **{f"{name}{t}": size for t, d in enumerate(heads) for name, size in (("h", d - 1), ("k", 1))}}
    tasks = []
    for t, n in enumerate(samples):
        used = ("a", "b", f"h{t}", f"k{t}")
        tasks.append(Task(n, noise, {block: RNG.standard_normal(blocks[block]) / 3 for block in used}, used))
    return TaskSequence(blocks, tasks, rule=HeadDistillation(strength))


def learned(seq, seed=2, trials=3):
    """The estimates after every task, (T, trials, d), and the learner."""
    learner, path = Learner(make_plan(seq), Streams(seed, 0), trials), []
    for t, task in enumerate(learner._plan.tasks):
        learner._learn(t, task)
        path.append(np.hstack(learner.theta))
    return np.stack(path), learner


@pytest.mark.parametrize("samples", [(9, 7, 5), (9, 3, 1), (30, 30, 30), (6, 16, 12)])
def test_heads_are_distilled_as_rows_of_one_fit(samples):
    """Every earlier task's output is a row of its own; the fits are taken by another solver, from the data of each trial."""
    seq = headed(samples)
    found, blocks = learned(seq)[0], list(seq.blocks)
    columns = np.repeat(blocks, list(seq.blocks.values()))
    for trial in range(3):
        theta = np.zeros(len(columns))
        for t, (x, y, _) in enumerate(naive_data(seq, 2, trial)):
            old = [np.where(np.isin(columns, list(earlier.truth)) & np.isin(columns, seq.tasks[t].train), x, 0) for earlier in seq.tasks[:t]]
            rows = np.vstack([x, *(0.7**0.5 * one for one in old)])
            theta = theta + np.linalg.lstsq(rows, np.concatenate([y - x @ theta, np.zeros(len(y) * t)]), rcond=1e-13)[0]
            np.testing.assert_allclose(found[t, trial], theta, atol=1e-9)


@pytest.mark.parametrize("samples", [(8, 7, 5), (8, 7, 1), (8, 2, 8)])
def test_the_law_of_heads(samples):
    """21 means at |z| < 4.5: false alarm 2e-4; the variance has to exist, and a strength of half as much is 5 errors away."""
    seq = headed(samples, heads=(3, 4, 8) if samples[2] == 1 else (3, 8, 2) if samples[1] == 2 else (3, 2, 2), shared=(8, 20))
    law, half = (expected_errors(one) for one in (seq, seq.under(rule=HeadDistillation(0.35))))
    for method in ("direct", "reduced"):
        found = simulate(seq, 6000, 5, method=method)
        for estimate, right in ((found.errors, law.errors), (found.step_sizes, law.step_sizes), (found.update_magnitude, law.update_magnitude)):
            assert np.abs(estimate.mean - right).max() < 1e-9 or (np.abs(estimate.mean - right) < 4.5 * estimate.stderr + 1e-9).all()
        if samples[1] > 2:
            assert np.abs((found.errors.mean - half.errors)[1:] / found.errors.stderr[1:]).max() > 5


@pytest.mark.parametrize(("n", "d", "zeros"), [(4, 7, 0), (7, 4, 0), (4, 7, 3), (3, 5, 5)])
def test_the_path_of_a_penalised_flow(n, d, zeros):
    """Step and path integral against an integrator of the flow; what coordinates do adds up to the loss that is gone."""
    a, r, penalty = RNG.standard_normal((n, d)), RNG.standard_normal(n), RNG.uniform(0.2, 3, d)
    penalty[:zeros] = 0
    (step,), (done,) = penalised_step([a[None]], r[None], [penalty[None]])

    def flow(_, state):
        slope = a.T @ (a @ state[:d] - r) / n
        speed = -slope - penalty * state[:d] / n
        return np.concatenate([speed, -slope * speed])

    slowest = np.linalg.eigvalsh((a.T @ a + np.diag(penalty)) / n)
    end = solve_ivp(flow, (0, 60 / slowest[slowest > 1e-9].min()), np.zeros(2 * d), rtol=1e-10, atol=1e-12, method="LSODA").y[:, -1]
    np.testing.assert_allclose(np.concatenate([step[0], done[0]]), end, atol=1e-6)
    assert np.isclose(done.sum(), (r @ r - ((r - a @ step[0]) ** 2).sum()) / (2 * n))


@pytest.mark.parametrize("rule", [EWC(0.8), EWC(0.8, "sample", 0.5), SI(0.8, 0.01)], ids=str)
def test_importance_is_held_from_task_to_task(rule):
    """The penalty of every task is that of the ones before; steps and information written out anew."""
    seq = one_block(6, (10, 4, 9), 0.4, vectors(3, 6))
    found, learner = learned(seq.under(rule=rule))
    for trial in range(3):
        theta, held = np.zeros(6), np.zeros(6)
        for t, (x, y, _) in enumerate(naive_data(seq, 2, trial)):
            n, residual = len(y), y - x @ theta
            step = np.linalg.pinv(x.T @ x + np.diag(n * 0.8 * held), rcond=1e-12) @ x.T @ residual
            if isinstance(rule, SI):
                held = held + 2 * penalised_step([x[None]], residual[None], [n * 0.8 * held[None]])[1][0][0] / (step**2 + 0.01)
            else:
                left = (residual - x @ step) ** 2 if rule.fisher == "empirical" else np.ones(n)
                held = rule.decay * held + (left[:, None] * x**2).mean(0)
            theta = theta + step
            np.testing.assert_allclose(found[t, trial], theta, atol=1e-8)
        np.testing.assert_allclose(learner.importance[rule, 0][trial], held, rtol=1e-6, atol=1e-12)


def test_empirical_information_vanishes_where_training_interpolates():
    """In every trial of ten seeds, nearly singular ones with errors of hundreds among them, where rounding leaves residuals."""
    seq = one_block(12, (5, 12, 9), 0.5, vectors(3, 12))
    for rule, seed in itertools.product((EWC(50.0), EWC(0.5, decay=0.3)), range(10)):
        np.testing.assert_allclose(simulate(seq.under(rule=rule), 30, seed).errors_sample, simulate(seq, 30, seed).errors_sample, rtol=1e-6)
    seq = one_block(12, (5, 9, 9), 0.5, vectors(3, 12))
    assert (expected_errors(seq.under(rule=EWC(50.0))).errors == expected_errors(seq).errors).all()


@pytest.mark.parametrize("d", [4, 8, 16])
def test_empirical_information_of_the_first_task(d):
    """E F_j = sigma^2 (n - d) / (n + 2), at |z| < 4.5."""
    from theory.formulas import FORMULAS

    _, learner = learned(one_block(d, (24,), 0.7, vectors(1, d)).under(rule=EWC(1.0)), trials=8000)
    ((found,),) = [learner.importance.values()]
    mean, right = found.mean(1), FORMULAS["empirical_fisher"](n_1=24, p=d, sigma_1=0.7)
    assert abs(mean.mean() - right) < 4.5 * mean.std() / 8000**0.5 < 0.05 * right


def test_synaptic_intelligence_is_ridge_where_eigenvalues_agree():
    """One sample: importance is the same for all coordinates, |x|^2. Many samples: as EWC with the population's information."""
    seq = one_block(7, (1, 5), 0.3, vectors(2, 7)).under(rule=SI(0.6, 1e-12))
    theta, learner = learned(seq.under(rule=(SI(0.6, 1e-12), Ridge(1.0))))
    for trial, (x, *_) in enumerate(naive_data(seq, 2, k)[0] for k in range(3)):
        np.testing.assert_allclose(learner.importance[SI(0.6, 1e-12), 0][trial], (x**2).sum(), rtol=1e-4)
    seq = one_block(4, (2000, 2000), 0.3, vectors(2, 4))
    found, right = simulate(seq.under(rule=SI(0.6, 1e-9)), 400, 1).errors.mean, expected_errors(seq.under(rule=ewc_rules(0.6, (2000, 2000)))).errors
    assert np.abs(found - right)[1].max() < 0.02 * right[1].max() < 0.1 * np.abs(expected_errors(seq).errors - right)[1].max()


def test_penalised_fits_are_means_of_fits_with_coordinates_left_out():
    """What the tails of `theory.moments` rest on, for n >= d: none is longer than the longest of these."""
    a, r, penalty = RNG.standard_normal((5, 3)), RNG.standard_normal(5), np.array([1e-3, 0.4, 60.0])
    found, weights = np.zeros(3), []
    for kept in map(list, ([], [0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2])):
        weights.append(np.linalg.det(a[:, kept].T @ a[:, kept]) * np.delete(penalty, kept).prod())
        found[kept] += weights[-1] * np.linalg.lstsq(a[:, kept], r, rcond=None)[0]
    np.testing.assert_allclose(penalised_step([a[None]], r[None], [penalty[None]])[0][0][0], found / np.sum(weights), rtol=1e-9)


def test_a_coordinate_of_little_penalty_makes_heavy_tails():
    """Hill's estimate over the 200 largest squared steps: 1 for one sample each, where the least step of d = 12 has order 6; verdicts say so."""
    seq = one_block(12, (1, 1), 0.3, vectors(2, 12)).under(rule=EWC(1.0, "sample"))
    largest = np.sort(simulate(seq, 20_000).step_sizes_sample[:, 1])[-201:]
    assert moment_orders(seq).step_sizes[1] == pytest.approx(1 / (2 + 1 / 6)) and 0.7 < 1 / np.log(largest[1:] / largest[0]).mean() < 1.3
    report = check(lambda: 1.0, "error[1,1]", lambda: one_block(20, (30, 9), 0.3, vectors(2, 20)).under(rule=SI(1.0)), {})
    assert report.verdict == "not testable" and "known to exist" in report.text and "ewc_rules" in report.text


def test_what_teaches_and_what_is_held():
    seq = headed((9, 7, 5)).under(rule="min_norm").under(visits=(0, 0, 1, 2), rule=("min_norm", "min_norm", HeadDistillation(1.0), HeadDistillation(1.0)))
    assert seq.teachers(3) == {("a", "b"): 2}
    seq = one_block(12, (0, 30), 0.5, vectors(2, 12))
    assert (expected_errors(seq.under(rule=SI(1.0))).errors == expected_errors(seq).errors).all()


def refuses(rule, samples=(30, 9)):
    return lambda: expected_errors(one_block(20, samples, 0.3, vectors(2, 20)).under(rule=rule))


test_refusals_name_the_value_and_the_remedy = refusals({
    "strength": (lambda: EWC(-1), "strength of consolidation is -1"),
    "strength nan": (lambda: SI(float("nan")), "strength of synaptic intelligence is nan"),
    "infinite heads": (lambda: HeadDistillation(float("inf")), "inf"),
    "decay": (lambda: EWC(1, decay=1.5), "decay of the Fisher information is 1.5"),
    "fisher": (lambda: EWC(1, "true"), "unknown Fisher information 'true'"),
    "damping": (lambda: SI(1, 0), "damping is 0"),
    "gram": (lambda: one_block(9, (3,), 0, gram=[[1]]).under(rule=SI(1)), "looks at single coordinates, and gram"),
    "scale": (lambda: TaskSequence({"a": 2}, [Task(3, 0, {"a": [1, 0]}, ("a",), scale=0.5)], rule=EWC(1)), "takes whole steps"),
    "visits": (lambda: headed((9, 7, 5)).under(visits=(0, 1, 0)), "on fresh samples"),
    "plane": (lambda: consolidated(p=9, n_1=3, n_2=3, sigma_1=0, sigma_2=0, w_11=1.0, d_w=0.3, c_w=0.6), "such truths in a plane"),
    "restart": (lambda: one_block(9, (3, 3), 0, vectors(2, 9), start="zero").under(rule=EWC(1)), "trained before and starts from zero"),
    "reduced": (lambda: simulate(one_block(9, (3,), 0, vectors(1, 9)).under(rule=SI(1)), 2, method="reduced"), "look the same in every basis, not SI"),
})
test_what_has_no_law_is_refused_by_name = refusals({
    "si": (refuses(SI(1.0), (5, 5)), "no exact law is known for SI.*ewc_rules"), "ewc": (refuses(EWC(1.0)), "no exact law is known for EWC.*ewc_rules")
}, NoClosedForm)  # fmt: skip
