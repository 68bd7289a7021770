"""Residual networks for small images: ResNet-18 in five stages, and the same nine blocks as a stage each.

Source: He, Zhang, Ren, Sun, CVPR 2016, with the first layer that small images use: a 3 x 3 convolution, no pooling.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from deep.networks.base import Network
from deep.networks.normalisation import normalise


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions, to whose result the input is added, by a 1 x 1 convolution where shapes differ."""

    def __init__(self, channels: int, width: int, stride: int, normalisation: str) -> None:
        super().__init__()
        self.branch = nn.Sequential(*convolution(channels, width, 3, stride, normalisation), nn.ReLU(), *convolution(width, width, 3, 1, normalisation))
        same = stride == 1 and channels == width
        self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(channels, width, 1, stride, normalisation))

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute the block's output."""
        return nn.functional.relu(self.branch(inputs) + self.shortcut(inputs))


def resnet18(image_shape: tuple[int, int, int], head_sizes: Sequence[int], normalisation: str, filters: int) -> Network:
    """Return ResNet-18 in five stages: first layer and two blocks, then two blocks each, then the head."""
    blocks = _blocks(image_shape[0], filters, normalisation)
    body = {"stage1": nn.Sequential(*blocks[:3])}
    body |= {f"stage{number}": nn.Sequential(*blocks[2 * number - 1 : 2 * number + 1]) for number in (2, 3, 4)}
    return _pooled(body, filters, head_sizes)


def nine_blocks(image_shape: tuple[int, int, int], head_sizes: Sequence[int], normalisation: str, filters: int) -> Network:
    """Return a network of nine convolutional blocks, each a stage: a single layer, then eight residual blocks.

    As arXiv 2602.20796 describes its network; widths and strides, which it does not give to us, are ResNet-18's.
    """
    blocks = _blocks(image_shape[0], filters, normalisation)
    return _pooled({f"block{number}": nn.Sequential(block) for number, block in enumerate(blocks, 1)}, filters, head_sizes)


def convolution(channels: int, width: int, size: int, stride: int, normalisation: str) -> list[nn.Module]:
    """Return a convolution without bias that keeps the image's size but for the stride, and its normalisation."""
    convolve = nn.Conv2d(channels, width, size, stride, size // 2, bias=normalisation == "none")
    return [convolve, normalise(normalisation, width, 2)]


def _blocks(channels: int, filters: int, normalisation: str) -> list[nn.Module]:
    blocks: list[nn.Module] = [nn.Sequential(*convolution(channels, filters, 3, 1, normalisation), nn.ReLU())]
    width = filters
    for level in range(4):
        for stride in (1 if level == 0 else 2, 1):
            blocks.append(ResidualBlock(width, filters << level, stride, normalisation))
            width = filters << level
    return blocks


def _pooled(body: dict[str, nn.Sequential], filters: int, head_sizes: Sequence[int]) -> Network:
    list(body.values())[-1].extend([nn.AdaptiveAvgPool2d(1), nn.Flatten()])
    return Network(body, filters << 3, head_sizes)
