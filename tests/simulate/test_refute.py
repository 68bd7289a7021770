"""Refutation: planted violations are found, shrunk and confirmed; what holds is not refuted; the answer fits the computed claims."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
from scaffold import raising, refusals

from driftlaw import Formula, Gaussian, InputError, expected_errors, frozen, initialized, one_block, refute
from simulate.verdicts.refutation import AT_ONCE, SIMULATED, SINGLY
from theory.claims import CLAIMS, judge
from theory.formula import Condition

p, n, sigma = sympy.symbols("p n sigma")
RIGHT = 1 - n / p + n * sigma**2 / (p - n - 1)
ROOM = {"p": (5, 60), "n": (1, 40), "sigma": (0.0, 1.0)}


def inside(p, n):
    return n < p - 1


def one(p, n, sigma):
    return one_block(p, (n,), sigma, gram=[[1]])


def pair(training):
    def build(p, p_s, n, sigma):
        return training({"shared": p, "specific": p_s}, (n, n), sigma, gram={"shared": [[1, 1], [1, 1]], "specific": [[2, 2], [2, 2]]})

    return build


TRAININGS = {"quantity": "forgetting", "build": pair(frozen), "against": pair(initialized), "delta": 0.1}
SMALL = {"p": (5, 12), "p_s": (5, 24), "n": (1, 20), "sigma": [0.0, 0.5]}


def room(p_s, n):
    return n < p_s - 1


def by_hand():
    """Forgetting under frozen minus initialized training in units of the error scale, at every setting of the small space."""
    places = [(p, p_s, n, s) for p in range(5, 13) for p_s in range(5, 25) for n in range(1, min(20, p_s - 2) + 1) for s in (0.0, 0.5)]
    laws = [expected_errors(pair(training)(*map(np.array, zip(*places)))) for training in (frozen, initialized)]
    gaps = (laws[0].forgetting() - laws[1].forgetting()) / (laws[0].error(0, 0) + np.array([s for *_, s in places]) ** 2)
    return dict(zip(places, gaps.tolist(), strict=True))


def test_an_ordering_and_its_reverse_against_every_setting_by_hand():
    gaps = by_hand()
    down, up = (refute({**TRAININGS, "relation": relation}, SMALL, constraint=room, settings=2**16) for relation in ("<=", ">="))
    share = np.mean([gap > 0 for gap in gaps.values()])
    assert share > 0.9 and abs(down.region["share"] - share) < 4 * (share * (1 - share) / down.seen) ** 0.5 + 1e-9
    assert down.slack.min() == pytest.approx(-max(gaps.values()), rel=1e-6) and up.slack.min() == pytest.approx(min(gaps.values()), rel=1e-6)
    found = down.counterexample
    assert down.proved and down.exit_status == 1 and down.report.verdict == "violated" and gaps[tuple(found.values())] > 0
    assert up.exit_status == (1 if min(gaps.values()) < 0 else 3)
    again = refute({**TRAININGS, "relation": "<="}, SMALL, constraint=room, settings=2**16)
    assert again.text == down.text and again.as_dict() == down.as_dict()


def test_a_violation_in_a_hundred_thousandth_of_the_space_is_found_and_shrunk():
    def bound(p, n, sigma, hole=False):
        value = 1 - n / p + n * sigma**2 / (p - n - 1)
        return value * np.where((p == 37) & (n == 11) & (sigma > 0.98), 0.8, 1.1)

    found = refute({"formula": bound, "quantity": "error[0,0]", "build": one, "relation": "<="}, ROOM, constraint=inside)
    assert found.sides.how == AT_ONCE and found.counterexample == {"p": 37, "n": 11, "sigma": 1.0} and found.report.verdict == "violated"
    assert 0 < found.region["share"] < 3e-5 and found.region["ranges"]["p"] == [37, 37]


@pytest.mark.parametrize("end", [{"p": 60}, {"p": 5}, {"sigma": 1.0}, {"sigma": 0.0}], ids=str)
def test_a_violation_at_an_end_alone_is_found(end):
    (name, value), *_ = end.items()

    def bound(p, n, sigma):
        return (1 - n / p + n * sigma**2 / (p - n - 1)) * np.where({"p": p, "sigma": sigma}[name] == value, 0.8, 1.0)

    found = refute({"formula": bound, "quantity": "error[0,0]", "build": one, "relation": "<="}, ROOM, constraint=lambda p, n: n < p - 3, settings=2**14)
    assert found.counterexample[name] == value


def test_formulas_are_equal_to_the_law_or_refuted():
    claim = {"quantity": "error[0,0]", "build": one}
    for formula in (RIGHT, lambda p, n, sigma: 1 - n / p + n * sigma**2 / (p - n - 1)):
        assert refute({**claim, "formula": formula}, ROOM, constraint=inside, settings=4096).counterexample is None
    wrong = refute({**claim, "formula": RIGHT + n * sigma / 10, "delta": 0.2}, {**ROOM, "sigma": [0, 1]}, constraint=inside, settings=4096)
    assert wrong.counterexample["sigma"] == 1 and wrong.proved and wrong.report.verdict == "disagree" and wrong.exit_status == 1
    P, N = sympy.symbols("p n", positive=True, integer=True)
    domain = (Condition(N < P - 1, "overparameterized"),)
    stated = Formula("stated", "within its domain", RIGHT.subs({p: P, n: N}), {"p": "", "n": "", "sigma": ""}, "here", "exact", "error[0,0]", one, domain=domain)
    found = refute({"formula": stated}, {**ROOM, "n": (1, 80)}, settings=4096)
    assert found.counterexample is None and found.sides.how == AT_ONCE and found.seen < 4096


@pytest.mark.parametrize("quantity", ["error[0,0]", "training_error[0,0]"])
def test_errors_far_below_the_truths_that_cancel_in_them_refute_nothing(quantity):
    """With more samples than parameters the truth plays no part; it has no fraction here, so that floats alone decide."""
    formula = {"error[0,0]": lambda p, n, s, w: s**2 * p / (n - p - 1.0), "training_error[0,0]": lambda p, n, s, w: s**2 * (n - p)}[quantity]
    claim = {"formula": formula, "quantity": quantity, "build": lambda p, n, s, w: one_block(p, (n,), s, gram=[[1 + np.cos(w)]]), "cases": [{"p": 1}]}
    space = {"p": (2, 20), "n": (30, 80), "s": (0.0, 1e-6), "w": (0.1, 3.0)}
    assert refute(claim, space, settings=2000).counterexample is None
    wrong = refute({**claim, "formula": lambda p, n, s, w: 1.1 * formula(p, n, s, w)}, {**space, "s": (0.0, 1.0)}, settings=2000)
    assert wrong.exit_status == 1


def test_where_the_smallest_failing_settings_lack_moments_others_are_looked_for():
    claim = {"formula": 0, "quantity": "forgetting", "relation": "<=", "build": lambda p, n: one_block(p, (n, n), 0.5, gram=[[1, 0], [0, 1]])}
    found = refute(claim, {"p": (5, 20), "n": (1, 18)}, constraint=lambda p, n: n < p - 1)
    assert found.report.verdict == "violated" and found.counterexample == {"p": 9, "n": 1}


def test_builders_that_take_no_arrays_give_the_same_answer():
    def branching(p, n, sigma):
        return one(p, n, sigma if n > 0 else 0)

    claim = {"formula": 1 - n / p, "quantity": "error[0,0]", "relation": "<=", "delta": 0.1}
    at_once, singly = (refute({**claim, "build": build}, ROOM, constraint=inside, settings=200) for build in (one, branching))
    assert (at_once.sides.how, singly.sides.how) == (AT_ONCE, SINGLY) and at_once.counterexample == singly.counterexample
    assert np.allclose(at_once.slack, singly.slack)


def test_without_a_law_it_simulates():
    def short(p, n):
        return one_block(p, (n,), 0.3, truth=np.eye(1, p)).under(Gaussian(np.full(p, 0.2)))

    claim = {"quantity": "error[0,0]", "build": short, "against": lambda p, n: one_block(p, (n,), 0.3, truth=np.eye(1, p)), "delta": 0.05}
    space = {"p": (10, 20), "n": (1, 8)}
    up, down = (refute({**claim, "relation": relation}, space, constraint=lambda p, n: n < p - 8, settings=16) for relation in (">=", "<="))
    assert up.sides.how == down.sides.how == SIMULATED
    assert (up.counterexample is None) != (down.counterexample is None)  # one of them is wrong by far more than the noise
    refuted = up if down.counterexample is None else down
    assert refuted.report.verdict == "violated" and refuted.exit_status == 1 and not refuted.proved
    number = refute({"quantity": "error[0,0]", "build": short, "formula": 2, "relation": ">="}, space, constraint=lambda p, n: n < p - 8, settings=16)
    assert number.sides.how == SIMULATED and number.report.verdict == "violated"
    least = {"quantity": "training_error[0,0]", "relation": ">=", "formula": 0.5, "delta": 0.1}  # the least step leaves nothing
    law, drawn = (refute({**least, "build": build}, space, constraint=lambda p, n: n < p - 8, settings=16) for build in (claim["against"], short))
    assert (law.sides.how, drawn.sides.how) == (SINGLY, SIMULATED) and law.report.verdict == drawn.report.verdict == "violated"
    one = {"p": 20, "n": 8}
    assert drawn.sides.once(one)[0, 0] / law.sides.once(one)[0, 0] == pytest.approx(1, abs=0.5)  # in like error scales


def test_experiments_too_large_to_be_sampled_are_refuted_by_the_law_and_not_by_its_rounding(monkeypatch):
    monkeypatch.setattr("simulate.verdicts.refutation.check", raising(InputError("too much memory")))
    claim = {"quantity": "error[0,0]", "relation": "==", "build": lambda p, g: one_block(p, (p - g,), 0, gram=[[1]])}
    space = {"p": (10**8, 10**9), "g": (2, 30)}
    false = refute({**claim, "formula": 0.5}, space, settings=200)
    assert false.exit_status == 1 and false.report is None and "memory" in false.unsampled and "not simulated" in false.text
    assert refute({**claim, "formula": lambda p, g: 1.0 - (p - g) / (1.0 * p)}, space, settings=200).counterexample is None
    close = refute({**claim, "formula": lambda p, g: 1.0000001 * g / p}, {"p": (20, 60), "g": (2, 9)}, settings=200)
    assert close.counterexample and not close.proved and close.exit_status == 3


def test_large_dimensions_are_sampled_by_the_reduced_sampler():
    claim = {"quantity": "error[0,0]", "formula": 0.5, "build": lambda p, n: one_block(p, (n,), 0.3, gram=[[1]]), "delta": 0.2}
    found = refute(claim, {"p": (10**6, 10**7), "n": (20, 40)}, settings=50)
    assert found.report.verdict == "disagree" and found.report.verdicts[0].kind.method == "reduced"


@pytest.mark.parametrize("build", [one, lambda p, n, sigma: one(p, n, sigma if n > 0 else 0)], ids=["at once", "singly"])
def test_where_a_formula_divides_by_zero_it_makes_no_statement(build):
    for formula in (RIGHT + 1 / (n - 9) ** 2, lambda p, n, sigma: 1 - n / p + n * sigma**2 / (p - n - 1) + 1 / (n - 9) ** 2):
        found = refute({**CLAIM, "build": build, "formula": formula, "relation": "<="}, ROOM, constraint=inside, settings=500)
        assert found.counterexample is None and f"at {found.as_dict()['outside']} more the right side has no finite value" in found.text


@pytest.mark.parametrize("how", [AT_ONCE, SIMULATED])
def test_the_error_scale_of_an_ordering_is_the_average_as_in_a_check(how):
    claim = {"quantity": "error[0,0]", "relation": "<=", "build": one, "against": lambda p, n, sigma: one(p, n, 3.0)}
    slack = replace(refute(claim, ROOM, constraint=inside, settings=64).sides, how=how).once({"p": 30, "n": 8, "sigma": 0.1})[0, 0]
    low, high = (float(expected_errors(one(30, 8, noise)).error(0, 0)) for noise in (0.1, 3.0))
    assert slack == pytest.approx(2 * (high - low) / (low + 0.01 + high + 9), rel=0.3 if how == SIMULATED else 1e-6)  # four standard errors are added


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, claim in CLAIMS.items() if claim.searched])
def test_the_answer_agrees_with_the_computed_claim(name):
    found = refute({"delta": 0.1, **CLAIMS[name].searched}, settings=16 if "replay" in name else 2000)
    assert (found.counterexample is None) == (judge(name).verdict == "holds") and found.exit_status == (3 if found.counterexample is None else 1)


def test_orderings_of_two_trainings_among_the_claims_are_searched():
    assert {"small_distance_deviation", "small_distance_forgetting", "small_distance_generalization"} <= {k for k, one in CLAIMS.items() if one.searched}


CLAIM = {"formula": RIGHT, "quantity": "error[0,0]", "build": one}
test_refusals = refusals({
    "no space": (lambda: refute(CLAIM), "space is None"),
    "an empty region": (lambda: refute(CLAIM, ROOM, constraint=lambda p, n: n > p + 100), "none of .* settings meets the constraints"),
    "a parameter that nothing reads": (lambda: refute(CLAIM, {**ROOM, "q": (1, 2)}), "reads 'q'"),
    "no experiment": (lambda: refute({**CLAIM, "build": lambda p, n, sigma: one(p - 30, n, sigma)}, ROOM), "at {'p': .*at least 1.*constraint"),
    "no inner products": (
        lambda: refute({**CLAIM, "build": lambda p, n, sigma: one_block(p, (n, n), sigma, gram=[[1, 2 * sigma], [2 * sigma, 1]])}, ROOM),
        "at {'p': .*eigenvalue.*constraint",
    ),
    "only poles": (lambda: refute(CLAIM, {"p": (5, 9), "n": (1, 9), "sigma": 1.0}, constraint=lambda p, n: n == p, settings=100), "infinite at all"),
    "every draw": (lambda: refute({**CLAIM, "pathwise": True, "relation": "<="}, ROOM), "pathwise"),
})  # fmt: skip
