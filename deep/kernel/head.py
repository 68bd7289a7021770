"""Ridge regression on frozen features of a stream, task after task: the model of the theory on real images."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.stats import spearmanr

from deep.kernel.features import features
from deep.kernel.ridge import forgetting, kernel_steps, ridge_steps, squared_errors
from deep.records import built
from deep.streams import Stream

COUNTS = (3, 10, 30, 100)  # images a class of the second task of a pair


@dataclass(frozen=True, eq=False)
class Frozen:
    """Features of the first tasks of a stream.

    Parameters
    ----------
    sets : sequence of array, shapes (N, d + 1)
        One for each size of images: features and a one.
    targets : array, shape (N, classes)
        Ones and zeros.
    train, validation, test : sequence of slice
        Where the examples of each task stand; those of training come first.
    """

    sets: Sequence[np.ndarray]
    targets: np.ndarray
    train: Sequence[slice]
    validation: Sequence[slice]
    test: Sequence[slice]

    @classmethod
    def of(cls, stream: Stream, tasks: int, see: Sequence[Callable[[np.ndarray], np.ndarray]]) -> Frozen:
        """Return the features that functions of 8-bit images make, a set for each function."""
        view = stream.view("class")
        parts = [(task, which(stream[task])) for which in (type(stream[0]).training, type(stream[0]).validation, type(stream[0]).final_test) for task in range(tasks)]
        units = np.concatenate([view.targets(task, part.labels) for task, part in parts])
        ends = np.cumsum([0, *(len(part) for _, part in parts)])
        rows = [slice(first, last) for first, last in zip(ends[:-1], ends[1:], strict=True)]
        found = [np.concatenate([one(part.images) for _, part in parts]).astype(float) for one in see]
        sets = [np.column_stack([values, np.ones(len(values))]) for values in found]
        return cls(sets, np.eye(units.max() + 1)[units], rows[:tasks], rows[tasks : 2 * tasks], rows[2 * tasks :])

    def kernel(self, features: np.ndarray) -> np.ndarray:
        """Compute the products of all examples' features with those of all training examples."""
        return features @ features[: self.train[-1].stop].T

    def accuracy(self, scores: np.ndarray) -> float:
        """Return the mean over tasks of the accuracy of scores, shape (N, classes), on test examples, among all classes."""
        right = scores.argmax(1) == self.targets.argmax(1)
        return float(np.mean([right[own].mean() for own in self.test]))

    def prototypes(self, sets: Sequence[np.ndarray]) -> float:
        """Return the accuracy of the nearest class mean, by the cosine, of sets of features side by side."""
        unit = np.column_stack([values[:, :-1] for values in sets])
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        means = self.targets[: self.train[-1].stop].T @ unit[: self.train[-1].stop]
        return self.accuracy(unit @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T)

    def functions(self, kernel: np.ndarray, penalty: float) -> np.ndarray:
        """Return what sequential ridge regression says of all examples after each task, shape (T, N, classes)."""
        return kernel_steps([kernel[:, own] for own in self.train], self.train, self.targets, penalty)

    def routes(self, features: np.ndarray, kernel: np.ndarray, penalty: float) -> float:
        """Return the greatest difference between the functions of trained weights and those of the recursion, as a share of the greatest value."""
        functions, weights = self.functions(kernel, penalty), ridge_steps(features, self.train, self.targets, penalty)
        return max(float(np.abs(features @ own - found).max()) for own, found in zip(weights, functions, strict=True)) / float(np.abs(functions).max())

    def measure(self, kernel: np.ndarray, penalty: float) -> dict[str, float]:
        """Return accuracies after the last task, forgetting, errors and both gaps (test minus training error) of sequential ridge.

        Weights of the best average are least squares on validation images.
        """
        functions, seen = self.functions(kernel, penalty), np.r_[tuple(self.validation)]
        test, train = (squared_errors(functions, self.targets, rows) for rows in (self.test, self.train))
        best = np.linalg.lstsq(functions[:, seen].reshape(len(functions), -1).T, self.targets[seen].ravel(), rcond=None)[0]
        (joint,) = kernel_steps([kernel], [slice(kernel.shape[1])], self.targets, penalty)
        averages = {"last": functions[-1], "mean": functions.mean(0), "best": np.tensordot(best, functions, 1), "joint": joint}
        return {name: self.accuracy(scores) for name, scores in averages.items()} | {
            "forgetting": forgetting(test),
            "own_error": float(np.diag(test).mean()),
            "own_gap": float(np.diag(test - train).mean()),
            "interplay_gap": float((test - train)[-1, :-1].mean()),
        }

    def pairs(self, kernel: np.ndarray, penalty: float) -> dict[str, float]:
        """Return what a task forgets by a second one of so many images a class, mean over ordered pairs.

        Besides the rank correlation, over pairs at the most images, with the share |K_12|_F / (|K_11|_F |K_22|_F)^(1/2) of the kernel.
        """
        labels, apart, found, change = self.targets.argmax(1), ~np.eye(len(self.train), dtype=bool), {}, np.zeros([len(self.train)] * 2)
        firsts = [kernel_steps([kernel[:, own]], [own], self.targets, penalty)[0] for own in self.train]
        for count in COUNTS:
            chosen = [own.start + np.concatenate([np.flatnonzero(labels[own] == unit)[:count] for unit in np.unique(labels[own])]) for own in self.train]
            for (first, held), (second, rows) in itertools.product(enumerate(self.test), enumerate(chosen)):
                every, own, seen = np.r_[held, rows], slice(-len(rows), None), slice(-len(rows))
                before, targets = firsts[first][every], self.targets[every]
                (after,) = kernel_steps([kernel[np.ix_(every, rows)]], [own], targets, penalty, [before])
                change[first, second] = np.diff(squared_errors(np.stack([before, after]), targets, [seen])[:, 0])[0]
            found[str(count)] = float(change[apart].mean())
        norms = np.array([[np.linalg.norm(kernel[a, b]) for b in self.train] for a in self.train])
        share = norms / np.sqrt(np.outer(np.diag(norms), np.diag(norms)))
        return found | {"spearman": float(spearmanr(share[apart], change[apart]).statistic)}


@dataclass(frozen=True)
class HeadRecord:
    """What sequential ridge on frozen features of one or several sizes of images came to, under one penalty.

    Parameters
    ----------
    stream, backbone : str
    sizes : tuple of int
    tasks, samples, seed : int
        Training images of each task.
    penalty : float
    prototypes : float
        Accuracy of cosine prototypes.
    measured : mapping of str to float
        See `Frozen.measure`.
    pairs : mapping of str to float
        See `Frozen.pairs`.
    routes : float, optional
        See `Frozen.routes`, of a single set.
    """

    KIND: ClassVar[str] = "head"

    stream: str
    backbone: str
    sizes: tuple[int, ...]
    tasks: int
    samples: int
    seed: int
    penalty: float
    prototypes: float
    measured: Mapping[str, float]
    pairs: Mapping[str, float]
    routes: float | None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> HeadRecord:
        """Return the record of the fields that `deep.records.to_json` writes."""
        return built(cls, value)


def head_records(stream: Stream, tasks: int, backbone: str, sizes: Sequence[int], penalties: Sequence[float], folder: Path) -> list[HeadRecord]:
    """Measure each set of features alone and, where there are several, all of them side by side; features are kept in the folder."""
    frozen = Frozen.of(stream, tasks, [partial(features, backbone=backbone, size=size, folder=folder) for size in sizes])
    records = []
    for chosen in [*((place,) for place in range(len(sizes))), *([tuple(range(len(sizes)))] if len(sizes) > 1 else [])]:
        sets = [frozen.sets[place] for place in chosen]
        kernel, prototypes = sum(map(frozen.kernel, sets)), frozen.prototypes(sets)
        for penalty in penalties:
            about = stream.name, backbone, tuple(sizes[place] for place in chosen), tasks, frozen.train[0].stop, stream.seed, penalty, prototypes
            routes = frozen.routes(sets[0], kernel, penalty) if len(sets) == 1 else None
            records.append(HeadRecord(*about, frozen.measure(kernel, penalty), frozen.pairs(kernel, penalty), routes))
    return records
