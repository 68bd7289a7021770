"""The project's own formulas and the families of cases at which they are checked."""

from __future__ import annotations

from theory.formula import Family, Formula
from theory.ledger import extremum, one_block, published, two_tasks

_MODULES = (two_tasks, published, one_block, extremum)

FORMULAS: dict[str, Formula] = {formula.name: formula for module in _MODULES for formula in module.FORMULAS}
FAMILIES: dict[str, Family] = {family.name: family for module in _MODULES for family in module.FAMILIES}
