"""Cases: mappings from parameter to value, and the functions that are called on them."""

import difflib
import inspect
import itertools
import traceback
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from simulate.wording import describe
from theory.errors import DomainError, DriftlawError, InputError
from theory.inner_products import require_inner_products
from theory.problem import TaskSequence


@dataclass(frozen=True)
class Keywords:
    """Names of the keyword arguments that a function needs and may take; ``everything`` for ``**kwargs``."""

    needed: frozenset[str]
    optional: frozenset[str] = frozenset()
    everything: bool = False

    def pick(self, case: Mapping) -> dict[str, Any]:
        """Return the part of a case that the function takes."""
        return {key: value for key, value in case.items() if self.takes(key)}

    def takes(self, name: str) -> bool:
        """Whether the function takes an argument of this name."""
        return self.everything or name in self.needed | self.optional

    def without(self, names: Iterable[str]) -> "Keywords":
        """What is left to be given once ``names`` are."""
        return Keywords(self.needed.difference(names), self.optional.difference(names), self.everything)


def grid(**axes: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the cases of all combinations of the parameters' values, such as ``grid(p=(40, 60), n=range(5, 30))``.

    Examples
    --------
    >>> import driftlaw as dl
    >>> dl.grid(p=(40, 60), n=[10])
    [{'p': 40, 'n': 10}, {'p': 60, 'n': 10}]
    """
    for name, values in axes.items():
        if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
            raise InputError(f"the values of {name} are {values!r}; give a list or range, one of a single value for a fixed parameter")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def read_keywords(function: Callable, what: str) -> Keywords:
    """Read from its signature what a function takes; ``what`` names it in errors."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise InputError(f"{what} is {function!r}, whose arguments cannot be read; wrap it in a function with named arguments") from None
    needed, optional, everything = set(), set(), False
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            everything = everything or parameter.kind == parameter.VAR_KEYWORD
        elif parameter.kind == parameter.POSITIONAL_ONLY:
            raise InputError(f"{what} takes {parameter.name!r} by position only; cases are passed as keyword arguments, so name it")
        else:
            (needed if parameter.default is parameter.empty else optional).add(parameter.name)
    return Keywords(frozenset(needed), frozenset(optional), everything)


def check_cases(cases: Any, readers: Mapping[str, Keywords]) -> tuple[dict[str, Any], ...]:
    """Return the cases as dictionaries after comparing their keys with what functions of them read, by what they are called.

    Raises
    ------
    InputError
        If a case lacks what a function needs, has a key that none reads, or repeats another, which would count it twice.
    """
    cases = [cases] if isinstance(cases, Mapping) else list(cases)
    if not cases:
        raise InputError("cases is empty; give at least one mapping from parameter to value")
    first: dict[Any, int] = {}
    for index, case in enumerate(cases):
        if not isinstance(case, Mapping) or not all(isinstance(key, str) for key in case):
            raise InputError(f"case {index} is {case!r}; give a mapping from parameter name to value")
        for what, reads in readers.items():
            missing = sorted(reads.needed - set(case))
            if missing:
                raise InputError(
                    f"{place(index, case)}: {what} needs {missing[0]!r}, which the case lacks (it has {', '.join(case) or 'nothing'})"
                    f"{_nearest(missing[0], case)}; add it to the case or rename it there"
                )
        known = {key for reads in readers.values() for key in reads.needed | reads.optional}
        unread = [] if any(reads.everything for reads in readers.values()) else [key for key in case if key not in known]
        if unread:
            hint = _nearest(unread[0], known)
            names = [what.removeprefix("the ") for what in readers]
            none = f"neither {' nor '.join(names)} reads" if len(readers) > 1 else f"{names[0]} does not read"
            raise InputError(f"{place(index, case)}: {none} {unread[0]!r}{hint}; correct the name or drop it")
        if first.setdefault(_content(case), index) != index:
            raise InputError(f"{place(index, case)} repeats case {first[_content(case)]}, and would count twice; drop it")
    return tuple(dict(case) for case in cases)


def build_case(builder: Callable[[dict[str, Any]], TaskSequence], index: int, case: dict[str, Any]) -> TaskSequence:
    """Build the experiment of a case; errors of the builder, and of inner products that cannot be, name the case."""
    seq = call_case("build", builder, index, case)
    if not isinstance(seq, TaskSequence):
        raise InputError(f"{place(index, case)}: build returned a {type(seq).__name__}; it must return a theory.TaskSequence")
    call_case("build", lambda _: require_inner_products(seq), index, case)
    return seq


def under(seq: Any, *conditions: Any) -> Any:
    """Put other features and another rule in place of an experiment's own; each may be a function of it."""
    chosen: list[Any] = [choice(seq) if callable(choice) and not isinstance(choice, type) else choice for choice in conditions]
    return seq.under(*chosen) if isinstance(seq, TaskSequence) else seq


def call_case(what: str, function: Callable[[dict[str, Any]], Any], index: int, case: dict[str, Any], arithmetic: type[InputError] = InputError) -> Any:
    """Call a function on a case; its errors name the case, the file and the line.

    ``arithmetic`` is the class of the error that stands for a division by zero and its like.
    """
    try:
        return function(case)
    except DomainError:
        raise
    except DriftlawError as error:
        raise type(error)(f"{place(index, case)}: {error}") from error
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise (arithmetic if isinstance(error, ArithmeticError) else InputError)(
            f"{place(index, case)}: {what} raised {type(error).__name__}: {error} ({last.filename}, line {last.lineno}); correct it there"
        ) from error


def place(index: int, case: Mapping) -> str:
    """Name a case in errors."""
    return f"case {index} ({describe(case)})"


def _content(value: Any) -> Any:
    """Something to compare a case's values by: equal for equal numbers, arrays and lists."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Mapping):
        return frozenset((key, _content(entry)) for key, entry in value.items())
    return tuple(map(_content, value)) if isinstance(value, (list, tuple)) else value if isinstance(value, Hashable) else id(value)


def _nearest(name: str, choices: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
