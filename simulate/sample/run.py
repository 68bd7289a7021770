"""The public sampler: `simulate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulate.sample import reduced
from simulate.sample.batches import fill
from simulate.sample.features import FeatureLaw, StandardNormal, check_features
from simulate.sample.learner import Learner
from simulate.sample.methods import choose_method
from simulate.sample.plan import make_plan
from simulate.sample.reduced import ReducedLearner
from simulate.sample.reduced_plan import make_reduced_plan
from simulate.sample.solvers import MIN_NORM, GradientDescent, MinNorm, Ridge
from simulate.sample.streams import TRIALS_PER_BLOCK, canonical_seed
from simulate.simulation import Simulation
from theory.errors import InputError
from theory.problem import TaskSequence

RISKS = ("euclidean", "features")


@dataclass(frozen=True)
class Experiment:
    """A task sequence under other conditions than those that the formulas assume.

    Parameters
    ----------
    seq : TaskSequence
    features : FeatureLaw
    solver : MinNorm, Ridge or GradientDescent
    risk : {"euclidean", "features"}
    """

    seq: TaskSequence
    features: FeatureLaw
    solver: MinNorm | Ridge | GradientDescent
    risk: str


def simulate(
    seq: TaskSequence,
    trials: int,
    seed: int | tuple[int, ...] = 0,
    *,
    method: str = "direct",
    features: FeatureLaw = StandardNormal(),
    solver: str | MinNorm | Ridge | GradientDescent = MIN_NORM,
    risk: str = "euclidean",
    memory_limit: float = 2**30,
    workers: int | None = None,
    progress: bool = False,
) -> Simulation:
    """Sample the errors, step sizes and update magnitudes of learning a sequence of tasks.

    Every trial draws features and Gaussian noise, and truths where they are random, then solves each task's
    least-squares problem from where the training starts.

    Parameters
    ----------
    seq : TaskSequence
        A single experiment, all of its values numbers.
    trials : int
        Number of independent repetitions.
    seed : int or tuple of int
        Trial k depends on the seed and k only: more trials extend a sample, and experiments that differ in their
        training alone see the same data.
    method : {"direct", "reduced", "auto"}
        "direct" draws all data. "reduced" draws no more than the results depend on: exact in law, at a cost that does
        not grow with the dimensions, from draws of its own, for standard normal features (`simulate.sample.reduced`).
        "auto" takes the reduced one where it is possible and cheaper, which the experiment alone decides; the
        result's ``method`` says which it was.
    features : StandardNormal, Gaussian, Rademacher or StudentT
        Law of the features (`simulate.sample.features`). All laws are made of the same draws, so that runs under
        two of them are paired.
    solver : {"min_norm", "auto", "gram", "qr"}, MinNorm, Ridge or GradientDescent
        The training rule (`simulate.sample.solvers`), always from where the training starts. "min_norm" or "auto" is
        the least step that fits; "gram" and "qr" name the way to compute it: by normal equations, which "auto" takes
        unless the number of rows is within 8 of the number of trained parameters or weights or variances differ by
        more than 1e6, or by QR. Problems that may be rank-deficient take the pseudo-inverse under every solver.
    risk : {"euclidean", "features"}
        Norm of the errors: the Euclidean distance of estimate and truth, or the mean squared error of predictions
        ``(theta - w)' Sigma (theta - w)`` with the features' covariance. Steps are measured in the Euclidean norm.
    memory_limit : float
        Bytes that the working arrays of all workers may take together; the results themselves, ``8 * (T^2 + 2 T)``
        bytes a trial, come on top.
    workers : int, optional
        Threads; all available cores by default. Neither they nor the memory limit change a bit of the result.
    progress : bool
        Whether to show a progress bar, on a terminal only.

    Returns
    -------
    Simulation

    Raises
    ------
    InputError
        If an option or a value of the experiment is of no use here, or gradient descent diverges in some trial.
    """
    seed, features, risk = canonical_seed(seed), check_features(features), check_risk(risk)
    method = choose_method(method, seq, features, solver)
    if method == "reduced":
        plan, learner, block_trials, source = make_reduced_plan(seq, solver), ReducedLearner, reduced.TRIALS_PER_BLOCK, ("reduced", seed)
    else:
        plan, learner, block_trials, source = make_plan(seq, solver, features, risk), Learner, TRIALS_PER_BLOCK, seed
    tasks = len(plan.tasks)
    results = fill(
        lambda streams, count: learner(plan, streams, count), plan, seed, trials, ((tasks, tasks), (tasks,), (tasks,)),
        memory_limit=memory_limit, workers=workers, progress=progress, block_trials=block_trials,
    )  # fmt: skip
    rule = MinNorm() if isinstance(plan.rule, MinNorm) else plan.rule  # the route changes rounding only
    experiment = seq if (features, rule) == (StandardNormal(), MinNorm()) else Experiment(seq, features, rule, risk)
    return Simulation(*results, frozenset({(source, 0, len(results[0]) - 1)}), experiment, method=method)


def check_risk(risk: Any) -> str:
    """Return ``risk`` if it names a norm of the errors; InputError otherwise."""
    if risk not in RISKS:
        raise InputError(f"risk is {risk!r}; choose one of {', '.join(RISKS)}")
    return risk
