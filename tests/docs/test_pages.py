"""Pages and docstrings keep their word: every code block and example runs, every command is one, and what is shown as output comes out."""

import doctest
import inspect
import json
import re
import shlex
from pathlib import Path

import pytest
from scaffold import ROOT, printed, python

import driftlaw
from driftlaw.__main__ import main

DOCS = ROOT / "docs"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
BLOCKS = {name: re.findall(r"^```(\w+)\n(.*?)^```", text, re.M | re.S) for name, text in PAGES.items()}
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def like(shown: str, came: str) -> bool:
    return doctest.OutputChecker().check_output(shown, came, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)


def command(line: str) -> int:
    """Run a line of a page as it is written; of one that says ``# minutes``, what it can be asked in no time."""
    text, _, remark = line.partition("  # ")
    words = shlex.split(text)
    if words[0] == "make":
        return python("-c", f"import subprocess; subprocess.run(['make', '-n', {words[1]!r}], check=True)").returncode
    assert words[0] == "driftlaw", line
    try:
        return main([*words[1 : 3 if words[1] == "deep" else 2], "--help"] if remark == "minutes" else words[1:])
    except SystemExit as end:  # of --help
        return int(end.code or 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PAGES if BLOCKS[name]])
def test_code_and_commands_of_a_page(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names, printed = {"__name__": "page"}, ""
    for language, block in BLOCKS[name]:
        if language == "python":
            Path(re.match(r"# (\w+\.py)\n", block)[1]).write_text(block, encoding="utf-8")
        elif language == "pycon":
            test = doctest.DocTestParser().get_doctest(block, names, name, None, None)
            assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False).failed == 0, capsys.readouterr().out
            names = test.globs
        elif language == "sh":
            for line in block.splitlines():
                status = re.search(r"# exit status (\d)", line)
                assert command(line) == (int(status[1]) if status else 0), capsys.readouterr()
                printed = capsys.readouterr().out
                if line.endswith("  # minutes"):
                    assert [option for option in re.findall(r" (--[\w-]+)", line) if not re.search(rf"{option}\b", printed)] == []
        else:
            assert language == "text" and like(block, printed), printed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, monkeypatch):
    """Cells run one after another; committed without outputs."""
    monkeypatch.chdir(tmp_path)
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    names = {"__name__": "notebook"}
    for cell in cells:
        exec(compile("".join(cell["source"]), str(path), "exec"), names)
        assert cell["outputs"] == [] and cell["execution_count"] is None
    assert cells


def test_pages_name_what_is_there():
    """Names of the front door, links between pages, files and notebooks that are spoken of."""
    listed = re.findall(r"^   (\w+)$", PAGES["api"], re.M)
    assert sorted(listed) == sorted(driftlaw.__all__) and len(NOTEBOOKS) == 2
    for text in PAGES.values():
        assert all((DOCS / link).is_file() for link in re.findall(r"\]\((\w+\.md)\)", text))
        places = re.findall(r"`((?:theory|simulate|deep|figures|tests|examples)/[\w/]*(?:\.\w+)?)`", text)
        assert [place for place in places if not place.startswith("figures/out") and not (ROOT / place).exists()] == []
    assert all(path.name in PAGES["start"] for path in NOTEBOOKS)


@pytest.mark.slow
def test_the_pages_build_without_warnings_and_load_nothing_from_the_net(tmp_path):
    printed("-m", "sphinx", "-q", "-W", "--keep-going", "-d", tmp_path / "doctrees", DOCS, tmp_path / "html", http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9")
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "html").rglob("*.html")}
    loaded = [tag for text in written.values() for tag in re.findall(r"<(?:script|link|img|iframe)[^>]*https?:[^>]*>|@import|url\(['\"]?http", text)]
    assert loaded == [] and {f"{name}.html" for name in PAGES} <= set(written)
    assert written["start.html"].count("<math") > 5 and all(f'id="{name}"' in written["catalogue.html"] for name in driftlaw.FORMULAS)


# Docstrings.


@pytest.mark.parametrize("name", driftlaw.__all__)
def test_the_example_of_the_docstring_runs(name):
    part = getattr(driftlaw, name)
    text = (part if inspect.isclass(part) or inspect.isfunction(part) else type(part)).__doc__
    examples = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, name, None, None)
    assert examples.examples, f"{name} has no example; add one to its docstring"
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples).failed == 0
