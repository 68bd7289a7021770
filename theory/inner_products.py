"""Whether numbers can be inner products of vectors."""

from typing import Any

import numpy as np

from theory.errors import InputError
from theory.problem import TaskSequence

ROUNDING = 1e-9  # of an eigenvalue, relative to the largest one


def coordinates(gram: Any, what: str) -> np.ndarray:
    """Return vectors with these inner products, shape (..., n, n), those of the largest eigenvalues first; InputError unless there are such."""
    gram = np.asarray(gram, dtype=float)
    if gram.ndim < 2 or gram.shape[-1] != gram.shape[-2] or not np.allclose(gram, np.swapaxes(gram, -1, -2), rtol=0, atol=ROUNDING * abs(gram).max(initial=0)):
        raise InputError(f"{what} is {gram.tolist()}; give a symmetric matrix of inner products")
    values, vectors = np.linalg.eigh(gram)
    if values.min(initial=0) < -ROUNDING * abs(values).max():
        raise InputError(f"{what} has the eigenvalue {values.min():.6g}, so it is no matrix of inner products")
    return (vectors * np.sqrt(values.clip(0))[..., None, :])[..., ::-1]


def require_inner_products(seq: TaskSequence) -> None:
    """Raise InputError for a numeric matrix that is not positive semidefinite: errors would come out negative."""
    for block, gram in seq.gram.items():
        users = seq.users(block)
        try:
            matrix = np.array(gram.values[(..., *np.ix_(users, users))].tolist(), dtype=float)
        except (TypeError, ValueError):
            continue
        if matrix.ndim != 2 or not matrix.size:
            continue
        values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
        if values[0] < -ROUNDING * abs(values).max():
            raise InputError(
                f"gram[{block!r}] has the eigenvalue {values[0]:.6g} (the largest is {values[-1]:.6g}), so it is no matrix of inner products; "
                "correct the entries so that it is positive semidefinite"
            )
