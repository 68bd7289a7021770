"""Names of a package that are loaded on first use, so that one part of driftlaw does not load all others."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, home: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package whose names have their homes in other modules."""
    names = sorted(home)

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it offers {', '.join(names)}")
        module = importlib.import_module(home[name])
        return module if module.__name__ == f"{package}.{name}" else getattr(module, name)

    return load, lambda: names, names
