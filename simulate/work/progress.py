"""Progress on standard error: a bar on a terminal, a line a minute elsewhere, or as often as ``DRIFTLAW_PROGRESS`` says, in seconds."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from tqdm import tqdm

SECONDS = float(os.environ.get("DRIFTLAW_PROGRESS", 60))  # between lines
_silent = False


class _Silent:
    """A bar that nobody sees; one of tqdm's would make semaphores, which a killed worker leaves to the system."""

    def __init__(self, iterable: Iterable[Any] = (), **_: Any) -> None:
        self._iterable = iterable

    def __enter__(self) -> "_Silent":
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._iterable)

    def update(self, *_: Any) -> None:
        return None

    reset = refresh = close = update


class _Lines(tqdm):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._told = time.monotonic()
        super().__init__(*arguments, mininterval=SECONDS, delay=SECONDS, leave=False, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Write a line, unless one was written a moment ago; tqdm asks at each reset and at the end too."""
        if msg is None and time.monotonic() - self._told >= SECONDS:
            self._told = time.monotonic()
            print(self, file=sys.stderr, flush=True)


def silence() -> None:
    """Show no bars in this process from here on: that of a worker's caller would be torn by them."""
    global _silent
    _silent = True


def bar(*arguments: Any, shown: bool = True, **options: Any) -> Any:
    """Return tqdm's bar with its arguments; where nobody watches a terminal it writes a line a minute, from the first minute on."""
    if _silent or not shown:
        return _Silent(*arguments, **options)
    if sys.stderr.isatty():
        return tqdm(*arguments, leave=False, **options)
    return _Lines(*arguments, **options)
