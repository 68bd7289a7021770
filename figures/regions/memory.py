"""What memory strength does to one step: its laws, the same by sampling, and both drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.kit.draw import vertical
from figures.kit.style import FROZEN, INITIALIZED, PLAIN, canvas_with_caption, style
from figures.kit.table import NORMAL
from simulate.sample.memory import QUANTITIES, measure
from simulate.wording import table
from theory.formulas import FORMULAS
from theory.memory import ADDED, CONSTANT, INSIDE, MemoryStep

LAWS = {INSIDE: "memory_violation", ADDED: "memory_added_violation", CONSTANT: "memory_constant_violation"}


@dataclass(frozen=True)
class Strengths:
    """Quantities of a step over memory strengths.

    Parameters
    ----------
    step : MemoryStep
    form : str
        One of `theory.memory.FORMS`.
    draws : int
    alignment : float
    rows : list of dict
        For each strength "strength" and, by quantity, "simulated" and "stderr"; of the violation "law" too, None where none is known.
    """

    step: MemoryStep
    form: str
    draws: int
    alignment: float
    rows: list[dict[str, Any]]

    @property
    def text(self) -> str:
        """Alignment, threshold and a table over the strengths."""
        head = f"alignment {self.alignment:.4f}, threshold {self.step.threshold:.4g}; strength is {self.form}; {self.draws:,} draws"
        shown = [[f"{row[q]['simulated']:.4f} +- {row[q]['stderr']:.4f}" for q in QUANTITIES] for row in self.rows]
        laws = ["-" if row["violation"]["law"] is None else f"{row['violation']['law']:.4f}" for row in self.rows]
        rows = [(f"{row['strength']:.4g}", law, *cells) for row, law, cells in zip(self.rows, laws, shown, strict=True)]
        return f"{head}\n{table([('strength', 'violation (law)', 'simulated', *QUANTITIES[1:]), *rows])}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything for a program."""
        return {**vars(self.step), "form": self.form, "draws": self.draws, "alignment": self.alignment, "threshold": self.step.threshold, "strengths": self.rows}

    def draw(self) -> Canvas:
        """Draw the violation with its law, and what the strength costs, with 95 % intervals."""
        text = f"Line: law. Points: {self.draws:,} draws, with 95 % intervals. Grey: threshold {self.step.threshold:.3g}. {self.step}."
        with style():
            canvas = canvas_with_caption((7.4, 3.4), f"Memory strength, {self.form}; alignment {self.alignment:.3f}.", text)
            left, right = canvas.subplots(1, 2)
            x, law = zip(*((row["strength"], row["violation"]["law"]) for row in self.rows), strict=True)
            left.plot(x, np.array(law, dtype=float), color=FROZEN.colour)
            for ax, quantity, look in ((left, "violation", FROZEN), (right, "gap", INITIALIZED), (right, "progress", PLAIN)):
                mean, stderr = np.array([(row[quantity]["simulated"], row[quantity]["stderr"]) for row in self.rows]).T
                ax.errorbar(x, mean, NORMAL * stderr, color=look.colour, marker=look.marker, linestyle="", markersize=3.6, label=quantity)
                vertical(ax, self.step.threshold)
                ax.set(xlabel="memory strength")
            left.set(ylabel="probability of a violation", ylim=(-0.03, 1.03))
            right.legend()
        return canvas


def over_strengths(step: MemoryStep, values: Sequence[float] | None = None, form: str = INSIDE, draws: int = 100_000, seed: int = 0) -> Strengths:
    """Compute and simulate a step over memory strengths, by default from 0 to twice the threshold."""
    values = np.linspace(0, 2 * step.threshold or 1.0, 21).tolist() if values is None else values
    found = measure(step, values, draws, seed, form)
    case = {"p": step.p, "m": step.m, "sigma": step.sigma, "delta": step.distance, "rho": step.cos, "G": step.norm}
    known = form in LAWS and step.groups == 1 and step.sigma > 0 and abs(step.cos) < 1
    rows = [{"strength": value, **{q: {"simulated": float(e.mean[i]), "stderr": float(e.stderr[i])} for q, e in found.items()}} for i, value in enumerate(values)]
    for value, row in zip(values, rows, strict=True):
        row["violation"]["law"] = FORMULAS[LAWS[form]](**case, gamma=value, v=value) if known and (value or form != CONSTANT) else None
    return Strengths(step, form, draws, FORMULAS["memory_alignment"](**case), rows)
