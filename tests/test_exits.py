"""How commands end: exit statuses and messages of every entry point, for bad input, a full disk, an interrupt, a crash."""

import errno
import importlib
import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from scaffold import ROOT, assert_refused, outcome, python, raising

import simulate.calibration.measure
from driftlaw import InputError, one_block, simulate as sample
from simulate.work.files import require_writable
from theory.exits import BAD_INPUT, INTERRUPTED, STANDS, WRONG, command_line

ENDS = [
    (InputError("p is 0"), BAD_INPUT, "error: p is 0"),
    (MemoryError("Unable to allocate 14.6 TiB"), BAD_INPUT, "14.6 TiB"),
    (OSError(errno.ENOSPC, "No space left on device", "rows.csv"), BAD_INPUT, "error: rows.csv: No space left"),
    (PermissionError(errno.EACCES, "Permission denied", "rows.csv"), BAD_INPUT, "error: rows.csv: Permission denied"),
    (OverflowError("int too large"), BAD_INPUT, "double precision"),
    (ModuleNotFoundError("No module named 'torch'", name="torch"), BAD_INPUT, "install driftlaw[deep]"),
    (KeyboardInterrupt(), INTERRUPTED, "interrupted"),
    (ZeroDivisionError("division by zero"), BAD_INPUT, "error: this is a fault of driftlaw and no verdict"),
]


def ran(program, capsys, *arguments):
    return outcome(importlib.import_module(f"{program}.__main__").main, capsys, *arguments)


@pytest.mark.parametrize("program", ["theory", "simulate", "deep", "figures", "figures.report"])
@pytest.mark.parametrize(("error", "status", "message"), ENDS, ids=lambda value: type(value).__name__)
def test_what_ends_a_program_decides_its_status_and_one_line(program, error, status, message, monkeypatch, capsys):
    """Below a traceback if it is a fault of ours."""
    monkeypatch.setattr(f"{program}.__main__.parse", raising(error))
    found, out, err = ran(program, capsys)
    *above, line = err.strip().splitlines()
    assert (found, out) == (status, "") and message in line
    assert {"Traceback" in err, "ZeroDivisionError" in err, bool(above)} == {isinstance(error, ZeroDivisionError)}


@pytest.mark.parametrize("status", [STANDS, WRONG])
def test_a_reader_that_leaves_changes_no_status_and_hears_no_complaint(status, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys.stdout, "flush", raising(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    assert command_line(lambda: status) == status and not capsys.readouterr().err


def test_a_broken_pipe_elsewhere_is_an_error(capsys):
    assert command_line(raising(BrokenPipeError(errno.EPIPE, "Broken pipe"))) == BAD_INPUT
    assert "Broken pipe" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/bin/bash"), reason="needs bash")
@pytest.mark.parametrize(("command", "status", "message"), [
    pytest.param(
        "python -m theory export >/dev/full", BAD_INPUT, "error: standard output: No space left",
        marks=pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a full device"),
    ),
    ("python -m theory list | true; exit ${PIPESTATUS[0]}", STANDS, ""),
    ("python -m theory --help >&-", STANDS, ""),
])  # fmt: skip
def test_standard_output_that_is_full_left_or_closed(command, status, message):
    command = command.replace("python", sys.executable)
    done = subprocess.run(["/bin/bash", "-c", command], cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": "1"}, capture_output=True, text=True)
    assert done.returncode == status and done.stderr.startswith(message) and done.stderr.count("\n") == bool(message)


@pytest.mark.parametrize(("program", "command", "module"), [("theory", "export", "sympy"), ("deep", "run", "torch")])
def test_an_interrupt_of_slow_imports_is_an_interrupt(program, command, module):
    code = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        f"from {program}.__main__ import main\n"
        f"sys.exit(main([{command!r}]))"
    )
    done = python("-c", code)
    assert done.returncode == INTERRUPTED and done.stderr == "\ninterrupted\n" and not done.stdout


SWEEP = """
from theory import one_block

def build(p, sigma):
    return one_block(p, (5, 5), sigma, gram=[[1.0, 0.5], [0.5, 1.0]])

targets, cases = ["forgetting"], [{"p": PARAMETERS, "sigma": 0.1}]
"""
EVAL = ("eval", "lin_first_error", "--set", "n=5", "sigma=1e200", "w=1")


@pytest.mark.parametrize(("program", "arguments"), [
    *(("theory", (*EVAL, size)) for size in ("p=40", "p=1" + 400 * "0")),
    ("simulate", ("check", "{tmp}/none.py")),
    ("simulate", ("verify", "forgetting_at_p2_star", "--out", "{tmp}")),
    ("simulate", ("robustness", "--cases", "0")),
    *(("simulate", ("calibrate", "--meta-runs", *rest)) for rest in (("1", "--false-alarm", "0"), ("1", "--false-alarm", "nan"), ("-1",))),
    *(("simulate", ("sweep", "{tmp}/sweep.py", "--trials", "20", *option)) for option in (("--method", "direct"), ("--memory-limit", "inf"))),
    *(("deep", (command, "--orders")) for command in ("run", "path")),
    *(("deep", (*words, "--out", "{tmp}/nowhere")) for words in (["status"], ["resume"], ["show", "a"], ["study", "hybrid", "--phase", "confirm"])),
    *(("deep", ("linear", *words)) for words in (["--trials", "0"], ["--trials", "1"], ["--trials", "2", "--second-samples", "-1"], ["--second-samples"])),
    ("figures", ("nothing", "--out", "{tmp}/nowhere")),
    *(("figures.report", ("--out", place)) for place in ("{tmp}/nowhere", "{tmp}")),
], ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else value)
def test_bad_input_is_an_error_that_makes_nothing(program, arguments, tmp_path, capsys):
    (tmp_path / "sweep.py").write_text(SWEEP.replace("PARAMETERS", str(10**12)))
    status, out, err = ran(program, capsys, *(argument.replace("{tmp}", str(tmp_path)) for argument in arguments))
    assert status == BAD_INPUT and err.startswith("error: ") and "Traceback" not in err and not out
    assert not (tmp_path / "nowhere").exists() and not (tmp_path / "report").exists()


@pytest.mark.parametrize("parameters", [10**12, 10**20])
def test_dimensions_beyond_memory_are_refused_early(parameters):
    seq = one_block(parameters, (5, 5), 0.1, gram=[[1.0, 0.5], [0.5, 1.0]])
    assert_refused(lambda: sample(seq, 4), "reduced")
    if parameters < 2**63:  # what it names takes them
        assert sample(seq, 4, method="reduced").errors_sample.shape == (4, 2, 2)


def test_a_broken_promise_of_the_verdicts_is_status_1(monkeypatch, capsys):
    for broken, status in (([], STANDS), (["a rate"], WRONG)):
        report = SimpleNamespace(broken=broken, rows=list)
        monkeypatch.setattr(simulate.calibration.measure, "calibrate", lambda *_, found=report, **__: found)
        assert ran("simulate", capsys, "calibrate", "--json")[0] == status


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")
def test_a_device_or_pipe_is_never_replaced_by_a_file(tmp_path):
    path = tmp_path / "pipe.json"
    os.mkfifo(path)
    assert_refused(lambda: require_writable(path), r"pipe\.json")
    assert stat.S_ISFIFO(path.stat().st_mode)
