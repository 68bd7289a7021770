"""A closed form as a value: expression, named intermediates, parameters, domain, assumptions, source.

Calling a formula gives a float or an error that says which inequality failed; it never returns nan, infinity or the
huge number beside a pole.
"""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import sympy
from sympy.tensor.indexed import Indexed, IndexedBase

from theory.errors import DomainError, InputError
from theory.problem import TaskSequence

STATUSES = ("exact", "published", "reconstructed", "approximate", "limit")


@dataclass(frozen=True)
class Condition:
    """An inequality or equation between a formula's parameters, and why it is needed."""

    relation: Any
    reason: str

    def holds(self, values: Mapping[Any, Any]) -> bool:
        """Whether the relation is true at numeric ``values`` (keyed by symbol)."""
        left, right = (float(side.subs(values)) for side in (self.relation.lhs, self.relation.rhs))
        if isinstance(self.relation, sympy.Equality):
            return abs(left - right) <= 1e-9 * max(abs(left), abs(right))
        return bool(self.relation.func(left, right))


@dataclass(frozen=True)
class Formula:
    """A closed form for one expected quantity of a task sequence.

    Parameters
    ----------
    name : str
        Unique, in snake case.
    statement : str
        What the formula says, in words; names the condition first where it holds only under one.
    expression : sympy.Expr
        Exact (no floats); may use the symbols of ``intermediates``.
    parameters : mapping of str to str
        Name of each free symbol to its meaning. A meaning that starts with "list" or "matrix" is an array counted
        from 1 in the expression (`sympy.IndexedBase`) and from 0 in a case.
    quantity : str or None
        The quantity that it gives, as in ``Simulation.estimate`` ("deviation", "forgetting", ...).
    build : callable or None
        Maps a case (keyword arguments) to the TaskSequence that the formula speaks of.
    intermediates : tuple of (Symbol, Expr)
        Named parts in the order of definition; later ones may use earlier ones.
    domain : tuple of Condition
        Where the value is finite.
    normal_domain : tuple of Condition
        Where moments above the fourth exist, so that a normal interval around a simulated mean can be trusted.
    exact_when : tuple of Condition
        Beyond the domain, the conditions under which the value is the true expectation.
    source, status, assumptions
        Where it comes from, one of "exact", "published", "reconstructed", "approximate", "limit" (of growing dimensions), and what it takes for granted.
    uses : tuple of str
        What it rests on: names of laws and facts (`theory.law.BASIS`) and of other formulas. The tests break each of ours, and see
        that exactly those fail which name it.
    rules : tuple of type
        Training rules beside the least step that it speaks of, such as ``(Ridge,)``; which of them a task has, ``build`` says.

    Examples
    --------
    >>> import sympy
    >>> import driftlaw as dl
    >>> n, p = sympy.symbols("n p", positive=True)
    >>> first = dl.Formula(
    ...     name="first_error",
    ...     statement="Error after one task without noise, of a truth of length 1.",
    ...     expression=1 - n / p,
    ...     parameters={"n": "number of samples", "p": "number of parameters"},
    ...     source="projection on a random subspace",
    ...     status="exact",
    ...     quantity="error[0,0]",
    ...     build=lambda n, p: dl.one_block(p, (n,), noise=0, gram=[[1]]),
    ... )
    >>> first(n=5, p=20)
    0.75
    >>> dl.check(first, cases=dl.grid(n=[5], p=[20, 40])).verdict
    'agree'
    """

    name: str
    statement: str
    expression: sympy.Expr
    parameters: Mapping[str, str]
    source: str
    status: str
    quantity: str | None = None
    build: Callable[..., TaskSequence] | None = None
    intermediates: tuple[tuple[sympy.Symbol, sympy.Expr], ...] = ()
    domain: tuple[Condition, ...] = ()
    normal_domain: tuple[Condition, ...] = ()
    exact_when: tuple[Condition, ...] = ()
    assumptions: tuple[str, ...] = field(default=())
    uses: tuple[str, ...] = ()
    rules: tuple[type, ...] = ()

    products: ClassVar[tuple[tuple[str, str, str], ...]] = ()  # parameters that are inner products, with the squared lengths that bound them
    parts: ClassVar[tuple[tuple[str, str], ...]] = ()  # parameters that are at most another one

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise InputError(f"formula {self.name}: status is {self.status!r}; choose one of {', '.join(STATUSES)}")
        # Looked for in the parts: putting all of the ledger's intermediates in costs seconds, and most are not asked for.
        parts, symbols = [self.expression], set(self.expression.free_symbols)
        for symbol, definition in reversed(self.intermediates):
            if symbol in symbols:
                parts.append(definition)
                symbols = symbols - {symbol} | definition.free_symbols
        floats = [number for part in parts for number in part.atoms(sympy.Float)]
        if floats:
            raise InputError(f"formula {self.name} holds the float {floats[0]}; write it as sympy.Rational")
        unknown = {_label(s) for s in symbols if not isinstance(s, Indexed)} - set(self.parameters)
        if unknown:
            raise InputError(f"formula {self.name} uses {sorted(unknown)}, which parameters does not explain; add them")

    @cached_property
    def expanded(self) -> sympy.Expr:
        """The expression in its parameters alone."""
        return self.in_parameters(self.expression)

    def in_parameters(self, expression: Any) -> Any:
        """Return an expression or relation with the named intermediates put in."""
        for symbol, definition in reversed(self.intermediates):
            expression = expression.xreplace({symbol: definition})
        return expression

    def intermediate_values(self, **case: Any) -> dict[str, float]:
        """Evaluate the named intermediates at a case, in the order of definition."""
        values = self._values(case)
        self._require_domain(values)
        known: dict[Any, Any] = {}
        result = {}
        for symbol, definition in self.intermediates:
            known[symbol] = definition.xreplace(known)
            result[str(symbol)] = float(sympy.lambdify(self.arguments, known[symbol], modules="math")(*_padded(values)))
        return result

    @cached_property
    def arguments(self) -> list[Any]:
        """Symbols and arrays of the parameters, in their order; real where neither expression nor domain uses one."""
        bases = {_label(base): base for base in self.expanded.atoms(IndexedBase)}
        used = self.expanded.free_symbols.union(*(relation.free_symbols for relation in self._domain_in_parameters))
        symbols = {_label(s): s for s in used if s.is_Symbol and _label(s) not in bases}
        return [bases.get(name) or symbols.get(name) or sympy.Symbol(name, real=True) for name in self.parameters]

    @cached_property
    def _domain_in_parameters(self) -> list[Any]:
        return [self.in_parameters(condition.relation) for condition in self.domain]

    @cached_property
    def _function(self) -> Callable[..., float]:
        return sympy.lambdify(self.arguments, self.expanded, modules="math")

    def __call__(self, **case: Any) -> float:
        """Evaluate the formula at a case.

        Keys that are no parameters are ignored, so that a case may also carry what ``build`` needs.

        Raises
        ------
        InputError
            For a missing parameter.
        DomainError
            Names the inequality that fails and the values in it.
        """
        values = self._values(case)
        self._require_domain(values)
        value = float(self._function(*_padded(values)))
        if not math.isfinite(value):
            raise DomainError(f"formula {self.name} is beyond the range of floating point at {case}; give smaller numbers")
        return value

    def _values(self, case: Mapping[str, Any]) -> dict[str, Any]:
        missing = [name for name in self.parameters if name not in case]
        if missing:
            needed = ", ".join(f"{name!r} ({self.parameters[name]})" for name in missing)
            near = {name: found for name in missing for found in difflib.get_close_matches(name, case.keys() - self.parameters.keys(), n=1)}
            hint = "".join(f" (is {found!r} meant to be {name!r}?)" for name, found in near.items())
            raise InputError(f"formula {self.name} needs {needed}; the case has {', '.join(sorted(case)) or 'nothing'}{hint}")
        values = {name: case[name] for name in self.parameters}
        for name, argument in zip(self.parameters, self.arguments, strict=True):
            self._require_meaningful(name, argument, values[name])
        self.require_possible(values)
        return values

    def require_possible(self, values: Mapping[str, Any]) -> None:
        """Refuse parameters that cannot stand beside each other; a formula by itself knows of no such ones."""

    def _require_meaningful(self, name: str, argument: Any, value: Any) -> None:
        """Refuse what the parameter cannot be: text, NaN, a fraction of a sample, a negative length."""
        try:
            numbers = np.asarray(value, dtype=float)
            if isinstance(value, str):
                raise TypeError
        except (TypeError, ValueError):
            raise InputError(f"formula {self.name}: {name} is {value!r}; give a number ({self.parameters[name]})") from None
        if not np.all(np.isfinite(numbers)):
            raise InputError(f"formula {self.name}: {name} is {value!r}; give finite numbers ({self.parameters[name]})")
        if isinstance(argument, IndexedBase):
            matrix = self.parameters[name].startswith("matrix")
            if numbers.ndim != (2 if matrix else 1) or (matrix and numbers.shape[0] != numbers.shape[1]):
                wanted = "square matrix" if matrix else "list"
                raise InputError(f"formula {self.name}: {name} has shape {numbers.shape}; give a {wanted} ({self.parameters[name]})")
            return
        if numbers.ndim:
            raise InputError(f"formula {self.name}: {name} is {value!r}; give one number ({self.parameters[name]})")
        whole, least = argument.is_integer, 1 if argument.is_integer and argument.is_positive else 0 if argument.is_nonnegative else -np.inf
        if (whole and numbers != np.floor(numbers)) or numbers < least:
            wanted = "a whole number" if whole else "a number"
            raise InputError(f"formula {self.name}: {name} is {value!r}; give {wanted} of at least {least} ({self.parameters[name]})")

    def _require_domain(self, values: Mapping[str, Any]) -> None:
        scalars = {name: _plain_number(value) for name, value in values.items() if np.ndim(value) == 0}
        for condition, relation in zip(self.domain, self._domain_in_parameters, strict=True):
            used = {s: scalars[_label(s)] for s in relation.free_symbols if _label(s) in scalars}
            if not Condition(relation, condition.reason).holds(used):
                shown = ", ".join(f"{s} = {v:g}" for s, v in sorted(used.items(), key=lambda item: str(item[0])))
                raise DomainError(f"formula {self.name} needs {condition.relation} ({condition.reason}); here {shown}")


@dataclass(frozen=True)
class Family:
    """A formula and the cases at which `simulate.check` tests it.

    Parameters
    ----------
    expected : {"agree", "disagree"}
        What the check should find; "disagree" for a form outside the condition under which it is exact.
    note : str
        What the family shows.
    """

    name: str
    formula: Formula
    cases: tuple[Mapping[str, Any], ...]
    note: str
    expected: str = "agree"


def _padded(values: Mapping[str, Any]) -> list[Any]:
    """Arguments in the order of the parameters; arrays shifted by one, since expressions count from 1."""
    return [np.pad(np.asarray(v, dtype=float), [(1, 0)] * np.ndim(v)) if np.ndim(v) else _plain_number(v) for v in values.values()]


def _label(symbol: Any) -> str:
    return str(symbol.label) if isinstance(symbol, IndexedBase) else str(symbol)


def _plain_number(value: Any) -> Any:
    return int(value) if isinstance(value, (int, np.integer)) else float(value)
