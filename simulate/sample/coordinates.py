"""True parameters in coordinates of an orthonormal basis of their span, so that their dimension does not matter."""

from dataclasses import dataclass

import numpy as np

from simulate.sample.factors import lower_factor
from simulate.sample.streams import TRUTH_BELOW, TRUTH_DIAGONAL, TRUTH_INSIDE, Streams
from simulate.sample.truths import as_int, named_gram, own_truths, realise_gram
from theory.problem import TaskSequence


@dataclass(frozen=True)
class TruthCoordinates:
    """Truths of one block of parameters.

    Parameters
    ----------
    dimension : int
        Of the block.
    users : tuple of int
        Tasks that use the block.
    fixed : ndarray, shape (len(users), rank)
        Coordinates of truths that are given, in a basis of their span; rows of zeros stand for random truths.
    random : tuple of (row, direction, norm)
        Rows with a random direction, by its number.
    """

    dimension: int
    users: tuple[int, ...]
    fixed: np.ndarray
    random: tuple[tuple[int, int, float], ...] = ()

    @property
    def width(self) -> int:
        """Number of coordinates of all truths together, at most the dimension."""
        return self.fixed.shape[1] + min(self._directions, self.dimension - self.fixed.shape[1])

    @property
    def _directions(self) -> int:
        return 1 + max((direction for _, direction, _ in self.random), default=-1)

    def draw(self, streams: Streams, block: int, trials: int) -> np.ndarray:
        """Return the coordinates, shape (trials or 1, len(users), width); 1 where no truth is random."""
        if not self.random:
            return self.fixed[None]
        rank, outside = self.fixed.shape[1], self.dimension - self.fixed.shape[1]
        below, diagonal = (streams.generator(0, role, block) for role in (TRUTH_BELOW, TRUTH_DIAGONAL))
        normal = streams.generator(0, TRUTH_INSIDE, block).standard_normal((trials, self._directions, rank))
        normal = np.concatenate([normal, lower_factor(below, diagonal, trials, self._directions, outside)], axis=2)
        directions = normal / np.sqrt(np.einsum("tgk,tgk->tg", normal, normal))[..., None]
        truths = np.zeros((trials, len(self.users), self.width))
        truths[:, :, :rank] = self.fixed
        for row, direction, norm in self.random:
            truths[:, row] = norm * directions[:, direction]
        return truths


def truth_coordinates(seq: TaskSequence, block: str) -> TruthCoordinates:
    """Return the truths of ``block`` of an experiment without grids.

    Raises
    ------
    InputError
        If an entry is a symbol, or if no vectors in the block have the Gram matrix.
    """
    dimension, users = as_int(seq.blocks[block], f"the dimension of block {block!r}"), seq.users(block)
    if users and block in seq.gram:
        matrix, rows = named_gram(seq, block)
        return TruthCoordinates(dimension, users, _without_empty(realise_gram(matrix, rows, dimension, block, min(dimension, len(matrix)))))
    given, random = own_truths(seq, block)
    numbers = {task: number for number, task in enumerate(dict.fromkeys(task for _, task, _ in random))}
    fixed = np.zeros((len(users), 0))
    if given:
        inside = _span_coordinates(np.array(list(given.values())))
        fixed = np.zeros((len(users), inside.shape[1]))
        fixed[list(given)] = inside
    return TruthCoordinates(dimension, users, fixed, tuple((row, numbers[task], norm) for row, task, norm in random))


def _span_coordinates(vectors: np.ndarray) -> np.ndarray:
    """Coordinates of the rows in an orthonormal basis of their span; directions that are but rounding are left out."""
    u, s, _ = np.linalg.svd(np.asarray(np.linalg.qr(vectors.T, mode="r")).T, full_matrices=False)
    kept = s > np.finfo(float).eps * max(vectors.shape) * s.max(initial=0.0)
    return u[:, kept] * s[kept]


def _without_empty(coordinates: np.ndarray) -> np.ndarray:
    return coordinates[:, np.any(coordinates != 0, axis=0)]
