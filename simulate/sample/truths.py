"""True parameters as numbers: vectors as given, vectors with a given Gram matrix, random directions."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulate.sample.streams import Streams
from theory.errors import InputError
from theory.problem import Isotropic, TaskSequence
from theory.values import is_grid, is_symbolic

# Eigenvalues of a Gram matrix that are this small beside the largest one count as rounding of its entries.
ROUNDING = 1e-10
SMALLER = (
    "make the experiment smaller or, with standard normal features and without training errors, take method='reduced', "
    "whose memory does not grow with the dimensions"
)


@dataclass(frozen=True)
class BlockTruths:
    """Truths of one block of parameters.

    Parameters
    ----------
    users : tuple of int
        Tasks that use the block.
    fixed : ndarray, shape (len(users), dimension)
        Rows of zeros stand for random truths.
    random : tuple of (row, task, norm)
        Rows with a random direction, which is that of stream ``task``.
    """

    users: tuple[int, ...]
    fixed: np.ndarray
    random: tuple[tuple[int, int, float], ...]

    def draw(self, streams: Streams, block: int, trials: int) -> np.ndarray:
        """Return the truths, shape (trials or 1, len(users), dimension); 1 where no truth is random."""
        if not self.random:
            return self.fixed[None]
        truths = np.repeat(self.fixed[None], trials, axis=0)
        directions: dict[int, np.ndarray] = {}
        for row, task, norm in self.random:
            if task not in directions:
                normal = streams.direction(task, block).standard_normal((trials, self.fixed.shape[1]))
                directions[task] = normal / np.sqrt(np.einsum("td,td->t", normal, normal))[:, None]
            truths[:, row] = norm * directions[task]
        return truths


def as_float(value: Any, what: str) -> float:
    """Return a number of an experiment as a float.

    Raises
    ------
    InputError
        If it is a symbol or a grid; the sampler needs one number.
    """
    if is_symbolic(value) and value.free_symbols:
        raise InputError(f"{what} is the symbol {value}; the sampler needs numbers, so substitute one for it")
    if is_grid(value):
        raise InputError(f"{what} is a grid of shape {value.shape}; the sampler takes one experiment, so simulate seq.at(index)")
    return float(value)


def as_int(value: Any, what: str) -> int:
    """Return a count of an experiment as an int; raises `InputError` as `as_float` does."""
    return value if isinstance(value, int) else int(as_float(value, what))


def block_truths(seq: TaskSequence, block: str, memory_limit: float = math.inf) -> BlockTruths:
    """Return the truths of ``block`` of an experiment without grids.

    Raises
    ------
    InputError
        If an entry is a symbol, if no vectors in the block have the Gram matrix, or if vectors of its dimension are beyond
        the limit, in bytes, or the machine's memory.
    """
    dimension, users = as_int(seq.blocks[block], f"the dimension of block {block!r}"), seq.users(block)
    size = 8 * len(users) * dimension
    try:
        if size > memory_limit:
            raise MemoryError
        fixed = np.zeros((len(users), dimension))
    except (MemoryError, OverflowError, ValueError):  # the latter two where not even an address is left
        limit = f"memory_limit={memory_limit:,}" if size > memory_limit else "this machine's memory"
        raise InputError(f"the truths of block {block!r}, of dimension {dimension}, take {size:,} bytes, beyond {limit}; {SMALLER}") from None
    if users and block in seq.gram:
        fixed[:] = realise_gram(*named_gram(seq, block), dimension, block)
        return BlockTruths(users, fixed, ())
    given, random = own_truths(seq, block)
    for row, vector in given.items():
        fixed[row] = vector
    return BlockTruths(users, fixed, random)


def own_truths(seq: TaskSequence, block: str) -> tuple[dict[int, np.ndarray], tuple[tuple[int, int, float], ...]]:
    """Return the truths of a block without Gram matrix, by the row of their user: vectors, and (row, task, norm) of random ones.

    The task names the random direction; truths that share a name share the direction of the first of them.
    """
    given, random, first_use = {}, [], {}
    for row, task in enumerate(seq.users(block)):
        truth = seq.tasks[task].truth[block]
        if isinstance(truth, Isotropic):
            stream = task if truth.name is None else first_use.setdefault(truth.name, task)
            random.append((row, stream, as_float(truth.norm, f"the norm of task {task}'s truth of block {block!r}")))
        else:
            given[row] = np.array([as_float(entry, f"an entry of task {task}'s truth of block {block!r}") for entry in truth.values])
    return given, tuple(random)


def realise_gram(matrix: np.ndarray, rows: list[int], dimension: int, block: str, width: int | None = None) -> np.ndarray:
    """Return vectors whose inner products are those of ``matrix``.

    Parameters
    ----------
    matrix : ndarray, shape (names, names)
        Inner products of distinct truths.
    rows : list of int
        Which of them each returned vector is.
    dimension : int
        Of the vectors.
    block : str
        How to call the block in errors.
    width : int, optional
        Number of leading coordinates to return, at least ``min(dimension, names)``; the others are zero. All by default.

    Returns
    -------
    ndarray, shape (len(rows), dimension or width)

    Raises
    ------
    InputError
        If the matrix is not positive semidefinite or its rank is above the dimension, beyond rounding.
    """
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    values, vectors = values[::-1], vectors[:, ::-1]
    rounding = ROUNDING * max(abs(values))
    if values[-1] < -rounding:
        raise InputError(
            f"gram[{block!r}] has the eigenvalue {values[-1]:.6g} (the largest is {values[0]:.6g}), so it is no matrix of inner products; "
            "correct the entries so that it is positive semidefinite"
        )
    rank = int(np.sum(values > rounding))
    if rank > dimension:
        raise InputError(
            f"gram[{block!r}] has rank {rank}, but vectors of dimension {dimension} span at most {dimension} directions; "
            f"give the block a dimension of at least {rank} or make the truths linearly dependent"
        )
    # What is below the accuracy of the eigenvalues themselves would turn zeros into 1e-8 under the root.
    noise = 4 * np.finfo(float).eps * len(values) * max(abs(values))
    kept = min(dimension, len(values))
    realised = np.zeros((len(values), dimension if width is None else width))
    realised[:, :kept] = vectors[:, :kept] * np.sqrt(np.where(values > noise, values, 0.0)[:kept])
    return realised[rows]


def named_gram(seq: TaskSequence, block: str) -> tuple[np.ndarray, list[int]]:
    """Gram matrix of the block's distinct names among its users, and which name each user has."""
    users = seq.users(block)
    names = [seq.tasks[t].truth[block] for t in users]
    distinct = list(dict.fromkeys(names))
    first = [users[names.index(name)] for name in distinct]
    entries = seq.gram[block].values[np.ix_(first, first)]
    matrix = np.array([[as_float(entry, f"an entry of gram[{block!r}]") for entry in row] for row in entries])
    return matrix, [distinct.index(name) for name in names]
