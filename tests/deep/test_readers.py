"""Every layout, compressed or not, gives back the arrays that were written."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from made_files import COMPRESS, COUNTS, binary_bytes, content, idx_bytes, pickled_bytes, small, write, write_archive

from deep.data.contents import Content
from deep.data.locations import DataRoot
from deep.data.pickles import read_batch
from deep.data.reader import UNCHECKED, read_source
from theory.errors import InputError

IDX = ("mnist", "fashion-mnist", "kmnist", "qmnist")
CIFAR = ("cifar-10", "cifar-100")


def check(source, root: Path) -> None:
    dataset = read_source(source, DataRoot(root, "test"), download=False)
    for name, part in (("train", dataset.train), ("test", dataset.test)):
        images, labels = content(source, name)
        assert part.images.dtype == np.uint8 and part.labels.dtype == np.int64
        assert np.array_equal(part.images, images) and np.array_equal(part.labels, labels)
        with pytest.raises(ValueError, match="read-only"):
            part.images[0] = 0
        with pytest.raises(ValueError, match="read-only"):
            part.labels[0] = 0
    assert {record.checked for record in dataset.files} == {UNCHECKED} and not dataset.notes
    assert {record.part for record in dataset.files} == {"train", "test"}


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", IDX)
def test_idx_in_the_layout_of_torchvision(tmp_path, name, suffix):
    source = small(name)
    for part in COUNTS:
        write(tmp_path / source.layouts[0].folders[0], idx_bytes(source, part), suffix)
    check(source, tmp_path)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", IDX)
def test_idx_under_the_names_of_mirrors(tmp_path, name, suffix):
    """With a point before idx, as most mirrors have it, for some files or all."""
    source = small(name)
    for part in ("train", "test"):
        for number, (file, data) in enumerate(idx_bytes(source, part).items()):
            write(tmp_path / source.layouts[0].folders[-1], {file.replace("-idx", ".idx") if number or part == "train" else file: data}, suffix)
    check(source, tmp_path)


@pytest.mark.parametrize("folder", [0, 1, 2])
def test_every_folder_that_is_searched(tmp_path, folder):
    source = small("fashion-mnist")
    for part in COUNTS:
        write(tmp_path / source.layouts[0].folders[folder], idx_bytes(source, part))
    check(source, tmp_path)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("layout", [binary_bytes, pickled_bytes])
@pytest.mark.parametrize("name", CIFAR)
def test_cifar_files(tmp_path, name, layout, suffix):
    source = small(name)
    folder = source.layouts[layout is pickled_bytes].folders[0]
    for part in COUNTS:
        write(tmp_path / folder, layout(source, part), suffix)
    check(source, tmp_path)


@pytest.mark.parametrize(("ending", "mode"), [(".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar.xz", "w:xz"), (".tar", "w")])
@pytest.mark.parametrize("layout", [binary_bytes, pickled_bytes])
@pytest.mark.parametrize("name", CIFAR)
def test_cifar_archives(tmp_path, name, layout, ending, mode):
    source = small(name)
    chosen = source.layouts[layout is pickled_bytes]
    stem = chosen.archive.name.removesuffix(".tar.gz")
    files = layout(source, "test") | layout(source, "train")
    write_archive(tmp_path / f"{stem}{ending}", chosen.folders[0], files, mode)
    check(source, tmp_path)


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
@pytest.mark.parametrize("name", CIFAR)
def test_pickles_of_every_protocol_and_of_python_2(tmp_path, name, protocol):
    source = small(name)
    for part in COUNTS:
        write(tmp_path / source.layouts[1].folders[0], pickled_bytes(source, part, protocol))
    check(source, tmp_path)


def test_made_python_2_pickle_is_what_an_ordinary_unpickler_reads():
    source = small("cifar-10")
    (data,) = pickled_bytes(source, "test", 0).values()
    batch = pickle.loads(data, encoding="bytes")
    images, labels = content(source, "test")
    assert np.array_equal(batch[b"data"], images.transpose(0, 3, 1, 2).reshape(20, -1)) and batch[b"labels"] == labels.tolist()


class _RunsCode:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_pickles_cannot_run_code(tmp_path):
    path = tmp_path / "was run"
    attack = pickle.dumps({"data": _RunsCode(path)})
    with pytest.raises(InputError, match="which is refused.*binary version"):
        read_batch(Content(attack, "batch"))
    assert not path.exists()
    pickle.loads(attack)  # the attack works on an ordinary unpickler
    assert path.exists()


@pytest.mark.parametrize("value", [np.arange(3.0), np.array([object()]), np.arange(4, dtype=np.int16)])
def test_pickled_arrays_of_other_kinds_are_refused(value):
    with pytest.raises(InputError, match="where bytes|which is refused"):
        read_batch(Content(pickle.dumps({"data": value}), "batch"))


def test_a_layout_with_all_files_is_preferred_to_an_incomplete_one(tmp_path):
    source = small("cifar-10")
    write(tmp_path / source.layouts[0].folders[0], {"data_batch_1.bin": b""})
    for part in COUNTS:
        write(tmp_path / source.layouts[1].folders[0], pickled_bytes(source, part))
    check(source, tmp_path)
