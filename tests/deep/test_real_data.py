"""The real files: official checksums, counts, published moments; skipped where they are absent."""

import hashlib

import numpy as np
import pytest
from scaffold import assert_refused

from deep.data import load
from deep.data.contents import CHECKED
from deep.data.locations import search
from deep.data.registry import read_part
from deep.data.sources import SOURCES

# Mean grey value / 255 of the training images, as used for normalisation throughout the field.
MEANS = {"mnist": 0.1307, "fashion-mnist": 0.2860}
MNIST_CLASSES = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def found(real_data, name: str, part: str):
    located = search(SOURCES[name], part, real_data).located
    if located is None:
        pytest.skip(f"{name} has no {part} part under {real_data}")
    return located


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist", "qmnist"])
def test_published_checksums_of_the_files(real_data, name):
    compared = 0
    for part in ("train", "test"):
        located = search(SOURCES[name], part, real_data).located
        for path, _, packed in located.files if located else ():
            if path.suffix == ".gz":
                assert hashlib.md5(path.read_bytes()).hexdigest() == packed
                compared += 1
    if not compared:
        pytest.skip(f"{name} is absent or was decompressed")


@pytest.mark.parametrize("name", MEANS)
def test_complete_members_of_the_mnist_family(real_data, name):
    found(real_data, name, "train")
    dataset = load(name, real_data, download=False)
    assert dataset.train.images.shape == (60_000, 28, 28) and dataset.test.images.shape == (10_000, 28, 28)
    assert {record.checked for record in dataset.files} == {CHECKED} and not dataset.notes
    assert abs(dataset.train.images.mean() / 255 - MEANS[name]) < 5e-5
    assert np.bincount(dataset.train.labels).tolist() == (MNIST_CLASSES if name == "mnist" else [6000] * 10)


def test_cifar_100(real_data):
    """Training and test images, the colour means printed with the files, and the names of the classes."""
    located = found(real_data, "cifar-100", "train")
    train, _ = read_part(SOURCES["cifar-100"], "train", located)
    assert train.images.shape == (50_000, 32, 32, 3) and np.bincount(train.labels).tolist() == [500] * 100
    means = [train.images[..., colour].mean() / 255 for colour in range(3)]
    assert np.allclose(means, [0.50708, 0.48655, 0.44092], atol=1e-5)
    test, _ = read_part(SOURCES["cifar-100"], "test", found(real_data, "cifar-100", "test"))
    assert test.images.shape == (10_000, 32, 32, 3) and np.bincount(test.labels).tolist() == [100] * 100
    names = located.place / "fine_label_names.txt"
    if names.is_file():
        assert tuple(names.read_text().split()) == SOURCES["cifar-100"].classes


def test_a_data_set_in_the_place_of_another(real_data, tmp_path):
    """Fashion-MNIST has the shapes and labels of MNIST; only the checksum tells the two apart."""
    located = found(real_data, "fashion-mnist", "train")
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for path in located.place.iterdir():
        (folder / path.name).symlink_to(path)
    assert_refused(lambda: load("mnist", tmp_path, download=False), r"MNIST/raw/t?.*idx.*: .*MD5 \w+ where \w+ is published")
