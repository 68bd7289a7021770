"""Strategies: how tasks are learned one after another; one file each."""

from deep.strategies.base import STRATEGIES, StepPlan, Strategy, everything, last_stages, strategy

__all__ = ["STRATEGIES", "StepPlan", "Strategy", "everything", "last_stages", "strategy"]
