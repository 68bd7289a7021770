"""A reader of the CIFAR authors' pickled batches that cannot run code: only containers, text, numbers and byte arrays.

An ordinary unpickler calls whatever a file names. Here every name is refused but NumPy's array constructors, and
these are replaced by plain ones that accept arrays of bytes only.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

from deep.data.contents import Content


class _ByteKind:
    """Stands for the dtype uint8, the only one that is accepted."""

    def __init__(self, code: Any, *flags: Any) -> None:
        if code not in ("u1", b"u1"):
            raise pickle.UnpicklingError(f"an array of kind {code!r} where bytes (u1) are expected")

    def __setstate__(self, state: Any) -> None:
        """Ignore the byte order, which bytes do not have."""


class _ByteArray:
    """Stands for an array while it is unpickled."""

    array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, by_column, raw = state
        if not isinstance(kind, _ByteKind):
            raise pickle.UnpicklingError("an array of unknown kind")
        self.array = _bytes_to_array(raw, shape, "F" if by_column else "C")


class _ArrayType:
    """Stands for the name numpy.ndarray, which pickles only pass on."""


def _reconstruct(subtype: Any, shape: Any, code: Any) -> _ByteArray:
    return _ByteArray()


def _from_buffer(raw: Any, kind: Any, shape: Any, order: Any) -> _ByteArray:
    if not isinstance(kind, _ByteKind):
        raise pickle.UnpicklingError("an array of unknown kind")
    result = _ByteArray()
    result.array = _bytes_to_array(raw, shape, order)
    return result


def _encode(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


def _bytes_to_array(raw: Any, shape: Any, order: str) -> np.ndarray:
    raw = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
    if math.prod(shape) != len(raw):
        raise pickle.UnpicklingError(f"{len(raw)} bytes for an array of shape {shape}")
    return np.frombuffer(raw, np.uint8).reshape(shape, order=order)


_ALLOWED = {
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _ByteKind,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encode,  # how Python 3 writes bytes in the old protocols
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}, which is refused")
        return _ALLOWED[module, name]


def read_batch(content: Content) -> dict[str, Any]:
    """Unpickle a batch: a dictionary of byte arrays, lists, numbers and text, with its keys as str.

    Raises
    ------
    InputError
        If the file is damaged, or holds anything else.
    """
    try:
        batch = _Unpickler(io.BytesIO(content.data), encoding="bytes").load()
    except Exception as error:  # a damaged pickle can raise nearly any exception
        raise content.error(
            f"no readable batch ({type(error).__name__}: {error})", "obtain the file again, or use the data set's binary version"
        ) from error
    if not isinstance(batch, dict):
        raise content.error(f"holds a {type(batch).__name__} where a batch is a dictionary")
    plain = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in batch.items()}
    return {key: value.array if isinstance(value, _ByteArray) else value for key, value in plain.items()}
