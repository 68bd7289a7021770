"""Keys and stamps of runs, without torch, so that a stored configuration can be judged at once."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from simulate.work.keys import code_fingerprint, json_value, run_key
from simulate.work.provenance import stamp
from theory.errors import InputError

NUMERICS = 1  # raise it where the same configuration shall give other numbers than before
_PACKAGE = Path(__file__).parent.parent
_PACKAGES = ("numpy", "scipy", "torch", "driftlaw")


def config_key(canonical: Mapping[str, Any], parts: Mapping[str, Any] | None = None) -> str:
    """Compute the key of a run: equal for equal configurations and numerics version.

    Parameters
    ----------
    canonical : mapping
        Of `deep.training.config.RunConfig.canonical`.
    parts : mapping, optional
        What `described` says of each named part that is none of driftlaw's own.
    """
    return run_key({"configuration": canonical, **({"parts": parts} if parts else {})}, f"numerics {NUMERICS}")


@functools.cache
def training_stamp(*modules: str) -> Mapping[str, Any]:
    """Return the stamp of what ``modules`` train: those of a run's strategy and stream, or of a study too."""
    return stamp("deep.training.run", *modules, packages=("numpy", "torch"))


@functools.cache
def versions() -> Mapping[str, str]:
    """Return the versions of Python, of the packages that numbers depend on, and of driftlaw."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise InputError(f"the package {package} is not installed, so that runs cannot say what they were made with; install driftlaw[deep]") from None
    return found


def within_code(part: Callable) -> bool:
    """Return whether a stamp can cover the file that defines a class or function."""
    return _file(part).is_relative_to(_PACKAGE)


def described(part: Callable) -> dict[str, Any]:
    """Describe a class or function, and all that was bound to it when it was made, in JSON values.

    Raises
    ------
    InputError
        If a value that is bound cannot be written down.
    """
    if isinstance(part, functools.partial):
        return {**described(part.func), "bound": json_value([part.args, part.keywords], f"what is bound to {part.func!r}")}
    value = {"name": f"{part.__module__}.{part.__qualname__}", "code": code_fingerprint([_file(part)])}
    if inspect.isfunction(part):
        held = [part.__defaults__, part.__kwdefaults__, dict(inspect.getclosurevars(part).nonlocals)]
        value["held"] = json_value(held, f"what {part.__qualname__} holds")
    return value


def _file(part: Callable) -> Path:
    try:
        return Path(inspect.getfile(part))
    except (TypeError, OSError):
        raise InputError(f"{part!r} has no source file, so that a key cannot tell it from others; define it as a function or class in a file") from None
