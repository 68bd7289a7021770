"""Choice between the direct and the reduced sampler, from the experiment alone."""

from typing import Any

from simulate.sample.plan import make_tasks
from simulate.sample.reduced_plan import make_reduced_plan
from theory.conditions import CONSOLIDATING, StandardNormal
from theory.errors import InputError
from theory.problem import TaskSequence

METHODS = ("direct", "reduced", "banded", "auto")
REDUCED = METHODS[1:3]  # the reduced sampler, the second with ridge steps by bands


def choose_method(method: Any, seq: TaskSequence, training_errors: bool = False) -> str:
    """Return "direct", "reduced" or "banded"; the latter two draw no samples whose training errors could be asked for.

    Raises
    ------
    InputError
        For an unknown method, or the reduced one with features that are not standard normal or with training errors.
    """
    if method not in METHODS:
        raise InputError(f"method is {method!r}; choose one of {', '.join(METHODS)}")
    others: list[Any] = [seq.features_of(t) for t in range(len(seq)) if seq.features_of(t) != StandardNormal()]
    others += [rule for rule in map(seq.rule_of, range(len(seq))) if isinstance(rule, CONSOLIDATING)]
    others += ["averages of estimates"] if seq.average is not None else []
    others += [f"the data of task {s} again" for task in seq.tasks for s in task.again]
    possible = not others and not training_errors
    if method in REDUCED and training_errors:
        raise InputError("the reduced sampler draws no whole samples, so that training errors are unknown; use method='direct'")
    if method in REDUCED and not possible:
        raise InputError(
            f"the reduced sampler needs standard normal features, drawn afresh, and rules that look the same in every basis, not {others[0]!s}; "
            "use method='direct', or features=StandardNormal() and another rule"
        )
    if method != "auto":
        return method
    return "reduced" if possible and _direct_cost(seq) > _reduced_cost(seq) else "direct"


# Nanoseconds on one core, as measured: of a task by itself, and of a number drawn or handled. They decide which sampler
# "auto" takes, so that changing them changes the draws of such runs; near the balance either is good.
_DIRECT_TASK, _DIRECT_NUMBER = 2500, 6
_REDUCED_TASK, _REDUCED_NUMBER = 800, 4


def _direct_cost(seq: TaskSequence) -> float:
    """Estimate the time of a trial: drawing the features, and the products of the normal equations."""
    _, dimensions, tasks = make_tasks(seq)
    used = (sum(dimensions[block] for block in task.used) for task in tasks)
    return sum(_DIRECT_TASK + _DIRECT_NUMBER * task.samples * width * (1 + task.rows / 50) for task, width in zip(tasks, used, strict=True))


def _reduced_cost(seq: TaskSequence) -> float:
    plan = make_reduced_plan(seq)
    return sum(_REDUCED_TASK + _REDUCED_NUMBER * plan.floats(t) for t in range(len(plan.tasks)))
