"""Files of the user's: a lemma is Python that defines formula, target, build and cases; a sweep one of build, targets and cases."""

from __future__ import annotations

import difflib
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from simulate.cases import grid
from simulate.conjecture import Conjecture, conjecture
from theory.errors import DriftlawError, InputError
from theory.formula import Formula


@dataclass(frozen=True)
class Lemma:
    """A conjecture read from a file, and the delta that the file asks for (None if it does not)."""

    claim: Conjecture
    delta: float | None


def load_lemma(path: Path) -> Lemma:
    """Read a conjecture from a Python file.

    Parameters
    ----------
    path : Path
        Defines ``formula``, ``cases`` and, unless the formula is a `theory.Formula`, ``target`` and ``build``; may
        define ``delta``, ``expected`` and ``name``. The file may import its neighbours.

    Raises
    ------
    InputError
        If the file is missing or unreadable, fails (names file and line), or lacks a part.
    """
    defined = vars(_executed(path))
    needed = ["formula", "cases"] + ([] if isinstance(defined.get("formula"), Formula) else ["target", "build"])
    _require(needed, defined, path)
    parts = {part: defined.get(part) for part in ("formula", "target", "build", "cases")}
    name = defined.get("name", None if "build" not in needed else path.stem)
    return Lemma(conjecture(**parts, name=name, expected=defined.get("expected", "agree")), defined.get("delta"))


@dataclass(frozen=True)
class SweepFile:
    """What a sweep's file says: how to build the experiments, of which cases, and which quantities to estimate."""

    build: Callable[..., Any]
    cases: Any
    targets: Any


def load_sweep(path: Path) -> SweepFile:
    """Read what to sweep over from a Python file.

    Parameters
    ----------
    path : Path
        Defines ``build``, ``targets`` (one name or several) and either ``cases`` (a list of mappings) or ``grid`` (a
        mapping from parameter to its values, all combinations of which are the cases). The file may import its neighbours.

    Raises
    ------
    InputError
        If the file is missing or unreadable, fails (names file and line), or lacks a part.
    """
    defined = vars(_executed(path))
    if isinstance(defined.get("grid"), Mapping) and "cases" not in defined:
        defined["cases"] = grid(**defined["grid"])
    _require(["build", "targets", "cases"], defined, path, "cases, or grid in place of cases")
    return SweepFile(defined["build"], defined["cases"], defined["targets"])


def _require(needed: list[str], defined: dict[str, Any], path: Path, last: str = "") -> None:
    for part in needed:
        if part not in defined:
            own = [name for name in defined if not name.startswith("_")]
            near = difflib.get_close_matches(part, own, n=1, cutoff=0.6)
            hint = f"; is it {near[0]!r}?" if near else ""
            names = ", ".join([*needed[:-1], last or needed[-1]])
            raise InputError(f"{path} does not define {part!r} (it must define {names}){hint}")


def _executed(path: Path) -> ModuleType:
    """Run the file as a module of its own; mistakes in it become errors that name the line."""
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; give the path of a Python file") from None
    module = ModuleType(f"lemma_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pickles look their module up
    sys.path.insert(0, str(path.resolve().parent))
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    except DriftlawError as error:
        raise InputError(f"{path}, line {_line(error, path)}: {error}") from error
    except (Exception, SystemExit) as error:
        raise InputError(f"{path}, line {_line(error, path)}: {type(error).__name__}: {error}; correct it there") from error
    return module


def _line(error: BaseException, path: Path) -> Any:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else "unknown"
