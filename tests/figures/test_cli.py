"""The command line as users run it: files, kept figures, interruption, errors."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from figures.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
NAME, OTHER = "reconstruction_split", "forgetting_against_p2"
SUFFIXES = ("csv", "pdf", "png", "svg")


def command(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
    return {
        "args": [sys.executable, "-m", "figures", *map(str, arguments)],
        "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
    }  # fmt: skip


def run(*arguments, cwd=None):
    return subprocess.run(**command(*arguments), cwd=cwd or ROOT, timeout=120)


def files(folder, name):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob(f"{name}.*")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with one finished figure, and what the command said."""
    folder = tmp_path_factory.mktemp("figures")
    return folder / "out", run(NAME, "--quick", "--out", "out", cwd=folder)


def test_one_figure_is_four_whole_files(finished):
    out, done = finished
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{NAME}: drawn in ") and done.stdout.endswith("1 figure in out/ (png, svg, pdf, csv)\n")
    assert sorted(path.name for path in out.iterdir()) == [".store", *(f"{NAME}.{suffix}" for suffix in SUFFIXES)]
    assert (out / f"{NAME}.png").read_bytes().startswith(b"\x89PNG") and (out / f"{NAME}.pdf").read_bytes().endswith(b"%%EOF\n")
    assert ElementTree.parse(out / f"{NAME}.svg").getroot().tag.endswith("svg")
    assert not list(out.rglob("*.tmp"))


def test_a_finished_figure_is_kept(finished):
    out, _ = finished
    before = files(out, NAME)
    kept = run(NAME, "--quick", "--out", out)
    assert (kept.returncode, kept.stdout.splitlines()[0]) == (0, f"{NAME}: kept")
    assert files(out, NAME) == before


def test_an_interrupted_or_killed_run_keeps_what_is_finished_and_continues(finished, tmp_path):
    out, arguments = tmp_path / "out", (NAME, OTHER, "--quick", "--out", tmp_path / "out")
    shutil.copytree(finished[0], out, copy_function=shutil.copy2)
    before, count = files(out, NAME), len(_points(out))
    for stop in (signal.SIGINT, signal.SIGKILL):
        with subprocess.Popen(**command(*arguments), cwd=ROOT) as process:
            _wait_for_points(out, count + 5)
            process.send_signal(stop)
            stdout, stderr = process.communicate(timeout=60)
        assert stdout == f"{NAME}: kept\n" and files(out, NAME) == before and not files(out, OTHER)
        if stop == signal.SIGINT:
            assert process.returncode == 130
            assert stderr.strip().startswith("interrupted: finished figures and simulated points are kept in") and "continues" in stderr
            assert not list(out.rglob("*.tmp"))
        points = _points(out)
        count = len(points)
    done = run(*arguments)
    assert done.stdout.startswith(f"{NAME}: kept\n{OTHER}: drawn")
    assert files(out, NAME) == before and len(files(out, OTHER)) == 4
    assert points.items() <= _points(out).items(), "a stored point was simulated again"


def test_unknown_names_show_the_nearest_and_nothing_is_written(tmp_path, capsys):
    assert main(["reconstruction_spilt", "--out", str(tmp_path / "out")]) == 2
    stdout, stderr = capsys.readouterr()
    assert stderr.startswith("error: there is no figure 'reconstruction_spilt'; did you mean 'reconstruction_split'? choose from ")
    assert stdout == "" and not (tmp_path / "out").exists()


def test_an_unwritable_folder_is_refused_before_any_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("figures.make.Sampler", None)
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file" / "out")]) == 2
    stdout, stderr = capsys.readouterr()
    assert stderr.startswith(f"error: cannot write to the folder {tmp_path / 'file' / 'out'}: ") and "choose another --out" in stderr
    assert stdout == ""


def test_wrong_options_exit_with_2_without_a_traceback():
    done = run("--quik")
    assert done.returncode == 2 and "--quik" in done.stdout + done.stderr and "Traceback" not in done.stderr


def _points(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / ".store" / "points").glob("*.json")}


def _wait_for_points(folder, count):
    deadline = time.monotonic() + 60
    while len(_points(folder)) < count:
        assert time.monotonic() < deadline, "the run stores no points"
        time.sleep(0.005)
