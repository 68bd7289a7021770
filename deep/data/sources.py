"""Each data set as one declaration in `sources.toml`: files with checksums, layouts, shape, classes, and where it is published.

Published MD5 are those that the CIFAR page prints and that torchvision's loaders compare with (`mnist.py`,
`cifar.py`). Those of the decompressed MNIST family were computed from files whose archives have the published
MD5; where none is known, and for CIFAR's binary files, only the structure can be verified.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deep.data.contents import Content
from deep.data.dataset import PARTS
from deep.data.layouts import Batches, cifar_batches, cifar_records, idx


@dataclass(frozen=True)
class File:
    """Name without .gz or .xz, MD5 of the published .gz or archive, MD5 of the content; None if unknown."""

    name: str
    packed: str | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Layout:
    """One way in which a data set lies under the data root, and where on the web that is published."""

    folders: tuple[str, ...]  # tried in this order; downloads go to the first, which is also the archive's folder
    files: Mapping[str, tuple[File, ...]]  # part -> its files
    decode: Callable[[Sequence[Content], tuple[int, ...]], Batches]
    addresses: tuple[str, ...]  # of the archive, or of each file as .gz; tried in this order
    archive: File | None = None  # directly under the root


@dataclass(frozen=True)
class Source:
    """A published data set."""

    name: str
    title: str  # as in its authors' text
    homepage: str
    classes: tuple[str, ...]
    shape: tuple[int, ...]  # of one image
    counts: Mapping[str, int]  # part -> number of images
    layouts: tuple[Layout, ...]  # tried in this order; the first is the one that is downloaded
    balanced: bool = True  # whether every class has as many images as any other

    def part(self, name: str) -> str:
        """Return how errors name a part."""
        return f"the {'training' if name == 'train' else name} part of {self.title}"


def _source(name: str, title: str, homepage: str, addresses: Sequence[str], classes: Sequence[str], files: Mapping, balanced: bool = True, **rest: Any) -> Source:
    """Return the data set that a table of the file beside this one stands for."""
    found = {part: tuple(File(file, *(md5 or None for md5 in md5s)) for file, md5s in files[part].items()) for part in PARTS}
    more = (title, homepage, tuple(classes), (32, 32, 3) if "archives" in rest else (28, 28), rest.pop("counts"))
    if "archives" in rest:
        binary = {part: tuple(File(f"{file.name}.bin") for file in own) for part, own in found.items()}
        kinds = {"binary": (binary, partial(cifar_records, labels=rest["labels"])), "python": (found, partial(cifar_batches, key=rest["key"]))}
        archives = {kind: (folder, File(f"{name}-{kind}.tar.gz", md5)) for kind, (folder, md5) in rest["archives"].items()}
        layouts = tuple(Layout((archives[kind][0],), *how, tuple(addresses), archives[kind][1]) for kind, how in kinds.items())
    else:
        folder = title.replace("Fashion-", "Fashion")  # torchvision's class names
        layouts = (Layout((f"{folder}/raw", folder, name), found, partial(idx, **rest), tuple(addresses)),)
    return Source(name, *more, layouts, balanced)


_TABLES = tomllib.loads(Path(__file__).with_name("sources.toml").read_text(encoding="utf-8"))
SOURCES: dict[str, Source] = {name: _source(name, **table) for name, table in _TABLES.items()}
