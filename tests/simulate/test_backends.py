"""Torch and single precision: to rounding on the same draws, in law on others, the same bits however the work is cut."""

import numpy as np
import pytest
import torch
from law_comparison import least_p
from sampler_reference import CASES, SAMPLES, empty_results, random_sequence, same_bits, vectors, with_memory
from scaffold import assert_refused, python, refusals
from stand_in_device import DEVICE, StandInDevice

from driftlaw import GradientDescent, Rademacher, Ridge, TaskSequence, one_block, simulate
from simulate.sample.arrays import with_torch as torch_backend
from simulate.sample.arrays.choice import plan_for
from simulate.sample.arrays.with_numpy import NumPyBackend
from simulate.sample.learner import Learner
from simulate.sample.plan import make_plan
from simulate.sample.steps import least_step
from simulate.sample.streams import TRIALS_PER_BLOCK

TORCH, SINGLE, TORCH_SINGLE = {"backend": "torch"}, {"dtype": "float32"}, {"backend": "torch", "dtype": "float32"}
OTHERS = {"torch": TORCH, "single": SINGLE, "torch single": TORCH_SINGLE}

# Unit roundoffs that the worst trial may be off by: about the condition of the features, or by normal equations its square.
USUAL, HARD = 200, 2e5
HARD_CASES = ("at the threshold", "much replay")


def wide(p, tasks=2, n=50):
    return one_block(p, (n,) * tasks, 0.3, [np.full(p, p**-0.5)] * tasks)


# --- the same draws


def off(one, other):
    """Largest and median difference of two simulations, trial by trial, beside the value or its median."""
    shares = []
    for sample in SAMPLES:
        expected = getattr(one, sample)
        scale = np.maximum(expected, np.median(expected))
        shares.append((np.abs(getattr(other, sample) - expected) / np.where(scale > 0, scale, 1)).ravel())
    return max(share.max() for share in shares), max(np.median(share) for share in shares)


@pytest.mark.parametrize("solver", ["auto", "gram", "qr"])
@pytest.mark.parametrize("name", CASES)
def test_torch_is_numpy_to_rounding(name, solver):
    one, other = (simulate(CASES[name], 70, 3, solver=solver, **options) for options in ({}, TORCH))
    worst, median = off(one, other)
    bound = HARD if name in HARD_CASES else USUAL
    assert worst < (bound**2 if solver == "gram" else bound) * np.finfo("float64").eps
    assert median < USUAL * np.finfo("float64").eps
    assert one.draws == other.draws and (one - other).trials == 70


@pytest.mark.parametrize("case", range(40))
def test_torch_is_numpy_to_rounding_on_anything(case):
    seq = random_sequence(np.random.default_rng(case))
    one, other = simulate(seq, 5, case), simulate(seq, 5, case, **TORCH)
    for sample in SAMPLES:
        expected = getattr(one, sample)
        np.testing.assert_allclose(getattr(other, sample), expected, rtol=1e-8, atol=1e-8 * (1 + expected.max()))


@pytest.mark.parametrize("name", CASES)
def test_single_precision_rounds_the_same_draws(name):
    one, other = simulate(CASES[name], 200, 3), simulate(CASES[name], 200, 3, **SINGLE)
    worst, median = off(one, other)
    eps = np.finfo("float32").eps
    assert worst < (HARD if name in HARD_CASES else USUAL) * eps and median < 4 * eps
    assert median > eps / 100  # and it is not double precision
    assert one.draws == other.draws


def test_single_precision_is_single():
    plan = plan_for(NumPyBackend("float32"), make_plan(CASES["many random truths"]))
    for library in (NumPyBackend("float32"), torch_backend.TorchBackend("float32", torch.device("cpu"))):
        trials = library.together(plan) or 8
        learner = Learner(plan, library.streams(0, 0), trials, library)
        learner.run(*empty_results(trials, len(plan.tasks)))
        assert {str(theta.dtype).removeprefix("torch.") for theta in learner.theta} == {"float32"}
    assert simulate(CASES["frozen"], 4, **TORCH_SINGLE).errors_sample.dtype == np.float64


class StandInNormals:
    """No values: the stand-in has none."""

    def __init__(self, sequence, kind):
        self._kind = kind

    def standard_normal(self, shape):
        return torch.empty(shape, **self._kind)


@pytest.mark.parametrize("solver", ["auto", "qr"])
@pytest.mark.parametrize("name", CASES)
def test_the_sampler_keeps_to_its_device(name, solver, monkeypatch):
    """What a GPU refuses, tensors of two places in one operator; what comes back are a batch's results alone."""
    monkeypatch.setitem(torch_backend.TOGETHER, DEVICE.type, torch_backend.TOGETHER["cuda"])
    monkeypatch.setattr(torch_backend, "TorchNormals", StandInNormals)
    library = torch_backend.TorchBackend("float64", DEVICE)
    with StandInDevice() as device:
        plan = plan_for(library, make_plan(CASES[name].under(rule=solver)))
        trials = library.together(plan)
        learner = Learner(plan, library.streams(0, 0), trials, library)
        before = len(device.crossings)
        tasks = len(plan.tasks)
        learner.run(*empty_results(trials, tasks))
        assert len(device.crossings) - before == tasks * (2 + len(plan.dimensions))  # two lengths a task, its distances block by block


def test_single_precision_takes_qr_in_a_wider_range():
    def routes(*rows, **task):
        seq = one_block(100, rows, 0.1, vectors(np.random.default_rng(0), 100, len(rows)))
        plan = make_plan(with_memory(seq, len(rows) - 1, None, **task) if task else seq)
        return [task.route for task in plan_for(NumPyBackend("float32"), plan).tasks]

    assert routes(79, 81, 99, 100, 120, 124, 126) == ["gram", "qr", "qr", "qr", "qr", "qr", "gram"]
    asked = make_plan(one_block(100, (95,), 0.1, [np.ones(100)]).under(rule="gram"))
    assert plan_for(NumPyBackend("float32"), asked).tasks[0].route == "gram"
    uneven = plan_for(NumPyBackend("float32"), make_plan(CASES["weights"]))
    assert [task.route for task in uneven.tasks] == ["gram", "qr"]


def test_qr_is_what_saves_single_precision_near_the_threshold():
    """At 95 samples and 104 parameters normal equations lose a digit more, and double precision would still take them."""
    seq = one_block(104, (95,), 0.1, [np.full(104, 104**-0.5)])
    assert make_plan(seq).tasks[0].route == "gram"
    exact = simulate(seq, 400, 1)
    gram, qr, auto = (simulate(seq, 400, 1, solver=solver, **SINGLE) for solver in ("gram", "qr", "auto"))
    assert same_bits(auto, qr)
    assert off(exact, gram)[0] > 8 * off(exact, qr)[0] and off(exact, gram)[1] > 4 * off(exact, qr)[1]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("asarray", [np.asarray, torch.asarray])
def test_deficient_steps_are_the_least_among_the_best(asarray, dtype):
    """The weighted pseudo-inverse's: nine rows of rank seven, where what is zero but for the precision's rounding counts as zero."""
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((2, 9, 3)), rng.standard_normal((2, 9, 8))]
    parts[1][:, 4:] = 0
    residual, weights = rng.standard_normal((2, 9)), (2.0, 0.3)
    found = np.concatenate(least_step([asarray(part.astype(dtype)) for part in parts], asarray(residual.astype(dtype)), weights, "svd"), axis=1)
    roots = np.repeat([weight**-0.5 for weight in weights], (3, 8))
    for trial, a in enumerate(np.concatenate(parts, axis=2)):
        step = roots * (np.linalg.pinv(a * roots) @ residual[trial])
        np.testing.assert_allclose(found[trial], step, rtol=0, atol=USUAL * np.finfo(dtype).eps)


# --- other draws


def test_torch_streams_start_from_the_whole_state_of_numpys():
    """Torch's words are those of NumPy's Mersenne twister, and seeds that agree in 32 bits do not collide."""
    sequence = np.random.SeedSequence(5, spawn_key=(1, 2))
    twister = np.random.MT19937(sequence)
    state = twister.state
    state["state"]["pos"] = 624
    twister.state = state
    generator = torch.Generator()
    torch_backend._seed(generator, sequence)
    words = torch.empty(2000, dtype=torch.int32).random_(0, 2**24, generator=generator).numpy()
    np.testing.assert_array_equal(words, twister.random_raw(2000) % 2**24)
    assert torch.equal(*(torch.randn(8, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1 + 2**32)))  # the reason for all this


def test_torch_streams_differ_between_seeds_blocks_tasks_and_roles():
    library = torch_backend.TorchBackend("float32", torch.device("cpu"))
    streams = [library.streams(seed, block) for seed in (0, 1, (0, 0), 2**32) for block in range(3)]
    drawn = [s.features(task, block).standard_normal((50,)).numpy() for s in streams for task in range(2) for block in range(2)]
    drawn += [s.noise(task).standard_normal((50,)).numpy() for s in streams for task in range(2)]
    assert len({values.tobytes() for values in drawn}) == len(drawn) == 72
    assert np.abs(np.corrcoef(drawn) - np.eye(len(drawn))).max() < 0.75  # 5.3 standard errors


@pytest.mark.parametrize("name", ["frozen", "tall", "heads", "replay", "weights", "many random truths"])
def test_torchs_own_draws_have_the_same_law(name):
    """All errors and step sizes, their pairs and tails: false-alarm rate 1e-6 in all; a shift of .16 standard deviations shows."""
    seq = CASES[name] if len(CASES[name]) < 6 else TaskSequence(CASES[name].blocks, CASES[name].tasks[:4])
    one, other = (simulate(seq, 8000, 1, **options) for options in ({}, TORCH_SINGLE))
    assert one.draws != other.draws
    p, what = least_p(one, other)
    assert p > 1e-6 / 6, what


def test_torchs_normals_are_normal():
    """Mean, variance, fourth moment and correlation of neighbours of four million values: |z| < 5.3 (1e-6 in all)."""
    library = torch_backend.TorchBackend("float32", torch.device("cpu"))
    x = library.streams(0, 0).features(0, 0).standard_normal((400, 10_000)).numpy().astype(np.float64).ravel()
    moments = {"mean": (x, 0), "variance": (x**2, 1), "third": (x**3, 0), "fourth": (x**4, 3), "neighbours": (x[1:] * x[:-1], 0)}
    for name, (values, expected) in moments.items():
        assert abs(values.mean() - expected) < 5.3 * values.std() / len(values) ** 0.5, name


# --- the same bits


@pytest.mark.parametrize("options", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("name", ["frozen", "tall", "heads", "replay with heads", "too much replay with heads", "many random truths"])
def test_workers_memory_and_more_trials_do_not_change_a_bit(name, options):
    seq, trials = CASES[name], 2 * TRIALS_PER_BLOCK + 9
    whole = simulate(seq, trials, 2, workers=1, **options)
    library = NumPyBackend("float32") if options is SINGLE else torch_backend.torch_backend("cpu", options.get("dtype", "float64"))
    plan = plan_for(library, make_plan(seq))
    least = plan.bytes_per_trial * (library.together(plan) or 1)
    assert same_bits(whole, simulate(seq, trials, 2, workers=3, memory_limit=3 * least, **options))
    assert same_bits(whole, simulate(seq, trials, 2, workers=3, memory_limit=least, **options))
    assert same_bits(whole, simulate(seq, TRIALS_PER_BLOCK + 3, 2, **options), TRIALS_PER_BLOCK + 3)
    assert same_bits(whole, simulate(seq, trials + 200, 2, **options), trials)


def test_wide_problems_in_small_batches_and_blocks_as_a_gpu_has_them(monkeypatch):
    """Several batches a block, one trial a batch, and blocks of more trials than the CPU's: all cut by the problem alone."""
    for p, floats, most in ((400, 2**20, 64), (400, 2**10, 64), (30, 2**25, 256)):
        monkeypatch.setitem(torch_backend.TOGETHER, "cpu", (floats, most))
        whole = simulate(wide(p), 300, 4, workers=1, **TORCH_SINGLE)
        assert same_bits(whole, simulate(wide(p), 300, 4, workers=2, **TORCH_SINGLE))
        assert same_bits(whole, simulate(wide(p), 70, 4, **TORCH_SINGLE), 70)
        together = next(iter(whole.draws))[0][1]
        assert together == {(400, 2**20): 32, (400, 2**10): 1, (30, 2**25): 256}[p, floats]


def test_torch_is_left_with_the_threads_it_had():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        simulate(CASES["frozen"], 5, **TORCH)
        assert torch.get_num_threads() == 2
        library = torch_backend.torch_backend("cpu", "float64")
        first, second = library.one_thread(), library.one_thread()  # of two runs that overlap
        first.__enter__(), second.__enter__(), first.__exit__(None, None, None)
        assert torch.get_num_threads() == 1
        second.__exit__(None, None, None)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", CASES)
def test_torchs_memory_stays_below_the_estimate(name):
    plan = make_plan(CASES[name].under(rule="gram"))
    library = torch_backend.TorchBackend("float32", torch.device("cpu"))
    plan = plan_for(library, plan)
    assert (traced_peak(plan, library, 24) - traced_peak(plan, library, 8)) / 16 < plan.bytes_per_trial


def traced_peak(plan, library, trials):
    """Bytes of tensors that torch holds at most while a batch is learned."""
    held, peak = 0, 0
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        Learner(plan, library.streams(0, 0), trials, library).run(*empty_results(trials, len(plan.tasks)))
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak


# --- refusals


def refused(**options):
    return lambda: simulate(one_block(6, (3,), 0.1, [np.ones(6)]), 3, **options)


test_refusals_name_the_value_and_the_remedy = refusals([
    (refused(backend="jax"), "backend is 'jax'; choose one of numpy, torch"),
    (refused(dtype="float16"), "dtype is 'float16'; choose one of float64, float32"),
    (refused(device="cuda"), "device is 'cuda', but NumPy computes on the CPU.*backend='torch'"),
    *((refused(**TORCH, device=bad), f"device is {bad!r}; give 'cpu', 'cuda'") for bad in ("gpu", 1.5)),
    (refused(**TORCH, device="meta"), "device is 'meta', which is not supported"),
    (refused(**TORCH, device="cuda:99"), "device is 'cuda:99', but torch finds [0-9]+ CUDA devices.*device='cpu'"),
    *((refused(**TORCH, method=m), f"method='{m}' runs on NumPy in double precision alone") for m in ("reduced", "banded")),
    (refused(**TORCH, features=Rademacher()), r"Rademacher\(\) runs on NumPy"),
    (refused(**SINGLE, solver=Ridge(0.1)), r"Ridge\(lam=0.1\) runs on NumPy"),
    (refused(**TORCH_SINGLE, solver=GradientDescent(3, 0.1)), "GradientDescent.* runs on NumPy"),
    (refused(**TORCH, memory_limit=1000), "64 trials, which are drawn together, take about [0-9,]+ bytes.*raise memory_limit"),
])


def test_weights_too_far_apart_for_single_precision():
    seq = with_memory(CASES["initialized"], 1, None, weights={"shared": 2e3})
    simulate(seq, 3)
    assert_refused(lambda: simulate(seq, 3, **SINGLE), "weights of task 1 run from 1 to 2e.03.*dtype='float64'")


def test_torch_is_imported_only_when_asked_for_and_missed_with_the_extra():
    program = (
        "import sys, numpy as np; from simulate import simulate; from theory import one_block, InputError\n"
        "seq = one_block(6, (3,), 0.1, [np.ones(6)]); simulate(seq, 3, dtype='float32')\n"
        "print('torch' in sys.modules); sys.modules['torch'] = None\n"
        "try: simulate(seq, 3, backend='torch')\n"
        "except InputError as error: print(error)"
    )
    result = python("-c", program)
    loaded, message = result.stdout.splitlines()
    assert loaded == "False" and "driftlaw[torch]" in message and "backend='numpy'" in message, result.stderr


def test_auto_means_direct_where_only_that_runs():
    wide_problem = wide(3000)
    assert simulate(wide_problem, 2, method="auto").method == "reduced"
    assert simulate(wide_problem, 2, method="auto", **TORCH_SINGLE).method == "direct"
