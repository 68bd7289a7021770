"""Claims are judged by computation, and say nothing of text that was not seen."""

from __future__ import annotations

import numpy as np
import pytest

from theory import InputError, expected_errors
from theory.claims import CLAIMS, judge, random_settings
from theory.formulas import FORMULAS, SLOTS, find
from theory.ledger.two_tasks import initialized_two_tasks, two_tasks


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_has_a_verdict_with_a_condition_and_a_size(name):
    verdict = judge(name)
    assert verdict.verdict in ("holds", "holds in part", "fails")
    assert verdict.holds_under and verdict.fails_in and verdict.effect
    assert not any(isinstance(value, float) and not np.isfinite(value) for value in verdict.effect.values())


def test_small_distance_is_no_level():
    """Frozen training wins a few of the settings with equal tasks, none if the norm is split in proportion."""
    for criterion in ("deviation", "forgetting", "generalization"):
        effect = judge(f"small_distance_{criterion}").effect
        assert 0 < effect["share won by frozen"] < 0.1 and effect["share won with proportional split"] == 0


def test_small_distance_is_a_slope():
    """At random settings frozen minus initialized falls as task 2's specific truth is moved towards task 1's, at fixed length."""
    settings = random_settings(200, seed=3)
    for index in range(200):
        case = {name: value[index].item() for name, value in settings.items() if len(value) > index}
        if not case:
            continue
        length, gaps = np.sqrt(case["q_11"]), []
        for angle in (0.2, 1.0):  # radians between q_1 and q_2, both of one length
            moved = {**case, "d_q": 2 * length**2 * (1 - np.cos(angle)), "c_q": length**2 * (np.cos(angle) - 1), "x_q": 0.0}
            frozen, initialized = expected_errors(two_tasks(**moved)), expected_errors(initialized_two_tasks(**moved))
            gaps.append([getattr(frozen, c)() - getattr(initialized, c)() for c in ("deviation", "forgetting", "generalization")])
        assert np.all(np.array(gaps[1]) > np.array(gaps[0]))


def test_more_replay_helps_similar_and_hurts_dissimilar_tasks():
    changes = list(judge("more_replay_forgets_less").effect.values())
    assert changes[0] < 0 < changes[-1]


def test_one_optimisation_runs_from_initialized_to_frozen():
    effect = judge("one_optimisation").effect
    ends = effect["deviation, initialized"], effect["deviation, frozen"]
    assert effect["deviation, lambda = 1e6 (approximate)"] == pytest.approx(ends[1], rel=0.02)
    assert effect["deviation at the best lambda (approximate)"] < min(ends)


def test_slots_name_existing_formulas_and_carry_none_of_their_own():
    assert list(SLOTS) == [
        "Remark 4.1", "Lemma 4.2", "Lemma 4.3", "Theorem 4.4", "Lemma 4.5", "Theorem 4.6", "Proposition 4.7", "Remark 4.8", "Corollary 4.9",
    ]  # fmt: skip
    for slot in SLOTS.values():
        assert set(slot.related) <= set(FORMULAS) and not hasattr(slot, "expression")
    assert all(formula.status != "published" for formula in FORMULAS.values())  # no whole statement of the paper was seen


def test_unknown_names_get_the_nearest_match():
    assert find("LEMMA 4.2") is SLOTS["Lemma 4.2"]
    with pytest.raises(InputError, match="did you mean 'frozen_deviation'"):
        find("frozen_devation")
    with pytest.raises(InputError, match="choose one of"):
        judge("nothing")
