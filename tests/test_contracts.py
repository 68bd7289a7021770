"""Who may import whom: the sampler never sees a formula, formulas never see a sample."""

import importlib
import inspect
import pkgutil
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from scaffold import ROOT, printed, python

FORMULAS = ("sympy", "theory.law", "theory.recursion", "theory.algebra", "theory.projections", "theory.moments", "theory.formula", "theory.formulas", "theory.ledger")


def _lint(folder: Path) -> CompletedProcess:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return python("-c", program, "--no-cache", cwd=folder, PYTHONPATH="")


def test_static_contracts_hold():
    result = _lint(ROOT)
    assert result.returncode == 0 and "0 broken" in result.stdout, result.stdout + result.stderr


def test_a_sampler_that_imports_the_law_is_caught(tmp_path):
    """The contract can fail: a copy of the project with one forbidden line breaks it."""
    for folder in ("theory", "simulate", "deep", "figures", "driftlaw"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("out", "__pycache__", "gallery"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with open(tmp_path / "simulate" / "sample" / "steps.py", "a", encoding="utf-8") as file:
        file.write("\nfrom theory.law import expected_errors  # noqa\n")
    result = _lint(tmp_path)
    assert result.returncode != 0 and "1 broken" in result.stdout


LIGHT = {
    "names": "from simulate import simulate, Simulation, Estimate; import simulate.sample.run, simulate.work.store",
    "a simulation": "simulate(one_block(6, (3, 2), 0.1, gram=[[1, 0], [0, 1]]), 70, progress=True).forgetting()",
    "other conditions": "simulate(SEQ, 70, features=StudentT(5), solver=Ridge(1.0)).forgetting()",
    "a hybrid": "hybrid(SEQ, 0.0, 70, 1).forgetting()",
    "experiments": "hash(SEQ); SEQ.at(())",
    "streams": "import deep, deep.data; from deep.streams import stream; stream('rotated-digits', tasks=2)",
}
BESIDE = {"experiments": ("simulate",), "streams": ("simulate",)}
NAMES = """import sys, theory
from theory import InputError, Isotropic, Task, TaskSequence, expanding, frozen, initialized, one_block
SEQ = initialized({'shared': 4, 'b': 3}, (2, 2), 0.1, {'shared': [[1, 2, 3, 4]] * 2, 'b': [[1, 1, 1]] * 2})
"""


def loaded(name: str, statement: str) -> str:
    """Modules of formulas and other heavy ones that a statement loads."""
    heavy = (*FORMULAS, "scipy", "torch", "matplotlib", "theory.optima", "simulate.check", *BESIDE.get(name, ()))
    samples = "" if name in BESIDE else "from simulate import Ridge, StudentT, hybrid, simulate\n"
    return printed("-c", f"{NAMES}{samples}{statement}\nprint([m for m in {heavy!r} if m in sys.modules])").strip()


@pytest.mark.parametrize("name", LIGHT)
def test_neither_samples_nor_experiments_load_a_formula(name):
    assert loaded(name, LIGHT[name]) == "[]"
    assert loaded(name, "import sympy") == "['sympy']"  # the check sees what it looks for


def test_no_module_needs_what_only_posix_has():
    """Every module can be imported where `fcntl` and the like are absent, as far as it is ours to say."""
    program = """
import builtins, importlib, pkgutil, sys
packages, posix = ("theory", "simulate", "deep", "figures", "driftlaw"), {"fcntl", "grp", "pwd", "resource", "termios"}
real = builtins.__import__

def guarded(name, globals=None, locals=None, fromlist=(), level=0):
    if level == 0 and name in posix and (globals or {}).get("__name__", "").partition(".")[0] in packages:
        raise ModuleNotFoundError(f"{globals['__name__']} imports {name}")
    return real(name, globals, locals, fromlist, level)

builtins.__import__ = guarded
for package in packages:
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
print(sum(name.partition(".")[0] in packages for name in sys.modules))
"""
    assert int(printed("-c", program)) > 100


@pytest.mark.parametrize("name", ["theory", "simulate", "driftlaw"])
def test_names_that_are_loaded_on_first_use_are_there_and_no_module_hides_one(name):
    package = importlib.import_module(name)
    modules = {found.name for found in pkgutil.iter_modules(package.__path__)}
    assert all(inspect.ismodule(getattr(package, one)) == (one in modules) for one in package.__all__)
