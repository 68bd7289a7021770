"""Where data sets are looked for, and what is said about those that are absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_data import made_dataset
from made_files import content, idx_bytes, read, small, write

from deep.data import load, names, resolve_root, survey, with_own_parts
from deep.data.locations import DataRoot
from theory.errors import InputError


def test_the_named_root_precedes_the_environment(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.setenv("DRIFTLAW_DATA", str(tmp_path / "a"))
    assert resolve_root(tmp_path / "b").path == tmp_path / "b"
    assert resolve_root() == DataRoot(tmp_path / "a", "DRIFTLAW_DATA")
    monkeypatch.delenv("DRIFTLAW_DATA")
    assert resolve_root().chosen_by == "the default cache folder" and "driftlaw" in str(resolve_root().path)


def test_a_root_that_is_no_folder(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="missing' .--data-root.*; create it or name another"):
        resolve_root(tmp_path / "missing")
    monkeypatch.setenv("DRIFTLAW_DATA", str(tmp_path / "typo"))
    with pytest.raises(InputError, match="typo' .DRIFTLAW_DATA. is no folder"):
        resolve_root()


def test_an_unknown_data_set_suggests_the_nearest():
    with pytest.raises(InputError, match="'CIFAR100'.*'cifar-100'.*digits, mnist"):
        load("CIFAR100")


@pytest.mark.parametrize("name", [name for name in names() if name != "digits"])
def test_an_absent_data_set_says_what_to_put_where(tmp_path, name):
    with pytest.raises(InputError) as caught:
        load(name, tmp_path, download=False)
    message = str(caught.value)
    layouts = small(name).layouts
    for layout in layouts:
        assert all(str(tmp_path / folder) in message for folder in layout.folders)
        assert all(file.name in message for files in layout.files.values() for file in files)
        assert layout.archive is None or f"{layout.archive.name} into {tmp_path}" in message
    assert "is absent" in message and "DRIFTLAW_DATA" in message and "published at http" in message


def test_a_part_that_lacks_a_file(tmp_path):
    source = small("mnist")
    folder = tmp_path / "MNIST" / "raw"
    write(folder, idx_bytes(source, "test"))
    files = idx_bytes(source, "train")
    write(folder, {"train-images-idx3-ubyte": files["train-images-idx3-ubyte"]})
    with pytest.raises(
        InputError, match=r"the training part of MNIST is absent .*MNIST/raw lacks train-labels-idx1-ubyte"
    ):
        read(source, tmp_path)


def test_without_a_test_part_there_is_no_data_set(tmp_path):
    source = small("mnist")
    write(tmp_path / "MNIST" / "raw", idx_bytes(source, "train"))
    with pytest.raises(
        InputError, match="the test part of MNIST is absent.*put t10k-images-idx3-ubyte, t10k-labels"
    ):
        read(source, tmp_path)


def test_only_the_test_part(tmp_path):
    source = small("kmnist", {"train": 40, "test": 60})
    write(tmp_path / "KMNIST" / "raw", idx_bytes(source, "test"))
    dataset = read(source, tmp_path)
    assert dataset.train is None and len(dataset.test) == 60
    assert "Only the test part of KMNIST" in dataset.notes[0]
    with pytest.raises(InputError, match="no training part here .*Only the test part.*own parts"):
        dataset.training_part()
    own = with_own_parts(dataset)
    assert (len(own.train), len(own.test)) == (50, 10) and own.notes[0] == dataset.notes[0]
    assert "60 official test images divided into 50 for training and 10 for testing" in own.notes[1]
    together = np.concatenate([own.train.images, own.test.images]).reshape(60, -1)
    official = content(source, "test")[0].reshape(60, -1)
    assert sorted(map(bytes, together)) == sorted(map(bytes, official))
    assert np.array_equal(np.bincount(own.test.labels), [1] * 10)
    assert with_own_parts(dataset).fingerprint == own.fingerprint
    with pytest.raises(InputError, match="has its official training part"):
        with_own_parts(own)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.99, 1.0])
def test_own_parts_leave_images_on_both_sides(share):
    with pytest.raises(InputError, match="choose a share"):
        made_dataset().train.divide(share)


def test_survey_lists_every_data_set(tmp_path):
    write(tmp_path / "KMNIST" / "raw", {"t10k-images-idx3-ubyte": b"", "t10k-labels-idx1-ubyte": b""}, ".gz")
    write(tmp_path / "MNIST" / "raw", {"t10k-images-idx3-ubyte": b""})
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"")
    found = {presence.name: presence for presence in survey(DataRoot(tmp_path, "test"))}
    assert tuple(found) == names()
    assert (
        found["digits"].absent == ()
        and found["cifar-10"].absent == ()
        and found["kmnist"].absent == ("train",)
    )
    assert str(found["cifar-10"].parts["test"].located) == str(tmp_path / "cifar-10-python.tar.gz")
    assert "t10k" not in found["kmnist"].instruction and "train-images" in found["kmnist"].instruction
    assert found["mnist"].absent == ("train", "test")
    assert found["mnist"].parts["test"].incomplete == (
        f"{tmp_path / 'MNIST' / 'raw'} lacks t10k-labels-idx1-ubyte",
    )
    for name in ("fashion-mnist", "qmnist", "cifar-100"):
        assert found[name].absent == ("train", "test") and str(tmp_path) in found[name].instruction


def test_digits_are_embedded():
    digits = load("digits", Path("/no such folder"))
    assert (len(digits.train), len(digits.test)) == (1438, 359)
    assert (
        digits.image_shape == (8, 8) and digits.train.images.max() == 255 and digits.train.images.min() == 0
    )
    assert "1,797 images divided" in digits.notes[0]
    every = np.bincount(np.concatenate([digits.train.labels, digits.test.labels]))
    assert every.tolist() == [
        178,
        182,
        177,
        183,
        181,
        182,
        181,
        179,
        174,
        180,
    ]  # scikit-learn's documentation
    assert np.abs(np.bincount(digits.test.labels) - 0.2 * every).max() <= 0.5
    assert load("digits").fingerprint == digits.fingerprint
