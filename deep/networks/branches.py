"""A frozen vision transformer with trained branches beside it: channels, tokens, their fusion, and cosine prototypes.

Source: NTK-CL, arXiv 2407.17120, and its public code, of which `deep.strategies.ntk_cl` says what is other here.
"""

import os
from collections.abc import Iterable, Sequence
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, normalize

from deep.networks.base import Network
from deep.networks.vit import MICRO, Block, load_checkpoint, vit

STATES = ("mean", "current", "frozen")  # whose features: of the branches' running mean, of the branches, of the transformer alone
KINDS = ("channel", "token", "mixed")
PRETRAINED = Path(__file__).with_name("weights") / "vit-micro.pt"
PROMPTS, SCALE, NEVER, SHARPNESS = 10, 0.1, -1e4, 10.0


class ChannelBranch(nn.ModuleList):
    """Bottlenecks, each parallel to a block's perceptron; what they add is zero at first. As published they have max(width / 48, 8) units."""

    def __init__(self, width: int, depth: int, units: int | None = None, activation: type[nn.Module] = nn.ReLU) -> None:
        inner = units or max(width // 48, 8)
        super().__init__(nn.Sequential(nn.Linear(width, inner), activation(), nn.Dropout(0.1), nn.Linear(inner, width)) for _ in range(depth))
        for bottleneck in self:
            for parameter in bottleneck[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor, blocks: Iterable[Block]) -> Tensor:
        """Pass tokens, shape (N, T, width), through the blocks."""
        for block, bottleneck in zip(blocks, self, strict=True):
            tokens = block.attend(tokens)
            tokens = tokens + block.mlp(block.norm2(tokens)) + SCALE * bottleneck(tokens)
        return tokens


class TokenBranch(nn.ModuleList):
    """Prompts, made of all tokens after each attention, which the next one attends to; the last block needs none."""

    def __init__(self, length: int, width: int, depth: int) -> None:
        super().__init__(nn.ModuleDict({"linear": nn.Linear(length, PROMPTS, bias=False), "norm": nn.LayerNorm(width)}) for _ in range(depth - 1))

    def forward(self, tokens: Tensor, blocks: Iterable[Block]) -> Tensor:
        """Pass tokens, shape (N, T, width), through the blocks."""
        length, made = tokens.shape[1], tokens.new_zeros(())
        prompts = tokens[:, :0]
        for block, layer in zip(blocks, [*self, None], strict=True):
            tokens = block.attend(torch.cat([tokens, prompts], 1))[:, :length]
            if layer is not None:
                made = layer["norm"](layer["linear"](tokens.mT).mT) + SCALE * made
                prompts = block.mlp(block.norm2(made))
            tokens = tokens + block.mlp(block.norm2(tokens))
        return tokens


class Fusion(nn.Module):
    """Attention of the token features to the channel features alone, as published, or, ``live``, to both; shapes (N, width).

    Over one key the softmax is 1, so that the published fusion is linear, and query and key have no gradient.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.register_buffer("live", torch.tensor(False))

    def forward(self, channel: Tensor, token: Tensor) -> Tensor:
        """Compute the mixed features."""
        keys = torch.stack([channel, token] if self.live else [channel], 1)
        shares = torch.einsum("nd,nkd->nk", self.query(token), self.key(keys)).div(channel.shape[1] ** 0.5).softmax(1)
        return 0.5 * torch.einsum("nk,nkd->nd", shares, self.value(keys)) + channel + SCALE * token


class CosineHead(nn.Module):
    """A cosine classifier of the ``shown`` units in training, cosine prototypes in evaluation mode.

    Parameters
    ----------
    width, size : int

    Attributes
    ----------
    prototypes : Tensor of shape (states, kinds, size, width)
        Zero for units without.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size, width) * 0.02)
        self.register_buffer("prototypes", torch.zeros(len(STATES), len(KINDS), size, width))
        self.register_buffer("shown", torch.ones(size, dtype=torch.bool))

    def scores(self, features: Tensor) -> Tensor:
        """Compute the classifier's outputs of features, shape (N, width)."""
        return (SHARPNESS * linear(normalize(features, dim=-1), normalize(self.weight, dim=-1))).masked_fill(~self.shown, NEVER)

    def forward(self, features: Tensor) -> Tensor:
        """Compute outputs of the features of `BranchedViT.features`, shape (N, size)."""
        if features.dim() == 3:
            return self.scores(features[:, -1])
        return torch.einsum("nskd,skud->nu", features, normalize(self.prototypes, dim=-1))


class BranchedViT(Network):
    """A frozen transformer and its branches, of which the stages token, channel and fusion train.

    Attributes
    ----------
    means : ModuleList
        The running means of the channel and the token branch, as buffers.
    readout : Tensor of shape (states, kinds)
        Weights of the cosines to prototypes.
    """

    by_prototypes = True

    def __init__(self, network: Network, head_sizes: Sequence[int]) -> None:
        nn.Module.__init__(self)
        stem, *blocks, self.last = freeze(network).body.values()
        length, width = stem.pos_embed.shape[1:]
        self.blocks = nn.ModuleList(blocks)
        trained = {"token": TokenBranch(length, width, len(blocks)), "channel": ChannelBranch(width, len(blocks)), "fusion": Fusion(width)}
        self.body = nn.ModuleDict({"stem": stem, **trained})
        self.heads = nn.ModuleList(CosineHead(width, size) for size in head_sizes)
        self.means = freeze(nn.ModuleList(deepcopy(self.branches)))
        self.register_buffer("readout", torch.zeros(len(STATES), len(KINDS)))

    @property
    def branches(self) -> list[nn.Module]:
        """The channel and the token branch."""
        return [self.body["channel"], self.body["token"]]

    @property
    def averaged(self) -> list[tuple[Tensor, Tensor]]:
        """Each running mean with what it is the mean of."""
        return [pair for mean, branch in zip(self.means, self.branches, strict=True) for pair in zip(mean.buffers(), branch.parameters(), strict=True)]

    def sets(self, images: Tensor, states: Sequence[bool]) -> Tensor:
        """Compute features, shape (N, states, kinds, width), zero for states that are not asked for."""
        tokens, found = self.body["stem"](images), []
        for wanted, branches in zip(states, (self.means, self.branches, None), strict=True):
            if not wanted:
                own = [tokens.new_zeros(len(tokens), tokens.shape[2])] * len(KINDS)
            elif branches is None:
                own = [self.last(reduce(lambda passed, block: block(passed), self.blocks, tokens))] * len(KINDS)
            else:
                own = [self.last(branch(tokens, self.blocks)) for branch in branches]
                own.append(self.body["fusion"](*own))
            found.append(torch.stack(own, 1))
        return torch.stack(found, 1)

    def features(self, inputs: Tensor) -> Tensor:
        """Compute the branches' features, shape (N, kinds, width); in evaluation mode those of all states, of length 1 times the readout."""
        if self.training:
            return self.sets(inputs, (False, True, False))[:, 1]
        return normalize(self.sets(inputs, self.readout.any(1).tolist()), dim=-1) * self.readout[..., None]


def branched(
    image_shape: tuple[int, int, int], head_sizes: Sequence[int], normalisation: str, weights: str | os.PathLike[str] | None = PRETRAINED, **sizes: Any
) -> BranchedViT:
    """Return a frozen transformer, with the weights of a checkpoint, and its branches; ``sizes`` as `deep.networks.vit.vit` takes them, default vit-micro's.

    Examples
    --------
    A checkpoint of one's own, in a file for ``--load``: ``NETWORKS.register(partial(branched, weights="vit.safetensors", width=768, depth=12,
    heads=12, patch=16), name="vit-b-branches", normalisation="layer")``.
    """
    network = vit(image_shape, (), normalisation, **(sizes or MICRO))
    return BranchedViT(network if weights is None else load_checkpoint(network, weights), head_sizes)


def freeze(module: nn.Module) -> Any:
    """Make buffers of all parameters; return the module."""
    for part in module.modules():
        for name, value in [*part.named_parameters(recurse=False)]:
            delattr(part, name)
            part.register_buffer(name, value.detach())
    return module
