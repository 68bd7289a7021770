"""Small files in every layout, and sources that expect them."""

import dataclasses
import gzip
import hashlib
import io
import lzma
import pickle
import pickletools
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deep.data.locations import DataRoot
from deep.data.registry import read_source
from deep.data.sources import SOURCES, File, Source

COUNTS = {"train": 40, "test": 20}
COMPRESS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}
ARCHIVES = {".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.xz": "w:xz", ".tar": "w"}


Contents = Mapping[str, bytes]


def small(name: str, counts: dict[str, int] = COUNTS, md5: Contents = {}, packed: Contents = {}, **layout) -> Source:
    """Return the source with few images, and with the checksums of these contents and files as they are downloaded only."""

    def sum_of(data: bytes | None) -> str | None:
        return None if data is None else hashlib.md5(data).hexdigest()

    def with_sums(file: File) -> File:
        return File(file.name, sum_of(packed.get(file.name, packed.get(f"{file.name}.gz"))), sum_of(md5.get(file.name)))

    layouts = []
    for old in SOURCES[name].layouts:
        files = {part: tuple(map(with_sums, files)) for part, files in old.files.items()}
        archive = old.archive and with_sums(old.archive)
        layouts.append(dataclasses.replace(old, files=files, archive=archive, **layout))
    return dataclasses.replace(SOURCES[name], counts=counts, layouts=tuple(layouts))


def read(source: Source, root: Path, download: bool = False):
    """Read a made source under ``root``."""
    return read_source(source, DataRoot(root, "test"), download)


def content(source: Source, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return made-up images and labels, the same for every call; labels cover every class that fits."""
    count = source.counts[part]
    rng = np.random.default_rng([count, len(source.classes)])
    labels = np.arange(count, dtype=np.int64)[::-1] % len(source.classes)
    return rng.integers(0, 256, (count, *source.shape), dtype=np.uint8), labels


def idx(array: np.ndarray) -> bytes:
    """Encode an array of bytes or 32-bit integers as IDX."""
    code = 0x08 if array.dtype == np.uint8 else 0x0C
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def idx_bytes(source: Source, part: str) -> dict[str, bytes]:
    """Return the files of a part in the MNIST family's layout."""
    images, labels = content(source, part)
    encoded = labels.astype(np.uint8)
    if source.name == "qmnist":
        encoded = np.column_stack([labels, np.arange(len(labels) * 7).reshape(-1, 7)]).astype(np.int32)
    files = source.layouts[0].files[part]
    return {files[0].name: idx(images), files[1].name: idx(encoded)}


def binary_bytes(source: Source, part: str) -> dict[str, bytes]:
    """Return the files of a part in CIFAR's binary layout."""
    images, labels = content(source, part)
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    columns = [labels % 20, labels] if source.name == "cifar-100" else [labels]
    records = np.column_stack([*(column.astype(np.uint8) for column in columns), planes])
    names = [file.name for file in source.layouts[0].files[part]]
    return {name: piece.tobytes() for name, piece in zip(names, np.split(records, len(names)), strict=True)}


def pickled_bytes(source: Source, part: str) -> dict[str, bytes]:
    """Return the files of a part in CIFAR's pickled layout, as the authors wrote them, with Python 2."""
    images, labels = content(source, part)
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2).reshape(len(images), -1))
    key = "fine_labels" if source.name == "cifar-100" else "labels"
    names = [file.name for file in source.layouts[1].files[part]]
    pairs = zip(names, np.split(planes, len(names)), np.split(labels, len(names)), strict=True)
    return {name: python_2_pickle({"data": data, key: labels.tolist()}) for name, data, labels in pairs}


def python_2_pickle(value: object) -> bytes:
    """Pickle as Python 2 did: all text is byte strings, and arrays are numpy.core's."""
    data = bytearray(pickle.dumps(value, protocol=3))
    opcodes = {ord("B"): ord("T"), ord("C"): ord("U"), ord("X"): ord("T")}  # the same but for the type that they stand for
    for _, _, place in pickletools.genops(bytes(data)):
        data[place] = opcodes.get(data[place], data[place])
    return bytes(data).replace(b"numpy._core", b"numpy.core")


MAKE = {"idx": idx_bytes, "binary": binary_bytes, "pickled": pickled_bytes}
LAYOUTS = [
    *((name, "idx") for name in ("mnist", "fashion-mnist", "kmnist", "qmnist")),
    *((name, kind) for name in ("cifar-10", "cifar-100") for kind in ("binary", "pickled")),
]


def made(name: str, kind: str) -> tuple[Source, dict[str, bytes]]:
    """Return a small source and all its files in one layout; pickled ones have their published checksums."""
    source = small(name)
    files = MAKE[kind](source, "train") | MAKE[kind](source, "test")
    return small(name, md5=files if kind == "pickled" else {}), files


def folder_of(source: Source, kind: str) -> str:
    """Return the folder of a layout under the root."""
    return source.layouts[kind == "pickled"].folders[0]


def write(folder: Path, files: dict[str, bytes], suffix: str = "") -> None:
    """Write files, compressed as ``suffix`` says."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / f"{name}{suffix}").write_bytes(COMPRESS[suffix](data))


def write_archive(path: Path, folder: str, files: dict[str, bytes], empty: str = "") -> None:
    """Write a tar archive that holds ``folder`` with ``files``, and a folder called ``empty`` in it."""
    with tarfile.open(path, ARCHIVES["".join(path.suffixes)]) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        if empty:
            member = tarfile.TarInfo(f"{folder}/{empty}")
            member.type = tarfile.DIRTYPE
            archive.addfile(member)


def put(root: Path, source: Source, kind: str, files: dict[str, bytes], ending: str = "") -> Path:
    """Put files where the source expects them, compressed or in its archive as the ending says; return their folder or the archive."""
    folder = folder_of(source, kind)
    if ending in COMPRESS:
        write(root / folder, files, ending)
        return root / folder
    path = root / source.layouts[kind == "pickled"].archive.name.replace(".tar.gz", ending)
    write_archive(path, folder, files)
    return path
