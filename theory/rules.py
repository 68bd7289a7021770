"""Training rules written as other ones where they take the same steps, so that one law and one account of tails serve both."""

from dataclasses import replace
from typing import Any

import numpy as np

from theory.conditions import CONSOLIDATING, EWC, Distillation, HeadDistillation, MinNorm
from theory.problem import Task, TaskSequence
from theory.values import is_symbolic, plain_array


def resolved(seq: TaskSequence) -> TaskSequence:
    """Write distillation as the partial least step that it is, and consolidation of nothing as the least step.

    `EWC` and `SI` hold nothing of tasks learned by another rule, and the empirical Fisher information nothing of tasks that were fitted.
    """
    tasks = list(seq.tasks)
    for t, task in enumerate(seq.tasks):
        rule: Any = seq.rule_of(t)
        if isinstance(rule, HeadDistillation):
            tasks[t] = replace(task, rule=_with_one_head(seq, t, task, rule))
        elif isinstance(rule, CONSOLIDATING) and not _holds(seq, t, rule):
            tasks[t] = replace(task, rule=MinNorm())
    return (seq if tasks == [*seq.tasks] else replace(seq, tasks=tasks)).undistilled()  # made anew it would be checked again


def _with_one_head(seq: TaskSequence, t: int, task: Task, rule: HeadDistillation) -> Any:
    teachers = seq.teachers(t)
    if not teachers or rule.strength == 0:
        return MinNorm()
    return distillation(seq, t, rule) if set(teachers) == {task.train} else rule


def distillation(seq: TaskSequence, t: int, rule: Any) -> Distillation:
    """What the shared parameters of task ``t`` are distilled by."""
    return Distillation(plain_array(rule.strength) * sum(seq.teachers(t).values()))


def held_samples(seq: TaskSequence, t: int) -> float | None:
    """Samples that the least penalty of task ``t`` on a coordinate rests on, at least; 0 where nothing is known of it, None without such penalties."""
    rule: Any = seq.rule_of(t)
    if not isinstance(rule, CONSOLIDATING) or not _holds(seq, t, rule):
        return None
    counts = [[0, *(seq.tasks[s].samples for s in range(t) if block in seq.tasks[s].train and _held(seq, s, rule))] for block in seq.tasks[t].train]
    return min(sum(one) if rule.decay else one[-1] for one in counts) if isinstance(rule, EWC) and rule.fisher == "sample" else 0


def _holds(seq: TaskSequence, t: int, rule: Any) -> bool:
    """Whether task ``t`` is held by what its rule has of earlier ones."""
    return rule.strength != 0 and any(_held(seq, s, rule) for s in range(t))


def _held(seq: TaskSequence, s: int, rule: Any) -> bool:
    """Whether a rule holds on to what task ``s`` has learned."""
    n, d = seq.tasks[s].samples, seq.trained_dimension(s)
    if seq.rule_of(s) != rule or not np.any(plain_array(n)):
        return False
    fitted = not (is_symbolic(n) or is_symbolic(d)) and np.all(plain_array(n) <= plain_array(d))
    return not (isinstance(rule, EWC) and rule.fisher == "empirical" and fitted)
