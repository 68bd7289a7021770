"""Keys and stamps of runs, without torch, so that a stored configuration can be judged at once."""

import functools
import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Any

from simulate.work.keys import run_key
from simulate.work.provenance import stamp
from theory.errors import InputError

NUMERICS = 1  # raise it where the same configuration shall give other numbers than before
_PACKAGES = ("numpy", "scipy", "torch", "driftlaw")


def config_key(canonical: Mapping[str, Any], parts: Mapping[str, Any] | None = None) -> str:
    """Compute the key of a run: equal for equal configurations and numerics version.

    Parameters
    ----------
    canonical : mapping
        Of `deep.training.config.RunConfig.canonical`.
    parts : mapping, optional
        What `deep.training.own.described` says of those that are none of driftlaw's.
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
