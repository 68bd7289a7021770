"""Data sets: digits (embedded), MNIST, Fashion-MNIST, KMNIST, QMNIST and CIFAR, read with NumPy alone."""

from deep.data.dataset import Dataset, FileRecord, Part, with_own_parts
from deep.data.locations import resolve_root
from deep.data.registry import DATASETS, load, survey

__all__ = ["DATASETS", "Dataset", "FileRecord", "Part", "load", "resolve_root", "survey", "with_own_parts"]
