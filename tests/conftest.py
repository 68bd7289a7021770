"""Hypothesis profiles, the paths to what tests share, and the summary of mutation counts."""

import errno
import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# What tests share: scaffold.py, oracles and references, made experiments, runs and data, the benchmark's modules.
_SHARED = ("", "theory/oracles", "theory", "simulate", "deep", "bench")
sys.path[:0] = [str(Path(__file__).parent / folder) for folder in _SHARED]

os.environ["DRIFTLAW_PROGRESS"] = "inf"  # on a loaded machine a command may take its first minute, and would say so
_FIXED = settings(derandomize=True, deadline=None, database=None)
# Shrinking takes minutes for each test that a broken law fails; the long run does it.
settings.register_profile("quick", parent=_FIXED, max_examples=20, phases=(Phase.explicit, Phase.generate))
settings.register_profile("long", parent=_FIXED, max_examples=500)


_CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.chmod", "os.truncate", "os.utime")
_read_only: list[str] = []  # folders


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Makes folders read-only until the test ends; for root too, whom permissions do not bind."""
    _hook()
    yield lambda folder: _read_only.append(str(folder.absolute()))
    _read_only.clear()


@functools.cache  # an audit hook stays as long as the process
def _hook() -> None:
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple) -> None:
    """Refuse what would change a file or folder in a read-only one."""
    if not _read_only or event not in ("open", *_CHANGES):
        return
    if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
        return
    for path in arguments[: 2 if event == "os.rename" else 1]:
        named = isinstance(path, (str, bytes, os.PathLike))
        if named and os.path.abspath(os.fsdecode(path)).startswith(tuple(_read_only)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("quick" if config.option.markexpr else "long")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests recorded as ``mutations`` (group, killed, explained survivors): killed out of all, group by group."""
    counts: dict[str, list[int]] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties if report.when == "call" else ():
            if name == "mutations":
                group, killed, explained = value
                counts[group] = [x + y for x, y in zip(counts.get(group, [0, 0, 0]), (1, killed, explained))]
    if counts:
        terminalreporter.section("mutations")
        for group, (members, killed, explained) in sorted(counts.items()):
            of = f" ({members} of them)" if members > 1 else ""
            survivors = f", {explained} explained survivors" if explained else ""
            terminalreporter.write_line(f"{group}{of}: {killed} killed of {killed + explained}{survivors}")
