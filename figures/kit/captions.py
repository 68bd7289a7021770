"""Sentences that several captions share."""

from __future__ import annotations

from collections.abc import Mapping

from figures.kit.intervals import LEVEL, NORMAL, student_quantile
from figures.kit.sampling import TRUSTED
from figures.kit.table import MEASURED, SIMULATION, Table

_LETTERS = {
    "p": "p", "p_1": "p_1", "p_2": "p_2", "n_1": "n_1", "n_2": "n_2", "sigma_1": r"\sigma_1", "sigma_2": r"\sigma_2",
    "u_11": "|u_1|^2", "q_11": "|q_1|^2", "d_u": "|u_2-u_1|^2", "d_q": "|q_2-q_1|^2", "w_11": "|w_1|^2",
}  # fmt: skip


def simulation_sentence(table: Table) -> str:
    """Say what the points and their intervals are."""
    text = (
        f"Points: simulation, means of {table.trials():,} independent trials; bars: normal {100 * LEVEL:.0f}\u00a0% intervals of the mean "
        f"($\\pm${NORMAL:.2f} standard errors; about one in twenty misses a curve that is right)."
    )
    if any(row.kind == SIMULATION and row.moment_order <= TRUSTED for row in table):
        text += (
            " Hollow points: the fourth moment is infinite, so that their intervals cover less; nearer to the pole the variance "
            "is infinite too, and no point is drawn."
        )
    return text


def experiment_sentence(case: Mapping[str, float]) -> str:
    """List the parameters of a two-task case in the paper's letters."""
    values = ", ".join(f"${_LETTERS[name]}={value:g}$" for name, value in case.items() if name in _LETTERS)
    return f"Experiment: {values}."


def runs_sentence(table: Table, unit: str) -> str:
    """Say how many runs stand behind the measured rows and what their intervals are.

    Raises
    ------
    InputError
        If rows differ in it, so that no single number describes the figure.
    """
    count = table.trials(MEASURED)
    errors = f"$\\pm${student_quantile(count):.2f} standard errors"
    return f"Means of {count} runs, {unit}; bars: Student 95\u00a0% intervals of the mean ({errors})."
