"""What a figure is, the sentences that several captions share, and the records that are kept with the figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Canvas

import deep
from figures.kit.sampling import TRUSTED, Sampler
from figures.kit.style import TRAININGS
from figures.kit.table import LEVEL, MEASURED, NORMAL, SIMULATION, Table, student_quantile
from theory import TaskSequence
from theory.ledger.two_tasks import two_tasks

RECORDS = Path(__file__).parents[1] / "records"
DEEP = Path(deep.__file__).parent
READERS = (DEEP / "records.py", DEEP / "metrics.py")  # code that the values in a figure depend on
_LETTERS = {
    "p": "p", "p_1": "p_1", "p_2": "p_2", "n_1": "n_1", "n_2": "n_2", "sigma_1": r"\sigma_1", "sigma_2": r"\sigma_2",
    "u_11": "|u_1|^2", "q_11": "|q_1|^2", "d_u": "|u_2-u_1|^2", "d_q": "|q_2-q_1|^2", "w_11": "|w_1|^2",
}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """A figure: what its caption says, what is computed, how it is drawn.

    Parameters
    ----------
    words : str
        The caption's first words, a blank line, its text; as a rule the docstring of the figure's module. Names in braces
        stand for values: those of ``facts``, those of ``names``, ``{simulation}`` for what points and bars are, and
        ``{experiment}`` for the parameters in ``EXPERIMENT``; braces of mathematics are doubled.
    compute : callable
        Fills a `figures.kit.Table` with everything that is drawn; gets a `figures.kit.Sampler` too.
    draw : callable
        Draws the table, and nothing else, on an empty canvas.
    names : mapping
        Values that the caption may name; as a rule the module's own.
    facts : callable
        Maps the table to values that the caption names.
    trials, quick_trials : int
        Trials at every simulated point, and with ``--quick``; 0 where nothing is simulated.
    size : pair of float, or callable
        Width and height of the axes' area in inches, or what tells them by the table; the caption comes below it.
    sources : tuple of path
        Records that it is drawn from, and code of other packages that reads them.
    """

    words: str
    compute: Callable[[Table, Sampler], None]
    draw: Callable[[Table, Canvas], None]
    names: Mapping[str, Any] = field(default_factory=dict, repr=False)
    facts: Callable[[Table], Mapping[str, Any]] = lambda _: {}
    trials: int = 0
    quick_trials: int = 0
    size: tuple[float, float] | Callable[[Table], tuple[float, float]] = (7.0, 4.0)
    sources: tuple[Path, ...] = ()

    @property
    def title(self) -> str:
        """First words of the caption."""
        return self.words.partition("\n\n")[0].strip()

    def area(self, table: Table) -> tuple[float, float]:
        """Return width and height of the axes' area in inches."""
        return self.size(table) if callable(self.size) else self.size

    def table(self, sampler: Sampler) -> Table:
        """Compute the table of everything that is drawn."""
        table = Table()
        self.compute(table, sampler)
        return table

    def caption(self, table: Table) -> str:
        """Return the caption's text: what is drawn, the number of trials, what the interval is."""
        text = " ".join(self.words.partition("\n\n")[2].split())
        known = {**self.names, **self.facts(table)}
        if "{simulation}" in text:
            known["simulation"] = simulation_sentence(table)
        if "{experiment}" in text:
            known["experiment"] = experiment_sentence(known["EXPERIMENT"])
        return text.format_map(known).replace(" %", "\u00a0%")


def both(**parameters: Any) -> dict[str, TaskSequence]:
    """Return an experiment of two tasks under frozen and under initialized training."""
    return {training: two_tasks(**parameters, train_shared=training == "initialized") for training in TRAININGS}


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
