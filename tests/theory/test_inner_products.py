"""Matrices and numbers that no vectors have are refused, before a formula or the law makes negative squares of them."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from scaffold import assert_refused

from driftlaw import FORMULAS, DomainError, Formula, expected_errors, one_block
from theory.ledger.replay import FAMILIES
from theory.ledger.two_tasks import initialized_two_tasks

CASE = {"p": 20, "p_1": 30, "p_2": 35, "n_1": 15, "n_2": 10, "sigma_1": 0.3, "sigma_2": 0.5, "u_11": 1.0, "q_11": 1.0, "d_u": 0.0, "c_u": 0.0, "d_q": 1.0,
        "c_q": 0.0, "x_q": 0.0}  # fmt: skip


def gram(entry):
    return one_block(30, (5, 5), 0.3, gram=[[1, entry], [entry, 1]])


@pytest.mark.parametrize("entry", [5, Fraction(11, 10), 1.01, -1.01])
def test_a_matrix_that_is_not_of_inner_products(entry):
    assert_refused(lambda: expected_errors(gram(entry)), "gram.'shared'. has the eigenvalue -.*positive semidefinite")


@pytest.mark.parametrize("entry", [1, -1, Fraction(1, 3), 0.1 + 0.2])
def test_a_matrix_of_inner_products_has_a_law(entry):
    expected_errors(gram(entry))


def test_symbols_and_grids_are_not_looked_at():
    expected_errors(one_block(30, (5, 5), Fraction(1, 3), gram=[[1, sympy.Symbol("c")], [sympy.Symbol("c"), 1]]))
    expected_errors(gram(np.array([0.5, 5.0])))


@pytest.mark.parametrize(("name", "change", "reason"), [
    ("frozen_generalization", {"c_q": -1.001}, "c_q is -1.001, but an inner product .* q_11 = 1 and d_q = 1 is at most 1 in size"),
    ("initialized_deviation", {"d_u": 0.25, "c_u": 0.51}, None),  # which has no c_u
    ("frozen_deviation", {"d_u": 0.25, "c_u": 0.51}, "c_u is 0.51, .* is at most 0.5 in size"),
    ("initialized_deviation_excess_risk", {"x_q": 1.5}, "x_q is 1.5, more than d_q = 1.0, of which it is a part"),
    ("partial_freezing_deviation", {"m": 21}, "m is 21, more than p = 20"),
    ("frozen_deviation", {"u_11": [1.0, 2.0]}, "give one number"),
])
def test_numbers_that_no_vectors_have(name, change, reason):
    formula = FORMULAS[name]
    case = {**CASE, "m": 3}
    formula(**case)
    if reason is None or not set(change) <= set(formula.parameters):
        formula(**{**case, **change})
        return
    assert_refused(lambda: formula(**{**case, **change}), reason)


@pytest.mark.parametrize(("change", "reason"), [
    ({"D": [[0, 1, 1], [1, 0, 1]]}, r"D has shape \(2, 3\); give a square matrix"),
    ({"D": [[0, 1, 1], [2, 0, 1], [1, 1, 0]]}, "squared distances are symmetric"),
    ({"D": [[1, 1, 1], [1, 0, 1], [1, 1, 0]]}, "zero on the diagonal"),
    ({"D": [[0, -1, 1], [-1, 0, 1], [1, 1, 0]]}, "not negative"),
    ({"w": 5}, r"w has shape \(\); give a list"),
    ({"w": [1, -1, 1]}, "squared lengths are not negative"),
    ({"k": 9}, "k is 9, more than n = 8"),
])
def test_lists_and_matrices_of_a_stream(change, reason):
    case = dict(next(family for family in FAMILIES if family.name == "replay_generalization").cases[0])
    FORMULAS["replay_generalization"](**case)
    assert_refused(lambda: FORMULAS["replay_generalization"](**{**case, **change}), reason)


def test_numbers_beyond_floating_point():
    assert_refused(lambda: FORMULAS["frozen_deviation"](**{**CASE, "u_11": 1e308, "q_11": 1e308}), "beyond the range of floating point", DomainError)


def test_vectors_at_the_bounds_have_a_law():
    """What `two_tasks` builds from lengths and products that vectors have is never refused."""
    for c_q in (-1.0, 0.0, 1.0):
        expected_errors(initialized_two_tasks(**{**CASE, "c_q": c_q, "d_q": 1.0}))


def test_the_letters_of_the_catalogue_mean_nothing_in_a_formula_of_ones_own():
    m, p, c_u, T, w = *sympy.symbols("m p c_u T"), sympy.IndexedBase("w")
    pressure = Formula("mine", "", m / p + c_u * w[2] * T, {"m": "mass", "p": "pressure", "c_u": "", "T": "", "w": "list", "u_11": "", "d_u": ""}, "", "exact")
    assert pressure(m=5, p=2, c_u=3, T=7, w=[1, -2], u_11=1, d_u=1) == 2.5 - 42
    table = sympy.IndexedBase("D")
    assert Formula("table", "", table[1, 2], {"D": "matrix of anything"}, "", "exact")(D=[[1, -2], [3, 4]]) == -2
