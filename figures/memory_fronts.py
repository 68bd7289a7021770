r"""Finer constraints against memory strength, and both against stopping early.

Error on the old task against error on the new one; towards the lower left is better. (a) One step at the same root mean square length
${RATE:g}|g|$ for all; (b) one step at learning rate {RATE:g}. Both: $p={P}$, $m={M}$, $|\bar g|=|g|=1$, cosine ${COS:g}$. (c) The end of {TAKEN} steps at rate
{SLOW:g} along the new task's population gradient: $p={LARGE}$, $m={STORED}$, truths at distance 1, $\theta$ at first at $|\theta-w_1|^2={CLOSE:g}$, across. $\sigma={SIGMA:g}$ in all.
GEM with strengths {STRENGTHS}, p-mGEM with {GROUPS} groups of parameters, in (c) {ENDS}; d-mGEM with {PARTS} parts of the memory. Grey: the envelope of early
stopping, which no point to its right or above it improves on: in (a) and (b) shorter steps with a constant multiplier (law), in (c) all
times of plain training, replay and GEM (means of the same simulation). Blue line: exact law. {simulation} Methods in one picture share their draws; errors on the new task are as precise.
Points of p-mGEM that lie two standard errors below the line of all strengths in (b): {under}; below the envelope of any picture: {beyond}.
"""

from typing import Any

import numpy as np

from figures.kit import Figure, Line, Panel, Sampler, Simulated, Table, curves
from figures.kit.style import FAINT, FROZEN, INITIALIZED, THIRD, Look
from figures.kit.table import SIMULATION, THEORY
from simulate.sample.memory import measure, path
from theory.formulas import FORMULAS
from theory.memory import CONSTANT, INSIDE, Memories

P, M, SIGMA, COS, RATE = 120, 12, 0.5, -0.3, 0.5
LARGE, STORED, CLOSE, SLOW, TAKEN = 200, 50, 0.2, 0.05, 300
STRENGTHS, GROUPS, ENDS, PARTS = (0, 0.1, 0.25, 0.5, 1), (1, 4, 12, 40), (2, 10, 50), (2, 10)
LENGTH, STEP, END = "one step, equal length", "one step, equal rate", "end of training"
GEM, SPLIT, CUT, STOPPED, NEW = "GEM, by strength", "p-mGEM", "d-mGEM", "stopped early", "error on the new task"
LOOKS = {STOPPED: Look(FAINT, "-", ""), CONSTANT: Look(FROZEN.colour, (0, (4, 2)), ""), **{name: Look(look.colour, "", look.marker) for name, look in ((GEM, FROZEN), (SPLIT, INITIALIZED), (CUT, THIRD))}}
CASE = {"p": P, "m": M, "sigma": SIGMA, "delta": 1.0, "rho": COS, "G": 1.0}


def front(new: np.ndarray, old: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the points that none of the others betters on both tasks, in order."""
    order = np.argsort(new, axis=None)
    new, old = new.ravel()[order], old.ravel()[order]
    least = old <= np.minimum.accumulate(old)
    return new[least], old[least]


def compute(table: Table, sampler: Sampler) -> None:
    def trained(where: str, strength: float = 0.0, form: str = INSIDE, groups: int = 1, parts: int = 1) -> np.ndarray:
        p, m, old, product, new = (LARGE, STORED, CLOSE, CLOSE, 1 + CLOSE) if where == END else (P, M, 1.0, COS, 1.0)
        gram = np.pad(np.full((parts, parts), old), ((1, 0), (1, 0)), constant_values=product)
        gram[0, 0] = new
        start = Memories((p // groups,) * groups, (0, *[m // parts] * parts), (0.0, *[SIGMA] * parts), gram)

        def run(seed: tuple[int, ...], trials: int) -> list[list[float]]:
            rate = SLOW if where == END else RATE / np.sqrt(measure(start, [strength], 10_000, seed[:1])["square"].mean[0]) if where == LENGTH else RATE
            errors = path(start, trials, TAKEN if where == END else 1, rate, strength, form, seed=seed[:1], reduced=where == END)[:, :, :2]
            return np.concatenate([errors.mean(axis=0), errors[:, :, 1:].std(axis=0, ddof=1) / np.sqrt(trials)], axis=1).tolist()

        return np.array(sampler.stored({"where": where, "strength": strength, "form": form, "groups": groups, "parts": parts}, __file__, run))

    for where in (LENGTH, STEP, END):
        found = {GEM: [trained(where, gamma) for gamma in STRENGTHS], SPLIT: [trained(where, groups=J) for J in (ENDS if where == END else GROUPS)]}
        if where == END:
            found[CUT] = [trained(where, parts=J) for J in PARTS]
            stopped = np.concatenate([*found[GEM], *(trained(where, gamma, CONSTANT) for gamma in STRENGTHS)]).T[:2]
        else:
            values = [[FORMULAS[f"memory_constant_{what}"](**CASE, v=v) for v in np.linspace(0, 1, 101)] for what in ("square", "progress", "retention")]
            square, *moments = np.array(values)
            rate = np.linspace(1, 0, 41)[:, None] * (RATE / np.sqrt(square) if where == LENGTH else RATE)
            stopped = [1 - 2 * rate * moment + rate**2 * square for moment in moments]
            table.add_curve(where, CONSTANT, NEW, *(errors[0] for errors in stopped), "memory_constant_square")
        table.add_curve(where, STOPPED, NEW, *front(*stopped), "simulate" if where == END else "memory_constant_square")
        for name, ends in found.items():
            for new, old, stderr in (end[-1].tolist() for end in ends):
                table.add_point(where, name, NEW, new, Simulated(old, stderr, sampler.trials, np.inf))


def facts(table: Table) -> dict[str, Any]:
    def below(where: str, line: str) -> int:
        points = table.select(kind=SIMULATION, quantity=where, training=SPLIT)
        x, y = front(*(table.select(kind=THEORY, quantity=where, training=line).column(name) for name in ("x", "mean")))
        return int(np.sum(points.column("mean") + 2 * points.column("stderr") < np.interp(points.column("x"), x, y, left=np.inf)))

    return {"under": below(STEP, CONSTANT), "beyond": sum(below(where, STOPPED) for where in (LENGTH, STEP, END))}


LINES = [Line(look, "constant multiplier" if name == CONSTANT else name, {"training": name}) for name, look in LOOKS.items()]
SHOWN = {LENGTH: {"ylabel": "error on the old task"}, STEP: {"xlim": (0.2, 1.15), "ylim": (0.92, 1.9)}, END: {"xlim": (0, 0.4), "ylim": (0.28, 1)}}
PANELS = [Panel(where, LINES, {"quantity": where}, axes={"xlabel": NEW, **axes}) for where, axes in SHOWN.items()]
FIGURE = Figure(__doc__, compute, curves(*PANELS, legend={"ncols": 5}), globals(), facts, trials=400, quick_trials=60, size=(9.8, 3.9))
