"""The command line as users run it: files, kept figures, interruption, errors."""

import json
import shutil
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest
from scaffold import ROOT, python

NAME, OTHERS = "reconstruction_split", ("forgetting_against_p2", "deviation_against_p2")
SUFFIXES = ("csv", "pdf", "png", "svg")


def run(*arguments, cwd=ROOT):
    return python("-m", "figures", *arguments, cwd=cwd)


def files(folder, name):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob(f"{name}.*")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with one finished figure, named twice, and what the command said."""
    folder = tmp_path_factory.mktemp("figures")
    return folder / "out", run(NAME, NAME, "--quick", "--out", "out", cwd=folder)


def test_one_figure_is_four_whole_files(finished):
    out, done = finished
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{NAME}: drawn in ") and done.stdout.endswith("1 figure in out/ (png, svg, pdf, csv)\n")
    assert sorted(path.name for path in out.iterdir()) == [".store", *(f"{NAME}.{suffix}" for suffix in SUFFIXES)]
    assert (out / f"{NAME}.png").read_bytes().startswith(b"\x89PNG") and (out / f"{NAME}.pdf").read_bytes().endswith(b"%%EOF\n")
    assert ElementTree.parse(out / f"{NAME}.svg").getroot().tag.endswith("svg")
    assert not list(out.rglob("*.tmp"))
    (listed,) = json.loads(run(NAME, "--quick", "--out", out, "--json").stdout)["figures"]
    assert listed["state"] == "kept" and sorted(listed["files"]) == sorted(map(str, out.glob(f"{NAME}.*")))


@pytest.mark.slow
def test_an_interrupted_or_killed_run_keeps_what_is_finished_and_continues(finished, tmp_path):
    out, arguments = tmp_path / "out", (NAME, *OTHERS, "--quick", "--out", tmp_path / "out")
    shutil.copytree(finished[0], out, copy_function=shutil.copy2)
    before, count = files(out, NAME), len(_points(out))
    for stop in (signal.SIGINT, signal.SIGKILL):
        command = [sys.executable, "-u", "-m", "figures", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
            _wait_for_points(process, out, count + 5)
            process.send_signal(stop)
            stdout, stderr = process.communicate()  # worker processes have ended then, too
        assert stdout == f"{NAME}: kept\n" and files(out, NAME) == before and not any(files(out, other) for other in OTHERS)
        if stop == signal.SIGINT:
            assert process.returncode == 130
            assert stderr.strip().startswith("interrupted: finished figures and simulated points are kept in") and "continues" in stderr
            assert not list(out.rglob("*.tmp"))
        points = _points(out)
        count = len(points)
    done = run(*arguments)
    first, *drawn, last = done.stdout.splitlines()
    assert first == f"{NAME}: kept" and sorted(line.partition(": drawn in ")[0] for line in drawn) == sorted(OTHERS) and last.startswith("3 figures in")
    assert files(out, NAME) == before and all(len(files(out, other)) == 4 for other in OTHERS)
    assert points.items() <= _points(out).items(), "a stored point was simulated again"


def _points(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / ".store" / "points").glob("*.json")}


def _wait_for_points(process, folder, count):
    while len(_points(folder)) < count:
        assert process.poll() is None, "the run has ended and stored fewer points"
        time.sleep(0.005)
