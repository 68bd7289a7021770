"""What a figure is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures.kit.captions import experiment_sentence, simulation_sentence
from figures.kit.sampling import Sampler
from figures.kit.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


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
