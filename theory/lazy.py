"""Names of a package that are loaded on first use, so that one part of driftlaw does not load all others."""

import ast
import importlib
import sys
from collections.abc import Callable
from typing import Any


def lazily(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package whose names have their homes in other modules."""
    home = homes(_tree(package))
    names = sorted(home)

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it offers {', '.join(names)}")
        if home[name] == package:
            return importlib.import_module(f"{package}.{name}")
        return getattr(importlib.import_module(home[name]), name)

    return load, lambda: names, names


def homes(tree: ast.Module) -> dict[str, str]:
    """Return the homes of the names that a module gives lazily: what it imports for type checkers, which run no ``__getattr__``.

    That is names as themselves, and ``*``: what another package gives lazily, but for its own modules.
    """
    guarded = [node for one in tree.body if isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING" for node in one.body]
    imports = [(node.module or "", name) for node in guarded if isinstance(node, ast.ImportFrom) for name in node.names]
    others = {name: home for package, star in imports if star.name == "*" for name, home in homes(_tree(package)).items() if home != package}
    return others | {name.name: module for module, name in imports if name.asname == name.name}


def _tree(package: str) -> ast.Module:
    loader: Any = sys.modules[package].__spec__.loader  # type: ignore[union-attr] - a package that is imported has one
    return ast.parse(loader.get_source(package))
