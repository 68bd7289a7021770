"""Triangular factors of Gaussian matrices, drawn without the matrices (Bartlett's decomposition)."""

import numpy as np


def lower_factor(below: np.random.Generator, diagonal: np.random.Generator, trials: int, rows: int, columns: int) -> np.ndarray:
    """Draw L of the decomposition A = L Q of a matrix of independent standard normal entries, Q with orthonormal rows.

    Parameters
    ----------
    below, diagonal : numpy.random.Generator
        Of the normal entries and of the chi-distributed ones.
    trials : int
        Number of independent factors.
    rows, columns : int
        Shape of A; the cost does not depend on ``columns`` once it is at least ``rows``.

    Returns
    -------
    ndarray, shape (trials, rows, min(rows, columns))
        Zero above the diagonal, which holds the chi distribution with ``columns - j`` degrees of freedom in column j;
        below it are standard normal entries. ``L L'`` has the law of ``A A'``, a Wishart matrix; Q is uniformly random
        and independent of L.

    Notes
    -----
    Householder reflections from the right turn the rows one after another onto the first coordinates; what they leave of
    the rows below is again standard normal and independent (Bartlett 1933; Muirhead, Aspects of Multivariate Statistical
    Theory, theorem 3.2.14).
    """
    width = min(rows, columns)
    factor = np.zeros((trials, rows, width))
    below_rows, below_columns = np.tril_indices(rows, -1, width)
    factor[:, below_rows, below_columns] = below.standard_normal((trials, len(below_rows)))
    freedom = columns - np.arange(width)
    factor[:, np.arange(width), np.arange(width)] = chi(diagonal, freedom, trials)
    return factor


def chi(generator: np.random.Generator, freedom: np.ndarray, trials: int) -> np.ndarray:
    """Draw chi-distributed lengths, shape (trials, len(freedom)); the degrees of freedom need not be whole."""
    return np.sqrt(2.0 * generator.standard_gamma(np.broadcast_to(np.asarray(freedom) / 2.0, (trials, len(freedom)))))
