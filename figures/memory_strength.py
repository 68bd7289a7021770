r"""Memory strength protects unseen data past a threshold; on stored samples it harms at first.

(a) Probability that GEM's step violates the constraint on unseen data, against its memory strength, for a memory that the
model has not seen. Lines: exact law; stars: the threshold $\gamma^*=-\langle g,\bar g\rangle/|\bar g|^2$; $p={P}$,
$\sigma={SIGMA:g}$, $|\bar g|=|g|=1$, cosine ${COS:g}$. GEM's own multiplier lies below $\gamma^*$ by the alignment {alignments}.
(b) What the memory adds to $\langle z,\bar g\rangle$ where the model was fitted to the stored samples, against the share of the
way from task 1's estimate to task 2's truth that it has gone: negative up to $c^*$ (star at $c^*={crossing:.2f}$ for the constant
multiplier {V:g}, later for GEM with strength 0); $p={STORED[p]}$, $n_1={N_1}$, $m={STORED[m]}$, $\sigma={STORED[sigma]:g}$,
$|w_2-w_1|={STORED[D]:g}$. {simulation} The points of a curve in (a) share their draws.
"""

from typing import Any

import numpy as np

from figures.kit import FROZEN, INITIALIZED, STEPS, Figure, Line, Panel, Sampler, Simulated, Table, curves
from simulate.sample.memory import direct, measure, multiplier, stored
from theory.formulas import FORMULAS
from theory.memory import CONSTANT, INSIDE, MemoryStep, StoredStep

P, SIGMA, COS, SIZES = 60, 0.5, -0.3, (15, 60, 240)
STRENGTHS, SIMULATED = np.linspace(0, 0.75, 76), (0.0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.75)
STORED, N_1, V = {"p": 40, "m": 10, "sigma": 1.0, "D": 1.4}, 20, 0.5
SHARES = np.linspace(0, 1, 41)
KINDS = {CONSTANT: ("stored_constant_gain", "stored_memory_crossing"), INSIDE: ("stored_gem_gain", "stored_gem_crossing")}
VIOLATION, GAIN = "violation", "gain"


def fresh(m: int) -> dict[str, float]:
    """Return the parameters of (a)."""
    return {"p": P, "m": m, "sigma": SIGMA, "delta": 1.0, "rho": COS, "G": 1.0}


def compute(table: Table, sampler: Sampler) -> None:
    def violations(m: int) -> Any:
        return lambda seed, trials: [list(pair) for pair in zip(*_violation(m, seed, trials), strict=True)]

    for m in SIZES:
        values = [FORMULAS["memory_violation"](**fresh(m), gamma=gamma) for gamma in STRENGTHS]
        table.add_curve(VIOLATION, INSIDE, "gamma", STRENGTHS, values, "memory_violation", f"m={m}")
        for gamma, (mean, stderr) in zip(SIMULATED, sampler.stored({"m": m}, __file__, violations(m)), strict=True):
            table.add_point(VIOLATION, INSIDE, "gamma", gamma, Simulated(mean, stderr, sampler.trials, np.inf), f"m={m}")
        threshold = FORMULAS["memory_threshold"](**fresh(m))
        table.add_mark(VIOLATION, INSIDE, "gamma", threshold, FORMULAS["memory_violation"](**fresh(m), gamma=threshold), "memory_violation", f"m={m}")
    for form, (gain, crossing) in KINDS.items():
        table.add_curve(GAIN, form, "c", SHARES, [FORMULAS[gain](**STORED, c=share, v=V) for share in SHARES], gain)
        table.add_mark(GAIN, form, "c", FORMULAS[crossing](**STORED), 0.0, crossing)
        for share in SHARES[::4]:
            found = sampler.stored({"c": share, "form": form}, __file__, lambda seed, trials, share=share, form=form: _gain(share, form, seed, trials))
            table.add_point(GAIN, form, "c", share, Simulated(*found, sampler.trials, np.inf))


def _violation(m: int, seed: tuple[int, ...], trials: int) -> Any:
    found = measure(MemoryStep(P, m, SIGMA, 1.0, COS), SIMULATED, trials, seed, sampler=direct)["violation"]
    return found.mean.tolist(), found.stderr.tolist()


def _gain(share: float, form: str, seed: tuple[int, ...], trials: int) -> list[float]:
    step = StoredStep(STORED["p"], STORED["m"], N_1, STORED["sigma"], STORED["D"], share)
    products = stored(step, trials, np.random.default_rng(np.random.SeedSequence(seed)))
    values = multiplier(products, V if form == CONSTANT else 0.0, form) * products.earlier
    return [float(values.mean()), float(values.std(ddof=1) / np.sqrt(trials))]


def facts(table: Table) -> dict[str, Any]:
    alignments = ", ".join(f"{FORMULAS['memory_alignment'](**fresh(m)):.2f} ($m={m}$)" for m in SIZES)
    return {"alignments": alignments, "crossing": FORMULAS["stored_memory_crossing"](**STORED)}


LEFT = Panel(
    "a fresh memory", [Line(look, f"$m={m}$", {"case": f"m={m}"}) for look, m in zip(STEPS, SIZES, strict=False)], {"quantity": VIOLATION}, stars=r"$\gamma^*$",
    legend={"loc": "lower left"}, axes={"xlabel": r"memory strength $\gamma$", "ylabel": "probability of a violation"},
)  # fmt: skip
RIGHT = Panel(
    "a memory that was fitted", [Line(INITIALIZED, f"constant multiplier {V:g}", {"training": CONSTANT}), Line(FROZEN, "GEM, strength 0", {"training": INSIDE})],
    {"quantity": GAIN}, zero=True, stars="$c^*$", legend={"loc": "upper left"}, axes={"xlabel": "share $c$ of the way to task 2's truth", "ylabel": "retention gained"},
)  # fmt: skip
FIGURE = Figure(__doc__, compute, curves(LEFT, RIGHT), globals(), facts, trials=4000, quick_trials=400, size=(7.6, 3.6))
