"""Best choices by the law: against brute force, and against the ledger's closed forms."""

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scaffold import assert_refused, refusals

from theory import Flow, GradientDescent, MinNorm, NoClosedForm, Ridge, expected_errors, frozen, initialized, one_block, one_head_per_task
from theory.constructors import overlapping, trainable_fraction
from theory.ledger.magnitude import BEST_SCALE, LEAST_FORGETTING
from theory.ledger.two_tasks import DEVIATION_CASES, initialized_two_tasks, two_tasks
from theory.optima import best_average, best_constant_penalty, best_penalties, best_penalty, best_scale, best_schedule, best_step, best_trainable_fraction

GRAM = {"shared": np.array([[1.0, 0.8, 0.9], [0.8, 1.2, 0.7], [0.9, 0.7, 1.1]]), "specific": np.diag([1.0, 0.5, 2.0])}
SETTING = {"blocks": {"shared": 12, "specific": 20}, "samples": (16, 9, 10), "noise": 0.4}


@pytest.mark.parametrize("training", ["frozen", "initialized"])
@pytest.mark.parametrize("case", DEVIATION_CASES, ids=str)
def test_best_scale_of_two_tasks_is_the_closed_form(training, case):
    seq = (two_tasks if training == "frozen" else initialized_two_tasks)(**case)
    optimum = best_scale("forgetting", seq)
    assert optimum.choice == pytest.approx(BEST_SCALE[training](**case), rel=1e-9)
    assert optimum.value == pytest.approx(LEAST_FORGETTING[training](**case), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("criterion", ["deviation", "forgetting", "generalization"])
def test_no_other_scale_is_better(criterion):
    seq = initialized(**SETTING, gram=GRAM)
    optimum = best_scale(criterion, seq)
    for offset in (-0.3, -1e-3, 1e-3, 0.3):
        task = replace(seq.tasks[-1], scale=float(optimum.choice) + offset)
        law = expected_errors(replace(seq, tasks=(*seq.tasks[:-1], task)))
        assert getattr(law, criterion)() > optimum.value


@pytest.mark.parametrize("affine", [False, True])
def test_no_other_weights_make_a_better_average(affine):
    seq = initialized(**SETTING, gram=GRAM).under(rule=Ridge(3.0))
    best = best_average(seq, affine)
    for t, direction in itertools.product(range(3), np.array([[1, -1, 0], [0, 1, -1], [0.1, 0.1, 0.1]])[: 2 if affine else 3]):
        rows = best.choice + 1e-2 * np.outer(np.eye(3)[t], direction * (np.arange(3) <= t) * (not affine or t == 2))
        found = [expected_errors(seq.under(average=one)).generalization(t) for one in (best.choice, rows)]
        assert found[0] < found[1] or np.array_equal(rows, best.choice)
    assert best.value == found[0] < min(expected_errors(seq.under(average=one)).generalization() for one in (np.eye(3), "mean"))


def test_fractions_stay_exact():
    exact = initialized({"shared": 12, "specific": 20}, (16, 9), Fraction(2, 5), gram={"shared": [[1, 1], [1, 1]], "specific": [[1, 0], [0, 1]]})
    optimum = best_scale("forgetting", exact)
    assert isinstance(optimum.choice, Fraction) and isinstance(optimum.value, Fraction)


@pytest.mark.parametrize("criterion", ["forgetting", "generalization"])
def test_schedule_search_is_exhaustive(criterion):
    seq = initialized(**SETTING, gram=GRAM)
    optimum = best_schedule(criterion, seq)
    assert set(optimum.choices) == {(False, *rest) for rest in itertools.product((False, True), repeat=2)}
    by_schedule = dict(zip(optimum.choices, optimum.values, strict=True))
    assert optimum.value == min(optimum.values) == by_schedule[optimum.choice]
    assert by_schedule[False, False, False] == pytest.approx(getattr(expected_errors(seq), criterion)())
    always_frozen = frozen(**SETTING, gram=GRAM)
    assert by_schedule[False, True, True] == pytest.approx(getattr(expected_errors(always_frozen), criterion)())


def test_frozen_tasks_keep_what_they_say_of_the_other_blocks():
    seq = initialized(**SETTING, gram=GRAM)
    task = replace(seq.tasks[2], start={"shared": "zero"}, scale={"shared": 0.5, "specific": 0.8})
    seq = replace(seq, tasks=(*seq.tasks[:2], task))
    values = dict(zip(*(lambda o: (o.choices, o.values))(best_schedule("forgetting", seq)), strict=True))
    by_hand = replace(seq, tasks=(*seq.tasks[:2], replace(task, train=("specific",), start={}, scale={"specific": 0.8})))
    assert values[False, False, True] == pytest.approx(expected_errors(by_hand).forgetting())


def test_best_fraction_compares_every_count_and_passes_over_the_threshold():
    two = {"blocks": SETTING["blocks"], "samples": (16, 24), "noise": 0.4, "gram": {name: matrix[:2, :2] for name, matrix in GRAM.items()}}
    optimum = best_trainable_fraction("deviation", **two)
    assert list(optimum.choices) == list(range(13))
    near = [count for count in optimum.choices if abs(24 - 20 - count) <= 1]
    assert np.all(np.isnan(np.array(optimum.values)[near])) and optimum.choice not in near
    for count in (0, 12, optimum.choice):
        law = expected_errors(trainable_fraction(count, **two))
        assert optimum.values[count] == pytest.approx(law.deviation())
    assert optimum.value == np.nanmin(optimum.values)


@pytest.mark.parametrize("training", [frozen, initialized])
def test_no_other_penalty_is_better_for_the_last_task(training):
    """Also at n = d and with what frozen blocks get wrong, and with a shared start from zero."""
    usual = training(**{**SETTING, "samples": (16, 9, 20)}, gram=GRAM).under(rule=(Ridge(1.0), MinNorm(), MinNorm()))
    restarted = replace(usual, tasks=(*usual.tasks[:2], replace(usual.tasks[2], start={"specific": "zero"})))
    for seq in (usual, restarted):
        optimum = best_penalty(seq)

        def error(penalty):
            return expected_errors(seq.under(rule=(Ridge(1.0), MinNorm(), Ridge(penalty)))).errors[2, 2]

        assert error(optimum.choice) == optimum.value and optimum.choice > 0
        assert min(error(optimum.choice * factor) for factor in (0.5, 0.99, 1.01, 2)) > optimum.value
    for other in (usual.under(average="mean"), replace(usual, tasks=(*usual.tasks[:2], replace(usual.tasks[2], scale=0.5)))):
        assert_refused(lambda: best_penalty(other), "whole step", NoClosedForm)
    seen = overlapping(10, [[1, 0.5], [0.5, 1]], (6, 8), 0.3, [[1, 0.3], [0.3, 1]])
    around = [expected_errors(seen.under(rule=(MinNorm(), Ridge(best_penalty(seen).choice * factor)))).errors[1, 1] for factor in (0.99, 1, 1.01)]
    assert around[1] == best_penalty(seen).value < min(around[::2])
    quiet = replace(one_block(9, (4, 5), 0.0, gram=np.eye(2)), rule=Ridge(1.0))
    assert best_penalty(quiet).choice == 0 and best_penalty(quiet).value == expected_errors(quiet.under(rule=(Ridge(1.0), MinNorm()))).errors[1, 1]


def test_the_constant_penalty_is_that_of_a_table():
    """T = 10, p = 60, truths of length 1 with cosine 0.8: the project's table, which other code made (n, sigma, penalty, G_T)."""
    gram = 0.8 + 0.2 * np.eye(10)
    for n, sigma, penalty, value in ((20, 0.2, 47.7, 0.301), (55, 0.2, 152, 0.225), (60, 0.6, 223, 0.260)):
        seq = one_block(60, (n,) * 10, sigma, gram=gram)
        optimum = best_constant_penalty("generalization", seq, points=61)
        assert optimum.choice == pytest.approx(penalty, rel=5e-3) and optimum.value == pytest.approx(value, abs=5e-4)
        others = expected_errors(seq.under(rule=Ridge(optimum.choice * np.array([0.97, 1.03])))).generalization()
        assert others.min() > optimum.value <= min(optimum.values)


@pytest.mark.parametrize("criterion", ["deviation", "forgetting", "generalization"])
def test_no_other_filter_is_better(criterion):
    """Other penalties, and other kinds of steps, each at its own best scale, which the best step has by itself; blocks count alike."""
    seq = initialized(**SETTING, gram=GRAM).under(rule=(Ridge(2.0), MinNorm(), MinNorm()))
    optimum = best_step(criterion, seq)
    scale, penalty = optimum.choice
    rules = (Ridge(0.97 * penalty), Ridge(1.03 * penalty), MinNorm(), Flow(1.0), Flow(3.0), GradientDescent(20, 0.05))
    others = [best_scale(criterion, seq.under(rule=(Ridge(2.0), MinNorm(), rule))).value for rule in rules]
    assert min(others) > optimum.value and penalty == best_penalty(seq).choice and 0 < scale < 1
    heads = one_head_per_task(12, (4, 6), (9, 9), 0.3, gram={"shared": np.eye(2), "head": (1, 1)})
    assert_refused(lambda: best_step(criterion, heads), "counts only some of the blocks")


def test_no_other_schedule_of_penalties_is_better_where_truths_agree():
    seq = one_block(20, (10, 25, 20), (0.5, 0.3, 0.4), gram=np.ones((3, 3)))
    optimum = best_penalties(seq)
    for t, factor in itertools.product(range(3), (0.5, 0.97, 1.03, 2.0)):
        rules = [Ridge(penalty * (factor if s == t else 1)) for s, penalty in enumerate(optimum.choice)]
        assert expected_errors(seq.under(rule=rules)).errors[2, 2] > optimum.value
    assert best_penalties(one_block(9, (4,), 0.0, gram=[[1]])).choice == (0.0,)


USUAL = initialized(**SETTING, gram=GRAM)
LONG = initialized({"shared": 9, "specific": 9}, (4,) * 13, 0.1, gram=dict.fromkeys(GRAM, np.eye(13)))
STILL = replace(USUAL, tasks=(*USUAL.tasks[:-1], replace(USUAL.tasks[-1], samples=0)))
test_bad_input_is_named = refusals([
    (lambda: best_scale("accuracy", USUAL), "criterion is 'accuracy'"),
    (lambda: best_schedule("forgetting", LONG), r"2\^12 schedules"),
    (lambda: best_schedule("forgetting", USUAL, keep=("shared", "specific")), "would train nothing"),
    (lambda: best_penalty(one_block(5, (3,), 0.1, gram=[[0]])), "starts at its truth"),
    (lambda: best_scale("deviation", STILL), "does not move"),
])
