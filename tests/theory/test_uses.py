"""What rests on what: break a fact, a law or a formula, and exactly the formulas and claims that name it in ``uses`` fail."""

import math
from functools import cache

import formula_points
import memory_points
import prototype_points
import pytest
from exact_values import formula_value
from formula_points import cases, law_of, value

from theory import NoClosedForm, claims, expected_errors, gaps, projections, recursion, regimes, regions, replay, training
from theory.claims import CLAIMS
from theory.formulas import FAMILIES, FORMULAS, MODULES
from theory.law import BASIS

OURS = [formula for module in MODULES for formula in module.FORMULAS]
REPLAY, INSIDE, SPREAD = replay.Replay, replay.Replay._inside_from, replay.Replay._spread


def wrapped(patch, home, name, change):
    right = getattr(home, name)
    patch.setattr(home, name, lambda *arguments: change(right(*arguments), *arguments))


def moments(change):
    """A break of the moments of a step; those of steps that fit everything stay, where a = 0."""

    def apply(patch):
        for name in ("exact_step_moments", "float_step_moments"):
            wrapped(patch, recursion, name, lambda step, n, d, *side: step._replace(**change(step, d)))

    return apply


def of_variance(*places):
    """The same break of the numbers from integrals, by which the variance is judged."""
    return lambda patch: wrapped(patch, formula_points, "_step_numbers", lambda found, *_: tuple(x * (1 + (i in places)) for i, x in enumerate(found)))


def also_in_rows(right, law, t, rows, error, over=True):
    changed = sum(error[..., s] * (law.algebra.lift(n) / law.p) for s, n in rows.items())
    return right + law._either(law._over(t, sum(rows.values())) == over, lambda: changed, lambda: 0 * changed)


def also_in_rows_of_frames(*arguments):
    return also_in_rows(*arguments, over=False)


BREAKS = {
    "recursion": [lambda patch: wrapped(patch, recursion.Recursion, "distances", lambda right, *_: 2 * right)],
    "replay": [lambda patch: wrapped(patch, REPLAY, "_inside", lambda right, *_: 2 * right)],
    "training": [lambda patch: wrapped(patch, training._Joint, "residual", lambda right, *_: 2 * right)],
    "wishart_traces": [lambda patch: [wrapped(patch, home, "trace_product", lambda right, *_: 2 * right) for home in (training, projections)]],
    "projection_mean": [
        moments(lambda step, d: {"m": step.m + d * step.a, "b": step.b + d * step.a}),
        lambda patch: wrapped(patch, REPLAY, "_inside_from", also_in_rows),
        of_variance(2),
    ],
    "projection_spread": [moments(lambda step, d: {"a": 2 * step.a, "b": step.b - d * step.a}), of_variance(0, 1)],
    "inverse_wishart_mean": [
        moments(lambda step, d: {"k": step.k if step.k is None else 2 * step.k}),
        lambda patch: wrapped(patch, REPLAY, "_spread", lambda right, *_: 2 * right),
        of_variance(3),
    ],
    "rows_of_frames": [lambda patch: wrapped(patch, REPLAY, "_inside_from", also_in_rows_of_frames)],
    "inverse_wishart_square": [of_variance(4)],
    "memory_gradient": [lambda patch: wrapped(patch, memory_points, "nodes", lambda found, *_: (found[0], found[1] * (1 + 0.01 * found[0])))],  # what judges its laws
    "nearest_mean": [lambda patch: wrapped(patch, prototype_points, "nodes", lambda found, *_: (found[0], 1.01 * found[1])), lambda patch: wrapped(patch, prototype_points, "pair", lambda found, *_: 1.01 * found)],
    "spectral": [lambda patch: wrapped(patch, recursion, "step_moments", lambda right, *_: (right[0]._replace(m=0.9 * right[0].m, b=0.9 * right[0].b), right[1]))],
}


@cache
def right_values():
    """Formulas with cases and the law's values there, which the formulas have."""
    found = [(formula, case, value(formula, case)) for formula in OURS for case in cases(formula, 2)[:8]]
    assert all(formula_value(formula, case) == right for formula, case, right in found if not formula.exact_when and not formula.rules)
    return found


def fails(compute, right):
    try:
        return compute() != right
    except Exception:  # of a law that makes no sense any more
        return True


@pytest.fixture
def patch(monkeypatch):
    """Undone at the end, when nothing that was computed meanwhile is kept."""
    for home, name, fewer in ((claims, "HEADS", 40), (claims, "STREAMS", 40), (regimes, "STREAMS", regimes.STREAMS[4:5]), (regimes, "SETTINGS", 20), (gaps, "SETTINGS", 8), (gaps, "STREAMS", 2)):
        monkeypatch.setattr(home, name, fewer)
    yield monkeypatch
    monkeypatch.undo()
    for kept in (law_of, regions._ledger_function, regimes.tuned):
        kept.cache_clear()


def said(compute, refused=NoClosedForm):
    """What comes out; of what is broken, which may make no sense any more, any error."""
    try:
        return str(compute())
    except refused as error:
        return repr(error)


def of_claims(refused=()):
    return {name: said(claim.judge, refused) for name, claim in CLAIMS.items()}


right_verdicts = cache(of_claims)


@pytest.mark.slow
@pytest.mark.parametrize("name", BASIS)
def test_a_broken_law_or_fact_fails_exactly_what_names_it(name, patch):
    values, verdicts = right_values(), right_verdicts()
    law_of.cache_clear()
    regimes.tuned.cache_clear()
    for apply in BREAKS[name]:
        apply(patch)
    failed = {formula.name for formula, case, right in values if fails(lambda: value(formula, case), right)}
    assert failed == {formula.name for formula in OURS if name in formula.uses}
    changed = {claim for claim, right in verdicts.items() if said(CLAIMS[claim].judge, Exception) != right}
    assert changed == {claim for claim in CLAIMS if name in CLAIMS[claim].uses}


# What a formula is multiplied by: the first moves its extrema too, the second turns round what rises and falls.
FACTORS = (lambda plain: 1 + sum(plain), lambda plain: -1 - math.prod(1 + symbol**2 for symbol in plain))


def broken(patch, formula, factor):
    plain = [symbol for symbol in formula.expression.free_symbols if symbol.is_Symbol]
    patch.setitem(formula.__dict__, "expression", formula.expression * factor(plain))
    assert formula.expanded is not None and formula._function is not None  # kept now, so that they come back in the end
    for kept in ("expanded", "_function"):
        patch.delitem(formula.__dict__, kept)


def experiments(refused=NoClosedForm):
    """What is simulated for each formula: of an experiment that another formula chooses, its law, where that has one."""
    first = {family.formula.name: family for family in FAMILIES.values() if family.formula in OURS}
    return {name: said(lambda: expected_errors(one.formula.build(**one.cases[0])).read(one.formula.quantity), refused) for name, one in first.items()}


NAMED = {name for part in (*OURS, *CLAIMS.values()) for name in part.uses} - set(BASIS)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of broken formulas
@pytest.mark.parametrize("names", [*([name] for name in sorted(NAMED)), [f.name for f in OURS if f.name not in NAMED]], ids=lambda names: names[0])
def test_a_broken_formula_fails_exactly_what_names_it(names, patch):
    before, changed = {**experiments(), **right_verdicts()}, set()
    for factor in FACTORS:
        regions._ledger_function.cache_clear()
        with patch.context() as once:
            for name in names:
                broken(once, FORMULAS[name], factor)
            changed |= {part for part, after in {**experiments(Exception), **of_claims(Exception)}.items() if after != before[part]}
    parts = {**CLAIMS, **{formula.name: formula for formula in OURS}}
    assert changed == {part for part in before if set(names) & set(parts[part].uses)}


def test_all_that_is_named_is_there():
    assert set(BREAKS) == set(BASIS) and set(FORMULAS) >= NAMED
