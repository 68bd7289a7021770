"""Under which law of the features and which training rule a conjecture is simulated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from theory.conditions import MIN_NORM, MinNorm, Ridge, StandardNormal, StudentT, as_features, as_rule
from theory.problem import TaskSequence

LEAST_DAMPING = 1e-3  # penalty times dimension from which a pilot sees the skewness that is there


@dataclass(frozen=True)
class Conditions:
    """A law of the features and a training rule; either may be a function of the experiment.

    Parameters
    ----------
    features : FeatureLaw or callable
        A function maps a case's `TaskSequence` to the law, for laws that depend on its dimensions.
    solver : str, MinNorm, Ridge, GradientDescent or callable
        As `simulate.simulate` takes it, or a function alike.
    label : str
        How to call the conditions; made of both by default.
    """

    features: Any = StandardNormal()
    solver: Any = MIN_NORM
    label: str = ""

    def of(self, seq: TaskSequence) -> Conditions:
        """Return the conditions of one experiment, without functions; InputError if they are none."""
        features, solver = (choice(seq) if _depends(choice) else choice for choice in (self.features, self.solver))
        return replace(self, features=as_features(features), solver=as_rule(solver))

    @property
    def usual(self) -> bool:
        """Whether they are what every formula of the ledger assumes."""
        return self.features == StandardNormal() and not _depends(self.solver) and isinstance(as_rule(self.solver), MinNorm)

    def moment_order(self, seq: TaskSequence) -> float:
        """Supremum of the moment orders of errors that heavy-tailed features leave, whatever the samples do.

        The error of used blocks that a task does not train enters its step times the features, squared.
        """
        frozen = any(set(task.truth) - set(task.train) for task in seq.tasks)
        return self.features.df / 2 if isinstance(self.features, StudentT) and frozen else float("inf")

    def damps(self, seq: TaskSequence) -> bool:
        """Whether the training rule keeps small singular values from making heavy tails; stopping early acts like a penalty."""
        rule = as_rule(self.solver)
        if isinstance(rule, MinNorm):
            return False
        rows = [task.samples + sum((task.memory or {}).values()) for task in seq.tasks]
        penalties = [rule.lam if isinstance(rule, Ridge) else count / (rule.steps * rule.rate) for count in rows]
        return all(penalty * seq.trained_dimension(t) >= LEAST_DAMPING for t, penalty in enumerate(penalties) if rows[t])

    def __str__(self) -> str:
        if self.label:
            return self.label
        parts = [] if self.features == StandardNormal() else [f"{self.features!r} features"]
        solver = self.solver if isinstance(self.solver, str) or _depends(self.solver) else as_rule(self.solver)
        return ", ".join(parts + ([] if solver in (MIN_NORM, MinNorm()) else [repr(solver)])) or "the usual conditions"


def _depends(choice: Callable | Any) -> bool:
    return callable(choice) and not isinstance(choice, type)
