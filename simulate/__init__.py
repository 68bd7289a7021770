"""Simulation of continual learning in linear models, and the statistics that compare it with formulas.

Names are loaded on first use: `simulate.simulate` must not load SymPy or any formula, which `simulate.check` needs.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

_HOME = {
    "simulate": "simulate.sample.run",
    "StandardNormal": "theory.conditions",
    "Gaussian": "theory.conditions",
    "Rademacher": "theory.conditions",
    "StudentT": "theory.conditions",
    "MinNorm": "theory.conditions",
    "Ridge": "theory.conditions",
    "GradientDescent": "theory.conditions",
    "Simulation": "simulate.simulation",
    "Estimate": "simulate.evidence",
    "Quantity": "theory.quantities",
    "parse_quantity": "theory.quantities",
    "hybrid": "simulate.hybrid",
    "compare_schedules": "simulate.hybrid",
    "check": "simulate.check",
    "sweep": "simulate.sweeps.driver",
    "grid": "simulate.cases",
    "run_jobs": "simulate.jobs",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'simulate' has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """Keeps `simulate.check` the function: importing the submodule of that name would otherwise replace it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOME and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
