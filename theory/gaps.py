"""Measures of claims on gaps, overlapping features, averages and more features, in the model of ridge steps (`theory.ledger.gaps`).

Each function returns the shares of random settings in which its claim is true, whose mean decides the verdict, and sizes. Truths have length 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import sympy

from theory.conditions import Ridge
from theory.constructors import one_block
from theory.formulas import FORMULAS
from theory.law import expected_errors
from theory.ledger import gaps
from theory.optima import best_average, best_constant_penalty
from theory.problem import TaskSequence
from theory.regimes import Shares, Sizes, alike

SETTINGS = 40  # random ones
STREAMS = 8  # of those with a search
T = 5
COSINES = (-0.5, 1.0)  # of truths

Case = dict[str, Any]


def settings(count: int | None = None, agreeing: bool = False) -> list[Case]:
    """Draw two ridge tasks, from few samples to twice as many as parameters, under penalties of any size."""
    rng, found = np.random.default_rng(np.random.SeedSequence(0)), []
    for _ in range(count or SETTINGS):
        p, cosine = int(rng.integers(10, 50)), 1.0 if agreeing else rng.uniform(*COSINES)
        case = {"p": p, "d_w": 2 * (1 - cosine), "c_w": cosine - 1, "w_11": 1.0, "cosine": cosine, "rho": rng.uniform(0.02, 1)}
        for t in (1, 2):
            case |= {f"n_{t}": int(rng.integers(2, 2 * p)), f"sigma_{t}": 10 ** rng.uniform(-1.5, 0), f"lambda_{t}": p * 10 ** rng.uniform(-2, 1)}
        found.append(case)
    return found


def _share(holds: Iterable[Any]) -> float:
    return float(np.mean([bool(one) for one in holds]))


def _falls(name: str, **factors: int) -> float:
    """The share of settings in which a formula's value falls as parameters are multiplied."""
    f = FORMULAS[name]
    return _share(f(**{**case, **{one: factor * case[one] for one, factor in factors.items()}}) < f(**case) for case in settings())


def samples_reduce_gaps() -> tuple[Shares, Sizes]:
    """Twice the samples of a task, for its own gap, and of the next task, for the gap of the one before."""
    shares = {"own gap falls as samples double": _falls("ridge_own_gap", n_1=2), "interplay gap falls as the next task's samples double": _falls("ridge_interplay_gap", n_2=2)}
    best = [[FORMULAS["ridge_least_error"](**{**case, "n_2": m * case["n_2"]}) for m in (1, 2)] for case in settings()]
    return shares, {
        "share in which the error falls as samples double, at the best penalty": _share(two < one for one, two in best),
        "share in which forgetting falls as the next task's samples double": _falls("ridge_forgetting", n_2=2),
    }


def orthogonality_protects() -> tuple[Shares, Sizes]:
    """No overlap against the drawn one; that nothing else protects all truths is read off the polynomial."""
    entry, new = FORMULAS["overlap_forgetting"], FORMULAS["overlap_new_error"]
    rise = sympy.diff(entry.expression, gaps.w_22).subs({symbol: sympy.Symbol("positive", positive=True) for symbol in (gaps.overlap, gaps.q_2)})
    drawn = [(case["cosine"] > 0, entry(**case), entry(**{**case, "rho": 1e-3}), new(**case) < new(**{**case, "rho": 0})) for case in settings()]
    return {
        "forgetting is 0 without an overlap": float(entry.expression.subs(gaps.overlap, 0) == 0), "and rises with |w_2|^2 at any overlap": float(bool(rise.is_positive)),
        **{f"overlaps that forget, of truths that {words}": _share(value > 0 for agree, value, *_ in drawn if agree == which) for words, which in (("agree", True), ("do not", False))},
    }, {
        "share of overlaps of 0.001 that help, of truths that agree": _share(small < 0 for agree, _, small, _ in drawn if agree),
        "least forgetting of an overlap": min(value for _, value, *_ in drawn), "share of overlaps that lower the new task's error": _share(better for *_, better in drawn),
    }  # fmt: skip


def regularization_reduces_gaps() -> tuple[Shares, Sizes]:
    """Twice the penalty of a task; and the constant penalty that is best for a stream, over the one that is best for its first task."""
    shares = {"own gap falls as the penalty doubles": _falls("ridge_own_gap", lambda_1=2), "interplay gap falls as the next task's penalty doubles": _falls("ridge_interplay_gap", lambda_2=2)}
    ratio = [best_constant_penalty("generalization", _stream(case), points=13).choice / (case["p"] * case["sigma_1"] ** 2) for case in settings(STREAMS)]
    return shares, {
        "share in which a task's own error falls as its penalty doubles": _falls("ridge_error", lambda_1=2),
        "best penalty of a stream over that of one task, least": min(ratio), "median": float(np.median(ratio)), "largest": max(ratio),
    }  # fmt: skip


def _stream(case: Case) -> TaskSequence:
    """T tasks like the first one of a setting."""
    return one_block(case["p"], (case["n_1"],) * T, case["sigma_1"], gram=alike(T, max(case["cosine"], 0.0))).under(rule=Ridge(case["lambda_1"]))


def tripling_reduces_gaps() -> tuple[Shares, Sizes]:
    """One set of features against three with part of the signal, each under its best penalties; signal that is not trained is noise."""
    found = []
    for case in settings():
        d, rest = case["p"], case["rho"]  # squared length of the truths in two further sets
        noises = {f"sigma_{t}": np.hypot(case[f"sigma_{t}"], rest**0.5) for t in (1, 2)}
        longer = {name: (1 + rest) * case[name] for name in ("w_11", "d_w", "c_w")}
        sides = []
        for side in ({**case, **noises}, {**case, **longer, "p": 3 * d}):
            side["lambda_1"] = side["p"] * side["sigma_1"] ** 2 / side["w_11"]
            side["lambda_2"] = FORMULAS["ridge_best_penalty"](**side)
            sides.append([FORMULAS[name](**side) for name in ("ridge_own_gap", "ridge_interplay_gap", "ridge_error", "ridge_forgetting")] + [side["lambda_1"]])
        one, three = sides
        at = {"d": d, "n": case["n_1"], "sigma": case["sigma_1"], "S_1": 1.0, "lambda_1": one[-1], "lambda_3": three[-1]}
        helps = three[2] < one[2] + rest
        found.append([three[0] < one[0], three[1] < one[1], helps, three[3] < one[3], helps == (rest > FORMULAS["tripling_threshold"](**at))])
    own, interplay, helps, kept, predicted = map(_share, zip(*found, strict=True))
    return {"own gap falls": own, "interplay gap falls": interplay}, {
        "share in which the error falls": helps, "share in which forgetting falls": kept, "share in which the threshold says which": predicted,
    }  # fmt: skip


def forgetting_is_gaps() -> tuple[Shares, Sizes]:
    """Forgetting is the change of task 1's gap plus that of its training error; the first is asked to tell of forgetting."""
    found = []
    for case in settings():
        forgetting, before, after = (FORMULAS[name](**case) for name in ("ridge_forgetting", "ridge_own_gap", "ridge_interplay_gap"))
        trained = (FORMULAS["ridge_old_training_error"](**case) - FORMULAS["ridge_training_error"](**case)) / case["n_1"]
        found.append((forgetting, after - before, abs(forgetting - (after - before) - trained)))
    forgetting, gap, off = np.array(found).T
    far = {"p": 20, "n_1": 10, "n_2": 40, "sigma_1": 0.3, "sigma_2": 0.3, "w_11": 1.0, "d_w": 0.4, "c_w": -0.2, "lambda_1": 1.0, "lambda_2": 1e-6}
    return {"the change of the gap has forgetting's sign": _share(forgetting * gap > 0), "and makes up more than half of it": _share(gap / forgetting > 0.5)}, {
        "largest error of the identity with both terms": float(off.max()), "median share of forgetting that the gap makes up": float(np.median(gap / forgetting)),
        "twice as many samples as parameters, no penalty: gap": abs(FORMULAS["ridge_interplay_gap"](**far)), "and forgetting": FORMULAS["ridge_forgetting"](**far),
    }  # fmt: skip


def averaging_helps() -> tuple[Shares, Sizes]:
    """The running mean against the last estimate, and against other weights."""
    found, agreeing = ([_averages(_stream(case)) for case in settings(agreeing=same)] for same in (False, True))
    best = [best_average(_stream(case), affine=True).value / mean for case, (_, mean, _) in zip(settings(STREAMS), found, strict=False)]
    few = [mean < last for case, (last, mean, _) in zip(settings(agreeing=True), agreeing, strict=True) if case["n_1"] < case["p"] < case["lambda_1"]]
    return {"generalization error falls, tasks of any similarity": _share(mean < last for last, mean, _ in found), "and tasks of one truth": _share(mean < last for last, mean, _ in agreeing)}, {
        "share of one truth, fewer samples than parameters, penalty above these": _share(few),
        "median error of the running mean over that of the last estimate": float(np.median([mean / last for last, mean, _ in found])),
        "best weights over the running mean": float(np.median(best)), "restarting from the mean over it": float(np.median([restarted / mean for _, mean, restarted in found])),
    }  # fmt: skip


def _averages(seq: TaskSequence) -> tuple[float, float, float]:
    """Generalization error of the last estimate, of the running mean, and where training restarts from the mean."""
    short = replace(seq, tasks=[replace(task, scale=1 / (t + 1)) for t, task in enumerate(seq.tasks)])
    return tuple(float(expected_errors(one).generalization()) for one in (seq, seq.under(average="mean"), short))  # type: ignore[return-value]


def one_estimate_for_all() -> tuple[Shares, Sizes]:
    """One running mean for all tasks against an estimate for each, which is stored and starts from zero."""

    def stored(seq: TaskSequence) -> float:
        own = replace(seq, tasks=[replace(task, start="zero") for task in seq.tasks])
        return float(np.mean(np.diagonal(expected_errors(own).errors)))

    apart, same = ([_averages(_stream(case))[1] < stored(_stream(case)) for case in settings(agreeing=one)] for one in (False, True))
    similar = [fine for case, fine in zip(settings(), apart, strict=True) if case["cosine"] > 0.8]
    return {"the mean is better, tasks of any similarity": _share(apart)}, {"share of cosines above 0.8": _share(similar), "share of one truth": _share(same)}
