"""Damaged and mislabelled files: the error names the file, the reason and a remedy."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from made_files import COUNTS, binary_bytes, content, idx, idx_bytes, pickled_bytes, small, write, write_archive

from deep.data.locations import DataRoot
from deep.data.reader import CHECKED, read_source
from deep.data.source import Source
from deep.data.sources import SOURCES
from theory.errors import InputError

IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def read(source: Source, root: Path):
    return read_source(source, DataRoot(root, "test"), download=False)


def written(tmp_path: Path, name: str, suffix: str = "") -> tuple[Source, Path]:
    """Write an intact data set, read it once, and return its source and folder."""
    source = small(name)
    folder = tmp_path / source.layouts[0].folders[0]
    make = binary_bytes if name.startswith("cifar") else idx_bytes
    for part in COUNTS:
        write(folder, make(source, part), suffix)
    read(source, tmp_path)
    return source, folder


def labels_with(value: int, place: int) -> bytes:
    labels = content(small("mnist"), "test")[1].astype(np.uint8)
    labels[place] = value
    return idx(labels)


IMAGE_BYTES = idx_bytes(small("mnist"), "test")[IMAGES]
LABEL_BYTES = idx_bytes(small("mnist"), "test")[LABELS]

IDX_DAMAGES = {
    "empty": (IMAGES, b"", "0 bytes are too few"),
    "header cut": (IMAGES, IMAGE_BYTES[:9], "end within the IDX header"),
    "truncated": (IMAGES, IMAGE_BYTES[:-1], "truncated: the header promises 15,680 bytes.*there are 15,679"),
    "too long": (LABELS, LABEL_BYTES + b"\0", "too long: the header promises 20 bytes.*there are 21"),
    "no idx": (IMAGES, b"PK\x03\x04" + IMAGE_BYTES, "magic number is 0x504b0304"),
    "not zero": (IMAGES, b"\x01" + IMAGE_BYTES[1:], "magic number is 0x01000803"),
    "no dimensions": (IMAGES, b"\0\0\x08\0\0", "magic number is 0x00000800"),
    "five dimensions": (IMAGES, b"\0\0\x08\x05" + b"\0\0\0\x01" * 5 + b"\0", "magic number is 0x00000805"),
    "other kind": (IMAGES, IMAGE_BYTES[:2] + b"\x0d" + IMAGE_BYTES[3:], "magic number is 0x00000d03"),
    "labels as images": (IMAGES, LABEL_BYTES, "magic number 0x00000801.*images are three-dimensional.*swapped"),
    "images as labels": (LABELS, IMAGE_BYTES, "magic number 0x00000803.*labels are one-dimensional.*swapped"),
    "fewer labels": (LABELS, idx(np.zeros(19, np.uint8)), "20 images, but .* has 19 labels"),
    "label too great": (LABELS, labels_with(10, 7), r"label 10 of image 7 is outside 0\.\.9 \(1 such"),
    "other shape": (IMAGES, idx(np.zeros((20, 32, 32), np.uint8)), r"images of shape \(32, 32\).*\(28, 28\)"),
}


@pytest.mark.parametrize("damage", IDX_DAMAGES)
def test_damaged_idx(tmp_path, damage):
    name, data, reason = IDX_DAMAGES[damage]
    source, folder = written(tmp_path, "mnist")
    (folder / name).write_bytes(data)
    with pytest.raises(InputError, match=f"(?s)MNIST/raw.*{reason}.*; .*(put|obtain)"):
        read(source, tmp_path)


def test_another_count_than_official(tmp_path):
    source, folder = written(tmp_path, "mnist")
    other = dataclasses.replace(source, counts={"train": 40, "test": 21})
    with pytest.raises(InputError, match=r"t10k-images.*20 images, but the test part of MNIST has 21.*incomplete"):
        read(other, tmp_path)


def test_qmnist_labels_without_their_eight_columns(tmp_path):
    source, folder = written(tmp_path, "qmnist")
    (folder / "qmnist-test-labels-idx2-int").write_bytes(idx(np.zeros((20, 7), np.int32)))
    with pytest.raises(InputError, match="tables of 32-bit integers with 8 columns"):
        read(source, tmp_path)


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
@pytest.mark.parametrize("keep", [0.5, 0.0])
def test_truncated_compressed_files(tmp_path, suffix, keep):
    source, folder = written(tmp_path, "mnist", suffix)
    path = folder / f"{IMAGES}{suffix}"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(InputError, match=rf"{IMAGES}{suffix}.*(truncated or damaged|too few).*; obtain the file again"):
        read(source, tmp_path)


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_flipped_bits_in_compressed_files(tmp_path, suffix):
    source, folder = written(tmp_path, "mnist", suffix)
    path = folder / f"{IMAGES}{suffix}"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"{IMAGES}{suffix}: truncated or damaged.*; obtain"):
        read(source, tmp_path)


def test_compressed_data_that_make_no_sense(tmp_path):
    source, folder = written(tmp_path, "mnist", ".gz")
    path = folder / f"{LABELS}.gz"
    path.write_bytes(path.read_bytes()[:10] + b"\xff" * 40)  # behind the header, an invalid block
    with pytest.raises(InputError, match=f"{LABELS}.gz: truncated or damaged .*invalid block type.*; obtain"):
        read(source, tmp_path)


def _with_byte(data: bytes, place: int, value: int) -> bytes:
    return data[:place] + bytes([value]) + data[place + 1:]


CIFAR_DAMAGES = {
    "truncated": ("cifar-10", "test_batch.bin", lambda data: data[:-1], "no whole number of 3073-byte records"),
    "record missing": ("cifar-10", "data_batch_2.bin", lambda data: data[:-3073], "7 images, but the training part of CIFAR-10 has 8"),
    "label too great": ("cifar-10", "data_batch_3.bin", lambda data: _with_byte(data, 3073, 10), r"label 10 of image 1 is outside 0\.\.9"),
    "coarse label": ("cifar-100", "test.bin", lambda data: _with_byte(data, 0, 20), r"label 20 of image 0 is outside 0\.\.19"),
    "fine label": ("cifar-100", "test.bin", lambda data: _with_byte(data, 1, 100), r"label 100 of image 0 is outside 0\.\.99"),
    "ten classes in place of a hundred": ("cifar-100", "test.bin", lambda data: b"\0" * 3073 * 20, "no whole number of 3074-byte"),
}


@pytest.mark.parametrize("damage", CIFAR_DAMAGES)
def test_damaged_cifar_records(tmp_path, damage):
    name, file, change, reason = CIFAR_DAMAGES[damage]
    source, folder = written(tmp_path, name)
    path = folder / file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=f"{file}: .*{reason}.*; .*(put|obtain)"):
        read(source, tmp_path)


BATCH = {"data": np.zeros((20, 3072), np.uint8), "labels": [*range(10)] * 2}
BATCH_DAMAGES = {
    "truncated": (pickle.dumps(BATCH, 2)[:-100], "no readable batch"),
    "no pickle": (b"\x1f\x8b not a pickle", "no readable batch"),
    "a list": (pickle.dumps([1]), "holds a list"),
    "no labels": (pickle.dumps({"data": BATCH["data"]}), "no 'labels', only data"),
    "narrow": (pickle.dumps(BATCH | {"data": BATCH["data"][:, 1:]}), "no byte array with 3072 columns"),
    "labels of text": (pickle.dumps(BATCH | {"labels": ["0"] * 20}), "no list of whole numbers"),
    "fewer labels": (pickle.dumps(BATCH | {"labels": [0] * 19}), "20 images but 19 labels"),
    "label too great": (pickle.dumps(BATCH | {"labels": [0] * 19 + [10]}), r"label 10 of image 19 is outside 0\.\.9"),
    "negative label": (pickle.dumps(BATCH | {"labels": [-1] + [0] * 19}), r"label -1 of image 0 is outside 0\.\.9"),
}


@pytest.mark.parametrize("damage", BATCH_DAMAGES)
def test_damaged_cifar_batches(tmp_path, damage):
    data, reason = BATCH_DAMAGES[damage]
    source = small("cifar-10")
    folder = tmp_path / source.layouts[1].folders[0]
    for part in COUNTS:
        write(folder, pickled_bytes(source, part))
    (folder / "test_batch").write_bytes(pickle.dumps(BATCH))
    read(source, tmp_path)
    (folder / "test_batch").write_bytes(data)
    with pytest.raises(InputError, match=f"test_batch: .*{reason}.*; .*(put|obtain)"):
        read(source, tmp_path)


def test_a_part_that_was_half_copied(tmp_path):
    """Zeros are images of class 0; every class of the data sets that say so has as many images as any other."""
    source, folder = written(tmp_path, "cifar-10")
    path = folder / "test_batch.bin"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with pytest.raises(InputError, match="test_batch.bin: class 0 has 11 images, but the test part of CIFAR-10 has 2 of every class; .* put the official"):
        read(source, tmp_path)
    assert [name for name, source in SOURCES.items() if not source.balanced] == ["mnist", "qmnist"]


def test_fine_labels_that_contradict_coarse_ones(tmp_path):
    """A class of CIFAR-100 belongs to one group of classes, so that exchanged labels show."""
    source, folder = written(tmp_path, "cifar-100")
    larger = dataclasses.replace(source, counts={"train": 40, "test": 200})
    write(folder, binary_bytes(larger, "test"))
    read(larger, tmp_path)
    records = np.frombuffer((folder / "test.bin").read_bytes(), np.uint8).reshape(200, 3074).copy()
    records[[0, 1], 1] = records[[1, 0], 1]
    (folder / "test.bin").write_bytes(records.tobytes())
    with pytest.raises(InputError, match="test.bin: images of class [0-9]+ have 2 different coarse labels.*; obtain"):
        read(larger, tmp_path)


def test_the_test_part_in_the_place_of_the_training_part(tmp_path):
    """Twice, so that the number of images is right; a few common images are in official parts too."""
    source, folder = written(tmp_path, "cifar-100")
    test = (folder / "test.bin").read_bytes()
    train = (folder / "train.bin").read_bytes()
    (folder / "train.bin").write_bytes(test[: 10 * 3074] + train[10 * 3074 :])
    read(source, tmp_path)
    (folder / "train.bin").write_bytes(test[: 11 * 3074] + train[11 * 3074 :])
    with pytest.raises(InputError, match="train.bin and .*test.bin: 11 of the 20 test images of CIFAR-100 are training images too.*put the official"):
        read(source, tmp_path)


def archived(tmp_path: Path) -> tuple[Source, Path, dict[str, bytes]]:
    source = small("cifar-10")
    layout = source.layouts[0]
    files = binary_bytes(source, "train") | binary_bytes(source, "test")
    path = tmp_path / layout.archive.name
    write_archive(path, layout.folders[0], files)
    return source, path, files


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.95])
def test_truncated_archives(tmp_path, keep):
    source, path, _ = archived(tmp_path)
    read(source, tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(InputError, match=r"cifar-10-binary\.tar\.gz: (truncated|the archive lacks).*obtain"):
        read(source, tmp_path)


def test_an_archive_that_lacks_a_file(tmp_path):
    source, path, files = archived(tmp_path)
    del files["test_batch.bin"]
    write_archive(path, source.layouts[0].folders[0], files)
    with pytest.raises(InputError, match="the archive lacks cifar-10-batches-bin/test_batch.bin"):
        read(source, tmp_path)


def test_members_of_an_archive_outside_its_folder_are_not_taken(tmp_path):
    source, path, files = archived(tmp_path)
    write_archive(path, "../cifar-10-batches-bin", files)
    with pytest.raises(InputError, match="the archive lacks"):
        read(source, tmp_path)


def test_a_folder_in_an_archive_is_no_file(tmp_path):
    source, path, files = archived(tmp_path)
    del files["test_batch.bin"]
    layout = source.layouts[0]
    path = path.with_suffix("").with_suffix(".tar")  # one that can be appended to
    (tmp_path / layout.archive.name).unlink()
    write_archive(path, layout.folders[0], files, "w")
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo(f"{layout.folders[0]}/test_batch.bin")
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    with pytest.raises(InputError, match="the archive lacks cifar-10-batches-bin/test_batch.bin"):
        read(source, tmp_path)


def with_checksums(source: Source, data: dict[str, bytes], *, of_content: bool) -> Source:
    """Return the source with the checksums of these decompressed or downloaded files."""

    def md5(name: str) -> str:
        return hashlib.md5(data[name]).hexdigest()

    layout = source.layouts[0]
    files = {
        part: tuple(
            dataclasses.replace(file, md5=md5(file.name))
            if of_content else dataclasses.replace(file, download=dataclasses.replace(file.download, md5=md5(file.name)))
            for file in names
        )
        for part, names in layout.files.items()
    }
    return dataclasses.replace(source, layouts=(dataclasses.replace(layout, files=files),))


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz"])
def test_checksums_of_content(tmp_path, suffix):
    source, folder = written(tmp_path, "mnist", suffix)
    data = idx_bytes(source, "train") | idx_bytes(source, "test")
    source = with_checksums(source, data, of_content=True)
    assert {record.checked for record in read(source, tmp_path).files} == {CHECKED}
    write(folder, {LABELS: labels_with(3, 0)}, suffix)  # still a valid label file
    with pytest.raises(InputError, match=rf"{LABELS}{suffix}: checksum mismatch, MD5 \w+ where \w+ is published.*; obtain"):
        read(source, tmp_path)


def test_checksums_of_downloaded_files(tmp_path):
    source, folder = written(tmp_path, "kmnist", ".gz")
    source = with_checksums(source, {path.name.removesuffix(".gz"): path.read_bytes() for path in folder.iterdir()}, of_content=False)
    assert {record.checked for record in read(source, tmp_path).files} == {CHECKED}
    path = folder / f"{LABELS}.gz"
    path.write_bytes(gzip.compress(labels_with(3, 0)))
    with pytest.raises(InputError, match=f"{LABELS}.gz: checksum mismatch.*store it decompressed"):
        read(source, tmp_path)
    (folder / LABELS).write_bytes(idx(content(source, "test")[1].astype(np.uint8)[::-1]))  # other labels, of every class as many
    assert {record.path: record.checked for record in read(source, tmp_path).files}[str(folder / LABELS)].startswith("structure only")


def test_checksums_of_archives(tmp_path):
    source, path, files = archived(tmp_path)
    layout = source.layouts[0]
    archive = dataclasses.replace(layout.archive, md5=hashlib.md5(path.read_bytes()).hexdigest())
    source = dataclasses.replace(source, layouts=(dataclasses.replace(layout, archive=archive),))
    assert {record.checked for record in read(source, tmp_path).files} == {CHECKED}
    files["test_batch.bin"] = _with_byte(files["test_batch.bin"], 5, files["test_batch.bin"][5] ^ 1)
    write_archive(path, layout.folders[0], files)
    with pytest.raises(InputError, match="cifar-10-binary.tar.gz: checksum mismatch"):
        read(source, tmp_path)


def test_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    source, folder = written(tmp_path, "mnist")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("deep.data.contents._OPEN", {"": refuse})
    with pytest.raises(InputError, match="train-images-idx3-ubyte: cannot be read .Permission denied.; correct its permissions"):
        read(source, tmp_path)
