"""A network of your own: a chain of stages, of which any number can be trained.

    $ python network.py
    $ driftlaw deep run --load network.py --network two-layers --strategy frozen --strategy-options depth=2 --epochs 1 --stream-options tasks=2

A maker takes the image's shape, the sizes of the heads and the normalisation; it returns stages from the input on, the width of what the
last one returns, and the heads. `driftlaw.testing.contracts.training.check_network(two_layers)` checks it.
"""

import math

from torch import nn

import driftlaw as dl
from deep.networks import NETWORKS, Network


@NETWORKS.register(normalisation="none")
def two_layers(image_shape, head_sizes, normalisation):
    """Two hidden layers of 64 units, each a stage."""
    first = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(image_shape), 64), nn.ReLU())
    return Network({"first": first, "second": nn.Sequential(nn.Linear(64, 64), nn.ReLU())}, 64, head_sizes)


if __name__ == "__main__":
    print(dl.train_run(dl.RunConfig(network=two_layers, stream_options={"tasks": 2}, epochs=1)).stages)
