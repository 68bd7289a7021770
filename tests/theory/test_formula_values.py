"""Formulas as values: shown in two lines, defined in order, evaluated, refused in words, found by name."""

import math
import random
from fractions import Fraction as F

import pytest
import sympy
from exact_values import evaluate, formula_value
from formula_points import RATIONAL, cases, in_floats, law_of, stream_case
from scaffold import assert_refused, refusals

from theory import DomainError, Formula, InputError
from theory.formula import Condition
from theory.formulas import FORMULAS, find

EVERY, EXACT = pytest.mark.parametrize("name", FORMULAS), pytest.mark.parametrize("name", RATIONAL)
TWO_TASKS = {
    "p": 40, "p_1": 60, "p_2": 60, "n_1": 30, "n_2": 20, "sigma_1": 0.3, "sigma_2": 0.5,
    "u_11": 1.0, "q_11": 0.0, "d_u": 0.0, "c_u": 0.0, "d_q": 0.0, "c_q": 0.0, "x_q": 0.0,
}  # fmt: skip


# ---------------------------------------------------------------- as shown


@EVERY
def test_shown_in_two_lines(name):
    """Fewer than 40 operations in the expression and in each named part; every name is explained; no floats."""
    formula = FORMULAS[name]
    for expression in (formula.expression, *(definition for _, definition in formula.intermediates)):
        assert expression.count_ops() < 40 and not expression.atoms(sympy.Float)
    assert formula.statement.endswith(".") and formula.source and all(formula.parameters.values()) and formula.name == name
    assert len({symbol for symbol, _ in formula.intermediates}) == len(formula.intermediates)


WITH_PARTS = ("frozen_deviation", "replay_generalization", "v1_reconstruction_gap", "initialized_deviation_variance")


@pytest.mark.parametrize("name", WITH_PARTS)
def test_named_parts_have_values(name):
    formula = FORMULAS[name]
    case = cases(formula, 1, seed=2)[0]
    parts = formula.intermediate_values(**case)
    assert list(parts) == [symbol.name for symbol, _ in formula.intermediates]
    for symbol, definition in formula.intermediates:
        exact = formula_value(formula, case, expression=sympy.Symbol(symbol.name))
        assert math.isclose(parts[symbol.name], exact, rel_tol=1e-9, abs_tol=1e-12) and definition is not None


# ---------------------------------------------------------------- refused in words


@EVERY
def test_a_missing_parameter_is_named(name):
    formula = FORMULAS[name]
    case = cases(formula, 1, seed=4)[0]
    for parameter in formula.parameters:
        rest = {key: entry for key, entry in case.items() if key != parameter}
        with pytest.raises(InputError) as caught:
            formula(**rest)
        assert f"formula {name} needs {parameter!r} ({formula.parameters[parameter]})" in str(caught.value)


def test_a_misspelt_parameter_gets_a_hint():
    case = {key: entry for key, entry in TWO_TASKS.items() if key != "sigma_1"}
    assert_refused(lambda: FORMULAS["frozen_deviation"](**case, sigma1=0.3), "needs 'sigma_1' .*is 'sigma1' meant to be 'sigma_1'")


def test_more_keys_than_parameters_are_fine():
    assert FORMULAS["frozen_deviation"](**TWO_TASKS, colour="red") == FORMULAS["frozen_deviation"](**TWO_TASKS)


def test_the_failed_inequality_and_its_values_are_named():
    with pytest.raises(DomainError) as caught:
        FORMULAS["v1_reconstruction"](**{**TWO_TASKS, "n_2": 59})
    assert "formula v1_reconstruction needs n_2 < p_2 - 1 (E tr (A'A)^-1 of task 2 is finite" in str(caught.value)
    assert "here n_2 = 59, p_2 = 60" in str(caught.value)


def test_limits_that_no_number_reaches_are_refused():
    still = {"p": 24, "m": 5, "sigma": 0, "D": 0, "c": 0.5}
    ends = {"stored_gem_gain": {**still, "sigma": 0.6, "D": 0.9, "c": 0}, "stored_gem_crossing": still, "stored_memory_crossing": still, "order_of_ewc_and_lwf": {"p": 12, "n_2": 8, "e": 0.4, "d_w": 1e-8}}
    for name, case in (*ends.items(), ("stored_gem_gain", still)):
        assert_refused(lambda: FORMULAS[name](**case), f"formula {name} needs ", DomainError)


def formula(**changes) -> Formula:
    x = sympy.Symbol("x", positive=True)
    settings = {"name": "f", "statement": "x.", "expression": 2 * x, "parameters": {"x": "a number"}, "source": "test", "status": "exact"}
    return Formula(**{**settings, **changes})


X = sympy.Symbol("x", positive=True)
test_formulas_that_cannot_be_meant = refusals([
    (lambda: formula(status="proved"), "status is 'proved'; choose one of exact, published"),
    (lambda: formula(expression=0.5 * X), "formula f holds the float 0.5"),
    (lambda: formula(intermediates=((X, sympy.Float(0.25)),)), "formula f holds the float"),
    (lambda: formula(parameters={}), r"formula f uses \['x'\], which parameters does not explain"),
    (lambda: formula(intermediates=((X, sympy.Symbol("y")),)), r"formula f uses \['y'\]"),
])


def test_intermediates_may_build_on_one_another():
    x, a, b = sympy.symbols("x a b", positive=True)
    made = formula(expression=b + 1, intermediates=((a, x**2), (b, 3 * a)), domain=(Condition(b > 3, "test"),))
    assert made(x=2) == 13 and made.expanded == 3 * x**2 + 1 and made.intermediate_values(x=2) == {"a": 4, "b": 12}
    assert_refused(lambda: made(x=1), r"formula f needs b > 3 \(test\); here x = 1", DomainError)


def test_arrays_count_from_one_in_formulas_and_from_zero_in_cases():
    w, T, i = sympy.IndexedBase("w"), sympy.Symbol("T", positive=True, integer=True), sympy.Symbol("i", integer=True)
    made = formula(expression=sympy.Sum(i * w[i], (i, 1, T)), parameters={"w": "list of lengths", "T": "number of tasks"})
    assert made(w=[5, 7], T=2) == 19 and evaluate(made.expanded, {"w": [5, 7], "T": 2}) == 19


def test_an_equation_holds_up_to_rounding():
    x, y = sympy.symbols("x y")
    equation = Condition(sympy.Eq(x, y), "test")
    assert equation.holds({x: 0.1 + 0.2, y: 0.3}) and not equation.holds({x: 0.3001, y: 0.3}) and equation.holds({x: 0, y: 0})


# ---------------------------------------------------------------- once mistaken


CHANGES = [{"sigma_1": math.nan}, {"sigma_1": -0.3}, {"sigma_1": "0.3"}, {"n_1": -3}, {"n_2": 20.5}, {"p_2": 50}]
STREAM = in_floats(stream_case(random.Random(0), 3))


@pytest.mark.parametrize(
    ("name", "case"), [*(("frozen_deviation", {**TWO_TASKS, **change}) for change in CHANGES), *(("lin_forgetting", {**STREAM, "T": T}) for T in (1, 4))]
)
def test_cases_that_cannot_be_meant(name, case):
    assert_refused(lambda: FORMULAS[name](**case), error=(InputError, DomainError))


@pytest.mark.parametrize("name", ["lin_forgetting", "replay_generalization"])
def test_streams_are_built_in_exact_numbers(name):
    case = stream_case(random.Random(0), 3)
    assert isinstance(law_of(FORMULAS[name].build(**case)).generalization(), F)


def test_names_are_found_with_their_nearest_match():
    assert find("Frozen_Deviation") is FORMULAS["frozen_deviation"]
    assert_refused(lambda: find("frozen_deviatoin"), "no formula or slot 'frozen_deviatoin'; did you mean 'frozen_deviation'")
