"""Downloads from a server on this machine: checksum, a second address, what is left after a failure."""

from __future__ import annotations

import functools
import gzip
import http.server
import io
import threading
from pathlib import Path

import pytest
from made_files import COUNTS, idx_bytes, made, read, small, write, write_archive

from deep.data.contents import CHECKED
from deep.data.sources import Source
from theory.errors import InputError


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
    with pytest.raises(InputError, match="MNIST is absent"):
        read(source, server.root)
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
    with pytest.raises(InputError, match="could not download train-images.*gz.*hash.*; put train-images"):
        read(source, server.root, download=True)
    assert not files_under(server.root)


def test_an_unreachable_address_says_what_to_put_where(server):
    source, _ = published(server)
    server.shutdown()
    server.server_close()
    message = "MNIST is absent: .*could not download.*127.0.0.1.*; put train-images.* into .*MNIST/raw"
    with pytest.raises(InputError, match=message):
        read(source, server.root, download=True)
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
