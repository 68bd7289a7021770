"""An experiment in continual learning, as data: blocks of parameters and a sequence of regression tasks.

This module knows no formula and no sampler. `theory.law` computes exact expectations from a `TaskSequence`,
`simulate` draws data from the same object; neither sees the other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from theory.conditions import CONSOLIDATING, Distillation, FeatureLaw, HeadDistillation, MinNorm, Rule, StandardNormal, Subspace, as_features, as_rule
from theory.errors import InputError
from theory.values import FrozenArray, FrozenMapping, below, is_grid, is_symbolic, number, plain_array, whole_number

PREVIOUS, ZERO = "previous", "zero"
RISKS = ("euclidean", "features")
MEAN = "mean"


@dataclass(frozen=True)
class Isotropic:
    """A true parameter vector of fixed length whose direction is drawn uniformly, afresh in every trial.

    Parameters
    ----------
    norm : number, symbol or grid
        Euclidean length, at least 0.
    name : str, optional
        Isotropic truths of one block that share a name share their direction; without a name every use draws
        its own, independent of all others.

    Examples
    --------
    Two tasks whose truths share their direction:

    >>> import driftlaw as dl
    >>> truths = [dl.Isotropic(1, "w"), dl.Isotropic(2, "w")]
    >>> dl.expected_errors(dl.one_block(20, (5, 5), noise=0, truth=truths)).deviation()
    Fraction(13, 16)
    """

    norm: Any
    name: str | None = None

    def __post_init__(self) -> None:
        norm = number(self.norm, "the norm of an Isotropic truth")
        if below(norm, 0):
            raise InputError(f"the norm of an Isotropic truth is {norm!r}; a length is at least 0")
        object.__setattr__(self, "norm", norm)


@dataclass(frozen=True)
class Task:
    """One regression task ``y = sum_b X_b' w_b + noise * eps`` and how the learner is trained on it.

    Parameters
    ----------
    samples : int, symbol or integer grid
        Number of fresh samples, at least 0 (0 is no step unless there is memory).
    noise : number, symbol or grid
        Standard deviation of the label noise, at least 0.
    truth : mapping of block name to truth
        True parameters of every block that the task uses: a vector, the name of a vector whose inner products
        stand in ``TaskSequence(gram=...)``, or `Isotropic`. The task's error counts exactly these blocks.
    train : sequence of str
        Blocks that the training moves; the others stay where they are.
    start : {"previous", "zero"} or mapping of block name to either
        Where each trained block starts; blocks that a mapping leaves out start from the previous estimate.
    scale : number or mapping of block name to number
        Share of the minimum-norm step that is taken; 1 fits the data.
    weights : mapping of block name to number, optional
        Positive weights lambda_b: the step minimises ``sum_b lambda_b |step_b|^2``. Missing blocks weigh 1.
    memory : mapping of earlier task (from 0) to int, optional
        Number of stored samples of each earlier task that are fitted along with the fresh ones; always the first
        ones of that task, so that the memories of different tasks are nested.
    rule : Rule, optional
        How this task is trained, one of `theory.conditions.RULES`; by default as the sequence says.
    features : StandardNormal, Gaussian, Rademacher or StudentT, optional
        Law of this task's features; by default as the sequence says.
    again : tuple of int
        Task, or tasks of which one is drawn in every trial, whose samples and labels this one is trained on once more, or for the first time
        (`TaskSequence.under` with ``visits``).

    Examples
    --------
    A task that uses two blocks and trains one of them:

    >>> import driftlaw as dl
    >>> task = dl.Task(samples=20, noise=0.5, truth={"shared": "u", "specific": "q"}, train=("specific",))
    >>> task.train, task.scale
    (('specific',), 1)
    """

    samples: Any
    noise: Any
    truth: Mapping[str, Any]
    train: Sequence[str]
    start: str | Mapping[str, str] = PREVIOUS
    scale: Any = 1
    weights: Mapping[str, Any] | None = None
    memory: Mapping[int, Any] | None = None
    rule: Rule | None = None
    features: FeatureLaw | None = None
    again: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        noise = number(self.noise, "noise")
        if below(noise, 0):
            raise InputError(f"noise is {noise!r}; it is a standard deviation, so at least 0")
        if not isinstance(self.truth, Mapping) or not self.truth:
            raise InputError(f"truth is {self.truth!r}; give a mapping from block name to a vector, a name or Isotropic(norm)")
        truth = FrozenMapping({_name(block): _truth(block, value) for block, value in self.truth.items()})
        train = _train(self.train, truth)
        settings = {
            "samples": whole_number(self.samples, "samples", 0),
            "noise": noise,
            "truth": truth,
            "train": train,
            "start": _start(self.start, train),
            "scale": _per_block("scale", self.scale, train),
            "weights": _weights(self.weights, train),
            "memory": _memory(self.memory),
            "rule": None if self.rule is None else as_rule(self.rule),
            "features": None if self.features is None else as_features(self.features),
        }
        for field, value in settings.items():
            object.__setattr__(self, field, value)

    def scale_of(self, block: str) -> Any:
        """Share of the full step that ``block`` takes."""
        return self.scale.get(block, 1) if isinstance(self.scale, FrozenMapping) else self.scale

    def starts_from_zero(self, block: str) -> bool:
        """Whether training resets ``block`` to zero first."""
        return block in self.train and (self.start.get(block) if isinstance(self.start, FrozenMapping) else self.start) == ZERO

    def weight_of(self, block: str) -> Any:
        """Weight of ``block`` in the norm of the step."""
        return 1 if self.weights is None else self.weights.get(block, 1)

    @property
    def equally_weighted(self) -> bool:
        """Whether the step is the least one in the plain Euclidean norm."""
        return len({self.weight_of(block) for block in self.train}) == 1

    @property
    def takes_no_step(self) -> bool:
        """Whether the task is only drawn (scale 0), so that later memory of it is data that no training has seen."""
        return all(not is_grid(self.scale_of(block)) and self.scale_of(block) == 0 for block in self.train)

    @property
    def takes_full_step(self) -> bool:
        """Whether every trained block takes the whole step, so that the data are fitted."""
        return all(not is_grid(self.scale_of(block)) and self.scale_of(block) == 1 for block in self.train)


@dataclass(frozen=True)
class TaskSequence:
    """Blocks of parameters and the tasks that are learned one after another, starting from zero.

    Parameters
    ----------
    blocks : mapping of block name to int, symbol or integer grid
        Dimensions, at least 1.
    tasks : sequence of Task
        In the order of training; tasks are counted from 0.
    gram : mapping of block name to array_like, optional
        Inner products of the named truths of a block over tasks, shape (T, T), numbers or symbols; with leading
        axes, shape (*grid, T, T), one matrix per grid point. Rows of tasks that do not use the block are ignored.
    features : StandardNormal, Gaussian, Rademacher or StudentT
        Law of the features of all tasks that name no other (`theory.conditions`).
    rule : Rule
        How tasks that name no other are trained (`theory.conditions.RULES`), always from where the training starts. "min_norm" or "auto" is the
        least step that fits; "gram" and "qr" name the way to compute it.
    risk : {"euclidean", "features"}
        Norm of the errors: the Euclidean distance of estimate and truth, or the mean squared error of predictions
        ``(theta - w)' Sigma (theta - w)`` with the covariance of the task's features. Steps are always Euclidean.
    average : "mean" or array_like, optional
        What errors are measured at after task t, while training goes on from the last estimate: that one, if left out; "mean" is the running
        mean of theta_0, ..., theta_t; else row t of an array of shape (T, T) has the weights of theta_0, ..., theta_t in a sum.

    Raises
    ------
    InputError
        If the parts do not fit together; the message names the task, the value and the remedy.

    Notes
    -----
    Any number may be a numpy array with one value per grid point. Grids broadcast against one another;
    `grid_shape` is their common shape and `at` picks a single point. The sampler takes single points only.

    Examples
    --------
    >>> import driftlaw as dl
    >>> first = dl.Task(30, 0, {"shared": "u", "specific": "q_1"}, ("shared", "specific"))
    >>> second = dl.Task(20, 0, {"shared": "u", "specific": "q_2"}, ("specific",))
    >>> gram = {"shared": [[1, 1], [1, 1]], "specific": [[1, 0], [0, 1]]}
    >>> seq = dl.TaskSequence({"shared": 40, "specific": 60}, [first, second], gram)
    >>> len(seq), seq.trained_dimension(1)
    (2, 60)
    >>> dl.expected_errors(seq).forgetting()
    Fraction(15059, 19890)
    """

    blocks: Mapping[str, Any]
    tasks: Sequence[Task]
    gram: Any = None
    features: FeatureLaw = StandardNormal()
    rule: Rule = MinNorm()
    risk: str = "euclidean"
    average: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.blocks, Mapping) or not self.blocks:
            raise InputError(f"blocks is {self.blocks!r}; give a mapping from block name to dimension")
        blocks = FrozenMapping({_name(b): whole_number(d, f"the dimension of block {b!r}", 1) for b, d in self.blocks.items()})
        if not isinstance(self.tasks, Iterable):
            raise InputError(f"tasks is a {type(self.tasks).__name__}; give a list of Task, one entry for a single task")
        if self.gram is not None and not isinstance(self.gram, Mapping):
            raise InputError(f"gram is a {type(self.gram).__name__}; give a mapping from block name to its (T, T) inner products")
        tasks = tuple(self.tasks)
        if not tasks or not all(isinstance(task, Task) for task in tasks):
            raise InputError(f"tasks holds {len(tasks)} objects of types {sorted({type(t).__name__ for t in tasks})}; give at least one Task")
        gram = FrozenMapping({b: _square(f"gram[{b!r}]", g, len(tasks)) for b, g in (self.gram or {}).items()})
        if self.risk not in RISKS:
            raise InputError(f"risk is {self.risk!r}; choose one of {', '.join(RISKS)}")
        conditions = {"features": as_features(self.features), "rule": as_rule(self.rule), "average": _average(self.average, len(tasks))}
        for field, value in {"blocks": blocks, "tasks": tasks, "gram": gram, **conditions}.items():
            object.__setattr__(self, field, value)
        for t, task in enumerate(tasks):
            _check_task(self, t, task)
        for block in gram:
            _check_gram(self, block)
        self.grid_shape  # noqa: B018 - grids that do not broadcast must fail here, not later

    def __len__(self) -> int:
        return len(self.tasks)

    def used(self, t: int) -> tuple[str, ...]:
        """Blocks that task ``t`` uses and whose errors count for it, in the order of ``blocks``."""
        return tuple(block for block in self.blocks if block in self.tasks[t].truth)

    def users(self, block: str) -> tuple[int, ...]:
        """Tasks that use ``block``."""
        return tuple(t for t, task in enumerate(self.tasks) if block in task.truth)

    def rule_of(self, t: int) -> Rule:
        """How task ``t`` is trained."""
        return self.tasks[t].rule or self.rule

    def features_of(self, t: int) -> FeatureLaw:
        """Law of the features of task ``t``."""
        return self.tasks[t].features or self.features

    @property
    def unusual(self) -> tuple[Any, ...]:
        """Feature laws and rules, each once, and the risk, that are none which the catalogue's formulas assume."""
        laws = (self.features_of(t) for t in range(len(self)))
        rules = (self.rule_of(t) for t in range(len(self)))
        found = [law for law in laws if law != StandardNormal()]
        found += [rule for rule in rules if not isinstance(rule, MinNorm)]
        again = (f"the data of task {s} again" for task in self.tasks for s in task.again)
        return tuple(dict.fromkeys((*found, *again))) + ((f"risk={self.risk!r}",) if self.risk != RISKS[0] else ())

    @property
    def averaging(self) -> np.ndarray | None:
        """Weights of theta_s in what errors after task t are measured at, shape (..., T, T); None where that is theta_t."""
        if self.average != MEAN:
            return None if self.average is None else self.average.values
        return np.array([[Fraction(s <= t, t + 1) for s in range(len(self))] for t in range(len(self))])

    def under(self, features: Any = None, rule: Any = None, risk: str | None = None, visits: Any = None, average: Any = None) -> "TaskSequence":
        """Return the experiment with other features, another rule, risk or average for all of its tasks, or with other visits.

        None leaves what is there; anything else takes the place of what single tasks say, too. A sequence of rules has one for each task.
        ``visits`` are the tasks in the order of training, (0, 1, 0, 1) for two passes over two tasks; later visits use the data of the first
        one again. A tuple among them is a task that is drawn in every trial: (0, 1, (0, 1), (0, 1)), or ((0, 1),) * 4 for an order of which all is
        drawn. Each visit is a task of the result; the error on one that is drawn is that on the task that it was.

        Examples
        --------
        Two tasks in turn with one truth: the third visit learns from data that were used already.

        >>> import driftlaw as dl
        >>> seq = dl.one_block(20, (5, 5), noise=0, gram=[[1, 1], [1, 1]])
        >>> [round(float(error), 4) for error in dl.expected_errors(seq.under(visits=(0, 1, 0))).errors[:, 0]]
        [0.75, 0.5625, 0.5289]
        """
        if visits is not None:
            return _visited(self, visits).under(features, rule, risk, average=average)
        each = rule if isinstance(rule, (list, tuple)) else None
        if each is not None and len(each) != len(self):
            raise InputError(f"there are {len(each)} rules for {len(self)} tasks; give one for each, or one for all")
        given = {"features": features, "rule": None if each is not None else rule}
        chosen = {name: value for name, value in given.items() if value is not None}
        if not chosen and each is None and risk is average is None:
            return self
        own = [{}] * len(self) if each is None else [{"rule": one} for one in each]
        tasks = tuple(replace(task, **dict.fromkeys(chosen), **one) for task, one in zip(self.tasks, own, strict=True))
        return replace(self, tasks=tasks, **chosen, risk=self.risk if risk is None else risk, average=self.average if average is None else average)

    def teachers(self, t: int) -> dict[tuple[str, ...], int]:
        """Trained blocks that outputs of earlier tasks move with, and of how many tasks."""
        shared = (tuple(block for block in self.tasks[t].train if block in earlier.truth) for s, earlier in enumerate(self.tasks[:t]) if s in (earlier.again or (s,)))
        return dict(Counter(blocks for blocks in shared if blocks))

    def trained_dimension(self, t: int, without: Sequence[str] = ()) -> Any:
        """Total dimension of the blocks that task ``t`` trains, but for some; on features of a subspace that of what it sees."""
        if isinstance(law := self.features_of(t), Subspace) and not without:
            return law.basis.shape[1]
        dimensions = [self.blocks[block] for block in self.tasks[t].train if block not in without]
        if any(is_grid(d) for d in dimensions):
            return FrozenArray(sum(plain_array(d) for d in dimensions))
        return sum(dimensions)

    def values(self) -> list[Any]:
        """Every number of the experiment apart from vector entries: dimensions, counts, noise, norms, rules, grams."""
        found = list(self.blocks.values())
        for task in self.tasks:
            found += [task.samples, task.noise]
            found += list(task.scale.values()) if isinstance(task.scale, FrozenMapping) else [task.scale]
            found += list((task.weights or {}).values()) + list((task.memory or {}).values())
            found += [truth.norm for truth in task.truth.values() if isinstance(truth, Isotropic)]
        for rule in {self.rule_of(t) for t in range(len(self))}:
            found += rule.numbers.values()
        for matrix in self._matrices:
            found += list(matrix.values.ravel()) if matrix.values.dtype == object else []
        return found

    @property
    def _matrices(self) -> tuple[FrozenArray, ...]:
        return (*self.gram.values(), *([self.average] if isinstance(self.average, FrozenArray) else []))

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Common shape of all grids; () for a single experiment."""
        shapes = [value.shape for value in self.values() if is_grid(value)]
        shapes += [matrix.shape[:-2] for matrix in self._matrices]
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise InputError(f"grids of shapes {sorted(set(shapes))} do not broadcast; reshape them so that every axis is one parameter") from None

    def at(self, index: int | tuple[int, ...]) -> "TaskSequence":
        """Return the single experiment at grid point ``index``."""
        shape = self.grid_shape

        def pick(value: Any) -> Any:
            if isinstance(value, FrozenMapping):
                return {key: pick(v) for key, v in value.items()}
            return np.broadcast_to(value.values, shape)[index].item() if is_grid(value) else value

        def pick_rule(rule: Any) -> Any:
            grids = {name: pick(value) for name, value in rule.numbers.items() if is_grid(value)} if rule else {}
            return replace(rule, **grids) if grids else rule

        def pick_truth(value: Any) -> Any:
            return replace(value, norm=pick(value.norm)) if isinstance(value, Isotropic) else value

        def pick_gram(matrix: FrozenArray) -> Any:
            if matrix.values.dtype == object:
                return [[pick(entry) for entry in row] for row in matrix.values]
            return np.broadcast_to(matrix.values, shape + matrix.shape[-2:])[index]

        tasks = []
        for task in self.tasks:
            numbers = {name: pick(getattr(task, name)) for name in ("samples", "noise", "scale", "weights")}
            truth = {block: pick_truth(value) for block, value in task.truth.items()}
            tasks.append(replace(task, **numbers, truth=truth, rule=pick_rule(task.rule)))
        gram = {block: pick_gram(matrix) for block, matrix in self.gram.items()}
        average = pick_gram(self.average) if isinstance(self.average, FrozenArray) else self.average
        return replace(self, blocks=pick(self.blocks), tasks=tasks, gram=gram, rule=pick_rule(self.rule), average=average)

    def undistilled(self) -> "TaskSequence":
        """The experiment with distillation written as what it is, a partial least step."""

        def part(scale: Any, share: Any) -> Any:
            return FrozenArray(plain_array(scale).astype(float) * plain_array(share).astype(float)) if is_grid(scale) or is_grid(share) else scale * share

        tasks = list(self.tasks)
        for t, task in enumerate(self.tasks):
            if isinstance(rule := self.rule_of(t), Distillation):
                tasks[t] = replace(task, rule=MinNorm(), scale={block: part(task.scale_of(block), rule.share) for block in task.train})
        return self if tasks == list(self.tasks) else replace(self, tasks=tasks)


def require_single(seq: TaskSequence, what: str, error: type[Exception] = InputError) -> None:
    """Raise an error unless all values of an experiment are single numbers."""
    entries = [entry for task in seq.tasks for truth in task.truth.values() if isinstance(truth, FrozenArray) for entry in truth.values]
    if seq.grid_shape or any(map(is_symbolic, (*seq.values(), *entries))):
        raise error(f"{what} one numeric experiment; pick a grid point with seq.at(index), or substitute the symbols")


def _visited(seq: TaskSequence, visits: Any) -> TaskSequence:
    """The experiment with a task for every visit."""
    chosen: list[Any] = [one if isinstance(one, tuple) else (one,) for one in visits] if isinstance(visits, Iterable) else []
    known = all(isinstance(s, (int, np.integer)) and s in range(len(seq)) for one in chosen for s in one)
    if not all(chosen) or not chosen or not known:
        raise InputError(f"visits is {visits!r}; give tasks from 0 to {len(seq) - 1} in the order of training, such as (0, 1, 0, 1)")
    if any(task.memory or task.again for task in seq.tasks):
        raise InputError("the experiment has memory, or visits already; give visits to one with neither")
    order, tasks = [one[0] for one in chosen], []
    first = {s: t for t, (s, *others) in reversed(list(enumerate(chosen))) if not others}
    for t, one in enumerate(chosen):  # truths of tasks that are drawn alone stand at visits where they may be, those first that have few left
        if left := sorted({s for s in one if s not in first}, key=lambda s: sum(s in later for later in chosen[t:])):
            first[left[0]], order[t] = t, left[0]
    for t, one in enumerate(chosen):
        task = seq.tasks[order[t]]
        if any(s not in first or replace(seq.tasks[s], truth=task.truth) != task for s in one):
            raise InputError(f"visit {t} is one of the tasks {one}; they may differ in truths only, and there have to be as many visits as tasks")
        truth = {b: replace(w, name=w.name or f"visited task {order[t]}") if isinstance(w, Isotropic) else w for b, w in task.truth.items()}
        tasks.append(replace(task, truth=truth, again=tuple(first[s] for s in one) if len(one) > 1 or first[one[0]] < t else ()))
    return replace(seq, tasks=tasks, gram={block: matrix.values[..., order, :][..., order] for block, matrix in seq.gram.items()})


def _name(block: Any) -> str:
    if not isinstance(block, str) or not block:
        raise InputError(f"a block is called {block!r}; block names are non-empty strings")
    return block


def _truth(block: str, value: Any) -> Any:
    if isinstance(value, (str, Isotropic)):
        return value
    value = value.values if isinstance(value, FrozenArray) else value
    if isinstance(value, (int, float, Fraction)) or is_symbolic(value) or not isinstance(value, Iterable):
        raise InputError(f"the truth of block {block!r} is {value!r}; give a vector, a name (with gram=...) or Isotropic(norm)")
    try:
        vector = FrozenArray(value)
    except ValueError:
        raise InputError(f"the truth of block {block!r} is ragged; give a vector of shape (dimension,)") from None
    if len(vector.shape) != 1:
        raise InputError(f"the truth of block {block!r} has shape {vector.shape}; give a vector of shape (dimension,)")
    if vector.values.dtype != object:
        if not np.all(np.isfinite(vector.values)):
            raise InputError(f"the truth of block {block!r} holds NaN or infinity; give finite numbers")
        return vector
    return FrozenArray(_boxed([number(entry, f"an entry of the truth of block {block!r}") for entry in vector.values]))


def _boxed(entries: list) -> np.ndarray:
    """Object array of ``entries`` (grids inside stay whole, numpy would take them apart)."""
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array


def _train(train: Any, truth: FrozenMapping) -> tuple[str, ...]:
    if isinstance(train, str) or not isinstance(train, Iterable):
        raise InputError(f"train is {train!r}; give a tuple of block names, such as ({str(train)!r},)")
    train = tuple(train)
    if not train or len(set(train)) != len(train):
        raise InputError(f"train is {train!r}; name at least one block, each once (samples=0 is a task without a step)")
    for block in train:
        if block not in truth:
            raise InputError(f"the task trains block {block!r} but does not use it (it uses {sorted(truth)}); give its truth, zero if need be, or do not train it")
    return train


def _start(start: Any, train: tuple[str, ...]) -> Any:
    chosen = dict(start) if isinstance(start, Mapping) else {block: start for block in train}
    for block, value in chosen.items():
        if block not in train:
            raise InputError(f"start names block {block!r}, which is not trained (trained: {list(train)}); leave it out")
        if value not in (PREVIOUS, ZERO):
            raise InputError(f"start is {value!r}; choose {PREVIOUS!r} or {ZERO!r}")
    return FrozenMapping(chosen) if isinstance(start, Mapping) else start


def _per_block(what: str, value: Any, train: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        for block in value:
            if block not in train:
                raise InputError(f"{what} names block {block!r}, which is not trained (trained: {list(train)}); leave it out")
        return FrozenMapping({block: _whole_if_one(number(v, f"{what} of block {block!r}")) for block, v in value.items()})
    return _whole_if_one(number(value, what))


def _whole_if_one(value: Any) -> Any:
    """Keep 1.0 from turning an otherwise exact experiment into a floating one."""
    return 1 if isinstance(value, float) and value == 1 else value


def _weights(weights: Any, train: tuple[str, ...]) -> FrozenMapping | None:
    if weights is None:
        return None
    if not isinstance(weights, Mapping):
        raise InputError(f"weights is {weights!r}; give a mapping from trained block to a positive number")
    weights = _per_block("weights", weights, train)
    for block, value in weights.items():
        if below(value, 0) or (not is_symbolic(value) and np.any(np.asarray(value) == 0)):
            raise InputError(f"the weight of block {block!r} is {value!r}; weights are positive (to freeze a block, leave it out of train)")
    return weights


def _memory(memory: Any) -> FrozenMapping | None:
    if not memory:
        return None
    if not isinstance(memory, Mapping):
        raise InputError(f"memory is {memory!r}; give a mapping from an earlier task (counted from 0) to a number of stored samples")
    counts = {}
    for task, count in memory.items():
        count = whole_number(count, f"memory of task {task}", 0)
        if is_grid(count):
            raise InputError(f"memory of task {task} is a grid; build one TaskSequence for each memory size")
        counts[whole_number(task, "a task in memory", 0)] = count
    return FrozenMapping(counts)


def _average(value: Any, tasks: int) -> Any:
    if value is None or (isinstance(value, str) and value == MEAN):
        return value
    if isinstance(value, str):
        raise InputError(f"average is {value!r}; give 'mean', or a row of weights for each task")
    found = _square("average", value, tasks, "weights")
    if np.any(np.triu(np.ones((tasks, tasks)), 1) * (found.values != 0)):
        raise InputError("average gives a weight to an estimate that is still to come; row t has weights for columns 0 to t only")
    return found


def _square(what: str, matrix: Any, tasks: int, of: str = "inner products") -> FrozenArray:
    if not isinstance(matrix, np.ndarray) and hasattr(matrix, "tolist"):
        matrix = matrix.tolist()
    if isinstance(matrix, FrozenArray):
        matrix = matrix.values
    if isinstance(matrix, np.ndarray) and matrix.dtype.kind in "iuf":
        shape = matrix.shape
        if not np.all(np.isfinite(matrix)):
            raise InputError(f"{what} holds NaN or infinity; give finite {of}")
        result = FrozenArray(matrix)
    else:
        if not isinstance(matrix, Iterable) or not all(isinstance(row, Iterable) for row in matrix):
            raise InputError(f"{what} is {matrix!r}; give {tasks} rows of {tasks} {of}")
        rows = [list(row) for row in matrix]
        shape = (len(rows), *{len(row) for row in rows})
        if shape == (tasks, tasks):
            entries = [number(entry, f"an entry of {what}") for row in rows for entry in row]
            plain = all(isinstance(entry, float) or (isinstance(entry, int) and abs(entry) < 2**63) for entry in entries)
            boxed = np.array(entries, dtype=float if any(isinstance(e, float) for e in entries) else int) if plain else _boxed(entries)
            result = FrozenArray(boxed.reshape(tasks, tasks))
    if len(shape) < 2 or shape[-2:] != (tasks, tasks):
        raise InputError(f"{what} has shape {shape}; with {tasks} tasks it must be ({tasks}, {tasks}), grid axes in front")
    return result


def _check_task(seq: TaskSequence, t: int, task: Task) -> None:
    for block, truth in task.truth.items():
        if block not in seq.blocks:
            raise InputError(f"task {t} uses block {block!r}, which is not among the blocks {list(seq.blocks)}; add it or correct the name")
        dimension = seq.blocks[block]
        if isinstance(truth, str) and block not in seq.gram:
            raise InputError(f"task {t} names the truth {truth!r} of block {block!r}; give gram={{{block!r}: ...}} with its inner products, or a vector")
        if not isinstance(truth, str) and block in seq.gram:
            raise InputError(f"task {t} gives the truth of block {block!r} itself, yet gram has that block too; use names for all of its tasks, or drop gram[{block!r}]")
        if isinstance(truth, FrozenArray) and (is_grid(dimension) or len(truth) != dimension):
            raise InputError(f"task {t}: the truth of block {block!r} has {len(truth)} entries, the block has dimension {dimension!r}; make them equal")
    again = [b for b in task.train if task.starts_from_zero(b) and any(b in earlier.train for earlier in seq.tasks[:t])]
    rule: Any = seq.rule_of(t)
    if again and isinstance(rule, (Distillation, HeadDistillation, *CONSOLIDATING)):
        raise InputError(
            f"task {t} is trained by {rule}, which starts where its teacher stands, but block {again[0]!r} was trained before and "
            "starts from zero; start it from the previous estimate, or take another rule"
        )
    stale = task.memory or (task.again and isinstance(rule, HeadDistillation))
    if isinstance(rule, (HeadDistillation, *CONSOLIDATING)) and (stale or not task.takes_full_step or not task.equally_weighted):
        raise InputError(f"task {t} is trained by {rule}, which takes whole steps of equal weights on fresh samples; leave scale, weights, memory and visits out")
    if isinstance(rule, CONSOLIDATING) and (named := [block for block in task.train if block in seq.gram]):
        raise InputError(f"task {t} is trained by {rule}, which looks at single coordinates, and gram gives block {named[0]!r} none; give vectors or Isotropic")
    if any(s >= len(seq) or s not in (seq.tasks[s].again or (s,)) or seq.tasks[s].samples != task.samples for s in task.again):
        raise InputError(f"task {t} cannot use the data of {task.again} again; give visits to an experiment instead (TaskSequence.under)")
    for earlier, count in (task.memory or {}).items():
        if earlier >= t:
            raise InputError(f"task {t} has memory of task {earlier}; memory holds earlier tasks only (tasks count from 0)")
        available = seq.tasks[earlier].samples
        symbolic = is_symbolic(count) or is_symbolic(available)
        if (available - count).is_negative is True if symbolic else np.any(np.asarray(available) < count):
            raise InputError(f"task {t} stores {count} samples of task {earlier}, which has {available!r}; store at most that many")


def _check_gram(seq: TaskSequence, block: str) -> None:
    if block not in seq.blocks:
        raise InputError(f"gram has block {block!r}, which is not among the blocks {list(seq.blocks)}; correct the name")
    users = list(seq.users(block))
    names = [seq.tasks[t].truth[block] for t in users]
    matrix = seq.gram[block].values[..., users, :][..., users]
    for i, t in enumerate(users):
        diagonal = matrix[..., i, i] if matrix.dtype != object else matrix[i, i]
        if below(diagonal, 0):
            raise InputError(f"gram[{block!r}][{t}, {t}] is {diagonal}; a squared length is at least 0")
    _refuse_first(_agree(matrix, np.swapaxes(matrix, -1, -2)), users, f"gram[{block!r}] is not symmetric: it differs from its transpose at")
    for i, name in enumerate(names):
        j = names.index(name)
        if i != j:
            _refuse_first(
                _agree(matrix[..., [i], :], matrix[..., [j], :]), users,
                f"gram[{block!r}]: tasks {users[j]} and {users[i]} share the truth {name!r}, so their rows must be equal; they differ at",
            )  # fmt: skip


def _refuse_first(agrees: np.ndarray, users: list[int], sentence: str) -> None:
    if not np.all(agrees):
        *_, i, j = np.argwhere(~agrees)[0]
        raise InputError(f"{sentence} task {users[j]}" + (f", row of task {users[i]}" if agrees.shape[-2] > 1 else "") + "; correct the entries")


@np.vectorize(otypes=[bool])
def _entries_agree(left: Any, right: Any) -> bool:
    if is_symbolic(left) or is_symbolic(right):
        return getattr(left - right, "is_zero", left == right) is not False
    return bool(np.all(_agree(np.asarray(left, dtype=float), np.asarray(right, dtype=float))))


def _agree(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Entrywise equality up to rounding; symbols agree unless they certainly differ."""
    if left.dtype == object:
        return _entries_agree(left, right)
    return np.abs(left - right) <= 1e-12 * np.maximum(np.abs(left), np.abs(right))
