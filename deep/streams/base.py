"""Streams and the options that every kind of stream shares."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from deep.data import Dataset
from deep.streams.division import Division, divide, draw_balanced
from deep.streams.labels import LabelView, label_view
from deep.streams.seeds import Role
from deep.streams.task import StreamTask, join
from deep.streams.transforms import Transform, Unchanged
from theory.checks import share, whole
from theory.errors import InputError
from theory.parts import Parts, named_class


@dataclass(frozen=True, eq=False)
class Stream:
    """A sequence of tasks, a pure function of data sets, options, seed and order.

    Parameters
    ----------
    name : str
    options : StreamOptions
    seed, order : int
    tasks : tuple of StreamTask
    """

    name: str
    options: "StreamOptions"
    seed: int
    order: int
    tasks: tuple[StreamTask, ...]

    def __len__(self) -> int:
        return len(self.tasks)

    def __iter__(self) -> Iterator[StreamTask]:
        return iter(self.tasks)

    def __getitem__(self, task: int) -> StreamTask:
        return self.tasks[task]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, (H, W) or (H, W, C)."""
        return self.tasks[0].dataset.image_shape

    @property
    def notes(self) -> tuple[str, ...]:
        """What the data sets' records say, once each."""
        return tuple(dict.fromkeys(note for task in self.tasks for note in task.dataset.notes))

    def view(self, scenario: str) -> LabelView:
        """Return the outputs in the "task", "domain" or "class" incremental scenario."""
        return label_view(self.tasks, scenario)

    def evaluated(self, part: str) -> dict[str, Any]:
        """Return the number of images of each task's "validation" or "test" part, and how many images an average over tasks is worth.

        The latter is 1 / sum c^2, where c is an image's share of the average: tasks that show the same images tell no more of them.
        """
        shares: dict[str, np.ndarray] = {}
        indices = [getattr(task, f"{part}_indices") for task in self]
        for task, own in zip(self, indices, strict=True):
            share_of = shares.setdefault(task.dataset.name, np.zeros(len(task.dataset.test if part == "test" else task.dataset.training_part())))
            share_of[own] += 1 / (len(self) * max(len(own), 1))
        return {"images": [len(own) for own in indices], "worth": 1 / sum(float(share_of @ share_of) for share_of in shares.values())}

    def same_tasks(self, other: "Stream") -> bool:
        """Return whether another stream, made of the same data sets, has the same tasks in the same order."""
        return len(self) == len(other) and all(mine.same(task) for mine, task in zip(self, other, strict=True))

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the tasks' content and of which classes they have in common.

        Permuted, rotated and noisy images rest on NumPy's and SciPy's arithmetic, so that their fingerprint can differ
        between versions of these.
        """
        digest = hashlib.sha256()
        for task in self.tasks:
            digest.update(task.fingerprint.encode())
        digest.update(repr(self.view("class").units).encode())
        return digest.hexdigest()


COUNTS = {"tasks": "tasks", "train_examples": "training examples", "test_examples": "test examples", "classes_per_task": "classes per task"}


@dataclass(frozen=True)
class StreamOptions(ABC):
    """Options of every kind of stream.

    Parameters
    ----------
    validation_share : float
        Share of every class's training images that is split off for validation.
    train_examples : int, optional
        Training images of each task, equally many of every class; default all.
    test_examples : int, optional
        Test images of each task, likewise.
    """

    kind: ClassVar[str]

    validation_share: float = 0.1
    train_examples: int | None = None
    test_examples: int | None = None

    def __post_init__(self) -> None:
        share(self.validation_share, "the validation share")
        for option in fields(self):
            count = getattr(self, option.name)
            if option.name in COUNTS and not (count is None and option.default is None):
                whole(count, f"the number of {COUNTS[option.name]}", 1)

    def build(self, datasets: Dataset | Sequence[Dataset], seed: int = 0, order: int = 0) -> Stream:
        """Return the stream of these options.

        Parameters
        ----------
        datasets : Dataset, or several for a domain stream
        seed : int
            Decides everything random about the stream.
        order : int
            0 is the order as defined; a further number another one, that keeps what the stream is named for.

        Raises
        ------
        InputError
            If the data sets cannot be divided as the options say.
        """
        datasets = (datasets,) if isinstance(datasets, Dataset) else tuple(datasets)
        self._check_datasets(datasets)
        whole(seed, "the seed", 0)
        divisions = tuple(divide(dataset, self.validation_share, seed) for dataset in datasets)
        tasks = self._tasks(divisions, seed, whole(order, "the order", 0))
        return Stream(f"{self.kind}-{'+'.join(dataset.name for dataset in datasets)}", self, seed, order, tuple(tasks))

    def _check_datasets(self, datasets: tuple[Dataset, ...]) -> None:
        if len(datasets) != 1:
            raise InputError(f"a {self.kind} stream is made of one data set, not of {len(datasets)}; choose one, or a domain stream")

    @abstractmethod
    def _tasks(self, divisions: tuple[Division, ...], seed: int, order: int) -> list[StreamTask]:
        """Return the tasks in their order."""

    def _task(
        self,
        name: str,
        division: Division,
        classes: Sequence[int],
        seed: int,
        number: int,
        transform: Transform | None = None,
        domain: str = "",
        train: Sequence[np.ndarray] | None = None,
    ) -> StreamTask:
        """Return the task with ``classes``; ``number`` names its random draws, ``domain`` sets its classes apart from others'."""
        train = [division.train[label] for label in classes] if train is None else list(train)
        if self.train_examples is not None:
            train = draw_balanced(train, self.train_examples, seed, number)
        test = [division.test[label] for label in classes]
        if self.test_examples is not None:
            test = draw_balanced(test, self.test_examples, seed, number, Role.TEST_EXAMPLES)
        return StreamTask(
            name,
            division.dataset,
            tuple(int(label) for label in classes),
            tuple(f"{division.dataset.name}{domain}:{label}" for label in classes),
            join(train),
            join([division.validation[label] for label in classes]),
            join(test),
            transform or Unchanged(),
        )


def class_names(classes: Sequence[int]) -> str:
    """Return a short name of some classes."""
    if len(classes) > 10:
        return f"{len(classes)} classes"
    return f"classes {', '.join(map(str, classes))}"


STREAMS: Parts[type[StreamOptions]] = Parts("kind of stream", named_class(StreamOptions, "kind"), "deep.streams")
