"""What every kind of stream promises, and what each is named for."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from made_data import made_dataset
from scaffold import refusals

from deep.streams import ORDERS, STREAMS, CorrelatedSplit, CorruptedSplit, Domains, Permuted, Rotated, Split, stream
from deep.streams.transforms import SETS

OPTIONS = {
    "split": Split(class_order="seeded"),
    "permuted": Permuted(tasks=4),
    "rotated": Rotated(tasks=4),
    "correlated-split": CorrelatedSplit(tasks=4, classes_per_task=4, common=0.5, examples="divided"),
    "corrupted-split": CorruptedSplit(max_noise=0.3),
    "domains": Domains(),
}
MADE = made_dataset(shape=(5, 4))
FOUR = [made_dataset(name=name) for name in ("a", "bb", "ccc", "dddd")]
MEANT_AS_IS = st.sampled_from(sorted(OPTIONS))


def build(kind: str, seed: int = 0, order: int = 0, **changes):
    options = OPTIONS[kind] if not changes else type(OPTIONS[kind])(**{**vars(OPTIONS[kind]), **changes})
    return options.build(FOUR if kind == "domains" else MADE, seed, order)


def parts(task):
    return task.training(), task.validation(), task.final_test()


def test_every_kind_is_tested():
    assert set(OPTIONS) == set(STREAMS)


@given(kind=MEANT_AS_IS, seed=st.integers(0, 2**40), order=st.integers(0, 10), share=st.sampled_from([0.0, 0.1, 0.25, 0.8]))
def test_contract(kind, seed, order, share):
    """Disjoint, balanced, complete, read-only, and labelled by the places of the task's classes."""
    built = build(kind, seed, order, validation_share=share)
    trained, validated = {}, {}
    for task in built:
        train, validation = set(task.train_indices.tolist()), set(task.validation_indices.tolist())
        trained.setdefault(task.dataset.name, set()).update(train)
        validated.setdefault(task.dataset.name, set()).update(validation)
        assert len(train) == len(task.train_indices) and len(validation) == len(task.validation_indices)
        for which, part in zip(("train", "validation", "test"), parts(task), strict=True):
            source = task.dataset.test if which == "test" else task.dataset.train
            indices = getattr(task, f"{which}_indices")
            assert part.images.dtype == np.uint8 and part.images.shape == (len(indices), *task.dataset.image_shape)
            assert not part.images.flags.writeable and not indices.flags.writeable
            assert np.array_equal(np.array(task.classes)[part.labels], source.labels[indices])
        held = np.bincount(task.dataset.train.labels[task.validation_indices], minlength=10)[list(task.classes)]
        assert held.tolist() == [round(share * 20)] * len(task.classes)
        assert len(task.test_indices) == 5 * len(task.classes)
        if kind != "correlated-split":
            assert np.bincount(task.training().labels).tolist() == [20 - round(share * 20)] * len(task.classes)
    for name in trained:
        assert not trained[name] & validated[name]
        if kind != "correlated-split":
            assert trained[name] | validated[name] == set(range(200))


@given(kind=MEANT_AS_IS, seed=st.integers(0, 2**40), order=st.integers(0, 10))
def test_same_seed_same_bytes(kind, seed, order):
    first, second = build(kind, seed, order), build(kind, seed, order)
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != build(kind, seed + 1, order).fingerprint


@pytest.mark.parametrize("kind", OPTIONS)
def test_orders_are_different_streams_and_number_0_is_the_identity(kind):
    streams = [build(kind, 3, order) for order in range(ORDERS)]
    assert len({built.fingerprint for built in streams}) == ORDERS
    if kind not in ("correlated-split", "corrupted-split"):  # these keep what they are named for instead
        assert all({task.fingerprint for task in built} == {task.fingerprint for task in streams[0]} for built in streams)
    if kind == "domains":
        assert [task.name for task in streams[0]] == ["a", "bb", "ccc", "dddd"]
    if kind == "split":
        assert [task.name for task in build(kind, 3, 0, class_order="natural")] == [f"classes {2 * t}, {2 * t + 1}" for t in range(5)]


@pytest.mark.parametrize("kind", OPTIONS)
def test_fingerprints_see_every_byte_and_label(kind):
    built = build(kind)
    plain = dataclasses.replace(built[2], transform=lambda images, name: images)
    prints = [plain.fingerprint]
    for which in SETS:
        def flipped(images, name, which=which):
            images = np.array(images)
            images.flat[-1] ^= name == which
            return images

        prints.append(dataclasses.replace(plain, transform=flipped).fingerprint)
    prints.append(dataclasses.replace(plain, test_indices=plain.test_indices[:-1]).fingerprint)
    prints.append(dataclasses.replace(plain, classes=plain.classes[::-1]).fingerprint)
    assert len(set(prints)) == len(prints)
    other = dataclasses.replace(built[0], keys=built[2].keys)
    changed = dataclasses.replace(built, tasks=(other, *built.tasks[1:]))
    assert other.fingerprint == built[0].fingerprint and changed.fingerprint != built.fingerprint


def test_the_stream_of_a_seed_never_changes():
    """A change here makes recorded results irreproducible: give a new option instead."""
    images = np.arange(200 * 16, dtype=np.uint16).astype(np.uint8).reshape(200, 4, 4)
    part = type(MADE.train)(images, np.arange(200) % 10)
    fixed = type(MADE)("fixed", MADE.classes, part, part)
    assert Split(class_order="seeded").build(fixed, 1, 2).fingerprint[:16] == "14c76db1496c90b9"
    assert Permuted(tasks=3).build(fixed, 1, 2).fingerprint[:16] == "f294081d4560009d"


@given(kind=MEANT_AS_IS, seed=st.integers(0, 100), count=st.integers(4, 30), part=st.sampled_from(["train", "test"]))
def test_fewer_examples(kind, seed, count, part):
    """Equally many of every class, up to one; fewer are a subset of more; the other parts stay."""
    if kind == "correlated-split":
        return
    count = count if part == "train" else count % 6 + 2
    whole, some, more = build(kind, seed), *(build(kind, seed, **{f"{part}_examples": number}) for number in (count, count + 3))
    own = f"{part}_indices"
    for full, task, larger in zip(whole, some, more, strict=True):
        counts = np.bincount((task.training() if part == "train" else task.final_test()).labels, minlength=len(task.classes))
        assert counts.sum() == count and counts.max() - counts.min() <= 1
        assert set(getattr(task, own)) <= set(getattr(larger, own)) <= set(getattr(full, own))
        for other in {"train_indices", "validation_indices", "test_indices"} - {own}:
            assert np.array_equal(getattr(task, other), getattr(full, other))


@given(tasks=st.sampled_from([1, 2, 5, 10]), order=st.integers(0, 1))
def test_split_divides_the_classes(tasks, order):
    built = Split(tasks=tasks).build(MADE, 0, order if tasks > 1 else 0)
    assert sorted(label for task in built for label in task.classes) == list(range(10))
    assert {len(task.classes) for task in built} == {10 // tasks}
    used = [index for task in built for index in task.train_indices]
    assert len(used) == len(set(used))


@pytest.mark.parametrize(("classes", "tasks"), [(10, 5), (20, 5), (100, 10)])
def test_default_numbers_of_tasks(classes, tasks):
    made = made_dataset(classes, 3, 1)
    assert len(Split(validation_share=0.3).build(made)) == tasks
    assert len(CorruptedSplit(validation_share=0.3).build(made)) == tasks


@given(seed=st.integers(0, 2**40), number=st.integers(0, 3))
def test_permuted_images_are_rearranged_by_one_permutation(seed, number):
    task = Permuted(tasks=4).build(MADE, seed)[number]
    original = MADE.train.images[task.train_indices].reshape(-1, 20)
    permuted = task.training().images.reshape(-1, 20)
    places = [np.flatnonzero((original == permuted[:, [pixel]]).all(axis=0)) for pixel in range(20)]
    assert sorted(int(place[0]) for place in places) == list(range(20))
    tested = task.final_test().images.reshape(-1, 20)
    assert np.array_equal(tested, MADE.test.images.reshape(-1, 20)[:, [int(place[0]) for place in places]])


def test_permutations_move_colours_together():
    coloured = made_dataset(shape=(3, 3, 3))
    task = Permuted(tasks=2).build(coloured)[1]
    original = coloured.train.images[task.train_indices].reshape(-1, 9, 3)
    permuted = task.training().images.reshape(-1, 9, 3)
    assert not np.array_equal(original, permuted)
    assert sorted(map(bytes, permuted[0])) == sorted(map(bytes, original[0]))


def test_permuted_streams_extend_and_may_keep_the_first_task():
    short, long = Permuted(tasks=3).build(MADE, 5), Permuted(tasks=6).build(MADE, 5)
    assert [task.fingerprint for task in short] == [task.fingerprint for task in long][:3]
    assert len({task.fingerprint for task in long}) == 6
    kept = Permuted(tasks=3, original_first=True).build(MADE, 5)
    assert np.array_equal(kept[0].training().images, MADE.train.images[kept[0].train_indices])
    assert [task.fingerprint for task in kept][1:] == [task.fingerprint for task in short][1:]
    divided = Permuted(tasks=5, split=True).build(MADE, 5)
    assert [task.classes for task in divided] == [task.classes for task in Split().build(MADE, 5)]


@given(seed=st.integers(0, 2**40), tasks=st.integers(1, 8), greatest=st.floats(1, 360))
def test_rotations_are_stratified_angles(seed, tasks, greatest):
    angles = [task.transform.degrees for task in Rotated(tasks=tasks, max_angle=greatest).build(MADE, seed)]
    for number, angle in enumerate(angles):
        assert number / tasks * greatest <= angle * (1 + 1e-12) and angle <= (number + 1) / tasks * greatest * (1 + 1e-12)


@given(share=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), seed=st.integers(0, 100), order=st.integers(0, 10), tasks=st.integers(1, 4))
def test_correlated_neighbours_share_what_is_stated(share, seed, order, tasks):
    made = made_dataset(16, 12, 2)
    built = CorrelatedSplit(tasks=tasks, classes_per_task=4, common=share, examples="divided").build(made, seed, order)
    repeated = CorrelatedSplit(tasks=tasks, classes_per_task=4, common=share).build(made, seed, order)
    groups = [set(task.classes) for task in built]
    assert [task.classes for task in repeated] == [task.classes for task in built]
    assert all(len(group) == 4 for group in groups)
    assert all(len(left & right) == 4 * share for left, right in zip(groups, groups[1:], strict=False))
    assert len(set().union(*groups)) == 4 + (tasks - 1) * (4 - 4 * share)
    used = [index for task in built for index in task.train_indices.tolist()]
    assert len(used) == len(set(used))
    assert set(used) == {index for task in repeated for index in task.train_indices.tolist()}
    for task in repeated:
        assert np.bincount(task.training().labels).tolist() == [11] * 4
    for label in range(16):
        counts = [int((made.train.labels[task.train_indices] == label).sum()) for task in built if label in task.classes]
        assert not counts or max(counts) - min(counts) <= 1


@pytest.mark.parametrize("order", [0, 1, 7])
def test_noise_grows_from_place_to_place_in_every_order(order):
    """Images of grey 128, so that the noise is clipped at 5 deviations or more only.

    A set has 32,000 pixels or more: its sample deviation has a standard error of 0.4 % at most, its mean one of
    deviation / sqrt(pixels). 12 noisy sets with bounds of 6 standard errors on both fail by chance with 5e-8, and a level
    that is 5 % off is found with probability above 1 - 1e-8.
    """
    grey = made_dataset(10, 40, 10, (40, 40))
    grey = type(grey)("grey", grey.classes, *(type(part)(np.full_like(part.images, 128), part.labels) for part in (grey.train, grey.test)))
    built = CorruptedSplit(max_noise=0.1, validation_share=0.5).build(grey, 1, order)
    for place, task in enumerate(built):
        for part in parts(task):
            # Rounding to whole grey values adds a variance of 1/12, where there is noise.
            expected = math.hypot(255 * 0.1 * place / 4, math.sqrt(1 / 12)) if place else 0.0
            noise = part.images.astype(float) - 128
            assert abs(noise.std() - expected) <= 6 * expected / math.sqrt(2 * noise.size)
            assert abs(noise.mean()) <= 6 * expected / math.sqrt(noise.size)
    noisy = [part.images.ravel()[:1000] for part in parts(built[4])]
    assert not np.array_equal(noisy[0], noisy[1]) and not np.array_equal(noisy[1], noisy[2])


def test_noise_does_not_wrap_around():
    extremes = made_dataset(2, 50, 10, (10, 10))
    extremes = type(extremes)("bw", extremes.classes, *(
        type(part)(np.where(np.arange(100).reshape(10, 10) % 2, 255, 0).astype(np.uint8) + np.zeros_like(part.images), part.labels)
        for part in (extremes.train, extremes.test)
    ))
    images = CorruptedSplit(tasks=2, max_noise=0.1).build(extremes)[1].training().images.reshape(-1, 100)
    assert images[:, 0::2].max() < 200 and images[:, 1::2].min() > 55


def test_domains_are_the_data_sets():
    built = Domains().build(FOUR, 4)
    assert [task.dataset.name for task in built] == [dataset.name for dataset in FOUR]
    assert all(task.classes == tuple(range(10)) for task in built)
    assert built.name == "domains-a+bb+ccc+dddd"


SHARED = CorrelatedSplit(tasks=3, classes_per_task=2, common=1, examples="divided")
REFUSED = {
    "classes that do not divide": (lambda: Split(tasks=3).build(MADE), "10 classes do not divide into 3 tasks .*choose 1, 2, 5, 10 tasks"),
    "permuted split": (lambda: Permuted(tasks=4, split=True).build(MADE), "do not divide into 4"),
    "no tasks": (lambda: Permuted(tasks=0), "number of tasks is 0; give a whole number of at least 1"),
    "half a task": (lambda: Rotated(tasks=2.5), "number of tasks is 2.5; give a whole number"),
    "validation above 1": (lambda: Split(validation_share=1.1), r"validation share is 1.1, outside \[0, 1\]"),
    "all for validation": (lambda: Split(validation_share=1.0).build(MADE), "takes all; choose a smaller validation_share"),
    "no share": (lambda: Split(validation_share=math.nan), "give a number between 0 and 1"),
    "share in common": (lambda: CorrelatedSplit(common=1.5), r"share of classes in common is 1.5, outside \[0, 1\]"),
    "a third of two": (lambda: CorrelatedSplit(common=1 / 3).build(MADE), "0.333333 of 2 classes is no whole number.*multiple of 1/2"),
    "too many windows": (lambda: build("correlated-split", tasks=5), "need 12 classes .* are 10; choose fewer tasks"),
    "unknown use": (lambda: CorrelatedSplit(examples="divide"), r"unknown use of examples 'divide' \(did you mean 'divided'\?\)"),
    "unknown class order": (lambda: Split(class_order="nature"), r"unknown class order 'nature' \(did you mean 'natural'"),
    "too few examples": (lambda: SHARED.build(made_dataset(train=2)), "class 0 has 2 training images for 3"),
    "too few for training": (
        lambda: build("split", train_examples=37), "37 training examples .* need 19 .*, but class 0 of task 0 has 18"
    ),
    "too few for tests": (
        lambda: build("split", test_examples=2001), "need 1001 of each class.*choose a smaller test_examples"
    ),
    "nothing to test": (lambda: build("split", test_examples=0), "number of test examples"),
    "noise": (lambda: CorruptedSplit(max_noise=2), "greatest noise is 2, outside"),
    "angle": (lambda: Rotated(max_angle=-5), "greatest angle is -5, outside"),
    "switch": (lambda: Permuted(split="yes"), "split is 'yes'; give True or False"),
    "one domain": (lambda: Domains().build(MADE), "two or more different data sets"),
    "shapes": (lambda: Domains().build([MADE, FOUR[0]]), r"one shape, not \{'made': \(5, 4\), 'a': \(4, 4\)\}"),
    "several": (lambda: Split().build(FOUR), "made of one data set, not of 4"),
    "seed": (lambda: Split().build(MADE, seed=-1), "the seed is -1; give a whole number of at least 0"),
    "order": (lambda: Split().build(MADE, order=-1), "the order is -1"),
    "order beyond all": (lambda: Split(tasks=2).build(MADE, order=2), "order 2 of 2 does not exist: there are only 2"),
    "no training part": (lambda: Split().build(type(MADE)("x", MADE.classes, None, MADE.test)), "x has no training part here"),
    "unknown kind": (lambda: stream("spilt-mnist"), r"unknown stream 'spilt-mnist' \(did you mean 'split-mnist'\?\)"),
    "unknown option": (lambda: stream("split-digits", task=5), r"unknown split stream option 'task' \(did you mean 'tasks'"),
}


test_refused = refusals(REFUSED)


def test_streams_by_name():
    built = stream("corrupted-split-digits", seed=2, order=1, tasks=2, max_noise=0.1)
    assert built.name == "corrupted-split-digits" and built.options == CorruptedSplit(tasks=2, max_noise=0.1)
    assert built.image_shape == (8, 8) and len(built.notes) == 1 and "Own parts" in built.notes[0]
    assert sum(len(task.train_indices) + len(task.validation_indices) for task in built) == 1438


def test_a_stream_over_real_domains(real_data):
    built = stream("domains-mnist+fashion-mnist+kmnist", root=real_data, download=False, own_parts=True)
    assert [len(task.train_indices) + len(task.validation_indices) for task in built][:2] == [60_000, 60_000]
    assert built.image_shape == (28, 28) and all(task.classes == tuple(range(10)) for task in built)
    assert abs(built[1].training().images.mean() / 255 - 0.286) < 0.002
