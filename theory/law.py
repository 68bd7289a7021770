"""The exact law of an experiment: which route computes it, and what has none.

`theory.recursion` goes from task to task; `theory.replay` covers stored samples. Both give a `Law`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from theory.algebra import algebra_of
from theory.errors import InputError
from theory.inner_products import require_inner_products
from theory.problem import TaskSequence
from theory.recursion import OVER, UNDER, Law, Recursion, require_usual
from theory.replay import replay_law

# What formulas and claims rest on, by the names in their ``uses``: two laws, and the facts on random matrices that these are fed with.
BASIS = {
    "recursion": "the law of fresh samples: expected estimates and squared lengths, block by block, from task to task",
    "replay": "the law of steps that fit stored samples along with new ones",
    "projection_mean": "E P = (n/d) I for the projection P on the span of n samples in d dimensions",
    "projection_spread": "a in E[P v v' P] = a |v|^2 I + b v v': what of v spills into other directions",
    "inverse_wishart_mean": "E tr (A'A)^-1 = n/(d - n - 1), the squared step per unit of noise",
    "rows_of_frames": "E W^-1 x x' = I/N and E |x|^2 x'W^-2 x of one of N > p + 1 rows x, W = A'A: what a least-squares fit takes from each row",
    "inverse_wishart_square": "the second moment of that squared step",
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
        For unequal weights on an overparameterized step, and for memory outside the laws of `theory.replay`.

    Notes
    -----
    With e_b = E |theta_b - w_{t,b}|^2 before the step, tot their sum over the trained blocks, f the effective noise
    and (a, b, m, k) from `theory.projections`:

        E |step_b|^2 = a d_b tot + b e_b + k f d_b / d
        s_b <- s_b + 2 m (c_b . g_b[:, t] - s_b) + E |step_b|^2,   c_b <- (1 - m) c_b + m (unit vector t)

    and for a step scaled by s, m is replaced by s m and E |step_b|^2 by s^2 E |step_b|^2.

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
    regimes = _regimes(regime, len(seq))
    require_inner_products(seq)
    require_usual(seq)
    if any(task.memory for task in seq.tasks):
        return replay_law(seq, algebra_of(seq), outside, regimes)
    return Recursion(seq, algebra_of(seq), outside, regimes).run()


def _regimes(regime: Any, tasks: int) -> tuple[str, ...]:
    regimes = (regime,) * tasks if isinstance(regime, str) else tuple(regime) if isinstance(regime, Iterable) else ()
    if len(regimes) != tasks or not set(regimes) <= {OVER, UNDER}:
        raise InputError(f"regime is {regime!r}; choose {OVER!r} or {UNDER!r}, or give one of them for each of the {tasks} tasks")
    return regimes
