"""Progress on standard error: a bar on a terminal, a line a minute elsewhere, or as often as ``DRIFTLAW_PROGRESS`` says, in seconds."""

from __future__ import annotations

import os
import sys
from typing import Any

from tqdm import tqdm

SECONDS = float(os.environ.get("DRIFTLAW_PROGRESS", 60))  # between lines


class _Lines(tqdm):
    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        if text := str(self) if msg is None else msg:
            print(text, file=sys.stderr, flush=True)


def bar(*arguments: Any, shown: bool = True, **options: Any) -> tqdm:
    """Return tqdm's bar with its arguments; where nobody watches a terminal it writes a line a minute, from the first minute on."""
    if not shown:
        return tqdm(*arguments, disable=True, **options)
    if sys.stderr.isatty():
        return tqdm(*arguments, leave=False, **options)
    return _Lines(*arguments, leave=False, mininterval=SECONDS, delay=SECONDS, **options)
