"""Training rules written as other ones where they take the same steps, so that one law and one account of tails serve both."""

from dataclasses import replace
from typing import Any

import numpy as np

from theory.conditions import CONSOLIDATING, EWC, Distillation, HeadDistillation, MinNorm
from theory.problem import Task, TaskSequence
from theory.values import is_grid, is_symbolic, plain_array


def resolved(seq: TaskSequence) -> TaskSequence:
    """Write distillation as the partial least step that it is, and consolidation of nothing as the least step.

    `EWC` and `SI` hold nothing of tasks learned by another rule, and the empirical Fisher information nothing of tasks that were fitted.
    """
    tasks = list(seq.tasks)
    for t, task in enumerate(seq.tasks):
        rule: Any = seq.rule_of(t)
        if isinstance(rule, HeadDistillation):
            tasks[t] = replace(task, rule=_with_one_head(seq, t, task, rule))
        elif isinstance(rule, CONSOLIDATING) and (rule.strength == 0 or not any(_held(seq, s, rule) for s in range(t))):
            tasks[t] = replace(task, rule=MinNorm())
    return replace(seq, tasks=tasks).undistilled()


def _with_one_head(seq: TaskSequence, t: int, task: Task, rule: HeadDistillation) -> Any:
    teachers = seq.teachers(t)
    if not teachers or (not is_grid(rule.strength) and rule.strength == 0):
        return MinNorm()
    return distillation(seq, t, rule) if set(teachers) == {task.train} else rule


def distillation(seq: TaskSequence, t: int, rule: Any) -> Distillation:
    """What the shared parameters of task ``t`` are distilled by."""
    tasks = sum(seq.teachers(t).values())
    return Distillation(plain_array(rule.strength) * tasks if is_grid(rule.strength) else rule.strength * tasks)


def _held(seq: TaskSequence, s: int, rule: Any) -> bool:
    """Whether a rule holds on to what task ``s`` has learned."""
    if seq.rule_of(s) != rule:
        return False
    gap = plain_array(seq.trained_dimension(s)) - plain_array(seq.tasks[s].samples)
    fitted = [entry.is_nonnegative is True if is_symbolic(entry) else entry >= 0 for entry in np.ravel(gap)]
    return not (isinstance(rule, EWC) and rule.fisher == "empirical" and all(fitted))
