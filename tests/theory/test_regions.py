"""The conditions under which frozen training wins, against the law at thousands of random settings."""

import numpy as np
import pytest
from scaffold import refusals

from theory import DriftlawError, expected_errors
from theory.claims import random_settings
from theory.ledger.two_tasks import initialized_two_tasks, two_tasks
from theory.regions import REGIONS, advantage, critical_distance, frozen_wins

SETTINGS = 4000


@pytest.fixture(scope="module")
def compared():
    """Random settings with p_2 > p_1 (a block of zero parameters is none) and both laws in one vectorised call each."""
    drawn = random_settings(SETTINGS, seed=7, overparameterized=False)
    settings = {name: value[drawn["p_2"] > drawn["p_1"]] for name, value in drawn.items()}
    return settings, expected_errors(two_tasks(**settings), outside="nan"), expected_errors(initialized_two_tasks(**settings), outside="nan")


def test_equally_many_specific_parameters():
    settings = random_settings(60, seed=10, overparameterized=False)
    for index in range(len(settings["p"])):
        case = {name: value[index].item() for name, value in settings.items()}
        case["p_2"] = case["p_1"]
        if abs(case["n_2"] - case["p_2"]) <= 1 or abs(case["n_2"] - case["p"] - case["p_2"]) <= 1:
            continue
        frozen, initialized = expected_errors(two_tasks(**case)).forgetting(), expected_errors(initialized_two_tasks(**case)).forgetting()
        assert frozen_wins("forgetting", **case) == (frozen < initialized)


@pytest.mark.parametrize("criterion", ["deviation", "forgetting", "generalization", "second_error"])
def test_conditions_agree_with_the_law_everywhere(compared, criterion):
    settings, frozen, initialized = compared

    def value(law):
        return law.errors[..., 1, 1] if criterion == "second_error" else getattr(law, criterion)()

    difference = value(initialized) - value(frozen)
    clear = np.abs(difference) > 1e-9 * (np.abs(value(initialized)) + np.abs(value(frozen)))  # ties are decided by rounding
    assert clear.mean() > 0.99
    assert np.array_equal(frozen_wins(criterion, **settings)[clear], difference[clear] > 0)
    if criterion != "second_error":
        assert advantage(criterion, **settings) == pytest.approx(difference, rel=1e-8, abs=1e-8)


def test_settings_reach_every_region_and_both_winners(compared):
    settings, *_ = compared
    p, p_2, n_2 = (settings[name] for name in ("p", "p_2", "n_2"))
    names = np.select([n_2 < p_2 - 1, n_2 < p + p_2 - 1], [0, 1], 2)
    wins = frozen_wins("forgetting", **settings)
    for region in range(len(REGIONS)):
        assert (names == region).sum() > 200 and 0 < wins[names == region].mean() < 1


def test_the_critical_distance_is_where_the_winner_changes():
    settings = random_settings(SETTINGS, seed=8, overparameterized=False)
    critical = critical_distance(**{name: value for name, value in settings.items() if name not in ("d_q", "c_q")})
    positive = critical > 1e-6  # NaN compares false
    chosen = {name: value[positive] for name, value in settings.items()}
    assert positive.sum() > 100
    for factor, wins in ((0.999, True), (1.001, False)):
        assert np.all(frozen_wins("forgetting", **{**chosen, "d_q": critical[positive] * factor}) == wins)


def test_a_matched_split_never_lets_frozen_win_forgetting_below_the_first_threshold():
    settings = random_settings(SETTINGS, seed=9)
    matched = {**settings, "q_11": settings["u_11"] * settings["p_1"] / settings["p"]}
    assert not np.any(frozen_wins("forgetting", **matched))
    assert np.any(frozen_wins("forgetting", **settings))


test_bad_input_is_named = refusals([
    (lambda: frozen_wins("forgeting"), "criterion is 'forgeting'"),
    (lambda: frozen_wins("forgetting", p=3), "misses 'p_1'"),
    (lambda: advantage("forgetting", p=3), "needs .*; the case has"),
], DriftlawError)


def test_a_shifted_boundary_would_be_noticed(compared):
    """The comparison above can fail: conditions at a noise 2 % larger disagree with the law somewhere."""
    settings, frozen, initialized = compared
    shifted = frozen_wins("forgetting", **{**settings, "sigma_2": settings["sigma_2"] * 1.02})
    assert np.any(shifted != (initialized.forgetting() > frozen.forgetting()))
