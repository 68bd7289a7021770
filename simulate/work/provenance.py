"""Provenance: which code a stored number came from, and whether today's code gives it again.

The key of a record is its configuration, a format and a numerics version that is raised by hand. The stamp
beside it is an alarm: hashes of all files of ours that the computing module imports, and the versions of the
packages that draw. Where it differs from today's, a small part of the record is computed again: equal, the
record is adopted and stamped anew; unequal, it is computed again, and the files that differ are named.
"""

import ast
import functools
import hashlib
import importlib.metadata
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from theory.lazy import homes
from theory.own import parsed

ROOT = Path(__file__).resolve().parents[2]
OURS = ("theory", "simulate", "deep", "figures", "driftlaw")
BOUND = 1e-6  # relative, of a float64 number that another kind of processor has computed
_SHOWN = 4  # files that a line names
_DIGITS = 16  # of a file's hash
_SILENT = ("ctx", "kind", "type_comment")  # fields of syntax trees that say nothing of what is computed


def stamp(*modules: str, packages: Iterable[str] = ("numpy",), root: Path = ROOT) -> dict[str, Any]:
    """Return what a record is stamped with, in JSON values.

    Parameters
    ----------
    modules : str
        That compute it, such as "simulate.sample.run".
    packages : iterable of str
        That draw for it.
    root : Path
        The folder that holds `OURS`.

    Returns
    -------
    dict
        "files": hash by file, "packages": version by name, "processor": its kind.
    """
    versions = {package: importlib.metadata.version(package) for package in packages}
    return {"files": dict(closure(*modules, root=root)), "packages": versions, "processor": processor()}


@functools.cache
def closure(*modules: str, root: Path = ROOT) -> Mapping[str, str]:
    """Return the hash of every file of ours that modules import, whenever they do, by its path from ``root``.

    Imports within functions count, those for type checkers do not; names that a package gives
    lazily (`theory.lazy`) are followed to their modules. What is imported by a name made at run time is not seen: name such
    modules too. Hashes see the syntax without comments and docstrings. A process reads a file once.
    """
    found: dict[str, str] = {}
    left, seen = list(modules), set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        left += [name.rpartition(".")[0]] if "." in name else []  # importing a module runs its packages
        path = _file(name, root)
        if path is None:  # a name within a module
            package, _, attribute = name.rpartition(".")
            home = _file(package, root)
            left += [_read(home)[2][attribute]] if home is not None and attribute in _read(home)[2] else []
            continue
        digest, imports, _ = _read(path)
        found[path.relative_to(root).as_posix()] = digest
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        targets = [_absolute(one, package) for one in imports]
        left += [target for target in targets if target.split(".")[0] in OURS]
    return dict(sorted(found.items()))


def differences(stored: Mapping[str, Any] | None, today: Mapping[str, Any]) -> list[str]:
    """Name the files and packages by which two stamps differ; another processor alone is no difference."""
    if stored is None:
        return ["unknown files"]  # nothing was stamped then
    files, others = stored["files"], today["files"]
    packages, versions = stored["packages"], today["packages"]
    return [name for name in sorted({*files, *others}) if files.get(name) != others.get(name)] + [
        f"{name} {packages.get(name)} -> {versions.get(name)}" for name in sorted({*packages, *versions}) if packages.get(name) != versions.get(name)
    ]


def named(changed: Sequence[str]) -> str:
    """Return differences as a line names them, the first few of many."""
    more = f" and {len(changed) - _SHOWN} others" if len(changed) > _SHOWN else ""
    return ", ".join(changed[:_SHOWN]) + more


def joined(stored: Mapping[str, Any] | None, today: Mapping[str, Any]) -> dict[str, Any]:
    """Return today's stamp for a record that keeps parts of an older one, with the processors of both."""
    kinds = {today["processor"], *([] if stored is None else [stored["processor"]])}
    names = {name for kind in kinds for name in kind.split(" and ")}
    return {**today, "processor": " and ".join(sorted(names))}


def equal(stored: Any, again: Any, exact: bool = True, bound: float = BOUND) -> bool:
    """Say whether JSON values computed again are those that were stored.

    Parameters
    ----------
    stored, again : JSON value
    exact : bool
        Bit for bit, as on one kind of processor; else floats may differ by ``bound``, relative to the larger.
    bound : float
    """
    if isinstance(stored, Mapping) and isinstance(again, Mapping):
        alike = stored.keys() == again.keys()
        return alike and all(equal(stored[key], again[key], exact, bound) for key in stored)
    if isinstance(stored, (list, tuple)) and isinstance(again, (list, tuple)):
        return len(stored) == len(again) and all(equal(one, other, exact, bound) for one, other in zip(stored, again, strict=True))
    if isinstance(stored, float) and isinstance(again, float) and not exact:
        return math.isclose(stored, again, rel_tol=bound, abs_tol=bound * 1e-6)
    return bool(stored == again)


def same_processor(stored: Mapping[str, Any] | None, today: Mapping[str, Any]) -> bool:
    """Say whether numbers have to be equal bit for bit; an unknown processor counts as another one."""
    return stored is not None and stored["processor"] == today["processor"]


@functools.cache
def processor() -> str:
    """Return the kind of processor, which decides in which order numbers are summed."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def _file(name: str, root: Path) -> Path | None:
    path = root.joinpath(*name.split("."))
    files = (path / "__init__.py", path.with_name(f"{path.name}.py"))
    return next((file for file in files if file.is_file()), None)


def _absolute(name: str, package: str) -> str:
    level = len(name) - len(name.lstrip("."))
    parents = package.split(".")
    return ".".join([*parents[: len(parents) - level + 1], name[level:]]) if level else name


@functools.cache
def _read(path: Path) -> tuple[str, tuple[str, ...], Mapping[str, str]]:
    """Return a file's hash, the names that it imports, and the homes of those that it gives lazily."""
    content = path.read_bytes()
    return *syntax(content), homes(parsed(content))


@functools.cache
def syntax(content: str | bytes) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a Python text, without comments and docstrings, and the names that it imports."""
    imports: list[str] = []
    text: list[str] = []
    _syntax(parsed(content), text, imports)
    return hashlib.sha256("".join(text).encode(errors="surrogatepass")).hexdigest()[:_DIGITS], tuple(imports)


def _syntax(node: Any, text: list[str], imports: list[str]) -> None:
    """Add a syntax tree to ``text``, alike in all versions of Python, and its imports to ``imports``."""
    if isinstance(node, list):
        text.append("[")
        for entry in node:
            _syntax(entry, text, imports)
        text.append("]")
    elif not isinstance(node, ast.AST):
        text.append(f"{node!r},")
    elif not _is_silent(node):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (f"{node.module}." if node.module else "")
            imports += [module + alias.name for alias in node.names]
        text.append(f"{type(node).__name__}(")
        for name in node._fields:
            value = getattr(node, name, None)
            if name not in _SILENT and value is not None and value != []:
                text.append(f"{name}=")
                _syntax(value, text, imports)
        text.append(")")


def _is_silent(node: ast.AST) -> bool:
    """Say whether a statement computes nothing: a bare text, as docstrings are, or for type checkers only."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.If) and not node.orelse and ast.unparse(node.test).endswith("TYPE_CHECKING")
