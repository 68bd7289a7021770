"""The project's own formulas, the families of cases at which they are checked, and the published slots.

A module of `theory.ledger` that has ``FORMULAS``, and ``FAMILIES`` for their checks, is found by itself; a user's own formula is registered:
``FORMULAS.register(Formula("mine", ...))``.
"""

import difflib
import importlib
import pkgutil
from types import ModuleType

import theory.ledger
from theory.errors import InputError
from theory.formula import Family, Formula
from theory.ledger.slots import SLOTS, Slot
from theory.parts import Parts, instances

# Chapters that are read in this order; others follow by name.
_FIRST = ("two_tasks", "criteria", "excess_risk", "architectures", "magnitude", "published", "extremum", "one_block", "replay", "fluctuations")


def _modules() -> list[ModuleType]:
    others = sorted({module.name for module in pkgutil.iter_modules(theory.ledger.__path__)}.difference(_FIRST))
    modules = [importlib.import_module(f"theory.ledger.{name}") for name in (*_FIRST, *others)]
    return [module for module in modules if getattr(module, "FORMULAS", ())]


MODULES = _modules()
FORMULAS: Parts[Formula] = Parts("formula", instances(Formula))
FAMILIES: Parts[Family] = Parts("family", instances(Family))
for _module in MODULES:
    for _formula in _module.FORMULAS:
        FORMULAS.register(_formula)
    for _family in getattr(_module, "FAMILIES", ()):
        FAMILIES.register(_family)

__all__ = ["FAMILIES", "FORMULAS", "MODULES", "SLOTS", "find"]


def find(name: str) -> Formula | Slot:
    """Return the formula or published slot called ``name``; InputError with the nearest match otherwise."""
    entries = {**FORMULAS, **SLOTS}
    by_case = {key.lower(): key for key in entries}
    if name.lower() in by_case:
        return entries[by_case[name.lower()]]
    near = difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=0.4)
    hint = f"; did you mean {by_case[near[0]]!r}?" if near else ""
    raise InputError(f"there is no formula or slot {name!r}{hint} (`driftlaw theory list` names all {len(entries)})")
