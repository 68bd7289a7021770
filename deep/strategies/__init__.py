"""Strategies: how tasks are learned one after another; one file each, found by themselves."""

from deep.strategies.base import StepPlan, Strategy, everything, last_stages
from deep.strategies.registry import names, strategy

__all__ = ["StepPlan", "Strategy", "everything", "last_stages", "names", "strategy"]
