"""Whether verdicts on formulas move in single precision, or on torch's draws: all families checked three times."""

import importlib
from collections.abc import Iterable
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from simulate import simulate
from simulate.verdicts.conjecture import conjecture
from simulate.verdicts.planning import Settings
from simulate.verdicts.report import NOT_TESTABLE, Verdict
from theory.formulas import FAMILIES

DOUBLE, SINGLE, TORCH = "numpy float64", "numpy float32, same draws", "torch float32, other draws"
OPTIONS = {DOUBLE: {}, SINGLE: {"dtype": "float32"}, TORCH: {"backend": "torch", "dtype": "float32"}}

Key = tuple[str, int]


def study(cases: int | None = None, families: Iterable[str] = tuple(FAMILIES)) -> list[dict[str, Any]]:
    """Return one row for each way of sampling: verdicts that differ from double precision's, largest z and shift of z.

    Parameters
    ----------
    cases : int, optional
        The first so many of every family; all by default.
    families : iterable of str
        Names of the families of formulas.
    """
    chosen = [FAMILIES[name] for name in families]
    found = {name: _verdicts(options, chosen, cases) for name, options in OPTIONS.items()}
    return [_row(name, found[DOUBLE], verdicts) for name, verdicts in found.items()]


def _verdicts(options: dict[str, str], families: list[Any], cases: int | None) -> dict[Key, Verdict]:
    """All testable verdicts; the check itself offers double precision alone, so its sampler is replaced."""
    check = importlib.import_module("simulate.verdicts.judge")
    claims = [conjecture(f.formula, cases=f.cases[:cases], name=f.name, expected=f.expected, exact=True) for f in families]
    with patch.object(check, "simulate", partial(simulate, **options)):
        reports = check.check_all(claims, Settings())
    every = {(report.formula, i): verdict for report in reports for i, verdict in enumerate(report.verdicts)}
    return {key: verdict for key, verdict in every.items() if verdict.verdict != NOT_TESTABLE}


def _row(name: str, double: dict[Key, Verdict], found: dict[Key, Verdict]) -> dict[str, Any]:
    agreed = [key for key, verdict in double.items() if verdict.verdict == "agree"]
    z = np.array([found[key].z for key in agreed])
    shift = np.abs(z - np.array([double[key].z for key in agreed]))
    moved = [f"{family}[{case}]: {double[family, case].verdict} -> {found[family, case].verdict}" for family, case in double
             if double[family, case].verdict != found[family, case].verdict]  # fmt: skip
    largest, mean_square, largest_shift = float(np.abs(z).max(initial=0)), float(np.mean(z**2)) if len(z) else 0.0, float(shift.max(initial=0))
    about = {"kind": "verdicts", "sampling": name, "verdicts": len(double), "moved": moved}
    return {**about, "largest_z": largest, "mean_squared_z": mean_square, "largest_shift_of_z": largest_shift}
