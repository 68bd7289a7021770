"""A small convolutional network with five stages, for images on a CPU."""

from collections.abc import Sequence

from torch import nn

from deep.networks.base import Network
from deep.networks.normalisation import normalise

WIDTHS = (16, 32, 64, 64)


def convnet(image_shape: tuple[int, int, int], head_sizes: Sequence[int], normalisation: str) -> Network:
    """Return a network of four convolutional stages and the head.

    Each stage is a 3 x 3 convolution, normalisation, ReLU and, while the image has at least 2 x 2 pixels, pooling over
    2 x 2; the last one ends in the mean over the image.
    """
    channels, side = image_shape[0], min(image_shape[1:])
    body = nn.ModuleDict()
    for number, width in enumerate(WIDTHS, 1):
        layers = [nn.Conv2d(channels, width, 3, padding=1, bias=normalisation == "none"), normalise(normalisation, width, 2), nn.ReLU()]
        if side >= 2:
            layers.append(nn.MaxPool2d(2))
            side //= 2
        body[f"conv{number}"] = nn.Sequential(*layers)
        channels = width
    body[f"conv{len(WIDTHS)}"].extend([nn.AdaptiveAvgPool2d(1), nn.Flatten()])
    return Network(body, channels, head_sizes)
