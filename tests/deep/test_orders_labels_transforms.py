"""Orders, output units in the three scenarios, and what transforms do to images."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from made_data import made_dataset

from deep.streams import CorrelatedSplit, Domains, Permuted, Split, ordering, stream, transforms
from deep.streams.transforms import SLOW, Noise, Permutation, Rotation
from deep.training.config import RunConfig
from deep.training.run import train_run
from theory.errors import InputError

MADE = made_dataset()


@given(length=st.integers(4, 30), seed=st.integers(0, 2**40))
def test_eleven_different_orders(length, seed):
    orders = [ordering(length, order, seed) for order in range(11)]
    assert orders[0] == tuple(range(length))
    assert all(sorted(order) == list(range(length)) for order in orders)
    assert len(set(orders)) == 11


def test_every_order_of_a_short_stream_is_reached():
    assert len({ordering(3, order, 1) for order in range(6)}) == 6
    with pytest.raises(InputError, match="order 6 of 3 does not exist: there are only 6 different orders"):
        ordering(3, 6, 1)
    assert ordering(10, 1, 0) != ordering(10, 1, 1)


def test_domain_incremental_labels():
    view = Split().build(MADE).view("domain")
    assert view.heads == (0,) * 5 and view.sizes == (2,) and view.units == ((0, 1),) * 5
    unequal = Domains().build([MADE, made_dataset(8, name="eight")])
    with pytest.raises(InputError, match=r"share their outputs, but have \[10, 8\] classes"):
        unequal.view("domain")


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


@pytest.mark.parametrize("built", [Permuted(tasks=3).build(MADE), Domains().build([MADE, made_dataset(name="b"), made_dataset(name="c")])])
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
