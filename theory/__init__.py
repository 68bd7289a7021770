"""Exact laws of continual learning in overparameterized linear models.

Names are loaded on first use: reading an experiment (`theory.problem`) must not load SymPy, because the sampler
reads experiments and has to stay independent of every formula.
"""

from __future__ import annotations

import importlib

_HOME = {
    "Task": "theory.problem",
    "TaskSequence": "theory.problem",
    "Isotropic": "theory.problem",
    "StandardNormal": "theory.conditions",
    "Gaussian": "theory.conditions",
    "Rademacher": "theory.conditions",
    "StudentT": "theory.conditions",
    "MinNorm": "theory.conditions",
    "Ridge": "theory.conditions",
    "GradientDescent": "theory.conditions",
    "initialized": "theory.constructors",
    "frozen": "theory.constructors",
    "trainable_fraction": "theory.constructors",
    "one_head_per_task": "theory.constructors",
    "expanding": "theory.constructors",
    "one_block": "theory.constructors",
    "expected_errors": "theory.law",
    "Law": "theory.recursion",
    "Quantity": "theory.quantities",
    "parse_quantity": "theory.quantities",
    "moment_orders": "theory.moments",
    "Formula": "theory.formula",
    "formulas": "theory.formulas",
    "DriftlawError": "theory.errors",
    "InputError": "theory.errors",
    "DomainError": "theory.errors",
    "NoClosedForm": "theory.errors",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'theory' has no attribute {name!r}; it offers {', '.join(__all__)}")
    home = importlib.import_module(_HOME[name])
    return home if _HOME[name] == f"theory.{name}" else getattr(home, name)


def __dir__() -> list[str]:
    return __all__
