"""Intervals around the values in a table, all at the same level."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.stats import binomtest
from scipy.stats import t as student

from figures.kit.table import Row, Table
from simulate.evidence import upper_quantile

LEVEL = 0.95
NORMAL = upper_quantile((1 - LEVEL) / 2)  # standard errors to each side


def normal_half(table: Table) -> np.ndarray:
    """Half the normal interval of every simulated mean."""
    return NORMAL * table.column("stderr")


def student_quantile(count: int) -> float:
    """Standard errors to each side of the mean of ``count`` independent runs."""
    return student.ppf((1 + LEVEL) / 2, count - 1)


def half_width(rows: Iterable[Row]) -> list[float]:
    """Half the Student interval of every row's mean, whose runs are independent."""
    return [student_quantile(row.trials) * row.stderr for row in rows]


def binomial_interval(row: Row) -> tuple[float, float]:
    """Return the exact binomial interval of a row whose mean is a share of its trials."""
    found = binomtest(round(row.mean * row.trials), row.trials).proportion_ci(LEVEL, method="exact")
    return float(found.low), float(found.high)
