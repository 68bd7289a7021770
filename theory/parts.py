"""Parts by name: one way to register strategies, networks, streams, data sets, formulas and figures, ours and users' alike.

    from deep.strategies import STRATEGIES, Strategy

    @STRATEGIES.register
    class Mine(Strategy):
        name = "mine"

Names are for command lines and records; in Python the objects themselves will do.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from theory.checks import unknown
from theory.errors import InputError
from theory.own import SourceFile, source_of

P = TypeVar("P")


class _Place(NamedTuple):
    """Where a part was registered; ``mark`` is its qualified name, or the line for a value that has none."""

    module: str
    mark: str
    source: SourceFile | None

    def __str__(self) -> str:
        return f"{self.mark} in {self.source or self.module}"

    def replaces(self, other: _Place) -> bool:
        """Whether it is the same part of a user's file, which was run again or has changed."""
        same = self.source is not None and other.source is not None and self.source.path == other.source.path
        return same and (self.mark == other.mark or self.module != other.module or self.module == "__main__")


def instances(kind: type[P]) -> Callable[..., tuple[str, P]]:
    """Return what admits values of a class, by the given name or their own ``name``."""

    def admit(part: Any, name: str | None) -> tuple[str, P]:
        name = name or getattr(part, "name", None)
        if not isinstance(part, kind):
            raise InputError(f"{part!r} is no {kind.__name__}; register one")
        if not name:
            raise InputError(f"this {kind.__name__} has no name; register it with name='mine'")
        return name, part

    return admit


class Parts(Mapping[str, P], Generic[P]):
    """The parts of one kind, by name in the order in which they were registered, ours first.

    Parameters
    ----------
    what : str
        The kind, in messages.
    admit : callable
        Takes a part, its name (None: its own), and what else `register` is given; returns the name and what is kept, or
        raises InputError for what is no part of this kind.
    home : str
        Package of ours whose modules register theirs; imported when parts are first looked up.

    Examples
    --------
    Formulas are parts, too:

    >>> import driftlaw as dl
    >>> dl.FORMULAS["frozen_deviation"].status
    'exact'
    >>> dl.FORMULAS.find("frozen_deviaton")
    Traceback (most recent call last):
        ...
    theory.errors.InputError: unknown formula 'frozen_deviaton' (did you mean 'frozen_deviation'?); ...
    """

    def __init__(self, what: str, admit: Callable[..., tuple[str, P]], home: str = "") -> None:
        self.what, self._admit, self._home = what, admit, home
        self._parts: dict[str, P] = {}
        self._places: dict[str, _Place] = {}

    def register(self, part: Any = None, *, name: str | None = None, **about: Any) -> Any:
        """Make a part known by its name and return it; without a part, return a decorator that does.

        Parameters
        ----------
        part
            A value of this kind.
        name : str, optional
            Default: the part's own.
        **about
            What the kind of part may be told, such as ``normalisation="batch"`` of a network.

        Raises
        ------
        InputError
            For what is no such part or has no name, and for a name that another part has: both places are named. What a
            user's file registered before it changed is replaced.
        """
        frame = sys._getframe(1)

        def put(value: Any) -> Any:
            self._put(value, name, frame.f_globals["__name__"], f"line {frame.f_lineno}", about)
            return value

        return put if part is None else put(part)

    def name_of(self, part: Any) -> str:
        """Return the name of a class or function, which is registered if it is not yet."""
        name, kept = self._admit(part, None)
        if name not in self or self[name] != kept:
            self._put(part, None, part.__module__, "", {})
        return name

    def source(self, name: str) -> SourceFile | None:
        """Return the user's file that a part is from; None for ours."""
        return self._places[name].source if name in self else None

    def find(self, name: str) -> P:
        """Return a part; InputError for an unknown name, with the nearest one."""
        if name not in self:
            raise unknown(name, self, self.what)
        return self._parts[name]

    def __getitem__(self, name: str) -> P:
        self._import_home()
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        self._import_home()
        return iter(list(self._parts))

    def __len__(self) -> int:
        self._import_home()
        return len(self._parts)

    def _put(self, part: Any, name: str | None, module: str, line: str, about: Mapping[str, Any]) -> None:
        module = part.__module__ if hasattr(part, "__qualname__") else module
        name, kept = self._admit(part, name, **about)
        place = _Place(module, getattr(part, "__qualname__", line), source_of(module))
        if place.source is not None:
            self._import_home()  # so that a name of ours is taken already
        if name in self._parts and not place.replaces(self._places[name]):
            raise InputError(f"two parts are called {self.what} {name!r}: {self._places[name]} and {place}; rename one")
        self._parts[name], self._places[name] = kept, place

    def _import_home(self) -> None:
        home, self._home = self._home, ""
        if home:
            for module in pkgutil.iter_modules(importlib.import_module(home).__path__):
                importlib.import_module(f"{home}.{module.name}")
