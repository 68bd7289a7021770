"""What every kind of stream promises, and what each is named for; orders, output units in the three scenarios, what transforms do to images."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scaffold import assert_refused, refusals

from deep.streams import ORDERS, CorrelatedSplit, CorruptedSplit, Domains, Permuted, Rotated, Split, ordering, transforms
from deep.streams.transforms import SETS, SLOW, Noise, Permutation, Rotation
from driftlaw import RunConfig, stream, train_run
from driftlaw.testing.contracts.streams import made_dataset

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


@given(kind=MEANT_AS_IS, seed=st.integers(0, 2**40), order=st.integers(0, 10), share=st.sampled_from([0.0, 0.1, 0.25, 0.8]))
def test_every_class_is_divided_alike_and_used_up(kind, seed, order, share):
    held = round(share * 20)
    for task in build(kind, seed, order, validation_share=share):
        assert np.bincount(task.dataset.train.labels[task.validation_indices], minlength=10)[list(task.classes)].tolist() == [held] * len(task.classes)
        assert len(task.test_indices) == 5 * len(task.classes)
        if kind != "correlated-split":  # which divides a class among tasks
            assert np.bincount(task.training().labels).tolist() == [20 - held] * len(task.classes)


@pytest.mark.parametrize("kind", OPTIONS)
def test_orders_are_different_streams_and_number_0_is_the_identity(kind):
    streams = [build(kind, 3, order) for order in range(ORDERS)]
    assert len({built.fingerprint for built in (*streams, build(kind, 4))}) == ORDERS + 1
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
test_refused = refusals([
    (lambda: Split(tasks=3).build(MADE), "10 classes do not divide into 3 tasks .*choose 1, 2, 5, 10 tasks"),
    (lambda: Permuted(tasks=4, split=True).build(MADE), "do not divide into 4"),
    (lambda: Split(validation_share=1.0).build(MADE), "takes all; choose a smaller validation_share"),
    (lambda: CorrelatedSplit(common=1 / 3).build(MADE), "0.333333 of 2 classes is no whole number.*multiple of 1/2"),
    (lambda: build("correlated-split", tasks=5), "need 12 classes .* are 10; choose fewer tasks"),
    (lambda: SHARED.build(made_dataset(train=2)), "class 0 has 2 training images for 3"),
    (lambda: build("split", train_examples=37), "37 training examples .* need 19 .*, but class 0 of task 0 has 18"),
    (lambda: build("split", test_examples=2001), "need 1001 of each class.*choose a smaller test_examples"),
    (lambda: Domains().build(MADE), "two or more different data sets"),
    (lambda: Domains().build([MADE, FOUR[0]]), r"one shape, not \{'made': \(5, 4\), 'a': \(4, 4\)\}"),
    (lambda: Split().build(FOUR), "made of one data set, not of 4"),
    (lambda: Split().build(MADE, seed=-1), "the seed is -1; give a whole number of at least 0"),
    (lambda: Split().build(MADE, order=-1), "the order is -1"),
    (lambda: Split().build(type(MADE)("x", MADE.classes, None, MADE.test)), "x has no training part here"),
    (lambda: stream("spilt-mnist"), r"unknown stream 'spilt-mnist' \(did you mean 'split-mnist'\?\)"),
    (lambda: stream("split-digits", task=5), r"unknown split stream option 'task' \(did you mean 'tasks'"),
])


def test_streams_by_name():
    built = stream("corrupted-split-digits", seed=2, order=1, tasks=2, max_noise=0.1)
    assert built.name == "corrupted-split-digits" and built.options == CorruptedSplit(tasks=2, max_noise=0.1)
    assert built.image_shape == (8, 8) and len(built.notes) == 1 and "Own division" in built.notes[0]
    assert sum(len(task.train_indices) + len(task.validation_indices) for task in built) == 1438


def test_a_stream_over_real_domains(real_data):
    built = stream("domains-mnist+fashion-mnist+kmnist", root=real_data, download=False, own_parts=True)
    assert [len(task.train_indices) + len(task.validation_indices) for task in built][:2] == [60_000, 60_000]
    assert built.image_shape == (28, 28) and all(task.classes == tuple(range(10)) for task in built)
    assert abs(built[1].training().images.mean() / 255 - 0.286) < 0.002


@given(length=st.integers(4, 30), seed=st.integers(0, 2**40))
def test_eleven_different_orders(length, seed):
    orders = [ordering(length, order, seed) for order in range(11)]
    assert orders[0] == tuple(range(length))
    assert all(sorted(order) == list(range(length)) for order in orders)
    assert len(set(orders)) == 11


def test_every_order_of_a_short_stream_is_reached():
    assert len({ordering(3, order, 1) for order in range(6)}) == 6
    assert_refused(lambda: ordering(3, 6, 1), "order 6 of 3 does not exist: there are only 6 different orders")
    assert ordering(10, 1, 0) != ordering(10, 1, 1)


def test_domain_incremental_labels():
    view = Split().build(MADE).view("domain")
    assert view.heads == (0,) * 5 and view.sizes == (2,) and view.units == ((0, 1),) * 5
    unequal = Domains().build([FOUR[0], made_dataset(8, name="eight")])
    assert_refused(lambda: unequal.view("domain"), r"share their outputs, but have \[10, 8\] classes")


@given(order=st.integers(0, 10))
def test_class_incremental_labels_count_by_first_appearance(order):
    built = Split().build(MADE, 0, order)
    view = built.view("class")
    assert view.heads == (0,) * 5 and view.sizes == (10,)
    assert view.units == tuple((2 * task, 2 * task + 1) for task in range(5))
    assert view.candidates(1, 1) == (0, 1, 2, 3) and view.candidates(0, 2) == tuple(range(6))
    assert view.candidates(4, 0) == tuple(range(10))
    labels = built[2].training().labels
    assert np.array_equal(view.targets(2, labels), labels + 4) and view.targets(2, labels).dtype == np.int64


def test_classes_in_common_share_their_unit():
    view = CorrelatedSplit(tasks=3, classes_per_task=4, common=0.5).build(MADE, 0, 2).view("class")
    assert view.units == ((0, 1, 2, 3), (2, 3, 4, 5), (4, 5, 6, 7)) and view.sizes == (8,)
    assert view.candidates(0, 1) == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize("built", [Permuted(tasks=3).build(MADE), Domains().build(FOUR[:3])])
def test_domains_have_their_own_classes(built):
    assert built.view("class").sizes == (30,) and built.view("domain").sizes == (10,)


IMAGES = np.random.default_rng(0).integers(0, 256, (12, 6, 6), dtype=np.uint8)


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, 1), (180, 2), (270, 3)])
def test_rotation_by_right_angles(degrees, turns):
    assert np.array_equal(Rotation(degrees)(IMAGES, "train"), np.rot90(IMAGES, turns, axes=(1, 2)))


def test_rotation_by_45_degrees_is_a_linear_interpolation():
    """One bright pixel at the centre of 3 x 3 stays; a side pixel goes to two corners at cos(45) of the way."""
    image = np.zeros((1, 3, 3), np.uint8)
    image[0, 1, 1] = 200
    turned = Rotation(45)(image, "train")[0].astype(int)
    side = round(200 * (1 - math.sqrt(0.5)) ** 2)
    assert turned.tolist() == [[0, side, 0], [side, 200, side], [0, side, 0]]


def test_rotation_of_colours_is_that_of_each_colour():
    coloured = np.stack([IMAGES, IMAGES[::-1]], axis=-1)
    turned = Rotation(33.0)(coloured, "train")
    assert np.array_equal(turned[..., 1], Rotation(33.0)(IMAGES[::-1], "train"))
    assert np.array_equal(turned[..., 0], Rotation(33.0)(IMAGES, "train"))


def test_memory_chunks_do_not_change_the_noise(monkeypatch):
    whole = Noise(0.2, 1, 2)(IMAGES, "train")
    monkeypatch.setattr(transforms, "_CHUNK", 5)
    assert np.array_equal(Noise(0.2, 1, 2)(IMAGES, "train"), whole)
    assert not np.array_equal(Noise(0.2, 1, 2)(IMAGES, "test"), whole) and not np.array_equal(whole, IMAGES)


@pytest.mark.parametrize("transform", [Rotation(10.0), Permutation(0, 1), Noise(0.1, 0, 1), Noise(0.0, 0, 1)])
def test_transforms_leave_their_input_and_take_empty_parts(transform):
    before = IMAGES.copy()
    before.flags.writeable = False
    assert transform(before, "train").dtype == np.uint8
    assert np.array_equal(before, IMAGES)
    assert transform(IMAGES[:0], "validation").shape == (0, 6, 6)


@pytest.mark.parametrize("kind", ["rotated", "corrupted-split"])
def test_slow_transforms_meet_every_image_once(monkeypatch, kind):
    """The fingerprint looks at all images before the first is trained on; what it has made is not made again."""
    seen = []
    for transform in SLOW:
        original = transform.__call__
        monkeypatch.setattr(transform, "__call__", lambda self, images, which, original=original: seen.append(len(images)) or original(self, images, which))
    made = stream(f"{kind}-digits", train_examples=100)
    train_run(RunConfig(stream=f"{kind}-digits", stream_options={"train_examples": 100}, epochs=1, probe_examples=0), made)
    assert sum(seen) == sum(len(part) for task in made for part in (task.train_indices, task.validation_indices, task.test_indices))


def test_images_beyond_the_limit_are_not_kept(monkeypatch):
    monkeypatch.setattr("deep.streams.task.KEPT", 1000)
    task = stream("rotated-digits", train_examples=100)[0]
    assert task.training() is not task.training()
    np.testing.assert_array_equal(task.training().images, task.training().images)


def test_what_an_average_over_tasks_is_worth():
    """Images of disjoint tasks add up; the same images in every task count once."""
    split, permuted = (stream(name).evaluated("test") for name in ("split-digits", "permuted-digits"))
    assert sum(split["images"]) == 359 and split["worth"] == pytest.approx(25 / sum(1 / count for count in split["images"]))
    assert set(permuted["images"]) == {359} and permuted["worth"] == pytest.approx(359)
