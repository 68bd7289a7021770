"""The kit: its assertions find planted mistakes at small cases and raise false alarms as rarely as stated; its experiments and cases shrink."""

import math
import re
import shutil
from dataclasses import replace
from fractions import Fraction as F

import numpy as np
import pytest
import sympy
from exact_values import in_domain
from hypothesis import Phase, find, given, settings, strategies as st
from scaffold import ROOT, assert_refused, printed, python
from test_formulas import EVERY

from driftlaw import FORMULAS, DomainError, Formula, InputError, NoClosedForm, Rademacher, Ridge, Task, TaskSequence, expected_errors, one_block
from driftlaw.testing import assert_agrees, assert_equal_to_law, cases, sample_counts, task_sequences
from theory.formula import Condition

PAIRS = st.builds(lambda n, m, gap: {"n_1": n, "n_2": m, "p": max(n, m) + gap}, st.integers(1, 6), st.integers(1, 6), st.integers(2, 30))
FORGETTING = {"quantity": "forgetting", "build": lambda n_1, n_2, p: one_block(p, (n_1, n_2), 1, gram=[[1, 0], [0, 1]])}
PLACE = [{"n": n, "p": 40} for n in (8, 16)]


def forgetting(n_1, n_2, p, extra=0, coefficient=2, gap=1):
    """Two tasks with orthogonal truths of length 1 and noise of variance 1; the options plant mistakes."""
    error = 1 - F(n_1, p) + F(n_1, p - n_1 - 1)
    return F(n_2, p) * (coefficient - error) + F(n_2, p - n_2 - gap) + extra * (n_1 == n_2)


def generalization(n, p):
    return 1 - n / p


def build(n, p):
    return one_block(p, (n,), 0, gram=[[1]])


@pytest.mark.parametrize("mistake", [{"coefficient": 1}, {"gap": 0}, {"extra": F(1, 10**12)}], ids=["coefficient", "off by one", "n_1 = n_2 only"])
def test_a_planted_mistake_is_found_at_the_smallest_case(mistake):
    with pytest.raises(AssertionError, match="a difference of -?[/0-9 =.e-]+, at n_1=1, n_2=1, p=3\n"):
        assert_equal_to_law(lambda n_1, n_2, p: forgetting(n_1, n_2, p, **mistake), PAIRS, **FORGETTING)


def test_right_formulas_pass_in_every_form():
    n_1, n_2, p = sympy.symbols("n_1 n_2 p")
    expression = n_2 / p * (1 + n_1 / p - n_1 / (p - n_1 - 1)) + n_2 / (p - n_2 - 1)
    for formula in (forgetting, expression, lambda **case: float(forgetting(**case))):
        assert_equal_to_law(formula, PAIRS, **FORGETTING)
    for name in ("from_zero_deviation", "frozen_deviation_excess_risk", "lin_forgetting", "replay_generalization", "frozen_least_forgetting"):
        assert_equal_to_law(FORMULAS[name], examples=20)
    assert_equal_to_law(generalization, [{"n": 3, "p": 0.5 + 6.5}, {"n": 2, "p": 9}], quantity="generalization", build=build)


def test_a_mistake_in_a_catalogue_formula_is_found():
    right = FORMULAS["initialized_deviation"]
    with pytest.raises(AssertionError) as found:
        assert_equal_to_law(replace(right, expression=right.expression + sympy.Symbol("d_u", nonnegative=True) / 1000))
    assert re.search(r"a difference of 1/1000 = 0.001, at p=1, p_1=2, p_2=2, n_1=1, n_2=1, .*q_11=0, d_u=1, d_q=0$", str(found.value))


def test_formulas_of_other_rules():
    ridge = FORMULAS["ridge_error"]
    case = {"p": 9, "n_1": 9, "sigma_1": 0.5, "lambda_1": 2.0, "w_11": 1.0}
    assert_equal_to_law(ridge, [case])
    with pytest.raises(AssertionError, match="where the law is"):
        assert_equal_to_law(lambda **case: 1.001 * ridge(**case), [case], quantity="error[0,0]", build=ridge.build)
    with pytest.raises(NoClosedForm, match="of second order, D = 45.7 here. Use assert_agrees"):
        assert_equal_to_law(ridge, [{**case, "p": 1010, "n_1": 1005, "lambda_1": 0.5125}])


def test_infinite_expectations_and_missing_laws():
    cases = [{"n_1": 1, "n_2": 4, "p": 5}]
    with pytest.raises(AssertionError, match="where the expectation is infinite, at n_1=1, n_2=4, p=5"):
        assert_equal_to_law(lambda n_1, n_2, p: 1.0, cases, **FORGETTING)
    assert_equal_to_law(forgetting, cases, **FORGETTING)  # divides by zero there
    assert_refused(lambda: assert_equal_to_law(forgetting, st.sampled_from(cases), **FORGETTING), "infinite in all 1 cases drawn")
    with pytest.raises(DomainError, match="n < p - 1"):
        assert_equal_to_law(FORMULAS["lin_forgetting"], [{"p": 3, "n": 5, "sigma": 1, "T": 2, "w": [1, 1], "D": [[0, 1], [1, 0]]}])
    weighted = TaskSequence({"a": 2, "b": 2}, [Task(2, 0, {"a": [1, 0], "b": [1, 0]}, ("a", "b"), weights={"a": 2})])
    for made in (weighted, one_block(9, (3,), 0, gram=[[1]]).under(Rademacher())):
        with pytest.raises(NoClosedForm, match="assert_agrees"):
            assert_equal_to_law(lambda n: 0, [{"n": 1}], quantity="generalization", build=lambda n, made=made: made)
    for wrong in ({"cases": []}, {"cases": None}, {"quantity": len}, {"formula": FORMULAS["v1_reconstruction"], "cases": None}):
        assert_refused(lambda: assert_equal_to_law(**{"formula": generalization, "cases": PLACE, "quantity": "generalization", "build": build, **wrong}))


def test_simulation_names_the_smallest_wrong_case_the_same_every_time():
    drawn = st.builds(lambda n, more: {"n": n, "p": n + more}, st.integers(1, 8), st.integers(10, 30))
    options = {"quantity": "generalization", "build": build, "examples": 6, "delta": 0.05, "seed": 3}
    report = assert_agrees(generalization, drawn, **options)
    assert report.verdict == "agree" and len(report.verdicts) == 6 and all(one.detectable < 0.05 for one in report.verdicts)
    messages = []
    for _ in range(2):
        with pytest.raises(AssertionError) as found:
            assert_agrees(lambda n, p: 1 - n / (p - 4), drawn, **options)
        messages.append(str(found.value))
    assert messages[0] == messages[1] and re.search(r"the smallest is n=\d, p=\d+: .*a difference above .* would have been detected", messages[0])


def test_what_cannot_be_judged_never_passes():
    options = {"quantity": "generalization", "build": lambda n, p: one_block(p, (n,), 1, gram=[[1]])}
    noisy = lambda n, p: 1 - n / p + n / (p - n - 1)  # noqa: E731
    assert_refused(lambda: assert_agrees(noisy, [{"n": 4, "p": 7}, {"n": 4, "p": 30}], **options), "not testable")
    assert_refused(lambda: assert_agrees(noisy, PLACE, delta=0.001, max_trials=4096, **options), "undecided.*raise max_trials")
    assert_refused(lambda: assert_agrees(FORMULAS["lin_generalization"], examples=1, solver=Ridge(1.0), delta=0.5), "outside assumptions")


def test_bounds_are_asserted_too():
    options = {"quantity": "generalization", "build": lambda n, p: one_block(p, (n,), 1, gram=[[1]]), "relation": "<="}
    assert assert_agrees(lambda n, p: 1 - n / p + n / (p - n - 1), PLACE, **options).verdict == "holds up to delta"
    assert_refused(lambda: assert_agrees(lambda n, p: 1 - n / p, PLACE, **options), "violated", AssertionError)


@pytest.mark.long
def test_false_alarms_are_as_rare_as_stated():
    """A right formula fails at most with probability 0.2; 40 seeds have more than 17 failures with probability below 0.0005."""
    failed = 0
    for seed in range(40):
        try:
            assert_agrees(generalization, PLACE, quantity="generalization", build=build, false_alarm=0.2, seed=seed)
        except (AssertionError, InputError):
            failed += 1
    assert sum(math.comb(40, k) * 0.2**k * 0.8 ** (40 - k) for k in range(18, 41)) < 0.0005 and failed <= 17


@pytest.mark.slow
def test_the_example_runs_from_a_users_folder(tmp_path):
    shutil.copytree(ROOT / "examples" / "property_test", tmp_path / "mine")
    assert "4 passed" in printed("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path / "mine")


def test_without_hypothesis_the_error_says_what_to_install():
    result = python("-c", "import sys; sys.modules['hypothesis'] = None; import driftlaw.testing")
    assert result.returncode and "install driftlaw[test]" in result.stderr


# Experiments and cases.


FINDS = settings(max_examples=300, phases=(Phase.generate, Phase.shrink))


@pytest.mark.slow
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
