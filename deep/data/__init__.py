"""Data sets: digits (embedded), MNIST, Fashion-MNIST, KMNIST, QMNIST and CIFAR, read with NumPy alone."""

from deep.data.dataset import Dataset, FileRecord, Part, with_own_parts
from deep.data.locations import resolve_root
from deep.data.registry import load, names, survey

__all__ = ["Dataset", "FileRecord", "Part", "load", "names", "resolve_root", "survey", "with_own_parts"]
