"""A wheel holds all that the commands need, and an installed driftlaw writes into the working directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("theory", "simulate", "deep", "figures", "driftlaw")
KEPT = {".py", ".jsonl", ".html", ".css", ".js"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built offline from a copy."""
    source = tmp_path_factory.mktemp("source")
    for folder in PACKAGES:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("out", "__pycache__", "gallery"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    program = "import setuptools.build_meta as backend; backend.build_wheel('dist')"
    built = subprocess.run([sys.executable, "-c", program], cwd=source, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = (source / "dist").glob("*.whl")
    return path


def test_the_wheel_holds_every_module_record_and_part_of_the_report(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {path.relative_to(ROOT) for folder in PACKAGES for path in (ROOT / folder).rglob("*") if path.suffix in KEPT}
    wanted = {str(path) for path in files if path.parts[:2] != ("figures", "out")}
    assert "figures/records/calibration.jsonl" in wanted and held == {*wanted, "figures/records/README.md", *(f"{name}/py.typed" for name in ("theory", "simulate", "driftlaw"))}


def test_an_installed_figure_goes_to_the_working_directory(wheel, tmp_path):
    site, here = tmp_path / "site", tmp_path / "empty"
    zipfile.ZipFile(wheel).extractall(site)
    here.mkdir()
    before = sorted(site.rglob("*"))
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "figures", "verdict_calibration"]  # of records, which the wheel must bring
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(site.rglob("*")) == before and (here / "figures-out" / "verdict_calibration.csv").exists()
