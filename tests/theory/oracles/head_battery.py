"""Checks of the law of distillation with heads and of rules that resolve to others: sampled moments, hand-made sums, frozen training."""

import math
from dataclasses import replace
from fractions import Fraction as F
from functools import cache

import numpy as np
import sympy
from law_battery import HALF, close, refused, require

from theory.conditions import EWC, SI, Distillation, Gaussian, HeadDistillation, MinNorm, Rademacher
from theory.constructors import one_block
from theory.errors import DomainError, InputError, NoClosedForm
from theory.law import expected_errors
from theory.problem import Isotropic, Task, TaskSequence
from theory.projections import moments_beside_heads

SIZES = ((8, 3, 1), (10, 5, 2), (16, 9, 4))  # d, n, own


@cache
def sampled(d: int, n: int, own: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard errors of a + b, a and m of B v v' B', and of k, from least squares of drawn features; v is the first axis."""
    rng, rows = np.random.default_rng(d), []
    for _ in range(40):
        x, z, noise = (rng.standard_normal((5000, n, size)) for size in (d, own, 1))
        left = [r - z @ np.linalg.solve(z.swapaxes(1, 2) @ z, z.swapaxes(1, 2) @ r) for r in (x[:, :, :1], noise)]
        step, noisy = ((x.swapaxes(1, 2) @ np.linalg.solve(x @ x.swapaxes(1, 2), r))[..., 0] for r in left)
        rows.append([step[:, 0] ** 2, (step[:, 1:] ** 2).mean(1), step[:, 0], (noisy**2).sum(1)])
    values = np.concatenate(rows, axis=1)
    return values.mean(1), values.std(1) / values.shape[1] ** 0.5


def check_moments_beside_heads(world) -> None:
    for d, n, own in SIZES:
        mean, stderr = sampled(d, n, own)
        made = world.projections.moments_beside_heads(F(n), F(d), F(own))
        found = np.array([made.a + made.b, made.a, made.m, made.k], dtype=float)
        require((np.abs(found - mean) < 4.5 * stderr).all() and (stderr < 0.01 * mean).all() and not made.pole, f"{found} {mean} {stderr}")
        left = F(n - own)  # known by itself
        require(made.a * d + made.b == left / d + own * left / d / (d - n - 1) and made.k == left / (d - n - 1))


def headed(n, strength, noise=HALF, shared=(4, 9), own=(2, 3), tasks=2) -> TaskSequence:
    """Two shared blocks of one truth, and two for each task's own."""
    blocks = {"a": shared[0], "b": shared[1], **{f"{name}{t}": size for t in range(tasks) for name, size in zip("hk", own, strict=True)}}
    gram = {block: [[1 if block in "ab" or int(block[1]) == i == j else 0 for j in range(tasks)] for i in range(tasks)] for block in blocks}
    samples = n if isinstance(n, tuple) else (5, n)
    made = [Task(samples[t], noise, {b: b for b in ("a", "b", f"h{t}", f"k{t}")}, ("a", f"h{t}", "b", f"k{t}")) for t in range(tasks)]
    return TaskSequence(blocks, made, gram, rule=HeadDistillation(strength))


def after_first(block: str) -> F:
    """Error of task 0's estimate of a shared block, from the law of task 0 alone."""
    seq = headed(8, 1)
    return expected_errors(replace(seq, tasks=[replace(seq.tasks[0], rule=MinNorm()), Task(0, 0, {block: block}, (block,))])).errors[0, 1]


def check_heads(world) -> None:
    e_a, e_b = after_first("a"), after_first("b")
    both, (a, b, m, k, _) = e_a + e_b, moments_beside_heads(F(8), F(13), F(5))
    moved, head = (a * 13 + b) * both + k / 4, F(5, 2) * (both + F(1, 4))
    for strength in (F(2, 3), 0.5, np.array([0.5, 2.0])):
        law, share = world.expected_errors(headed(8, strength)), 1 / (1 + np.asarray(strength, dtype=float))
        change = float(moved) * share**2 - 2 * float(m * both) * share
        require(close(law.errors[..., 1, 1], change + float(both + head)) and close(law.errors[..., 1, 0] - law.errors[..., 0, 0], change), "errors")
        require(close(law.step_sizes[..., 1], float(2 + head) + float(moved) * share**2) and close(law.effective_noise[..., 1], 0.25), "steps")
    seq = headed((5, 8, 0), 1, tasks=3)
    alone = replace(seq, tasks=[*seq.tasks[:2], Task(0, 0, {"a": "a"}, ("a",))])
    require(world.expected_errors(alone).errors[1, 2] == e_a * (1 - m) + (a * 4 * both + b * e_a + k / 13) / 4, "one of two shared blocks")
    for n in (1, 3):
        seq = headed(n, 7)
        kept = replace(seq, tasks=[replace(seq.tasks[0], rule=MinNorm()), replace(seq.tasks[1], rule=MinNorm(), train=("h1", "k1"))])
        made, right = (world.expected_errors(one) for one in (seq, kept))
        require(all((getattr(made, part) == getattr(right, part)).all() for part in ("errors", "step_sizes", "update_magnitude", "effective_noise")), "frozen")
    plain = headed(8, 0)
    require((world.expected_errors(plain).errors == expected_errors(plain.under(rule=MinNorm())).errors).all(), "no strength")
    seq = headed((5, 1, 8), 1, tasks=3)
    require(world.expected_errors(seq).errors[2, 2] == world.expected_errors(by_hand(seq, F(2))).errors[2, 2], "two teachers")
    for n in (7, 11):
        world.expected_errors(headed(n, 1))
    for n, kind in ((4, DomainError), (6, DomainError), (12, NoClosedForm), (20, NoClosedForm)):
        refused(kind, "task 1", world.expected_errors, headed(n, 1))
    for n, strength in ((np.array([3, 8]), 1), (8, np.array([0.0, 2.0])), (np.array([8, 12]), 1.0)):
        refused(NoClosedForm, "no exact law is known for task 1", world.expected_errors, headed(n, strength))
    for n in (3, 17):
        refused(NoClosedForm, "share the same blocks", world.expected_errors, two_teachers(n))
    n, s = sympy.symbols("n s", positive=True, integer=True)
    law = world.expected_errors(headed(n, s, shared=(40, 90)), regime=("overparameterized", "underparameterized"))
    there = world.expected_errors(headed(20, 2, shared=(40, 90))).errors[1, 1]
    require(law.conditions == (5 - n < -1, 130 - n > 1) and law.errors[1, 1].subs({n: 20, s: 2}) == there)
    require(world.expected_errors(headed(n, s)).conditions == (5 - n > 1,), "few samples")


def two_teachers(n: int) -> TaskSequence:
    tasks = [Task(2, HALF, {name: name for name in blocks}, blocks) for blocks in (("a",), ("b",), ("a", "b", "c"))]
    seq = TaskSequence({"a": 20, "b": 9, "c": 6}, tasks, {x: np.ones((3, 3)) for x in "abc"}, rule=HeadDistillation(1))
    return replace(seq, tasks=[*seq.tasks[:2], replace(seq.tasks[2], samples=n)])


def by_hand(seq: TaskSequence, strength: F) -> TaskSequence:
    """Task 2 with the strengths of its teachers added up, and one teacher."""
    (first, second, third), blocks = seq.tasks, {name: d for name, d in seq.blocks.items()}
    own = Task(second.samples, second.noise, {x: y for x, y in second.truth.items() if x not in "ab"}, ("h1", "k1"), rule=MinNorm())
    noise = expected_errors(replace(seq, tasks=[replace(x, rule=MinNorm()) for x in seq.tasks])).errors[0, 0]
    return TaskSequence(blocks, [first, replace(own, noise=noise), replace(third, rule=HeadDistillation(strength))], seq.gram, rule=seq.rule)


def check_resolved(world) -> None:
    vectors = [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]]
    quiet = one_block(6, (4, 3, 3), HALF, gram=np.eye(3, dtype=int))
    made = world.expected_errors(quiet.under(rule=HeadDistillation(F(1, 3))))
    require((made.errors == expected_errors(quiet.under(rule=(MinNorm(), Distillation(F(1, 3)), Distillation(F(2, 3))))).errors).all(), "one head")
    grid = world.expected_errors(quiet.under(rule=HeadDistillation(np.array([F(1, 3), 1], dtype=float))))
    require(close(grid.errors[0], made.errors), "a grid of strengths")
    require((world.expected_errors(quiet.under(rule=HeadDistillation(0))).errors == expected_errors(quiet).errors).all(), "no strength")
    for samples, rule, known in (
        ((4, 4, 3), EWC(2.0), True), ((6, 4, 3), EWC(2.0), True), ((9, 4, 3), EWC(2.0), False), ((4, 9, 3), EWC(2.0), False), ((4, 4, 9), EWC(2.0), True),
        ((4, 4, 3), EWC(2.0, "sample"), False), ((9, 9, 3), EWC(0.0), True), ((4, 4, 3), SI(1.0), False), ((9,), SI(1.0), True),
        ((9, 4), (MinNorm(), SI(1.0)), True),
    ):  # fmt: skip
        plain = one_block(6, samples, 0 if 6 in samples else HALF, vectors[: len(samples)])
        if known:
            require((world.expected_errors(plain.under(rule=rule)).errors == expected_errors(plain).errors).all(), f"{rule}")
        else:
            held = replace(plain, tasks=[replace(task, noise=0.5) for task in plain.tasks]).under(rule=rule)
            refused(NoClosedForm, "no exact law is known for", world.expected_errors, held)
    n = sympy.Symbol("n", positive=True, integer=True)
    for samples in (np.array([4, 9]), np.array([9, 4]), np.array([0, 9])):
        refused(NoClosedForm, "law", world.expected_errors, one_block(6, (samples, 4), HALF, vectors[:2]).under(rule=EWC(2.0)))
    for seq in (one_block(6, (n, 4), HALF, vectors[:2]), one_block(n, (4, 3), HALF, [Isotropic(1, "w")] * 2)):
        refused(InputError, "mixes the symbol n", world.expected_errors, seq.under(rule=EWC(2.0)))
    for n, left in ((4, 7.0), (5, 7.0), (6, 1.0)):
        require(world.moment_orders(headed(n, 1.0)).errors[1, 0] == left, f"{n} samples for five of its own")
    require(world.moment_orders(two_teachers(17)).errors[2, 2] == 0.5 and world.moment_orders(two_teachers(3)).errors[2, 2] == 2.0)
    orders = world.moment_orders(headed((5, 8, 3), 1.0, tasks=3))
    require(orders.errors[:, 0].tolist() == [7.0, 2.0, 2.0] and orders.errors[2, 2] == 1.5 and orders.step_sizes.tolist() == [7.0, 2.0, 1.5], f"{orders}")
    require(world.moment_orders(headed(10, 1.0)).step_sizes[1] == 2.0 and world.moment_orders(headed(20, 1.0)).step_sizes[1] == 4.0)
    check_held(world)


def check_held(world) -> None:
    """Orders of steps under penalties that earlier tasks decide: (n - d + 1) / 2 for n >= d; for n < d those of 1 / (2 / N + 1 / start)."""
    sample, start = EWC(2.0, "sample"), TaskSequence({"a": 6, "b": 3}, [Task(n, HALF, {"a": [1] * 6, "b": [1] * 3}, ("a",) if n == 20 else ("b",) if n == 13 else ("a", "b")) for n in (20, 13, 4)])
    for samples, rule, right in (
        ((9, 4), SI(1.0), 0), ((20, 11), SI(1.0), 3), ((9, 4), sample, 1 / (2 / 9 + 1 / 2)), ((9, 6), sample, 0.5), ((9, 4), EWC(2.0), 0), ((4, 4), EWC(2.0), 1.5), ((9, 4), (sample, SI(1.0)), 1.5),
        ((11, 12, 4), sample, 1 / (2 / 23 + 1 / 3)), ((11, 12, 4), EWC(2.0, "sample", 0.0), 1 / (2 / 12 + 1 / 3)), ((11, 0, 4), EWC(2.0, "sample", 0.0), 1 / (2 / 11 + 1 / 3)), ((11, 4), EWC(0.0, "sample"), 1.5),
    ):  # fmt: skip
        seq = one_block(6, samples, HALF, np.eye(6, dtype=int)[: len(samples)].tolist())
        require(close(world.moment_orders(seq.under(rule=rule)).step_sizes[-1], right), f"{samples} {rule}")
    require(close(world.moment_orders(start.under(rule=sample)).step_sizes[-1], 1 / (2 / 13 + 1 / 5.5)), "the block that fewer samples trained")
    twice = one_block(6, (9, 4), HALF, np.eye(6, dtype=int)[:2].tolist()).under(rule=sample, visits=(0, 0, 1))
    require(close(world.moment_orders(twice).step_sizes[-1], 0), "unknown where data are used again")
    quiet = one_block(6, (9, 7), 0, np.eye(6, dtype=int)[:2].tolist()).under(rule=sample)
    require(world.moment_orders(quiet).step_sizes.tolist() == [math.inf, 1] and world.moment_orders(quiet.under(visits=(0, 1, 0))).step_sizes[2] == 0, "no noise")


def check_colours(world) -> None:
    """Errors of predictions are the usual ones under standard normal features; features of twice the size halve the noise."""
    seq = one_block(2, (5, 5), HALF, [[1, 0], [0, 2]])
    require((world.expected_errors(seq.under(risk="features")).errors == expected_errors(seq).errors).all())
    refused(NoClosedForm, "no exact law is known for Rademacher", world.expected_errors, seq.under(Rademacher(), risk="features"))
    many = one_block(2, (5, 7), HALF, [[1, 0], [0, 2]])
    made, right = world.expected_errors(many.under(Gaussian([4, 4]))), expected_errors(one_block(2, (5, 7), HALF / 2, [[1, 0], [0, 2]]))
    require(close(made.errors, right.errors) and close(world.expected_errors(many.under(Gaussian([4, 4]), risk="features")).errors[0, 0], 4 * right.errors[0, 0]))


HEAD_CHECKS = (check_heads, check_resolved, check_colours, check_moments_beside_heads)
