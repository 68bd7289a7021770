"""What memory strength does to one step: its laws, the same by sampling, and both drawn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas

from figures.kit.style import FROZEN, INITIALIZED, PLAIN, canvas_with_caption, style
from figures.kit.table import NORMAL
from simulate.evidence import Estimate
from simulate.sample.memory import measure
from simulate.wording import table
from theory.formulas import FORMULAS
from theory.memory import CONSTANT, INSIDE, MemoryStep, strengths

SHOWN = ("violation", "gap", "progress", "retention", "square")


@dataclass(frozen=True)
class Strengths:
    """Quantities of a step over memory strengths.

    Parameters
    ----------
    step : MemoryStep
    values : list of float, length K
        Memory strengths.
    form : str
        One of `theory.memory.FORMS`.
    found : dict of str to Estimate
        Quantities of `simulate.sample.memory.measure`.
    laws : list of float or None
        The probability of a violation by its law, None where none is known.
    alignment : float
    """

    step: MemoryStep
    values: list[float]
    form: str
    found: dict[str, Estimate]
    laws: list[float | None]
    alignment: float

    @property
    def text(self) -> str:
        """Alignment, threshold and a table over the strengths."""
        rows = [
            (f"{value:.4g}", "-" if law is None else f"{law:.4f}", *(f"{self.found[q].mean[i]:.4f} +- {self.found[q].stderr[i]:.4f}" for q in SHOWN))
            for i, (value, law) in enumerate(zip(self.values, self.laws, strict=True))
        ]
        head = f"alignment {self.alignment:.4f}, threshold {self.step.threshold:.4g}; strength is {self.form}; {self.found['gap'].count:,} draws"
        return f"{head}\n{table([('strength', 'violation (law)', 'simulated', *SHOWN[1:]), *rows])}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything for a program."""
        rows = []
        for i, (value, law) in enumerate(zip(self.values, self.laws, strict=True)):
            measured = {q: {"simulated": float(self.found[q].mean[i]), "stderr": float(self.found[q].stderr[i])} for q in SHOWN}
            rows.append({"strength": value, **measured, "violation": {"law": law, **measured["violation"]}})
        return {**vars(self.step), "form": self.form, "alignment": self.alignment, "threshold": self.step.threshold, "draws": self.found["gap"].count, "strengths": rows}

    def draw(self) -> Canvas:
        """Draw the violation with its law, and what the strength costs, with 95 % intervals."""
        with style():
            text = f"Line: law. Points: {self.found['gap'].count:,} draws, with 95 % intervals. Grey: threshold {self.step.threshold:.3g}. {self.step}."
            canvas = canvas_with_caption((7.4, 3.4), f"Memory strength, {self.form}; alignment {self.alignment:.3f}.", text)
            left, right = canvas.subplots(1, 2)
            left.plot(self.values, np.array(self.laws, dtype=float), color=FROZEN.colour)
            for ax, quantity, look in ((left, "violation", FROZEN), (right, "gap", INITIALIZED), (right, "progress", PLAIN)):
                found = self.found[quantity]
                ax.errorbar(self.values, found.mean, NORMAL * found.stderr, color=look.colour, marker=look.marker, linestyle="", markersize=3.6, label=quantity)
                ax.axvline(self.step.threshold, color="#8A8A8A", linewidth=0.8, zorder=0)
                ax.set(xlabel="memory strength")
            left.set(ylabel="probability of a violation", ylim=(-0.03, 1.03))
            right.legend()
        return canvas


def over_strengths(step: MemoryStep, values: Any = None, form: str = INSIDE, draws: int = 100_000, seed: int = 0) -> Strengths:
    """Compute and simulate a step over memory strengths, by default from 0 to twice the threshold."""
    listed = strengths(np.linspace(0, 2 * step.threshold or 1.0, 21).tolist() if values is None else values)
    found = measure(step, listed, draws, seed, form)
    case = {"p": step.p, "m": step.m, "sigma": step.sigma, "delta": step.distance, "rho": step.cos, "G": step.norm}
    name = {INSIDE: "memory_violation", CONSTANT: "memory_constant_violation"}.get(form)
    known = name is not None and step.groups == 1 and step.sigma > 0 and abs(step.cos) < 1
    laws = [float(FORMULAS[name](**case, gamma=value, v=value)) if name and known and (value or form == INSIDE) else None for value in listed]
    return Strengths(step, listed, form, found, laws, FORMULAS["memory_alignment"](**case))
