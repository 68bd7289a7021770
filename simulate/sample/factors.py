"""Triangular factors of Gaussian matrices, drawn without the matrices (Bartlett's decomposition), and bands of them."""

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


def band_shapes(rows: int, columns: int, width: int) -> list[tuple[int, int]]:
    """Return the shapes of the matrices whose triangular factors make up the band of a Gaussian matrix of which ``width`` rows matter.

    Notes
    -----
    A turn from the right brings the first rows of a standard normal matrix to their factor (`lower_factor`) and leaves the others standard
    normal. Of these, the columns that the factor takes are turned from the left, which does the same to the transpose; and so on, until rows
    or columns are used up (Golub and Kahan 1965, block by block; for width 1 Dumitriu and Edelman, J. Math. Phys. 2002).
    """
    found, width = [], min(width, rows)
    while width and columns:
        found.append((width, columns))
        rows, columns, width = columns, rows - width, min(width, columns)
    return found


def ridge_corner(
    below: np.random.Generator, diagonal: np.random.Generator, trials: int, rows: int, columns: int, width: int, lam: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the first rows and columns of lam (A A' + lam)^{-1}, A standard normal, and their derivative by lam.

    Parameters
    ----------
    below, diagonal, trials, rows, columns
        As in `lower_factor`.
    width : int
        Rows and columns that are asked for; the cost is that of min(rows, columns) / width inverses of so many.
    lam : float

    Returns
    -------
    corner, derivative : ndarray, shape (trials, width, width)

    Notes
    -----
    With T the first factor of the band, E = (1 + T E_1 T' / lam)^{-1}, where E_1 is the same of what is left, transposed, and 1 once nothing
    is. Derivative E' and F = E - lam E' are E T F_1 T' E / lam^2 and E (1 + T E_1' T') E: nothing is subtracted, so that no digits are lost.
    """
    shapes = [(tall, wide, min(tall, wide)) for tall, wide in band_shapes(rows, columns, width)]
    places = [np.tril_indices(tall, -1, short) for tall, _, short in shapes]
    ends, tips = np.cumsum([0, *(len(one) for one, _ in places)]), np.cumsum([0, *(short for *_, short in shapes)])
    normal = below.standard_normal((trials, ends[-1]))
    lengths = chi(diagonal, np.concatenate([np.zeros(0), *(wide - np.arange(short) for _, wide, short in shapes)]), trials)
    size = shapes[-1][2] if shapes else min(width, rows)
    corner, derivative, rest = (np.broadcast_to(matrix, (trials, size, size)) for matrix in (np.eye(size), np.zeros((size, size)), np.eye(size)))
    for k in reversed(range(len(shapes))):
        tall, _, short = shapes[k]
        factor = np.zeros((trials, tall, short))
        factor[:, *places[k]], factor[:, np.arange(short), np.arange(short)] = normal[:, ends[k] : ends[k + 1]], lengths[:, tips[k] : tips[k + 1]]
        turned = factor.swapaxes(1, 2)
        inverse = np.linalg.inv(np.eye(tall) + factor @ corner @ turned / lam)
        pushed = inverse @ factor
        derivative, rest = pushed @ rest @ pushed.swapaxes(1, 2) / lam**2, inverse @ (np.eye(tall) + factor @ derivative @ turned) @ inverse
        corner = inverse
    return corner, derivative
