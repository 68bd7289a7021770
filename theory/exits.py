"""How every command ends: statuses that tell what came out from what went wrong, and a line that says what."""

import contextlib
import errno
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence

from theory.errors import DriftlawError
from theory.notices import plain_warnings

STANDS = 0  # everything that was asked stands
WRONG = 1  # a statement is wrong
BAD_INPUT = 2  # the input, the machine (memory, disk, a file that cannot be written) or a fault of the program
OPEN = 3  # nothing is wrong, something is undecided or not testable
INTERRUPTED = 130  # Ctrl-C, as shells say it

_EXTRAS = {"torch": "deep", "sklearn": "deep", "pooch": "deep", "dask": "cluster", "distributed": "cluster"}  # and where they come from
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def command_line(run: Callable[[], int], arguments: Sequence[str] | None = None) -> int:
    """Run a command, turn what ends it into an exit status and a line on standard error; return the status.

    Standard output is flushed here: a full disk shows when buffers are written, not when a line is printed. Slow
    imports belong into ``run``, so that an interrupt while they run is an interrupt too.

    Parameters
    ----------
    run : callable
        Returns the status. May raise `DriftlawError` for what is wrong with the input, and whatever else goes
        wrong; `SystemExit`, with which option parsers end, passes.
    arguments : sequence of str, optional
        What was typed, by default that of the process. With ``--json`` in it a deliberate error is told as a JSON object on one line.
    """
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:  # closed by `>&-`, which option parsers do not expect
            setattr(sys, stream, open(os.devnull, "w"))  # noqa: SIM115 - for as long as the program runs
    status = STANDS
    try:
        try:
            with plain_warnings():
                status = run()
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
            _flush()
            raise
        _flush()
        return status
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, BrokenPipeError) and not _flush_or_drop("\n"):  # `... | head` has seen enough
            return status
        _tell(_reason(error, "--json" in (sys.argv if arguments is None else arguments)))
        _flush_or_drop()
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else BAD_INPUT


def _reason(error: BaseException, as_json: bool) -> str:
    match error:
        case KeyboardInterrupt():
            return "\n" + ": ".join(["interrupted", *map(str, error.args)])
        case DriftlawError() if as_json:
            return json.dumps({"error": str(error), "code": error.code}, ensure_ascii=False)
        case DriftlawError():
            return f"error: {error}"
        case ModuleNotFoundError() if (package := str(error.name).partition(".")[0]) in _EXTRAS:
            return f"error: this needs {package}, which is not installed; install driftlaw[{_EXTRAS[package]}] (make setup in a checkout)"
        case MemoryError():
            return f"error: memory ran out ({str(error) or 'no size is known'}); make the experiment smaller, or take fewer trials or workers"
        case OverflowError():
            return f"error: a number is beyond double precision ({error}); take smaller ones"
        case OSError():
            place = error.filename or ("the system" if _flush_or_drop() else "standard output")
            full = error.errno in _FULL
            remedy = "free space or choose another place" if full else "check that it is there and yours to use"
            return f"error: {place}: {error.strerror or error}; {remedy}"
    return f"{traceback.format_exc()}error: this is a fault of driftlaw and no verdict; please report the lines above"


@contextlib.contextmanager
def interrupt_says(kept: str) -> Iterator[None]:
    """Let an interrupt of the work inside say what is kept of it, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(kept) from None


def _tell(text: str) -> None:
    with contextlib.suppress(OSError):  # where nobody is left to be told
        print(text, file=sys.stderr, flush=True)


def _flush(last: str = "") -> None:
    print(last, end="", flush=True)


def _flush_or_drop(last: str = "") -> bool:
    """Write what standard output holds, or drop it: Python would try once more at its end, and complain."""
    try:
        _flush(last)
    except OSError:
        with contextlib.suppress(OSError):  # what tests put in place of standard output has no descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True
