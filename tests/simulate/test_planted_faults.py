"""Every planted fault of samplers, planning and judges fails a test; those that no test can see are explained.

`make test-long` plants them: the packages and tests are copied to a temporary folder, one text is replaced there, and
the tests that the fault names run on the copy. How many were killed is printed at the end of the run.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from planted_faults import GROUPS

ROOT = Path(__file__).resolve().parents[2]
FAULTS = [pytest.param(group, fault, id=f"{fault.file}: {fault.name}") for group, faults in GROUPS.items() for fault in faults]
PASSED, FAILED = 0, 1  # exit statuses of pytest; others say that no test could run


def outcome(folder: Path, tests: tuple[str, ...], fault=None) -> subprocess.CompletedProcess:
    """Run tests on a copy of the packages in which the fault is planted."""
    for part in ("theory", "simulate", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    if fault is not None:
        file = folder / fault.file
        file.write_text(file.read_text(encoding="utf-8").replace(fault.old, fault.new), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *(f"tests/{test}" for test in tests)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.long
def test_without_a_fault_the_copy_passes(tmp_path):
    tests = tuple(sorted({test for _, fault in (param.values for param in FAULTS) for test in fault.tests}))
    run = outcome(tmp_path, tests)
    assert run.returncode == PASSED, run.stdout[-3000:]


@pytest.mark.long
@pytest.mark.parametrize(("group", "fault"), FAULTS)
def test_every_fault_fails_a_test(group, fault, tmp_path, record_property):
    run = outcome(tmp_path, fault.tests, fault)
    assert run.returncode == (PASSED if fault.harmless else FAILED), run.stdout[-3000:]
    record_property("mutations", (f"faults in {group}", int(not fault.harmless), int(fault.harmless)))


def test_every_fault_can_still_be_planted():
    """Its text stands once in its file, what takes its place is another program, and its tests are there."""
    faults = [fault for param in FAULTS for fault in param.values[1:]]
    assert len(faults) >= 40 and max(Counter((fault.file, fault.name) for fault in faults).values()) == 1
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file in {fault.file for fault in faults}}
    tests = {file: (ROOT / "tests" / file).read_text(encoding="utf-8") for file in {test.split("::")[0] for f in faults for test in f.tests}}
    for fault in faults:
        where, source = f"{fault.name} ({fault.file})", sources[fault.file]
        assert source.count(fault.old) == 1, f"{where}: its text is there {source.count(fault.old)} times; write it anew"
        compile(source.replace(fault.old, fault.new), fault.file, "exec", ast.PyCF_ONLY_AST)
        for test in fault.tests:
            file, _, name = test.partition("::")
            assert not name or f"def {name.split('[')[0]}(" in tests[file], f"{where}: there is no test {test}"
