"""Multilayer perceptrons."""

import math
from collections.abc import Sequence

from torch import nn

from deep.networks.base import Network
from deep.networks.normalisation import normalise


def mlp(image_shape: tuple[int, int, int], head_sizes: Sequence[int], normalisation: str, width: int, hidden: int = 2, activation: type = nn.ReLU) -> Network:
    """Return a perceptron with so many hidden layers of ``width`` units; each is a stage."""
    body = nn.ModuleDict()
    inputs = math.prod(image_shape)
    for number in range(1, hidden + 1):
        layers = [nn.Linear(inputs, width), normalise(normalisation, width, 1), activation()]
        body[f"hidden{number}"] = nn.Sequential(*([nn.Flatten()] if number == 1 else []), *layers)
        inputs = width
    return Network(body, width, head_sizes)
