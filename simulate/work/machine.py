"""What this machine offers."""

import os

from theory.errors import InputError

LIMIT = "DRIFTLAW_CORES"  # environment variable: the most cores that a process shall use; worker processes get their share by it


def cores() -> int:
    """Return the number of cores that this process may use, ``DRIFTLAW_CORES`` at most."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get(LIMIT, str(here))
    if not limit.isdecimal() or int(limit) < 1:
        raise InputError(f"{LIMIT} is {limit!r}; set it to a whole number of at least 1, or unset it")
    return min(int(limit), here)
