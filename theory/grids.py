"""A quantity at many settings at once, by the exact law."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from theory.algebra import FloatAlgebra
from theory.errors import InputError, NoClosedForm
from theory.inner_products import ROUNDING
from theory.law import expected_errors
from theory.problem import TaskSequence
from theory.quantities import TRAINING, parse_quantity

LOOKED_AT = 2**12  # matrices of inner products that are looked at: the roots of all would take longer than the law


def law_at(build: Callable[[Mapping[str, Any]], TaskSequence], quantity: Any, settings: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a quantity and its error scale at many settings, NaN where an expectation is infinite.

    Parameters
    ----------
    build : callable
        Makes an experiment of a mapping from parameter to an array of values, or to one value for all.
    quantity : str or Quantity
    settings : mapping

    Returns
    -------
    value, scale, terms : ndarray
        The scale is E L_i(theta_i) + sigma_i^2 on average over the tasks i that the quantity weighs; times n_i for training errors.
        The terms are squared lengths of truths, which cancel in errors much smaller than they are, and leave their rounding.

    Raises
    ------
    InputError
        If any setting is no experiment (of inner products, the first ones are looked at); what ``build`` raises passes.
    NoClosedForm
        If no exact law is known.
    """
    seq = build(settings)
    if not isinstance(seq, TaskSequence):
        raise InputError(f"build returned a {type(seq).__name__}; it must return a theory.TaskSequence")
    terms: Any = 0.0
    for block, gram in FloatAlgebra(seq).gram.items():
        terms = terms + np.einsum("...ii->...i", gram).max(axis=-1)
        if gram.ndim > 2:
            users = seq.users(block)
            roots = np.linalg.eigvalsh(gram[:LOOKED_AT, users, :][..., users])
            if np.any(roots[..., 0] < -ROUNDING * np.abs(roots).max(axis=-1)):
                raise InputError(f"gram[{block!r}] is no matrix of inner products")
    law, wanted = expected_errors(seq, outside="nan"), parse_quantity(quantity, len(seq))
    if law.status != "exact":
        raise NoClosedForm(f"the law of the experiment is of {law.status}, which neither proves nor refutes; simulate it")
    rows = [np.maximum(np.asarray(task.samples, dtype=float), 1) if wanted.of == TRAINING else 1 for task in seq.tasks]
    scale = [(law.errors[..., i, i] + np.asarray(seq.tasks[i].noise, dtype=float) ** 2) * rows[i] for i in wanted.tasks(len(seq))]
    return np.asarray(wanted.value(law), dtype=float), np.asarray(sum(scale) / len(scale), dtype=float), terms * np.max(np.broadcast_arrays(*rows), axis=0)
