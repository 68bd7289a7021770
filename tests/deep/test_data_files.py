"""Every layout, compressed or not, gives back what was written; for damaged and mislabelled files the error names file, reason and remedy."""

import dataclasses
import itertools
import pickle
from pathlib import Path

import numpy as np
import pytest
from made_files import ARCHIVES, COMPRESS, LAYOUTS, binary_bytes, content, folder_of, idx, made, put, read, small, write, write_archive
from scaffold import assert_refused, raising

from deep.data.contents import CHECKED, UNCHECKED
from deep.data.sources import SOURCES, Source

IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
QMNIST = "qmnist-test-labels-idx2-int"
CASES = [(*layout, ending) for layout in LAYOUTS for ending in (*COMPRESS, *(ARCHIVES if layout[1] != "idx" else ()))]


def check(source, root: Path, checked: str = UNCHECKED) -> None:
    dataset = read(source, root)
    for name, part in (("train", dataset.train), ("test", dataset.test)):
        images, labels = content(source, name)
        assert part.images.dtype == np.uint8 and part.labels.dtype == np.int64
        assert np.array_equal(part.images, images) and np.array_equal(part.labels, labels)
        for array in (part.images, part.labels):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
    assert {record.checked for record in dataset.files} == {checked} and not dataset.notes
    assert {record.part for record in dataset.files} == {"train", "test"}


@pytest.mark.parametrize(("name", "kind", "ending"), CASES)
def test_files_and_archives(tmp_path, name, kind, ending):
    source, files = made(name, kind)
    put(tmp_path, source, kind, files, ending)
    check(source, tmp_path, CHECKED if kind == "pickled" else UNCHECKED)


@pytest.mark.parametrize("folder", ["FashionMNIST/raw", "FashionMNIST", "fashion-mnist"])
@pytest.mark.parametrize("suffix", COMPRESS)
def test_every_folder_and_the_names_of_mirrors(tmp_path, folder, suffix):
    source, files = made("fashion-mnist", "idx")
    write(tmp_path / folder, {name.replace("-idx", ".idx"): data for name, data in files.items()}, suffix)
    check(source, tmp_path)


class _RunsCode:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("ending", ["", ".tar"])
@pytest.mark.parametrize("sums", [False, True])
def test_pickles_cannot_run_code(tmp_path, ending, sums):
    """Nothing is unpickled that has not the published checksum."""
    source, files = made("cifar-10", "pickled")
    path = tmp_path / "was run"
    attacked = files | {"data_batch_3": pickle.dumps({"data": _RunsCode(path)})}
    put(tmp_path, source, "pickled", attacked, ending)
    assert_refused(lambda: read(source if sums else small("cifar-10"), tmp_path), "data_batch_[13].*; .*(obtain|put)")
    assert not path.exists()
    pickle.loads(attacked["data_batch_3"])  # the attack works on an ordinary unpickler
    assert path.exists()


def test_a_layout_with_all_files_is_preferred_to_an_incomplete_one(tmp_path):
    source, files = made("cifar-10", "pickled")
    write(tmp_path / folder_of(source, "binary"), {"data_batch_1.bin": b""})
    put(tmp_path, source, "pickled", files)
    check(source, tmp_path, CHECKED)


def written(tmp_path: Path, name: str, ending: str = "") -> tuple[Source, Path]:
    """Write an intact data set, read it once, and return its source and place."""
    kind = "binary" if name.startswith("cifar") else "idx"
    source, files = made(name, kind)
    place = put(tmp_path, source, kind, files, ending)
    read(source, tmp_path)
    return source, place


def full(shape: tuple[int, ...], kind: type, value: int = 0):
    return lambda data: idx(np.full(shape, value, kind))


def with_byte(place: int, value: int):
    return lambda data: data[:place] + bytes([value]) + data[place + 1 :]


# Data set, file, what becomes of its bytes, what the error names besides the file and a remedy.
TEN, BIN = "cifar-10", "test_batch.bin"
DAMAGES = {
    "empty": ("mnist", IMAGES, lambda data: b"", "0x00000803"),
    "truncated": ("mnist", IMAGES, lambda data: data[:-1], "truncated.*15,695 .*15,696"),
    "too long": ("mnist", LABELS, lambda data: data + b"\0", "too long.*29 .*28"),
    "no idx": ("mnist", IMAGES, lambda data: b"PK\x03\x04" + data, "0x504b0304.*0x00000803"),
    "five dimensions": ("mnist", IMAGES, with_byte(3, 5), "0x00000805"),
    "labels as images": ("mnist", IMAGES, full((20,), np.uint8), "0x00000801.*swapped"),
    "images as labels": ("mnist", LABELS, full((20, 28, 28), np.uint8), "0x00000803.*swapped"),
    "fewer labels": ("mnist", LABELS, full((19,), np.uint8), r"\(19,\).*\(20,\)"),
    "label too great": ("mnist", LABELS, with_byte(15, 10), r"10 of image 7 .*0\.\.9 \(1 such"),
    "other shape": ("mnist", IMAGES, full((20, 32, 32), np.uint8), r"\(20, 32, 32\).*\(20, 28, 28\)"),
    "seven columns": ("qmnist", QMNIST, full((20, 7), np.int32), r"\(20, 7\).*\(20, 8\)"),
    "negative label": ("qmnist", QMNIST, full((20, 8), np.int32, -1), r"-1 of image 0 .*20 such"),
    "half a record": (TEN, BIN, lambda data: data[:-1], "61,459 .*20 .*3,073"),
    "record missing": (TEN, "data_batch_2.bin", lambda data: data[:-3073], "8 .*3,073"),
    "class too great": (TEN, "data_batch_3.bin", with_byte(3073, 10), r"label 10 of image 1 .*0\.\.9"),
    "half copied": (TEN, BIN, lambda data: data[:30730] + bytes(30730), "class 0 has 11 .* 2 of every"),
    "fine label": ("cifar-100", "test.bin", with_byte(1, 100), r"label 100 of image 0 .*0\.\.99"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files(tmp_path, damage):
    name, file, change, reason = DAMAGES[damage]
    source, folder = written(tmp_path, name)
    (folder / file).write_bytes(change((folder / file).read_bytes()))
    assert_refused(lambda: read(source, tmp_path), f"{folder / file}: .*{reason}.*; .*(put|obtain)")
    assert [name for name, source in SOURCES.items() if not source.balanced] == ["mnist", "qmnist"]


def keep(share: float):
    return lambda data: data[: int(len(data) * share)]


def flip(data: bytes) -> bytes:
    return with_byte(len(data) // 2, data[len(data) // 2] ^ 0x55)(data)


def no_block(data: bytes) -> bytes:
    return data[:10] + b"\xff" * 40  # behind the header, an invalid block


# A flipped bit in an archive shows by its published checksum alone, below.
DAMAGED = [*itertools.product((".gz", ".xz", ".tar.gz"), (keep(0.0), keep(0.3), keep(0.95), no_block)), (".gz", flip), (".xz", flip)]


@pytest.mark.parametrize(("ending", "change"), DAMAGED)
def test_damaged_compressed_files_and_archives(tmp_path, ending, change):
    source, place = written(tmp_path, "cifar-10" if ending == ".tar.gz" else "mnist", ending)
    path = place if place.is_file() else place / f"{IMAGES}{ending}"
    path.write_bytes(change(path.read_bytes()))
    assert_refused(lambda: read(source, tmp_path), f"{path}: .*; .*(obtain|put)")


def test_fine_labels_that_contradict_coarse_ones(tmp_path):
    """A class of CIFAR-100 belongs to one group of classes, so that exchanged labels show."""
    source, folder = written(tmp_path, "cifar-100")
    larger = dataclasses.replace(source, counts={"train": 40, "test": 200})
    write(folder, binary_bytes(larger, "test"))
    read(larger, tmp_path)
    records = np.frombuffer((folder / "test.bin").read_bytes(), np.uint8).reshape(200, 3074).copy()
    records[[0, 1], 1] = records[[1, 0], 1]
    (folder / "test.bin").write_bytes(records.tobytes())
    assert_refused(lambda: read(larger, tmp_path), "test.bin: .*class [0-9]+ have 2 .*coarse labels.*; put")


def test_the_test_part_in_the_place_of_the_training_part(tmp_path):
    """Twice, so that the number of images is right; a few common images are in official parts too."""
    source, folder = written(tmp_path, "cifar-100")
    test, train = (folder / "test.bin").read_bytes(), (folder / "train.bin").read_bytes()
    (folder / "train.bin").write_bytes(test[: 10 * 3074] + train[10 * 3074 :])
    read(source, tmp_path)
    (folder / "train.bin").write_bytes(test[: 11 * 3074] + train[11 * 3074 :])
    assert_refused(lambda: read(source, tmp_path), "train.bin and .*test.bin: 11 of the 20 test images .*put")


@pytest.mark.parametrize(("above", "empty"), [("", ""), ("../", ""), ("", BIN)])
def test_an_archive_that_lacks_a_file_or_has_it_elsewhere_or_as_a_folder(tmp_path, above, empty):
    source, files = made("cifar-10", "binary")
    if not above:
        del files[BIN]
    path = tmp_path / "cifar-10-binary.tar.gz"
    write_archive(path, f"{above}cifar-10-batches-bin", files, empty=empty)
    assert_refused(lambda: read(source, tmp_path), f"{path}: .*lacks cifar-10-batches-bin/[a-z_1]*batch.*; obtain")


@pytest.mark.parametrize(("name", "kind", "ending", "packed"), [
    *(("mnist", "idx", suffix, False) for suffix in ("", ".gz", ".xz")),
    ("kmnist", "idx", ".gz", True),
    *(("cifar-10", kind, ".tar.gz", True) for kind in ("binary", "pickled")),
])
def test_published_checksums(tmp_path, name, kind, ending, packed):
    """Of contents, or of files and archives as they are downloaded; a change that keeps to the layout shows."""
    source, files = made(name, kind)
    put(tmp_path, source, kind, files, ending)
    source = small(name, packed={path.name: path.read_bytes() for path in tmp_path.rglob("*.gz")}) if packed else small(name, md5=files)
    assert {record.checked for record in read(source, tmp_path).files} == {CHECKED}
    changed = next(file for file in files if file.startswith(("t10k-labels", "test")))
    put(tmp_path, source, kind, files | {changed: flip(files[changed])}, ending)
    assert_refused(lambda: read(source, tmp_path), r"(t10k-labels|cifar-10-).*: checksum mismatch, MD5 \w+ where \w+ is published.*; obtain")


@pytest.mark.parametrize(("name", "kind", "downloaded", "own"), [("kmnist", "idx", ".gz", ""), ("cifar-10", "binary", ".tar.gz", ".tar")])
def test_files_of_ones_own_have_no_published_checksum(tmp_path, name, kind, downloaded, own):
    source, files = made(name, kind)
    put(tmp_path, source, kind, files, own)
    source = small(name, packed=dict.fromkeys((*files, f"{name}-binary{downloaded}"), b"as published"))
    assert {record.checked for record in read(source, tmp_path).files} == {UNCHECKED}


def test_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    source, _ = written(tmp_path, "mnist")
    monkeypatch.setattr(Path, "read_bytes", raising(PermissionError(13, "Permission denied")))
    assert_refused(lambda: read(source, tmp_path), "train-images-idx3-ubyte: .*denied.*; correct its permissions")
