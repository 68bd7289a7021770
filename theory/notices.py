"""Warnings of commands: a plain line each on standard error, and the same one once."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Write warnings as lines ``warning: ...`` for as long as a command runs."""
    with warnings.catch_warnings():
        show_plainly()
        yield


def show_plainly() -> None:
    """Write warnings as lines ``warning: ...`` from now on, such as in a worker process."""
    seen = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        line = " ".join(str(message).split())
        if line not in seen:
            seen.add(line)
            sys.stderr.write(f"warning: {line}\n")  # at once: workers share it
            sys.stderr.flush()

    warnings.simplefilter("always", RuntimeWarning)  # what was said is known here, not by line of code
    warnings.showwarning = show
