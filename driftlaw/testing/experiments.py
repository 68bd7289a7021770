"""Hypothesis strategies for experiments and for cases of formulas: exact numbers, at a distance from thresholds, shrinking to the smallest.

Nothing is drawn to be thrown away: numbers that bound one another are drawn one after another, each within what the others leave.
"""

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from functools import cache, cached_property
from typing import Any, cast

import numpy as np
import sympy
from hypothesis import assume, strategies as st
from hypothesis.strategies import SearchStrategy

from theory.checks import known
from theory.conditions import FeatureLaw, MinNorm, Rule, StandardNormal
from theory.errors import DriftlawError, InputError
from theory.formula import Formula
from theory.problem import PREVIOUS, ZERO, Task, TaskSequence

OVER, UNDER = "over", "under"
HALF = Fraction(1, 2)
MARGIN = 8  # beyond a normal domain, at whose border tails are so heavy that a sample takes minutes
ROOM = 3  # parameters that a sampler needs for truths that span up to three dimensions

numbers: SearchStrategy[Fraction] = st.fractions(-3, 3, max_denominator=4)
positive_numbers: SearchStrategy[Fraction] = st.fractions(Fraction(1, 4), 3, max_denominator=4)


def sample_counts(dimension: int, *, regimes: Collection[str] = (OVER, UNDER), gap: int = 2) -> SearchStrategy[int]:
    """Numbers of samples of a task that trains ``dimension`` parameters.

    Parameters
    ----------
    dimension : int
    regimes : collection of {"over", "under"}
        Sides of the interpolation threshold: fewer samples than parameters, or more (up to twice as many).
    gap : int
        Least |n - d|: expectations of noisy steps are finite from 2 on, and `simulate.check` can judge them from 8 on.

    Notes
    -----
    0 is among the overparameterised counts: there is no step, so no threshold either. It is drawn, but not shrunk to.
    """
    for regime in regimes:
        known(regime, (OVER, UNDER), "regime")
    over = [*range(1, dimension - gap + 1), 0] if OVER in regimes else []
    under = range(dimension + gap, 2 * dimension + 2 * gap) if UNDER in regimes else ()
    return st.sampled_from([*over[:-1], *under, *over[-1:]])


def inner_products(count: int, size: int = 3) -> SearchStrategy[list[list[Fraction]]]:
    """Gram matrices of ``count`` vectors with ``size`` entries, as ``TaskSequence(gram=...)`` and most builders take them."""
    vectors = st.lists(st.lists(numbers, min_size=size, max_size=size), min_size=count, max_size=count)
    return vectors.map(lambda drawn: [[_dot(left, right) for right in drawn] for left in drawn])


@st.composite
def task_sequences(
    draw: st.DrawFn,
    *,
    tasks: tuple[int, int] = (2, 4),
    blocks: tuple[int, int] = (1, 3),
    dimension: tuple[int, int] = (1, 12),
    regimes: Collection[str] = (OVER, UNDER),
    gap: int = 2,
    memory: int = 0,
    starts: Sequence[str] = (PREVIOUS, ZERO),
    scales: Sequence[Any] = (1, 1, HALF, Fraction(5, 4), 0),
    noises: Sequence[Any] = (0, 1, HALF, Fraction(2, 3)),
    every_block: bool = False,
    vectors: bool = False,
    features: Sequence[FeatureLaw] | SearchStrategy[FeatureLaw] = (StandardNormal(),),
    rules: Sequence[Rule] | SearchStrategy[Rule] = (MinNorm(),),
    exact: bool = True,
) -> TaskSequence:
    """Experiments; by default all that the exact law covers. The smallest has two tasks with one sample each, on one block.

    Parameters
    ----------
    tasks, blocks, dimension : pair of int
        Least and most tasks, blocks, and parameters of each block. Blocks are called "a", "b", ...
    regimes, gap
        Of every step, as in `sample_counts`. Blocks have more than ``gap`` parameters where all steps are overparameterised.
    memory : int
        Most stored samples of each earlier task. Above 0, experiments are such that a law exists: overparameterised full steps on
        all blocks, and a task stores nothing that the task before it has not seen.
    starts : sequence of {"previous", "zero"}
        Where blocks may start.
    scales : sequence of number
        Shares of the full step that may be taken; (1,) for steps that fit the data.
    noises : sequence of number
        Standard deviations of label noise.
    every_block : bool
        Whether every task uses and trains every block.
    vectors : bool
        Whether truths are vectors of whole numbers; otherwise they are given by their inner products.
    features, rules : sequence or strategy
        Feature laws and training rules, one of each for all tasks of an experiment.
    exact : bool
        Whether numbers are fractions, for which laws are exact; otherwise floats.

    Examples
    --------
    >>> from hypothesis import given
    >>> from theory import expected_errors
    >>> @given(task_sequences(regimes=("over",), scales=(1,)))
    ... def test_errors_are_not_negative(seq):
    ...     assert expected_errors(seq).errors.min() >= 0
    """
    number = Fraction if exact else float
    every_block, regimes = every_block or memory > 0, (OVER,) if memory else regimes
    floor = 1 if UNDER in regimes else gap + 1
    names = [chr(ord("a") + number) for number in range(draw(st.integers(*blocks)))]
    sizes = {name: draw(st.integers(*(max(bound, floor) for bound in dimension))) for name in names}
    made: list[Task] = []
    for t in range(draw(st.integers(*tasks))):
        used = names if every_block else [name for name in names if draw(st.booleans())] or names[:1]
        train = used if every_block else [name for name in used if draw(st.integers(0, 2))] or used[-1:]
        trained = sum(sizes[name] for name in train)
        if memory:
            samples = draw(st.integers(1, trained - gap))
            seen = {**(made[-1].memory or {}), t - 1: made[-1].samples} if t else {}
            stored = draw(_memories(seen, memory, trained - gap - samples))
            start = dict.fromkeys(train, draw(st.sampled_from(starts)))
        else:
            samples, stored = draw(sample_counts(trained, regimes=regimes, gap=gap)), None
            start = {name: draw(st.sampled_from(starts)) for name in train}
        truth = {name: [draw(st.integers(-2, 2)) for _ in range(sizes[name])] if vectors else f"{name}_{t}" for name in used}
        scale = dict.fromkeys(train, 1) if memory else {name: number(draw(st.sampled_from(scales))) for name in train}
        made.append(Task(samples, number(draw(st.sampled_from(noises))), truth, tuple(train), start, scale, memory=stored))
    gram = None if vectors else {name: [[number(entry) for entry in row] for row in draw(inner_products(len(made)))] for name in names}
    return TaskSequence(sizes, made, gram, draw(_choice(features)), draw(_choice(rules)))


@st.composite
def _memories(draw: st.DrawFn, seen: Mapping[int, int], most: int, room: int) -> dict[int, int]:
    """Stored samples of the tasks ``seen``, at most ``most`` of each and ``room`` in all."""
    stored: dict[int, int] = {}
    for task, count in seen.items():
        stored[task] = draw(st.integers(0, min(count, most, room - sum(stored.values()))))
    return {task: count for task, count in stored.items() if count}


def cases(
    formula: Formula, *, given: Mapping[str, Any] | None = None, normal: bool = False, tasks: int = 4, largest: int = 12
) -> SearchStrategy[dict[str, Any]]:
    """Cases of a formula of the catalogue, or of a `theory.Formula` of your own, in its domain.

    Parameters
    ----------
    formula : theory.Formula
        Linear inequalities between its whole numbers, on both sides of each |n - d| > 1, hold by construction; other conditions are met
        by a search, and the few cases that remain outside are drawn again. A domain that is hard to meet shows in Hypothesis' health
        check; give the parameters that it binds then.
    given : mapping of str to value or strategy
        For parameters that are to be drawn otherwise, and for what ``build`` takes beside the formula's parameters.
    normal : bool
        Whether to stay where `simulate.check` can judge soon: inside the formula's ``normal_domain`` by 8 more (|n - d| of 16, mostly),
        truths and noise of like size, and blocks with room for the truths.
    tasks : int
        Most tasks: "T", and the length of lists.
    largest : int
        How far whole numbers go beyond the least possible.

    Notes
    -----
    Squared lengths, distances and inner products are those of vectors of whole numbers; standard deviations are whole numbers up to 3.
    Lists are taken for squared lengths of the tasks' truths, matrices for their inner products, or their squared distances where the
    meaning says "distance".
    """
    if not isinstance(formula, Formula):
        raise InputError(f"the formula is {formula!r}; only a theory.Formula states its domain, so draw cases by st.fixed_dictionaries({{...}})")
    return _cases(_Domain(formula, normal), given or {}, tasks, largest)


@st.composite
def _cases(draw: st.DrawFn, domain: "_Domain", given: Mapping[str, Any], tasks: int, largest: int) -> dict[str, Any]:
    formula, arguments, least = domain.formula, domain.arguments, int(domain.normal)
    case: dict[str, Any] = {name: draw(value) if isinstance(value, SearchStrategy) else value for name, value in given.items()}
    missing = {name: symbol for name, symbol in arguments.items() if name not in case}
    if "T" in missing:
        case["T"] = draw(st.integers(domain.least_tasks, max(tasks, domain.least_tasks)))
    free = tuple(name for name in missing if arguments[name].is_integer and name != "T")
    for name, rows in draw(st.sampled_from(domain.ways(free, tuple((other, case[other]) for other in arguments if np.ndim(case.get(other, [])) == 0)))):
        slopes, rests = rows[:, free.index(name)], rows @ [*(case.get(other, 0) for other in free), 1]
        low = max(-(rest // slope) for slope, rest in zip(slopes, rests, strict=True) if slope > 0)
        high = min([low + largest, *(rest // -slope for slope, rest in zip(slopes, rests, strict=True) if slope < 0)])
        assume(low <= high)
        case[name] = draw(st.integers(int(low), int(high)))
    products = {product: lengths for product, *lengths in formula.products if product in missing and set(lengths) <= arguments.keys()}
    arrays = [name for name in missing if isinstance(arguments[name], sympy.IndexedBase)]
    reals = [name for name in missing if name not in (*case, *products, *arrays)]
    for name in reals:
        signed = arguments[name] in formula.expanded.free_symbols and not arguments[name].is_nonnegative
        case[name] = draw(st.integers(-2 if signed else max(least, int(bool(arguments[name].is_positive))), 3))
    if arrays:
        count = case["T"] if "T" in case else draw(st.integers(1, tasks))
        truths = draw(st.lists(st.tuples(*[st.integers(-2 + least, 2 - least)] * ROOM), min_size=count, max_size=count))
        case |= {name: _array(truths, formula.parameters[name]) for name in arrays}
    case = domain.nearest({**case, **dict.fromkeys(products, 0)}, reals)
    for product, (first, second) in products.items():
        rest = case[second] - sum(case[part] for part, whole in formula.parts if whole == second and part in case)
        bound = math.isqrt(int(case[first] * rest))
        case[product] = draw(st.integers(-bound, bound))
    assume(domain.holds(case))
    return {name: case[name] for name in (*given, *formula.parameters)}


class _Domain:
    """Where the cases of a formula lie."""

    def __init__(self, formula: Formula, normal: bool) -> None:
        self.formula, self.normal = formula, normal
        self.arguments = dict(zip(formula.parameters, formula.arguments, strict=True))
        relations = [formula.in_parameters(condition.relation) for condition in formula.domain]
        farther = (formula.in_parameters(condition.relation) for condition in formula.normal_domain if normal)
        relations += [sympy.Ge(relation.gts, relation.lts + MARGIN) for relation in farther]
        whole = {symbol for symbol in self.arguments.values() if symbol.is_integer}
        self.whole = [relation for relation in relations if relation.free_symbols <= whole]
        symbols = list(self.arguments.values())
        others = [relation for relation in relations if relation not in self.whole and relation.free_symbols <= set(symbols)]
        self.gaps = [sympy.lambdify(symbols, relation.gts - relation.lts, modules="math", cse=True) for relation in others if hasattr(relation, "gts")]
        self.relations = sympy.lambdify(symbols, [*self.whole, *others], modules="math", cse=True)
        self.entries = any(relation.has(sympy.Indexed) for relation in relations)
        self.parts = [(part, whole) for part, whole in formula.parts if {part, whole} <= self.arguments.keys()]

    @cached_property
    def least_tasks(self) -> int:
        """Least T that conditions on T alone allow."""
        T = self.arguments.get("T")
        alone = [relation for relation in self.whole if relation.free_symbols == {T}]
        return next(count for count in itertools.count(1) if all(relation.subs(T, count) for relation in alone))

    @cache  # noqa: B019 - a domain lives as long as the test that draws from it
    def ways(self, free: tuple[str, ...], known: tuple[tuple[str, Any], ...]) -> list[list[tuple[str, np.ndarray]]]:
        """Return what bounds one whole number after another by those before it, for each combination of sides of the thresholds.

        A row of coefficients, with a constant at the end, gives a sum that is at least 0.
        """
        symbols = [self.arguments[name] for name in free]
        values = {self.arguments[name]: value for name, value in known}
        least = ROOM if self.normal else 1
        gaps = [[[symbol - (least if symbol.is_positive else 0)]] for symbol in symbols]
        pairs = ([self.arguments[name] for name in pair] for pair in self.parts)
        gaps += [[[(whole - part).subs(values)]] for part, whole in pairs if part.is_integer and whole.is_integer]
        gaps += [_sides(relation.subs(values)) for relation in self.whole]
        sides = [[_rows(side, symbols) for side in alternatives] for alternatives in gaps if free]
        found = (_eliminated(np.concatenate(chosen), free) if free else [] for chosen in itertools.product(*sides))
        return [way for way in found if way is not None]

    def nearest(self, case: dict[str, Any], reals: Sequence[str]) -> dict[str, Any]:
        """Move a case's real parameters one after another until what else the domain asks for holds."""

        def slack(moved: Mapping[str, Any]) -> float:
            return min((gap(*(moved[name] for name in self.arguments)) for gap in self.gaps), default=math.inf)

        for name in reals:
            if slack(case) <= 0:
                moves = [{**case, name: value} for value in (0, 1, 10, 100)]
                case = next((moved for moved in moves if slack(moved) > 0), max([case, *moves], key=slack))
        for part, whole in self.parts:
            case[part] = min(case[part], case[whole]) if part in reals else case[part]
        return case

    def holds(self, case: Mapping[str, Any]) -> bool:
        """Whether all of the domain holds."""
        try:
            self.formula.require_possible(case)
            if self.entries:
                self.formula(**case)
        except DriftlawError:
            return False
        return all(self.relations(*(case[name] for name in self.arguments)))


def _sides(relation: Any) -> list[list[Any]]:
    """Return alternatives, of each the expressions in whole numbers that are at least 0 exactly where the relation holds."""
    if relation in (sympy.true, sympy.false):
        return [[sympy.Integer(0 if relation else -1)]]
    left, right = cast(Any, relation.args)
    if relation.rel_op == "==":
        return [[left - right, right - left]]
    if relation.rel_op == "!=":
        return [[left - right - 1], [right - left - 1]]
    more, less = relation.gts, relation.lts + int(relation.rel_op in "<>")
    return [[more.args[0] - less], [-more.args[0] - less]] if more.func is sympy.Abs else [[more - less]]


def _rows(expressions: Sequence[Any], symbols: Sequence[Any]) -> np.ndarray:
    """Return the coefficients of linear expressions, cleared of denominators; others say nothing."""
    rows = []
    for expression in expressions:
        line = expression.as_poly(*symbols)
        if line is not None and line.total_degree() <= 1:
            line = line.clear_denoms(convert=True)[1]
            rows.append([*(int(line.coeff_monomial(symbol)) for symbol in symbols), int(line.coeff_monomial(1))])
    return np.array(rows, dtype=object).reshape(-1, len(symbols) + 1)


def _eliminated(rows: np.ndarray, names: Sequence[str]) -> list[tuple[str, np.ndarray]] | None:
    """Eliminate the last numbers first (Fourier and Motzkin); None where no numbers satisfy all rows."""
    bounds = []
    for place in reversed(range(len(names))):
        slope = rows[:, place]
        bounds.append((names[place], rows[slope != 0]))
        pairs = [low * -high[place] + high * low[place] for low in rows[slope > 0] for high in rows[slope < 0]]
        rows = np.array([*rows[slope == 0], *pairs], dtype=object).reshape(-1, len(names) + 1)
    return bounds[::-1] if (rows[:, -1] >= 0).all() else None


def _array(truths: Sequence[Sequence[int]], meaning: str) -> list[Any]:
    """Return what a list or matrix of this meaning says of the truths."""
    products = [[_dot(v, w) for w in truths] for v in truths]
    squares = [row[t] for t, row in enumerate(products)]
    if not meaning.startswith("matrix"):
        return squares
    return [[v + w - 2 * products[i][j] for j, w in enumerate(squares)] for i, v in enumerate(squares)] if "distance" in meaning else products


def _dot(left: Sequence[Any], right: Sequence[Any]) -> Any:
    return sum(x * y for x, y in zip(left, right, strict=True))


def _choice(values: Sequence[Any] | SearchStrategy[Any]) -> SearchStrategy[Any]:
    return values if isinstance(values, SearchStrategy) else st.sampled_from(values)
