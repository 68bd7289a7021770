"""Identities that the law obeys exactly, checked in fractions on random experiments."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F

import numpy as np
from hypothesis import assume, given, strategies as st

from driftlaw.testing import inner_products, numbers, positive_numbers, sample_counts, task_sequences
from theory import Isotropic, Task, TaskSequence, expected_errors, frozen, initialized, one_block


def same(left, right) -> bool:
    """Equality of all that a law says, without tolerance."""
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in ("errors", "step_sizes", "update_magnitude"))


def with_gram(seq: TaskSequence, change) -> TaskSequence:
    return replace(seq, gram={block: [[change(entry) for entry in row] for row in g.values] for block, g in seq.gram.items()})


def with_noise(seq: TaskSequence, change) -> TaskSequence:
    return replace(seq, tasks=[replace(task, noise=change(task.noise)) for task in seq.tasks])


def with_task(seq: TaskSequence, t: int, **settings) -> TaskSequence:
    return replace(seq, tasks=[replace(task, **settings) if s == t else task for s, task in enumerate(seq.tasks)])


@given(task_sequences())
def test_fractions_in_fractions_out(seq):
    law = expected_errors(seq)
    values = [*law.errors.ravel(), *law.step_sizes, *law.update_magnitude, *law.effective_noise]
    assert all(isinstance(value, F) for value in values)
    assert law.errors.shape == (len(seq), len(seq)) and law.step_sizes.shape == law.update_magnitude.shape == (len(seq),) and len(law) == len(seq)


@given(task_sequences())
def test_squares_are_never_negative(seq):
    law = expected_errors(seq)
    assert min(*law.errors.ravel(), *law.step_sizes, *law.update_magnitude, *law.effective_noise) >= 0


@given(task_sequences(), positive_numbers)
def test_scaling_truths_and_noise_scales_squares(seq, c):
    law = expected_errors(seq)
    scaled = expected_errors(with_gram(with_noise(seq, lambda sigma: c * sigma), lambda entry: c**2 * entry))
    assert np.array_equal(scaled.errors, c**2 * law.errors) and np.array_equal(scaled.update_magnitude, c**2 * law.update_magnitude)
    assert np.array_equal(scaled.step_sizes, c**2 * law.step_sizes) and np.array_equal(scaled.effective_noise, c**2 * law.effective_noise)


@given(task_sequences(), st.data())
def test_linear_in_grams_and_variances(seq, data):
    """Variances (3s)^2 + (4s)^2 = (5s)^2 keep the noise levels rational."""
    other = replace(seq, gram={block: data.draw(inner_products(len(seq))) for block in seq.blocks})
    total = {block: seq.gram[block].values + other.gram[block].values for block in seq.blocks}
    left, right = with_noise(seq, lambda sigma: 3 * sigma), with_noise(other, lambda sigma: 4 * sigma)
    both = expected_errors(with_noise(replace(seq, gram=total), lambda sigma: 5 * sigma))
    assert np.array_equal(both.errors, expected_errors(left).errors + expected_errors(right).errors)
    assert np.array_equal(both.update_magnitude, expected_errors(left).update_magnitude + expected_errors(right).update_magnitude)


@given(task_sequences(), st.permutations("abc"))
def test_names_and_order_of_blocks_do_not_matter(seq, names):
    called = dict(zip("abc", names))

    def rename(mapping):
        return {called[block]: value for block, value in reversed(list(mapping.items()))}

    tasks = [
        replace(t, truth=rename(t.truth), train=tuple(called[b] for b in reversed(t.train)), start=rename(t.start), scale=rename(t.scale))
        for t in seq.tasks
    ]
    renamed = TaskSequence(rename(seq.blocks), tasks, rename(seq.gram))
    assert same(expected_errors(renamed), expected_errors(seq))


@given(task_sequences(blocks=(1, 2)), st.integers(1, 12), st.data())
def test_two_blocks_that_always_go_together_are_one(seq, dimension, data):
    """Cut block "a" in two: dimensions and inner products add up to those of the whole."""
    assume(seq.blocks["a"] > 1)
    part = data.draw(st.integers(1, seq.blocks["a"] - 1))
    inner = data.draw(inner_products(len(seq)))
    whole = {**seq.gram, "a": seq.gram["a"].values + np.array(inner, dtype=object)}

    def double(mapping):
        return {**mapping, **({"z": mapping["a"]} if "a" in mapping else {})}

    tasks = [
        replace(t, truth=double(t.truth), train=(*t.train, *(("z",) if "a" in t.train else ())), start=double(t.start), scale=double(t.scale))
        for t in seq.tasks
    ]
    cut = TaskSequence({**seq.blocks, "a": part, "z": seq.blocks["a"] - part}, tasks, {**seq.gram, "z": inner})
    assert same(expected_errors(cut), expected_errors(replace(seq, gram=whole)))


@given(task_sequences(), st.data())
def test_no_samples_no_step(seq, data):
    t = data.draw(st.integers(0, len(seq) - 1))
    law = expected_errors(with_task(seq, t, samples=0, start="previous"))
    before = law.errors[t - 1] if t else [sum(seq.gram[b].values[i, i] for b in seq.used(i)) for i in range(len(seq))]
    assert law.step_sizes[t] == law.update_magnitude[t] == 0 and np.array_equal(law.errors[t], before)


@given(task_sequences(), st.data())
def test_a_step_of_scale_zero_does_not_move(seq, data):
    t = data.draw(st.integers(0, len(seq) - 1))
    still, none = with_task(seq, t, scale=0, start="previous"), with_task(seq, t, samples=0, start="previous")
    assert same(expected_errors(still), expected_errors(none))


@given(task_sequences())
def test_a_block_of_zero_truth_that_nobody_trains_adds_nothing(seq):
    tasks = [replace(task, truth={**task.truth, "idle": "nothing"}) for task in seq.tasks]
    more = TaskSequence({**seq.blocks, "idle": 7}, tasks, {**seq.gram, "idle": np.zeros((len(seq), len(seq)), dtype=int)})
    assert same(expected_errors(more), expected_errors(seq))


@given(task_sequences())
def test_a_block_that_only_makes_noise_counts_as_noise(seq):
    """Unit truth, never trained: the error grows by 1 where the block is used, the rest sees noise of variance sigma^2 + 1."""
    last = len(seq) - 1
    task = seq.tasks[last]
    more = TaskSequence(
        {**seq.blocks, "idle": 2},
        [*seq.tasks[:last], replace(task, noise=0, truth={**task.truth, "idle": "unit"})],
        {**seq.gram, "idle": np.ones((len(seq), len(seq)), dtype=int)},
    )
    law, plain = expected_errors(more), expected_errors(with_task(seq, last, noise=1))
    assert np.array_equal(law.errors[last, :last], plain.errors[last, :last]) and law.errors[last, last] == plain.errors[last, last] + 1
    assert same_last(law, plain) and law.effective_noise[last] == plain.effective_noise[last]


def same_last(left, right) -> bool:
    return left.step_sizes[-1] == right.step_sizes[-1] and left.update_magnitude[-1] == right.update_magnitude[-1]


@given(task_sequences(), st.data())
def test_later_tasks_do_not_change_earlier_errors(seq, data):
    t = data.draw(st.integers(1, len(seq)))
    law = expected_errors(seq)
    first = expected_errors(TaskSequence(seq.blocks, seq.tasks[:t], {b: g.values[:t, :t] for b, g in seq.gram.items()}))
    assert np.array_equal(law.errors[:t, :t], first.errors) and np.array_equal(law.step_sizes[:t], first.step_sizes)


@given(task_sequences(), st.data())
def test_errors_grow_with_noise(seq, data):
    t = data.draw(st.integers(0, len(seq) - 1))
    more = expected_errors(with_task(seq, t, noise=seq.tasks[t].noise + data.draw(positive_numbers)))
    law = expected_errors(seq)
    assert np.all(more.errors >= law.errors) and np.all(more.step_sizes >= law.step_sizes) and np.all(more.update_magnitude >= law.update_magnitude)


@given(task_sequences(), st.data())
def test_errors_of_two_truths_obey_the_triangle_inequality(seq, data):
    """|E L_i - E L_j| <= D + 2 sqrt(D E L_j) for tasks on the same blocks, D = |w_i - w_j|^2 (Minkowski)."""
    i, j = data.draw(st.integers(0, len(seq) - 1)), data.draw(st.integers(0, len(seq) - 1))
    assume(seq.used(i) == seq.used(j))
    law = expected_errors(seq)
    distance = sum(seq.gram[b].values[i, i] + seq.gram[b].values[j, j] - 2 * seq.gram[b].values[i, j] for b in seq.used(i))
    for left, right in zip(law.errors[:, i], law.errors[:, j]):
        excess = abs(left - right) - distance
        assert excess <= 0 or excess**2 <= 4 * distance * min(left, right)


@given(task_sequences(tasks=(1, 3)), st.data())
def test_enough_samples_forget_the_past(seq, data):
    """A full step of n >= d on every block leaves nothing of the earlier tasks, their noise and their truths."""
    d, t = sum(seq.blocks.values()), len(seq) - 1
    last = Task(d + 2 + data.draw(st.integers(0, 5)), F(1, 2), {b: f"last_{b}" for b in seq.blocks}, tuple(seq.blocks), scale={b: 1 for b in seq.blocks})
    history = TaskSequence(seq.blocks, [*seq.tasks[:t], last], seq.gram)
    other = TaskSequence(seq.blocks, [*(replace(task, noise=task.noise + 1, scale=F(1, 3)) for task in seq.tasks[:t]), last], seq.gram)
    alone = TaskSequence(seq.blocks, [last], {b: g.values[t:, t:] for b, g in seq.gram.items()})
    assert np.array_equal(expected_errors(history).errors[t], expected_errors(other).errors[t])
    assert expected_errors(history).errors[t, t] == expected_errors(alone).errors[0, 0] == d * F(1, 4) / (last.samples - d - 1)


@given(task_sequences(), st.integers(0, 3), st.data())
def test_without_noise_enough_samples_find_the_truth(seq, more, data):
    """n >= d, threshold included: the estimate is the truth, so errors are distances between truths."""
    t, d = len(seq) - 1, sum(seq.blocks.values())
    last = Task(d + more, 0, {b: f"last_{b}" for b in seq.blocks}, tuple(seq.blocks))
    law = expected_errors(TaskSequence(seq.blocks, [*seq.tasks[:t], last], seq.gram))
    for i in range(t + 1):
        grams = [seq.gram[b].values for b in (seq.used(i) if i < t else seq.blocks)]
        assert law.errors[t, i] == sum(g[i, i] + g[t, t] - 2 * g[i, t] for g in grams)


@given(task_sequences())
def test_infinitely_many_dimensions_learn_nothing(seq):
    """With d = 10^9 and the same few samples every error is |w_i|^2 up to O(1/d)."""
    tasks = [replace(task, samples=min(task.samples, 5)) for task in seq.tasks]
    law = expected_errors(TaskSequence({b: 10**9 for b in seq.blocks}, tasks, seq.gram))
    for i in range(len(seq)):
        assert all(abs(error - sum(seq.gram[b].values[i, i] for b in seq.used(i))) < F(1, 10**5) for error in law.errors[:, i])


@given(task_sequences())
def test_infinitely_many_samples_find_the_last_truth(seq):
    t = len(seq) - 1
    last = replace(seq.tasks[t], samples=10**9, scale=1)
    law = expected_errors(replace(seq, tasks=[*seq.tasks[:t], last]))
    learned = law.errors[t, t] - (law.effective_noise[t] - last.noise**2)  # what is left on the trained blocks
    assert 0 <= learned < F(1, 10**5)


@given(task_sequences(), st.data())
def test_errors_are_a_parabola_in_the_scale_of_the_last_step(seq, data):
    t = len(seq) - 1
    laws = {s: expected_errors(with_task(seq, t, scale=s, start="previous")) for s in (F(0), F(1), F(1, 2), F(-1), data.draw(numbers))}
    step = laws[1].step_sizes[t]
    for i in range(t + 1):
        at = {s: law.errors[t, i] for s, law in laws.items()}
        curvature = (at[1] + at[-1]) / 2 - at[0]
        slope = (at[1] - at[-1]) / 2
        assert all(value == at[0] + slope * s + curvature * s**2 for s, value in at.items())
        assert curvature == step or not set(seq.tasks[t].train) <= set(seq.used(i))
    assert all(law.step_sizes[t] == s**2 * step for s, law in laws.items())


@given(task_sequences())
def test_from_the_previous_estimate_steps_are_updates(seq):
    law = expected_errors(replace(seq, tasks=[replace(task, start="previous") for task in seq.tasks]))
    assert np.array_equal(law.step_sizes, law.update_magnitude)


@given(task_sequences())
def test_the_first_task_starts_from_zero_anyway(seq):
    assert same(expected_errors(with_task(seq, 0, start="zero")), expected_errors(with_task(seq, 0, start="previous")))


@given(task_sequences())
def test_starting_everything_from_zero_forgets_the_past(seq):
    """Of the last task alone, whatever came before."""
    t = len(seq) - 1
    last = Task(seq.tasks[t].samples, F(1, 2), {b: f"last_{b}" for b in seq.blocks}, tuple(seq.blocks), start="zero")
    assume(last.samples == 0 or abs(last.samples - sum(seq.blocks.values())) > 1)
    law = expected_errors(TaskSequence(seq.blocks, [*seq.tasks[:t], last], seq.gram))
    alone = expected_errors(TaskSequence(seq.blocks, [last], {b: g.values[t:, t:] for b, g in seq.gram.items()}))
    assert law.errors[t, t] == alone.errors[0, 0] and law.step_sizes[t] == alone.step_sizes[0]


@given(task_sequences(dimension=(1, 4), vectors=True), st.data())
def test_only_inner_products_matter(seq, data):
    """Rotating all truths of a block by an exact orthogonal matrix, or giving their Gram matrix, changes nothing."""
    turns = {block: rotation(data.draw, d) for block, d in seq.blocks.items()}
    turned = [replace(task, truth={b: turns[b] @ np.array(w.values.tolist(), dtype=object) for b, w in task.truth.items()}) for task in seq.tasks]
    grams = {}
    for block, d in seq.blocks.items():
        vectors = [task.truth[block].values.tolist() if block in task.truth else [0] * d for task in seq.tasks]
        grams[block] = [[sum(x * y for x, y in zip(left, right)) for right in vectors] for left in vectors]
    named = [replace(task, truth={b: f"{b}_{t}" for b in task.truth}) for t, task in enumerate(seq.tasks)]
    law = expected_errors(seq)
    assert same(expected_errors(replace(seq, tasks=turned)), law) and same(expected_errors(TaskSequence(seq.blocks, named, grams)), law)


def rotation(draw, d: int) -> np.ndarray:
    """Signed permutation times plane rotations by (3/5, 4/5), entries Fractions."""
    matrix = np.full((d, d), F(0), dtype=object)
    for row, column in enumerate(draw(st.permutations(range(d)))):
        matrix[row, column] = F(draw(st.sampled_from([-1, 1])))
    for i in range(d - 1):
        plane = np.array([[F(3, 5), F(4, 5)], [F(-4, 5), F(3, 5)]], dtype=object)
        matrix[i : i + 2] = plane @ matrix[i : i + 2]
    return matrix


@given(st.integers(2, 9), st.integers(1, 9), st.data())
def test_heads_of_their_own_are_never_forgotten(shared, head, data):
    """Later tasks do not touch task 0's blocks, so that its error stays."""
    names = ("shared", "head_0", "head_1")
    gram = {name: data.draw(inner_products(2)) for name in names}
    n = data.draw(sample_counts(shared + head)), data.draw(sample_counts(head))
    tasks = [
        Task(n[0], F(1, 2), {"shared": "u", "head_0": "v"}, ("shared", "head_0")),
        Task(n[1], F(1, 3), {"shared": "w", "head_1": "x"}, ("head_1",)),
    ]
    law = expected_errors(TaskSequence({"shared": shared, "head_0": head, "head_1": head}, tasks, gram))
    assert law.forgetting() == 0 and law.deviation() == law.errors[0, 0]


@given(task_sequences(), positive_numbers)
def test_equal_weights_are_no_weights(seq, weight):
    weighted = replace(seq, tasks=[replace(task, weights={b: weight for b in task.train}) for task in seq.tasks])
    assert same(expected_errors(weighted), expected_errors(seq))


@given(st.integers(1, 6), st.integers(1, 6), sample_counts(12), st.lists(positive_numbers, min_size=3, max_size=3))
def test_isotropic_truths_are_their_expected_inner_products(a, b, n, norms):
    """Shared names share the direction; all others are orthogonal on average, to vectors too."""
    n = n if n == 0 or abs(n - a - b) > 1 else 0
    first, second, third = norms
    truths = [Isotropic(first, "v"), Isotropic(second, "v"), Isotropic(third), [1] * a]
    gram = [[first**2, first * second, 0, 0], [first * second, second**2, 0, 0], [0, 0, third**2, 0], [0, 0, 0, a]]

    def build(values, grams):
        tasks = [Task(n, F(1, 2), {"a": value, "b": f"b_{t}"}, ("a", "b")) for t, value in enumerate(values)]
        return TaskSequence({"a": a, "b": b}, tasks, grams)

    drawn = build(truths, {"b": np.eye(4, dtype=int)})
    assert same(expected_errors(drawn), expected_errors(build([f"a_{t}" for t in range(4)], {"a": gram, "b": np.eye(4, dtype=int)})))


@given(st.integers(1, 6), st.integers(3, 9), st.integers(3, 9), st.data())
def test_frozen_and_initialized_agree_where_nothing_is_frozen(n, p, p_1, data):
    assume(abs(n - p - p_1) > 1)
    grams = {"shared": data.draw(inner_products(1)), "specific": data.draw(inner_products(1))}
    setting = {"blocks": {"shared": p, "specific": p_1}, "samples": (n,), "noise": F(1, 2), "gram": grams}
    law = expected_errors(frozen(**setting))
    assert same(law, expected_errors(initialized(**setting)))
    joined = one_block(p + p_1, (n,), F(1, 2), gram=[[grams["shared"][0][0] + grams["specific"][0][0]]])
    assert same(law, expected_errors(joined))
