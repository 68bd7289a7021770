"""Parts by name: one way to register strategies, networks, streams, data sets, formulas and figures, ours and users' alike.

    from deep.strategies import STRATEGIES, Strategy

    @STRATEGIES.register
    class Mine(Strategy):
        name = "mine"

Names are for command lines and records; in Python the objects themselves will do.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

from theory.checks import unknown
from theory.errors import InputError
from theory.own import SourceFile, loaded_files, require_current, source_now, source_of, where

P = TypeVar("P")


class Place(NamedTuple):
    """Where a part was registered; ``mark`` is its qualified name, or the line for a value that has none.

    A value that was given to a run without being registered has no module.
    """

    module: str
    mark: str
    source: SourceFile | None

    def __str__(self) -> str:
        return f"{self.mark} in {self.source or self.module or 'memory'}"

    def replaces(self, other: "Place") -> bool:
        """Whether it is the same part of a user's file, which was run again or has changed."""
        if self.source is None or other.source is None:
            return not (self.module or other.module)
        named = self.mark == other.mark and self.mark.replace(".", "").isidentifier()  # of what a function makes there may be many
        return self.source.path == other.source.path and (named or self.module != other.module or self.source != other.source)


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
    given : callable
        Takes what is kept, returns the part that was registered; by default they are the same.

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

    _receiving = False  # of any kind, as a file has parts of several

    def __init__(self, what: str, admit: Callable[..., tuple[str, P]], home: str = "", given: Callable[[P], Any] = lambda kept: kept) -> None:
        self.what, self._admit, self._home, self._given = what, admit, home, given
        self._parts: dict[str, P] = {}
        self._places: dict[str, Place] = {}
        self._versions: dict[tuple[str, SourceFile | None], P] = {}

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
        """Return the name of a part, which is registered if it is not yet."""
        found = next((name for name in self if self._given(self._parts[name]) is part), None)
        if found is None and hasattr(part, "__qualname__"):
            require_current(part)
        return found or self._put(part, None, "", "a value", {})

    def own(self, name: str) -> Place | P | None:
        """Return how a part travels to other processes: its place in a user's file, or itself if it is in none; None for one of ours."""
        part, place = self.find(name), self._places[name]
        if place.source is not None and (source := source_now(place.module, place.source)) != place.source:
            place = self._places[name] = place._replace(source=source)
            self._versions[name, source] = part
        return place if place.source is not None else None if place.module else part

    def chosen(self, name: str, own: Any) -> P:
        """Return the part of which `own` was asked, whatever has its name by now."""
        if own is None or isinstance(own, Place):
            return self.find(name, own and own.source)
        return own

    def find(self, name: str, source: SourceFile | None = None) -> P:
        """Return a part, that of a user's file as it was read if one is given; InputError for an unknown name, with the nearest one."""
        if source is not None:
            return self._versions[name, source]
        if name not in self:
            files = ", ".join(loaded_files())
            own = f"{files} registered none of that name" if files else "one of your own is known once its file is loaded: --load FILE.py"
            raise InputError(f"{unknown(name, self, self.what)}; {own}")
        return self._parts[name]

    def receive(self, name: str, own: Any) -> None:
        """Make a part known that another process has sent, whatever had its name here.

        Raises
        ------
        InputError
            If the file defines no such part when it is run here.
        """
        Parts._receiving = True
        try:
            if not isinstance(own, Place):
                self._parts.setdefault(name, own)
                self._places.setdefault(name, Place("", "a value", None))
                return
            source: Any = own.source
            if (name, source) in self._versions:
                return  # a copy in the same process: names go on to stand for what was loaded last
            module = source.module()
            if (name, source) not in self._versions:
                self.name_of(attrgetter(own.mark)(module))
            self._parts[name], self._places[name] = self._versions[name, source], own
        except (AttributeError, KeyError):
            raise InputError(f"{own.source} defines no {self.what} {name!r} at its top, where other processes find it ({own.mark}); move it there") from None
        finally:
            Parts._receiving = False

    def __getitem__(self, name: str) -> P:
        self._import_home()
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        self._import_home()
        return iter(list(self._parts))

    def __len__(self) -> int:
        self._import_home()
        return len(self._parts)

    def _put(self, part: Any, name: str | None, module: str, line: str, about: Mapping[str, Any]) -> str:
        if hasattr(part, "__qualname__"):
            module = part.__module__
        elif not getattr(sys.modules.get(module), "__file__", None):
            module = ""  # a value made in a notebook
        name, kept = self._admit(part, name, **about)
        place = Place(module, getattr(part, "__qualname__", line), source_of(module) if module else None)
        if place.source is not None or not module:
            self._import_home()  # so that a name of ours is taken already
        received = Parts._receiving and name in self._parts and self._places[name].source is not None
        if name in self._parts and not (received or place.replaces(self._places[name])):
            raise InputError(f"two parts are called {self.what} {name!r}: {self._places[name]} and {place}; rename one")
        self._parts[name], self._places[name] = kept, place
        if place.source is not None:
            self._versions[name, place.source] = kept
        return name

    def _import_home(self) -> None:
        home, self._home = self._home, ""
        if home:
            for module in pkgutil.iter_modules(importlib.import_module(home).__path__):
                importlib.import_module(f"{home}.{module.name}")


def named_class(base: type, attribute: str) -> Callable[..., tuple[str, Any]]:
    """Return an `admit` for subclasses of a dataclass that call themselves by an attribute, and are made by their fields alone."""

    def admit(kind: Any, name: str | None) -> tuple[str, Any]:
        if not (isinstance(kind, type) and issubclass(kind, base)):
            raise InputError(f"{where(kind)} is no subclass of {base.__name__}; derive it from {base.__module__}.{base.__name__}")
        if not isinstance(vars(kind).get(attribute), str):
            raise InputError(f'{where(kind)} has no name; write {attribute} = "..." in the class')
        if lacking := set(inspect.signature(kind).parameters) - {field.name for field in dataclasses.fields(kind)}:
            raise InputError(f"{where(kind)} takes {', '.join(sorted(lacking))}, of which no record would know; make it a dataclass with these fields")
        return vars(kind)[attribute], kind

    return admit
