"""Which moments of errors and steps exist: the tails decide whether a normal interval means anything.

The noise part of a step on n samples with d trained parameters has squared length f chi^2_n / chi^2_{d-n+1} (n < d)
or f chi^2_d / chi^2_{n-d+1} (n >= d): moments of order q exist if and only if q < (|d - n| + 1) / 2. In general |d - n| is
the slack of the features, by how many rows or columns they are away from losing rank (`step_slack`): they lose it on a set
of codimension slack + 1. A step without noise is a projection of what was wrong before, and a step that damps small
singular values (ridge regression, gradient descent that stops early) is bounded by the residual: both have all moments.

Under `EWC` and `SI` a step has a penalty D >= 0 on coordinates, which does not depend on the task's own data. By Cauchy and Binet, det (AA' + D) =
sum over sets S of coordinates of prod_S D_j det (AA' without S), and Cramer's rule makes the step the mean, with these terms as weights, of the
least-squares fits without the coordinates of S. So for n >= d it is no longer than the longest of these, whose order is (n - d + 1) / 2 at least. For
n < d its squared length is at most |residual|^2 / (4 min D), and E (min D)^-q is finite for q < N / 2 with the samples' Fisher information from N
samples. The order may be higher than that, but not as high as the least step's: it is 1 for n = N = 1 in any dimension, since a coordinate of little
penalty fits all alone. Of other penalties for n < d no moment is known here, which is order 0.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from theory.algebra import FloatAlgebra
from theory.conditions import Flow, Gaussian, GradientDescent, HeadDistillation, MinNorm, Ridge, StudentT, Subspace
from theory.problem import TaskSequence, require_single
from theory.quantities import Quantity, Readings, parse_quantity
from theory.rules import held_samples, resolved

LEAST_DAMPING = 1e-3  # penalty times dimension from which a pilot sees the skewness that is there
_MOST_UNIONS = 2**10  # of patterns of zeros; beyond, nothing is said of the features' rank


@dataclass(frozen=True)
class MomentOrders(Readings):
    """Supremum tau of the finite moment orders of every quantity; the mean is finite iff tau > 1, the variance iff tau > 2; 0 where none is known.

    Parameters
    ----------
    errors : ndarray, shape (T, T)
        Order of L_i(theta_t).
    step_sizes, update_magnitude : ndarray, shape (T,)
        Order of the squared steps.
    training_errors : ndarray, shape (T, T)
        Order of ``|A_i' theta_t - y_i|^2``, or less.
    """

    errors: np.ndarray
    step_sizes: np.ndarray
    update_magnitude: np.ndarray
    training_errors: np.ndarray

    def read(self, quantity: str | Quantity) -> float:
        """Return the order of a quantity: the smallest one among its terms."""
        return parse_quantity(quantity, len(self.errors)).order(self)


def moment_orders(seq: TaskSequence) -> MomentOrders:
    """Compute the moment orders of all errors, step sizes and update magnitudes.

    Parameters
    ----------
    seq : TaskSequence
        A single numeric experiment. With memory, visits or unequal weights, and of training errors, the orders may be too low, never too high.

    Examples
    --------
    Close to the threshold n = d variances are infinite (order at most 2), and no interval can be trusted:

    >>> import driftlaw as dl
    >>> for n in (5, 18):
    ...     print(n, dl.moment_orders(dl.one_block(20, (n,), noise=0.5, gram=[[1]])).read("error[0,0]"))
    5 8.0
    18 1.5
    """
    require_single(seq, "moment orders need")
    held = [held_samples(seq, t) for t in range(len(seq))]
    seq, tasks = resolved(seq), len(seq)
    errors, steps, updates = np.full((tasks, tasks), math.inf), np.full(tasks, math.inf), np.full(tasks, math.inf)
    blocks = _Blocks(seq, held)
    for t, task in enumerate(seq.tasks):
        previous = min((blocks.order[block] for block in task.train if task.starts_from_zero(block)), default=math.inf)
        steps[t] = blocks.train(t)
        updates[t] = min(steps[t], previous)
        errors[t] = [min(blocks.order[block] for block in seq.used(i)) for i in range(tasks)]
    data = np.array([law.df / 2 if isinstance(law, StudentT) else math.inf for law in map(seq.features_of, range(tasks))])
    with np.errstate(divide="ignore"):  # Hoelder's inequality, since estimates have seen the samples
        training = 1 / (1 / errors + 1 / data)
    if seq.averaging is not None:
        used = [seq.averaging[t] != 0 for t in range(tasks)]
        errors = np.stack([errors[row].min(axis=0, initial=math.inf) for row in used])
    return MomentOrders(errors, steps, updates, training)


def step_slack(seq: TaskSequence, t: int) -> tuple[int, frozenset[str]]:
    """Return by how many rows or columns the features of task ``t`` are away from losing rank, and the blocks that they determine.

    Notes
    -----
    Stored rows are zero in blocks that their task does not use. With f(U) the dimension of the blocks U less the rows that
    touch no others, the rank is the number of rows plus the least f (Koenig's theorem). The largest U of least f is what
    the data determine, and the next value of f lies the slack above. Without zeros the slack is ``|rows - d|``.
    """
    if isinstance(law := seq.features_of(t), Subspace):  # which determines no block
        return (0 if seq.tasks[t].memory else abs(seq.tasks[t].samples - law.basis.shape[1])), frozenset()
    groups = [(rows, _support(seq, s, t)) for s, rows in _rows(seq, t).items()]
    unions = {frozenset()}
    for support in dict.fromkeys(support for _, support in groups):
        unions |= {support | union for union in unions}
        if len(unions) > _MOST_UNIONS:
            return 0, frozenset()
    seen = _seen(seq, t)
    free = {union: sum(seen[b] for b in union) - sum(rows for rows, support in groups if support <= union) for union in unions}
    least, above = sorted(free.values())[:2]
    return above - least, frozenset(b for b in max((union for union in unions if free[union] == least), key=len) if seen[b] == seq.blocks[b])


def _seen(seq: TaskSequence, t: int) -> dict[str, int]:
    """Directions of each block in which the features of task ``t`` vary."""
    law = seq.features_of(t)
    given = law.of_blocks(seq.blocks) if isinstance(law, Gaussian) else {}
    return {b: d if b not in given else int(np.linalg.matrix_rank(np.diag(v) if np.ndim(v := np.asarray(given[b])) == 1 else v)) for b, d in seq.blocks.items()}


def is_damped(seq: TaskSequence, t: int) -> bool:
    """Whether a task's rule keeps small singular values from making heavy tails; stopping early acts like a penalty."""
    rule = seq.rule_of(t)
    if isinstance(rule, (Flow, GradientDescent)):
        penalty = sum(_rows(seq, t).values()) / rule.time
        return penalty * seq.trained_dimension(t) >= LEAST_DAMPING
    return isinstance(rule, Ridge) and rule.lam * seq.trained_dimension(t) >= LEAST_DAMPING


def _beside_heads(seq: TaskSequence, t: int) -> tuple[int, frozenset[str], tuple[str, ...]]:
    """Return the slack of own and shared features, no blocks that erase the past, and the blocks that move."""
    task, teachers = seq.tasks[t], seq.teachers(t)
    own = [block for block in task.train if not any(block in shared for shared in teachers)]
    gap, beyond = (seq.trained_dimension(t, [b for b in task.train if (b in own) != mine]) - task.samples for mine in (True, False))
    if gap >= 0:
        return gap, frozenset(), tuple(own)
    return min(-gap, abs(beyond)) if len(teachers) == 1 else 0, frozenset(), tuple(task.train)


def _rows(seq: TaskSequence, t: int) -> dict[int, int]:
    """Rows of a step that touch what it trains, by the task that they were drawn for."""
    rows = {**(seq.tasks[t].memory or {}), t: seq.tasks[t].samples}
    return {s: count for s, count in rows.items() if count and _support(seq, s, t)}


def _support(seq: TaskSequence, s: int, t: int) -> frozenset[str]:
    return frozenset(seq.tasks[t].train).intersection(seq.tasks[s].truth)


class _Blocks:
    """Where the tasks so far have left every block: its moment order, and the tasks whose truth it equals for certain."""

    def __init__(self, seq: TaskSequence, held: Sequence[float | None]) -> None:
        self.held, self.seq, self.gram = held, seq, FloatAlgebra(seq).gram
        self.order = dict.fromkeys(seq.blocks, math.inf)
        self.right = {block: self.without_truth(block) for block in seq.blocks}

    def without_truth(self, block: str) -> set[int]:
        """Tasks whose truth is zero."""
        return {i for i in self.seq.users(block) if self.gram[block][i, i] == 0 and len(self.seq.tasks[i].again) < 2}

    def with_truth(self, block: str, t: int) -> set[int]:
        """Tasks whose truth is that of task ``t``; of one that is drawn none is known."""
        gram, drawn = self.gram[block], [len(task.again) > 1 for task in self.seq.tasks]
        return {i for i in self.seq.users(block) if i == t or not (drawn[i] or drawn[t] or gram[i, i] + gram[t, t] - 2 * gram[i, t])}

    def train(self, t: int) -> float:
        """Update the blocks by task ``t`` and return the order of its step."""
        task, rows = self.seq.tasks[t], _rows(self.seq, t)
        for block in task.train:
            if task.starts_from_zero(block):
                self.order[block], self.right[block] = math.inf, self.without_truth(block)
        moved = [block for block in task.train if task.scale_of(block) != 0]
        if not rows or not moved:
            return math.inf
        slack, determined = step_slack(self.seq, t)
        truth = {block: self.with_truth(block, t) for block in task.train}
        met = [(s, block) for s in rows for block in self.seq.tasks[s].truth]
        quiet = all(self.seq.tasks[s].noise == 0 for s in rows) and all(s in truth.get(block, self.right[block]) for s, block in met)
        untrained = min((self.order[block] for _, block in met if block not in truth), default=math.inf)
        stays = quiet and all(t in self.right[block] for block in task.train)
        if isinstance(self.seq.rule_of(t), HeadDistillation):
            slack, determined, moved = _beside_heads(self.seq, t)
            quiet = stays  # shared parameters are noise to one's own
        own, start, held = math.inf if is_damped(self.seq, t) else (slack + 1) / 2, min(self.order[block] for block in task.train), self.held[t]
        quiet, past = quiet if held is None else stays, min(start, untrained)
        if held is not None and (task.again or task.samples < self.seq.trained_dimension(t)):
            own = 1 / (2 / held + 1 / past) if held and past and not task.again else 0.0  # by Hoelder's inequality, since penalty and residual share the past
        law = self.seq.features_of(t)
        if isinstance(law, StudentT) and set(task.truth) - set(task.train):
            own = min(own, law.df / 2)  # what frozen blocks get wrong enters the step times the features, squared
        # what untrained blocks got wrong depends on rows that were met before, and then Hoelder's inequality is what is left
        inverse = math.inf if not (own and untrained) else max(1 / own, 1 / untrained) if rows.keys() == {t} and not task.again else 1 / own + 1 / untrained
        noise = math.inf if quiet or not inverse else 1 / inverse
        for block in moved:
            erased = block in determined and task.scale_of(block) == 1 and isinstance(self.seq.rule_of(t), MinNorm)
            self.order[block] = noise if erased else min(start, noise)
            if not stays:
                self.right[block] = truth[block] if erased and quiet else set()
        return min(start, noise)
