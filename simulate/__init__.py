"""Simulation of continual learning in linear models, and the statistics that compare it with formulas.

Names are loaded on first use: `simulate.simulate` must not load SymPy or any formula, which `simulate.check` needs.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # read by type checkers and editors, and by `theory.lazy`: names and where they come from
    from simulate.evidence import Estimate as Estimate
    from simulate.hybrid_rule import compare_schedules as compare_schedules, hybrid as hybrid
    from simulate.sample.run import simulate as simulate
    from simulate.simulation import Simulation as Simulation
    from simulate.sweeps.driver import sweep as sweep
    from simulate.verdicts.cases import grid as grid
    from simulate.verdicts.judge import check as check
    from simulate.verdicts.refutation import refute as refute
    from simulate.work.jobs import run_jobs as run_jobs
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
    from theory.quantities import Quantity as Quantity, parse_quantity as parse_quantity

importlib.import_module("driftlaw")  # finds all packages beside itself; imported by name, for no number depends on it

from theory.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__)
