"""Assertions that a formula is right: exactly, against the law, or by simulation, with a stated rate of false alarms."""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

import hypothesis
import numpy as np
import sympy
from hypothesis import Phase
from hypothesis.strategies import SearchStrategy

from driftlaw.testing import experiments
from simulate.verdicts.conjecture import Conjecture, NoValue, conjecture
from simulate.verdicts.judge import check
from simulate.verdicts.report import NOT_TESTABLE, OUTSIDE, UNDECIDED, WRONG, CheckReport
from theory.errors import DomainError, InputError, NoClosedForm
from theory.formula import Formula
from theory.law import expected_errors
from theory.problem import TaskSequence
from theory.quantities import Quantity
from theory.substitution import substitute

Cases = SearchStrategy[dict[str, Any]] | Iterable[Mapping[str, Any]] | None
ROUNDING = 2.0**-36  # of floats, relative to the largest number of the law: 2^16 units in the last place


def assert_equal_to_law(
    formula: Any,
    cases: Cases = None,
    *,
    quantity: str | Quantity | None = None,
    build: Callable[..., TaskSequence] | None = None,
    examples: int = 100,
    seed: int = 0,
) -> None:
    """Assert that a formula equals the exact law ``expected_errors(build(**case))``.

    Parameters
    ----------
    formula : sympy.Expr, callable or theory.Formula
        An expression whose symbols are the keys of a case, or a function of them as keyword arguments. A
        `theory.Formula` brings its own quantity and build.
    cases : strategy or iterable of mapping
        Draws the keyword arguments, such as ``st.fixed_dictionaries({"p": st.integers(10, 20), ...})``, or all of them. By default
        `cases(formula)` of a `theory.Formula` that claims to be exact in all of its domain.
    quantity : str or theory.Quantity
        What the formula gives, such as "forgetting" (`theory.parse_quantity`).
    build : callable
        Makes the `theory.TaskSequence` of a case.
    examples : int
        Most cases that are drawn.
    seed : int
        Equal seeds draw equal cases.

    Raises
    ------
    AssertionError
        At the smallest case found where formula and law differ, or where the formula has a finite value and the expectation is infinite.
    InputError
        If the expectation is infinite in all cases drawn, so that no number was compared.
    NoClosedForm
        Where no law is known; `assert_agrees` judges such experiments.
    DomainError
        Where the law is finite and the formula says that it has no value.

    Notes
    -----
    There are no false alarms. If case and formula are in rational numbers, so are the comparison: use `fractions.Fraction` in functions.
    Floats may differ by 2^-36 of the largest error, step or value: a formula of a thousand operations whose terms are up to a hundred times
    larger than what it gives stays below it. Formula and law may both be infinite.

    Examples
    --------
    >>> from hypothesis import strategies as st
    >>> from theory import one_block
    >>> def build(n, d):
    ...     return one_block(d, (n,), 0, gram=[[1]])
    >>> pairs = st.integers(1, 9).flatmap(lambda d: st.fixed_dictionaries({"n": st.integers(0, d), "d": st.just(d)}))
    >>> assert_equal_to_law(lambda n, d: 1 - Fraction(n, d), pairs, quantity="generalization", build=build)
    """

    finite: list[bool] = []

    def compare(case: dict[str, Any]) -> None:
        claim = conjecture(formula, quantity, build, [case])
        law = _law_value(claim)
        finite.append(law is not None)
        try:
            claim.value(0)
        except (DomainError, NoValue):
            if law is None:
                return
            raise
        value = _value(formula, claim)
        if law is None:
            raise AssertionError(f"{claim.name} is {_written(value)} where the expectation is infinite, at {_shown(case)}")
        exact, largest = law
        difference = value - exact
        rounding = 0 if isinstance(value, Fraction) and isinstance(exact, Rational) else ROUNDING * max(largest, abs(float(value)))
        if max(difference, -difference) > rounding:
            compared = f"the law is {_written(exact)}, a difference of {_written(difference)}"
            raise AssertionError(f"{claim.name} is {_written(value)} where {compared}, at {_shown(case)}")

    _each(compare, _chosen(formula, cases), examples, seed, Phase.generate, Phase.shrink)
    if isinstance(cases, SearchStrategy) and not any(finite):
        raise InputError(f"the expectation is infinite in all {len(finite)} cases drawn, so that no number was compared; draw some where it is finite")


def assert_agrees(
    formula: Any,
    cases: Cases = None,
    *,
    quantity: str | Quantity | Callable[[Any], Any] | None = None,
    build: Callable[..., TaskSequence] | None = None,
    delta: float = 0.02,
    false_alarm: float = 1e-6,
    examples: int = 5,
    seed: int = 0,
    **options: Any,
) -> CheckReport:
    """Assert that a formula agrees with simulation, for what no law is known or as a check of law and formula alike.

    Parameters
    ----------
    formula, cases, build
        As in `assert_equal_to_law`; cases of a `theory.Formula` also stay in its ``normal_domain``. Others have to: keep every noisy
        step's |n - d| at 8 or more.
    quantity : str, theory.Quantity or callable
        As in `simulate.check`.
    delta : float
        Difference that matters, as a share of a case's error scale.
    false_alarm : float
        Probability that a formula fails although it is right in all cases.
    examples : int
        Most cases that are drawn.
    seed : int
        Equal seeds draw equal cases and give equal verdicts.
    **options
        Others of `simulate.check`: features, solver, max_trials, min_trials, workers, name, and relation, against (with None as formula),
        along, rate, pathwise, method, which make other statements than equalities.

    Returns
    -------
    simulate.verdicts.report.CheckReport
        Its sentences say what difference would have been seen in each case.

    Raises
    ------
    AssertionError
        If any case disagrees or violates a bound; names the smallest of those.
    InputError
        If none does, but any case could not be judged: it is not testable, outside what a `theory.Formula` assumes, or undecided, since
        the plan asks for more than ``max_trials``. Nothing is skipped.

    Notes
    -----
    Cases are drawn before anything is simulated, and all are judged at once, in one `simulate.check` whose Holm adjustment counts them;
    none is judged again, since the case that is named is one of them. Half of ``false_alarm`` bounds the probability that a right formula
    disagrees anywhere, the other half that it is undecided anywhere at the planned trials, so that it passes with probability
    1 - false_alarm or more. A formula that is off by delta in any case disagrees with probability 1 - false_alarm / 2 or more. Around
    delta / 2 either may come out.
    """
    drawn: dict[str, dict[str, Any]] = {}

    def collect(case: dict[str, Any]) -> None:
        drawn.setdefault(repr(case), case)

    _each(collect, _chosen(formula, cases, normal=True), examples, seed, Phase.generate)
    levels = {"delta": delta, "false_alarm": false_alarm / 2, "power": 1 - false_alarm / 2}
    report = check(formula, quantity, build, drawn.values(), seed=seed, **levels, **options)
    for verdict in (*WRONG, OUTSIDE, NOT_TESTABLE, UNDECIDED):
        failing = [one for one in report.verdicts if one.verdict == verdict]
        if failing:
            smallest = min(failing, key=lambda one: _size(one.case))
            error = AssertionError if verdict in WRONG else InputError
            raise error(f"{report.summary}; the smallest is {_shown(smallest.case)}: {smallest.sentence}")
    return report


def _chosen(formula: Any, cases: Cases, normal: bool = False) -> SearchStrategy[dict[str, Any]] | list[dict[str, Any]]:
    if cases is None and not isinstance(formula, Formula):
        raise InputError("cases is missing; give a strategy, such as st.fixed_dictionaries({...}), or a list (a theory.Formula brings its own)")
    if cases is None:
        if formula.exact_when:
            raise InputError(f"{formula.name} is exact only under {formula.exact_when[0].relation}; give cases where that holds")
        return experiments.cases(formula, normal=normal)
    if isinstance(cases, SearchStrategy):
        return cases
    chosen: list[dict[str, Any]] = [dict(case) for case in cases or ()]
    if not chosen:
        raise InputError("cases is empty; give at least one mapping from parameter to value")
    return sorted(chosen, key=_size)


def _each(
    test: Callable[[dict[str, Any]], None], cases: SearchStrategy[dict[str, Any]] | list[dict[str, Any]], examples: int, seed: int, *phases: Phase
) -> None:
    """Run a test on cases, which are the same in every run; a failing one is shrunk if ``phases`` say so."""
    if not isinstance(cases, SearchStrategy):
        for case in cases:
            test(case)
        return
    settings = hypothesis.settings(max_examples=examples, phases=phases, database=None, deadline=None, print_blob=False)
    hypothesis.seed(seed)(settings(hypothesis.given(cases)(test)))()


def _law_value(claim: Conjecture) -> tuple[Any, float] | None:
    """Return the law's value and the largest number in the law; None where the expectation is infinite."""
    if not isinstance(claim.quantity, (str, Quantity)):
        raise InputError("laws give no functions of a simulation; state the quantity as a theory.Quantity, or use assert_agrees")
    try:
        law = expected_errors(claim.sequence(0))
    except NoClosedForm as error:
        raise NoClosedForm(f"{error}. Use assert_agrees, which judges the formula by simulation") from error
    except DomainError:
        return None
    if law.status != "exact":
        raise NoClosedForm(f"the law is of {law.status} here. Use assert_agrees, which judges the formula by simulation")
    return law.read(claim.quantity), max(float(np.abs(part).max()) for part in (law.errors, law._step_sizes))  # of tasks without a known one zero


def _value(formula: Any, claim: Conjecture) -> Any:
    """Return the formula's value in the case of a claim, a Fraction if it is rational."""
    (known,) = claim.cases
    if isinstance(formula, Formula):  # whose calls give floats
        for symbol, definition in formula.intermediates:
            known = {**known, str(symbol): substitute(definition, known)}
        value = substitute(formula.expression, known)
    else:
        value = claim.formula(known)
    if isinstance(value, (Rational, sympy.Rational)):
        return Fraction(int(value.numerator), int(value.denominator))
    return float(value)


def _written(value: Any) -> str:
    return str(value) if isinstance(value, float) or value.denominator == 1 else f"{value} = {float(value):.6g}"


def _shown(case: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in case.items())


def _size(case: Mapping[str, Any]) -> float:
    """Return the sum of all numbers in a case."""
    entries = (entry for value in case.values() for entry in np.ravel(np.asarray(value, dtype=object)))
    return sum(abs(float(entry)) for entry in entries if isinstance(entry, Real))
