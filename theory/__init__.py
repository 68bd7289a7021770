"""Exact laws of continual learning in overparameterized linear models.

Names are loaded on first use: reading an experiment (`theory.problem`) must not load SymPy, because the sampler
reads experiments and has to stay independent of every formula.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from theory.lazy import lazily

if TYPE_CHECKING:  # the same names for type checkers and editors, which do not run `__getattr__`
    from theory import formulas as formulas
    from theory.conditions import (
        Distillation as Distillation,
        Flow as Flow,
        Gaussian as Gaussian,
        GradientDescent as GradientDescent,
        MinNorm as MinNorm,
        Rademacher as Rademacher,
        Ridge as Ridge,
        StandardNormal as StandardNormal,
        StudentT as StudentT,
    )
    from theory.constructors import (
        expanding as expanding,
        frozen as frozen,
        gem as gem,
        initialized as initialized,
        one_block as one_block,
        one_head_per_task as one_head_per_task,
        trainable_fraction as trainable_fraction,
    )
    from theory.derivation import Derivation as Derivation, derive as derive, same as same
    from theory.errors import DomainError as DomainError, DriftlawError as DriftlawError, InputError as InputError, NoClosedForm as NoClosedForm
    from theory.formula import Formula as Formula
    from theory.law import expected_errors as expected_errors
    from theory.moments import moment_orders as moment_orders
    from theory.problem import Isotropic as Isotropic, Task as Task, TaskSequence as TaskSequence
    from theory.quantities import Quantity as Quantity, parse_quantity as parse_quantity
    from theory.recursion import Law as Law

importlib.import_module("driftlaw")  # finds all packages beside itself; imported by name, for no number depends on it

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
    "Distillation": "theory.conditions",
    "Flow": "theory.conditions",
    "GradientDescent": "theory.conditions",
    "initialized": "theory.constructors",
    "frozen": "theory.constructors",
    "trainable_fraction": "theory.constructors",
    "one_head_per_task": "theory.constructors",
    "expanding": "theory.constructors",
    "gem": "theory.constructors",
    "one_block": "theory.constructors",
    "expected_errors": "theory.law",
    "derive": "theory.derivation",
    "Derivation": "theory.derivation",
    "same": "theory.derivation",
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

__getattr__, __dir__, __all__ = lazily(__name__, _HOME)
