"""The learner: trains through all tasks on fresh data, for a batch of trials at once."""

import itertools
from typing import Any

import numpy as np

from simulate.sample.arrays.base import Backend
from simulate.sample.arrays.with_numpy import NUMPY
from simulate.sample.features import coloured, draw
from simulate.sample.plan import Plan, TaskPlan, solved
from simulate.sample.steps import namespace, penalised_step, predictions
from simulate.sample.streams import ORDER, Streams
from theory.conditions import CONSOLIDATING, SI, Rule


class Learner:
    """Estimates of a batch of trials, from zero to the last task.

    Parameters
    ----------
    plan : Plan
        The experiment.
    streams : Streams
        Generators of the trials' block; consecutive batches of one block share them.
    trials : int
        Size of the batch.
    backend : Backend
        What to compute with; its arrays are called arrays here.

    Attributes
    ----------
    theta : list of array, shape (trials, d_b)
        Current estimate of every block.
    curvatures : dict of Rule to float
        Largest eigenvalue of A'A / rows among all steps of every rule but the least step.
    importance : dict of (Rule, block) to array, shape (trials, d_b)
        What coordinates matter to the tasks that were learned by `EWC` or `SI`.
    """

    def __init__(self, plan: Plan, streams: Streams, trials: int, backend: Backend = NUMPY) -> None:
        self._plan, self._streams, self._trials, self._backend = plan, streams, trials, backend
        self._given = [backend.array(truths.draw(streams, block, trials)) for block, truths in enumerate(plan.truths)]
        drawn = {t: task for t, task in enumerate(plan.tasks) if len(task.again) > 1}
        self._truths = [np.repeat(given, trials // len(given), axis=0) for given in self._given] if drawn else self._given  # they may be the same in all trials
        self._picked = {t: self._pick(t, task) for t, task in drawn.items()}
        self.theta = [backend.zeros((trials, dimension)) for dimension in plan.dimensions]
        self._distances = [self._distance(block, theta) for block, theta in enumerate(self.theta)]
        self.curvatures: dict[Rule, float] = {}
        self.importance: dict[tuple[Rule, int], Any] = {}
        self._stored: dict[int, tuple[dict[int, Any], Any]] = {}
        self._data: list[tuple[dict[int, Any], Any]] = []

    def run(self, errors: np.ndarray, step_sizes: np.ndarray, update_magnitude: np.ndarray, training_errors: np.ndarray | None = None) -> None:
        """Learn all tasks and fill in the results of the first k trials, shapes (k, T, T), (k, T), (k, T) and, if asked for, (k, T, T)."""
        asked, path = slice(len(errors)), []
        for t, task in enumerate(self._plan.tasks):
            step_sizes[:, t], update_magnitude[:, t] = (self._backend.numpy(length)[asked] for length in self._learn(t, task))
            path.append(list(self.theta) if self._plan.keeps_data or self._plan.average is not None else [])
            for block, truths in enumerate(self._plan.truths):
                if self._plan.average is not None:
                    self._distances[block] = self._distance(block, sum(float(weight) * theta[block] for weight, theta in zip(self._plan.average[t], path, strict=False)))
                elif block in task.trained:
                    self._distances[block] = self._distance(block, self.theta[block])
                errors[:, t, list(truths.users)] += self._backend.numpy(self._distances[block])[asked]
        if training_errors is not None:
            for (t, theta), (i, (features, labels)) in itertools.product(enumerate(path), enumerate(self._data)):
                residual = labels - sum(predictions(x, theta[block]) for block, x in features.items())
                training_errors[:, t, i] = self._backend.numpy(_squared_length(residual))[asked]

    def _learn(self, t: int, task: TaskPlan) -> tuple[Any, Any]:
        """Train on task ``t``; return the squared lengths of the step and of the change of the estimate."""
        features, labels = self._draw(t, task)
        if self._plan.keeps_data:
            self._data.append((features, labels))
        if task.kept and t not in self._stored:
            kept = {block: _copy(x[:, : task.kept]) for block, x in features.items()}
            self._stored[t] = kept, _copy(labels[:, : task.kept])
        return self._train(t, task, features, labels)

    def _train(self, t: int, task: TaskPlan, features: dict[int, Any], labels: Any) -> tuple[Any, Any]:
        """Move the estimate of the trained blocks; return the squared lengths of the step and of the change."""
        start = [namespace(theta).zeros_like(theta) if block in task.restarted else theta for block, theta in enumerate(self.theta)]
        steps = self._steps(task, features, labels, start)
        length, change = self._backend.zeros((self._trials,)), self._backend.zeros((self._trials,))
        for block, step in zip(task.trained, steps, strict=True):
            moved = start[block] + step
            step_length = _squared_length(step)
            length += step_length
            change += _squared_length(moved - self.theta[block]) if block in task.restarted else step_length
            self.theta[block] = moved
        return length, change

    def _pick(self, t: int, task: TaskPlan) -> np.ndarray:
        """Draw which of its tasks is visited in every trial, shape (trials,), and give the visit its truths."""
        picked = (len(task.again) * self._streams.generator(t, ORDER).random(self._trials)).astype(int)
        for block in task.used:
            users, given = self._plan.truths[block].users, self._given[block]
            self._truths[block][:, users.index(t)] = given[np.arange(self._trials) % len(given), np.array([users.index(s) for s in task.again])[picked]]
        return picked

    def _draw(self, t: int, task: TaskPlan) -> tuple[dict[int, Any], Any]:
        """Features (trials, samples, d_b) of every used block, and labels (trials, samples), fresh or used again."""
        again = task.again or (t,) * (t in self._stored)
        if again and task.samples:
            self._stored |= {s: self._fresh(s, self._plan.tasks[s]) for s in dict.fromkeys(again) if s not in self._stored}  # first visits may be still to come
            if len(again) == 1:
                return self._stored[again[0]]
            features, labels = zip(*(self._stored[s] for s in again), strict=True)
            place = self._picked[t], np.arange(self._trials)
            return {block: np.stack([x[block] for x in features])[place] for block in features[0]}, np.stack(labels)[place]
        return self._fresh(t, task)

    def _fresh(self, t: int, task: TaskPlan) -> tuple[dict[int, Any], Any]:
        labels = task.noise * self._streams.noise(t).standard_normal((self._trials, task.samples))
        features = {}
        for block in task.used:
            shape = (self._trials, task.samples, self._plan.dimensions[block])
            features[block] = coloured(draw(task.law, self._streams, t, block, shape), task.roots[block])
            row = self._plan.truths[block].users.index(t)
            labels += predictions(features[block], self._given[block][:, row])
        return features, labels

    def _steps(self, task: TaskPlan, features: dict[int, Any], labels: Any, start: list[Any]) -> list[Any]:
        """Scaled steps of the trained blocks that fit the fresh and the stored samples."""
        if not task.rows:
            return [namespace(start[block]).zeros_like(start[block]) for block in task.trained]
        samples = [(features, labels)]
        for earlier, count in task.memory:
            stored, stored_labels = self._stored[earlier]
            samples.append(({block: x[:, :count] for block, x in stored.items()}, stored_labels[:, :count]))
        residuals = [y - sum(predictions(x[block], start[block]) for block in x) for x, y in samples]
        if len(samples) == 1:
            stacked, residual = [features[block] for block in task.trained], residuals[0]
        else:
            stacked, residual = [self._stack(block, samples) for block in task.trained], namespace(labels).concatenate(residuals, axis=1)
        steps = self._solve(task, stacked, residual)
        return [step if scale == 1.0 else scale * step for step, scale in zip(steps, task.scales, strict=True)]

    def _solve(self, task: TaskPlan, features: list[Any], residual: Any) -> list[Any]:
        """Full steps of the trained blocks by the task's training rule."""
        if isinstance(task.rule, CONSOLIDATING):
            return self._consolidated(task, features, residual)
        return solved(task, features, residual, self.curvatures)

    def _consolidated(self, task: TaskPlan, features: list[Any], residual: Any) -> list[Any]:
        """Steps under a penalty on what mattered to earlier tasks; adds what matters to this one."""
        rule: Any = task.rule
        held = [self.importance.get((rule, block), np.zeros_like(x[:, 0])) for block, x in zip(task.trained, features, strict=True)]
        steps, done = penalised_step(features, residual, [rule.strength * task.samples * one for one in held])
        if isinstance(rule, SI):
            held = [one + 2 * path / (step**2 + rule.damping) for one, path, step in zip(held, done, steps, strict=True)]
        else:
            left = residual - sum(predictions(x, step) for x, step in zip(features, steps, strict=True))
            # What is left but for rounding is nothing: an importance of 1e-26 would choose another among the later steps that fit.
            terms = abs(residual) + sum(predictions(abs(x), abs(step)) for x, step in zip(features, steps, strict=True))
            left = np.where(abs(left) > 10 * (task.samples + sum(x.shape[-1] for x in features)) * np.finfo(float).eps * terms, left, 0.0)
            weights = left**2 if rule.fisher == "empirical" else np.ones_like(left)
            held = [rule.decay * one + predictions((x**2).swapaxes(1, 2), weights) / task.samples for one, x in zip(held, features, strict=True)]
        self.importance.update({(rule, block): one for block, one in zip(task.trained, held, strict=True)})
        return steps

    def _stack(self, block: int, samples: list[tuple[dict[int, Any], Any]]) -> Any:
        """Features of ``block`` in all samples, zero where a stored sample does not have the block."""
        shapes = ((self._trials, y.shape[1], self._plan.dimensions[block]) for _, y in samples)
        parts = [x[block] if block in x else self._backend.zeros(shape) for (x, _), shape in zip(samples, shapes, strict=True)]
        return namespace(parts[0]).concatenate(parts, axis=1)

    def _distance(self, block: int, theta: Any) -> Any:
        """Squared distances to the truths of all tasks that use ``block``, shape (trials, users)."""
        difference = coloured(theta[:, None] - self._truths[block], self._plan.risk_roots[block])
        return namespace(difference).einsum("tud,tud->tu", difference, difference)


def _copy(array: Any) -> Any:
    return namespace(array).asarray(array, copy=True)


def _squared_length(vectors: Any) -> Any:
    return namespace(vectors).einsum("td,td->t", vectors, vectors)
