"""Averages, overlaps, gaps and more features: formulas and their mutants against other routes, subspaces against blocks."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
from expression_mutants import mutants
from formula_points import cases, value
from scaffold import assert_refused, refusals

from driftlaw import EWC, FORMULAS, MinNorm, NoClosedForm, Ridge, Subspace, Task, TaskSequence, expected_errors, moment_orders, one_block, simulate
from theory import gaps as measured
from theory.constructors import overlapping
from theory.ledger import gaps, prototypes
from theory.ledger.ridge import two_ridge_tasks


def computed(formula, case, **changed):
    """The formula's number, with some of its parts changed; "value" is the expression itself."""
    known = {symbol: sympy.sympify(case[name]) for name, symbol in zip(formula.parameters, formula.arguments, strict=True)}
    for symbol, part in (*formula.intermediates, (sympy.Symbol("value"), formula.expression)):
        known[symbol] = changed.get(symbol.name, part).xreplace(known).evalf()
    return float(known[symbol])


@pytest.mark.parametrize("formula", (*gaps.FORMULAS, *prototypes.FORMULAS), ids=lambda formula: formula.name)
def test_every_formula_has_its_value_and_no_mutant_has_it(formula):
    right = [(case, value(formula, case)) for case in cases(formula, 1)]

    def passes(**changed):
        try:
            return all(np.isclose(computed(formula, case, **changed), one, rtol=1e-9, atol=1e-11) for case, one in right)
        except (TypeError, ValueError, ZeroDivisionError, RuntimeWarning):  # a mutant may have no value
            return False

    assert passes() and all(formula(**case) == pytest.approx(one, rel=1e-9) for case, one in right)
    survivors = []
    for name, part in (*((symbol.name, part) for symbol, part in formula.intermediates), ("value", formula.expression)):
        if not passes(**{name: part + 1}):  # it is used
            survivors += [f"{name}: {what}" for what, mutant in mutants(part) if passes(**{name: mutant})]
    assert not survivors


@pytest.mark.parametrize(("n_1", "n_2"), [(6, 14), (14, 5)])
def test_without_a_penalty_residuals_are_those_of_least_steps(n_1, n_2):
    case = {"p": 9, "n_1": n_1, "n_2": n_2, "sigma_1": 0.3, "sigma_2": 0.5, "w_11": 1.0, "c_w": 0.2, "d_w": 0.7, "lambda_1": 1e-7, "lambda_2": 1e-7}
    law = expected_errors(two_ridge_tasks(**case).under(rule=MinNorm())).training_errors
    assert FORMULAS["ridge_old_training_error"](**case) == pytest.approx(law[1, 0], rel=1e-5)


def subspaces(frames, samples, **settings):
    tasks = [Task(n, 0.4, {"w": w}, ("w",), features=Subspace(u), **settings) for n, u, w in zip(samples, frames, np.eye(10)[:3] + 0.3, strict=True)]
    return TaskSequence({"w": 10}, tasks, risk="features")


@pytest.mark.parametrize("rule", [Ridge(1.5), MinNorm()])
@pytest.mark.parametrize("settings", [{}, {"scale": 0.7}])
def test_subspaces_of_coordinates_are_blocks(rule, settings):
    """Of every coordinate it counts which tasks use it."""
    used, eye = (range(0, 5), range(3, 9), (0, 1, 3, 4, 8, 9)), np.eye(10)
    found = expected_errors(subspaces([eye[:, list(one)] for one in used], (9, 3, 8), **settings).under(rule=rule))
    groups: dict = {}
    for j in range(10):
        groups.setdefault("".join(str(t) for t in range(3) if j in used[t]), []).append(j)
    truths = [{name: (eye[t] + 0.3)[places] for name, places in groups.items() if str(t) in name} for t in range(3)]
    tasks = [Task(n, 0.4, truth, tuple(truth), **settings) for n, truth in zip((9, 3, 8), truths, strict=True)]
    right = expected_errors(TaskSequence({name: len(places) for name, places in groups.items()}, tasks, rule=rule))
    for part in ("errors", "step_sizes", "update_magnitude"):
        np.testing.assert_allclose(getattr(found, part), getattr(right, part), rtol=1e-9)
    assert found.status == "exact" and moment_orders(subspaces([eye[:, :4]] * 3, (9, 1, 8))).errors[:, 0].tolist() == [3.0, 2.0, 2.0]


@pytest.mark.parametrize("rule", [Ridge(1.5), MinNorm()])
def test_the_sampler_obeys_the_law_of_subspaces_at_any_angles(rule):
    """15 means at |z| < 4.5."""
    rng = np.random.default_rng(2)
    seq = subspaces([rng.standard_normal((10, k)) for k in (4, 7, 5)], (11, 2, 12)).under(rule=rule)
    law, found = expected_errors(seq), simulate(seq, 6000, 1)
    for estimate, right in ((found.errors, law.errors), (found.step_sizes, law.step_sizes), (found.update_magnitude, law.update_magnitude)):
        assert np.abs((estimate.mean - right) / estimate.stderr).max() < 4.5


def test_without_an_overlap_no_draw_forgets_and_with_one_some_truths_do():
    apart, near = (overlapping(6, [[1, c], [c, 1]], (4, 5), 0.3, [[1, 0], [0, 50]]).under(rule=Ridge(0.5)) for c in (0, 0.05))
    assert np.abs(simulate(apart, 200).per_trial("forgetting")).max() < 1e-12
    assert expected_errors(near).forgetting() > 0.05


test_bad_subspaces = refusals([
    (lambda: Subspace(np.ones((4, 2))), "independent columns"),
    (lambda: Subspace("ab"), "a subspace is 'ab'"),
    (lambda: overlapping(3, [[1, 2], [2, 1]], (2, 2), 0, np.eye(2)), "overlaps has the eigenvalue -1"),
    (lambda: overlapping(3, [[1, 0.5], [0.1, 1]], (2, 2), 0, np.eye(2)), "symmetric"),
    (lambda: overlapping(3, 0.5, (2, 2), 0, np.eye(2)), "symmetric"),
    (lambda: overlapping(1, np.eye(2), (2, 2), 0, np.eye(2)), "2 tasks in 1 dimensions"),
])


def test_subspaces_have_no_law_of_averages():
    assert_refused(lambda: expected_errors(subspaces([np.eye(10)[:, :4]] * 3, (9, 3, 8)).under(average="mean")), "averages of estimates", NoClosedForm)


def test_a_task_sees_as_many_directions_as_its_subspace_has():
    """15 samples fit 20 parameters, but not the 10 directions that are seen: the empirical Fisher information does not vanish."""
    frame, truth = Subspace(np.eye(20)[:, :10]), list(np.eye(20)[:2])
    for rule, known in ((EWC(3.0), False), (EWC(0.0), True)):
        seq = one_block(20, (15, 8), 0.3, truth=truth).under(frame, rule, risk="features")
        if known:
            assert (expected_errors(seq).errors == expected_errors(seq.under(rule=MinNorm())).errors).all()
        else:
            assert_refused(lambda: expected_errors(seq), "EWC", NoClosedForm)


def test_weights_and_labels_of_laws_on_subspaces():
    seq, heavy = (overlapping(10, [[1, 0.5], [0.5, 1]], (6, 8), 0.3, [[1, 0.3], [0.3, 1]]) for _ in range(2))
    heavy = replace(heavy, tasks=[replace(task, weights={"shared": 2.0}) for task in heavy.tasks])
    assert (expected_errors(heavy).errors == expected_errors(seq).errors).all()
    assert_refused(lambda: expected_errors(heavy.under(rule=Ridge(3.0))), "weights", NoClosedForm)
    large = one_block(1300, (1250,), 0.3, truth=[np.eye(1300)[0]]).under(rule=Ridge(3.0))
    assert expected_errors(large.under(Subspace(np.eye(1300)), risk="features")).status == expected_errors(large).status != "exact"
    stored = replace(seq, tasks=[seq.tasks[0], replace(seq.tasks[1], memory={0: 1})])
    assert moment_orders(stored).step_sizes[1] == 0.5


def test_new_classes_cost_old_ones_unless_classes_are_far_apart(monkeypatch):
    shares, sizes = measured.frozen_features_keep()
    assert 0 < list(shares.values())[0] < 1 and sizes["accuracy of 200 classes at D = 5"] < 0.8 < 0.95 < sizes["accuracy of 10 classes at D = 5"] < 0.96
    monkeypatch.setattr(measured, "FORMULAS", {**FORMULAS, "prototype_competition": lambda D, **_: 0.05 / D})  # hardly anything
    assert list(measured.frozen_features_keep()[0].values()) > list(shares.values())
