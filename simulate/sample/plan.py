"""An experiment as the sampler works it off: plain numbers, blocks by index, routes and memory use settled."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulate.sample.features import roots, spare_arrays
from simulate.sample.solvers import step_filter
from simulate.sample.steps import FAR_WEIGHTS, MOST_WEIGHTS, choose_route, filtered_step, least_step
from simulate.sample.truths import BlockTruths, as_float, as_int, block_truths
from theory.conditions import CONSOLIDATING, FeatureLaw, HeadDistillation, MinNorm, Rademacher, Rule
from theory.errors import InputError
from theory.problem import TaskSequence

_FLOAT = 8

# Rows of fewer signs than this are equal, up to a sign, with a probability above 1e-15 for a hundred of them.
_FEW_SIGNS = 64


@dataclass(frozen=True)
class TaskPlan:
    """One task; blocks are indices into ``Plan.dimensions``.

    Parameters
    ----------
    samples, noise
        Fresh samples and the standard deviation of their noise.
    used, trained, restarted : tuple of int
        Blocks that the task uses, those that it trains, and those of the latter that start from zero.
    scales, weights : tuple of float
        Of each trained block.
    memory : tuple of (task, count)
        Stored samples that touch a trained block; others cannot change the step.
    kept : int
        Samples of this task that later tasks have in memory or use again.
    again : tuple of int
        Task whose data are used again, or tasks of which one is drawn.
    route : str
        "gram", "qr" or "svd" (see `simulate.sample.steps`).
    rule : Rule
        By which the step is found.
    law : FeatureLaw
        Of the features.
    roots : tuple of ndarray or None
        Square roots of the covariances of all blocks; None for the identity.
    teachers : tuple of (weight, places)
        Outputs of earlier tasks that are to stay: the root of their weight, and which of the trained blocks they move with.
    """

    samples: int
    noise: float
    used: tuple[int, ...]
    trained: tuple[int, ...]
    restarted: frozenset[int]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    memory: tuple[tuple[int, int], ...]
    kept: int
    again: tuple[int, ...]
    route: str
    rule: Rule
    law: FeatureLaw
    roots: tuple[np.ndarray | None, ...]
    teachers: tuple[tuple[float, tuple[int, ...]], ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the least-squares problem."""
        return self.samples + sum(count for _, count in self.memory)


@dataclass(frozen=True)
class Plan:
    """A whole experiment.

    Parameters
    ----------
    dimensions : tuple of int
        Of the blocks.
    truths : tuple of BlockTruths
        Of the blocks.
    tasks : tuple of TaskPlan
        In the order of training.
    risk_roots : tuple of ndarray or None
        Square roots of the matrices in whose norm the errors of every block count: None for the identity, one for all
        tasks that use the block, or, where these differ, one of each, shape (users, d, d).
    float_bytes : float
        Bytes that a number of the working arrays takes.
    keeps_data : bool
        Whether the data of all tasks and all estimates stay until the end, for training errors.
    average : ndarray, shape (T, T), optional
        Weights of theta_s in what errors after task t are measured at.
    """

    dimensions: tuple[int, ...]
    truths: tuple[BlockTruths, ...]
    tasks: tuple[TaskPlan, ...]
    risk_roots: tuple[np.ndarray | None, ...]
    float_bytes: float = _FLOAT
    keeps_data: bool = False
    average: np.ndarray | None = None

    @property
    def bytes_per_trial(self) -> int:
        """Estimate of the working memory that one trial takes at its peak, without its results."""
        stored = sum(task.kept * (1 + self._width(task.used)) for task in self.tasks)
        if self.keeps_data:
            stored += sum(task.samples * (1 + self._width(task.used)) for task in self.tasks)
        if self.keeps_path:
            stored += len(self.tasks) * sum(self.dimensions)
        state = 5 * sum(self.dimensions) + 2 * sum(len(truths.users) for truths in self.truths)
        random = sum(truths.fixed.size for truths in self.truths if truths.random)
        # differences to truths and what the norm makes of them, or directions while they are drawn
        largest = max(truths.fixed.size * (1 if root is None else 2) for truths, root in zip(self.truths, self.risk_roots, strict=True))
        return math.ceil(self.float_bytes * (stored + state + random + max(largest, *(self._task_floats(task) for task in self.tasks))))

    @property
    def keeps_path(self) -> bool:
        """Whether all estimates stay until the end."""
        return self.keeps_data or self.average is not None

    def _width(self, blocks: tuple[int, ...]) -> int:
        return sum(self.dimensions[block] for block in blocks)

    def _task_floats(self, task: TaskPlan) -> int:
        """Features, the stacked problem if there is memory, and the solver's own arrays."""
        rows, width = task.rows * (1 + len(task.teachers)), self._width(task.trained)
        small = min(rows, width)
        if isinstance(task.rule, MinNorm):
            solver = {"gram": 2 * small * small, "qr": 3 * rows * width + 2 * small * small, "svd": 4 * rows * width + small * small}
        elif isinstance(task.rule, CONSOLIDATING):
            solver = {task.route: 4 * (rows + width) * width + 8 * width * width}
        else:
            solver = {"gram": rows * width + 2 * small * small}
        stacked = rows * width if task.memory or task.teachers else 0
        solving = stacked + solver.get(task.route, 2 * rows * width + small * small + 4 * small)
        drawing = task.samples * max(self.dimensions[block] for block in task.used) * spare_arrays(task.law)
        return task.samples * self._width(task.used) + max(solving, drawing) + 6 * (rows + task.samples) + 3 * width


def make_plan(seq: TaskSequence, keeps_data: bool = False, memory_limit: float = math.inf) -> Plan:
    """Return the plan of an experiment whose values are all numbers; see `Plan` for ``keeps_data``.

    Raises
    ------
    InputError
        If a value is a symbol or a grid, a Gram matrix cannot be realised, or the truths of a block alone take more than the limit.
    """
    names, dimensions, tasks = make_tasks(seq)
    risk_roots = tuple(_risk_root(seq, name, block, tasks) for block, name in enumerate(names))
    average = None if seq.averaging is None else np.vectorize(lambda weight: as_float(weight, "a weight of the average"))(seq.averaging)
    return Plan(dimensions, tuple(block_truths(seq, name, memory_limit) for name in names), tasks, risk_roots, keeps_data=keeps_data, average=average)


def make_tasks(seq: TaskSequence) -> tuple[list[str], tuple[int, ...], tuple[TaskPlan, ...]]:
    """Return names and dimensions of the blocks, and the tasks; raises InputError as `make_plan` does."""
    if require_sequence(seq).grid_shape:
        raise InputError(f"the experiment is a grid of shape {seq.grid_shape}; the sampler takes one experiment, so simulate seq.at(index)")
    seq = seq.undistilled()
    for t in range(len(seq)):
        for name, value in seq.rule_of(t).numbers.items():
            as_float(value, f"{name} of the rule of task {t}")
    names = list(seq.blocks)
    dimensions = tuple(as_int(seq.blocks[name], f"the dimension of block {name!r}") for name in names)
    return names, dimensions, tuple(_task_plan(seq, t, names, dimensions) for t in range(len(seq)))


def require_sequence(seq: Any) -> TaskSequence:
    """Return ``seq`` if it is an experiment; InputError otherwise."""
    if not isinstance(seq, TaskSequence):
        raise InputError(f"the experiment is a {type(seq).__name__}; give a theory.TaskSequence")
    return seq


def _risk_root(seq: TaskSequence, name: str, block: int, tasks: tuple[TaskPlan, ...]) -> np.ndarray | None:
    if seq.risk == "euclidean":
        return None
    users = seq.users(name)
    if len({seq.features_of(t) for t in users}) == 1:
        return tasks[users[0]].roots[block]
    whole = (_matrix(tasks[t].roots[block], seq.blocks[name]) for t in users)
    return np.stack(tuple(whole))


def _matrix(root: np.ndarray | None, dimension: int) -> np.ndarray:
    return np.eye(int(dimension)) if root is None else np.diag(root) if root.ndim == 1 else root


def _task_plan(seq: TaskSequence, t: int, names: list[str], dimensions: tuple[int, ...]) -> TaskPlan:
    task = seq.tasks[t]
    rule, law = seq.rule_of(t), seq.features_of(t)
    colours = roots(law, dict(zip(names, dimensions, strict=True)))
    trained = [name for name in names if name in task.train]
    samples = as_int(task.samples, f"samples of task {t}")
    teachers: tuple[tuple[float, tuple[int, ...]], ...] = ()
    if isinstance(rule, HeadDistillation):
        found = seq.teachers(t).items() if rule.strength else ()
        teachers = tuple((float(count * rule.strength) ** 0.5, tuple(map(trained.index, blocks))) for blocks, count in found)
        rule = MinNorm()
    memory = _counts(seq, t)
    touching = {s: frozenset(i for i, name in enumerate(trained) if name in seq.tasks[s].truth) for s in memory}
    memory = {s: count for s, count in memory.items() if count and touching[s]}
    groups = [(samples, frozenset(range(len(trained))))] + [(count, touching[s]) for s, count in memory.items()]
    weights = tuple(as_float(task.weight_of(name), f"the weight of block {name!r} in task {t}") for name in trained)
    if max(weights) > MOST_WEIGHTS * min(weights):
        raise InputError(
            f"the weights of task {t} run from {min(weights):.3g} to {max(weights):.3g}; ratios above {MOST_WEIGHTS:.0e} are beyond "
            "double precision, so leave the heavy blocks out of train (the limit of frozen training) or take a smaller ratio"
        )
    return TaskPlan(
        samples=samples,
        noise=as_float(task.noise, f"noise of task {t}"),
        used=tuple(names.index(name) for name in seq.used(t)),
        trained=tuple(names.index(name) for name in trained),
        restarted=frozenset(names.index(name) for name in trained if task.starts_from_zero(name)),
        scales=tuple(as_float(task.scale_of(name), f"the scale of block {name!r} in task {t}") for name in trained),
        weights=weights,
        memory=tuple(memory.items()),
        kept=max(samples if t in seq.tasks[later].again else _counts(seq, later).get(t, 0) for later in range(len(seq))),
        again=task.again,
        route="svd" if teachers else _route(rule, law, groups, [(dimensions[names.index(name)], colours[names.index(name)]) for name in trained], weights),
        rule=rule,
        law=law,
        roots=colours,
        teachers=teachers,
    )


def solved(task: TaskPlan, features: list[Any], residual: Any, curvatures: dict[Rule, float]) -> list[Any]:
    """Return full steps of the trained blocks, the least ones or filtered ones, whose largest curvatures are noted."""
    if not isinstance(task.rule, MinNorm):
        steps, largest = filtered_step(features, residual, task.weights, task.route, lambda values: step_filter(task.rule, values, task.rows))
        curvatures[task.rule] = max(curvatures.get(task.rule, 0.0), largest / task.rows)
        return steps
    if task.teachers:  # rows of earlier tasks' outputs, which are to stay
        weights = [[root if place in places else 0.0 for root, places in task.teachers] for place in range(len(features))]
        features = [np.concatenate([x, *(weight * x for weight in own)], axis=1) for x, own in zip(features, weights, strict=True)]
        residual = np.concatenate([residual, *(np.zeros_like(residual) for _ in task.teachers)], axis=1)
    return least_step(features, residual, task.weights, task.route)


def _route(rule: Any, law: FeatureLaw, groups: list[tuple[int, frozenset[int]]], blocks: list[tuple[int, np.ndarray | None]], weights: Sequence[float]) -> str:
    """Route of a step, where the law of the features may make them rank-deficient or far apart in size."""
    asked = rule.route if isinstance(rule, MinNorm) else "auto"
    dimensions = [dimension for dimension, _ in blocks]
    route = choose_route(asked, groups, dimensions, weights)
    variances = np.concatenate([np.ones(1), *(_variances(root) for _, root in blocks if root is not None)])
    few_signs = isinstance(law, Rademacher) and (len(groups) > 1 or max(groups[0][0], sum(dimensions)) < _FEW_SIGNS)
    if few_signs or variances.min() == 0:
        return "svd"
    return "qr" if route == "gram" and asked == "auto" and variances.max() > FAR_WEIGHTS * variances.min() else route


def _variances(root: np.ndarray) -> np.ndarray:
    """Eigenvalues of a covariance; zero where they are but rounding."""
    values = (root if root.ndim == 1 else np.linalg.eigvalsh(root)) ** 2
    return np.where(values > np.finfo(float).eps * len(values) * values.max(), values, 0.0)


def _counts(seq: TaskSequence, t: int) -> dict[int, int]:
    return {s: as_int(count, f"memory of task {s} in task {t}") for s, count in (seq.tasks[t].memory or {}).items()}
