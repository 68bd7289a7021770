"""Networks by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn

from deep.networks.base import HEAD, Network
from deep.networks.branches import branched
from deep.networks.convnet import convnet
from deep.networks.mlp import mlp
from deep.networks.normalisation import NORMALISATIONS
from deep.networks.resnet import nine_blocks, resnet18
from deep.networks.vit import MICRO, vit
from theory.checks import known
from theory.errors import InputError
from theory.own import where
from theory.parts import Parts


@dataclass(frozen=True)
class Architecture:
    """How a network is made, and the normalisation that it has unless another one is chosen."""

    make: Callable[..., Network]
    normalisation: str


def _admit(make: Callable[..., Network] | Architecture, name: str | None, normalisation: str = "none") -> tuple[str, Architecture]:
    """Return the name of a function that makes networks, and what is kept of it."""
    name = name or getattr(make, "__name__", "").replace("_", "-")
    if not callable(make) or not name or name.startswith("<"):
        raise InputError(f'{where(make)} is no maker of networks that has a name; register a function by NETWORKS.register(..., name="...")')
    return name, Architecture(make, known(normalisation, NORMALISATIONS, "normalisation"))


FIRST_WEIGHTS = ("torch", "glorot")
NETWORKS: Parts[Architecture] = Parts("network", _admit, given=attrgetter("make"))
NETWORKS.register(partial(mlp, width=100), name="mlp-100")
NETWORKS.register(partial(mlp, width=400), name="mlp-400")
NETWORKS.register(partial(mlp, width=100, hidden=4), name="mlp-100x4")
NETWORKS.register(convnet, normalisation="group")
NETWORKS.register(partial(nine_blocks, filters=64), name="paper-resnet", normalisation="batch")
NETWORKS.register(partial(resnet18, filters=20), name="resnet18-20", normalisation="batch")
NETWORKS.register(partial(resnet18, filters=64), name="resnet18-64", normalisation="batch")
NETWORKS.register(partial(vit, **MICRO), name="vit-micro", normalisation="layer")
NETWORKS.register(branched, name="vit-micro-branches", normalisation="layer")


def default_network(datasets: Sequence[str]) -> str:
    """Return the network that is used on data sets unless another one is chosen: small for the digits' 8 x 8 pixels."""
    return "mlp-100" if set(datasets) == {"digits"} else "convnet"


def build(
    network: str | Architecture, image_shape: tuple[int, ...], head_sizes: Sequence[int], normalisation: str | None = None, seed: int = 0, first_weights: str = "torch"
) -> Network:
    """Return a network with its first weights.

    Parameters
    ----------
    network : str or Architecture
        One of `NETWORKS`, or its name.
    image_shape : tuple of int
        (H, W) or (H, W, C).
    head_sizes : sequence of int
        Output units of each head.
    normalisation : {"none", "batch", "group", "layer"}, optional
        Default: the network's own.
    seed : int
        Decides the weights; the global generators stay as they are.
    first_weights : {"torch", "glorot"}
        By PyTorch's own rules; or those of linear layers uniform up to sqrt(6 / (inputs + outputs)), with biases 0
        (Glorot and Bengio, AISTATS 2010), as codes of other authors draw them.

    Raises
    ------
    InputError
        For an unknown network or normalisation (suggests the nearest name), and for a network whose stages do not fit one
        another; names the stage and where the network is defined.
    """
    architecture = NETWORKS.find(network) if isinstance(network, str) else network
    normalisation = known(normalisation or architecture.normalisation, NORMALISATIONS, "normalisation")
    height, width, channels = (*image_shape, 1)[:3]
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        made = architecture.make((channels, height, width), head_sizes, normalisation)
        _check_stages(made, (channels, height, width), head_sizes, where(getattr(architecture.make, "func", architecture.make)))
        layers = [layer for layer in made.modules() if isinstance(layer, nn.Linear)] if first_weights == "glorot" else []
        for parameter in (parameter for layer in layers for parameter in layer.parameters()):
            (nn.init.xavier_uniform_ if parameter.dim() > 1 else nn.init.zeros_)(parameter)
    return made


@torch.no_grad()
def _check_stages(network: Any, image_shape: tuple[int, ...], head_sizes: Sequence[int], maker: str) -> None:
    """Pass two images through a network; InputError for the first stage that cannot take what comes, or returns another shape than is wanted."""
    if not isinstance(network, Network) or len(network.heads) != len(head_sizes):
        raise InputError(f"{maker} returns {network!r}; return a deep.networks.Network with a head for each of {list(head_sizes)}")

    owners: dict[Tensor, str] = {}
    for stage, module in (*network.body.items(), (HEAD, network.heads)):
        for parameter in module.parameters():
            if (owner := owners.setdefault(parameter, stage)) != stage:
                raise InputError(f"the stages {owner!r} and {stage!r} of {maker} share a parameter; make them one")

    def passed(stage: str, module: Callable[[Tensor], Tensor], inputs: Tensor, *wanted: int) -> Tensor:
        try:
            found = module(inputs)
            shape = tuple(found.shape)
        except Exception as error:
            raise InputError(f"the stage {stage!r} of {maker} cannot take inputs of shape {tuple(inputs.shape)}: {error}; correct it or the stage before") from error
        if shape[: len(wanted)] != wanted:
            raise InputError(f"the stage {stage!r} of {maker} returns shape {shape}; shape {(*wanted, '...')} is wanted")
        return found

    with network.evaluating():
        features = torch.zeros(2, *image_shape)
        for stage, module in network.body.items() if type(network).features is Network.features else [("features", network.features)]:
            features = passed(stage, module, features, 2)
        for head, size in zip(network.heads, head_sizes, strict=True):
            passed(HEAD, head, features, 2, size)
