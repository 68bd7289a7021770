"""Where data sets are looked for, what is said about those that are absent, downloads from a server on this machine, and the real files."""

import functools
import gzip
import hashlib
import http.server
import io
import threading
from pathlib import Path

import numpy as np
import pytest
from made_files import COUNTS, content, idx_bytes, made, read, small, write, write_archive
from scaffold import assert_refused, refusals

from deep.data import DATASETS, Dataset, Part, load, resolve_root, survey, with_own_parts
from deep.data.contents import CHECKED
from deep.data.locations import DataRoot, search
from deep.data.registry import read_part
from deep.data.sources import SOURCES, Source
from driftlaw.testing.contracts.streams import made_dataset
from theory.errors import InputError

IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def test_the_named_root_precedes_the_environment(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.setenv("DRIFTLAW_DATA", str(tmp_path / "a"))
    assert resolve_root(tmp_path / "b").path == tmp_path / "b"
    assert resolve_root() == DataRoot(tmp_path / "a", "DRIFTLAW_DATA")
    monkeypatch.delenv("DRIFTLAW_DATA")
    assert resolve_root().chosen_by == "the default cache folder" and "driftlaw" in str(resolve_root().path)


@pytest.mark.parametrize("name", [name for name in DATASETS if not name.startswith("digits")])
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


@pytest.mark.parametrize(("part", "other", "kept", "named"), [
    ("train", "test", 1, "the training part of MNIST .*MNIST/raw lacks train-labels-idx1-ubyte.*put train"),
    ("test", "train", 0, "the test part of MNIST .*put t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte"),
])
def test_a_part_that_lacks_a_file_and_a_data_set_without_test_part(tmp_path, part, other, kept, named):
    source = small("mnist")
    few = dict(list(idx_bytes(source, part).items())[:kept])
    write(tmp_path / "MNIST" / "raw", idx_bytes(source, other) | few)
    assert_refused(lambda: read(source, tmp_path), named)


def test_only_the_test_part(tmp_path):
    source = small("kmnist", {"train": 40, "test": 60})
    write(tmp_path / "KMNIST" / "raw", idx_bytes(source, "test"))
    dataset = read(source, tmp_path)
    assert dataset.train is None and len(dataset.test) == 60
    assert "Only the test part of KMNIST" in dataset.notes[0]
    assert_refused(lambda: dataset.training_part(), "no training part here .*Only the test part.*--divide-test")
    own = with_own_parts(dataset)
    assert (len(own.train), len(own.test)) == (50, 10) and own.notes[0] == dataset.notes[0]
    assert "60 official test images divided into 50 for training and 10 for testing" in own.notes[1]
    together = np.concatenate([own.train.images, own.test.images]).reshape(60, -1)
    official = content(source, "test")[0].reshape(60, -1)
    assert sorted(map(bytes, together)) == sorted(map(bytes, official))
    assert np.array_equal(np.bincount(own.test.labels), [1] * 10)
    assert with_own_parts(dataset).fingerprint == own.fingerprint
    assert_refused(lambda: with_own_parts(own), "has its official training part")


def test_own_parts_leave_images_on_both_sides():
    train, test = made_dataset(train=3).train.divide()
    assert np.bincount(train.labels).tolist() == [2] * 10 and np.bincount(test.labels).tolist() == [1] * 10


def test_survey_lists_every_data_set(tmp_path):
    write(tmp_path / "KMNIST" / "raw", {IMAGES: b"", LABELS: b""}, ".gz")
    write(tmp_path / "MNIST" / "raw", {IMAGES: b""})
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"")
    found = {presence.name: presence for presence in survey(DataRoot(tmp_path, "test"))}
    assert list(found) == list(DATASETS)
    absent = {name: presence.absent for name, presence in found.items()}
    assert absent.pop("digits") == absent.pop("digits-28") == absent.pop("cifar-10") == () and absent.pop("kmnist") == ("train",)
    assert set(absent.values()) == {("train", "test")}
    assert all(str(tmp_path) in found[name].instruction for name in absent)
    assert str(found["cifar-10"].parts["test"].located) == str(tmp_path / "cifar-10-python.tar.gz")
    assert "t10k" not in found["kmnist"].instruction and "train-images" in found["kmnist"].instruction
    (incomplete,) = found["mnist"].parts["test"].incomplete
    assert str(tmp_path / "MNIST" / "raw") in incomplete and LABELS in incomplete and IMAGES not in incomplete


def test_digits_are_embedded():
    digits = load("digits", Path("/no such folder"))
    assert (len(digits.train), len(digits.test)) == (1438, 359)
    assert digits.image_shape == (8, 8)
    assert (digits.train.images.min(), digits.train.images.max()) == (0, 255)
    assert "1,797 images divided" in digits.notes[0]
    every = np.bincount(np.concatenate([digits.train.labels, digits.test.labels]))
    documented = "178 182 177 183 181 182 181 179 174 180"  # by scikit-learn
    assert " ".join(map(str, every)) == documented
    assert np.abs(np.bincount(digits.test.labels) - 0.2 * every).max() <= 0.5
    recorded = "0b1cfaedaeec5da73ad8a366779e54285df06e005faeb1b9bc49943f5aac3aa7"  # in every run on digits
    assert load("digits").fingerprint == digits.fingerprint == recorded


def part(count: int = 2, kind: type = np.uint8, size: int = 4, label: int = 0) -> Part:
    return Part(np.zeros((count, size, size), kind), np.full(count, label))


def own(train: Part, test: Part) -> Dataset:
    return Dataset("own", ("a", "b"), train, test)


def test_own_data_sets_are_taken():
    assert len(own(part(label=1), part()).training_part()) == 2


test_own_data_sets_are_checked = refusals([
    (lambda: part(kind=np.float32), "float32 .*uint8"),
    (lambda: Part(np.zeros((2, 4), np.uint8), np.zeros(2, int)), r"\(2, 4\).*\(N, H, W\)"),
    (lambda: Part(np.zeros((2, 4, 4), np.uint8), np.zeros(2)), "float64 .*int64"),
    (lambda: Part(np.zeros((2, 4, 4), np.uint8), np.zeros(3, int)), "2 images .*3 labels"),
    (lambda: own(part(0), part()), "training part of own is empty"),
    (lambda: own(part(size=5), part()), "own has training images of another shape"),
    (lambda: own(part(), part(label=2)), "label 2 in its test part .*0 to 1"),
    (lambda: own(part(label=-1), part()), "label -1 in its training part"),
    (lambda: load("CIFAR100"), "'CIFAR100'.*'cifar-100'.*mnist, fashion-mnist"),
    (lambda: made_dataset(train=2).train.divide(), "class 0 has 2 images.*; give at least"),
    (lambda: resolve_root("/missing"), "missing' .--data-root.*; create it or name another"),
])


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        self.server.requested.append(self.path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve tmp_path/served; the server lists the paths that were asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "served").mkdir()
    (tmp_path / "root").mkdir()
    handler = functools.partial(_Handler, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.requested = []
        running.folder, running.root = tmp_path / "served", tmp_path / "root"
        running.address = f"http://127.0.0.1:{running.server_port}/"
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


def published(server, name: str = "mnist") -> tuple[Source, dict[str, bytes]]:
    """Serve a member of the MNIST family as .gz; return the source with this address, and its files."""
    _, files = made(name, "idx")
    write(server.folder, files, ".gz")
    packed = {path.name: path.read_bytes() for path in server.folder.iterdir()}
    return small(name, packed=packed, addresses=(server.address,)), files


def files_under(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_what_is_absent_is_downloaded_once(server):
    source, files = published(server)
    assert_refused(lambda: read(source, server.root), "MNIST is absent")
    assert not server.requested
    present = next(iter(files))
    write(server.root / "MNIST" / "raw", {present: files[present]})
    dataset = read(source, server.root, download=True)
    assert (len(dataset.train), len(dataset.test)) == (40, 20)
    assert sorted(server.requested) == sorted(f"/{name}.gz" for name in files if name != present)
    assert sorted(record.checked == CHECKED for record in dataset.files) == [False, True, True, True]
    server.requested.clear()
    again = read(source, server.root, download=True)
    assert again.fingerprint == dataset.fingerprint and not server.requested


def test_archives_are_downloaded_and_read(server):
    _, files = made("cifar-10", "binary")
    path = server.folder / "cifar-10-binary.tar.gz"
    write_archive(path, "cifar-10-batches-bin", files)
    addresses = (f"{server.address}gone/", server.address)
    source = small("cifar-10", packed={path.name: path.read_bytes()}, addresses=addresses)
    dataset = read(source, server.root, download=True)
    assert (len(dataset.train), len(dataset.test)) == (COUNTS["train"], COUNTS["test"])
    assert server.requested[-1] == f"/{path.name}" and any("gone" in path for path in server.requested)
    assert {record.checked for record in dataset.files} == {CHECKED}


def test_a_wrong_checksum_leaves_no_file(server):
    source, _ = published(server)
    (server.folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"another content"))
    assert_refused(lambda: read(source, server.root, download=True), "could not download train-images.*gz.*hash.*; put train-images")
    assert not files_under(server.root)


def test_an_unreachable_address_says_what_to_put_where(server):
    source, _ = published(server)
    server.shutdown()
    server.server_close()
    assert_refused(lambda: read(source, server.root, download=True), "MNIST is absent: .*could not download.*127.0.0.1.*; put train-images.* into .*MNIST/raw")
    assert not files_under(server.root)


def test_a_failed_download_of_the_training_part_is_noted(server):
    source, _ = published(server, "kmnist")
    (server.folder / "train-images-idx3-ubyte.gz").unlink()
    write(server.root / "KMNIST" / "raw", idx_bytes(source, "test"))
    dataset = read(source, server.root, download=True)
    assert dataset.train is None and "could not download train-images-idx3-ubyte.gz" in dataset.notes[0]


def test_a_folder_that_cannot_be_written(server, read_only):
    source, _ = published(server)
    read_only(server.root)
    with pytest.raises(InputError, match="could not download .* into .*MNIST/raw .*Read-only.*or name another folder by --data-root"):
        read(source, server.root, download=True)


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(server, monkeypatch, terminal):
    screen = io.StringIO()
    screen.isatty = lambda: terminal
    monkeypatch.setattr("sys.stderr", screen)
    read(published(server)[0], server.root, download=True)
    assert ("100%" in screen.getvalue()) == terminal


# The real files.


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


@pytest.mark.slow
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
