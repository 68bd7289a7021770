"""Normalisation layers by name."""

from torch import nn

from theory.checks import known

NORMALISATIONS = ("none", "batch", "group", "layer")
_GROUPS = 8


def normalise(kind: str, channels: int, dimensions: int) -> nn.Module:
    """Return the layer that normalises activations of shape (N, channels, ...).

    Parameters
    ----------
    kind : {"none", "batch", "group", "layer"}
        By nothing; by statistics of the batch (running ones at evaluation); of each example in 8 groups of channels, or
        as many as divide them; of each example.
    channels : int
    dimensions : {1, 2}
        1 after a linear layer, 2 after a convolution.
    """
    known(kind, NORMALISATIONS, "normalisation")
    if kind == "none":
        return nn.Identity()
    if kind == "batch":
        return nn.BatchNorm1d(channels) if dimensions == 1 else nn.BatchNorm2d(channels)
    groups = 1 if kind == "layer" else max(count for count in range(1, _GROUPS + 1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)
