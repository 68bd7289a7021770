"""Two samples of the same experiment: are they of one joint law? Marginals, pairs and tails, Bonferroni over all of them."""

from itertools import combinations

import numpy as np
from sampler_reference import SAMPLES
from scipy.stats import binomtest, ks_2samp

TAIL = 0.01  # share of the pooled trials that counts as an upper tail
MOST_PAIRS = 60


def quantities(simulation):
    """All results side by side, shape (trials, quantities), in logarithms where they are positive; constants left out."""
    flat = np.concatenate([getattr(simulation, name).reshape(simulation.trials, -1) for name in SAMPLES], axis=1)
    return np.log(flat + 1e-12)


def least_p(left, right, seed=0):
    """Smallest p-value times the number of tests, and which test it was; below 1e-6 the laws differ.

    Kolmogorov-Smirnov on every quantity, and on standardised sums and differences of pairs (which see correlations
    between tasks and blocks); binomial tests of how many of the largest and smallest pooled values are on either side.
    """
    a, b = (side if isinstance(side, np.ndarray) else quantities(side) for side in (left, right))
    pooled = np.concatenate([a, b])
    spread = pooled.std(axis=0)
    moving = spread > 1e-9
    constant = np.abs(a[:, ~moving].mean(axis=0) - b[:, ~moving].mean(axis=0)).max(initial=0.0)
    if constant > 1e-6:
        return 0.0, f"constants differ by {constant}"
    a, b = ((x[:, moving] - pooled[:, moving].mean(axis=0)) / spread[moving] for x in (a, b))
    found = []
    for j in range(a.shape[1]):
        found.append((ks_2samp(a[:, j], b[:, j], method="asymp").pvalue, f"marginal {j}"))
        for sign in (1, -1):
            edge = np.quantile(sign * np.concatenate([a[:, j], b[:, j]]), 1 - TAIL)
            above = int(np.sum(sign * a[:, j] > edge)), int(np.sum(sign * b[:, j] > edge))
            if sum(above):
                found.append((binomtest(above[0], sum(above), len(a) / (len(a) + len(b))).pvalue, f"tail {j}"))
    pairs = list(combinations(range(a.shape[1]), 2))
    for place in np.random.default_rng(seed).permutation(len(pairs))[:MOST_PAIRS]:
        i, j = pairs[place]
        for sign in (1, -1):
            x, y = a[:, i] + sign * a[:, j], b[:, i] + sign * b[:, j]
            if np.std(x) > 1e-6:
                found.append((ks_2samp(x, y, method="asymp").pvalue, f"pair {i},{j}"))
    if not found:
        return 1.0, "nothing moves"
    p, what = min(found)
    return p * len(found), what
