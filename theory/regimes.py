"""Fine-tuning regimes: a part of the parameters is trained on every task, the rest never, by plain steps or a method of continual learning.

What is not trained is label noise to the rest (`theory.recursion`). Truths are spread evenly over all parameters, so that a regime of d
of p parameters has the share d / p of every inner product. The methods, after the project's derivation:

| method | step | strength |
|---|---|---|
| plain | the least one that fits | none |
| LwF, one head | the least one, shorter (`theory.conditions.Distillation`) | weight of the previous outputs |
| EWC, population Fisher | ridge around the previous estimate (`theory.conditions.Ridge`) | penalty |
| GEM, as the step goes to zero | where stored samples stay fitted (`theory.constructors.gem`) | stored samples of each task |

The functions below the methods measure claims (`theory.ledger.regimes`): each returns the shares of settings in which its claim is true, whose
mean decides the verdict, and sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import combinations, permutations, product
from typing import Any

import numpy as np

from theory.conditions import Distillation, Flow, HeadDistillation, MinNorm, Ridge
from theory.constructors import expanding, one_head_per_task, scaled
from theory.law import expected_errors
from theory.optima import Optimum
from theory.problem import Task, TaskSequence

PLAIN, DISTILLED, PENALISED, GEM = METHODS = ("plain", "LwF", "EWC", "GEM")
STRENGTHS = {DISTILLED: np.geomspace(0.05, 50, 61), PENALISED: np.geomspace(0.5, 5000, 61)}  # and 0, which is plain
P, N, T = 120, 20, 5  # the streams of the verdicts: parameters, samples of a task, tasks
REGIMES = (6, 14, 36, 60, 100, 120)  # trained parameters, from a small head to everything
STREAMS = tuple(product((0.0, 0.5, 0.9, 1.0), (0.0, 0.3)))  # cosine of the truths, variance of the noise
SHOWN = (0.5, 0.0)  # of which single sizes are given
SETTINGS = 60  # random ones
CLOSE = 1e-9  # part of an error that counts as no difference
Shares = Sizes = dict[str, float]


def subspace(trained: Any, p: int, samples: Sequence[int], noise: Any, gram: Any, stored: int = 0) -> TaskSequence:
    """Tasks on p parameters, of which every task trains the same ``trained`` ones.

    Parameters
    ----------
    trained : int or integer grid
        From 1 to p.
    gram : array_like, shape (T, T)
        Inner products of the whole truths.
    stored : int
        Samples of every task whose fit all later ones keep.

    Examples
    --------
    >>> import driftlaw as dl
    >>> from theory.regimes import subspace
    >>> dl.expected_errors(subspace(40, 120, (20, 20), 0, [[1, 1], [1, 1]])).forgetting()
    Fraction(61, 228)
    """
    trained = np.asarray(trained) if np.ndim(trained) else trained
    shares = {"trained": trained, "still": p - trained}
    blocks = {"trained": trained, "still": np.maximum(shares["still"], 1) if np.ndim(trained) else max(p - trained, 1)}  # of truth 0 where all is trained
    grams = {block: scaled(np.asarray(gram, dtype=float), d[..., None, None], p) if np.ndim(d) else scaled(gram, d, p) for block, d in shares.items()}
    memory = [dict.fromkeys(range(t), stored) if stored else None for t in range(len(samples))]
    return TaskSequence(blocks, [Task(n, noise, dict.fromkeys(blocks, f"w_{t}"), ("trained",), memory=memory[t]) for t, n in enumerate(samples)], grams)


def alike(tasks: int, cosine: float) -> np.ndarray:
    """Inner products of truths of length 1 with equal cosines."""
    return np.full((tasks, tasks), cosine) + (1 - cosine) * np.eye(tasks)


def stream(trained: Any, cosine: float, variance: float, tasks: int = T, stored: int = 0) -> TaskSequence:
    """Tasks of the verdicts: truths of length 1 with equal cosines."""
    return subspace(trained, P, (N,) * tasks, variance**0.5, alike(tasks, cosine), stored)


def under(method: str, strength: Any, *case: Any, first: bool = False) -> TaskSequence:
    """Return the `stream` of a case under a method from task 2 on, or from the ``first`` one on."""
    seq = stream(*case, stored=int(strength) if method == GEM else 0)
    if method not in STRENGTHS or (not np.ndim(strength) and strength == 0):
        return seq
    rule = Distillation(strength) if method == DISTILLED else Ridge(strength)
    return seq.under(rule=[rule if t or first else MinNorm() for t in range(len(seq))])


@lru_cache(maxsize=4096)
def tuned(method: str, trained: int, cosine: float, variance: float, tasks: int = T, first: bool = False) -> Optimum:
    """Find the one strength of all tasks with the least mean error after the last; 0 is plain training.

    Examples
    --------
    >>> from theory.regimes import tuned
    >>> {method: round(tuned(method, 120, 1.0, 0.0).value, 4) for method in ("plain", "LwF", "EWC", "GEM")}
    {'plain': 0.4019, 'LwF': 0.4019, 'EWC': 0.4019, 'GEM': 0.1667}
    """
    case = trained, cosine, variance, tasks
    if method in STRENGTHS:
        choices = [STRENGTHS[method]]
    else:  # stored samples leave room for the fit of fresh ones, and are fitted when they are stored
        most = min(N, (trained - 2 - N) // (tasks - 1)) if method == GEM else 0
        choices = sorted({*np.linspace(1, most, 6).astype(int).tolist()}) if most > 0 else []
    values = [expected_errors(under(method, choice, *case, first=first), outside="nan").generalization() for choice in (0, *choices)]
    choices, values = np.hstack([0, *choices]), np.hstack(values)
    best = int(np.argmin(np.where(np.isnan(values), np.inf, values)))  # 0 where every choice is infinite
    return Optimum(choices[best], float(values[best]), choices.tolist(), values.tolist())


def _leads(better: str, worse: str, regimes: Sequence[int], streams: Any = None, **how: Any) -> np.ndarray:
    """Part of its error that one tuned method loses to another, shape (streams, regimes)."""
    return np.array([[1 - tuned(better, d, *case, **how).value / tuned(worse, d, *case, **how).value for d in regimes] for case in streams or STREAMS])


def _untuned(at: int) -> np.ndarray:
    """Lead of EWC over LwF in every regime, both with the strength that is best in one."""
    errors = {m: [float(expected_errors(under(m, tuned(m, at, *SHOWN).choice, d, *SHOWN)).generalization()) for d in REGIMES] for m in STRENGTHS}
    return 1 - np.array(errors[PENALISED]) / errors[DISTILLED]


def ranking_over_regimes() -> tuple[Shares, Sizes]:
    """Whether two methods change places between two regimes, each tuned in each."""
    swaps = [(lead.max(1) > CLOSE) & (lead.min(1) < -CLOSE) for lead in (_leads(*pair, REGIMES) for pair in combinations(METHODS, 2))]
    lead, gem = _leads(PENALISED, DISTILLED, REGIMES), np.minimum(_leads(GEM, DISTILLED, (P,)), _leads(GEM, PENALISED, (P,)))
    return {f"share of {len(STREAMS)} streams in which two methods change places": float(np.mean(np.any(swaps, axis=0)))}, {
        "largest part of its error that LwF loses to EWC": lead.max(),
        "largest part of its error that EWC loses to LwF": -lead.min(),
        "largest part of its error that the better of both loses to GEM": gem.max(),
        **{
            f"lead of EWC over LwF, {REGIMES[1]} trained, strengths from task {2 - first} on": _leads(PENALISED, DISTILLED, REGIMES[1:2], (SHOWN,), first=first).item()
            for first in (False, True)
        },
        **{f"{most.__name__} lead of EWC over LwF with the strengths of {at} trained": most(_untuned(at)) for at in (REGIMES[1], P) for most in (min, max)},
    }


def winners_by_depth() -> tuple[Shares, Sizes]:
    """Whether LwF leads where little is trained and EWC where most is."""
    little, most = _leads(PENALISED, DISTILLED, REGIMES[:2]), _leads(PENALISED, DISTILLED, REGIMES[-2:])
    return {
        f"share in which LwF leads EWC, {REGIMES[0]} or {REGIMES[1]} of {P} trained": float(np.mean(little < -CLOSE)),
        f"share in which EWC leads LwF, {REGIMES[-2]} or {P} of {P} trained": float(np.mean(most > CLOSE)),
    }, {"least part of its error that LwF loses to EWC in the first": little.min(), "largest that EWC loses to LwF in the second": -most.min()}


def head_only_ranking() -> tuple[Shares, Sizes]:
    """Whether distillation changes an error, where tasks have heads of their own."""
    shares = []
    for both in (False, True):
        streams = [one_head_per_task(30, (20,) * t, (5,) * t, 1, gram={"shared": alike(t, 0.5), "head": (1,) * t}, train_shared=both) for t in range(2, 9)]
        laws = ([expected_errors(seq.under(rule=HeadDistillation(strength))).errors.tolist() for strength in (0, 1)] for seq in streams)
        shares.append([plain != distilled for plain, distilled in laws])
    heads, all_parts = (float(np.mean(found)) for found in shares)
    return {"share in which distillation acts, heads alone trained": heads}, {"share in which distillation acts, shared parameters trained too": all_parts}


def _over_dimension(read: Callable[[Any], np.ndarray]) -> tuple[Shares, Sizes]:
    """How often a quantity of random streams rises with the number d of trained parameters, below the number n of samples and above."""
    rng, found = np.random.default_rng(np.random.SeedSequence(0)), []
    for p, tasks in rng.integers((40, 2), (200, 6), (SETTINGS, 2)).tolist():
        n, d = int(rng.integers(5, p - 5)), np.arange(1, p + 1)
        values = read(expected_errors(subspace(d, p, (n,) * tasks, float(10 ** rng.uniform(-2, 0.5)), alike(tasks, rng.uniform())), outside="nan"))
        below, above = values[d < n - 1], values[d > n + 1]
        found.append([*((np.diff(part) > 0).all() for part in (below, above, -above)), above[-1] < below[-1]])
    rises, beyond, falls, less = np.mean(found, axis=0).tolist()
    return {"share that rises throughout, d < n - 1": rises, "share that rises throughout, d > n + 1": beyond}, {
        "share that falls throughout, d > n + 1": falls, "share that is smaller with everything trained than with d = n - 2": less,
    }  # fmt: skip


def forgetting_over_dimension() -> tuple[Shares, Sizes]:
    """Whether forgetting grows with the dimension of the trained subspace."""
    return _over_dimension(lambda law: law.forgetting())


def update_norm_over_regimes() -> tuple[Shares, Sizes]:
    """Whether updates grow with the number of trained parameters."""

    def mean(law: Any) -> np.ndarray:
        return law.update_magnitude[..., 1:].mean(axis=-1)

    shares, sizes = _over_dimension(mean)
    for words, rule in (("gradient flow to time 0.1", Flow(0.1)), ("gradient flow to time 1", Flow(1.0)), ("converged", MinNorm())):
        found = np.array([mean(expected_errors(stream(np.array(REGIMES), *case).under(rule=rule))) for case in STREAMS])
        shares |= {f"share that rises throughout, {words}": float(np.mean((np.diff(found) > 0).all(axis=1)))} if rule == Flow(0.1) else {}
        sizes[f"{words}, everything against half trained, mean"] = float(np.mean(found[:, -1] / found[:, 3]))
    return shares, sizes


def _correlation(trained: int, gram: np.ndarray, noise: float) -> float:
    """Correlation of E |update|^2 and what is forgotten of the task before, over the steps of all orders of the tasks."""
    orders, earlier = np.array(list(permutations(range(len(gram))))), np.arange(len(gram) - 1)
    law = expected_errors(subspace(trained, P, (N,) * len(gram), noise, gram[orders[:, :, None], orders[:, None]]))
    forgotten = law.errors[:, earlier + 1, earlier] - law.errors[:, earlier, earlier]
    return round(float(np.corrcoef(law.update_magnitude[:, 1:].ravel(), forgotten.ravel())[0, 1]), 9)


def correlation_over_regimes() -> tuple[Shares, Sizes]:
    """Whether updates and forgetting are more correlated the more is trained."""
    rng, regimes, found = np.random.default_rng(np.random.SeedSequence(0)), (REGIMES[0], REGIMES[2], P), {"of different size": [], "similar and of one size": []}
    for _ in range(SETTINGS // 3):
        noise, common, sizes, near = float(10 ** rng.uniform(-2, 0)), rng.uniform(), 10 ** rng.uniform(-1, 0.5, T - 1), rng.uniform(0.9, 1, T - 1)
        grams = common + np.diag(sizes), np.outer(near, near) + np.diag(1 - near**2)
        for values, gram in zip(found.values(), grams, strict=True):
            values.append([_correlation(d, gram, noise) for d in regimes])
    shares = {f"share in which it rises, tasks {words}": float(np.mean([a < b for a, *_, b in values])) for words, values in found.items()}
    means = {words: np.mean(values, axis=0) for words, values in found.items()}
    return shares, {f"mean with {d} of {P} trained, tasks {words}": float(mean[at]) for words, mean in means.items() for at, d in enumerate(regimes)}


def shared_space_adapts() -> tuple[Shares, Sizes]:
    """Whether the second of two tasks with one shared truth gets to half of its truth's squared length with fewer samples than on its own."""
    rng, needed = np.random.default_rng(np.random.SeedSequence(0)), []
    for p, head, n_1 in rng.integers((10, 10, 5), (60, 60, 60), (SETTINGS, 3)).tolist():
        noise, share, samples = float(10 ** rng.uniform(-2, 0)), rng.uniform(), np.arange(4 * (p + head))
        gram = {"shared": share * np.ones((2, 2)), "specific": (1 - share) * alike(2, rng.uniform(-1, 1))}
        seqs = [expanding(p, (head, 0), (min(n_1, p + head - 2), samples), noise, gram=gram, train_shared=both) for both in (True, False, True)]
        seqs[2] = replace(seqs[2], tasks=(seqs[2].tasks[0], replace(seqs[2].tasks[1], start="zero")))
        needed.append([min(samples[expected_errors(seq, outside="nan").errors[:, 1, 1] <= 0.5], default=np.inf) for seq in seqs])
    (*known, alone), names = np.transpose(needed), ("initialized", "frozen")
    return {f"share with fewer samples than alone, {name} training": float(np.mean(n < alone)) for name, n in zip(names, known, strict=True)}, {
        **{f"share with more samples than alone, {name} training": float(np.mean(n > alone)) for name, n in zip(names, known, strict=True)},
        "share that frozen training never gets there": float(np.mean(np.isinf(known[1]))),
    }
