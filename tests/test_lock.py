"""The lock names every package that an installation or a test brings, and nothing that cannot be checked."""

import importlib.metadata
import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from scaffold import ROOT
from tools.locked import part

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
# A package may have a version for each range of Pythons.
LINES = [Requirement(line) for line in re.findall(r"^([a-z0-9-]+==[^\\\n]+)", LOCK, re.M)]
PINS = {pin.name: Version(next(iter(pin.specifier)).version) for pin in LINES if pin.marker is None or pin.marker.evaluate()}


def _wanted() -> list[Requirement]:
    """What pyproject.toml asks for, extras included; those of driftlaw's own are spelled out elsewhere among them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return [requirement for requirement in map(Requirement, lines) if requirement.name != "driftlaw"]


def test_every_package_is_locked_transitive_ones_too():
    assert len(_needed(_wanted())) > len(_wanted())


def test_figures_are_set_up_with_what_they_need_and_no_more():
    """The part of the lock without extras; on this machine, where some lines of it do not count."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = map(Requirement, re.findall(r"^([a-z0-9-]+==[^\\\n]+)", part([]), re.M))
    core = {line.name for line in lines if line.marker is None or line.marker.evaluate()}
    assert core == _needed(map(Requirement, [*project["project"]["dependencies"], *project["build-system"]["requires"]]))
    assert not core & {"torch", "scikit-learn", "dask", "sphinx", "pytest"}


def _needed(wanted):
    """Names of packages and of all that they need, each of which the lock has."""
    open_, seen = list(wanted), set()
    while open_:
        requirement = open_.pop()
        name = canonicalize_name(requirement.name)
        assert name in PINS and PINS[name] in requirement.specifier, f"{requirement} is not met by the lock; run make lock"
        if name not in seen:
            seen.add(name)
            needs = map(Requirement, importlib.metadata.requires(name) or ())
            # A CUDA build of torch names libraries that its CPU build, which the lock is for, does not have.
            needs = [need for need in needs if name != "torch" or need.name.split("-")[0] not in ("nvidia", "cuda", "triton")]
            extras = ("", *requirement.extras)
            open_ += [need for need in needs if not need.marker or any(need.marker.evaluate({"extra": extra}) for extra in extras)]
    return seen


def test_all_but_torch_have_hashes_and_no_registry_is_named():
    blocks = re.split(r"^(?=[a-z])", LOCK, flags=re.M)[1:]
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == ["torch"]
    assert "://" not in LOCK and not re.search(r"^(nvidia|cuda|triton)", LOCK, re.M)
