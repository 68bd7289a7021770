"""A conjecture: a formula in any of three forms, and the experiments that it claims to describe.

Knows formulas and builders of experiments, no samples; `simulate.check` brings both together.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import sympy

from simulate.sample.methods import METHODS, REDUCED
from simulate.verdicts.cases import Keywords, build_case, call_case, check_cases, place, read_keywords, under
from simulate.verdicts.report import Kind
from theory.checks import is_real, known
from theory.errors import InputError
from theory.formula import Formula
from theory.problem import TaskSequence
from theory.quantities import Quantity
from theory.substitution import arrays, scalars, substitute

EXPECTATIONS = ("agree", "disagree")
RELATIONS = ("==", "<=", ">=")
CLAIMS_EXACTNESS = ("exact", "published")  # of Formula.status


class NoValue(InputError):
    """A formula has no finite real value in a case, which is no mistake where the expectation is infinite too."""


@dataclass(frozen=True)
class Conjecture:
    """What is claimed, of which quantity, in which experiments.

    Parameters
    ----------
    name : str
    quantity : str or callable
        The quantity, as `simulate.Simulation.per_trial` takes it.
    cases : tuple of dict
        One value for every parameter of formula and builder.
    formula : callable
        Maps a case to the formula's value.
    builder : callable
        Maps a case to a `theory.TaskSequence`.
    expected : {"agree", "disagree"}
    exact : bool
        Whether the formula claims to be exact, so that a disagreement is a failure.
    kind : Kind
        What kind of statement it is, and the sampler it asks for.
    against : callable, optional
        Maps a case to the experiment on the right; the formula is 0 then.
    rules : tuple of type
        Rules that a `theory.Formula` speaks of beside the least step.
    own_builder : callable, optional
        Of a `theory.Formula`, all of which assume standard normal features, and least steps unless they name other rules: maps a case to
        the experiment as the builder says it, before other features or another rule are put in.
    label : str
        How to call what the experiments do otherwise; made of it by default.
    """

    name: str
    quantity: str | Quantity | Callable
    cases: tuple[dict[str, Any], ...]
    formula: Callable[[dict[str, Any]], Any]
    builder: Callable[[dict[str, Any]], TaskSequence]
    expected: str = "agree"
    exact: bool = True
    kind: Kind = Kind()
    against: Callable[[dict[str, Any]], TaskSequence] | None = None
    rules: tuple[type, ...] = ()
    own_builder: Callable[[dict[str, Any]], TaskSequence] | None = None
    label: str = ""

    @property
    def sizes(self) -> tuple[dict[str, Any], ...]:
        """What is added to a case to make an experiment of it: a size for each of those that a limit is taken along, else nothing once."""
        return tuple({name: size} for name, sizes in (self.kind.along or {}).items() for size in sizes) or ({},)

    def value(self, index: int, size: Mapping[str, Any] = {}) -> float:
        """Compute the formula's value in case ``index``, at one of `sizes`.

        Raises
        ------
        DomainError
            Where the formula says that it has no value.
        NoValue
            Where the value is no finite real number; names the case and the value.
        InputError
            Where the formula fails otherwise; names the case, the file and the line.
        """
        case = {**self.cases[index], **size}
        value = call_case("the formula", self.formula, index, case, NoValue)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise NoValue(
                f"{place(index, case)}: the formula {self.name!r} has the value {value!r}, which is no finite "
                "real number; correct the formula or leave out the case"
            )
        return number

    def sequence(self, index: int, size: Mapping[str, Any] = {}) -> TaskSequence:
        """Build the experiment of case ``index``, at one of `sizes`; errors of the builder name the case."""
        return build_case(self.builder, index, {**self.cases[index], **size})

    def rival(self, index: int, size: Mapping[str, Any] = {}) -> TaskSequence | None:
        """Build the experiment on the right, if there is one."""
        return build_case(self.against, index, {**self.cases[index], **size}) if self.against else None


def conjecture(
    formula: Any = None,
    quantity: str | Quantity | Callable | None = None,
    build: Callable | None = None,
    cases: Iterable[Mapping] | Mapping | None = None,
    *,
    name: str | None = None,
    expected: str = "agree",
    exact: bool | None = None,
    features: Any = None,
    solver: Any = None,
    risk: str | None = None,
    label: str = "",
    relation: str = "==",
    against: Callable | None = None,
    along: Mapping[str, Iterable[Any]] | None = None,
    rate: float | Iterable[float] = (1, 2),
    pathwise: bool = False,
    method: str = "direct",
) -> Conjecture:
    """Make a `Conjecture` of a SymPy expression, a callable or a `theory.Formula`; see `simulate.check` for the arguments.

    Raises
    ------
    InputError
        If a part is missing, a case lacks a parameter, a case has a key that nothing reads, or parts do not go together.
    """
    if (formula is None) == (against is None):
        what = "neither formula nor against" if formula is None else "both formula and against"
        raise InputError(f"there is {what}; give what the quantity is compared with: formula=..., or a second builder as against=...")
    if isinstance(formula, Formula):
        quantity, build = quantity or formula.quantity, build or formula.build
    cases = [{}] if cases is None and along else cases
    if quantity is None or build is None or cases is None:
        absent = "quantity" if quantity is None else "build" if build is None else "cases"
        raise InputError(f"{absent} is missing; give {absent}=... (only a theory.Formula brings its own quantity and build)")
    for what, builder in {"build": build, "against": against or build}.items():
        if not callable(builder):
            raise InputError(f"{what} is {builder!r}; give a function that makes a TaskSequence of a case's keyword arguments")
    if name is not None and not isinstance(name, str):
        raise InputError(f"name is {name!r}; give text")
    for what, said in {"exact": exact, "pathwise": pathwise}.items():
        if said is not None and not isinstance(said, bool):
            raise InputError(f"{what} is {said!r}; give True or False, or leave it out")
    if expected not in EXPECTATIONS:
        raise InputError(f"expected is {expected!r}; choose one of {EXPECTATIONS}")
    if exact is None:
        exact = formula.status in CLAIMS_EXACTNESS if isinstance(formula, Formula) else True
    if relation not in RELATIONS and str(relation)[::-1] in RELATIONS:  # the nearest spelling may mean the opposite
        raise InputError(f"unknown relation {relation!r} (did you mean {str(relation)[::-1]!r}?)")
    known(relation, RELATIONS, "relation")
    known(method, METHODS, "method")
    if pathwise and (relation == "==" or against or along):
        raise InputError("pathwise compares every draw with a bound; give formula=... and relation='<=' or '>=', and neither against nor along")
    if against and method in REDUCED:
        raise InputError(f"method is {method!r}, whose experiments do not share draws, and an ordering is judged on shared ones; use method='direct'")
    readers = {"build": read_keywords(build, "build")}
    builder, other, default_name = _conditioned(build, readers["build"], features, solver, risk), None, ""
    rules, own = (formula.rules, _conditioned(build, readers["build"])) if isinstance(formula, Formula) else ((), None)
    if against is None:
        value, readers["the formula"], default_name = _readable(formula)
    else:
        value, readers["against"] = lambda case: 0, read_keywords(against, "against")
        other = _conditioned(against, readers["against"], features, solver, risk)
        default_name = f"{_called(build, 'build')} {relation} {_called(against)}"
    cases = [cases] if isinstance(cases, Mapping) else list(cases)
    sizes, powers = _limit(along, rate, readers, cases) if along is not None else (None, ())
    readers = {what: reads.without(sizes or ()) for what, reads in sorted(readers.items(), reverse=True)}
    kind = Kind(relation, _called(against) if against else None, sizes, powers, pathwise, "direct" if against else method)
    return Conjecture(name or default_name, quantity, check_cases(cases, readers), value, builder, expected, exact, kind, other, rules, own, label)


def _called(builder: Callable, otherwise: str = "the other") -> str:
    """What to call a builder of experiments."""
    name = getattr(builder, "__name__", "<lambda>")
    return otherwise if name == "<lambda>" else name


def _conditioned(build: Callable, reads: Keywords, *conditions: Any) -> Callable[[dict[str, Any]], TaskSequence]:
    """Let a builder pick what it reads from a case, and put the conditions of the statement in place of the experiment's."""
    return functools.wraps(build)(lambda case: under(build(**reads.pick(case)), *conditions))


def _limit(along: Any, rate: Any, readers: Mapping[str, Keywords], cases: list[Any]) -> tuple[dict[str, tuple[Any, ...]], tuple[float, ...]]:
    """Check what a limit is taken along, and the powers in which the gap falls."""
    if not isinstance(along, Mapping) or len(along) != 1:
        raise InputError(f'along is {along!r}; give one parameter and its sizes, such as {{"p": (50, 100, 200, 400)}}')
    ((name, values),) = along.items()
    sizes, powers = (tuple(given) if isinstance(given, Iterable) else (given,) for given in (values, rate))
    if not all(is_real(size) and size > 0 for size in sizes) or any(low >= high for low, high in itertools.pairwise(sizes)):
        raise InputError(f"the sizes of {name} are {sizes}; give positive numbers from small to large, each once")
    if not powers or not all(is_real(power) and power > 0 for power in powers) or len(set(powers)) < len(powers):
        raise InputError(f"rate is {rate!r}; give the powers of 1/{name} in which the gap falls, positive and each once, such as 1 or (1, 2)")
    if len(sizes) < (least := max(4, len(powers) + 2)):
        raise InputError(f"along gives {len(sizes)} sizes of {name}; give at least {least}, of which one tests the fit of {len(powers) + 1} terms")
    if not any(reads.takes(name) for what, reads in readers.items() if what != "the formula"):
        raise InputError(f"along gives sizes of {name!r}, which build does not read; name a parameter of build")
    for index, case in enumerate(cases):
        if isinstance(case, Mapping) and name in case:
            raise InputError(f"{place(index, case)}: along gives the sizes of {name!r}, and the case gives one too; drop it from the case")
    return {name: sizes}, powers


def _readable(formula: Any) -> tuple[Callable[[dict], Any], Keywords, str]:
    """Return how to evaluate the formula in a case, what it reads there, and its name."""
    if isinstance(formula, Formula):
        reads = Keywords(frozenset(str(parameter) for parameter in formula.parameters))
        return lambda case: formula(**reads.pick(case)), reads, formula.name
    if isinstance(formula, (sympy.Expr, Real)) and not isinstance(formula, bool):
        expression = sympy.sympify(formula)
        reads = Keywords(frozenset(scalars(expression)) | frozenset(arrays(expression)))
        text = str(formula)
        return lambda case: substitute(expression, case), reads, text if len(text) <= 40 else "formula"
    if callable(formula) and not isinstance(formula, sympy.Basic):
        reads = read_keywords(formula, "the formula")
        name = getattr(formula, "__name__", type(formula).__name__)
        return lambda case: formula(**reads.pick(case)), reads, "formula" if name == "<lambda>" else name
    raise InputError(
        f"the formula is {formula!r} of type {type(formula).__name__}; give a SymPy expression, a function of a case's keyword "
        "arguments or a theory.Formula (sympy.sympify turns text into an expression)"
    )
