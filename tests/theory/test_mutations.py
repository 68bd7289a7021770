"""Every single-term mutation of the law's source must fail a check whose right answer comes from another route.

How many were killed out of how many is printed at the end of the run; every survivor is explained here, and one that
is not, or an explanation without its survivor, fails the test.
"""

import pytest
from head_battery import HEAD_CHECKS
from law_battery import LAW_CHECKS, check_integrals_in_floats, check_integrals_in_fractions, check_number_systems, check_truths
from moment_battery import MOMENT_CHECKS
from quantity_battery import QUANTITY_CHECKS
from replay_battery import REPLAY_CHECKS, check_conditions_on_stored_samples, check_nested_memory
from source_mutants import MODULES, World, mutants
from spectral_battery import LAW_OF_RULES, QUICK_CHECKS, SPECTRAL_CHECKS, check_distillation, check_orders
from training_battery import TRAINING_CHECKS
from visits_battery import VISITS_CHECKS, check_what_has_no_law as check_visits_without_law

pytestmark = pytest.mark.slow

# Checks in the order in which they are tried at first: those that kill most.
CHECKS = {
    "theory.projections": (*LAW_CHECKS, *TRAINING_CHECKS, *HEAD_CHECKS),
    "theory.rules": (*HEAD_CHECKS, *LAW_OF_RULES),
    "theory.spectral": SPECTRAL_CHECKS,
    "theory.algebra": (
        check_integrals_in_fractions, check_truths, check_number_systems, check_integrals_in_floats, *LAW_CHECKS, check_conditions_on_stored_samples,
        check_orders, *HEAD_CHECKS,
    ),
    "theory.recursion": (*LAW_CHECKS[:5], check_nested_memory, *LAW_CHECKS[5:], *MOMENT_CHECKS, *REPLAY_CHECKS, *TRAINING_CHECKS, *LAW_OF_RULES, *HEAD_CHECKS),
    "theory.training": TRAINING_CHECKS,
    "theory.replay": REPLAY_CHECKS,
    "theory.visits": VISITS_CHECKS,
    "theory.law": (*LAW_CHECKS, *REPLAY_CHECKS, *TRAINING_CHECKS, check_distillation, check_visits_without_law, *HEAD_CHECKS),
    "theory.quantities": QUANTITY_CHECKS,
    "theory.moments": (*MOMENT_CHECKS, *HEAD_CHECKS),
}

ANEW, USUAL = "slower: makes an equal experiment", "{seq.features_of(t) for t in range(len(seq))} == {StandardNormal()}"
SAME = "chooses among equal representations of the same number"
EITHER = "left.dtype.kind == 'f' or right.dtype.kind == 'f'"
ERASED = "fresh if not geometry.over and scale == 1"
EXPLAINED = {  # (function, before, after, which of its kind in the function): why no check can tell
    "theory.projections": {("third_moment", "1", "2", 1): "for d = 2 the number above is zero"},
    "theory.algebra": {
        ("ExactAlgebra.__init__", "_field(seq) if symbolic else Fraction", "_field(seq)", 1): "_field returns Fraction where there is no symbol",
        ("ExactAlgebra.__init__", "0", "-1", 2): "a noise of zero becomes an atom of value zero",
        ("ExactAlgebra.__init__", "0", "-1", 3): "a noise of zero becomes an atom of value zero",
        ("ExactAlgebra.__init__", "values if symbolic and values else [1]", "values", 1): "more atoms than the one that fractions use stay zero",
        ("ExactAlgebra.__init__", "symbolic and values", "symbolic or values", 1): "as above",
        ("ExactAlgebra.__init__", "symbolic and values", "values", 1): "as above",
        ("ExactAlgebra.__init__", "symbolic and values", "symbolic", 1): "without atoms every sum over atoms is empty, hence zero",
        ("ExactAlgebra.__init__", "1", "2", 1): "the placeholder atom of fractions is counted, never read",
        ("ExactAlgebra.__init__", "1", "0", 1): "as above",
        ("ExactAlgebra.__init__", "0", "-1", 4): "fractions have one atom, the first and the last",
        ("ExactAlgebra.finish", "0", "-1", 1): "as above",
        ("ExactAlgebra.vanishes", "np.all", "np.any", 1): "fractions have one atom",
        ("_sample", "list(array.values.ravel()) if array.values.dtype == object else [array.values.ravel()[0].item()]", "list(array.values.ravel())", 1): (
            "slower; all entries of a numeric array have one kind"
        ),
        ("_sample", "0", "-1", 1): "all entries of a numeric array have one kind",
        ("truth_products", "0", "1", 1): "products of tasks that do not use the block are never read",
        ("truth_products", "0", "-1", 1): "as above",
        ("truth_products", "entry.item() if isinstance(entry, np.generic) else entry", "entry", 1): SAME,
        ("_dot", EITHER, EITHER.replace("or", "and"), 1): "a sum of float products is a float",
        ("_dot", EITHER, EITHER.split(" or ")[1], 1): "as above",
        ("_dot", EITHER, EITHER.split(" or ")[0], 1): "as above",
    },
    "theory.quantities": {
        ("Quantity.order", "1", "0", 1): "the last two axes are both the tasks",
        ("_divisor", "1", "2", 1): "any divisor gives the same number, up to rounding",
        ("_divisor", "1", "2", 2): "as above",
        ("parse_quantity", "1", "2", 1): "of several near names the first one is said",
        ("parse_quantity", "0", "-1", 1): "quantities that look back name one task",
    },
    "theory.law": {
        ("expected_errors", "require_inner_products(seq)", "pass", 1): "refuses input that has no law, as test_inner_products tests",
        ("expected_errors", f"seq.risk != 'euclidean' and {USUAL}", USUAL, 1): ANEW,
    },
    "theory.recursion": {
        ("Law.__len__", "1", "2", 1): "the last two axes are both the tasks",
        ("StepGeometry._decide", "gap > 0", "gap >= 0", 1): "at n = d both sides have a = 0, b = 1, m = 1",
        ("StepGeometry._decide", "0", "-1", 1): "as above",
        ("StepGeometry.moments", "False", "True", 1): "the exact route reads the pole from the geometry",
        ("StepGeometry.moments", "True", "False", 1): "left out where steps are the least ones, which have no pairs",
        ("Recursion._parts", "len(task.train) > 1", "len(task.train) >= 1", 1): "of one block a d + b alone counts",
        ("Recursion._parts", "1", "0", 1): "as above",
        **{("Recursion.train", "0", other, 2): "multiplied by an a of zero" for other in ("1", "-1")},
        ("Recursion.products", "0", "-1", 1): "an axis of length one",
        **{("Recursion._averaged", "0", "-1", place): "as above" for place in (1, 3)},
        ("Recursion.__init__", "() if self.weights is None else seq.blocks", "seq.blocks", 1): "takes time and memory; where no average is asked for nothing reads it",
        ("Recursion._move", f"self.square[block] = {ERASED} else self.square[block]", "pass", 1): (
            "with m = 1 the general step gives the same number; said outright for floats, where the line below counts"
        ),
        ("Recursion._move", f"{ERASED} else self.square[block]", "self.square[block]", 1): "as above",
        ("Recursion.shift", "rate if self.algebra.exact else np.asarray(rate)[..., None]", "np.asarray(rate)[..., None]", 1): SAME,
    },
    "theory.training": {
        **{("_noise_as_a_block", "0", other, 1): "noise of different tasks is never compared" for other in ("1", "-1")},
        ("_noise_as_a_block", "1", "2", 1): "of the dimensions, only those of blocks that are trained count",
        **{("_Joint.step", "0", other, place): "multiplied by an f of zero" for other in ("1", "-1") for place in (3, 5)},
        ("_Joint.step", "k if geometry.exact else np.where(f == 0, 0, k)", "np.where(f == 0, 0, k)", 1): (
            "the coefficient of a symbol can vanish in f alone, by an accident of the numbers beside it"
        ),
        ("_Joint.step", "1", "2", 8): "multiplied by zero where d = 1",
        **{("_started", "0", other, 4): "what is added to all of a column cancels in differences of theta and truths" for other in ("1", "-1")},
    },
    "theory.replay": {
        ("Replay.__init__", "0", "1", 1): "with memory every task trains the same blocks",
        ("Replay.__init__", "0", "-1", 1): "as above",
        ("Replay.train", "all", "any", 1): "with memory a task starts all blocks from zero or none",
        ("Replay._fit_fresh", "moments.m if geometry.exact else np.asarray(moments.m)[..., None]", "np.asarray(moments.m)[..., None]", 1): SAME,
        ("Replay._fit_fresh", "np.any", "np.all", 1): "counts are single numbers where there is memory",
        ("Replay.__init__", "0", "1", 2): "as above",
        ("Replay.__init__", "0", "-1", 2): "as above",
        ("Replay._product", "p >= M", "p > M", 1): "at M = p both sides are the same",
        ("Replay._require_fitted", "available - count", "available + count", 1): "both are symbolic or neither",
        ("Replay._fit_with_memory", "not restart and set(stored) <= self.unseen", "set(stored) <= self.unseen", 1): "a start from zero keeps nothing anyway",
        ("Replay._require_fitted", "np.any", "np.all", 1): "a grid of samples below what is stored is refused by TaskSequence",
    },
    "theory.visits": {
        ("visits_law", "0", "-1", 1): "a task starts all blocks from zero or none",
        **{("visits_law", "True", "False", place): "both are as long" for place in (1, 2, 3)},
        ("visits_law.square", "1", "0", 1): "what counts nothing spares a repetition",
        ("_moment", "True", "False", 1): "as above",
        ("visits_law", "1", "2", 1): "without samples there is no noise",
        ("visits_law.trace", "0", "-1", 1): "a word of one letter",
        ("visits_law.trace", "-1", "1", 1): "of two tasks the last is the second",
    },
    "theory.rules": {("resolved", "seq if tasks == [*seq.tasks] else replace(seq, tasks=tasks)", "replace(seq, tasks=tasks)", 1): ANEW},
    "theory.moments": {},
}


@pytest.mark.parametrize("module", MODULES)
def test_the_law_itself_passes_its_checks(module):
    assert World().failure(CHECKS[module]) is None


@pytest.mark.parametrize("module", [name for name in MODULES if name != "theory.spectral"])
def test_every_mutant_fails_a_check(module, record_property, request):
    thorough = not request.config.option.markexpr  # `make test-long` runs explained survivors too
    explained = EXPLAINED[module]
    checks, killed, survivors, seen = list(CHECKS[module]), 0, [], set()
    for mutant in mutants(module, skip=() if thorough else explained):
        if mutant.code is None:
            seen.add(mutant.key)
            continue
        if _killed(mutant, checks):
            killed += 1
        elif mutant.key in explained:
            seen.add(mutant.key)
        else:
            survivors.append(str(mutant))
    record_property("mutations", (module, killed, len(seen) + len(survivors)))
    assert not survivors, "no check fails for\n" + "\n".join(survivors)
    assert seen == set(explained), f"explained, but killed or gone: {sorted(set(explained) - seen)}"


LONG = "replace(given_rule, **changes) if changes else rule"
EQUAL = {  # mutants of filtered steps that give the same numbers
    ("step_moments", "-1", "1", 1), ("step_moments", "0", "1", 2), ("step_moments", "0", "-1", 2),  # axes, and zeros that become bool
    ("step_moments.single", "True", "False", 1), ("step_moments.single", LONG, LONG.partition(" if")[0], 1),
    ("_", "progress.max() > most", "progress.max() >= most", 1), ("_", "0.5", "1.5", 1), ("_", "progress < 0.5", "progress <= 0.5", 1), ("_", "0.5", "-0.5", 2),
    ("_moments", "0 * share", "0 / share", 1), ("_moments", "0 * share", "0", 1), ("_moments", "d - 1 + (d == 1)", "d - 1 - (d == 1)", 1),
}  # fmt: skip


@pytest.mark.parametrize("function", ["Spectrum.square_of_sum", "step_moments", "step_moments.single", "_", "_moments"])
def test_every_mutant_of_filtered_steps_fails_a_check(function):
    checks = list(QUICK_CHECKS)
    survivors = {mutant.key for mutant in mutants("theory.spectral", only=function) if not _killed(mutant, checks)}
    assert survivors == {key for key in EQUAL if key[0] == function}


def _killed(mutant, checks) -> bool:
    """Whether a check fails; it is tried first on the next mutant, which often stands beside."""
    try:
        failure = World(mutant).failure(checks)
    except Exception:  # noqa: BLE001 - a mutant that does not even load
        return True
    if failure is not None:
        checks.sort(key=lambda check: not failure.startswith(f"{check.__name__}: "))
    return failure is not None


def test_the_harness_sees_the_terms_that_it_should():
    """Every summand of E |step_b|^2 is among the mutations of the recursion."""
    befores = {(mutant.before, mutant.after) for mutant in mutants("theory.recursion", only="Recursion.train")}
    whole = "total * (moments.a * self.algebra.lift(self.seq.blocks[block])) + error[block] * moments.b + noise_part * share"
    assert any(before == whole and after.endswith("- noise_part * share") for before, after in befores)
    assert ("total * (moments.a * self.algebra.lift(self.seq.blocks[block])) + error[block] * moments.b", "error[block] * moments.b") in befores
