"""Measures of claims on gaps, overlapping features, averages and more features, in the model of ridge steps (`theory.ledger.gaps`).

Each function returns the shares of random settings in which its claim is true, whose mean decides the verdict, and sizes. Truths have length 1.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import sympy
from scipy.optimize import brentq

from theory.conditions import Ridge
from theory.constructors import one_block
from theory.formulas import FORMULAS
from theory.law import expected_errors
from theory.ledger import gaps
from theory.optima import best_average, best_constant_penalty
from theory.problem import TaskSequence
from theory.regimes import Shares, Sizes, alike

SETTINGS, STREAMS = 30, 6  # random settings, and those of them with a search
T = 5

Case = dict[str, Any]


def settings(agreeing: bool = False) -> list[Case]:
    """Draw two ridge tasks, from few samples to twice as many as parameters, under penalties of any size; truths of a cosine above -1/2, or one truth."""
    rng, found = np.random.default_rng(np.random.SeedSequence(0)), []
    for _ in range(SETTINGS):
        p, cosine = int(rng.integers(10, 50)), 1.0 if agreeing else rng.uniform(-0.5, 1)
        case = {"p": p, "w_11": 1.0, "d_w": 2 * (1 - cosine), "c_w": cosine - 1, "cosine": cosine, "rho": rng.uniform(0.02, 1)}
        for t in (1, 2):
            case |= {f"n_{t}": int(rng.integers(2, 2 * p)), f"sigma_{t}": 10 ** rng.uniform(-1.5, 0), f"lambda_{t}": p * 10 ** rng.uniform(-2, 1)}
        found.append(case)
    return found


def _share(holds: Iterable[Any]) -> float:
    found = [bool(one) for one in holds]
    return sum(found) / len(found) if found else float("nan")


def _falls(name: str, doubled: str) -> float:
    """The share of settings in which a formula's value falls as a parameter doubles."""
    return _share(FORMULAS[name](**{**case, doubled: 2 * case[doubled]}) < FORMULAS[name](**case) for case in settings())


def _stream(case: Case, **changes: Any) -> TaskSequence:
    """T tasks like the first one of a setting, whose tasks are changed."""
    seq = one_block(case["p"], (case["n_1"],) * T, case["sigma_1"], gram=alike(T, max(case["cosine"], 0.0))).under(rule=Ridge(case["lambda_1"]))
    return replace(seq, tasks=[replace(task, **changes) for task in seq.tasks])


def _mean(case: Case) -> float:
    """Generalization error of the running mean."""
    return float(expected_errors(_stream(case).under(average="mean")).generalization())


def samples_reduce_gaps() -> tuple[Shares, Sizes]:
    """Twice the samples of a task, for its own gap, and of the next task, for the gap of the one before."""
    shares = {"own gap falls as samples double": _falls("ridge_own_gap", "n_1"), "interplay gap falls as the next task's samples double": _falls("ridge_interplay_gap", "n_2")}
    return shares, {
        "share in which the error falls as samples double, at the best penalty": _falls("ridge_least_error", "n_2"),
        "share in which forgetting falls as the next task's samples double": _falls("ridge_forgetting", "n_2"),
    }


def orthogonality_protects() -> tuple[Shares, Sizes]:
    """No overlap, which forgets nothing, against the drawn one; that nothing else protects all truths is read off the polynomial."""
    entry, new = FORMULAS["overlap_forgetting"], FORMULAS["overlap_new_error"]
    rise = sympy.diff(entry.expression, gaps.w_22).subs(dict.fromkeys((gaps.overlap, gaps.q_2), sympy.Symbol("positive", positive=True)))
    drawn = [(case["cosine"] > 0, entry(**case) > 0, entry(**{**case, "rho": 1e-3}) < 0, new(**case) < new(**{**case, "rho": 0})) for case in settings()]
    return {
        f"overlaps that forget, of truths that {words}": _share(forgets for agree, forgets, *_ in drawn if agree == (words == "agree")) for words in ("agree", "do not")
    }, {
        "forgetting is 0 without an overlap": _share([entry.expression.subs(gaps.overlap, 0) == 0]), "and rises with |w_2|^2 at any overlap": _share([rise.is_positive]),
        "share of overlaps of 0.001 that help, of truths that agree": _share(helps for agree, _, helps, _ in drawn if agree),
        "share of overlaps that lower the new task's error": _share(better for *_, better in drawn),
    }  # fmt: skip


def regularization_reduces_gaps() -> tuple[Shares, Sizes]:
    """Twice the penalty of a task; and the constant penalty that is best for a stream, over the one that is best for its first task."""
    shares = {"own gap falls as the penalty doubles": _falls("ridge_own_gap", "lambda_1"), "interplay gap falls as the next task's penalty doubles": _falls("ridge_interplay_gap", "lambda_2")}
    best = [best_constant_penalty("generalization", _stream(case), points=13).choice / (case["p"] * case["sigma_1"] ** 2) for case in settings()[:STREAMS]]
    sizes = {"best penalty of a stream over that of one task, least": min(best), "median": float(np.median(best)), "largest": max(best)}
    return shares, {"share in which a task's own error falls as its penalty doubles": _falls("ridge_error", "lambda_1"), **sizes}


def tripling_reduces_gaps() -> tuple[Shares, Sizes]:
    """One set of features against three with part of the signal, each under its best penalties; signal that is not trained is noise."""
    names, found = ("ridge_own_gap", "ridge_interplay_gap", "ridge_forgetting", "ridge_error"), []
    for case in settings():
        d, rest = case["p"], case["rho"]  # of which the latter is the squared length of each truth in two further sets
        one = {**case, **{f"sigma_{t}": np.hypot(case[f"sigma_{t}"], rest**0.5) for t in (1, 2)}}
        three = {**case, **{name: (1 + rest) * case[name] for name in ("w_11", "d_w", "c_w")}, "p": 3 * d}
        for side in (one, three):
            side["lambda_1"] = side["p"] * side["sigma_1"] ** 2 / side["w_11"]
            side["lambda_2"] = FORMULAS["ridge_best_penalty"](**side)
        before, after = ([FORMULAS[name](**side) for name in names] for side in (one, three))
        threshold = FORMULAS["tripling_threshold"](d=d, n=case["n_1"], sigma=case["sigma_1"], S_1=1.0, lambda_1=one["lambda_1"], lambda_3=three["lambda_1"])
        fell = [*(new < old for old, new in zip(before[:3], after[:3], strict=True)), after[3] < before[3] + rest]
        found.append([*fell, fell[3] == (rest > threshold)])
    own, interplay, kept, error, predicted = map(_share, zip(*found, strict=True))
    sizes = {"share in which forgetting falls": kept, "in which the error falls": error, "in which the threshold says which": predicted}
    return {"own gap falls": own, "interplay gap falls": interplay}, sizes


def forgetting_is_gaps() -> tuple[Shares, Sizes]:
    """Forgetting is the change of task 1's gap plus that of its training error; the first is asked to tell of forgetting."""
    def parts(case: Case) -> list[float]:
        before, after, first, second = (FORMULAS[f"ridge_{name}"](**case) for name in ("own_gap", "interplay_gap", "training_error", "old_training_error"))
        return [FORMULAS["ridge_forgetting"](**case), after - before, (second - first) / case["n_1"], after]

    forgetting, gap, trained, _ = np.array([parts(case) for case in settings()]).T
    far = parts({"p": 20, "n_1": 10, "n_2": 40, "sigma_1": 0.3, "sigma_2": 0.3, "w_11": 1.0, "d_w": 2.0, "c_w": -1.0, "lambda_1": 1.0, "lambda_2": 1e-6})
    return {"the change of the gap has forgetting's sign": _share(forgetting * gap > 0), "and makes up more than half of it": _share(gap / forgetting > 0.5)}, {
        "largest error of the identity with both terms": float(abs(forgetting - gap - trained).max()), "median share of forgetting that the gap makes up": float(np.median(gap / forgetting)),
        "twice as many samples as parameters, no penalty: gap": abs(far[3]), "and forgetting": far[0],
    }  # fmt: skip


def averaging_helps() -> tuple[Shares, Sizes]:
    """The running mean against the last estimate, and against other weights."""
    ratio, agreeing = (np.array([_mean(case) / float(expected_errors(_stream(case)).generalization()) for case in settings(one)]) for one in (False, True))
    few = [value < 1 for case, value in zip(settings(True), agreeing, strict=True) if case["n_1"] < case["p"] < case["lambda_1"]]
    best = [best_average(_stream(case), affine=True).value / _mean(case) for case in settings()[:STREAMS]]
    return {"generalization error falls, tasks of any similarity": _share(ratio < 1), "and tasks of one truth": _share(agreeing < 1)}, {
        "share of one truth, fewer samples than parameters, penalty above these": _share(few),
        "median error of the running mean over that of the last estimate": float(np.median(ratio)), "best weights over the running mean": float(np.median(best)),
    }  # fmt: skip


def frozen_features_keep() -> tuple[Shares, Sizes]:
    """Old classes among as many as ten times their number, told apart by stored means of frozen features, and of features that drift."""
    known, competition, drift = (FORMULAS[name] for name in ("known_prototypes_accuracy", "prototype_competition", "prototype_drift"))
    rng = np.random.default_rng(np.random.SeedSequence(0))
    drawn: list[Any] = [{"K_0": (old := int(rng.integers(2, 30))), "K": old * int(rng.integers(2, 11)), "D": rng.uniform(2, 14), "tau": rng.uniform(0.05, 1)} for _ in range(SETTINGS)]
    lost, moved = (np.array([law(**case) for case in drawn]) for law in (competition, drift))
    free: Any = brentq(lambda D: competition(K_0=10, K=100, D=D) - 0.01, 4, 20)
    return {"old classes lose less than 0.01 by new ones": _share(lost < 0.01)}, {
        **{f"accuracy of {K} classes at D = 5": known(K=K, D=5.0, tau=0.0) for K in (10, 200)}, "largest loss by new classes": float(lost.max()),
        "D above which 10 classes lose less than 0.01 by 90 new ones": free, "median share of drift in the loss, tau from 0.05 to 1": float(np.median(moved / (lost + moved))),
    }  # fmt: skip


def one_estimate_for_all() -> tuple[Shares, Sizes]:
    """One running mean for all tasks against an estimate for each, which is stored and starts from zero."""
    apart, same = ([_mean(case) / np.mean(np.diagonal(expected_errors(_stream(case, start="zero")).errors)) for case in settings(one)] for one in (False, True))
    similar = _share(ratio < 1 for case, ratio in zip(settings(), apart, strict=True) if case["cosine"] > 0.8)
    sizes = {"median error of the mean over that of estimates of their own": float(np.median(apart)), "the same, one truth": float(np.median(same))}
    return {"the mean is better, tasks of any similarity": _share(ratio < 1 for ratio in apart)}, {"share of cosines above 0.8": similar, **sizes}
