"""Deterministic equivalents: approximate laws where no exact one closes (unequal step weights, which act like correlated features).

A step that minimises sum_b lambda_b |step_b|^2 is, in the coordinates sqrt(lambda_b) theta_b, the least Euclidean step
for features with covariance Sigma = diag(1 / lambda_b). With kappa the root of n = tr Sigma (Sigma + kappa)^{-1},
Q = kappa (Sigma + kappa)^{-1} and df2 = tr Sigma^2 (Sigma + kappa)^{-2}, as dimensions grow at fixed ratios

    E (I - P) ~ Q,   E (I - P) M (I - P) ~ Q M Q + Q Sigma Q tr(M Sigma (Sigma + kappa)^{-2}) / (n - df2),

with an error of order 1 / dimension. Everything here is approximate and labelled so; steps with equal weights, and
steps with at least as many samples as parameters, stay exact. Source: standard random-matrix equivalents for
ridgeless regression; the recursion over tasks is driftlaw's own.
"""

from typing import Any, cast

import numpy as np
from scipy.optimize import brentq

from theory.algebra import FloatAlgebra, algebra_of
from theory.covariance import coloured_law, is_coloured
from theory.errors import InputError, NoClosedForm
from theory.optima import Optimum, reader, search
from theory.problem import Task, TaskSequence
from theory.recursion import OVER, Law, Recursion, require_usual
from theory.rules import resolved


def approximate_errors(seq: TaskSequence) -> Law:
    """Compute expected errors and step sizes with unequal step weights, up to an error of order 1 / dimension.

    Parameters
    ----------
    seq : TaskSequence
        A single numeric experiment without memory.

    Raises
    ------
    NoClosedForm
        For memory.
    DomainError
        At an interpolation threshold of a step with equal weights.
    """
    seq = resolved(seq)
    if is_coloured(seq):
        return coloured_law(seq, "raise", exact=False)
    require_usual(seq, rules=False)
    if any(task.memory for task in seq.tasks):
        raise NoClosedForm("there is no deterministic equivalent here for memory; use expected_errors or simulate it")
    algebra = algebra_of(seq)
    if not isinstance(algebra, FloatAlgebra):
        if algebra.symbolic:
            raise InputError("deterministic equivalents need numbers; substitute the symbols")
        algebra = FloatAlgebra(seq)
    if algebra.lead:
        raise InputError("deterministic equivalents take one experiment at a time; pick a grid point with seq.at(index)")
    return _Equivalents(seq, algebra, "raise", (OVER,) * len(seq)).run()


class Spectrum:
    """Solution kappa of n = sum_b d_b Sigma_b / (Sigma_b + kappa) and what follows from it.

    Parameters
    ----------
    samples : int
        n, between 1 and d - 1.
    dimensions, variances : sequence
        Multiplicities d_b and eigenvalues Sigma_b.
    """

    def __init__(self, samples: int, dimensions: Any, variances: Any) -> None:
        d, v = np.asarray(dimensions, dtype=float), np.asarray(variances, dtype=float)
        if not 0 < samples < d.sum():
            raise InputError(f"a spectrum with {d.sum():g} dimensions has an equivalent for 0 < n < {d.sum():g} samples only, not {samples}")

        def excess(log_kappa: float) -> float:
            return float((d * v / (v + np.exp(log_kappa))).sum() - samples)

        # kappa lies between the values of an isotropic spectrum at the smallest and at the largest eigenvalue
        isotropic = d.sum() / samples - 1
        bounds = np.log(v.min() * isotropic) - 1e-9, np.log(v.max() * isotropic) + 1e-9
        self.kappa = float(np.exp(cast(float, brentq(excess, *bounds, xtol=1e-14))))
        self.survival = self.kappa / (v + self.kappa)  # Q
        self.share = d * (v / (v + self.kappa)) ** 2  # df2, block by block
        self.slack = samples - float(self.share.sum())  # n - df2


class _Equivalents(Recursion):
    """The law's recursion with deterministic equivalents for the steps that it cannot do exactly."""

    def train(self, t: int, task: Task) -> tuple[Any, Any, Any]:
        dimension = self.seq.trained_dimension(t)
        if task.equally_weighted or task.samples >= dimension or task.samples == 0:
            return super().train(t, task)
        self.root = 0.0  # first order
        before = self.reset(t, task)
        error = {block: self.distances(block)[..., t] for block in task.truth}
        noise = sum((error[block] for block in task.truth if block not in task.train), self.algebra.noise_variance[t])
        spectrum = Spectrum(task.samples, [self.seq.blocks[b] for b in task.train], [1 / float(task.weight_of(b)) for b in task.train])
        survived = sum(q**2 * error[block] for q, block in zip(spectrum.survival, task.train, strict=True))
        spill = (survived + noise) / spectrum.slack
        step_total, update_total = self.algebra.zeros(), self.algebra.zeros()
        for q, share, block in zip(spectrum.survival, spectrum.share, task.train, strict=True):
            scale = float(task.scale_of(block))
            taken = ((1 - q) ** 2 * error[block] + share * spill) * scale**2
            step_total, update_total = step_total + taken, update_total + taken
            if task.starts_from_zero(block):
                product, square = before[block]
                update_total = update_total - 2 * (1 - q) * scale * product + square
            self.shift(block, t, (1 - q) * scale, taken)
        return step_total, update_total, noise


def best_weight(criterion: str, seq: TaskSequence, block: str = "shared", bounds: tuple[float, float] = (1e-3, 1e4), points: int = 141) -> Optimum:
    """Find the step weight of ``block`` in all tasks after the first that makes the criterion least (approximate).

    Parameters
    ----------
    criterion : {"deviation", "forgetting", "generalization"}
        After the last task.
    seq : TaskSequence
        The experiment under initialized training (weight 1); a large weight tends to frozen training.
    bounds, points
        The logarithmic grid of weights that is searched, and refined once around its best point.

    Returns
    -------
    Optimum
        ``choices`` and ``values`` hold the coarse grid.
    """
    from dataclasses import replace

    read = reader(criterion)

    def value(weight: float) -> float:
        tasks = (seq.tasks[0], *(replace(task, weights={block: float(weight)}) if block in task.train else task for task in seq.tasks[1:]))
        return float(read(approximate_errors(replace(seq, tasks=tasks))))

    return search(lambda grid: np.array([value(weight) for weight in grid]), bounds, (points, 41))
