"""Data sets: digits (embedded), MNIST, Fashion-MNIST, KMNIST, QMNIST, CIFAR-10 and CIFAR-100, read with NumPy alone."""

from deep.data.dataset import Dataset, FileRecord, Part
from deep.data.locations import resolve_root
from deep.data.own_parts import with_own_parts
from deep.data.registry import load, names, survey

__all__ = ["Dataset", "FileRecord", "Part", "load", "names", "resolve_root", "survey", "with_own_parts"]
