"""Spaces of settings: which values parameters may take, and which of them together. Knows no law.

A space is read from a mapping: ``(5, 60)`` are whole numbers with both ends, ``(0.0, 1.0)`` real ones, a list is a choice,
anything else one value.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import numpy as np

from theory.checks import is_real, optional
from theory.errors import InputError, NoClosedForm


@dataclass(frozen=True)
class Axis:
    """The values of one parameter: whole or real numbers from ``low`` to ``high``, or the choices at those places."""

    name: str
    low: Any
    high: Any
    choices: tuple[Any, ...] | None = None

    @property
    def real(self) -> bool:
        """Whether the values are real numbers."""
        return isinstance(self.low, float)

    def numbers(self, places: np.ndarray) -> np.ndarray:
        """Return the numbers at places in [0, 1]; both ends are reached."""
        if self.real:
            return np.clip(self.low + places * (self.high - self.low), self.low, self.high)
        return np.minimum(self.low + (places * (self.high - self.low + 1)).astype(np.int64), self.high)

    def values(self, numbers: np.ndarray) -> np.ndarray:
        """Return what the parameter is there: the numbers themselves, or choices."""
        if self.choices is None:
            return numbers
        if all(map(is_real, self.choices)):
            return np.array(self.choices)[numbers]
        return np.fromiter((self.choices[k] for k in numbers), dtype=object, count=len(numbers))


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
    def read(cls, given: Any, constraint: Any = None) -> "Space":
        """Read a mapping from parameter to its values.

        Raises
        ------
        InputError
            If there is none, nothing varies, ends are reversed or no numbers, a choice is empty, or a constraint reads what is no parameter.
        """
        if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
            raise InputError(f"space is {given!r}; give a mapping from parameter to its values, such as {{'p': (5, 60), 'sigma': (0.0, 1.0)}}")
        constraints = () if constraint is None else tuple(constraint) if isinstance(constraint, Sequence) else (constraint,)
        for one in constraints:
            unknown = [name for name in (inspect.signature(one).parameters if callable(one) else ["nothing"]) if name not in given]
            if unknown:
                raise InputError(f"the constraint {one!r} reads {unknown[0]!r}; give a function of parameters of the space: {', '.join(given)}")
        varies = {name: values for name, values in given.items() if isinstance(values, (tuple, list, range))}
        if not varies:
            raise InputError(f"the space {given!r} is a single setting; let a parameter vary, or check that case")
        return cls(tuple(_axis(*item) for item in varies.items()), {name: given[name] for name in given if name not in varies}, constraints)

    def at(self, places: np.ndarray) -> dict[str, Any]:
        """Return the settings at places in [0, 1], shape (N, number of axes): N values of each parameter that varies."""
        return self.written([axis.numbers(column) for axis, column in zip(self.axes, places.T, strict=True)])

    def written(self, numbers: Sequence[Any]) -> dict[str, Any]:
        """Return the settings at numbers, an array for each axis."""
        return {axis.name: axis.values(np.asarray(own)) for axis, own in zip(self.axes, numbers, strict=True)} | self.fixed

    def pick(self, settings: Mapping[str, Any], row: int = 0) -> dict[str, Any]:
        """Return one of many settings, as plain numbers."""
        values = {axis.name: settings[axis.name][row] for axis in self.axes}
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()} | self.fixed

    def admits(self, settings: Mapping[str, Any]) -> np.ndarray:
        """Whether each of many settings meets the constraints."""
        reads = [(one, inspect.signature(one).parameters) for one in self.constraints]

        def inside(some: Mapping[str, Any], count: int) -> np.ndarray:
            found = [np.asarray(one(**{name: some[name] for name in names}), dtype=bool) for one, names in reads]
            return np.logical_and.reduce(np.broadcast_arrays(np.ones(count, dtype=bool), *found))

        return self.evaluate(inside, settings)

    def evaluate(self, function: Callable[[Mapping[str, Any], int], np.ndarray], settings: Mapping[str, Any]) -> np.ndarray:
        """Call a function on many settings: all at once, or on halves where that fails, down to single ones as plain numbers.

        Parameters
        ----------
        function : callable
            Maps settings and their number N to an array of shape (..., N).
        settings : mapping

        Raises
        ------
        InputError
            If it fails at a single setting, which is named.
        """
        count = len(settings[self.axes[0].name])
        if count == 1:
            try:
                return function(self.pick(settings), 1)
            except NoClosedForm:
                raise
            except Exception as error:
                raise InputError(f"at {self.pick(settings)}: {error}; correct it, or leave such settings out by a constraint") from error
        try:
            return function(settings, count)
        except Exception:  # a function that takes no arrays, or a setting that is none
            halves = slice(count // 2), slice(count // 2, None)
            parts = ({**settings, **{axis.name: settings[axis.name][half] for axis in self.axes}} for half in halves)
            return np.concatenate([self.evaluate(function, part) for part in parts], axis=-1)

    def smallest(self, place: np.ndarray, holds: Callable[[dict[str, Any]], bool], seed: int = 0) -> dict[str, Any]:
        """Shrink the setting at a place, for which ``holds`` is true, by Hypothesis: to small and simple numbers and first choices.

        The setting is handed over by a search in which it alone counts. The second search, over the whole space, starts from what the
        first one stored.
        """
        optional("hypothesis", "shrinking a counterexample", "refute")
        from hypothesis import HealthCheck, Phase, Verbosity, given, seed as seeded, settings, strategies
        from hypothesis.database import InMemoryExampleDatabase

        quick = settings(
            database=InMemoryExampleDatabase(), deadline=None, max_examples=1000, phases=(Phase.reuse, Phase.generate, Phase.shrink),
            report_multiple_bugs=False, suppress_health_check=cast(Any, list(HealthCheck)), verbosity=Verbosity.quiet,
        )  # fmt: skip
        best = [axis.numbers(place[k : k + 1])[0].item() for k, axis in enumerate(self.axes)]
        start, kinds = tuple(best), [cast(Any, strategies.floats if axis.real else strategies.integers) for axis in self.axes]

        def search(entries: list[Any], wanted: Callable[[Sequence[Any]], bool]) -> None:
            @quick
            @seeded(seed)
            @given(strategies.tuples(*entries))
            def test(numbers: tuple[Any, ...]) -> None:
                if wanted(numbers[: len(start)]):
                    best[:] = numbers[: len(start)]
                    raise _Found

            with suppress(_Found):
                test()

        def allowed(numbers: Sequence[Any]) -> bool:
            one = self.written([[number] for number in numbers])
            return bool(self.admits(one)[0]) and holds(self.pick(one))

        beside = [math.nextafter(k, math.inf) if isinstance(k, float) else k + (1 if k >= 0 else -1) for k in start]
        search([kind(min(pair), max(pair)) for kind, *pair in zip(kinds, start, beside, strict=True)], lambda numbers: numbers == start)
        # one more number than there is: what fits exactly would count as shrunk already
        search([*(kind(axis.low, axis.high) for kind, axis in zip(kinds, self.axes, strict=True)), strategies.booleans()], allowed)
        return self.pick(self.written([[number] for number in best]))


class _Found(Exception):
    """Stops a test of Hypothesis."""


def exactly(value: Any) -> Any:
    """Return a float as the fraction that it is written as: 0.1 is a tenth."""
    return Fraction(repr(value)) if isinstance(value, float) else value


def _axis(name: str, values: Any) -> Axis:
    if isinstance(values, range) and values and values.step == 1:
        values = values[0], values[-1]  # a choice of a million is slow
    if not isinstance(values, tuple) and values:
        return Axis(name, 0, len(values) - 1, tuple(values))
    if len(values) != 2 or not all(is_real(end) and math.isfinite(end) for end in values):
        raise InputError(f"{name} is {values!r}; give (low, high), a list of choices, or one value")
    low, high = values
    if low > high:
        raise InputError(f"{name} is {values!r}, whose ends are reversed; write ({high!r}, {low!r})")
    return Axis(name, float(low), float(high)) if isinstance(low, float) or isinstance(high, float) else Axis(name, int(low), int(high))
