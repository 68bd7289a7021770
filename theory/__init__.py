"""Exact laws of continual learning in overparameterized linear models.

Names are loaded on first use: reading an experiment (`theory.problem`) must not load SymPy, because the sampler
reads experiments and has to stay independent of every formula.
"""

import importlib
from typing import TYPE_CHECKING

from theory.lazy import lazily

if TYPE_CHECKING:  # read by type checkers and editors, and by `theory.lazy`: names and where they come from
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
        Subspace as Subspace,
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

__getattr__, __dir__, __all__ = lazily(__name__)
