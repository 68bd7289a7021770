"""The contract of feature laws and training rules of the linear samplers."""

from __future__ import annotations

import copy

import numpy as np

from driftlaw.testing.contracts import Check, bound, demand, generators_stay
from simulate import simulate
from simulate.sample.features import draw
from simulate.sample.streams import TRIALS_PER_BLOCK, Streams
from simulate.work.keys import condition_key
from theory.conditions import FeatureLaw, Rule
from theory.constructors import one_block
from theory.problem import TaskSequence

Condition = FeatureLaw | Rule
EXPERIMENT = one_block(6, (4, 9), 0.3, [np.ones(6), -np.ones(6)])


def features_checks(law: FeatureLaw, experiment: TaskSequence = EXPERIMENT) -> list[Check]:
    """Return the checks of a law of features with a drawing of its own (`simulate.sample.features.draw`).

    Parameters
    ----------
    law : FeatureLaw
    experiment : TaskSequence
        With blocks that fit the law; default one block of six parameters.

    Examples
    --------
    >>> from theory import StudentT
    >>> run(features_checks(StudentT(5)))
    """
    return bound((is_a_value, trials_stand_alone, entries_are_standardized), law, experiment.under(law))


def rule_checks(rule: Rule, experiment: TaskSequence = EXPERIMENT) -> list[Check]:
    """Return the checks of a training rule with a filter of its own (`simulate.sample.solvers.step_filter`).

    Examples
    --------
    >>> from theory import Ridge
    >>> run(rule_checks(Ridge(0.5)))
    """
    return bound((is_a_value, trials_stand_alone), rule, experiment.under(rule=rule))


def is_a_value(condition: Condition, experiment: TaskSequence) -> None:
    """A copy is equal and has the same hash, and keys of stored results describe it."""
    same = copy.deepcopy(condition)
    demand(same == condition and hash(same) == hash(condition), "a copy is not equal; make it a frozen dataclass")
    condition_key(condition)


def trials_stand_alone(condition: Condition, experiment: TaskSequence) -> None:
    """Numbers of a trial depend on the seed and its number, not on those that are run with it."""
    few = TRIALS_PER_BLOCK + 6
    with generators_stay():
        first, again, more = (simulate(experiment, trials, 3).errors_sample for trials in (few, few, 2 * few))
    demand(np.array_equal(first, again), "the same seed gives other numbers; draw from the streams")
    demand(np.array_equal(first, more[:few]), "trials differ where more are run; draw one array from a stream, and let no trial look at another")


def entries_are_standardized(law: FeatureLaw, experiment: TaskSequence) -> None:
    """Entries of a trial have means 0, variances 1 and no correlation.

    27 statistics of 20,000 trials, six standard errors: a right law fails by chance with 6e-8, if its fourth moments are finite.
    """
    values = draw(law, Streams(0, 0), 0, 0, (20_000, 3, 2)).reshape(-1, 6)
    samples = np.hstack([values, (values[:, :, None] * values[:, None, :]).reshape(-1, 36)])
    errors = samples.std(axis=0) / len(samples) ** 0.5 + 1e-12
    far = float((np.abs(samples.mean(axis=0) - np.append(np.zeros(6), np.eye(6))) / errors).max())
    demand(far < 6, f"one of them is {far:.3g} standard errors from that")
