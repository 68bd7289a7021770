"""Levels and numbers of trials, which are fixed before anything is judged."""

import math

import pytest
from scipy import stats

from simulate.verdicts.planning import BATCH, LEAST_TRIALS, Levels, Settings, plan_trials


def test_levels():
    levels = Levels.of(Settings(), 1000)
    assert levels.z_alpha + levels.z_power == pytest.approx(7.75, abs=0.03)  # 7.7 standard errors for 1,000 comparisons
    tails = (1e-6 / 2000, 0.05, 0.05 / 2000)  # both sides among 1,000; one side of one; both sides among 1,000
    assert (levels.z_alpha, levels.z_power, levels.z_agree) == pytest.approx(stats.norm.isf(tails), rel=1e-12)
    assert levels.goal(0.02) == pytest.approx(0.02 / (levels.z_alpha + levels.z_agree))
    assert levels.detectable(2.0) == pytest.approx(2 * (levels.z_alpha + levels.z_power))
    plan = plan_trials(0.09, 0.02, levels, 2**20)
    assert plan.trials % BATCH == 0 and plan.trials == plan.needed and 0.3 / math.sqrt(plan.trials) <= levels.goal(0.02)
    assert plan_trials(0.0, 0.02, levels, 2**20).trials == LEAST_TRIALS
    assert plan_trials(9.0, 0.02, levels, 5000).trials == 4864 < plan_trials(9.0, 0.02, levels, 5000).needed


def test_skewed_draws_get_enough_trials_for_a_normal_tail():
    """The factor exp(skewness z^3 / (3 sqrt K)) stays below 2, and no batch is drawn for nothing."""
    levels = Levels.of(Settings(), 3)
    plan = plan_trials(0.0, 0.02, levels, 2**20, skewness=-2.5)

    def factor(trials):
        return math.exp(2.5 * levels.z_alpha**3 / (3 * math.sqrt(trials)))

    assert factor(plan.trials) <= 2 < factor(plan.trials - BATCH) and plan.trials > LEAST_TRIALS
    assert plan_trials(0.0, 0.02, levels, LEAST_TRIALS, skewness=2.5).trials < plan.needed
