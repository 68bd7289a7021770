"""The reduced sampler against the direct one: one joint law, and the same promises about seeds, memory and refusals."""

import tracemalloc

import numpy as np
import pytest
from law_comparison import least_p
from sampler_reference import CASES, RANDOM_CASES, SAMPLES, random_sequence, same_bits, traced_peak, with_memory
from scaffold import assert_refused, refusals

from simulate import Distillation, Flow, GradientDescent, Rademacher, Ridge, simulate
from simulate.sample import reduced, streams
from simulate.sample.factors import ridge_corner
from simulate.sample.reduced_plan import make_reduced_plan
from theory import Isotropic, Task, TaskSequence, expected_errors, frozen, initialized, one_block

# Of every comparison, Bonferroni inside it; some 60 comparisons with fixed seeds, so that a correct sampler fails any of
# them in one of 16,000 choices of seeds.
FALSE_ALARM = 1e-6
TRIALS = 20_000

NEAR = np.random.default_rng(11)


def unit_vectors(d, count):
    found = NEAR.standard_normal((count, d))
    return list(found / np.linalg.norm(found, axis=1)[:, None])


def two_blocks(samples, p=5, q=6, **options):
    truth = {"shared": unit_vectors(p, len(samples)), "specific": unit_vectors(q, len(samples))}
    return options.pop("make", initialized)({"shared": p, "specific": q}, samples, 0.5, truth, **options)


SMALL = two_blocks((4, 3, 4))
DESIGNED = {
    "few samples": SMALL,
    "fewer samples than the basis": two_blocks((1, 2, 1)),
    "many samples": two_blocks((14, 15)),
    "samples on both sides": two_blocks((4, 16, 5)),
    "at the pole": two_blocks((11, 10)),
    "frozen": two_blocks((6, 3, 8), make=frozen),
    "from zero": two_blocks((4, 5, 3), start="zero"),
    "blocks that the truths span": initialized({"a": 2, "b": 3}, (2, 3, 4), 0.4, {"a": unit_vectors(2, 3), "b": unit_vectors(3, 3)}),
    "no truth": one_block(5, (3, 2), 1.0, gram=np.zeros((2, 2))),
    "equal truths": one_block(6, (3, 4), 0.3, gram=np.ones((2, 2))),
    "random truths": TaskSequence(
        {"a": 4, "b": 2}, [Task(3, 0.3, {"a": Isotropic(1.0, name), "b": Isotropic(0.7)}, ("a", "b")) for name in ("same", "other", "same", "third")]
    ),
    "random beside given truths": TaskSequence(
        {"a": 3}, [Task(2, 0.3, {"a": truth}, ("a",)) for truth in ([1.0, 0, 0], Isotropic(1.0), Isotropic(2.0), [0, 0.5, 0.5])]
    ),
    "tasks on parts": TaskSequence(
        {"a": 6, "b": 5},
        [
            Task(4, 0.4, {"a": unit_vectors(6, 1)[0], "b": unit_vectors(5, 1)[0]}, ("a", "b")),
            Task(2, 0.4, {"a": unit_vectors(6, 1)[0]}, ("a",)),
            Task(2, 0.4, {"b": unit_vectors(5, 1)[0]}, ("b",)),
        ],
    ),  # fmt: skip
    "noise on parts": TaskSequence(
        {"a": 4, "b": 3}, [Task(3, 1.0, dict.fromkeys(used, "zero"), tuple(used)) for used in ("ab", "a", "b")], dict.fromkeys("ab", np.zeros((3, 3)))
    ),
    "partial steps": with_memory(SMALL, 1, None, scale={"shared": 0.4, "specific": -0.7}),
    "no samples, restarted": with_memory(two_blocks((4, 5, 3), start="zero"), 1, None, samples=0),
    "replay": with_memory(with_memory(SMALL, 1, {0: 2}), 2, {0: 1, 1: 3}),
    "replay of a task that was only drawn": with_memory(with_memory(SMALL, 0, None, scale=0), 1, {0: 3}),
    "replay after restarts": with_memory(two_blocks((4, 5, 3), start="zero"), 2, {0: 2, 1: 4}),
    "replay of frozen tasks": with_memory(two_blocks((5, 2, 3), make=frozen), 2, {0: 3, 1: 2}, train=("shared", "specific")),
    "replay beyond the dimensions": with_memory(SMALL, 2, {0: 4, 1: 3}),
    "weights": with_memory(SMALL, 1, None, weights={"shared": 8.0, "specific": 0.5}),
    "weights and replay": with_memory(SMALL, 2, {0: 2, 1: 1}, weights={"shared": 8.0, "specific": 0.5}),
}


def assert_one_law(seq, trials, seed, **conditions):
    p, what = least_p(*(simulate(seq, trials, seed, method=method, **conditions) for method in ("direct", "reduced")))
    assert p > FALSE_ALARM, what


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNED)
def test_one_law_with_the_direct_sampler(name):
    assert_one_law(DESIGNED[name], TRIALS, 7)


@pytest.mark.parametrize("rule", [Ridge(2.0), GradientDescent(12, 0.02), Flow(0.5), Distillation(0.5)], ids=type)
@pytest.mark.parametrize("name", ["few samples", "many samples", "replay"])
def test_other_training_rules(name, rule):
    assert_one_law(DESIGNED[name], 6000, 3, solver=rule)


BANDED = {name: DESIGNED[name] for name in ("few samples", "fewer samples than the basis", "many samples", "samples on both sides", "at the pole", "frozen",
                                            "from zero", "blocks that the truths span", "random truths", "partial steps", "replay")}  # fmt: skip
BANDED |= {name: with_memory(DESIGNED[like], 1, None, weights={"shared": w, "specific": 0.5})
           for name, like, w in (("even weights", "few samples", 0.5), ("many samples, weights", "many samples", 8.0))}  # fmt: skip
BANDED["longer bands"] = one_block(9, (7, 12), 0.5, gram=[[2, 1], [1, 2]])


@pytest.mark.parametrize("name", BANDED)
def test_ridge_steps_by_bands(name):
    seq = BANDED[name].under(rule=Ridge(2.0))
    p, what = least_p(*(simulate(seq, 6000, 4, method=method) for method in ("direct", "banded")))
    assert p > FALSE_ALARM, what


@pytest.mark.slow
def test_bands_have_the_corner_of_the_matrix_that_they_stand_for():
    """Positive, below 1, with the derivative that is given; and the moments of the law at tiny penalties, and with a thousand samples in a million dimensions."""
    for rows, columns, width in ((7, 12, 3), (12, 7, 3), (5, 0, 2), (3, 9, 3), (9, 1, 4), (2, 9, 5)):
        for lam in (0.3, 3.0, 1e4):
            draw = lambda lam=lam, shape=(rows, columns, width): ridge_corner(np.random.default_rng(1), np.random.default_rng(2), 50, *shape, lam)
            (corner, slope), step = draw(), 1e-4 * lam
            assert np.linalg.eigvalsh(corner).min() > 0 and np.linalg.eigvalsh(corner).max() < 1 + 1e-12
            rise = (draw(lam + step)[0] - draw(lam - step)[0]) / (2 * step)
            assert slope == pytest.approx(rise, rel=1e-5, abs=1e-6 * np.abs(slope).max())
    for p, n, lam, rule in ((10**6, 1000, 50.0, Ridge(50.0)), (60, 30, 1e-9, None), (60, 200, 1e-9, None)):
        seq = initialized({"shared": p, "specific": 50}, (n, 30), 0.5, gram=dict.fromkeys(("shared", "specific"), 0.5 + 0.5 * np.eye(2)))
        found, law = simulate(seq, 400, 1, method="banded", solver=Ridge(lam)), expected_errors(seq.under(rule=rule))
        assert np.max(np.abs(found.errors.mean - law.errors) / found.errors.stderr) < 6, (p, n)  # 12 comparisons of one fixed seed


def test_bands_are_asked_for_and_change_nothing_else():
    trials, few = reduced.TRIALS_PER_BLOCK + 77, DESIGNED["few samples"]
    ridge, need = few.under(rule=Ridge(2.0)), make_reduced_plan(few.under(rule=Ridge(2.0)), banded=True).bytes_per_trial
    whole = simulate(ridge, trials, 5, method="banded", workers=1)
    assert whole.method == "banded" and same_bits(whole, simulate(ridge, trials, 5, method="banded", memory_limit=need * 7, workers=2))
    assert not same_bits(whole, simulate(ridge, trials, 5, method="reduced")) and simulate(two_blocks_of(10**4).under(rule=Ridge(2.0)), 2, method="auto").method == "reduced"
    assert same_bits(simulate(few, 50, 5, method="banded"), simulate(few, 50, 5, method="reduced"))


@pytest.mark.parametrize("case", range(0, RANDOM_CASES, 4))
def test_random_sequences_have_one_law(case):
    assert_one_law(random_sequence(np.random.default_rng(case)), 3000, 1)


@pytest.mark.long
@pytest.mark.parametrize("case", [*range(RANDOM_CASES), *(name for name in CASES if not name.startswith("many"))])
def test_all_sequences_have_one_law(case):
    assert_one_law(CASES[case] if isinstance(case, str) else random_sequence(np.random.default_rng(case)), TRIALS, 2)


def test_a_million_dimensions_in_the_memory_of_a_hundred():
    seq = two_blocks_of(10**6)
    assert make_reduced_plan(seq).bytes_per_trial == make_reduced_plan(two_blocks_of(10**2)).bytes_per_trial
    simulate(seq, 100, 0, method="reduced", workers=1)
    tracemalloc.start()
    found = simulate(seq, 2000, 0, method="reduced", workers=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24
    law = expected_errors(seq)
    z = np.abs(found.errors.mean - law.errors) / found.errors.stderr
    assert z.max() < 6  # 9 comparisons of one fixed seed: below 2e-8


def two_blocks_of(p):
    gram = 0.5 + 0.5 * np.eye(3)
    return initialized({"shared": p, "specific": p // 2}, (50, 40, 30), 0.5, gram={"shared": gram, "specific": gram})


@pytest.mark.parametrize("name", ["few samples", "many samples", "random beside given truths", "replay", "weights and replay"])
def test_bits_depend_on_seed_and_trial_alone(name):
    seq, trials = DESIGNED[name], reduced.TRIALS_PER_BLOCK + 77
    whole = simulate(seq, trials, 5, method="reduced", workers=1)
    need = make_reduced_plan(seq).bytes_per_trial
    for options in ({"workers": 2}, {"memory_limit": need * 7, "workers": 1}, {"memory_limit": need * 2.5, "workers": 2}):
        assert same_bits(whole, simulate(seq, trials, 5, method="reduced", **options)), options
    assert same_bits(whole, simulate(seq, 300, 5, method="reduced"), 300)
    assert not same_bits(whole, simulate(seq, trials, 6, method="reduced"))


# Sums over 1,100 trials of seed 5.
GOLDEN = {
    "few samples": (25764.551684821352, 3523.367591625181, 3523.367591625181),
    "many samples": (9967.608069696998, 8729.319042950798, 8729.319042950798),
    "replay": (43332.00532617956, 8719.025221995555, 8719.025221995555),
    "random beside given truths": (65196.9233514309, 14294.181990189103, 14294.181990189103),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_seed_means_what_it_meant(name):
    found = simulate(DESIGNED[name], 1100, 5, method="reduced")
    assert tuple(getattr(found, sample).sum() for sample in SAMPLES) == pytest.approx(GOLDEN[name], rel=1e-9)


def test_working_memory_stays_below_its_estimate():
    wide = initialized({"shared": 900, "specific": 30}, (800, 700), 0.5, gram=dict.fromkeys(("shared", "specific"), np.eye(2))).under(rule=Ridge(2.0))
    for name, seq in {"short": two_blocks_of(1000), "samples": with_memory(two_blocks_of(1000), 2, {0: 30, 1: 20}), "bands": wide}.items():
        plan = make_reduced_plan(seq, banded=name == "bands")
        peak = traced_peak(lambda trials: reduced.ReducedLearner(plan, streams.Streams(0, 0), trials), 64, 3)
        assert peak < 1.1 * 64 * plan.bytes_per_trial + 2**17, name


def test_no_stream_is_shared_with_the_direct_sampler(monkeypatch):
    seen = {"direct": set(), "reduced": set()}
    for method, seq in [(m, s) for m in seen for s in DESIGNED.values()]:
        original = streams.Streams._generator
        monkeypatch.setattr(streams.Streams, "_generator", lambda self, *key, into=seen[method], original=original: into.add(key[1]) or original(self, *key))
        simulate(seq, 3, 0, method=method, workers=1)
        monkeypatch.undo()
    assert seen["direct"] and seen["reduced"] and not seen["direct"] & seen["reduced"]


def test_auto_takes_the_cheaper_one_and_says_so():
    big = two_blocks_of(1000)
    assert simulate(big, 2, 0, method="auto").method == "reduced" == simulate(big, 2, 0, method="reduced").method
    assert simulate(big, 2, 0).method == "direct" == simulate(CASES["much replay"], 2, 0, method="auto").method
    assert simulate(big, 2, 0, method="auto", features=Rademacher()).method == "direct"
    assert same_bits(simulate(big, 9, 4, method="auto"), simulate(big, 9, 4, method="reduced"))


FEW = DESIGNED["few samples"]
test_refusals_name_the_remedy = refusals([
    (lambda: simulate(FEW, 2, method="exact"), "method is 'exact'; choose one of direct, reduced, banded, auto"),
    (lambda: simulate(FEW, 2, method="reduced", features=Rademacher()), "needs standard normal.*method='direct'"),
    (lambda: simulate(one_block(2, (1,) * 3, 0.1, gram=np.eye(3)), 2, method="reduced"), "rank 3, but vectors of"),
])


def test_reduced_samples_merge_but_are_not_paired():
    seq = FEW
    left, right = (simulate(seq, 5, seed, method="reduced") for seed in (0, 1))
    for method in ("reduced", "banded"):
        assert_refused(lambda: left - simulate(seq, 5, 0, method=method), "do not see the same data.*method='direct'")
    assert_refused(lambda: left.merge(simulate(seq, 5, 1)), "one simulation is reduced, the other direct")
    assert_refused(lambda: left.merge(left), "both samples")
    assert left.merge(right).trials == 10 and left.merge(right).method == "reduced"
