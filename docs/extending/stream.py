"""A data set and a stream of your own.

    $ python stream.py
    $ driftlaw deep run --load stream.py --stream backwards-blobs --stream-options tasks=2 --epochs 1 --network mlp-100

A stream makes tasks of data sets, by options, a seed and an order; here: the tasks of a split stream, last one first.
`driftlaw.testing.contracts.streams.check_stream(Backwards())` checks it.
"""

from dataclasses import dataclass

import numpy as np

import driftlaw as dl
from deep.data import DATASETS, Dataset, Part
from deep.streams import STREAMS, Split


@DATASETS.register
def blobs() -> Dataset:
    """Four classes of noise around a bright quarter of the image."""
    rng = np.random.default_rng(0)

    def part(count: int) -> Part:
        labels = np.arange(4 * count) % 4
        images = rng.integers(0, 100, (4 * count, 8, 8), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4 * (label // 2) :, 4 * (label % 2) :][:4, :4] += 120
        return Part(images, labels.astype(np.int64))

    return Dataset("blobs", ("north-west", "north-east", "south-west", "south-east"), part(50), part(20))


@STREAMS.register
@dataclass(frozen=True)
class Backwards(Split):
    """The last task comes first."""

    kind = "backwards"

    def _tasks(self, divisions, seed, order):
        return super()._tasks(divisions, seed, order)[::-1]


if __name__ == "__main__":
    stream = Backwards(tasks=2).build(blobs())
    print([task.name for task in stream], dl.train_run(dl.RunConfig(stream=stream, network="mlp-100", epochs=1)).metrics)
