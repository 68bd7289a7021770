"""What a task does to its images: pure functions from 8-bit images to 8-bit images of the same shape."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from deep.streams.seeds import Role, generator

SETS = ("train", "validation", "test")
_CHUNK = 4096  # images; bounds the memory of intermediate floats, never the result


class Transform(Protocol):
    """Maps the images of one of the `SETS` of a task."""

    def __call__(self, images: np.ndarray, which: str) -> np.ndarray: ...


@dataclass(frozen=True)
class Unchanged:
    """The images as they are."""

    def __call__(self, images: np.ndarray, which: str) -> np.ndarray:
        """Return the images."""
        return images


@dataclass(frozen=True)
class Permutation:
    """One permutation of the pixels' places, the same for all images and colours.

    Parameters
    ----------
    seed, task : int
        Name the permutation.
    """

    seed: int
    task: int

    def __call__(self, images: np.ndarray, which: str) -> np.ndarray:
        """Return the images with permuted pixels."""
        height, width = images.shape[1:3]
        places = generator(self.seed, Role.PERMUTATION, self.task).permutation(height * width)
        flat = images.reshape(len(images), height * width, *images.shape[3:])
        return flat[:, places].reshape(images.shape)


@dataclass(frozen=True)
class Rotation:
    """Rotation about the centre with linear interpolation; corners that come from outside are 0.

    Parameters
    ----------
    degrees : float
    """

    degrees: float

    def __call__(self, images: np.ndarray, which: str) -> np.ndarray:
        """Return the rotated images."""
        from scipy import ndimage  # slow to load, and no other stream needs it

        return ndimage.rotate(images, self.degrees, axes=(1, 2), reshape=False, order=1, mode="constant", cval=0)


@dataclass(frozen=True)
class Noise:
    """Independent Gaussian noise on every pixel and colour, rounded and clipped to 0..255.

    Parameters
    ----------
    level : float
        Standard deviation as a share of the range 0..255; 0 leaves the images as they are.
    seed, task : int
        Name the noise.
    """

    level: float
    seed: int
    task: int

    def __call__(self, images: np.ndarray, which: str) -> np.ndarray:
        """Return the noisy images."""
        if self.level == 0:
            return images
        rng = generator(self.seed, Role.NOISE, self.task, SETS.index(which))
        noisy = np.empty_like(images)
        for first in range(0, len(images), _CHUNK):
            chunk = images[first:first + _CHUNK]
            values = chunk + rng.standard_normal(chunk.shape, dtype=np.float32) * np.float32(255 * self.level)
            noisy[first:first + _CHUNK] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
        return noisy


SLOW = (Rotation, Noise)  # whose images are worth keeping
