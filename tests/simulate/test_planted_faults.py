"""Every fault of `planted_faults.txt`, in samplers, seeds, planning or judges, fails a test or is explained.

`make test-long` plants them: packages and tests are copied to a temporary folder, one text is replaced there, and the
tests that the fault names run on the copy. How many were killed is printed at the end of the run.
"""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PASSED, FAILED = 0, 1  # exit statuses of pytest; others say that it could not run the tests


@dataclass(frozen=True)
class Fault:
    """One mistake: ``old`` of a file becomes ``new``, and one of the tests has to fail, unless it is explained why none can."""

    group: str
    file: str
    name: str
    old: str
    new: str
    tests: tuple[str, ...]
    explained: str

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"

    def planted(self, source: str) -> str:
        """Return the source of the file with the fault in it."""
        return source.replace(self.old, self.new)


def read_faults(text: str) -> list[Fault]:
    """Read the list, whose first lines say how it is written."""
    faults, group, file = [], "", ""
    for part in text.split("\n# ")[1:]:
        group, *lines = part.splitlines()
        for line in filter(None, lines):
            if not line.startswith("  "):
                file = line
            elif not line.startswith("    "):
                marked: dict[str, list[str]] = {mark: [] for mark in "-+>="}
                faults.append((group, file, line.strip().split(": ")[0], marked))
            else:
                marked[line[4]].append(line[6:])
    text_of = "\n".join
    return [Fault(*what, text_of(m["-"]), text_of(m["+"]), tuple(m[">"]), text_of(m["="])) for *what, m in faults]


FAULTS = read_faults((Path(__file__).parent / "planted_faults.txt").read_text(encoding="utf-8"))


def run_on_a_copy(tests: tuple[str, ...], fault: Fault | None = None) -> subprocess.CompletedProcess:
    """Run tests on a copy of packages and tests, in which the fault is planted."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not long"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("theory", "simulate", "driftlaw", "tests"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        if fault is not None:
            file = folder / fault.file
            file.write_text(fault.planted(file.read_text(encoding="utf-8")), encoding="utf-8")
        environment |= {"PYTHONPATH": name, "PYTHONDONTWRITEBYTECODE": "1"}
        command += [f"tests/{test}" for test in tests]
        return subprocess.run(command, cwd=name, env=environment, capture_output=True, text=True, timeout=1800)


@pytest.mark.long
def test_without_a_fault_the_copy_passes():
    run = run_on_a_copy(tuple(sorted({test for fault in FAULTS for test in fault.tests})))
    assert run.returncode == PASSED, run.stdout[-3000:]


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_every_fault_fails_a_test(fault, record_property):
    run = run_on_a_copy(fault.tests, fault)
    assert run.returncode == (PASSED if fault.explained else FAILED), run.stdout[-3000:] + run.stderr[-1000:]
    counts = (0, 1) if fault.explained else (1, 0)
    record_property("mutations", (f"planted faults of {fault.group}", *counts))


def test_every_fault_can_still_be_planted():
    """Its text stands once in its file, what takes its place is another program, and its tests are there."""
    files = {fault.file for fault in FAULTS}
    files |= {f"tests/{test.split('::')[0]}" for fault in FAULTS for test in fault.tests}
    sources = {file: (ROOT / file).read_text(encoding="utf-8") for file in files}
    for fault in FAULTS:
        source = sources[fault.file]
        assert source.count(fault.old) == 1, f"{fault}: its text stands {source.count(fault.old)} times in its file"
        assert fault.planted(source) != source and ast.parse(fault.planted(source))
        for file, _, name in (test.partition("::") for test in fault.tests):
            defined = f"def {name.split('[')[0]}("
            assert not name or defined in sources[f"tests/{file}"], f"{fault}: {file} has no test {name}"
    assert max(Counter(map(str, FAULTS)).values()) == 1 and all(fault.tests for fault in FAULTS)
    groups = Counter(fault.group for fault in FAULTS)
    assert all(groups[group] >= least for group, least in (("samplers", 14), ("seeds", 6), ("planning", 10), ("judges", 10)))
