"""A balanced part of CIFAR-100, small enough to travel to a GPU.

    python tests/bench/balanced_part.py --out FILE --data-root ROOT

Images of each class are drawn at random, always the same, from the official training and test parts under ROOT.
"""

import lzma
import sys
from pathlib import Path

import numpy as np
import tyro

from deep.data import Dataset, Part, load
from theory.exits import STANDS, command_line

SHAPE = (3, 32, 32)  # planes of colours one after another, which packs better than pixels
PIXELS = 3072


def packed(dataset: Dataset, train: int, test: int) -> bytes:
    """Return so many images of each class as bytes: for both parts their number, labels and images."""
    generator, found = np.random.default_rng(0), []
    for part, count in ((dataset.training_part(), train), (dataset.test, test)):
        chosen = np.concatenate([generator.permutation(np.flatnonzero(part.labels == label))[:count] for label in range(len(dataset.classes))])
        found += [np.int64(len(chosen)).tobytes(), part.labels[chosen].astype(np.uint8).tobytes(), part.images[chosen].transpose(0, 3, 1, 2).tobytes()]
    return lzma.compress(b"".join(found))


def unpacked(content: bytes) -> list[Part]:
    """Return what was packed."""
    content, parts, place = lzma.decompress(content), [], 0
    for _ in range(2):
        count = int(np.frombuffer(content, np.int64, 1, place)[0])
        labels = np.frombuffer(content, np.uint8, count, place + 8).astype(np.int64)
        images = np.frombuffer(content, np.uint8, count * PIXELS, place + 8 + count).reshape(count, *SHAPE).transpose(0, 2, 3, 1)
        parts.append(Part(np.ascontiguousarray(images), labels))
        place += 8 + count * (1 + PIXELS)
    return parts


def main(out: Path, data_root: Path | None = None, train: int = 180, test: int = 40) -> int:
    """Write the part.

    Parameters
    ----------
    out : path
    data_root : path, optional
        Where CIFAR-100 lies; default as for `driftlaw deep data`.
    train, test : int
        Images of each class.
    """
    out.write_bytes(packed(load("cifar-100", data_root, download=False), train, test))
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MiB")
    return STANDS


if __name__ == "__main__":
    sys.exit(command_line(lambda: tyro.cli(main)))
