"""The exact law of an experiment: which route computes it, and what has none.

`theory.recursion` goes from task to task; `theory.replay` covers stored samples, `theory.visits` data that are used again. All give a `Law`.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from theory.algebra import algebra_of
from theory.conditions import StandardNormal
from theory.covariance import coloured_law, is_coloured
from theory.errors import InputError
from theory.inner_products import require_inner_products
from theory.problem import TaskSequence
from theory.recursion import OVER, UNDER, Law, Recursion, require_usual
from theory.replay import replay_law
from theory.rules import resolved
from theory.training import training_errors
from theory.visits import visits_law

# What formulas and claims rest on, by the names in their ``uses``: three laws, and the facts on random matrices that these are fed with.
BASIS = {
    "recursion": "the law of fresh samples: expected estimates and squared lengths, block by block, from task to task",
    "replay": "the law of steps that fit stored samples along with new ones",
    "training": "the law of residuals on samples that the estimate has seen",
    "projection_mean": "E P = (n/d) I for the projection P on the span of n samples in d dimensions",
    "projection_spread": "a in E[P v v' P] = a |v|^2 I + b v v': what of v spills into other directions",
    "inverse_wishart_mean": "E tr (A'A)^-1 = n/(d - n - 1), the squared step per unit of noise",
    "wishart_traces": "E tr S tr S^-1 of S = A'A, noise that was fitted, times the length of the features",
    "rows_of_frames": "E W^-1 x x' = I/N and E |x|^2 x'W^-2 x of one of N > p + 1 rows x, W = A'A: what a least-squares fit takes from each row",
    "inverse_wishart_square": "the second moment of that squared step",
    "memory_gradient": "the law of a memory's gradient: sqrt(C)/m [(delta sqrt(C) + sigma b) u + s xi]",
    "nearest_mean": "the law of distances to class means: products of two normal vectors, or noncentral chi-squared variables",
    "spectral": "the moments of steps by ridge regression and other filters of the eigenvalues of A'A",
}


def expected_errors(seq: TaskSequence, *, outside: str = "raise", regime: Any = OVER) -> Law:
    """Compute E L_i(theta_t), step sizes and update magnitudes of every task, exactly.

    Parameters
    ----------
    seq : TaskSequence
        Fractions and integers give Fractions, symbols give SymPy expressions, any float or grid gives float64.
    outside : {"raise", "nan"}
        At an interpolation threshold (|n - d| <= 1 with noise) the expectations are infinite: raise `DomainError`,
        or put NaN there (float64 only).
    regime : {"overparameterized", "underparameterized"} or sequence of T of them
        Which side of the threshold to take where symbols leave it open; the choice is listed in ``conditions``.

    Raises
    ------
    DomainError
        Names the inequality, the task and the values.
    InputError
        If a matrix of inner products is none; symbols and grids are not looked at.
    NoClosedForm
        For unequal weights on an overparameterized step, for memory outside the laws of `theory.replay`, for visits outside that of
        `theory.visits`, for feature laws and risks that have no law, and for rules that have none, or none in fractions and symbols.

    Notes
    -----
    With e_b = E |theta_b - w_{t,b}|^2 before the step, tot their sum over the trained blocks, f the effective noise
    and (a, b, m, k) from `theory.projections`:

        E |step_b|^2 = a d_b tot + b e_b + k f d_b / d
        s_b <- s_b + 2 m (c_b . g_b[:, t] - s_b) + E |step_b|^2,   c_b <- (1 - m) c_b + m (unit vector t)

    and for a step scaled by s, m is replaced by s m and E |step_b|^2 by s^2 E |step_b|^2. Other rules change (a, b, m, k) only: those of
    `Ridge`, `Flow` and `GradientDescent` come from `theory.spectral`, in float64; `Distillation` is a scaled least step. ``status`` of the
    law says whether they are exact. With symbols a ridge law is of first order.

    Examples
    --------
    >>> import driftlaw as dl
    >>> law = dl.expected_errors(dl.one_block(20, (5, 5), noise=0.5, gram=[[1, 0.5], [0.5, 1]]))
    >>> law.errors.round(3)
    array([[0.839, 1.089],
           [0.969, 0.906]])
    >>> round(float(law.forgetting()), 4)
    0.1295
    """
    if outside not in ("raise", "nan"):
        raise InputError(f"outside is {outside!r}; choose 'raise' or 'nan'")
    regimes = regimes_of(regime, len(seq))
    require_inner_products(seq)
    seq = resolved(seq)
    if seq.risk != "euclidean" and {seq.features_of(t) for t in range(len(seq))} == {StandardNormal()}:
        seq = replace(seq, risk="euclidean")  # both risks are the same
    if any(task.again for task in seq.tasks):
        require_usual(replace(seq, tasks=[replace(task, again=()) for task in seq.tasks]), rules=False)
        return visits_law(seq, algebra_of(seq), outside, regimes)
    if is_coloured(seq):
        return coloured_law(seq, outside)
    memory = any(task.memory for task in seq.tasks)
    require_usual(seq, rules=not memory)
    if memory:
        return replay_law(seq, algebra_of(seq), outside, regimes)
    return replace(Recursion(seq, algebra_of(seq), outside, regimes).run(), _training=partial(training_errors, seq, outside, regimes))


def regimes_of(regime: Any, tasks: int) -> tuple[str, ...]:
    regimes = (regime,) * tasks if isinstance(regime, str) else tuple(regime) if isinstance(regime, Iterable) else ()
    if len(regimes) != tasks or not set(regimes) <= {OVER, UNDER}:
        raise InputError(f"regime is {regime!r}; choose {OVER!r} or {UNDER!r}, or give one of them for each of the {tasks} tasks")
    return regimes
