"""The law of features with a covariance for each task, by means and second moments of whole vectors.

A step is P (w - theta) plus noise. With covariances Sigma of the trained blocks side by side, n samples and the penalty lambda, let kappa be
the root of n - lambda / kappa = tr Sigma (Sigma + kappa)^{-1}, R = (Sigma + kappa)^{-1} and df2 = tr (Sigma R)^2. Then, up to an error of order
1 / dimension,

    E P ~ Sigma R,   E P M P' ~ Sigma R M R Sigma + kappa^2 tr(M Sigma R^2) C,   E noise noise' ~ f C,   C = Sigma R^2 / (n - df2),

where f is the label noise plus the Sigma-risk of what is not trained. (C is the derivative of kappa R by lambda, since A (A'A + lambda)^{-2} A'
is that of lambda (A A' + lambda)^{-1} ~ kappa R.) For least steps of n >= d + 2 samples, kappa = 0, it is exact with n - df2 - 1 in place of
n - df2, which makes C the mean of (A A')^{-1}; without noise from n = d on. Where Sigma is a projection, of rank d, steps are
those of standard normal features in d dimensions: E P = m Sigma, E P M P' = b Sigma M Sigma + a tr(M Sigma) Sigma and C = k Sigma / d, exactly,
by any rule (`theory.projections`). Source: standard equivalents of ridge regression; the recursion over tasks is driftlaw's own.
"""

import math
from typing import Any, cast

import numpy as np

from theory.algebra import FloatAlgebra
from theory.conditions import Gaussian, MinNorm, Ridge, StandardNormal, Subspace
from theory.errors import DomainError, NoClosedForm
from theory.problem import TaskSequence, require_single
from theory.projections import StepMoments
from theory.recursion import OVER, Law, StepGeometry, status_of
from theory.values import FrozenArray


def is_coloured(seq: TaskSequence) -> bool:
    """Whether features are Gaussian, and not all standard normal."""
    laws = [seq.features_of(t) for t in range(len(seq))]
    return any(isinstance(law, Gaussian) for law in laws) and all(isinstance(law, (Gaussian, StandardNormal)) for law in laws)


def coloured_law(seq: TaskSequence, outside: str, exact: bool = True) -> Law:
    """Compute expected errors in either risk, step sizes and updates for covariances that differ from task to task.

    Parameters
    ----------
    seq : TaskSequence
        A single experiment without memory, of vectors as truths, trained by least or ridge steps of equal weights.
    outside : {"raise", "nan"}
        What to do where the expectation is infinite: a least step of |n - d| <= 1 with noise.
    exact : bool
        Whether to refuse what has a deterministic equivalent alone: steps of n < d samples, and ridge steps.

    Raises
    ------
    NoClosedForm
        If there is no law, or it is not exact.
    DomainError
        Names the threshold.
    """
    require_single(seq, "the law of features with a covariance is that of", NoClosedForm)
    if seq.average is not None:
        raise NoClosedForm("the law of features with a covariance has no averages of estimates; simulate them, or read the last estimate")
    truths = [{block: _vector(t, block, truth) for block, truth in task.truth.items()} for t, task in enumerate(seq.tasks)]
    colours = [_covariances(seq, t) for t in range(len(seq))]
    norms = colours if seq.risk == "features" else [{block: np.eye(len(sigma)) for block, sigma in one.items()} for one in colours]
    mean = {block: np.zeros(d) for block, d in seq.blocks.items()}
    square = {block: np.zeros((d, d)) for block, d in seq.blocks.items()}
    shape, root = (len(seq),) * 2, math.inf
    errors, steps, updates, noises = np.zeros(shape), *np.zeros((3, len(seq)))

    def around(block: str, w: np.ndarray) -> np.ndarray:
        return square[block] - np.outer(mean[block], w) - np.outer(w, mean[block]) + np.outer(w, w)

    for t, task in enumerate(seq.tasks):
        held = {block: (mean[block], square[block]) for block in task.train}
        for block in filter(task.starts_from_zero, task.train):
            mean[block], square[block] = np.zeros_like(mean[block]), np.zeros_like(square[block])
        apart = {block: around(block, w) for block, w in truths[t].items()}
        f = noises[t] = float(task.noise) ** 2 + sum(np.sum(colours[t][b] * apart[b]) for b in task.truth if b not in task.train)
        flat, variances = _flat(seq, t, f, outside), np.concatenate([np.linalg.eigvalsh(colours[t][b]) for b in task.train])
        kappa, lost, order = (0.0, 0, flat[2]) if flat else _kappa(seq, t, variances, f, outside, exact)
        root = min(root, order)
        inverse = {b: colours[t][b] if flat else np.linalg.inv(colours[t][b] + kappa * np.eye(len(colours[t][b]))) for b in task.train if task.samples}
        slack = task.samples - sum(np.sum((colours[t][b] @ r) * (colours[t][b] @ r).T) for b, r in inverse.items()) - lost
        spread = f + kappa**2 * sum(np.sum(apart[b] * (colours[t][b] @ r @ r)) for b, r in inverse.items())
        seen, erased = sum(np.sum(colours[t][b] * apart[b]) for b in inverse), kappa == 0 and not flat
        m, b, noise = (flat[0].m, flat[0].b, flat[0].a * seen + flat[1]) if flat else (1.0, 1.0, 0.0 if spread == 0 else spread / slack)
        for block, r in inverse.items():
            w, scale, pull = truths[t][block], float(task.scale_of(block)), colours[t][block] @ r
            if scale == 0:
                continue
            taken = scale**2 * (b * pull @ apart[block] @ pull + noise * pull @ r)
            along = scale * m * pull @ (np.outer(w, mean[block]) - square[block])
            if erased and scale == 1:  # the past is forgotten, even if it was infinite
                mean[block], square[block] = w, cast(Any, np.outer(w, w) + noise * r)
            else:
                mean[block], square[block] = mean[block] + scale * m * pull @ (w - mean[block]), square[block] + along + along.T + taken
            steps[t] += np.trace(taken)
            updates[t] += 0 if task.starts_from_zero(block) else np.trace(taken)
        for block in filter(task.starts_from_zero, task.train):
            before, length = held[block]
            updates[t] += np.trace(square[block]) - 2 * before @ mean[block] + np.trace(length)
        for i, one in enumerate(truths):
            errors[t, i] = sum(np.sum(norms[i][block] * around(block, w)) for block, w in one.items())
    return Law(errors, steps, noises, (), updates, status=status_of(root))


def _flat(seq: TaskSequence, t: int, f: float, outside: str) -> tuple[StepMoments, Any, float] | None:
    """Moments of a step on features of a subspace, k f / d of its noise f, and as `status_of` the D of its order; None of other features.

    What follows a pole stays blank: a step erases the past within the subspace alone.
    """
    task, law = seq.tasks[t], seq.features_of(t)
    weights = {task.weight_of(block) for block in task.train}
    if not isinstance(law, Subspace) or task.memory or len(weights) > 1 or (weights != {1} and not isinstance(seq.rule_of(t), MinNorm)):
        return None
    d = law.basis.shape[1]
    geometry = StepGeometry(t, task.samples, d, FloatAlgebra(seq), outside, OVER, seq.rule_of(t))
    made = geometry.moments()
    return made, geometry.noise_part(made, np.asarray(f)) / d, geometry.root


def _covariances(seq: TaskSequence, t: int) -> dict[str, np.ndarray]:
    law = seq.features_of(t)
    given = law.of_blocks(cast(Any, seq.blocks)) if isinstance(law, Gaussian) else {}
    return {block: np.diag(value) if np.ndim(value := given.get(block, np.ones(int(d)))) == 1 else value for block, d in seq.blocks.items()}


def _vector(t: int, block: str, truth: Any) -> np.ndarray:
    if not isinstance(truth, FrozenArray):
        raise NoClosedForm(f"the law of features with a covariance needs truths as vectors, not {truth!r} of block {block!r} in task {t}; or simulate")
    return truth.values.astype(float)


def _kappa(seq: TaskSequence, t: int, variances: np.ndarray, f: float, outside: str, exact: bool) -> tuple[float, float, float]:
    """Return kappa, what the slack loses (NaN where the expectation is infinite), and 0 where all is of first order, else infinity."""
    task, rule, gap = seq.tasks[t], seq.rule_of(t), seq.tasks[t].samples - len(variances)
    plain = isinstance(rule, MinNorm)
    weighted = (not task.equally_weighted and gap < 0) if plain else {task.weight_of(block) for block in task.train} != {1}
    if task.memory or weighted or not isinstance(rule, (MinNorm, Ridge)) or variances.min() <= 0:
        raise NoClosedForm(
            f"no law is known for task {t}, whose features have a covariance, with memory, unequal weights, {rule!r} or variances of zero; its rules "
            "are the least step and Ridge, of positive variances: simulate it, or take these"
        )
    if not task.samples or (plain and (gap >= 2 or (f == 0 and gap >= 0))):
        return 0.0, 1, math.inf
    if plain and gap >= -1 and f != 0:
        if outside == "nan":
            return 0.0, np.nan, math.inf
        raise DomainError(f"task {t}: the expected error is infinite unless |n - d| >= 2; here n - d = {gap}. Move n or d away from the threshold")
    if exact:
        raise NoClosedForm(
            f"no exact law is known for task {t}: features with a covariance have one for least steps of n >= d + 2 samples, and here n = {task.samples}, "
            f"d = {len(variances)}, {rule!r}; take theory.equivalents.approximate_errors, or simulate it"
        )
    return kappa_of(task.samples, variances, 1, float(rule.lam) if isinstance(rule, Ridge) else 0.0), 0, 0.0


def kappa_of(samples: int, variances: np.ndarray, counts: Any, penalty: float = 0.0) -> float:
    """Return the root kappa of n - lambda / kappa = tr Sigma (Sigma + kappa)^-1 for eigenvalues of Sigma and how often they occur."""
    from scipy.optimize import brentq

    bounds = np.log([variances.min(), np.sum(counts * variances) + penalty]) + (-40, 40)
    root = brentq(lambda x: samples - penalty / np.exp(x) - np.sum(counts * variances / (variances + np.exp(x))), *bounds, xtol=1e-14)
    return float(np.exp(cast(float, root)))
