"""Proportional limits and rates, against the formulas at growing dimensions."""

import pytest
import sympy
from scaffold import refusals

from driftlaw import FORMULAS, DomainError
from theory.ledger import notation as s
from theory.limits import ABOVE, BELOW, proportional_limit

GROWING = ("training_error_two_tasks", "evron_two_tasks")  # with the samples that they add up over
RATIONAL = [
    name
    for name, formula in FORMULAS.items()
    if not (formula.rules or formula.name in GROWING) and not formula.expanded.has(sympy.Sum) and not formula.expanded.has(sympy.sqrt(s.eta)) and name not in ("p2_star", "forgetting_at_p2_star")
]
TRUTHS = {"sigma_1": 0.4, "sigma_2": 0.7, "u_11": 1.3, "q_11": 0.8, "d_u": 0.5, "c_u": -0.3, "d_q": 0.9, "c_q": 0.2, "x_q": 0.1, "h_22": 0.6, "s": 0.7,
          "w_11": 1.1, "d_w": 0.9, "c_w": -0.4, "E_prev": 0.5, "phi": 0.6, "sigma": 0.6}  # fmt: skip
SIZES = {BELOW: {"p": 20, "p_1": 30, "p_2": 35, "n_1": 15, "n_2": 10, "m": 8, "k": 3, "d": 18, "n": 10}, ABOVE: {"p": 8, "p_1": 12, "p_2": 14, "n_1": 40, "n_2": 44, "m": 4, "k": 3, "d": 6, "n": 40}}
ONE_SIDED = {"v1_reconstruction", "v1_reconstruction_gap", "frozen_forgetting_in_p2", "constraints_forgetting", "constraints_second_error",
             "initialized_deviation_variance", "fresh_replay_forgetting"}  # fmt: skip


@pytest.mark.parametrize("side", [BELOW, ABOVE])
@pytest.mark.parametrize("name", RATIONAL)
def test_the_formula_tends_to_its_limit_at_its_rate(name, side):
    if (side == ABOVE and name in ONE_SIDED) or (side == BELOW and name == "gem_many_samples"):
        pytest.skip("the formula holds on the other side of the threshold only")
    formula = FORMULAS[name]
    limit, rate = proportional_limit(formula, side).value(**TRUTHS, **SIZES[side])

    def left_over(t: int) -> float:
        return formula(**TRUTHS, **{key: value * t for key, value in SIZES[side].items()}) - limit - rate / t

    far, farther = left_over(100), left_over(400)
    assert abs(far) <= 1e-3 * (abs(limit) + abs(rate))
    assert abs(farther) <= abs(far) / 8 + 1e-9 * (1 + abs(limit))  # order 1/t^2: a sixteenth


def test_limit_of_the_initialized_deviation_by_hand():
    case = {**TRUTHS, **SIZES[BELOW]}
    p, size, n_1, n_2 = case["p"] + case["p_2"], case["p"] + case["p_1"], case["n_1"], case["n_2"]
    first = (1 - n_1 / size) * (case["u_11"] + case["q_11"]) + n_1 * case["sigma_1"] ** 2 / (size - n_1)
    by_hand = (1 - n_2 / p) * first + n_2 / p * (case["d_u"] + case["d_q"]) + n_2 / (p - n_2) * case["sigma_2"] ** 2
    assert proportional_limit(FORMULAS["initialized_deviation"]).value(**case)[0] == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("name", sorted(ONE_SIDED))
def test_no_value_where_the_formula_does_not_hold(name):
    with pytest.raises(DomainError, match=f"formula {name} needs .* in the ratios of the case"):
        proportional_limit(FORMULAS[name], ABOVE).value(**TRUTHS, **SIZES[ABOVE])


def test_a_case_on_the_other_side_is_refused():
    """The series of one side says nothing of the other: at n_2 > p_2 the surviving share is zero, not negative."""
    for side, other in ((BELOW, ABOVE), (ABOVE, BELOW)):
        with pytest.raises(DomainError, match=f"frozen_deviation is for the side '{side}'"):
            proportional_limit(FORMULAS["frozen_deviation"], side).value(**TRUTHS, **SIZES[other])


test_bad_input_is_named = refusals([
    (lambda: proportional_limit(FORMULAS["frozen_deviation"], "left"), "side is 'left'"),
    (lambda: proportional_limit(FORMULAS["lin_forgetting"]), "sum over tasks"),
    (lambda: proportional_limit(FORMULAS["p2_star"]), "not rational"),
])
