"""The designs by name: from seconds on two cores to the paper's setting on a GPU."""

from collections.abc import Iterable
from dataclasses import replace

from deep.studies.design import AS_RATE, Preset, Rule, StudyStream, Unit
from theory.parts import Parts, instances


def units(orders: int, first_seed: int, count: int) -> tuple[Unit, ...]:
    """Return ``count`` units that go through the first ``orders`` orders again and again, each with a seed of its own."""
    return tuple(Unit(number % orders, first_seed + number) for number in range(count))


def _each(**grids: Iterable) -> tuple[dict, ...]:
    """Every combination of the values."""
    found: list[dict] = [{}]
    for name, values in grids.items():
        found = [{**options, name: value} for options in found for value in values]
    return tuple(found)


_DIGITS_RULES = (
    Rule("threshold", _each(threshold=(0.05, 0.2), few=(1, 2))),
    Rule("graded", ({"low": -0.1, "high": 0.1}, {"low": 0.0, "high": 0.3})),
    Rule("per-stage", _each(threshold=(0.05, 0.2))),
    Rule("magnitude", _each(rule=("fisher", "mean")), AS_RATE),
    Rule("constrained", _each(weight=(0.1, 0.3), depth=(1, 2)), AS_RATE),
)
_SMALL = {"network": "mlp-100", "loop": {"epochs": 10, "batch_size": 32, "learning_rate": 0.05}}
DIGITS = Preset(
    name="digits",
    streams=(
        StudyStream("split digits", "split-digits", {"validation_share": 0.25}, **_SMALL),
        StudyStream("split digits, one head", "split-digits", {"validation_share": 0.25}, "domain", **_SMALL),
        StudyStream("permuted digits", "permuted-digits", {"tasks": 5, "train_examples": 400, "validation_share": 0.25}, "domain", **_SMALL),
        StudyStream("rotated digits", "rotated-digits", {"tasks": 5, "train_examples": 400, "validation_share": 0.25}, "domain", **_SMALL),
        StudyStream("correlated split digits", "correlated-split-digits", {"validation_share": 0.25}, **_SMALL),
        StudyStream("corrupted split digits", "corrupted-split-digits", {"validation_share": 0.25}, **_SMALL),
    ),
    rules=_DIGITS_RULES,
    development=units(3, 100, 3),
    confirmation=units(4, 1000, 8),
    explained=("split digits", "rotated digits"),
)
# The same with enough units for differences of about a point; a quarter of an hour on two cores.
DIGITS_LARGE = replace(DIGITS, name="digits-large", development=units(6, 200, 6), confirmation=units(11, 2000, 33))

_IMAGE_RULES = (
    Rule("threshold", _each(threshold=(0.0, 0.1, 0.3), few=(2,))),
    Rule("graded", ({"low": -0.1, "high": 0.1}, {"low": 0.0, "high": 0.3})),
    Rule("per-stage", _each(threshold=(0.0, 0.1, 0.3))),
    Rule("magnitude", _each(rule=("fisher", "mean")), AS_RATE),
    Rule("constrained", _each(weight=(0.03, 0.1, 0.3), depth=(1, 2)), AS_RATE),
)
_LOOP = {"epochs": 5, "batch_size": 32, "learning_rate": 0.05}
_CONVNET, _MLP = {"network": "convnet", "loop": _LOOP}, {"network": "mlp-400", "loop": _LOOP}
# Parts of the images, equally many of every class, so that a run takes seconds: measuring on all test images would take longer than training.
_TWO_CLASSES = {"train_examples": 400, "test_examples": 250, "validation_share": 0.02}
_TEN_CLASSES = {"tasks": 5, "train_examples": 1000, "test_examples": 1000, "validation_share": 0.02}
MNIST = Preset(
    name="mnist",
    streams=(
        StudyStream("split Fashion-MNIST", "split-fashion-mnist", _TWO_CLASSES, **_CONVNET),
        StudyStream("split Fashion-MNIST, one head", "split-fashion-mnist", _TWO_CLASSES, "domain", **_CONVNET),
        StudyStream("correlated split Fashion-MNIST", "correlated-split-fashion-mnist", _TWO_CLASSES, **_CONVNET),
        StudyStream("corrupted split MNIST", "corrupted-split-mnist", _TWO_CLASSES, **_CONVNET),
        StudyStream("split MNIST, one head", "split-mnist", _TWO_CLASSES, "domain", **_MLP),
        StudyStream("permuted MNIST", "permuted-mnist", _TEN_CLASSES, "domain", published="permuted MNIST", **_MLP),
        StudyStream("rotated MNIST", "rotated-mnist", _TEN_CLASSES, "domain", **_MLP),
    ),
    rules=_IMAGE_RULES,
    development=units(2, 100, 2),
    confirmation=units(3, 1000, 6),
    explained=("split Fashion-MNIST", "split MNIST, one head", "permuted MNIST"),
)
# The same with enough units for differences of a few points; an hour on two cores.
MNIST_LARGE = replace(MNIST, name="mnist-large", development=units(3, 200, 3), confirmation=units(3, 2000, 15))

_RESNET = {"network": "paper-resnet", "loop": {"epochs": 20, "batch_size": 128, "learning_rate": 0.05, "momentum": 0.9, "precision": "bfloat16"}}
_CORRELATED = {"tasks": 10, "classes_per_task": 10, "common": 0.5}
CIFAR100 = Preset(
    name="cifar100",
    streams=(
        StudyStream("split CIFAR-100, 10 tasks", "split-cifar-100", {"tasks": 10}, published="split CIFAR-100, 10 tasks", **_RESNET),
        StudyStream("split CIFAR-100, 20 tasks", "split-cifar-100", {"tasks": 20}, published="split CIFAR-100, 20 tasks", **_RESNET),
        StudyStream("split CIFAR-10", "split-cifar-10", {}, published="split CIFAR-10", **_RESNET),
        StudyStream("permuted MNIST", "permuted-mnist", {"tasks": 10}, "domain", published="permuted MNIST", **_RESNET),
        StudyStream("split Fashion-MNIST", "split-fashion-mnist", {}, **_RESNET),
        StudyStream("correlated split CIFAR-100", "correlated-split-cifar-100", _CORRELATED, published="correlated split CIFAR-100", **_RESNET),
        StudyStream("corrupted split CIFAR-100", "corrupted-split-cifar-100", {"tasks": 10}, **_RESNET),
    ),
    rules=_IMAGE_RULES,
    development=units(2, 100, 2),
    confirmation=units(3, 1000, 6),
)

_BALANCED = {"train_examples": 500, "test_examples": 100, "validation_share": 0.02}
CIFAR100_CPU = Preset(
    name="cifar100-cpu",
    streams=(
        StudyStream("split CIFAR-100, 10 tasks", "split-cifar-100", {"tasks": 10, **_BALANCED}, published="split CIFAR-100, 10 tasks", **_CONVNET),
        StudyStream(
            "correlated split CIFAR-100", "correlated-split-cifar-100", {**_CORRELATED, **_BALANCED}, published="correlated split CIFAR-100", **_CONVNET
        ),
    ),
    rules=_IMAGE_RULES,
    development=units(2, 100, 2),
    confirmation=units(3, 1000, 9),
    explained=("split CIFAR-100, 10 tasks",),
)

PRESETS: Parts[Preset] = Parts("preset", instances(Preset))
for _preset in (DIGITS, DIGITS_LARGE, MNIST, MNIST_LARGE, CIFAR100, CIFAR100_CPU):
    PRESETS.register(_preset)
