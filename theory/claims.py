"""Published claims about frozen and initialized training, each with a computed verdict.

A verdict says under which condition a claim holds, in which region it fails and by how much. The verdict and its sizes are
computed from the exact law when they are asked for: proofs are symbolic, shares come from random settings drawn with a fixed
seed. The words beside them are ours, and tested against the law.
The claims' words are ours; the paper's text behind most of them could not be obtained, so a failure refutes the
statement as given here, not that text.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from theory import gaps, regimes
from theory.errors import DomainError, InputError
from theory.formula import Formula
from theory.ledger import gaps as overlaps, notation as s, regimes as digest
from theory.regions import advantage, frozen_wins

PAPER = "He, Bai, Yang, arXiv 2602.20796, abstract"
SETTINGS = 20_000
HEADS, STREAMS, POLES, MEMORIES = 400, 4_000, 40, 24  # settings of claims that need the law itself, and of those on memory
EQUIVALENT = 0.02  # accuracy of the equivalents at these dimensions (`theory.equivalents`)


@dataclass(frozen=True)
class ClaimVerdict:
    """What was found out about a claim.

    Parameters
    ----------
    verdict : {"holds", "holds in part", "fails"}
    holds_under, fails_in : str
        The condition and the region, in words and inequalities.
    effect : dict
        Sizes that the verdict rests on, computed.
    """

    verdict: str
    holds_under: str
    fails_in: str
    effect: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A published claim, stated so that it can be judged.

    Parameters
    ----------
    name, statement, source : str
    text_seen : bool
        Whether the paper's own words are known; otherwise the statement is our reading of a summary.
    judge : callable
        Computes the `ClaimVerdict`.
    uses : tuple of str
        Laws, facts and formulas that the verdict is computed from, as in `theory.Formula`.
    searched : dict
        The claim as a statement with a space of settings, which `simulate.refute` takes; empty where it is none on expectations.
    """

    name: str
    statement: str
    source: str
    text_seen: bool
    judge: Callable[[], ClaimVerdict]
    uses: tuple[str, ...] = ()
    searched: dict[str, Any] = field(default_factory=dict, repr=False)


def graded(share: float) -> str:
    """Return the verdict on a claim that is true in this share of the settings that it speaks of."""
    return "holds" if share == 1 else "fails" if share == 0 else "holds in part"


def random_settings(count: int = SETTINGS, seed: int = 0, overparameterized: bool = True) -> dict[str, np.ndarray]:
    """Draw settings of two tasks with u_2 = u_1 over wide ranges; keys as in `theory.regions.PARAMETERS`.

    Parameters
    ----------
    count : int
        Settings drawn before those within 1 of a threshold are dropped.
    overparameterized : bool
        Keep n_1 < p + p_1 - 1 and n_2 < p_2 - 1 only (the paper's case).
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    p, p_1, extra = (rng.integers(low, high, count) for low, high in ((2, 200), (2, 200), (0, 100)))
    p_2 = p_1 + extra
    n_1, n_2 = (1 + (rng.uniform(0, 1 if overparameterized else 2, count) * d).astype(int) for d in (p + p_1, p_2 if overparameterized else p + p_2))
    u_11, q_11, d_q = (10.0 ** rng.uniform(-2, 1, count) for _ in range(3))
    sigma_1, sigma_2 = (10.0 ** rng.uniform(-2, 0.5, count) for _ in range(2))
    c_q = rng.uniform(-1, 1, count) * np.sqrt(q_11 * d_q)
    settings = dict(p=p, p_1=p_1, p_2=p_2, n_1=n_1, n_2=n_2, sigma_1=sigma_1, sigma_2=sigma_2, u_11=u_11, q_11=q_11, d_q=d_q, c_q=c_q)
    away = (abs(n_1 - p - p_1) > 1) & (abs(n_2 - p_2) > 1) & (abs(n_2 - p - p_2) > 1)
    if overparameterized:
        away &= (n_1 < p + p_1 - 1) & (n_2 < p_2 - 1)
    return {name: values[away] for name, values in settings.items()}


def _distance_as_slope() -> ClaimVerdict:
    """The derivative of (frozen - initialized) in the distance of the specific truths."""
    share_frozen, share_full = s.n_2 / s.p_2, s.n_2 / (s.p + s.p_2)
    slope = sympy.factor(share_frozen - share_full)
    spare = sympy.Symbol("spare", positive=True)  # p + p_2 - n_2, above p_2 samples, all of which frozen training fits
    beyond = sympy.factor((1 - share_full).subs(s.n_2, s.p + s.p_2 - spare))
    positive = [bool(slope.is_positive), bool(beyond.is_positive)]
    # Frozen wins more easily as zeta grows: d zeta / d d_q is -1 for deviation and forgetting, and -r/2 for G_2 at fixed norms.
    return ClaimVerdict(
        verdict=graded(float(np.mean(positive))),
        holds_under="every setting with n_2 < p + p_2, for deviation and forgetting (frozen minus initialized grows with |q_2 - q_1|^2 at the rate "
        "given) and for generalization if |q_1| and |q_2| stay fixed",
        fails_in="n_2 > p + p_2, where neither training depends on the distance differently",
        effect={"slope of frozen minus initialized, n_2 < p_2": str(slope), "positive": positive[0], "positive for p_2 < n_2 < p + p_2": positive[1]},
    )


def _distance_as_level(criterion: str) -> ClaimVerdict:
    settings = random_settings()
    close = {**settings, "d_q": np.zeros_like(settings["d_q"]), "c_q": np.zeros_like(settings["c_q"])}
    wins = frozen_wins(criterion, **close)
    gain = advantage(criterion, **close)
    matched = {**close, "q_11": close["u_11"] * close["p_1"] / close["p"]}
    matched_wins = frozen_wins(criterion, **matched)
    medians = {"median loss of frozen where it loses": -gain[~wins], "median gain of frozen where it wins": gain[wins]}
    return ClaimVerdict(
        verdict=graded(float(wins.mean())),
        holds_under="zeta > (p_2/p) e_u (p + 2 p_2 - n_2 - 1)/(p_2 - n_2 - 1) + sigma_2^2 p_2 (p + p_2)/((p_2 - n_2 - 1)(p + p_2 - n_2 - 1)) for n_2 < p_2 - 1; "
        "near the pole of initialized training; and with accurate shared parameters for n_2 > p + p_2 + 1",
        fails_in="the rest of n_2 < p_2 - 1, even at equal tasks: frozen needs a specific error per dimension above the shared one's by the factor "
        "1 + (p + p_2)/(p_2 - n_2 - 1), so with a norm split in proportion to the dimensions it never wins forgetting",
        effect={
            "settings with equal tasks": int(len(wins)),
            "share won by frozen": float(wins.mean()),
            "share won with proportional split": float(matched_wins.mean()),
            **{words: float(np.median(sizes)) for words, sizes in medians.items() if len(sizes)},
        },
    )


def _one_head() -> ClaimVerdict:
    from theory.constructors import one_head_per_task
    from theory.law import expected_errors

    def forgetting(train_shared: bool, p: int = 40, heads: Any = (30, 30), samples: Any = (20, 15), noise: Any = 0, change: Any = 0) -> Any:
        gram = {"shared": [[1, 1 + change], [1 + change, 1 + 2 * change + change**2]], "head": (1, 1)}
        return expected_errors(one_head_per_task(p, heads, samples, noise, gram=gram, train_shared=train_shared)).forgetting()

    rng = np.random.default_rng(np.random.SeedSequence(0))
    zeros = []
    for p, *heads, noise, change in rng.integers(5, 40, (HEADS, 5)).tolist():
        samples = tuple(int(rng.integers(1, dimension - 1)) for dimension in (p + heads[0], heads[1]))
        zeros.append(forgetting(False, p, tuple(heads), samples, Fraction(noise, 20), Fraction(change - 20, 10)) == 0)
    return ClaimVerdict(
        verdict=graded(float(np.mean(zeros))),
        holds_under="one head per task: frozen training changes nothing that earlier tasks use, so forgetting is zero in every run, at any distance",
        fails_in="nowhere for forgetting; where initialized training improves the shared parameters its forgetting is negative and so the better one",
        effect={
            "settings": len(zeros),
            "share with frozen forgetting exactly zero": float(np.mean(zeros)),
            "initialized forgetting, equal shared truths": float(forgetting(True)),
        },
    )


def _extremum() -> ClaimVerdict:
    from theory.ledger.extremum import FORGETTING, P2_STAR

    derivative = sympy.diff(FORGETTING.expression, s.p_2)
    gap = (derivative.subs(s.p_2, P2_STAR.expression)).subs({s.xi: s.v_1**2, s.eta: s.r_A**2})  # any two squares
    positive = {s.v_1: sympy.Symbol("x", positive=True), s.r_A: sympy.Symbol("y", positive=True)}
    stationary = sympy.cancel(sympy.powdenest(gap.subs(positive), force=True)) == 0
    settings = random_settings()
    inside = _interior_extrema(settings)
    return ClaimVerdict(
        verdict=graded(inside["share of these with p_2* > p_1"]) if stationary else "fails",
        holds_under="xi > eta > 0 with xi = e_q - |q_2 - q_1|^2 and eta = E|u_2 - u~_1|^2 + sigma_2^2 (our reconstruction; padded norm, p_1, n_2 and truths "
        "fixed): a minimum at p_2* = (n_2 + 1) sqrt(xi)/(sqrt(xi) - sqrt(eta)), from which forgetting rises to 0",
        fails_in="p_2* <= p_1, where the minimum lies outside p_2 >= p_1; the excess-risk norm; p_1 moving along with p_2",
        effect={"stationary at p_2*": bool(stationary), **inside},
    )


def _interior_extrema(settings: dict[str, np.ndarray]) -> dict[str, float]:
    from theory.ledger.extremum import P2_STAR

    names = list(P2_STAR.parameters)
    values = [settings.get(name, np.zeros_like(settings["d_q"])) for name in names]
    expressions = map(P2_STAR.in_parameters, (s.xi, s.eta))
    xi, eta = (np.asarray(sympy.lambdify([getattr(s, name) for name in names], e, modules="numpy")(*values)) for e in expressions)
    above = xi > eta
    p_2_star = (settings["n_2"][above] + 1) * np.sqrt(xi[above]) / (np.sqrt(xi[above]) - np.sqrt(eta[above]))
    return {"share with xi > eta": float(above.mean()), "share of these with p_2* > p_1": float((p_2_star > settings["p_1"][above]).mean())}


def _one_optimisation() -> ClaimVerdict:
    from dataclasses import replace

    from theory.constructors import frozen, initialized
    from theory.equivalents import approximate_errors, best_weight
    from theory.law import expected_errors

    setting = {"blocks": {"shared": 30, "specific": 40}, "samples": (20, 15), "noise": (0.3, 0.5)}
    truths = {"shared": np.array([[1.0, 1.0], [1.0, 1.0]]), "specific": np.array([[1.0, 0.5], [0.5, 1.0]])}
    start = initialized(**setting, gram=truths)
    heavy = replace(start, tasks=(start.tasks[0], replace(start.tasks[1], weights={"shared": 1e6})))
    best = best_weight("deviation", start)
    ends = [float(expected_errors(seq).deviation()) for seq in (start, frozen(**setting, gram=truths))]
    one = replace(start, tasks=(start.tasks[0], replace(start.tasks[1], weights={"shared": 1})))
    reached = [float(approximate_errors(seq).deviation()) for seq in (one, heavy)]
    return ClaimVerdict(
        verdict=graded(float(np.mean(np.isclose(reached, ends, rtol=EQUIVALENT)))),
        holds_under="the step that minimises lambda |shared step|^2 + |specific step|^2 subject to the fit: lambda = 1 is initialized training, lambda to "
        "infinity frozen training (our reading of 'one optimisation framework')",
        fails_in="nowhere as a statement on the two ends; but neither end need be best: the best lambda can lie between or outside them",
        effect={
            "deviation, initialized": ends[0], "deviation, frozen": ends[1],
            "deviation, lambda = 1 (approximate)": reached[0], "deviation, lambda = 1e6 (approximate)": reached[1],
            "best lambda (approximate)": best.choice, "deviation at the best lambda (approximate)": best.value,
        },
    )  # fmt: skip


def _gradient_direction() -> ClaimVerdict:
    settings = random_settings(overparameterized=False)
    cosine, further = (_cosines({**settings, "d_q": settings["d_q"] * factor}) for factor in (1, 2))
    effect: dict[str, Any] = {"settings": len(cosine), "share where the cosine falls as |q_2 - q_1|^2 doubles": float((further < cosine).mean())}
    for criterion in ("deviation", "generalization"):
        wins = advantage(criterion, **settings)[np.argsort(-cosine)] > 0
        ahead, lost = int(wins.sum()), np.concatenate([[0], np.cumsum(~wins) - np.cumsum(wins)])
        above = np.sum(np.cumsum(wins)[~wins])  # pairs in which the setting that gains from freezing has the larger cosine
        effect |= {
            f"probability that of two settings the one that gains {criterion} by freezing has the larger cosine": float(above / ahead / (len(wins) - ahead)),
            f"share decided wrongly at the best threshold, {criterion}": float((ahead + lost.min()) / len(wins)),
            f"share decided wrongly by never freezing, {criterion}": ahead / len(wins),
        }
    return ClaimVerdict(
        verdict=graded(effect["share where the cosine falls as |q_2 - q_1|^2 doubles"]),
        holds_under="E<g_1, g_2> > 0 on the shared parameters, which for u_2 = u_1 takes |u_1|^2/|w_1|^2 above p/(p + p_1) and little noise: a longer "
        "distance makes g_2 longer and the cosine smaller; as a rule for freezing hardly anywhere",
        fails_in="E<g_1, g_2> < 0: it does not contain q_2, so a longer g_2 brings the cosine up to 0, and far tasks look more related than near ones; and "
        "n_2 > p + p_2, where the distance does not matter at all",
        effect=effect,
    )


def _cosines(case: dict[str, np.ndarray]) -> np.ndarray:
    """Expected <g_1, g_2> over the root of the expected squares, on the shared block, where p_2 plays no part."""
    from theory.constructors import initialized
    from theory.score import score_law

    u, q, along, distance = (case[name][:, None, None] for name in ("u_11", "q_11", "c_q", "d_q"))
    gram = {"shared": u * np.ones((2, 2)), "specific": q + along * [[0, 1], [1, 2]] + distance * [[0, 0], [0, 1]]}
    tasks = {name: tuple(case[f"{name}_{t}"] for t in (1, 2)) for name in ("n", "sigma")}
    return score_law(initialized({"shared": case["p"], "specific": case["p_1"]}, tasks["n"], tasks["sigma"], gram=gram), outside="nan").cosine[:, 0]


def _more_replay() -> ClaimVerdict:
    from theory.ledger import replay

    base = {"p": 100, "n_1": 30, "n_2": 30, "sigma_1": 0.3, "sigma_2": 0.3, "w_11": 1.0}
    at = {
        "|w_2 - w_1|^2 = 0": {}, "|w_2 - w_1|^2 = 1": {"d_w": 1.0}, "|w_2 - w_1|^2 = 4": {"d_w": 4.0}, "|w_2 - w_1|^2 = 0, sigma_2 = 0.5": {"sigma_2": 0.5},
    }  # fmt: skip
    forgetting = _forgetting_by_memory(replay.CONSTRAINTS_FORGETTING)
    shown = {words: forgetting({"d_w": 0.0, **base, **change}) for words, change in at.items()}
    distances = {"identical tasks": 0.0, "|w_2 - w_1| = |w_1|": 1.0}
    curves = {words: [forgetting(setting) for setting in _memory_settings(distance)] for words, distance in distances.items()}
    falling = {words: np.mean([bool((np.diff(curve) < 0).all()) for curve in found]) for words, found in curves.items()}
    return ClaimVerdict(
        verdict=graded(float(np.mean(list(falling.values())))),
        holds_under="similar tasks and little noise: the first stored samples lower forgetting where E_1/p^2 exceeds sigma_1^2/(p (p - 1)) + "
        "sigma_2^2/(p - n_2 - 1)^2 + (sigma_1^2/(p - 1) + |w_2 - w_1|^2/p)/(p - n_2 - 1), E_1 the error that task 1 leaves",
        fails_in="dissimilar tasks: the coefficient of |w_2 - w_1|^2, (n_2/p)(1 + m/(p - m - n_2 - 1)), grows with the number m of stored samples; and "
        "noise, at identical tasks too: it is fitted in ever fewer free directions, n_2/(p - m - n_2 - 1) of them",
        effect={
            **{f"forgetting with all 30 stored minus none, {words}": float(curve[-1] - curve[0]) for words, curve in shown.items()},
            "best number of stored samples of 30, |w_2 - w_1|^2 = 0": int(np.argmin(shown["|w_2 - w_1|^2 = 0"])),
            "settings": len(curves["identical tasks"]),
            **{f"share where every stored sample lowers forgetting, {words}": float(share) for words, share in falling.items()},
            **{
                f"share where storing all forgets more than storing none, {words}": float(np.mean([curve[-1] > curve[0] for curve in found]))
                for words, found in curves.items()
            },
        },
    )


def _gem_pole() -> ClaimVerdict:
    rng = np.random.default_rng(np.random.SeedSequence(0))
    settings = [(n, int(rng.integers(1, n + 1)), tasks) for n, tasks in rng.integers((3, 2), (40, 6), (POLES, 2)).tolist()]
    stays = [_pole(n, stored, tasks) == _pole(n, 0, tasks) for n, stored, tasks in settings]
    shown = {m: _guarded_error(100, 30, m, 5, 1) for m in (0, 15, 30)}
    return ClaimVerdict(
        verdict=graded(float(np.mean(stays))),
        holds_under="nothing stored",
        fails_in="every number M of stored samples: steps have p - M directions left, so that n samples are too many from p = n + M downwards; and the "
        "error on the first task takes (n/p)(1 + M/(p - M - n - 1)) of the squared distance of a later task's truth, which grows with M",
        effect={
            "settings": len(stays),
            "share where the pole stays": float(np.mean(stays)),
            "largest p of infinite error, n = 30, nothing stored": _pole(30, 0, 5),
            "largest p of infinite error, n = 30, 30 stored": _pole(30, 30, 5),
            **{f"error on task 1 after 5 equal tasks, p = {p}, n = 30, {m} stored": _guarded_error(p, 30, m, 5, 0) for p in (64, 100) for m in (0, 30)},
            **{
                f"what a squared distance of 1 to all later truths adds, p = 100, n = 30, {m} stored": value - _guarded_error(100, 30, m, 5, 0)
                for m, value in shown.items()
            },
        },
    )


def _pole(n: int, stored: int, tasks: int) -> int:
    """Largest dimension at which the error on the first task is infinite."""
    for p in range(n + stored + 9, 0, -1):
        try:
            _guarded_error(p, n, stored, tasks, 1)
        except DomainError:
            return p
    return 0


def _guarded_error(p: int, n: int, stored: int, tasks: int, distance: int) -> float:
    """Error on the first of several tasks after the last, all later truths one point at a squared distance."""
    from theory.law import expected_errors
    from theory.ledger import replay

    apart = [[distance * ((i == 0) != (j == 0)) for j in range(tasks)] for i in range(tasks)]
    seq = replay.guarded(p=p, n=n, m=stored, sigma=0.5, phi=0, w=[1.0] * tasks, D=apart)
    return float(expected_errors(seq).errors[-1, 0])


def _forgetting_by_memory(formula: Formula) -> Callable[[dict[str, float]], np.ndarray]:
    """Return the function from a setting to the forgetting with 0 to n_1 samples stored."""
    symbols = {str(symbol): symbol for symbol in formula.expanded.free_symbols}
    function = sympy.lambdify([symbols[name] for name in formula.parameters], formula.expanded, modules="numpy", cse=True)
    return lambda setting: function(*(np.arange(setting["n_1"] + 1) if name == "m" else setting[name] for name in formula.parameters))


def _memory_settings(distance: float) -> list[dict[str, float]]:
    """Settings in which all of task 1's samples can be stored; ``distance`` is |w_2 - w_1|^2 as a multiple of |w_1|^2."""
    rng = np.random.default_rng(np.random.SeedSequence(0))
    settings = []
    for _ in range(STREAMS):
        p = int(rng.integers(10, 200))
        n_1 = int(rng.integers(1, p - 6))
        n_2 = int(rng.integers(1, p - 2 - n_1))
        w_11, sigma_1, sigma_2 = 10.0 ** rng.uniform(-2, 1), *10.0 ** rng.uniform(-2, 0.5, 2)
        settings.append({"p": p, "n_1": n_1, "n_2": n_2, "sigma_1": sigma_1, "sigma_2": sigma_2, "w_11": w_11, "d_w": distance * w_11})
    return settings


def _of_memory(measured: Callable[..., dict[str, Any]], holds_under: str, fails_in: str) -> Callable[[], ClaimVerdict]:
    """Return the judge of a claim on memory strength: ``measured`` maps laws at a setting of conflict, and the setting, to "holds" and sizes."""

    def judge() -> ClaimVerdict:
        from theory.formulas import FORMULAS

        rng, found = np.random.default_rng(np.random.SeedSequence(0)), []
        for _ in range(MEMORIES):
            p, m, (sigma, delta) = 2 * int(rng.integers(20, 100)), int(rng.integers(5, 200)), 10.0 ** rng.uniform(-0.5, 0.3, 2)
            at = {"p": p, "m": m, "sigma": sigma, "delta": delta, "D": delta, "G": delta, "rho": -rng.uniform(0.05, 0.9), "c": rng.uniform(0.02, 0.98), "J": 2, "v": 0.5}
            found.append(measured(lambda name, at=at, **change: float(FORMULAS[name](**{**at, **change})), at))
        sizes = {f"median {name}": float(np.median([one[name] for one in found])) for name in found[0] if name != "holds"}
        share = float(np.mean([one["holds"] for one in found]))
        return ClaimVerdict(graded(share), holds_under, fails_in, {"settings": len(found), "share in which it holds": share, **sizes})

    return judge


def _proved(name: str, part: Callable[[sympy.Expr], sympy.Expr], holds_under: str, fails_in: str) -> Callable[[], ClaimVerdict]:
    """Return the judge of a claim on memory that a part of a formula is negative, whatever the setting: proved by its sign."""

    def judge() -> ClaimVerdict:
        from theory.formulas import FORMULAS
        from theory.ledger.memory import rho

        signs = {"conflict": sympy.Symbol("rho", negative=True), "agreement": sympy.Symbol("rho", positive=True)}
        found = {words: sympy.factor(part(FORMULAS[name].expanded).subs(rho, cosine)) for words, cosine in signs.items()}
        negative = graded(float(np.mean([expression.is_negative is True for expression in found.values()])))
        return ClaimVerdict(negative, holds_under, fails_in, {f"what has to be negative, {words} of the gradients": str(expression) for words, expression in found.items()})

    return judge


def _unseen(law: Callable[..., float], at: dict[str, Any]) -> dict[str, Any]:
    shares = [law("memory_violation", gamma=times * law("memory_threshold")) for times in (0, 1, 2)]
    return {"holds": shares[2] < shares[0], **{f"probability of a violation at strength {name}": share for name, share in zip(("0", "gamma*", "2 gamma*"), shares, strict=True)}}


def _front(law: Callable[..., float], at: dict[str, Any], rate: float = 0.5) -> dict[str, Any]:
    """p-mGEM of two groups against the constant strength with the same error on the new task, and the directions of both (G = delta)."""
    G, rho, length = at["G"] ** 2, at["rho"], law("memory_square")
    kept, progress = law("split_memory_retention"), law("split_memory_progress")
    own = -2 * rate * kept + rate**2 * progress

    def least(step: float) -> float:  # change of the old task's error with the constant strength that reaches the same error on the new one
        roots = np.roots([step**2 * length, 2 * step * (step - 1) * rho * G, (step**2 - 2 * step) * G - (rate**2 - 2 * rate) * progress])
        v = min((root.real for root in roots if not root.imag and root.real >= 0), default=math.nan)
        return -2 * step * (rho * G + v * G) + step**2 * (G + 2 * v * rho * G + v**2 * length)

    across = length - (at["m"] + 1) / at["m"] * rho**2 * G - (G + at["sigma"] ** 2) / at["m"]
    squares = (kept - progress * rho) ** 2 / ((progress - progress**2 / G) * G), (1 - rho**2) ** 2 * G / across
    return {
        "holds": own < least(rate), "squared cosine with gbar, beside g, of two groups over that of any constant strength": squares[0] / squares[1],
        "error on the old task above that of the best shorter step with a constant strength": own - float(np.nanmin([least(step) for step in np.linspace(rate / 50, rate, 50)])),
    }  # fmt: skip


def _at_no_distance(training: str) -> Callable[..., Any]:
    """Return the builder of two equal tasks under a training."""

    def build(p: Any, p_1: Any, n_1: Any, n_2: Any, sigma: Any, u_11: Any, q_11: Any) -> Any:
        from theory import constructors

        gram = {"shared": [[u_11, u_11], [u_11, u_11]], "specific": [[q_11, q_11], [q_11, q_11]]}
        return getattr(constructors, training)({"shared": p, "specific": p_1}, (n_1, n_2), sigma, gram=gram)

    build.__name__ = training
    return build


def _stored(more: int) -> Callable[..., Any]:
    """Return the builder of two equal tasks, the second of which fits ``m + more`` stored samples of the first."""

    def build(p: int, n_1: int, n_2: int, m: int, sigma: Any) -> Any:
        from theory.ledger.replay import constrained

        return constrained(p=p, n_1=n_1, n_2=n_2, m=m + more, sigma_1=sigma, sigma_2=sigma, w_11=1, d_w=0)

    return build


def _one_head_frozen(p: int, head: int, n: int, sigma: Any) -> Any:
    from theory.constructors import one_head_per_task

    return one_head_per_task(p, (head, head), (n, n), sigma, gram={"shared": [[1, 1], [1, 1]], "head": (1, 1)}, train_shared=False)


def _measured(home: Any, name: str, holds_under: str, fails_in: str) -> Callable[[], ClaimVerdict]:
    """Return the judge of a claim that a function of `theory.regimes` or `theory.gaps` measures."""

    def judge() -> ClaimVerdict:
        shares, sizes = getattr(home, name)()
        return ClaimVerdict(graded(float(np.mean(list(shares.values())))), holds_under, fails_in, {**shares, **sizes})

    return judge


def _fewer(first: str, second: str, words: str, changed: dict[str, Any], against: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Return what measures whether one law lies below another."""
    return lambda law, at: {"holds": law(first, **changed) < law(second, **against), words: law(first, **changed) / law(second, **against)}


def _bias(law: Callable[..., float], at: dict[str, Any]) -> dict[str, Any]:
    kept, less, alignment = law("memory_constant_retention", v=2 * law("memory_threshold")), law("memory_projected_retention"), law("memory_alignment")
    return {"holds": less < 0 < kept, "share of the conflict that projecting removes": alignment, "retention of projecting": less, "retention at 2 gamma*": kept}


def _halves(law: Callable[..., float], at: dict[str, Any]) -> dict[str, Any]:
    ratio = [law("split_memory_retention", p=f * at["p"], m=f * at["m"]) / law("memory_gem_retention", p=f * at["p"], m=f * at["m"]) for f in (1, 100)]
    return {"holds": abs(ratio[1] - 1) < 0.01, "retention of two groups over GEM's": ratio[0], "the same in a hundred times the dimension": ratio[1]}


NO_DISTANCE = {
    "relation": "<=", "build": _at_no_distance("frozen"), "against": _at_no_distance("initialized"),
    "space": {"p": (2, 200), "p_1": (2, 200), "n_1": (1, 400), "n_2": (1, 200), "sigma": (0.0, 3.0), "u_11": (0.0, 10.0), "q_11": (0.0, 10.0)},
    "constraint": lambda p, p_1, n_1, n_2: (n_1 < p + p_1 - 1) & (n_2 < p_1 - 1),
}  # fmt: skip
MORE_REPLAY = {
    "quantity": "forgetting", "relation": "<=", "build": _stored(1), "against": _stored(0), "space": {"p": (10, 60), "n_1": (1, 40), "n_2": (1, 40), "m": (0, 39), "sigma": (0.0, 1.0)},
    "constraint": lambda p, n_1, n_2, m: (m < n_1) & (n_1 < p - 1) & (m + 1 + n_2 < p - 1),
}  # fmt: skip
ONE_HEAD = {
    "quantity": "forgetting", "formula": 0, "build": _one_head_frozen, "space": {"p": (5, 60), "head": (5, 60), "n": (1, 50), "sigma": (0.0, 1.0)},
    "constraint": lambda head, n: n < head - 1,
}  # fmt: skip
MEMORY_CLAIMS: tuple[Any, ...] = (
    ("strength_holds_on_unseen_data", "Memory strength makes the constraint of GEM hold on data that are not in the memory.", ("memory_violation", "memory_threshold"), _of_memory, _unseen,
     "a memory that theta was not fitted to: violations fall from nearly 1 at strength 0, most of them around gamma* = -<g, gbar>/|gbar|^2, for any p",
     "memories that see no conflict, which no strength changes; stored samples that theta was fitted to, up to c* (stored_strength_protects)"),
    ("strength_reduces_the_gap", "Memory strength reduces the gap between the constraint's value on the memory and on unseen data.", ("memory_constant_gap",), _proved, "memory_constant_gap", lambda value: value.diff(sympy.Symbol("v", real=True)),
     "nowhere for a constant multiplier: what falls is the probability that the value on unseen data is negative", "every setting: the gap is v nu, which grows with the strength"),
    ("strength_compensates_the_bias", "Memory strength compensates the bias of the memory.", ("memory_projected_retention", "memory_constant_retention", "memory_alignment", "memory_threshold"), _of_memory, _bias,
     "fresh memories: |g_m|^2 exceeds |gbar|^2 by nu in the mean, so that projecting removes the share A of the conflict; strength above gamma* removes all of it",
     "stored samples that theta was fitted to, up to c* (stored_strength_protects)"),
    ("stored_strength_protects", "Memory strength lowers forgetting on stored samples.", ("stored_constant_gain", "stored_memory_crossing"),
     _of_memory, lambda law, at: {"holds": law("stored_constant_gain") > 0, "c*": law("stored_memory_crossing"), "gain": law("stored_constant_gain")},
     "a constant multiplier, after the share c* = sigma^2/(D^2 + sigma^2) of the way to the new task's truth",
     "before c*, where it increases forgetting to first order in the step: theta_1 has fitted the stored noise, and leaving it lowers the error"),
    ("too_much_strength_hurts", "Too much memory strength hurts the new task.", ("memory_constant_progress",), _proved, "memory_constant_progress", lambda value: value.diff(sympy.Symbol("v", real=True)),
     "conflict: progress falls by |<g, gbar>| a unit of strength, and the step's noise grows with its square", "tasks that agree, where progress grows"),
    ("finer_is_more_conservative", "Finer constraints make smaller changes feasible: they are more conservative.", ("split_memory_progress", "memory_gem_progress"), _of_memory, _fewer("split_memory_progress", "memory_gem_progress", "progress of two groups over GEM's", {}, {}),
     "every setting, and every draw: what meets all constraints of a partition meets their sum", "nowhere"),
    ("finer_has_a_smaller_uniform_gap", "A smaller feasible set has the smaller generalization error, by its Rademacher complexity.", ("memory_square",), _proved, "memory_square", lambda square: square - sympy.Symbol("delta", positive=True) ** 2,
     "groups so small that the memory's error g_m - gbar is itself not feasible",
     "groups of some size: <g_m - gbar, g_m> is positive in the mean, in each group too, so that the error is feasible and the supremum of the gap stays |g_m - gbar|"),
    ("finer_has_the_better_front", "p-mGEM reaches forgetting and progress that no memory strength does.", ("split_memory_retention", "split_memory_progress", "memory_square"), _of_memory, _front,
     "one step at a fixed learning rate (here 1/2, two groups, against constant strength), for the step is the shorter one",
     "equal lengths of the step, where no partition has the better direction unless the groups follow the tasks; and against shorter steps with a constant strength (last size), a stop before the end"),
    ("arbitrary_partitions_lose", "An arbitrary partition of the parameters loses the benefit.", ("split_memory_retention", "memory_gem_retention"), _of_memory, _halves,
     "a fixed number of groups that do not follow the tasks, in large dimensions (here p above 4,000, within 1 %)", "groups of few parameters, which are another method"),
    ("small_parts_over_constrain", "Small parts of the memory over-constrain.", ("memory_parts_capacity",), _of_memory, _fewer("memory_parts_capacity", "memory_parts_capacity", "parts above which no step is left, of one sample over those of four", {"b": 1}, {"b": 4}),
     "J/p above a threshold, in the limit; it is the lower the smaller the parts, 2 (1 + delta^2/sigma^2) for two samples", "fewer parts"),
)  # fmt: skip
CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (
        Claim("small_distance_slope", "The smaller the distance of two tasks, the more the balance moves towards frozen training.", PAPER, False, _distance_as_slope),
        *(
            Claim(
                f"small_distance_{criterion}",
                f"Tasks at small distance have a smaller {criterion} under frozen than under initialized training.",
                PAPER, False, lambda criterion=criterion: _distance_as_level(criterion), (f"frozen_{criterion}", f"initialized_{criterion}"),
                {"quantity": criterion, **NO_DISTANCE},
            )
            for criterion in ("deviation", "forgetting", "generalization")
        ),
        Claim("one_head_per_task", "With one head per task, frozen training forgets nothing.", "driftlaw; common practice in the field", False, _one_head, ("recursion", "projection_mean", "projection_spread"), ONE_HEAD),
        Claim("extremum_in_p2", "Forgetting under frozen training has an extremum in p_2 when xi > eta > 0.", "He, Bai, Yang, arXiv 2602.20796, around Theorem 4.4", False, _extremum, ("p2_star", "frozen_forgetting_in_p2")),
        Claim("one_optimisation", "Frozen and initialized training are two cases of one constrained optimisation of the update.", PAPER, False, _one_optimisation, s.DIVIDED),
        Claim(
            "gradient_direction",
            "Whether a task is near enough to gain from freezing shows in the direction of its gradient: near tasks have the larger cosine.",
            "He, Bai, Yang, arXiv 2602.20796, Algorithm 1, in our linear reading", False, _gradient_direction,
            (*s.DIVIDED, *(f"{training}_{criterion}" for training in ("frozen", "initialized") for criterion in ("deviation", "generalization"))),
        ),
        Claim("more_replay_forgets_less", "More replay means less forgetting.", "common belief in the field", False, _more_replay, ("constraints_forgetting",), MORE_REPLAY),
        Claim("gem_keeps_the_threshold", "Projecting gradients away from stored samples (GEM, A-GEM, OGD) leaves the double-descent peak where it was.", "driftlaw; our own wording, no paper is quoted", False, _gem_pole, s.STORED),
        *(
            Claim(name, statement, source, False, _measured(home, name, *words), uses)
            for home, chapter in ((regimes, digest), (gaps, overlaps)) for name, statement, source, uses, *words in chapter.CLAIMS
        ),
        *(
            Claim(name, statement, "Memory strength and modular GEM, arXiv 2410.00868, in our words after its abstract", False, make(*judged), uses)
            for name, statement, uses, make, *judged in MEMORY_CLAIMS
        ),
    )
}  # fmt: skip


def judge(name: str) -> ClaimVerdict:
    """Compute the verdict on the claim called ``name``."""
    if name not in CLAIMS:
        raise InputError(f"there is no claim {name!r}; choose one of {', '.join(CLAIMS)}")
    return CLAIMS[name].judge()
