"""Spaces of settings: which values parameters may take, and which of them together. Knows no law.

A space is read from a mapping: ``(5, 60)`` are whole numbers with both ends, ``(0.0, 1.0)`` real ones, a list is a choice,
anything else one value.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from theory.checks import is_real, optional
from theory.errors import InputError


@dataclass(frozen=True)
class Axis:
    """The values of one parameter: whole or real numbers from ``low`` to ``high``, or those places among ``choices``."""

    name: str
    low: Any
    high: Any
    choices: tuple[Any, ...] | None = None

    @property
    def real(self) -> bool:
        """Whether the values are real numbers."""
        return isinstance(self.low, float)

    def entries(self, places: np.ndarray) -> np.ndarray:
        """Return the numbers at places in [0, 1]; both ends are reached."""
        if self.real:
            return np.clip(self.low + places * (self.high - self.low), self.low, self.high)
        return np.minimum(self.low + (places * (self.high - self.low + 1)).astype(np.int64), self.high)

    def values(self, entries: np.ndarray) -> np.ndarray:
        """Return the values that the parameter takes there: the numbers themselves, or choices."""
        return entries if self.choices is None else _boxed(self.choices)[entries]

    def range(self, values: np.ndarray) -> list[Any]:
        """Return the least and the largest of values, or the choices among them."""
        if self.choices is not None:
            return [choice for choice in self.choices if any(value is choice or value == choice for value in values)]
        return [values.min().item(), values.max().item()]


@dataclass(frozen=True)
class Space:
    """Settings of parameters, each with its values, that meet the constraints.

    Parameters
    ----------
    axes : tuple of Axis
        Parameters that vary.
    fixed : dict
        The others.
    constraints : tuple of callable
        Functions of parameters by name; true where a setting is meant.
    """

    axes: tuple[Axis, ...]
    fixed: dict[str, Any]
    constraints: tuple[Callable[..., Any], ...] = ()

    @classmethod
    def read(cls, given: Any, constraint: Any = None) -> Space:
        """Read a mapping from parameter to its values.

        Raises
        ------
        InputError
            If there is none, ends are reversed or no numbers, a choice is empty, or a constraint reads what is no parameter.
        """
        if not isinstance(given, Mapping) or not given or not all(isinstance(name, str) for name in given):
            raise InputError(f"space is {given!r}; give a mapping from parameter to its values, such as {{'p': (5, 60), 'sigma': (0.0, 1.0)}}")
        constraints = () if constraint is None else tuple(constraint) if isinstance(constraint, Sequence) else (constraint,)
        for one in constraints:
            if not callable(one):
                raise InputError(f"constraint is {one!r}; give a function of parameters by name, or a list of them")
            for name in inspect.signature(one).parameters:
                if name not in given:
                    raise InputError(f"the constraint {getattr(one, '__name__', one)} reads {name!r}, which the space lacks; it has {', '.join(given)}")
        axes = tuple(_axis(name, values) for name, values in given.items() if isinstance(values, (tuple, list, range)))
        return cls(axes, {name: values for name, values in given.items() if not isinstance(values, (tuple, list, range))}, constraints)

    def at(self, places: np.ndarray) -> dict[str, Any]:
        """Return the settings at places in [0, 1], shape (N, number of axes): N values of each parameter that varies."""
        return self._written([axis.entries(places[:, k]) for k, axis in enumerate(self.axes)])

    def _written(self, entries: Sequence[np.ndarray]) -> dict[str, Any]:
        return {axis.name: axis.values(own) for axis, own in zip(self.axes, entries, strict=True)} | self.fixed

    def admits(self, settings: Mapping[str, Any], count: int) -> np.ndarray:
        """Whether each of ``count`` settings meets the constraints, which are asked one setting at a time if they take no arrays."""
        inside = np.ones(count, dtype=bool)
        for constraint in self.constraints:
            reads = inspect.signature(constraint).parameters
            try:
                inside &= np.asarray(constraint(**{name: settings[name] for name in reads}), dtype=bool)
            except (ValueError, TypeError):
                rows = (self.pick(settings, row) for row in range(count))
                inside &= np.fromiter((bool(constraint(**{name: row[name] for name in reads})) for row in rows), dtype=bool, count=count)
        return inside

    def pick(self, settings: Mapping[str, Any], row: int) -> dict[str, Any]:
        """Return one of many settings, as plain numbers."""
        values = {axis.name: settings[axis.name][row] for axis in self.axes}
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()} | self.fixed

    def smallest(self, place: np.ndarray, holds: Callable[[dict[str, Any]], bool], seed: int = 0) -> dict[str, Any]:
        """Shrink the setting at a place, for which ``holds`` is true, by Hypothesis: to small and simple numbers and first choices.

        The setting is handed over by a search in which it alone counts. The second search, over the whole space, starts from what the
        first one stored.
        """
        optional("hypothesis", "shrinking a counterexample", "refute")
        from hypothesis import HealthCheck, Phase, Verbosity, given, seed as seeded, settings, strategies
        from hypothesis.database import InMemoryExampleDatabase

        start = tuple(axis.entries(place[k : k + 1])[0].item() for k, axis in enumerate(self.axes))
        kinds = [strategies.floats if axis.real else strategies.integers for axis in self.axes]
        besides = [math.nextafter(e, math.inf) if axis.real else e + (1 if e >= 0 else -1) for e, axis in zip(start, self.axes, strict=True)]
        database, best = InMemoryExampleDatabase(), [start]

        def search(entries: list[Any], wanted: Callable[[Sequence[Any]], bool]) -> None:
            @settings(
                database=database, deadline=None, max_examples=1000, phases=(Phase.reuse, Phase.generate, Phase.shrink), report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck), verbosity=Verbosity.quiet,
            )  # fmt: skip
            @seeded(seed)
            @given(strategies.tuples(*entries))
            def test(point: tuple[Any, ...]) -> None:
                if wanted(point[: len(start)]):
                    best[:] = [point[: len(start)]]
                    raise _Found

            with suppress(_Found):
                test()

        def one(point: Sequence[Any]) -> dict[str, Any]:
            return self._written([np.array([entry]) for entry in point])

        search([kind(*sorted(pair)) for kind, *pair in zip(kinds, start, besides, strict=True)], lambda point: point == start)
        whole_space = [kind(axis.low, axis.high) for kind, axis in zip(kinds, self.axes, strict=True)]
        # one more number: a point that fits exactly would count as shrunk already
        search([*whole_space, strategies.booleans()], lambda point: bool(self.admits(one(point), 1)[0]) and holds(self.pick(one(point), 0)))
        return self.pick(one(best[0]), 0)


class _Found(Exception):
    """Stops a test of Hypothesis."""


def exactly(value: Any) -> Any:
    """Return a float as the fraction that it is written as: 0.1 is a tenth."""
    return Fraction(repr(value)) if isinstance(value, float) else value


def _boxed(choices: Sequence[Any]) -> np.ndarray:
    """Return choices as an array of numbers, or of objects."""
    if all(is_real(choice) for choice in choices):
        return np.array(choices)
    values = np.empty(len(choices), dtype=object)
    values[:] = choices
    return values


def _axis(name: str, values: Any) -> Axis:
    if not isinstance(values, tuple):
        if not values:
            raise InputError(f"the choices of {name} are empty; give at least one")
        return Axis(name, 0, len(values) - 1, tuple(values))
    if len(values) != 2 or not all(is_real(end) and math.isfinite(end) for end in values):
        raise InputError(f"{name} is {values!r}; give (low, high), a list of choices, or one value")
    low, high = values
    if low > high:
        raise InputError(f"{name} is {values!r}, whose ends are reversed; write ({high!r}, {low!r})")
    if isinstance(low, float) or isinstance(high, float):
        return Axis(name, float(low), float(high))
    return Axis(name, int(low), int(high))
