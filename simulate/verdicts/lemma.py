"""Files of the user's: a lemma is Python that defines what `simulate.check` takes, a sweep one of build, quantities and cases."""

import difflib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from simulate.verdicts.cases import grid
from simulate.verdicts.judge import check
from theory.errors import InputError
from theory.formula import Formula
from theory.own import load

CONDITIONS = ("features", "solver", "risk")
SYNONYMS = {"tolerance": "delta", "tol": "delta", "trials": "max_trials", "constraints": "constraint"}
FORMERLY = {"target": "quantity", "targets": "quantities"}  # files that were written with these names are read on


def load_lemma(path: Path, space: bool = False) -> dict[str, Any]:
    """Read from a Python file what `simulate.check` shall be called with, by name; with ``space``, what `simulate.refute` shall search.

    Parameters
    ----------
    path : Path
        Defines ``formula`` or ``against``, ``cases`` or ``grid`` (or a limit ``along`` all that build reads) and, unless the formula is a
        `theory.Formula`, ``quantity`` and ``build``; may define whatever else `simulate.check` takes. The file may import its neighbours.
    space : bool
        Whether ``space``, and perhaps ``constraint``, stand in place of cases.

    Raises
    ------
    InputError
        If the file is missing or unreadable, fails (names file and line), lacks a part, or defines what looks like one of
        these and is none.
    """
    defined = _defined(path)
    own = isinstance(defined.get("formula"), Formula)
    right, cases = ["formula"] * ("against" not in defined), ["space"] if space else ["cases"] * ("along" not in defined)
    _require([*right, *([] if own else ["quantity", "build"]), *cases], defined, path)
    reads = [name for name in inspect.signature(check).parameters if name not in FORMERLY]
    reads += ["space", "constraint"] if space else []
    _refuse_near_misses(defined, [*reads, "grid"], path)
    return ({} if own else {"name": path.stem}) | {name: defined[name] for name in reads if name in defined}


@dataclass(frozen=True)
class SweepFile:
    """What a sweep's file says: how to build the experiments, of which cases, and which quantities to estimate."""

    build: Callable[..., Any]
    cases: Any
    quantities: Any
    features: Any = None
    solver: Any = None
    risk: Any = None


def load_sweep(path: Path) -> SweepFile:
    """Read what to sweep over from a Python file.

    Parameters
    ----------
    path : Path
        Defines ``build``, ``quantities`` (one name or several) and either ``cases`` (a list of mappings) or ``grid`` (a
        mapping from parameter to its values, all combinations of which are the cases). The file may import its neighbours.

    Raises
    ------
    InputError
        If the file is missing or unreadable, fails (names file and line), lacks a part, or defines what looks like one of
        these, or like an option, and is not read.
    """
    from simulate.sweeps.driver import sweep

    defined = _defined(path)
    needed = ["build", "quantities", "cases"]
    _require(needed, defined, path)
    reads = [*needed, *CONDITIONS]
    _refuse_near_misses(defined, [*reads, "grid"], path)
    for option in [name for name in inspect.signature(sweep).parameters if name not in reads]:
        for name in _helpers(defined, reads):
            if name == option or _misspells(name, option, defined[name]):
                how = f"give it to the command (--help), or rename it to _{name}"
                raise InputError(f"{path} defines {name!r}, which a sweep does not read from its file; {how}")
    return SweepFile(**{name: defined[name] for name in reads if name in defined})


def load_derivation(path: Path) -> dict[str, Any]:
    """Read ``experiment`` from a Python file, and ``quantity``, ``tasks``, ``regime`` and ``cases`` (or ``grid``) where it defines them."""
    defined, reads = _defined(path), ["experiment", "quantity", "tasks", "regime", "cases"]
    _require(["experiment"], defined, path)
    _refuse_near_misses(defined, ["experiment", "quantity", "regime", "cases", "grid"], path)  # not tasks: a task is a name of one's own
    return {name: defined[name] for name in reads if name in defined}


class _Defined(dict[str, Any]):
    """What a file defines, by today's names, without modules and names that start with an underscore."""

    def __init__(self, own: ModuleType) -> None:
        read = {name: value for name, value in vars(own).items() if not (name.startswith("_") or isinstance(value, ModuleType))}
        super().__init__({FORMERLY.get(name, name): value for name, value in read.items()})
        self.module = own.__name__

    def imported(self, name: str) -> bool:
        """Whether a value is a function or a class from elsewhere."""
        value = self[name]
        return (inspect.isroutine(value) or inspect.isclass(value)) and value.__module__ != self.module


def _defined(path: Path) -> _Defined:
    """What the file defines; ``grid`` is multiplied out to cases."""
    defined = _Defined(load(path))
    if "grid" in defined and not defined.imported("grid"):
        if "cases" in defined:
            raise InputError(f"{path} defines both 'grid' and 'cases'; keep one of them (cases = simulate.grid(...) + [...] joins both)")
        if not isinstance(defined["grid"], Mapping):
            raise InputError(f"{path}: grid is {defined['grid']!r}; give a mapping from parameter to its values")
        defined["cases"] = grid(**defined["grid"])
    return defined


def _require(needed: list[str], defined: dict[str, Any], path: Path) -> None:
    for part in needed:
        if part not in defined:
            near = difflib.get_close_matches(part, defined, n=1, cutoff=0.6)
            hint = f"; is it {near[0]!r}?" if near else ""
            raise InputError(f"{path} does not define {part!r} (it must define {', '.join(needed)}{', or grid in place of cases' * ('cases' in needed)}){hint}")


def _refuse_near_misses(defined: _Defined, reads: list[str], path: Path) -> None:
    """Refuse names that are read by nobody and close to one that would be, had the file defined it: they are misspelt."""
    for name in _helpers(defined, reads):
        for known in reads:
            if known not in defined and _misspells(name, known, defined[name]):
                rename = f"call it {known}, or _{name} if it is a name of your own"
                raise InputError(f"{path} defines {name!r}, which is not read; did you mean {known!r}? ({rename})")


def _helpers(defined: _Defined, reads: list[str]) -> list[str]:
    return [name for name in defined if name not in reads and not defined.imported(name)]


def _misspells(name: str, known: str, value: Any) -> bool:
    """Whether a name differs in case, underscores, two swapped letters or little else; seeds, seed1 and def solve are no mistakes."""
    short, right = name.lower().replace("_", ""), known.replace("_", "")
    swapped = any(short == right[:i] + right[i + 1] + right[i] + right[i + 2 :] for i in range(len(right) - 1))
    alike = short[:1] == right[0] and difflib.SequenceMatcher(None, short, right).ratio() > 0.85
    meant = inspect.isroutine(value) or re.fullmatch(rf"{known}(s|_?\d+)", name)
    return SYNONYMS.get(name) == known or short == right or swapped or (alike and not meant)
