"""The project's own formulas, the families of cases at which they are checked, and the published slots."""

from __future__ import annotations

import difflib

from theory.errors import InputError
from theory.formula import Family, Formula
from theory.ledger import architectures, criteria, excess_risk, extremum, fluctuations, magnitude, one_block, published, replay, two_tasks
from theory.ledger.slots import SLOTS, Slot

_MODULES = (two_tasks, criteria, excess_risk, architectures, magnitude, published, extremum, one_block, replay, fluctuations)

FORMULAS: dict[str, Formula] = {formula.name: formula for module in _MODULES for formula in module.FORMULAS}
FAMILIES: dict[str, Family] = {family.name: family for module in _MODULES for family in module.FAMILIES}

__all__ = ["FAMILIES", "FORMULAS", "SLOTS", "find"]


def find(name: str) -> Formula | Slot:
    """Return the formula or published slot called ``name``; InputError with the nearest match otherwise."""
    entries = {**FORMULAS, **SLOTS}
    by_case = {key.lower(): key for key in entries}
    if name.lower() in by_case:
        return entries[by_case[name.lower()]]
    near = difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=0.4)
    hint = f"; did you mean {by_case[near[0]]!r}?" if near else ""
    raise InputError(f"there is no formula or slot {name!r}{hint} (`python -m theory list` names all {len(entries)})")
