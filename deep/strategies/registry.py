"""Strategies by name, found in the files of this package."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import Any

import deep.strategies
from deep.strategies.base import Strategy
from theory.checks import known
from theory.errors import InputError

_OTHERS = ("base", "registry")


@functools.cache
def _strategies() -> dict[str, type[Strategy]]:
    found: dict[str, type[Strategy]] = {}
    for module in pkgutil.iter_modules(deep.strategies.__path__):
        if module.name in _OTHERS:
            continue
        content = vars(importlib.import_module(f"{deep.strategies.__name__}.{module.name}"))
        for value in content.values():
            if isinstance(value, type) and issubclass(value, Strategy) and "name" in vars(value):
                if found.setdefault(value.name, value) is not value:
                    raise InputError(f"two strategies are called {value.name!r}: {found[value.name].__module__} and {value.__module__}; rename one")
    return dict(sorted(found.items()))


def names() -> tuple[str, ...]:
    """Return the names of all strategies."""
    return tuple(_strategies())


def strategy(name: str, **options: Any) -> Strategy:
    """Return a strategy with its options, without state.

    Raises
    ------
    InputError
        For an unknown name or option (suggests the nearest), or a value that the strategy refuses.
    """
    kind = _strategies()[known(name, _strategies(), "strategy")]
    for option in options:
        if not kind.options():
            raise InputError(f"the strategy {name} takes no options, but {option!r} is given; leave it out")
        known(option, kind.options(), f"option of the strategy {name}:")
    return kind(**options)
