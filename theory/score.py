"""What gradients tell of the distance between two tasks: the law of the hybrid rule's score, and an estimate that sees the distance.

Let delta be truth minus start of a task, g_b = -A_b' (A delta + noise) / n the gradient in block b of ``|A theta - y|^2 / (2 n)``
(`simulate.hybrid_rule`), e_b = E |delta_b|^2, S their sum with the noise variance. Then

    E |g_b|^2 = ((n + 1) e_b + d_b S) / n,      -E <g_b, step_b> = e_b + (a d / n)(d_b tot - d e_b) + m d_b f / n

with d trained parameters, their error tot, effective noise f and (a, m) of `theory.projections`, for the task's own step. The
next task's gradient has, given its start, the mean theta - w, so E <g_t, g_{t+1}>_b = <w_t - E theta_{t-1}, w_{t+1} - w_t>_b
less the excess of that alignment over e_b. With u_2 = u_1 the score on the shared block does not contain q_2. A block that a task
left frozen adds e_b instead: one frozen task makes the next look related.

The second part is about task 2 with D_b = |w_2 - theta_1|^2 and C_b = <w_2 - theta_1, theta_1 - w_1>, block by block. Given
task 1 the two trainings differ by a linear function of D, C and the noise variance; `estimate` puts unbiased estimates in. They
are U-statistics and inner products of two gradients and a step, so nothing more has to be kept than the hybrid rule keeps: the
last gradient, the last step, and one number a block. Source: the project's derivation; D like Dicker, Biometrika 2014.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from theory.algebra import algebra_of
from theory.checks import known
from theory.errors import InputError, NoClosedForm
from theory.problem import TaskSequence
from theory.projections import float_step_moments
from theory.recursion import OVER, Recursion, StepGeometry, require_usual

# What a criterion counts of (D, C): errors of task 1 change by D + 2 C, those of task 2 by -D, and generalization is the mean of both.
COUNTED = {"deviation": (-1, -2), "forgetting": (-1, -2), "generalization": (0, -1), "second_error": (1, 0)}


@dataclass(frozen=True)
class ScoreLaw:
    """Expected products of gradients in chosen blocks; grid axes come first, tasks count from 0.

    Parameters
    ----------
    inner : ndarray, shape (..., T)
        E <g_t, g_{t-1}>; 0 for task 0.
    squares : ndarray, shape (..., T)
        E |g_t|^2.
    """

    inner: np.ndarray
    squares: np.ndarray

    @property
    def cosine(self) -> np.ndarray:
        """Cosine that the expectations have, shape (..., T - 1), from task 1 on; means of cosines come near it in large dimensions."""
        inner, squares = (np.asarray(array, dtype=float) for array in (self.inner, self.squares))
        return inner[..., 1:] / np.sqrt(squares[..., 1:] * squares[..., :-1])


def score_law(seq: TaskSequence, blocks: Sequence[str] = ("shared",), *, outside: str = "raise") -> ScoreLaw:
    """Compute the expected inner products and squares of the gradients with which tasks start, exactly.

    Parameters
    ----------
    seq : TaskSequence
        Numbers as in `theory.expected_errors`; fresh samples, no block starts again from zero.
    blocks : sequence of str
        Where gradients are compared; a task that does not use one of them has no gradient there.

    Examples
    --------
    >>> import driftlaw as dl
    >>> from theory.score import score_law
    >>> same = {"shared": [[1, 1], [1, 1]], "specific": [[4, 4], [4, 4]]}
    >>> score_law(dl.initialized({"shared": 20, "specific": 10}, (12, 9), noise=0, gram=same)).inner
    array([Fraction(0, 1), Fraction(-315, 232)], dtype=object)
    """
    require_usual(seq, rules=False)
    algebra = algebra_of(seq)
    law = Recursion(seq, algebra, outside, (OVER,) * len(seq))
    inner, squares = algebra.zeros(len(seq)), algebra.zeros(len(seq))
    lift = algebra.lift
    for t, task in enumerate(seq.tasks):
        if np.any(np.asarray(task.samples) == 0):
            raise InputError(f"task {t} has no samples and so no gradient; give it at least 1 or leave it out")
        if task.memory or (t and any(map(task.starts_from_zero, task.train))):
            raise NoClosedForm(f"task {t} has memory or starts again from zero, for which no law of the score is known; leave that out")
        error = {block: law.distances(block)[..., t] for block in task.truth}
        level, n, used = sum(error.values()) + algebra.noise_variance[t], lift(task.samples), [b for b in blocks if b in task.truth]
        for block in used:
            squares[..., t] += (error[block] * (n + 1) + level * lift(seq.blocks[block])) / n
        if t + 1 == len(seq):
            break
        geometry = StepGeometry(t, task.samples, seq.trained_dimension(t), algebra, outside, OVER)
        moments, total = geometry.moments(), sum(error[b] for b in task.train)
        for block in [b for b in used if b in seq.tasks[t + 1].truth]:
            products, scale = law.products(block), lift(task.scale_of(block)) if block in task.train else 0
            inner[..., t + 1] += law.square[block] + law.gram[block][..., t, t + 1] - products[..., t] - products[..., t + 1]
            inner[..., t + 1] -= alignment(n, geometry.d, lift(seq.blocks[block]), error[block], total, level - total, moments) * scale
        law.train(t, task)
    return ScoreLaw(algebra.finish(inner), algebra.finish(squares))


def alignment(n: Any, d: Any, d_b: Any, error: Any, total: Any, noise: Any, moments: Any) -> Any:
    """Return -E <g_b, step_b>: how far a block's step goes against its gradient."""
    return error + (total * d_b - error * d) * (d * moments.a / n) + noise * (d_b * moments.m / n)


def difference(criterion: str, n: Any, kept: tuple[Any, Any, Any], rest: tuple[Any, Any, Any], noise: Any) -> Any:
    """Return frozen minus initialized criterion from dimension, D and C of the kept blocks and of the rest.

    Linear in (D, C, noise): expected values give the law, estimates an estimate. Any distances, u_2 = u_1 or not.
    """
    frozen, full = float_step_moments(n, rest[0]), float_step_moments(n, kept[0] + rest[0])
    in_kept, in_rest = (sum(w * x for w, x in zip(COUNTED[known(criterion, COUNTED, "criterion")], part[1:], strict=True)) for part in (kept, rest))
    return full.m * in_kept - (frozen.m - full.m) * in_rest + frozen.k * (kept[1] + noise) - full.k * noise


def estimate(
    criterion: str, seq: TaskSequence, seen: Mapping[str, np.ndarray], keep: Sequence[str] = ("shared",), t: int = 1, *, cut: bool = False
) -> np.ndarray:
    """Estimate frozen minus initialized training of task t from what the learner has seen before it trains; freeze where it is negative.

    Parameters
    ----------
    criterion : {"deviation", "forgetting", "generalization", "second_error"}
        Of tasks t - 1 and t.
    seq : TaskSequence
        Under initialized training; its truths and noise are not looked at.
    seen : mapping
        As `simulate.hybrid_rule.watch` returns it.
    keep : sequence of str
        Blocks that frozen training keeps.
    cut : bool
        Put negative squared distances and variances to 0, and scale the others to the residual's level; by default the estimate is unbiased.

    Returns
    -------
    ndarray, shape (trials,)
    """
    before, now = seq.tasks[t - 1], seq.tasks[t]
    if min(before.samples, now.samples) < 2:
        raise InputError(f"tasks have {before.samples} and {now.samples} samples; distances are estimated from pairs of them, so give 2 or more")
    sizes, earlier, kept, moved = np.array(list(seq.blocks.values())), *(np.isin(list(seq.blocks), b) for b in (before.train, list(keep), now.train))
    (error, noise), (distance, level) = (
        _split(seen["distances"][:, s] * blocks, seen["level"][:, s, None], cut) for s, blocks in ((t - 1, earlier), (t, moved))
    )
    d = seq.trained_dimension(t - 1)
    moments = float_step_moments(before.samples, d)
    excess = alignment(before.samples, d, sizes, error, error.sum(1, keepdims=True), noise, moments) - moments.m * error
    overlap = -(seen["steps"][:, t] + seen["products"][:, t] + excess) * earlier
    in_kept, in_rest = ((sizes[group].sum(), distance[:, group].sum(1), overlap[:, group].sum(1)) for group in (kept, moved & ~kept))
    return difference(criterion, now.samples, in_kept, in_rest, level[:, 0])


def _split(distances: np.ndarray, level: np.ndarray, cut: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return squared distances of the blocks and the noise variance, which add up to the level."""
    parts = np.hstack([distances, level - distances.sum(1, keepdims=True)])
    if cut:
        parts = np.maximum(parts, 0)
        parts *= level / parts.sum(1, keepdims=True)
    return parts[:, :-1], parts[:, -1:]
