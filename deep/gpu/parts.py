"""What is measured on a GPU, in order of value: each part a program of its own, with its own time and its own table.

A part that fails or runs out of its time takes nothing from the others, except the first: where the tests fail, no speed and no
accuracy is worth a look.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from simulate.work.files import replace_file
from simulate.work.keys import digest
from theory.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
DONE, FAILED, STOPPED, LEFT_OUT = "done", "failed", "out of time", "left out"
MEASURED = ("theory", "simulate", "deep", "tests/deep", "tests/bench")
GRACE = 15  # seconds in which an interrupted program may store what it has


@dataclass(frozen=True)
class Part:
    """A program that measures something.

    Parameters
    ----------
    name : str
    words : tuple of str
        What Python is given; paths from the project's folder.
    seconds : float
        Its time, at most.
    """

    name: str
    words: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What became of a part, and after how long; ``key`` says of which program, code and device."""

    name: str
    state: str
    seconds: float
    key: str


def parts(out: Path, device: str = "cuda", studies: bool = False, toy: bool = False) -> list[Part]:
    """Return the parts in order.

    Parameters
    ----------
    out : path
        Where records go.
    device : {"cuda", "cpu"}
        On a CPU this is a rehearsal.
    studies : bool
        Whether networks learn images too, those in the file that DRIFTLAW_IMAGES names (``tests/bench/balanced_part.py``).
    toy : bool
        The smallest sizes that run through all of the code.
    """
    at, seconds = ("--device", device), 0 if toy else 10
    points = ("--tasks", "2", "--parameters", "100" if toy else "400", "--seconds", "1e-9" if toy else "0.05", "--sweep-points", "0", "--verdict-cases", "0")
    runs = ("--runs", "2", "--epochs", "2", "--short", "1", "--workers", "1", "2") if toy else ("--runs", "20", "--epochs", "12", "--short", "2", "--workers", "4", "8", "16", "20")
    found = [
        Part("tests", ("-m", "pytest", "-q", "-n", "0", "-m", "gpu", "-W", "default", "-p", "no:cacheprovider", *(("-k", "single_precision") if toy else ()), "tests/deep/test_gpu.py"), 90),
        Part("steps", ("tests/bench/bench_deep_steps.py", *at, "--seconds", str(seconds), *(("--networks", "mlp-100") if toy else ()), "--out", f"{out / 'steps.jsonl'}"), 110),
        Part("runs side by side", ("tests/bench/bench_deep_runs.py", *at, *runs, "--out", f"{out / 'runs.jsonl'}"), 110),
        Part("samplers", ("tests/bench/bench_simulate.py", *points, "--out", f"{out / 'samplers.jsonl'}"), 40),
    ]
    if studies:
        for study, name in (("hybrid", "hybrid"), ("regimes", "regimes"), ("memory", "ntk-cl")):
            words = ("-m", "driftlaw", "deep", "study", study, "--load", "tests/bench/cifar_part.py", "--preset", f"{name}-cifar100-part{'-toy' if toy else ''}", *at)
            found.append(Part(name, (*words, "--out", f"{out / 'runs'}", "--records", f"{out / name}.jsonl"), 400))
    return [replace(part, seconds=3600) for part in found] if toy else found  # a rehearsal may take its time


def measure(wanted: Sequence[Part], out: Path, minutes: float, tell: Callable[[str], None], about: str, **environment: str) -> list[Outcome]:
    """Run the parts that are not done yet, until the time is over; store after each what became of it.

    Parameters
    ----------
    wanted : sequence of Part
    out : path
        Outcomes and what the programs print are kept here, and looked for.
    minutes : float
        For all of them.
    tell : callable
        Is told what begins.
    about : str
        Device and versions: with others, or other code, all parts are done again.
    **environment
        Variables for the programs.

    Raises
    ------
    InputError
        Where there is no project folder with tests, such as in an installed package, or outcomes cannot be read.
    """
    if not (ROOT / "tests" / "bench").is_dir():
        raise InputError(f"there are no tests beside {ROOT / 'deep'}; run `driftlaw gpu` in a clone of the project")
    out.mkdir(parents=True, exist_ok=True)
    stored = out / "outcomes.json"
    found: dict[str, Outcome] = {}
    if stored.exists():
        try:
            found = {entry["name"]: Outcome(**entry) for entry in json.loads(stored.read_text(encoding="utf-8"))}
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"cannot read {stored} ({error}); remove it to measure everything anew") from None
    code = [digest(file.read_text(encoding="utf-8")) for folder in MEASURED for file in sorted((ROOT / folder).rglob("*.py"))]
    end = time.monotonic() + 60 * minutes
    for part in wanted:
        key, before = digest(" ".join([about, *part.words, *code])), found.get(part.name)
        if before is not None and (before.state, before.key) == (DONE, key):
            continue
        tell(f"{part.name}: at most {min(part.seconds, max(end - time.monotonic(), 0)):.0f} s")
        begin = time.monotonic()
        state = _run(part, out, min(part.seconds, end - begin), environment)
        found[part.name] = Outcome(part.name, state, time.monotonic() - begin, key)
        replace_file(stored, json.dumps([asdict(entry) for entry in found.values()], indent=1).encode())
        if part is wanted[0] and state != DONE:
            break
    return [found.get(part.name, Outcome(part.name, LEFT_OUT, 0.0, "")) for part in wanted]


def _run(part: Part, out: Path, seconds: float, more: Mapping[str, str]) -> str:
    """Run a program, with what it prints in a file; it is interrupted at the end of its time, and killed if that does not help."""
    if seconds < 1:
        return LEFT_OUT
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | more
    with log(out, part.name).open("w", encoding="utf-8") as printed:
        program = subprocess.Popen([sys.executable, *part.words], cwd=ROOT, env=environment, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            return FAILED if program.wait(seconds) else DONE
        except subprocess.TimeoutExpired:
            return STOPPED
        finally:
            _end(program)


def _end(program: subprocess.Popen) -> None:
    """Interrupt a program, then kill what is left of it and of its children."""
    if program.poll() is None:
        program.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            program.wait(GRACE)
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


def log(out: Path, name: str) -> Path:
    """Return the file of what a part printed."""
    return out / f"{name.replace(' ', '_')}.log"


def text(outcomes: Sequence[Outcome], out: Path, about: Mapping[str, Any]) -> str:
    """Write what the parts printed, and last a table of what became of them."""
    lines = []
    for outcome in outcomes:
        if (file := log(out, outcome.name)).exists():
            lines += [f"== {outcome.name}", *file.read_text(encoding="utf-8").splitlines()[-40:], ""]
    lines += [", ".join(f"{name} {value}" for name, value in about.items()), ""]
    return "\n".join(lines + [f"{outcome.name:<20} {outcome.state:<12} {outcome.seconds:6.0f} s" for outcome in outcomes])
