"""The contracts that driftlaw's own parts are tested by, to run on one's own in one's own test suite.

`training` has those of strategies and networks, `streams` those of streams, which load no PyTorch. A contract is a list of checks, pairs of a name and a function that raises
AssertionError with a sentence: what is broken, where, what was seen. They take seconds on a CPU, on small made data.
"""

import json
import pickle
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

Check = tuple[str, Callable[[], None]]


def bound(contract: Iterable[Callable[..., None]], part: object, *arguments: object) -> list[Check]:
    """Return the checks of a contract on a part, by name."""
    return [(check.__name__, partial(_checked, check, part, *arguments)) for check in contract]


def run(checks: Iterable[Check]) -> None:
    """Run checks until one fails."""
    for _, check in checks:
        check()


def demand(holds: object, seen: str) -> None:
    """Raise AssertionError unless something holds; unlike `assert`, no switch of Python's turns it off."""
    if not holds:
        raise AssertionError(seen)


@contextmanager
def generators_stay() -> Iterator[None]:
    """Demand that Python's and NumPy's global generators, which no seed of ours decides, are left alone."""
    before = pickle.dumps((random.getstate(), np.random.get_state()))
    yield
    demand(pickle.dumps((random.getstate(), np.random.get_state())) == before, "a global generator of `random` or `numpy.random` has moved")


def rebuilt(part: Any, options: Iterable[str]) -> Any:
    """Return a part made anew of its options, which went through JSON."""
    given = json.dumps({name: getattr(part, name) for name in options})
    again = type(part)(**json.loads(given))
    found = json.dumps({name: getattr(again, name) for name in json.loads(given)})
    demand(found == given, f"made of its options {given} it has {found}; leave options as they are given")
    return again


def _checked(check: Callable[..., None], part: object, *arguments: object) -> None:
    """Run a check; say of which part and what is broken, whatever it raises."""
    try:
        check(part, *arguments)
    except Exception as error:
        seen = error if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        raise AssertionError(f"{part!r} breaks {check.__name__} ({(check.__doc__ or '').partition('.')[0]}): {seen}") from error
