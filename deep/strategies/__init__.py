"""Strategies: how tasks are learned one after another; ours in one file each, users' own anywhere (`STRATEGIES.register`)."""

from deep.training.strategy import STRATEGIES, StepPlan, Strategy, everything, last_stages, strategy

__all__ = ["STRATEGIES", "StepPlan", "Strategy", "everything", "last_stages", "strategy"]
