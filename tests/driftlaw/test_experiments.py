"""The kit's experiments and cases: within their bounds, shrinking to the smallest, for every formula of the catalogue."""

from fractions import Fraction as F

import numpy as np
import pytest
import sympy
from exact_values import in_domain
from hypothesis import Phase, find, given, settings, strategies as st
from scaffold import assert_refused
from test_formula_values import EVERY

from driftlaw import FORMULAS, Formula, Rademacher, Ridge, expected_errors
from driftlaw.testing import cases, sample_counts, task_sequences
from theory.formula import Condition

FINDS = settings(max_examples=300, phases=(Phase.generate, Phase.shrink))


@EVERY
@pytest.mark.parametrize("normal", [False, True])
def test_cases_of_every_formula_lie_in_its_domain(name, normal):
    formula, found = FORMULAS[name], []

    @settings(max_examples=20)
    @given(cases(formula, normal=normal))
    def collect(case):
        assert in_domain(formula, case) and np.isfinite(formula(**case))
        asked = any("p_2" in str(one.relation) and "p_2" not in case for one in formula.normal_domain)  # of what is no parameter
        assert not normal or asked or in_domain(formula, case, "normal_domain")
        found.append(case)

    collect()
    few = 12 if any(argument.is_integer for argument in formula.arguments) else 3  # reals have few values each
    assert len({repr(case) for case in found}) >= few


def test_cases_lie_on_both_sides_of_every_threshold_and_shrink_to_small_numbers():
    formula = FORMULAS["frozen_deviation"]
    for first, second in ((True, True), (True, False), (False, True), (False, False)):
        case = find(cases(formula), lambda case: (case["n_1"] < case["p"] + case["p_1"]) == first and (case["n_2"] < case["p_2"]) == second, settings=FINDS)
        assert max(case.values()) <= 5
    assert find(cases(FORMULAS["lin_forgetting"]), lambda case: case["D"][0][1] > 0, settings=FINDS)["T"] == 2


def test_a_users_formula_with_its_own_domain_and_strategies():
    a, b, c = sympy.symbols("a b c", positive=True, integer=True)
    domain = (Condition(2 * a + b <= 3 * c - 1, "rows fit"), Condition(sympy.Eq(b, a + 2), "pairs"), Condition(c < 9, "few"))
    meanings = {"a": "rows", "b": "rows", "c": "columns", "G": "matrix of inner products"}
    G = sympy.IndexedBase("G")
    formula = Formula("own", "own", a * b * c * G[1, 1], meanings, "here", "exact", domain=domain)

    @given(cases(formula, given={"c": st.integers(6, 8), "z": 1}))
    def test(case):
        assert in_domain(formula, case) and case["c"] >= 6 and case["z"] == 1
        assert np.linalg.eigvalsh(np.array(case["G"], dtype=float)).min() > -1e-9 and formula(**case) >= 0

    test()
    assert_refused(lambda: cases(lambda a: a), "fixed_dictionaries")


@pytest.mark.parametrize(
    "options",
    [{}, {"regimes": ("over",), "gap": 8}, {"regimes": ("under",)}, {"memory": 3, "gap": 4}, {"vectors": True, "dimension": (1, 3)}, {"exact": False}],
    ids=str,
)
def test_experiments_keep_their_distance_and_have_a_law(options):
    @given(task_sequences(**options))
    def test(seq):
        law, stored = expected_errors(seq), 0
        assert np.isfinite(law.errors.astype(float)).all() and 2 <= len(seq) <= 4
        assert isinstance(law.errors[0, 0], float if options.get("exact") is False else F)
        for t, task in enumerate(seq.tasks):
            gap = seq.trained_dimension(t) - task.samples - sum((task.memory or {}).values())
            sides = {"over": gap >= options.get("gap", 2), "under": -gap >= options.get("gap", 2)}
            stored += len(task.memory or {})
            assert task.samples == 0 or any(sides[side] for side in options.get("regimes", sides))
        assert "memory" in options or not stored

    test()


def test_experiments_shrink_to_the_smallest():
    seq = find(task_sequences(), lambda seq: True, settings=FINDS)
    assert len(seq) == 2 and len(seq.blocks) == 1 and [task.samples for task in seq.tasks] <= [3, 3]
    stored = find(task_sequences(memory=2), lambda seq: seq.tasks[1].memory, settings=FINDS)
    assert stored.tasks[1].memory == {0: 1} and len(stored) == 2
    other = find(task_sequences(features=(Rademacher(),), rules=st.builds(Ridge, st.integers(1, 3))), lambda seq: True, settings=FINDS)
    assert other.features == Rademacher() and other.rule == Ridge(1)
    assert_refused(lambda: sample_counts(3, regimes=("above",)), "unknown regime 'above'")
