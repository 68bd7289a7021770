r"""Memory strength protects unseen data past a threshold; on stored samples it harms at first.

(a) Probability that GEM's step violates the constraint on unseen data, against its memory strength, for a memory that the
model has not seen. Lines: exact law; star: the threshold $\gamma^*=-\langle g,\bar g\rangle/|\bar g|^2$; $p={P}$,
$\sigma={SIGMA:g}$, $|\bar g|=|g|=1$, cosine ${COS:g}$. GEM's own multiplier lies below $\gamma^*$ by the alignment {alignments}.
(b) What the memory adds to $\langle z,\bar g\rangle$ where the model was fitted to the stored samples, against the share of the
way from task 1's estimate to task 2's truth that it has gone: negative up to $c^*$ (star at $c^*={crossing:.2f}$ for the constant
multiplier {V:g}, later for GEM with strength 0); $p={STORED[p]}$, $n_1={N_1}$, $m={STORED[m]}$, $\sigma={STORED[sigma]:g}$,
$|w_2-w_1|={STORED[D]:g}$. {simulation} The points of a curve in (a) share their draws.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from figures.kit import FROZEN, INITIALIZED, STEPS, Figure, Line, Panel, Sampler, Simulated, Table, curves
from simulate.sample.memory import Products, direct, measure, stored
from theory.formulas import FORMULAS
from theory.memory import CONSTANT, INSIDE, MemoryStep, StoredStep

P, SIGMA, COS, SIZES = 60, 0.5, -0.3, (15, 60, 240)
STRENGTHS, SIMULATED = np.linspace(0, 0.75, 76).round(2), (0.0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.75)
FRESH = {"p": P, "sigma": SIGMA, "delta": 1.0, "rho": COS, "G": 1.0}
STORED, N_1, V = {"p": 40, "m": 10, "sigma": 1.0, "D": 1.4}, 20, 0.5
SHARES = np.linspace(0.025, 1, 40)  # at 0 there is no gradient to project on
KINDS = {CONSTANT: ("stored_constant_gain", "stored_memory_crossing"), INSIDE: ("stored_gem_gain", "stored_gem_crossing")}
VIOLATION, GAIN = "violation", "gain"


def gained(step: StoredStep, count: int, rng: np.random.Generator) -> Products:
    """Draw steps as `stored` does, without what g itself does to the old task."""
    return stored(step, count, rng)._replace(conflict=np.zeros((count, 1)))


def compute(table: Table, sampler: Sampler) -> None:
    def add(quantity: str, form: str, x_name: str, x: Sequence[float], step: Any, strengths: Sequence[float], draw: Any, case: str = "") -> None:
        def run(seed: tuple[int, ...], trials: int) -> list[list[float]]:
            found = measure(step, strengths, trials, seed, form, sampler=draw)["violation" if draw is direct else "retention"]
            return [found.mean.tolist(), found.stderr.tolist()]

        for place, mean, stderr in zip(x, *sampler.stored({**vars(step), "form": form}, __file__, run), strict=True):
            table.add_point(quantity, form, x_name, place, Simulated(mean, stderr, sampler.trials, np.inf), case)

    for m in SIZES:
        values = [FORMULAS["memory_violation"](**FRESH, m=m, gamma=gamma) for gamma in STRENGTHS]
        table.add_curve(VIOLATION, INSIDE, "gamma", STRENGTHS, values, "memory_violation", f"m={m}")
        add(VIOLATION, INSIDE, "gamma", SIMULATED, MemoryStep(P, m, SIGMA, 1.0, COS), SIMULATED, direct, f"m={m}")
    table.add_mark(VIOLATION, INSIDE, "gamma", FORMULAS["memory_threshold"](**FRESH), 0.0, "memory_threshold")
    for form, (gain, crossing) in KINDS.items():
        table.add_curve(GAIN, form, "c", SHARES, [FORMULAS[gain](**STORED, c=share, v=V) for share in SHARES], gain)
        table.add_mark(GAIN, form, "c", FORMULAS[crossing](**STORED), 0.0, crossing)
        for share in SHARES[::4].tolist():
            step = StoredStep(STORED["p"], STORED["m"], N_1, STORED["sigma"], STORED["D"], share)
            add(GAIN, form, "c", [share], step, [V if form == CONSTANT else 0.0], gained)


def facts(table: Table) -> dict[str, Any]:
    alignments = ", ".join(f"{FORMULAS['memory_alignment'](**FRESH, m=m):.2f} ($m={m}$)" for m in SIZES)
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
