"""The exact law of two tasks that are visited again and again, each time with the data of its first visit; where visits are drawn, their mean.

A step of scale 1 fits the data of its task, theta <- theta + P_j (z_j - theta), where P_j projects on the span of the samples and z_j = w_j +
A (A'A)^{-1} noise is the same at every visit. So theta = K_0 z_0 + K_1 z_1, with K_j in the algebra of words in P_0 and P_1. The samples
are the same in every basis: the expectation of a word is its trace times I / d, and of the noise only its squared length k_j sigma_j^2
counts, spread evenly over the n_j directions of P_j:

    E theta . w_i = sum_j g_ij tr K_j / d,   E |theta|^2 = sum_jk g_jk tr K_j'K_k / d + sum_j (k_j sigma_j^2 / n_j) tr K_j'K_j.

A word P_0 P_1 P_0 ... has the trace of (P_0 P_1)^k, which is the k-th moment of the squared cosines of the angles between both spans, a
Jacobi ensemble (for one sample each Beta(1/2, (d - 1)/2)). It is rational in n_0, n_1 and d: with zonal polynomials J, of which E J(P_0 P_1) =
J(P_0) J(P_1) / J(I), and the power sum p_k = sum over partitions of k of J 2 k prod (2 (j - 1) - (i - 1)) / |J|^2, where boxes (i, j) but the
first are multiplied, so that partitions with a box (3, 2) drop out. Sources: Macdonald, Symmetric Functions and Hall Polynomials, VI.10 and VII;
the law is the project's derivation. Tasks in this order are those of Evron et al., arXiv 2205.09588 (the text was not at hand).
"""

import math
from fractions import Fraction
from functools import cache, lru_cache
from itertools import product
from typing import Any

import numpy as np

from theory.algebra import ExactAlgebra, FloatAlgebra
from theory.errors import NoClosedForm
from theory.problem import TaskSequence
from theory.recursion import Law, StepGeometry
from theory.replay import Replay, require_one_block

Words = dict[tuple[int, ...], Any]
MOST = 2**10  # orders that the mean is taken over


def visits_law(seq: TaskSequence, algebra: FloatAlgebra | ExactAlgebra, outside: str, regimes: tuple[str, ...]) -> Law:
    """Compute the law of an experiment with visits; see `theory.law.expected_errors` for the arguments.

    Raises
    ------
    NoClosedForm
        For visits of more than two tasks, more than `MOST` orders of visits that are drawn, and what the law with memory refuses.
    """
    for t in range(len(seq)):
        require_one_block(seq, t)
    choices = [task.again or (t,) for t, task in enumerate(seq.tasks)]
    if len(set().union(*choices)) > 2 or math.prod(map(len, choices)) > MOST:
        raise NoClosedForm(f"with data that are used again the law is one of two tasks, and of at most {MOST:,} orders where visits are drawn; simulate other visits")
    first, state = sorted(set().union(*choices)), Replay(seq, algebra, outside, regimes)
    steps = [StepGeometry(t, seq.tasks[t].samples, state.dimension, algebra, outside, regimes[t]) for t in first]
    rank = [np.where(step.over, step.n, step.d) if not algebra.exact else step.n if step.over else step.d for step in steps]
    noise = [step.noise_part(step.moments(), state.noise[t]) / (size or 1 if algebra.exact else np.maximum(size, 1)) for step, t, size in zip(steps, first, rank, strict=True)]

    @cache
    def trace(word: tuple[int, ...]) -> Any:
        return rank[word[0]] if len(word) == 1 else _alternating(len(word) // 2, rank[0], rank[-1], state.p)

    def expectation(words: Words) -> Any:
        return sum(trace(word) * factor for word, factor in words.items())

    @cache  # orders meet the same estimates again
    def squared(parts: tuple[frozenset[Any], ...]) -> Any:
        K = list(map(dict, parts))
        pairs = {(i, j): expectation(_times({word[::-1]: c for word, c in K[i].items()}, K[j])) for i, j in product(range(len(K)), repeat=2)}
        return sum(state.products[..., first[i], first[j]] * found / state.p + (noise[i] * found if i == j else 0) for (i, j), found in pairs.items())

    def square(K: list[Words]) -> Any:
        return squared(tuple(frozenset(item for item in words.items() if item[1]) for words in K))

    errors, lengths, updates, noises = algebra.zeros(*(len(seq),) * 2), *(algebra.zeros(len(seq)) for _ in range(3))
    orders = list(product(*choices))
    for order in orders:
        K: list[Words] = [{} for _ in first]
        for t, source in enumerate(order):
            task, j, before = seq.tasks[t], first.index(source), K
            K = [{} for _ in first] if task.starts_from_zero(task.train[0]) else K
            taken = 0 if task.takes_no_step else 1
            step = [_times({(j,): -taken}, words) for words in K]
            step[j] = _plus(step[j], {(j,): taken})
            K = [_plus(words, change) for words, change in zip(K, step, strict=True)]
            towards = sum(state.products[..., order, first[i]] * np.asarray(expectation(words) / state.p)[..., None] for i, words in enumerate(K))
            errors[..., t, :] += state.error[..., order] - 2 * towards + np.asarray(square(K))[..., None] + state.untrained[..., order]
            lengths[..., t], noises[..., t] = lengths[..., t] + square(step), noises[..., t] + state.noise[source]
            updates[..., t] += square([_plus(after, {word: -c for word, c in old.items()}) for after, old in zip(K, before, strict=True)])
    conditions = tuple(dict.fromkeys(step.condition for step in steps if step.condition is not None))
    errors, lengths, noises, updates = (algebra.finish(values / algebra.lift(len(orders))) for values in (errors, lengths, noises, updates))
    return Law(errors, lengths, noises, conditions, updates)


def _plus(left: Words, right: Words) -> Words:
    return {word: left.get(word, 0) + right.get(word, 0) for word in {**left, **right}}


def _times(left: Words, right: Words) -> Words:
    """The product of sums of words, with P_j P_j = P_j."""
    found: Words = {}
    for (u, a), (v, b) in product(left.items(), right.items()):
        word = u + v[1:] if u[-1] == v[0] else u + v
        found[word] = found.get(word, 0) + a * b
    return found


def _alternating(k: int, n: Any, m: Any, d: Any) -> Any:
    """E tr (P_0 P_1)^k for projections of ranks n and m on random subspaces of dimension d; floats by way of exact fractions."""
    if isinstance(d, np.ndarray):
        return np.vectorize(lambda *point: float(_moment(k, *(Fraction(int(value)) for value in point))), otypes=[float])(n, m, d)
    return _moment(k, n, m, d)


@lru_cache(maxsize=4096)
def _moment(k: int, n: Any, m: Any, d: Any) -> Any:
    """Sum over the partitions of k into one row, or two and a column of ones below."""
    total = 0
    for rows in [[k], *([k - b - ones, b, *[1] * ones] for b in range(1, k) for ones in range(k - 2 * b + 1))]:
        boxes = [(i, j, 2 * j - i) for i, row in enumerate(rows) for j in range(row)]
        above = math.prod((n + shift) * (m + shift) for *_, shift in boxes)
        if above != 0:
            hooks = [2 * (rows[i] - j - 1) + sum(row > j for row in rows[i + 1 :]) for i, j, _ in boxes]
            weight = 2 * k * math.prod(Fraction(shift or 1, (hook + 1) * (hook + 2)) for hook, (*_, shift) in zip(hooks, boxes, strict=True))
            total += above / math.prod(d + shift for *_, shift in boxes) * weight.numerator / weight.denominator
    return total
