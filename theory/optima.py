"""Best choices by the exact law: trainable fraction, length of the last step, penalties, schedule of frozen and initialized tasks."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from theory.conditions import MinNorm, Ridge
from theory.constructors import frozen_task, trainable_fraction
from theory.errors import InputError, NoClosedForm
from theory.law import expected_errors
from theory.problem import TaskSequence
from theory.recursion import Law

MAX_SCHEDULED_TASKS = 12
CRITERIA = ("deviation", "forgetting", "generalization")


@dataclass(frozen=True)
class Optimum:
    """A best choice, its value, and the value of every choice that was compared.

    Parameters
    ----------
    choice : int, number or tuple
        The minimiser.
    value : number
        The criterion there.
    choices, values : sequence
        All that was compared (empty where the minimiser is a formula).
    """

    choice: Any
    value: Any
    choices: Sequence[Any] = ()
    values: Sequence[Any] = ()


def best_trainable_fraction(criterion: str, blocks: dict[str, int], samples: Sequence[int], noise: Any, split: str = "shared", **truths: Any) -> Optimum:
    """Find how many coordinates of ``split`` should go on training after task 0, by comparing all of them exactly.

    Parameters are those of `theory.constructors.trainable_fraction`; counts within 1 of a threshold with noise are
    passed over (their expectation is infinite).
    """
    read = reader(criterion)
    counts = list(range(blocks[split] + 1))
    seqs = (_floating(trainable_fraction(count, blocks, samples, noise, split=split, **truths)) for count in counts)
    return _least(counts, [float(read(expected_errors(seq, outside="nan"))) for seq in seqs])


def best_scale(criterion: str, seq: TaskSequence) -> Optimum:
    """Find the scale of the last step at which the criterion after it is least.

    The criterion is exactly a parabola in the scale: three evaluations of the law give it without rounding beyond
    that of the law; fractions stay fractions. ``choice`` may be negative or above 1.

    Raises
    ------
    InputError
        If the last task does not move what the criterion counts (the parabola is flat).
    """
    read = reader(criterion)
    nothing, forward, backward = (read(expected_errors(_with(seq, len(seq) - 1, scale=scale))) for scale in (0, 1, -1))
    curvature, slope = forward + backward - 2 * nothing, forward - backward  # twice the coefficients of s^2 and of s
    if curvature == 0:
        raise InputError("the last task does not move the parameters that the criterion counts; choose another criterion or train more blocks")
    scale = -slope / (2 * curvature)
    return Optimum(scale, nothing - slope**2 / (8 * curvature))


def best_step(criterion: str, seq: TaskSequence) -> Optimum:
    """Find the last step A h(A'A) r, for any filter h, at which the criterion after it is least: h(x) = scale / (x + penalty).

    That is distillation and a ridge penalty together. The penalty is d f / e as in `best_penalty`; the scale is the alignment of what the step
    goes along with what the criterion gains by it, over e.

    Parameters
    ----------
    criterion : {"deviation", "forgetting", "generalization"}
        After the last task; it has to count all blocks that this one trains alike.

    Returns
    -------
    Optimum
        ``choice`` is (scale, penalty), penalty 0 for the least step.

    Notes
    -----
    The criterion is a constant plus E sum over the eigenvalues x of A'A of -2 s q + q^2 + (d f / e) x h^2, q = x h, times e / d. Its least value is
    that of each term.

    Examples
    --------
    >>> import driftlaw as dl
    >>> from theory.optima import best_step
    >>> seq = dl.one_block(30, (20, 25), noise=0.5, gram=[[1, 0.8], [0.8, 1]])
    >>> [round(float(value), 4) for value in (*best_step("generalization", seq).choice, best_step("generalization", seq).value)]
    [0.8558, 6.4904, 0.5529]
    """
    last = len(seq) - 1
    penalty, seq = _penalised(_with(_floating(seq), last, scale=1), last)
    levels = [expected_errors(_with(seq, last, scale=scale)) for scale in (-1, 0, 1)]
    backward, nothing, forward = (float(reader(criterion)(law)) for law in levels)
    if not np.isclose(forward + backward - 2 * nothing, 2 * levels[2].step_sizes[last], rtol=1e-6):
        trained = list(seq.tasks[last].train)
        raise InputError(f"{criterion} counts only some of the blocks {trained}, which the last task trains: no step of one filter is best there")
    found = best_scale(criterion, seq)
    return Optimum((float(found.choice), penalty), float(found.value))


def best_penalties(seq: TaskSequence) -> Optimum:
    """Find the ridge penalty of each task that is best for its own error, given those before.

    Where all tasks have one truth, no other penalties leave a smaller error after the last: a step's error grows with the error before.

    Examples
    --------
    >>> import driftlaw as dl
    >>> from theory.optima import best_penalties
    >>> found = best_penalties(dl.one_block(20, (10, 10, 10), noise=0.5, gram=[[1] * 3] * 3))
    >>> [round(penalty, 2) for penalty in found.choice], round(found.value, 4)
    ([5.0, 7.76, 11.32], 0.3194)
    """
    seq, chosen = _floating(seq.under(rule=Ridge(1.0))), []
    for t in range(len(seq)):
        penalty, seq = _penalised(seq, t)
        chosen.append(penalty)
    return Optimum(tuple(chosen), float(expected_errors(seq).errors[-1, -1]))


def best_penalty(seq: TaskSequence) -> Optimum:
    """Find the ridge penalty of the last task at which its own error is least: d f / e, for any number of samples.

    d is the dimension that the task trains, f its effective noise, and e the expected squared distance that the trained blocks have to
    go. What the other tasks are trained by stays. ``choice`` is 0 where f is, which means the least step.

    Notes
    -----
    For a truth at a distance of normal entries with variance e / d this is the posterior mean. Turning A turns no expectation, so for any
    other truth at that distance too. The error of the trained blocks is then f E tr (A A' + penalty)^-1.

    Examples
    --------
    >>> import driftlaw as dl
    >>> from theory.optima import best_penalty
    >>> found = best_penalty(dl.one_block(20, (20, 10), noise=0.5, gram=[[1, 1], [1, 1]]).under(rule=dl.Ridge(5.0)))
    >>> round(found.choice, 2), round(found.value, 4)
    (12.59, 0.2917)
    """
    penalty, seq = _penalised(_floating(seq), len(seq) - 1)
    return Optimum(penalty, float(expected_errors(seq).errors[-1, -1]))


def _penalised(seq: TaskSequence, t: int) -> tuple[float, TaskSequence]:
    """The best penalty of task ``t`` for its own error, and the experiment with it."""
    if seq.average is not None or not seq.tasks[t].takes_full_step:
        raise NoClosedForm(f"the best penalty is one of a whole step and for the last estimate; leave the average, or the scale of task {t}, out")
    still = expected_errors(replace(_with(seq, t, scale=0, rule=Ridge(1.0)), risk="features"))  # e is the distance within what the task sees
    distance = still.errors[t, t] - (still.effective_noise[t] - seq.tasks[t].noise ** 2)
    if not distance > 0:
        raise InputError(f"task {t} starts at its truth, so that no step is best; take one that has something to learn")
    penalty = float(seq.trained_dimension(t) * still.effective_noise[t] / distance)
    return penalty, _with(seq, t, rule=Ridge(penalty) if penalty else MinNorm())


def _with(seq: TaskSequence, t: int, **changes: Any) -> TaskSequence:
    return replace(seq, tasks=[replace(task, **changes) if s == t else task for s, task in enumerate(seq.tasks)])


def best_constant_penalty(criterion: str, seq: TaskSequence, bounds: tuple[float, float] = (1e-3, 1e6), points: int = 181) -> Optimum:
    """Find the ridge penalty of all tasks at which the criterion after the last one is least, by search.

    Parameters
    ----------
    criterion : {"deviation", "forgetting", "generalization"}
        After the last task.
    seq : TaskSequence
        A single experiment.
    bounds, points
        The logarithmic grid of penalties that is searched, and refined three times around its best point.

    Returns
    -------
    Optimum
        ``choices`` and ``values`` hold the first grid.
    """
    read, seq = reader(criterion), _floating(seq)
    return search(lambda grid: read(expected_errors(seq.under(rule=Ridge(grid)))), bounds, (points,) * 4)


def best_average(seq: TaskSequence, affine: bool = False) -> Optimum:
    """Find the weights of theta_0, ..., theta_t in the sum whose mean error over tasks 0 to t is least, for every t.

    Parameters
    ----------
    seq : TaskSequence
        A single experiment.
    affine : bool
        Whether weights have to add up to 1.

    Returns
    -------
    Optimum
        ``choice`` has the weights, shape (T, T), as `TaskSequence` takes them for ``average``; ``value`` is generalization after the last task.

    Notes
    -----
    The error is a parabola in the weights, whose coefficients are differences of errors at units and pairs of units.

    Examples
    --------
    Where truths agree, noise makes a short sum of all estimates better than their mean:

    >>> import driftlaw as dl
    >>> from theory.optima import best_average
    >>> seq = dl.one_block(20, (15, 15, 15), noise=0.5, gram=[[1] * 3] * 3)
    >>> found = best_average(seq)
    >>> found.choice[-1].round(3), round(found.value, 3), round(float(dl.expected_errors(seq.under(average="mean")).generalization()), 3)
    (array([0.205, 0.197, 0.26 ]), 0.406, 0.559)
    """
    tasks = len(seq)
    units = np.vstack([np.eye(tasks), np.zeros(tasks)])
    pairs = (units[:, None] + units)[:, :, None] * np.tril(np.ones((tasks, tasks)))
    errors, rows = expected_errors(_floating(seq).under(average=pairs)).errors, np.zeros((tasks, tasks))
    for t in range(tasks):
        q, ones, seen = errors[..., t, : t + 1].mean(-1), np.eye(t + 1), slice(t + 1)
        square = (q[seen, seen] - q[seen, -1:] - q[-1:, seen] + q[-1, -1]) / 2
        along = (square.diagonal() + q[-1, -1] - q[seen, -1]) / 2
        start, free = (ones[-1], ones[:-1] - ones[-1]) if affine else (0 * ones[-1], ones)
        rows[t, seen] = start + np.linalg.pinv(free @ square @ free.T, hermitian=True) @ free @ (along - square @ start) @ free
    return Optimum(rows, float(expected_errors(_floating(seq).under(average=rows)).generalization()))


def search(values_on: Callable[[np.ndarray], np.ndarray], bounds: tuple[float, float], sizes: Sequence[int]) -> Optimum:
    """Find where a function is least on a logarithmic grid, which is refined around its best point for every further size.

    Parameters
    ----------
    values_on : callable
        Maps a grid, shape (points,), to the values there.
    bounds : pair of float
        Ends of the first grid, whose points and values are ``choices`` and ``values``.
    sizes : sequence of int
        Points of the grids.
    """
    (low, high), searched = bounds, []
    for points in sizes:
        grid = np.geomspace(low, high, points)
        searched.append(_least(grid.tolist(), values_on(grid).tolist()))
        best = searched[-1].choices.index(searched[-1].choice)
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, points - 1)]
    return replace(searched[0], choice=searched[-1].choice, value=searched[-1].value)


def best_schedule(criterion: str, seq: TaskSequence, keep: Sequence[str] = ("shared",)) -> Optimum:
    """Find which of the later tasks should be frozen, by exact search over all schedules.

    Parameters
    ----------
    criterion : {"deviation", "forgetting", "generalization"}
        After the last task.
    seq : TaskSequence
        The experiment under initialized training, at most 12 tasks.
    keep : sequence of str
        Blocks that a frozen task does not train.

    Returns
    -------
    Optimum
        ``choice`` is a tuple of T booleans, True for frozen; task 0 always trains everything. Schedules with an
        infinite expectation count as infinite.
    """
    if len(seq) > MAX_SCHEDULED_TASKS:
        raise InputError(f"the sequence has {len(seq)} tasks and so 2^{len(seq) - 1} schedules; search at most {MAX_SCHEDULED_TASKS} tasks")
    read, seq = reader(criterion), _floating(seq)
    frozen = [seq.tasks[0], *(frozen_task(task, tuple(keep)) for task in seq.tasks[1:])]
    schedules = [(False, *rest) for rest in itertools.product((False, True), repeat=len(seq) - 1)]
    values = []
    for schedule in schedules:
        tasks = tuple(frozen[t] if cold else task for t, (task, cold) in enumerate(zip(seq.tasks, schedule, strict=True)))
        values.append(float(read(expected_errors(replace(seq, tasks=tasks), outside="nan"))))
    return _least(schedules, values)


def reader(name: str) -> Callable[[Law], Any]:
    """Return what reads a criterion from a law; InputError for an unknown one."""
    if name not in CRITERIA:
        raise InputError(f"criterion is {name!r}; choose one of {', '.join(CRITERIA)}")
    return lambda law: getattr(law, name)()


def _floating(seq: TaskSequence) -> TaskSequence:
    """Float noise, so that thresholds give NaN instead of an error."""
    return replace(seq, tasks=[replace(task, noise=float(task.noise)) for task in seq.tasks])


def _least(choices: list[Any], values: list[float]) -> Optimum:
    finite = np.where(np.isnan(values), np.inf, values)
    if np.all(np.isinf(finite)):
        raise InputError("every choice lies at an interpolation threshold, where the expectation is infinite; change the sample counts")
    best = int(np.argmin(finite))
    return Optimum(choices[best], values[best], tuple(choices), tuple(values))
