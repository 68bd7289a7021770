"""What tests of every floor share: programs run as users run them, errors that are raised or expected."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from theory.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
Refused = tuple[Callable[[], object], str]
Raised = type[BaseException] | tuple[type[BaseException], ...]


def python(*arguments: object, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    """Run Python in another process, which finds our packages from any folder."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def printed(*arguments: object, **options: Any) -> str:
    """Return what Python prints in another process, which has to end well."""
    done = python(*arguments, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def outcome(main: Callable, capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; return exit status, output and errors."""
    return main([str(argument) for argument in arguments]), *capsys.readouterr()


def raising(error: BaseException | type[BaseException]) -> Callable:
    """Return a function that raises whatever it is called with."""

    def run(*_: object, **__: object) -> None:
        raise error

    return run


def assert_refused(call: Callable[[], object], words: str | None = None, error: Raised = InputError) -> None:
    """Check that a call raises an error, which the words match: value, reason, remedy."""
    with pytest.raises(error, match=words):
        call()


def refusals(table: dict[str, Refused] | list[Refused], error: Raised = InputError) -> Callable:
    """Return a test for a table of calls and of words that their errors match: value, reason, remedy."""
    named = table.items() if isinstance(table, dict) else ((words, (call, words)) for call, words in table)

    @pytest.mark.parametrize(("call", "words"), [pytest.param(*case, id=name) for name, case in named])
    def test(call: Callable[[], object], words: str) -> None:
        assert_refused(call, words, error)

    return test
