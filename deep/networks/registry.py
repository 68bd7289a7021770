"""Networks by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from deep.networks.base import Network
from deep.networks.convnet import convnet
from deep.networks.mlp import mlp
from deep.networks.normalisation import NORMALISATIONS
from deep.networks.resnet import nine_blocks, resnet18
from theory.checks import known


@dataclass(frozen=True)
class Architecture:
    """How a network is made, and the normalisation that it has unless another one is chosen."""

    make: Callable[..., Network]
    normalisation: str


ARCHITECTURES = {
    "mlp-100": Architecture(partial(mlp, width=100), "none"),
    "mlp-400": Architecture(partial(mlp, width=400), "none"),
    "convnet": Architecture(convnet, "group"),
    "paper-resnet": Architecture(partial(nine_blocks, filters=64), "batch"),
    "resnet18-20": Architecture(partial(resnet18, filters=20), "batch"),
    "resnet18-64": Architecture(partial(resnet18, filters=64), "batch"),
}
SHIPPED = dict(ARCHITECTURES)  # of these a run's key needs no more than the name


def names() -> tuple[str, ...]:
    """Return the names of all networks."""
    return tuple(ARCHITECTURES)


def default_network(datasets: Sequence[str]) -> str:
    """Return the network that is used on data sets unless another one is chosen: small for the digits' 8 x 8 pixels."""
    return "mlp-100" if set(datasets) == {"digits"} else "convnet"


def default_normalisation(name: str) -> str:
    """Return the normalisation that a network has unless another one is chosen."""
    return ARCHITECTURES[known(name, ARCHITECTURES, "network")].normalisation


def build(
    name: str, image_shape: tuple[int, ...], head_sizes: Sequence[int], normalisation: str | None = None, seed: int = 0
) -> Network:
    """Return a network with its first weights.

    Parameters
    ----------
    name : str
        One of `names`.
    image_shape : tuple of int
        (H, W) or (H, W, C).
    head_sizes : sequence of int
        Output units of each head.
    normalisation : {"none", "batch", "group", "layer"}, optional
        Default: the network's own.
    seed : int
        Decides the weights, which PyTorch's own rules draw; the global generators stay as they are.

    Raises
    ------
    InputError
        For an unknown network or normalisation; suggests the nearest name.
    """
    architecture = ARCHITECTURES[known(name, ARCHITECTURES, "network")]
    normalisation = known(normalisation or architecture.normalisation, NORMALISATIONS, "normalisation")
    height, width, channels = (*image_shape, 1)[:3]
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        return architecture.make((channels, height, width), head_sizes, normalisation)
