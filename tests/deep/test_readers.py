"""Every layout, compressed or not, gives back the arrays that were written."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from made_files import ARCHIVES, COMPRESS, LAYOUTS, content, folder_of, made, put, read, small, write

from deep.data.contents import CHECKED, UNCHECKED
from theory.errors import InputError

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
    with pytest.raises(InputError, match="data_batch_[13].*; .*(obtain|put)"):
        read(source if sums else small("cifar-10"), tmp_path)
    assert not path.exists()
    pickle.loads(attacked["data_batch_3"])  # the attack works on an ordinary unpickler
    assert path.exists()


def test_a_layout_with_all_files_is_preferred_to_an_incomplete_one(tmp_path):
    source, files = made("cifar-10", "pickled")
    write(tmp_path / folder_of(source, "binary"), {"data_batch_1.bin": b""})
    put(tmp_path, source, "pickled", files)
    check(source, tmp_path, CHECKED)
