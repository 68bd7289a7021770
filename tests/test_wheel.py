"""A wheel holds all that the commands need, and an installed driftlaw writes into the working directory."""

import re
import shlex
import shutil
import zipfile

import pytest
from scaffold import ROOT, printed

pytestmark = pytest.mark.slow

PACKAGES = ("driftlaw", "theory", "simulate", "deep", "figures")
KEPT = {".py", ".tex", ".jsonl", ".html", ".css", ".js", ".toml", ".mplstyle", ".pt"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built offline from a copy."""
    source = tmp_path_factory.mktemp("source")
    for folder in PACKAGES:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("out", "__pycache__", "gallery"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    printed("-c", "import setuptools.build_meta as backend; backend.build_wheel('dist')", cwd=source)
    (path,) = (source / "dist").glob("*.whl")
    return path


def test_the_wheel_holds_every_module_record_and_part_of_the_report(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {path.relative_to(ROOT) for folder in PACKAGES for path in (ROOT / folder).rglob("*") if path.suffix in KEPT}
    wanted = {str(path) for path in files if path.parts[:2] != ("figures", "out")}
    plain = {"figures/records/README.md", "deep/networks/weights/vit-micro.json", "theory/py.typed", "simulate/py.typed", "driftlaw/py.typed"}
    assert "figures/records/calibration.jsonl" in wanted and held == wanted | plain


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A function that runs Python where the wheel is installed, in a folder; what it writes beside the packages is a failure."""
    site = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(site)
    before = sorted(site.rglob("*"))

    def run(*arguments, cwd):
        said = printed(*arguments, cwd=cwd, PYTHONPATH=str(site), PYTHONDONTWRITEBYTECODE="1")
        assert sorted(site.rglob("*")) == before
        return said

    return run


def test_an_installed_figure_goes_to_the_working_directory(installed, tmp_path):
    installed("-m", "figures", "verdict_calibration", cwd=tmp_path)  # of records, which the wheel must bring
    assert (tmp_path / "figures-out" / "verdict_calibration.csv").exists()


RECIPES = {path: re.findall(r"^\W*\$ (python|driftlaw) (.*)", path.read_text(encoding="utf-8"), re.M) for path in sorted((ROOT / "docs" / "extending").glob("*.py"))}


@pytest.mark.parametrize(("path", "program", "line"), [(path, *line) for path, lines in RECIPES.items() for line in lines])
def test_the_commands_of_a_recipe(path, program, line, installed, tmp_path):
    shutil.copy(path, tmp_path)
    assert installed(*(["-m", "driftlaw"] if program == "driftlaw" else []), *shlex.split(line), cwd=tmp_path)


def test_every_kind_of_part_has_a_recipe():
    kinds = ("figure", "formula", "network", "quantity", "rule", "strategy", "stream", "study")
    assert tuple(path.stem for path in RECIPES) == kinds and all(RECIPES.values())


SCRIPT = """
import driftlaw as dl
def build(n):
    return dl.one_block(20, (n,), 0.5, gram=[[1]])
if __name__ == "__main__":
    print(len(dl.sweep(build, dl.grid(n=[5, 8]), "error[0,0]", trials=256, kind="processes", workers=2).rows))
"""
ENTRY = "from importlib.metadata import entry_points; (one,) = {e.value: e for e in entry_points(group='console_scripts', name='driftlaw')}.values(); one.load()(%r)"


def test_users_folders_of_the_same_names_do_no_harm(installed, tmp_path):
    """A script with worker processes, -c, -m driftlaw and what the console command calls."""
    for name in ("theory", "figures"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong one')\n", encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    assert installed("script.py", cwd=tmp_path) == "2\n"
    listed = installed("-m", "driftlaw", "theory", "list", cwd=tmp_path)
    assert "frozen_deviation" in listed and installed("-c", ENTRY % ["theory", "list"], cwd=tmp_path) == listed
    assert installed("-c", "import driftlaw, theory, figures; print(theory.__name__, figures.__name__)", cwd=tmp_path) == "theory figures\n"


def test_another_package_of_the_name_is_told_of(installed, tmp_path):
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "__init__.py").touch()
    program = "import sys; sys.path.insert(0, '')\nimport theory\ntry:\n    import driftlaw\nexcept ImportError as error:\n    print(error)"
    told = installed("-c", program, cwd=tmp_path)
    assert str(tmp_path / "theory" / "__init__.py") in told and "site" in told
