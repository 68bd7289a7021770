"""The contract of streams: pure functions of data sets, options, seed and order."""

import pickle
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from deep.data import Dataset, Part
from deep.streams import StreamOptions
from driftlaw.testing.contracts import Check, bound, demand, generators_stay, rebuilt, run

Data = Dataset | Sequence[Dataset]
ORDERS = 3


def stream_checks(options: StreamOptions, datasets: Data | None = None) -> list[Check]:
    """Return the checks of a kind of stream with its options.

    Parameters
    ----------
    options : StreamOptions
        Such that the stream has three tasks or more.
    datasets : Dataset, or several, optional
        Default a made one, of 10 classes with 20 training and 5 test images of 5 x 4 pixels each.

    Examples
    --------
    >>> from deep.streams import Split
    >>> for name, check in stream_checks(Split(tasks=5, class_order="seeded")):
    ...     check()
    """
    contract = (
        the_same_seed_gives_the_same_tasks, orders_are_different_streams, images_can_be_read_again, no_image_trains_and_validates,
        labels_are_places_of_classes, fewer_examples_are_balanced,
    )
    return bound(contract, options, made_dataset(shape=(5, 4)) if datasets is None else datasets)


def check_stream(options: StreamOptions, datasets: Data | None = None) -> None:
    """Run all of `stream_checks`."""
    run(stream_checks(options, datasets))


def made_dataset(classes: int = 10, train: int = 20, test: int = 5, shape: tuple[int, ...] = (4, 4), name: str = "made") -> Dataset:
    """Return a data set whose images are all different, with ``train`` and ``test`` images of every class, interleaved."""
    rng = np.random.default_rng(len(name) + classes)
    parts = []
    for count in (train, test):
        images = rng.integers(0, 256, (classes * count, *shape), dtype=np.uint8)
        images.reshape(len(images), -1)[:, :2] = np.frombuffer(np.arange(len(images), dtype=np.uint16).tobytes(), np.uint8).reshape(-1, 2)
        parts.append(Part(images, np.arange(classes * count, dtype=np.int64) % classes))
    return Dataset(name, tuple(f"class {label}" for label in range(classes)), *parts)


def the_same_seed_gives_the_same_tasks(options: StreamOptions, datasets: Data) -> None:
    """The same options, as JSON values, give the same images, and tasks that compare equal before any is made."""
    again = rebuilt(options, [field.name for field in fields(options)])
    for order in range(ORDERS):
        with generators_stay():
            first, second = (one.build(datasets, 5, order) for one in (options, again))
            equal = first.fingerprint == second.fingerprint
        demand(equal, f"images of order {order} differ; draw from deep.streams.seeds.generator")
        demand(first.same_tasks(second), "tasks built twice do not compare equal; let transforms do so (a frozen dataclass)")


def orders_are_different_streams(options: StreamOptions, datasets: Data) -> None:
    """Orders have the same numbers of tasks and classes, in different sequences."""
    streams = [options.build(datasets, 0, order) for order in range(ORDERS)]
    counts = [sorted(len(task.classes) for task in stream) for stream in streams]
    demand(counts == counts[:1] * ORDERS, f"the tasks of orders 0 to {ORDERS - 1} have {counts} classes")
    demand(len({stream.fingerprint for stream in streams}) == ORDERS, f"two of orders 0 to {ORDERS - 1} are the same stream")


def images_can_be_read_again(options: StreamOptions, datasets: Data) -> None:
    """Images are made when asked for, here or in a worker: the same ones each time."""
    stream = options.build(datasets)
    for task, sent in zip(stream, pickle.loads(pickle.dumps(stream)), strict=True):
        prints = {one.fingerprint for one in (task, replace(task), sent)}
        demand(len(prints) == 1, f"{task.name} has other images when it is read again; let a transform keep no generator")


def no_image_trains_and_validates(options: StreamOptions, datasets: Data) -> None:
    """An image that trains a task validates none, and no part has one twice."""
    stream = options.build(datasets)
    trained = {(task.dataset.name, index) for task in stream for index in task.train_indices.tolist()}
    validated = {(task.dataset.name, index) for task in stream for index in task.validation_indices.tolist()}
    demand(not trained & validated, f"{len(trained & validated)} images do both; take the indices of the division")
    twice = [task.name for task in stream for part in (task.train_indices, task.validation_indices, task.test_indices) if len(set(part)) < len(part)]
    demand(not twice, f"a part of {'; '.join(twice)} has an image twice")


def labels_are_places_of_classes(options: StreamOptions, datasets: Data) -> None:
    """An image's label in a task is the place of its class there; each class has a key of its own."""
    for task in options.build(datasets):
        data = task.dataset
        demand(len(set(task.classes)) == len(set(task.keys)) == len(task.keys), f"{task.name} has the classes {task.classes} with the keys {task.keys}")
        sources = (data.training_part(), task.train_indices), (data.training_part(), task.validation_indices), (data.test, task.test_indices)
        for part, (source, indices) in zip((task.training(), task.validation(), task.final_test()), sources, strict=True):
            demand(np.array_equal(np.array(task.classes)[part.labels], source.labels[indices]), f"{task.name} has images of other classes than it says")


def fewer_examples_are_balanced(options: StreamOptions, datasets: Data) -> None:
    """The options train_examples and test_examples give so many images, equally many of every class up to one, among those of a greater number."""
    full = options.build(datasets)
    count = 1 + max(len(task.classes) for task in full)
    some, more = (replace(options, train_examples=number, test_examples=number).build(datasets) for number in (count, count + 1))
    for task, larger, whole in zip(some, more, full, strict=True):
        for part in (task.training(), task.final_test()):
            found = np.bincount(part.labels, minlength=len(task.classes))
            fair = found.sum() == count and np.ptp(found) <= 1
            demand(fair, f"of {count} images that are asked for, {task.name} has {found.tolist()} of its classes; make tasks by self._task")
        for name in ("train_indices", "test_indices"):
            fewer, middle, every = (set(getattr(one, name).tolist()) for one in (task, larger, whole))
            demand(fewer <= middle <= every, f"{name} of {task.name} are not among those of more examples; draw them by division.draw_balanced")
