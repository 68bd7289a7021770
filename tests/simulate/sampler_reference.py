"""What the sampler should find, one trial at a time, and sequences of every kind to try it on."""

import tracemalloc

import numpy as np

from driftlaw import Isotropic, Task, TaskSequence, frozen, initialized, one_block, one_head_per_task, simulate
from simulate.sample.streams import DIRECTION, FEATURES, NOISE

SAMPLES = ("errors_sample", "step_sizes_sample", "update_magnitude_sample")
RANDOM_CASES = 80


def same_bits(left, right, first=None):
    """Whether two simulations agree bitwise, in the ``first`` trials if given."""
    return all(np.array_equal(getattr(left, name)[:first], getattr(right, name)[:first]) for name in SAMPLES)


def draw(seed, trial, shape, *key):
    """The values of one trial, by re-reading the stream from its start."""
    sequence = np.random.SeedSequence([1, 1, seed], spawn_key=(trial // 64, *key))
    return np.random.Generator(np.random.SFC64(sequence)).standard_normal((trial % 64 + 1, *shape))[-1]


def normal_features(seed, trial, samples, d, t, block):
    """The features of one trial and task in a block, by its index."""
    return draw(seed, trial, (samples, d), t, FEATURES, block)


def naive_data(seq, seed, trial, features=normal_features):
    """Features (zero columns for unused blocks), labels and truths of every task."""
    position = {block: i for i, block in enumerate(seq.blocks)}
    data, named = [], {}
    for t, task in enumerate(seq.tasks):
        columns, truth = [], []
        for block, d in seq.blocks.items():
            used = block in task.truth
            columns.append(features(seed, trial, task.samples, d, t, position[block]) if used else np.zeros((task.samples, d)))
            w = task.truth.get(block, np.zeros(d))
            if isinstance(w, Isotropic):
                first = t if w.name is None else named.setdefault((block, w.name), t)
                direction = draw(seed, trial, (d,), first, DIRECTION, position[block])
                w = w.norm * direction / np.linalg.norm(direction)
            truth.append(np.asarray(w, dtype=float))
        x, w = np.hstack(columns), np.concatenate(truth)
        data.append((x, x @ w + task.noise * draw(seed, trial, (task.samples,), t, NOISE, 0), w))
    return data


def least_step(a, residual):
    """The least step that fits, or fits best."""
    return np.linalg.lstsq(a, residual, rcond=1e-13)[0]


def naive_trial(seq, seed, trial, features=normal_features, solve=least_step):
    """Errors, step sizes, update magnitudes and the final estimate of one trial."""
    data = naive_data(seq, seed, trial, features)
    ends = np.cumsum(list(seq.blocks.values()))
    columns = {block: np.arange(end - d, end) for (block, d), end in zip(seq.blocks.items(), ends, strict=True)}
    theta, tasks = np.zeros(ends[-1]), len(seq)
    errors, step_sizes, updates = np.zeros((tasks, tasks)), np.zeros(tasks), np.zeros(tasks)
    for t, task in enumerate(seq.tasks):
        start = theta.copy()
        for block in task.train:
            if task.starts_from_zero(block):
                start[columns[block]] = 0
        x = np.vstack([data[t][0]] + [data[s][0][:k] for s, k in (task.memory or {}).items()])
        y = np.concatenate([data[t][1]] + [data[s][1][:k] for s, k in (task.memory or {}).items()])
        moving = np.concatenate([columns[block] for block in task.train])
        root = np.concatenate([np.full(seq.blocks[block], float(task.weight_of(block)) ** -0.5) for block in task.train])
        scale = np.concatenate([np.full(seq.blocks[block], float(task.scale_of(block))) for block in task.train])
        step = np.zeros_like(theta)
        if len(y):
            step[moving] = scale * root * solve(x[:, moving] * root, y - x @ start)
        step_sizes[t] = step @ step
        updates[t] = np.sum((start + step - theta) ** 2)
        theta = start + step
        for i in range(tasks):
            counted = np.concatenate([columns[block] for block in seq.used(i)])
            errors[t, i] = np.sum((theta - data[i][2])[counted] ** 2)
    return errors, step_sizes, updates, theta


def assert_like_naive(seq, seed, trials, tolerance=1e-9, entries=normal_features, solve=least_step, **conditions):
    """Simulate and compare some trials, counted from 0, with the plain loop, whose ``entries`` and ``solve`` fit the conditions."""
    found = simulate(seq, max(trials) + 1, seed, **conditions)
    for trial in trials:
        for name, value in zip(SAMPLES, naive_trial(seq, seed, trial, entries, solve), strict=False):
            near = {"rtol": tolerance, "atol": tolerance * (1 + value.max())}
            np.testing.assert_allclose(getattr(found, name)[trial], value, **near, err_msg=f"{name} of trial {trial}")


def empty_results(trials, tasks, more=0):
    """What a learner fills: errors, step sizes, update magnitudes and ``more`` arrays like these two."""
    return np.zeros((trials, tasks, tasks)), *(np.zeros((trials, tasks)) for _ in range(2 + more))


def traced_peak(learner, trials, tasks, more=0):
    """Bytes that NumPy and Python hold at most while a learner of so many trials runs, without its results."""
    results = empty_results(trials, tasks, more)
    learner(trials).run(*results)  # imports and caches are filled here
    tracemalloc.start()
    learner(trials).run(*results)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def assert_honest(bytes_per_trial, learner, tasks, more=0):
    """What a trial adds to the peak stays below the estimate, which is at most twice that."""
    per_trial = (traced_peak(learner, 48, tasks, more) - traced_peak(learner, 16, tasks, more)) / 32
    assert per_trial < bytes_per_trial < 2 * per_trial


def vectors(rng, d, count):
    return list(rng.standard_normal((count, d)) / np.sqrt(d))


def random_sequence(rng):
    """Anything that a sequence can be: odd memory, untouched blocks, restarts, partial steps, unequal weights."""
    blocks = {f"b{i}": int(rng.integers(1, 7)) for i in range(rng.integers(2, 5))}
    names, tasks = list(blocks), []
    for t in range(rng.integers(2, 5)):
        used = [b for b in names if rng.random() < rng.choice([0.2, 0.9])] or [names[0]]
        train = [b for b in used if rng.random() < 0.85] or [used[-1]]
        truth = {b: rng.standard_normal(blocks[b]) for b in used}
        truth |= {b: Isotropic(rng.random(), str(rng.choice(["same", "other"]))) for b in used if rng.random() < 0.3}
        memory = {s: int(tasks[s].samples * rng.choice([0.5, 1])) for s in range(t) if rng.random() < 0.8}
        samples, noise = int(rng.choice([0, 2, 5, 11])), float(rng.random())
        start = {b: str(rng.choice(["previous", "zero"])) for b in train}
        scale = {b: float(rng.choice([1, 0.5, 1.3])) for b in train}
        weights = {b: float(rng.choice([1, 0.2, 7])) for b in train} if rng.random() < 0.5 else None
        tasks.append(Task(samples, noise, truth, train[::-1], start=start, scale=scale, weights=weights, memory=memory))
    return TaskSequence(blocks, tasks)


NEAR = np.random.default_rng(5)
CASES = {
    "frozen": frozen({"shared": 20, "specific": 24}, (12, 10, 8), 0.3, {"shared": vectors(NEAR, 20, 3), "specific": vectors(NEAR, 24, 3)}),
    "initialized": initialized({"shared": 20, "specific": 24}, (12, 10), 0.3, {"shared": vectors(NEAR, 20, 2), "specific": vectors(NEAR, 24, 2)}),
    "from zero": initialized({"a": 15, "b": 9}, (12, 10, 6), 0.2, {"a": vectors(NEAR, 15, 3), "b": vectors(NEAR, 9, 3)}, start="zero"),
    "tall": initialized({"a": 6, "b": 5}, (24, 30), 0.5, {"a": vectors(NEAR, 6, 2), "b": vectors(NEAR, 5, 2)}),
    "at the threshold": one_block(9, (9, 9), 0.1, vectors(NEAR, 9, 2)),
    "heads": one_head_per_task(14, (12, 13, 20), (9, 10, 8), 0.3, {"shared": vectors(NEAR, 14, 3), "head": [NEAR.standard_normal(d) for d in (12, 13, 20)]}),
}


def with_memory(seq, t, memory, **changes):
    """The sequence with stored samples (and more) in task ``t``."""
    tasks = list(seq.tasks)
    fields = ("samples", "noise", "truth", "train", "start", "scale", "weights")
    tasks[t] = Task(**{**{field: getattr(tasks[t], field) for field in fields}, "memory": memory, **changes})
    return TaskSequence(seq.blocks, tasks, seq.gram)


CASES["replay"] = with_memory(CASES["initialized"], 1, {0: 7})
CASES["replay with heads"] = with_memory(CASES["heads"], 2, {0: 4, 1: 3})
CASES["too much replay with heads"] = with_memory(CASES["heads"], 2, {0: 9, 1: 8})
CASES["replay that touches nothing"] = with_memory(CASES["heads"], 2, {0: 9}, train=("head_2",))
CASES["much replay"] = TaskSequence({"a": 40}, [Task(5, 0.1, {"a": w}, ("a",), memory=dict.fromkeys(range(t), 5)) for t, w in enumerate(vectors(NEAR, 40, 12))])
CASES["weights"] = with_memory(CASES["initialized"], 1, None, weights={"shared": 30.0, "specific": 0.5})
CASES["partial steps"] = with_memory(CASES["initialized"], 1, None, scale={"shared": 0.4, "specific": 1.1})
CASES["no samples, restarted"] = with_memory(CASES["from zero"], 1, None, samples=0)
CASES["many tasks"] = one_block(30, (4,) * 40, 0.5, vectors(NEAR, 30, 40))
CASES["many random truths"] = one_block(30, (4,) * 40, 0.5, [Isotropic(1, f"{t // 2}") for t in range(40)])
