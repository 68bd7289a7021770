"""Vision transformers with timm's names of parameters, and checkpoints of timm's and Hugging Face's names.

The attention is written out: PyTorch's fused one has no rule for vectorized maps on a CPU. Source: Dosovitskiy et al., ICLR 2021.
"""

import json
import math
import os
import pickle
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from deep.networks.base import Network
from deep.networks.normalisation import normalise
from theory.errors import InputError

MICRO = {"width": 96, "depth": 4, "heads": 3}
_EPSILON = 1e-6
_FACES = {  # Hugging Face's names, in the order in which they are replaced
    r"^(vit|model)\.": "", r"embeddings\.(cls_token)": r"\1", r"embeddings\.position_embeddings": "pos_embed",
    r"embeddings\.patch_embeddings\.projection": "patch_embed.proj", r"encoder\.layer\.": "blocks.", "layernorm_before": "norm1", "layernorm_after": "norm2",
    r"attention\.attention\.": "attn.", r"attention\.output\.dense": "attn.proj", r"intermediate\.dense": "mlp.fc1", r"output\.dense": "mlp.fc2",
    "^layernorm": "norm", "^classifier": "head",
}  # fmt: skip
_KINDS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        count, length, width = tokens.shape
        query, key, value = self.qkv(tokens).view(count, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        shares = (query @ key.mT / math.sqrt(width // self.heads)).softmax(-1)
        return self.proj((shares @ value).transpose(1, 2).reshape(count, length, width))


class Block(nn.Module):
    """Attention, then a perceptron on each token, each added to its input; tokens of shape (N, T, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(width, _EPSILON), _Attention(width, heads), nn.LayerNorm(width, _EPSILON)
        self.mlp = nn.Sequential(OrderedDict(fc1=nn.Linear(width, 4 * width), act=nn.GELU(), fc2=nn.Linear(4 * width, width)))

    def attend(self, tokens: Tensor) -> Tensor:
        """Compute the first half of the block."""
        return tokens + self.attn(self.norm1(tokens))

    def forward(self, tokens: Tensor) -> Tensor:
        """Compute the block."""
        tokens = self.attend(tokens)
        return tokens + self.mlp(self.norm2(tokens))


class _Stem(nn.Module):
    """Images, shape (N, C, H, W), to tokens, shape (N, 1 + patches, width); the first one is of no patch."""

    def __init__(self, patches: nn.Module, count: int, width: int) -> None:
        super().__init__()
        self.cls_token, self.pos_embed = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(torch.randn(1, 1 + count, width) * 0.02)
        self.patch_embed = nn.ModuleDict({"proj": patches})

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embed["proj"](images).flatten(2).mT
        return torch.cat([self.cls_token.expand(len(images), -1, -1), patches], 1) + self.pos_embed


class _First(nn.LayerNorm):
    """Normalises the first token."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input[:, 0])


def vit(
    image_shape: tuple[int, int, int], head_sizes: Sequence[int], normalisation: str, width: int, depth: int, heads: int, patch: int | None = None
) -> Network:
    """Return a vision transformer; stem, each block and the last normalisation are stages.

    Parameters
    ----------
    patch : int, optional
        Side of the patches. Default: three 3 x 3 convolutions of stride 2 make the tokens, of the image with mean 0 and variance 1.
    """
    if normalisation != "layer":
        raise InputError(f"the normalisation of a vision transformer is {normalisation!r}; it has layer, leave the choice out")
    channels, *sides = image_shape
    if any(side % (patch or 1) for side in sides):
        raise InputError(f"images of {sides[0]} x {sides[1]} do not divide into patches of {patch} x {patch}; give images whose sides are multiples of {patch}")
    if patch is None:
        patches: nn.Module = nn.Sequential(nn.GroupNorm(1, channels, affine=False))
        for inner in (width // 3, 2 * width // 3, width):
            patches.extend([nn.Conv2d(channels, inner, 3, 2, 1), normalise("group", inner, 2), nn.GELU()])
            channels = inner
    else:
        patches = nn.Conv2d(channels, width, patch, patch)
    count = math.prod(-(-side // (patch or 8)) for side in sides)
    blocks = {f"block{number}": Block(width, heads) for number in range(1, depth + 1)}
    return Network({"stem": _Stem(patches, count, width), **blocks, "norm": _First(width, _EPSILON)}, width, head_sizes)


def timm_names(network: Network) -> dict[str, Tensor]:
    """Return the parameters of a vision transformer by timm's names, those of its heads left out; not copies."""
    found = {re.sub(r"^body\.(stem\.)?", "", name): value for name, value in network.named_parameters() if not name.startswith("heads.")}
    return {re.sub(r"^block(\d+)", lambda match: f"blocks.{int(match[1]) - 1}", name): value for name, value in found.items()}


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read a checkpoint, of safetensors by its suffix, else of PyTorch without code; return its tensors by timm's names.

    Raises
    ------
    InputError
        If there is none, or it cannot be read.
    """
    found: dict[str, Tensor] = {}
    try:
        if Path(path).suffix == ".safetensors":
            content = bytearray(Path(path).read_bytes())
            start = 8 + int.from_bytes(content[:8], "little")
            header = json.loads(content[8:start])
            for name, entry in header.items():
                first, last = entry["data_offsets"] if name != "__metadata__" else (0, 0)
                if last > first:
                    kind = _KINDS[entry["dtype"]]
                    found[name] = torch.frombuffer(content, dtype=kind, count=(last - first) // kind.itemsize, offset=start + first).view(entry["shape"])
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
            found = next((found[name] for name in ("state_dict", "model") if isinstance(found.get(name), Mapping)), found)
    except (OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, pickle.UnpicklingError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"cannot read the checkpoint {path} ({reason}); give tensors by name in a .safetensors file, or one of torch.save") from None
    renamed = {}
    for name, value in found.items():
        for theirs, ours in _FACES.items():
            name = re.sub(theirs, ours, name)
        renamed[name] = value
    for name in [name for name in renamed if ".attn.query." in name]:
        renamed[name.replace("query", "qkv")] = torch.cat([renamed.pop(name.replace("query", part)) for part in ("query", "key", "value")])
    return renamed


def load_checkpoint(network: Network, path: str | os.PathLike[str]) -> Network:
    """Give a vision transformer the weights of a checkpoint, its heads excepted; return it.

    Raises
    ------
    InputError
        If the checkpoint is one of another architecture or image size; names the first parameter that does not fit, with both shapes.
    """
    ours, theirs = timm_names(network), read_checkpoint(path)
    rest = [name for name in theirs if name not in ours and name.startswith(("blocks.", "patch_embed."))]
    for name in (*ours, *rest):
        wanted, found = (tuple(values[name].shape) if name in values else None for values in (ours, theirs))
        if name == "pos_embed" and found and found != wanted and found[2:] == wanted[2:]:
            side, patches = math.isqrt(found[1] - 1), wanted[1] - 1
            size = f"is for images of {side} x {side} patches, these have {patches} in all (pos_embed: {found}, {wanted})"
            raise InputError(f"the checkpoint {path} {size}; give images of that size")
        if wanted != found:
            other = f"{name} has shape {found or 'none'} there, {wanted or 'none'} in the network"
            raise InputError(f"the checkpoint {path} is of another architecture: {other}; choose the network it was made with")
    with torch.no_grad():
        for name, value in ours.items():
            value.copy_(theirs[name])
    return network

