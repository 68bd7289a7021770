"""A learner that decides before every task, trial by trial, which of two sets of blocks to train."""

from dataclasses import dataclass, replace

import numpy as np

from simulate.sample.learner import Learner
from simulate.sample.plan import Plan, TaskPlan
from simulate.sample.steps import predictions
from simulate.sample.streams import Streams
from theory.constructors import frozen_task
from theory.problem import TaskSequence


@dataclass(frozen=True)
class AdaptivePlan:
    """An experiment in which every task after the first is learned in one of two ways.

    Parameters
    ----------
    everything, frozen : Plan
        Of training everything, and of keeping the blocks fixed after the first task.
    keep : tuple of int
        The blocks, whose gradient is compared.
    threshold : float
        Cosine from which on a task counts as related to the previous one and the blocks stay fixed.
    """

    everything: Plan
    frozen: Plan
    keep: tuple[int, ...]
    threshold: float

    @property
    def bytes_per_trial(self) -> int:
        """Estimate of the working memory that one trial takes at its peak: one training's, both outcomes, gradients."""
        dimensions = self.everything.dimensions
        floats = 3 * sum(dimensions) + 3 * sum(dimensions[block] for block in self.keep)
        return max(self.everything.bytes_per_trial, self.frozen.bytes_per_trial) + floats * np.dtype(float).itemsize


class AdaptiveLearner(Learner):
    """Keeps blocks fixed on tasks whose gradient there points where the previous task's did.

    Parameters
    ----------
    plan : AdaptivePlan
    streams, trials
        As in `Learner`.
    """

    def __init__(self, plan: AdaptivePlan, streams: Streams, trials: int) -> None:
        super().__init__(plan.everything, streams, trials)
        self._adaptive = plan
        self._previous = np.zeros((trials, 0))

    def run(self, errors: np.ndarray, step_sizes: np.ndarray, update_magnitude: np.ndarray, *decisions: np.ndarray) -> None:
        """Learn all tasks and fill in the results of `Learner`, the scores (trials, T) and the decisions (trials, T)."""
        self._scores, self._frozen = decisions
        super().run(errors, step_sizes, update_magnitude)

    def _train(self, t: int, task: TaskPlan, features: dict[int, np.ndarray], labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gradient = self._gradient(features, labels)
        previous, self._previous = self._previous, gradient
        if t == 0:
            return super()._train(t, task, features, labels)
        self._scores[:, t] = _cosine(gradient, previous)
        self._frozen[:, t] = self._scores[:, t] >= self._adaptive.threshold
        # Both trainings of every trial: their bits are those of runs that always train so.
        start, outcomes = list(self.theta), []
        for choice in (task, self._adaptive.frozen.tasks[t]):
            self.theta = list(start)
            lengths = super()._train(t, choice, features, labels)
            outcomes.append((self.theta, lengths))
        frozen = self._frozen[:, t] > 0
        self.theta = [np.where(frozen[:, None], cold, warm) for warm, cold in zip(outcomes[0][0], outcomes[1][0], strict=True)]
        step, change = (np.where(frozen, cold, warm) for warm, cold in zip(outcomes[0][1], outcomes[1][1], strict=True))
        return step, change

    def _gradient(self, features: dict[int, np.ndarray], labels: np.ndarray) -> np.ndarray:
        """Gradient of |A theta - y|^2 / (2 n) at the current estimate in the kept blocks, side by side."""
        residual = labels - sum((x @ self.theta[block][..., None])[..., 0] for block, x in features.items())
        parts = [(features[block].swapaxes(-1, -2) @ residual[..., None])[..., 0] for block in self._adaptive.keep]
        return -np.concatenate(parts, axis=1) / labels.shape[1]


class WatchingLearner(Learner):
    """Trains as planned, and notes what a learner can tell of every block before it trains a task.

    ``run`` fills in the results of `Learner`, then residual levels |y - A theta|^2 / n (trials, T) and, of shape (trials, T,
    blocks): sum over pairs of samples i != j of <r_i a_i, r_j a_j> / (n (n - 1)); squared gradient; its products with the previous
    task's gradient and with the last step.
    """

    def run(self, errors: np.ndarray, step_sizes: np.ndarray, update_magnitude: np.ndarray, *seen: np.ndarray) -> None:
        """Learn all tasks and fill in the results."""
        self._seen = seen
        self._before = [(theta, theta) for theta in self.theta]
        super().run(errors, step_sizes, update_magnitude)

    def _train(self, t: int, task: TaskPlan, features: dict[int, np.ndarray], labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        level, *by_block = self._seen
        residual, n = labels - sum(predictions(x, self.theta[block]) for block, x in features.items()), labels.shape[1]
        level[:, t], start = np.mean(residual**2, axis=1), list(self.theta)
        gradients = [np.zeros_like(theta) for theta in start]
        for block, x in features.items():
            gradients[block] = -np.einsum("tnd,tn->td", x, residual) / n
            square, alone = _dots(gradients[block], gradients[block]), np.einsum("tnd,tnd,tn->t", x, x, residual**2) / n**2
            products = (_dots(gradients[block], vector) for vector in self._before[block])
            for place, value in zip(by_block, ((square - alone) * (n / max(n - 1, 1)), square, *products), strict=True):
                place[:, t, block] = value
        lengths = super()._train(t, task, features, labels)
        self._before = [(g, after - before) for g, after, before in zip(gradients, self.theta, start, strict=True)]
        return lengths


def _dots(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.einsum("td,td->t", left, right)


def frozen_sequence(seq: TaskSequence, keep: tuple[str, ...], schedule: tuple[bool, ...] | None = None) -> TaskSequence:
    """Return the experiment with the tasks that ``schedule`` marks frozen, all but the first by default."""
    schedule = schedule or (False,) + (True,) * (len(seq) - 1)
    return replace(seq, tasks=tuple(frozen_task(task, keep) if cold else task for task, cold in zip(seq.tasks, schedule, strict=True)))


def _cosine(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Cosines of rows; 0 where a row is zero and so has no direction."""
    product = np.einsum("td,td->t", left, right)
    lengths = np.sqrt(np.einsum("td,td->t", left, left) * np.einsum("td,td->t", right, right))
    return np.clip(np.divide(product, lengths, out=np.zeros_like(product), where=lengths > 0), -1.0, 1.0)
