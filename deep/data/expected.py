"""What a part of a data set must hold, and the errors where a file holds something else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deep.data.contents import Content


@dataclass(frozen=True)
class Expected:
    """Content of one part.

    Parameters
    ----------
    title : str
        How to name the part in errors, such as "the test part of MNIST".
    count : int
        Number of images.
    shape : tuple of int
        Of one image, (H, W) or (H, W, C).
    classes : int
        Number of classes; labels count from 0.
    balanced : bool
        Whether every class has as many images as any other.
    """

    title: str
    count: int
    shape: tuple[int, ...]
    classes: int
    balanced: bool = False

    def check_balance(self, content: Content, labels: np.ndarray) -> None:
        """Check that every class of a balanced part has its share of the images; a part that was half copied has not."""
        each, rest = divmod(self.count, self.classes)
        counts = np.bincount(labels, minlength=self.classes)
        if self.balanced and not rest and (counts != each).any():
            odd = int(np.argmax(counts != each))
            raise content.error(
                f"class {odd} has {counts[odd]:,} images, but {self.title} has {each:,} of every class",
                "it is damaged or another file; put the official file there",
            )

    def check_count(self, content: Content, count: int, files: int = 1) -> None:
        """Check the number of images in one of ``files`` files of equal size."""
        if count * files != self.count:
            raise content.error(
                f"{count:,} images, but {self.title} has {self.count // files:,} in this file",
                "it is incomplete or another data set's; put the official file there",
            )

    def check_shape(self, content: Content, shape: tuple[int, ...]) -> None:
        """Check the shape of one image."""
        if shape != self.shape:
            raise content.error(f"images of shape {shape}, but {self.title} has {self.shape}", "put the official file there")

    def check_labels(self, content: Content, labels: np.ndarray, classes: int | None = None) -> None:
        """Check that all labels lie between 0 and ``classes`` - 1 (default: the part's classes)."""
        classes = self.classes if classes is None else classes
        outside = np.flatnonzero((labels < 0) | (labels >= classes))
        if outside.size:
            raise content.error(
                f"label {labels[outside[0]]} of image {outside[0]} is outside 0..{classes - 1} ({outside.size:,} such labels)",
                "the file is damaged or another data set's; put the official file there",
            )
