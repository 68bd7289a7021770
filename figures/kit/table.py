"""The numbers behind a figure: one row for everything that is drawn, written as CSV and read by the drawing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binomtest
from scipy.stats import t as student

from simulate.evidence import upper_quantile
from theory.errors import InputError

if TYPE_CHECKING:
    from figures.kit.sampling import Simulated

THEORY, SIMULATION, MARK, MEASURED = "theory", "simulation", "mark", "measured"
LEVEL = 0.95  # of all intervals
NORMAL = upper_quantile((1 - LEVEL) / 2)  # standard errors to each side


@dataclass(frozen=True)
class Row:
    """One drawn value.

    Parameters
    ----------
    kind : {"theory", "simulation", "mark", "measured"}
        Part of a curve, a simulated point, a single value that is marked, or what was measured on
        trained networks, by the clock, or on thousands of verdicts.
    quantity : str
        What is on the vertical axis.
    training : str
        The training, or the difference of two.
    case : str
        Which of several experiments with that training; empty if there is one.
    x_name, x
        What is on the horizontal axis, and its value.
    mean : float
        The expectation or its estimate; NaN where it is infinite.
    stderr : float or None
        Standard error of a simulated or measured mean.
    trials : int or None
        Independent trials or runs behind it.
    moment_order : float or None
        Supremum of the finite moment orders of a simulated quantity.
    source : str
        Where the value comes from: the law's recursion, the name of a closed formula, or the sampler.
    """

    kind: str
    quantity: str
    training: str
    case: str
    x_name: str
    x: float
    mean: float
    stderr: float | None = None
    trials: int | None = None
    moment_order: float | None = None
    source: str = ""

    @property
    def half(self) -> float:
        """Half the interval of a mean: the normal one of a simulated mean, Student's of one that was measured in independent runs."""
        return (NORMAL if self.kind == SIMULATION else student_quantile(self.trials)) * self.stderr

    @property
    def binomial(self) -> tuple[float, float]:
        """The exact binomial interval of a mean that is a share of the trials."""
        found = binomtest(round(self.mean * self.trials), self.trials).proportion_ci(LEVEL, method="exact")
        return float(found.low), float(found.high)


class Table:
    """Rows in the order in which they were added."""

    def __init__(self, rows: list[Row] | None = None) -> None:
        self.rows = list(rows or [])

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def add_curve(self, quantity: str, training: str, x_name: str, x: Any, mean: Any, source: str, case: str = "") -> None:
        """Add a theory row for every value of ``x``."""
        for place, value in zip(np.asarray(x).tolist(), np.asarray(mean, dtype=float).tolist(), strict=True):
            self.rows.append(Row(THEORY, quantity, training, case, x_name, place, value, source=source))

    def add_point(self, quantity: str, training: str, x_name: str, x: float, simulated: Simulated | None, case: str = "") -> None:
        """Add a simulated value; None, where the variance is infinite, adds nothing."""
        if simulated is not None:
            found = simulated.mean, simulated.stderr, simulated.trials, simulated.moment_order
            self.rows.append(Row(SIMULATION, quantity, training, case, x_name, x, *found, "simulate"))

    def add_measured(self, quantity: str, training: str, x_name: str, x: float, values: Any, source: str, case: str = "") -> None:
        """Add the mean of ``values``, one of each trained network; its standard error too if there are several."""
        values = np.asarray(values, dtype=float)
        stderr = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
        mean, count = float(values.mean()), len(values)
        self.rows.append(Row(MEASURED, quantity, training, case, x_name, float(x), mean, stderr, count, source=source))

    def add_mark(self, quantity: str, training: str, x_name: str, x: float, mean: float, source: str, case: str = "") -> None:
        """Add a single value that is marked."""
        self.rows.append(Row(MARK, quantity, training, case, x_name, float(x), float(mean), source=source))

    def select(self, keep: Callable[[Row], bool] | None = None, **values: Any) -> Table:
        """Return the rows whose fields have the given ``values``, one of them if it is a tuple, and for which ``keep`` is true."""
        wanted = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}
        fitting = (row for row in self.rows if all(getattr(row, name) in value for name, value in wanted.items()))
        return Table([row for row in fitting if keep is None or keep(row)])

    def only(self, **values: Any) -> Row:
        """Return the only row whose fields have these values."""
        (row,) = self.select(**values)
        return row

    def cases(self, **values: Any) -> list[str]:
        """Return the cases of such rows, in their order."""
        return list(dict.fromkeys(row.case for row in self.select(**values)))

    def column(self, name: str) -> np.ndarray:
        """Return a numeric column, or half the intervals as ``"half"``; missing entries are NaN."""
        return np.array([getattr(row, name) for row in self.rows], dtype=float)

    def trials(self, kind: str = SIMULATION) -> int:
        """Return the number of trials or runs of every row of a kind.

        Raises
        ------
        InputError
            If there is none, or if rows differ in it, so that no single number describes the figure.
        """
        counts = {row.trials for row in self.rows if row.kind == kind}
        if len(counts) != 1:
            raise InputError(f"the rows of {kind} have {sorted(counts)} trials; a caption needs one number, so make all with the same")
        return counts.pop()

    def csv(self) -> str:
        """Write the table with a header; floats in full precision, missing entries empty."""
        text = io.StringIO()
        names = [field.name for field in fields(Row)]
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_written(getattr(row, name)) for name in names] for row in self.rows)
        return text.getvalue()


def student_quantile(count: int) -> float:
    """Standard errors to each side of the mean of ``count`` independent runs."""
    return student.ppf((1 + LEVEL) / 2, count - 1)


def _written(value: Any) -> str:
    return "" if value is None else repr(float(value)) if isinstance(value, float) else str(value)
