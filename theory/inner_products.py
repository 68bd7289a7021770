"""Whether numbers can be inner products of vectors."""

import numpy as np

from theory.errors import InputError
from theory.problem import TaskSequence

ROUNDING = 1e-9  # of an eigenvalue, relative to the largest one


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
