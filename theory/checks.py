"""Checks of options that every part of the package shares; each error names the value, the reason and the remedy."""

import difflib
import importlib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from types import ModuleType
from typing import Any

from theory.errors import InputError


def unknown(value: object, choices: Iterable[str], what: str, said: str = "{!r}") -> InputError:
    """Return the error for a name that is none of ``choices``; it suggests the nearest one, written as ``said``."""
    choices = list(choices)
    near = difflib.get_close_matches(str(value).lower(), choices, n=1, cutoff=0.5)
    hint = f" (did you mean {said.format(near[0])}?)" if near else ""
    return InputError(f"unknown {what} {value!r}{hint}; choose one of {', '.join(choices)}")


def known(value: object, choices: Iterable[str], what: str, said: str = "{!r}") -> str:
    """Return ``value`` if it is one of ``choices``, raise `unknown` otherwise."""
    choices = list(choices)
    if value not in choices:
        raise unknown(value, choices, what, said)
    return str(value)


def optional(module: str, purpose: str, extra: str = "data") -> ModuleType:
    """Import a module of an extra when it is needed; these are slow to load or may be absent."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise InputError(f"{purpose} needs {package}, which cannot be imported ({error}); install driftlaw[{extra}]") from error


def is_real(value: Any) -> bool:
    """Whether ``value`` is a real number, which True and False are not here."""
    return isinstance(value, Real) and not isinstance(value, bool)


def whole(value: Any, what: str, least: int) -> int:
    """Return ``value`` as an int of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise InputError(f"{what} is {value!r}; give a whole number of at least {least:,}")
    return int(value)


def flag(value: object, what: str) -> bool:
    """Return ``value`` if it is True or False."""
    if not isinstance(value, bool):
        raise InputError(f"{what} is {value!r}; give True or False")
    return value


def not_negative(value: object, what: str) -> float:
    """Return a length, a deviation or a strength as a float whose square is a float too."""
    return between(value, what, 0.0, 1e150)


def share(value: Any, what: str) -> float:
    """Return ``value`` as a float in [0, 1]."""
    return between(value, what, 0.0, 1.0)


def positive(value: Any, what: str, hint: str) -> float:
    """Return ``value`` as a finite float above 0; ``hint`` ends the error."""
    if not is_real(value) or not 0 < float(value) < math.inf:
        raise InputError(f"{what} is {value!r}; give a finite number above 0 ({hint})")
    return float(value)


def between(value: Any, what: str, low: float, high: float) -> float:
    """Return ``value`` as a finite float in [low, high]."""
    if not is_real(value) or not math.isfinite(value):
        raise InputError(f"{what} is {value!r}; give a number between {low:g} and {high:g}")
    if not low <= float(value) <= high:
        raise InputError(f"{what} is {value}, outside [{low:g}, {high:g}]; give a number between {low:g} and {high:g}")
    return float(value)
