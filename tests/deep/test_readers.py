"""Every layout, compressed or not, gives back the arrays that were written."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from made_files import COMPRESS, LAYOUTS, content, folder_of, made, pickled_bytes, read, small, write, write_archive

from deep.data.contents import CHECKED, UNCHECKED
from theory.errors import InputError

CIFAR = [(name, kind) for name, kind in LAYOUTS if kind != "idx"]


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


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize(("name", "kind"), LAYOUTS)
def test_files(tmp_path, name, kind, suffix):
    source, files = made(name, kind)
    write(tmp_path / folder_of(source, kind), files, suffix)
    check(source, tmp_path, CHECKED if kind == "pickled" else UNCHECKED)


ENDINGS = {".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.xz": "w:xz", ".tar": "w"}


@pytest.mark.parametrize(("ending", "mode"), ENDINGS.items())
@pytest.mark.parametrize(("name", "kind"), CIFAR)
def test_archives(tmp_path, name, kind, ending, mode):
    source, files = made(name, kind)
    archive = source.layouts[kind == "pickled"].archive.name.replace(".tar.gz", ending)
    write_archive(tmp_path / archive, folder_of(source, kind), files, mode)
    check(source, tmp_path, CHECKED if kind == "pickled" else UNCHECKED)


@pytest.mark.parametrize("folder", ["FashionMNIST/raw", "FashionMNIST", "fashion-mnist"])
@pytest.mark.parametrize("suffix", COMPRESS)
def test_every_folder_and_the_names_of_mirrors(tmp_path, folder, suffix):
    source, files = made("fashion-mnist", "idx")
    write(tmp_path / folder, {name.replace("-idx", ".idx"): data for name, data in files.items()}, suffix)
    check(source, tmp_path)


def test_pickles_of_python_3_are_read_and_made_ones_of_python_2_are_ordinary(tmp_path):
    files = pickled_bytes(small("cifar-10"), "train", False) | pickled_bytes(small("cifar-10"), "test", False)
    source = small("cifar-10", md5=files)
    write(tmp_path / folder_of(source, "pickled"), files)
    check(source, tmp_path, CHECKED)
    batch = pickle.loads(*pickled_bytes(source, "test").values(), encoding="bytes")
    images, labels = content(source, "test")
    assert np.array_equal(batch[b"data"], images.transpose(0, 3, 1, 2).reshape(20, -1))
    assert batch[b"labels"] == labels.tolist()


class _RunsCode:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("sums", [False, True])
def test_pickles_cannot_run_code(tmp_path, archived, sums):
    """Nothing is unpickled that has not the published checksum."""
    source, files = made("cifar-10", "pickled")
    path = tmp_path / "was run"
    attacked = files | {"data_batch_3": pickle.dumps({"data": _RunsCode(path)})}
    folder = folder_of(source, "pickled")
    if archived:
        write_archive(tmp_path / "cifar-10-python.tar", folder, attacked, "w")
    else:
        write(tmp_path / folder, attacked)
    with pytest.raises(InputError, match="data_batch_[13].*; .*(obtain|put)"):
        read(source if sums else small("cifar-10"), tmp_path)
    assert not path.exists()
    pickle.loads(attacked["data_batch_3"])  # the attack works on an ordinary unpickler
    assert path.exists()


def test_a_layout_with_all_files_is_preferred_to_an_incomplete_one(tmp_path):
    source, files = made("cifar-10", "pickled")
    write(tmp_path / folder_of(source, "binary"), {"data_batch_1.bin": b""})
    write(tmp_path / folder_of(source, "pickled"), files)
    check(source, tmp_path, CHECKED)
