"""A linear twin of the hybrid rule of deep networks: decide before each task whether to freeze the shared parameters.

Published (arXiv 2602.20796, Algorithm 1): before a task a score s_t = metric(g_t, g_{t-1}) compares the gradients of
the training losses, by default by their cosine; "tasks with scores below threshold are considered unrelated and are
assigned more modules to enhance task-specific learning". What follows is our linear reading of it. Where, on which
data and at which parameters the paper takes g_t is not known to us.

Here g_t is the gradient of task t's training loss ``|A_t theta - y_t|^2 / (2 n_t)`` in the shared blocks, the only
ones that mean the same for all tasks, on all samples of the task, at the estimate with which task t starts; g_{t-1}
is what task t - 1 found in the same way at its own start, so that nothing has to be stored but one vector. A task
with a cosine at or above the threshold counts as related and trains the specific blocks only (frozen training); one
below it trains everything (initialized training). Task 0 trains everything.

A step that fits task t - 1 leaves an error orthogonal to everything that its samples saw, g_{t-1} included. In linear
models two tasks of one truth therefore score around 0, not 1, and what has to be unlearned scores below 0: thresholds
between -1 and 0 are the ones that tell tasks apart. (At its end task t - 1 is fitted and has no gradient at all.) How far apart
the specific truths are the score hardly sees: `theory.score` has its law, and an estimate that does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulate.evidence import Estimate
from simulate.sample.adaptive import AdaptiveLearner, AdaptivePlan, WatchingLearner, frozen_sequence
from simulate.sample.batches import fill
from simulate.sample.plan import make_plan
from simulate.sample.run import simulate
from simulate.sample.streams import canonical_seed
from simulate.simulation import Simulation
from theory.checks import is_real
from theory.errors import InputError
from theory.problem import TaskSequence


@dataclass(frozen=True)
class HybridRule:
    """Cosine from which on a task is frozen, and the blocks that it then keeps."""

    threshold: float
    keep: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class HybridSimulation(Simulation):
    """A `Simulation` with what the rule saw and decided in every trial.

    Parameters
    ----------
    scores : ndarray, shape (trials, T)
        Cosine of the gradients of task t and task t - 1; NaN for task 0.
    frozen : ndarray of bool, shape (trials, T)
        Whether the task kept the shared blocks.
    """

    scores: np.ndarray = field(kw_only=True)
    frozen: np.ndarray = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kind in (("scores", np.float64), ("frozen", bool)):
            array = np.asarray(getattr(self, name), dtype=kind).view()
            if array.shape != self.step_sizes_sample.shape:
                wanted = self.step_sizes_sample.shape
                raise InputError(f"{name} has shape {array.shape}; it must be {wanted}, one entry for each trial and task")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def frozen_share(self) -> Estimate:
        """Estimate of the probability that a task is frozen, shape (T,)."""
        return Estimate.from_samples(self.frozen, self.draws)

    def merge(self, other: Simulation) -> "HybridSimulation":
        """Return the trials of both; refuses equal draws and different experiments."""
        both = super().merge(other)
        scores, frozen = (np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("scores", "frozen"))
        return HybridSimulation(
            both.errors_sample, both.step_sizes_sample, both.update_magnitude_sample, both.draws, both.experiment,
            scores=scores, frozen=frozen,
        )  # fmt: skip


def hybrid(
    seq: TaskSequence,
    threshold: float,
    trials: int,
    seed: int | tuple[int, ...] = 0,
    keep: Sequence[str] = ("shared",),
    *,
    memory_limit: float = 2**30,
    workers: int | None = None,
    progress: bool = False,
) -> HybridSimulation:
    """Sample training that freezes the shared blocks on tasks whose gradient agrees with the previous task's.

    Parameters
    ----------
    seq : TaskSequence
        The experiment under initialized training, without memory; every task has samples and trains the blocks
        ``keep``.
    threshold : float
        Cosine from which on a task counts as related and is frozen; -1 always freezes, above 1 never.
    trials, seed, memory_limit, workers, progress
        As in `simulate`: trial k sees the data that it sees under frozen and under initialized training.
    keep : sequence of str
        Blocks that a frozen task does not train, and whose gradients are compared.

    Returns
    -------
    HybridSimulation

    Raises
    ------
    InputError
        If an option or a value of the experiment is of no use here.

    Examples
    --------
    >>> import driftlaw as dl
    >>> truths = {"shared": [[1, 1, 1]] * 3, "specific": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
    >>> seq = dl.initialized({"shared": 20, "specific": 30}, (15, 10, 10), noise=0.3, gram=truths)
    >>> run = dl.hybrid(seq, threshold=-0.1, trials=500)
    >>> run.frozen_share.mean.round(2)
    array([0.  , 0.71, 0.76])
    >>> print(run.forgetting())
    0.802 +- 0.022 (500 trials)
    """
    rule = _checked(seq, threshold, keep)
    blocks = tuple(list(seq.blocks).index(block) for block in rule.keep)
    whole, less = (make_plan(one, memory_limit=memory_limit) for one in (seq, frozen_sequence(seq, rule.keep)))
    plan = AdaptivePlan(whole, less, blocks, rule.threshold)
    tasks, seed = len(seq), canonical_seed(seed)
    errors, steps, updates, scores, frozen = fill(
        lambda streams, count: AdaptiveLearner(plan, streams, count), plan, seed, trials, ((tasks, tasks), *[(tasks,)] * 4),
        memory_limit=memory_limit, workers=workers, progress=progress,
    )  # fmt: skip
    scores[:, 0] = np.nan
    draws = frozenset({(seed, 0, len(scores) - 1)})
    return HybridSimulation(errors, steps, updates, draws, (seq, rule), scores=scores, frozen=frozen > 0)


def watch(seq: TaskSequence, trials: int, seed: int | tuple[int, ...] = 0) -> tuple[dict[str, np.ndarray], Simulation]:
    """Sample training without memory, and what a learner can tell of every task before it trains it.

    Parameters
    ----------
    seq, trials, seed
        As in `simulate`.

    Returns
    -------
    seen : dict
        "level", shape (trials, T): mean squared residual at the start. Of shape (trials, T, blocks): "distances", unbiased
        estimates of |truth - start|^2 from pairs of samples, and "squares", "products", "steps": |g_t|^2, <g_t, g_{t-1}>, <g_t, last step>.
    run : Simulation
        Of the same draws.

    Examples
    --------
    >>> import driftlaw as dl
    >>> from simulate.hybrid_rule import watch
    >>> seq = dl.initialized({"shared": 20, "specific": 30}, (15, 10), noise=0, gram={"shared": [[1, 1]] * 2, "specific": [[2, 2]] * 2})
    >>> seen, _ = watch(seq, trials=4000)
    >>> seen["distances"][:, 0].mean(axis=0).round(1)
    array([1. , 1.9])
    """
    plan, seed = make_plan(seq, memory_limit=2**30), canonical_seed(seed)
    shapes = ((len(seq),) * 2, *[(len(seq),)] * 3, *[(len(seq), len(seq.blocks))] * 4)
    errors, lengths, updates, level, distances, squares, products, steps = fill(
        lambda streams, count: WatchingLearner(plan, streams, count), plan, seed, trials, shapes, memory_limit=2**30, workers=None, progress=False
    )
    run = Simulation(errors, lengths, updates, frozenset({(seed, 0, trials - 1)}), seq)
    return {"level": level, "distances": distances, "squares": squares, "products": products, "steps": steps}, run


@dataclass(frozen=True)
class HybridComparison:
    """The hybrid rule beside fixed schedules, on the same draws.

    Parameters
    ----------
    criterion : str
    rule : HybridRule
    value : Estimate
        The criterion under the hybrid rule.
    minus_frozen, minus_initialized, minus_best : Estimate
        Paired differences to freezing always, never, and on the tasks of the best fixed schedule.
    best_schedule : tuple of bool
        True for frozen; found by the exact law, without a look at the draws.
    best_value : float
        The exact expectation under it.
    frozen_share : Estimate
        Probability that the rule freezes a task, shape (T,).
    """

    criterion: str
    rule: HybridRule
    value: Estimate
    minus_frozen: Estimate
    minus_initialized: Estimate
    minus_best: Estimate
    best_schedule: tuple[bool, ...]
    best_value: float
    frozen_share: Estimate


def compare_schedules(
    criterion: str,
    seq: TaskSequence,
    thresholds: Sequence[float],
    trials: int,
    seed: int | tuple[int, ...] = 0,
    keep: Sequence[str] = ("shared",),
    *,
    workers: int | None = None,
) -> list[HybridComparison]:
    """Compare the hybrid rule with the best fixed schedule of frozen and initialized tasks, one result a threshold.

    Parameters
    ----------
    criterion : {"deviation", "forgetting", "generalization"}
        After the last task.
    seq, trials, seed, keep, workers
        As in `hybrid`; at most 12 tasks.
    thresholds : sequence of float

    Examples
    --------
    >>> import driftlaw as dl
    >>> truths = {"shared": [[1, 1, 1]] * 3, "specific": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
    >>> seq = dl.initialized({"shared": 20, "specific": 30}, (15, 10, 10), noise=0.3, gram=truths)
    >>> found, = dl.compare_schedules("forgetting", seq, thresholds=[-0.1], trials=500)
    >>> found.best_schedule, round(found.best_value, 3)
    ((False, False, False), 0.168)
    >>> print(found.minus_best)
    0.633 +- 0.021 (500 trials)
    """
    from theory.optima import best_schedule

    rules = [_checked(seq, threshold, keep) for threshold in thresholds]
    best = best_schedule(criterion, seq, tuple(keep))
    schedules = (False,) + (True,) * (len(seq) - 1), (False,) * len(seq), best.choice
    fixed = [simulate(frozen_sequence(seq, tuple(keep), schedule), trials, seed, workers=workers) for schedule in schedules]
    found = []
    for rule in rules:
        run = hybrid(seq, rule.threshold, trials, seed, rule.keep, workers=workers)
        frozen, initialized, scheduled = ((run - other).estimate(criterion) for other in fixed)
        value = run.estimate(criterion)
        found.append(HybridComparison(criterion, rule, value, frozen, initialized, scheduled, best.choice, float(best.value), run.frozen_share))
    return found


def _checked(seq: Any, threshold: Any, keep: Any) -> HybridRule:
    if not isinstance(seq, TaskSequence):
        raise InputError(f"the experiment is a {type(seq).__name__}; give a theory.TaskSequence")
    if not is_real(threshold) or threshold != threshold:
        raise InputError(f"threshold is {threshold!r}; give a cosine, a number from -1 (always freeze) to 1, or above 1 (never)")
    if isinstance(keep, str) or not keep:
        raise InputError(f"keep is {keep!r}; give a tuple of block names, such as ('shared',)")
    for t, task in enumerate(seq.tasks):
        absent = [block for block in keep if block not in task.train]
        if absent:
            raise InputError(f"task {t} does not train block {absent[0]!r} (it trains {list(task.train)}); give the experiment under initialized training")
        if task.memory:
            raise InputError(f"task {t} has memory; the hybrid rule compares gradients on fresh samples only, so leave memory out")
        if task.samples == 0:
            raise InputError(f"task {t} has no samples and so no gradient; give it at least 1 or leave it out")
    return HybridRule(float(threshold), tuple(keep))
