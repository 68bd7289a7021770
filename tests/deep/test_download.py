"""Downloads from a server on this machine: checksum, fallback to a second address, and what is left after a failure."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import threading
from pathlib import Path

import pytest
from made_files import COUNTS, binary_bytes, idx_bytes, small, write, write_archive

from deep.data.download import fetch
from deep.data.locations import DataRoot
from deep.data.reader import CHECKED, read_source
from deep.data.source import Download, Source
from theory.errors import InputError


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        self.server.requested.append(self.path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve tmp_path/served; the server lists the paths that were asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "served").mkdir()
    handler = functools.partial(_Handler, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.requested = []
        running.folder = tmp_path / "served"
        running.address = f"http://127.0.0.1:{running.server_port}/"
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


def root_of(tmp_path: Path) -> DataRoot:
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    return DataRoot(root, "test")


def published(server, source: Source, files: dict[str, bytes]) -> Source:
    """Serve the files as .gz and return the source with these addresses and their checksums."""
    write(server.folder, files, ".gz")
    layout = source.layouts[0]

    def here(file):
        md5 = hashlib.md5((server.folder / f"{file.name}.gz").read_bytes()).hexdigest()
        return dataclasses.replace(file, download=Download(f"{file.name}.gz", (f"{server.address}{file.name}.gz",), md5))

    parts = {part: tuple(map(here, names)) for part, names in layout.files.items()}
    return dataclasses.replace(source, layouts=(dataclasses.replace(layout, files=parts),))


def test_what_is_absent_is_downloaded_once(tmp_path, server):
    files = idx_bytes(small("mnist"), "train") | idx_bytes(small("mnist"), "test")
    source = published(server, small("mnist"), files)
    root = root_of(tmp_path)
    present = next(iter(files))
    write(root.path / "MNIST" / "raw", {present: files[present]})
    dataset = read_source(source, root)
    assert (len(dataset.train), len(dataset.test)) == (40, 20)
    assert sorted(server.requested) == sorted(f"/{name}.gz" for name in files if name != present)
    assert sorted(record.checked == CHECKED for record in dataset.files) == [False, True, True, True]
    server.requested.clear()
    assert read_source(source, root).fingerprint == dataset.fingerprint and not server.requested


def test_nothing_is_downloaded_unless_allowed(tmp_path, server):
    source = published(server, small("mnist"), idx_bytes(small("mnist"), "train") | idx_bytes(small("mnist"), "test"))
    with pytest.raises(InputError, match="MNIST is absent"):
        read_source(source, root_of(tmp_path), download=False)
    assert not server.requested


def test_archives_are_downloaded_and_read(tmp_path, server):
    source = small("cifar-10")
    layout = source.layouts[0]
    path = server.folder / layout.archive.name
    write_archive(path, layout.folders[0], binary_bytes(source, "train") | binary_bytes(source, "test"))
    urls = (f"{server.address}gone/{path.name}", server.address + path.name)
    archive = Download(path.name, urls, hashlib.md5(path.read_bytes()).hexdigest())
    source = dataclasses.replace(source, layouts=(dataclasses.replace(layout, archive=archive),))
    dataset = read_source(source, root_of(tmp_path))
    assert (len(dataset.train), len(dataset.test)) == (COUNTS["train"], COUNTS["test"])
    assert server.requested[-1] == f"/{path.name}" and any("gone" in path for path in server.requested)
    assert {record.checked for record in dataset.files} == {CHECKED}


def test_a_wrong_checksum_leaves_nothing(tmp_path, server):
    source = published(server, small("mnist"), idx_bytes(small("mnist"), "train") | idx_bytes(small("mnist"), "test"))
    (server.folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"another content"))
    root = root_of(tmp_path)
    with pytest.raises(InputError, match="could not download train-images-idx3-ubyte.gz.*hash.*; put train-images"):
        read_source(source, root)
    assert not list(root.path.iterdir())


def test_an_unreachable_address_says_what_to_put_where(tmp_path, server):
    source = published(server, small("mnist"), idx_bytes(small("mnist"), "train") | idx_bytes(small("mnist"), "test"))
    server.shutdown()
    server.server_close()
    root = root_of(tmp_path)
    message = "MNIST is absent: looked for it in .*could not download.*127.0.0.1.*; put train-images.* into .*MNIST/raw"
    with pytest.raises(InputError, match=message):
        read_source(source, root)
    assert not list(root.path.iterdir())


def test_a_failed_download_of_the_training_part_is_noted(tmp_path, server):
    source = published(server, small("kmnist"), idx_bytes(small("kmnist"), "train") | idx_bytes(small("kmnist"), "test"))
    (server.folder / "train-images-idx3-ubyte.gz").unlink()
    root = root_of(tmp_path)
    write(root.path / "KMNIST" / "raw", idx_bytes(source, "test"))
    dataset = read_source(source, root)
    assert dataset.train is None and "could not download train-images-idx3-ubyte.gz" in dataset.notes[0]


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    wanted = Download("x.gz", ("http://127.0.0.1:9/x.gz",), None)
    with pytest.raises(InputError, match="cannot create .*file/raw for a download .*; name a data root that can be written"):
        fetch(wanted, tmp_path / "file" / "raw")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match="cannot write to .*; name a data root that can be written"):
        fetch(wanted, tmp_path)


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(tmp_path, server, monkeypatch, terminal):
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    (server.folder / "x.gz").write_bytes(b"x" * 100)
    fetch(Download("x.gz", (f"{server.address}x.gz",), hashlib.md5(b"x" * 100).hexdigest()), tmp_path)
    assert ("100%" in screen.getvalue()) == terminal
