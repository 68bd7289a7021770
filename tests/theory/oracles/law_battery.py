"""A compact set of exact checks of a law, used on the law and on its mutants; the right answers come from other routes.

Every check takes a namespace with ``expected_errors``, ``moment_orders`` and ``projections``. Expected values are
computed once, from integrals (`direct_route`), never from the law.
"""

import math
from dataclasses import replace
from fractions import Fraction as F
from functools import cache

import numpy as np
import sympy
from direct_route import DirectRoute
from haar_moments import expected_noise_step, projection_moment

from theory.conditions import Rademacher, Ridge
from theory.constructors import expanding, frozen, initialized, one_block
from theory.errors import DomainError, InputError, NoClosedForm
from theory.problem import Isotropic, Task, TaskSequence

HALF, THIRD = F(1, 2), F(1, 3)
PARTS = ("errors", "step_sizes", "update_magnitude", "effective_noise")
U, Q = [[1, 2], [0, -1]], [[1, 0, 2], [1, 1, 1]]
GROWING = {"shared": [[1, 1, 0, 0], [1, 0, 1, 1]], "specific": [[1, 0, 0, 0, 0], [HALF, 1, 0, 0, 0]], "extra": [1, 2]}


def require(holds: object, what: str = "") -> None:
    if not holds:
        raise AssertionError(what)


def refused(kind: type, words: str, call, *arguments, **settings) -> None:
    """Require that the call raises ``kind`` (exactly) with the words in its message."""
    try:
        call(*arguments, **settings)
    except kind as error:
        require(type(error).__name__ == kind.__name__ and words in str(error), f"{error}")
    else:
        raise AssertionError(f"no {kind.__name__}")


def close(left, right) -> bool:
    return bool(np.allclose(np.asarray(left, dtype=float), np.asarray(right, dtype=float), rtol=1e-11, atol=1e-12, equal_nan=True))


@cache
def floating(seq: TaskSequence) -> TaskSequence:
    return replace(seq, tasks=[replace(task, noise=float(task.noise)) for task in seq.tasks])


@cache
def integrated() -> tuple[tuple[TaskSequence, DirectRoute], ...]:
    """Small experiments with their integrals."""
    sequences = (
        TaskSequence(
            {"a": 2, "b": 2, "c": 1},
            [
                Task(2, HALF, {"a": [1, 2], "b": [1, 0], "c": [1]}, ("a", "b", "c"), scale={"a": HALF}),
                Task(1, THIRD, {"a": [0, 1], "b": [1, 1], "c": [2]}, ("b", "c"), start={"b": "zero"}, scale=F(3, 4)),
                Task(7, 1, {"a": [1, 1], "b": [0, 2]}, ("a", "b"), scale=F(3, 4)),
            ],
        ),
        frozen({"shared": 2, "specific": 3}, (3, 1), (HALF, THIRD), {"shared": U, "specific": Q}),
        frozen({"shared": 2, "specific": 2}, (7, 4), (HALF, THIRD), {"shared": U, "specific": [[1, 0], [1, 1]]}),
        initialized({"shared": 2, "specific": 2}, (2, 1), (HALF, THIRD), {"shared": U, "specific": [[1, 0], [1, 1]]}, start="zero"),
        initialized({"shared": 2, "specific": 2}, (3, 3), 0, {"shared": U, "specific": [[1, 0], [1, 1]]}),
        TaskSequence(
            {"a": 3, "b": 1},
            [
                Task(1, HALF, {"a": [1, 2, 0]}, ("a",)),
                Task(0, HALF, {"a": [1, 2, 0], "b": [3]}, ("a", "b"), start={"a": "zero"}),
                Task(3, 0, {"a": [0, 1, 1]}, ("a",)),
                Task(5, THIRD, {"a": [1, 0, 1]}, ("a",), start="zero", scale={"a": HALF}),
            ],
        ),
        TaskSequence({"a": 2}, [Task(2, 0, {"a": [1, 2]}, ("a",)), Task(0, 1, {"a": [0, 1]}, ("a",)), Task(3, 0, {"a": [2, 0]}, ("a",), scale=HALF)]),
        TaskSequence({"a": 1, "b": 1}, [Task(1, 0, {"a": [1], "b": [2]}, ("a", "b")), Task(5, HALF, {"a": [2], "b": [1]}, ("a", "b"), scale={"a": 2, "b": 0})]),
        TaskSequence({"a": 1, "b": 2}, [Task(4, HALF, {"a": [2], "b": [1, 0]}, ("a",)), Task(4, HALF, {"a": [1], "b": [0, 1]}, ("b",))]),
        *(expanding(4, (5, 2), (3, n), (HALF, THIRD), GROWING, train_shared=moving) for n, moving in ((4, False), (9, True), (20, True))),
    )
    return tuple((seq, DirectRoute(seq)) for seq in sequences)


def check_integrals_in_fractions(world) -> None:
    for seq, direct in integrated():
        law = world.expected_errors(seq)
        for part in PARTS:
            values = getattr(law, part)
            require(values.tolist() == getattr(direct, part).tolist(), part)
            require(all(isinstance(value, F) for value in values.ravel()), "fractions")
        require(law.conditions == () and len(law) == len(seq), "conditions and length")


def check_integrals_in_floats(world) -> None:
    for seq, direct in integrated():
        law = world.expected_errors(floating(seq))
        for part in PARTS:
            values = getattr(law, part)
            require(values.dtype == np.float64 and values.shape == getattr(direct, part).shape and close(values, getattr(direct, part)), part)


def check_averages(world) -> None:
    """Any sums of estimates by the integrals, in fractions, grids and symbols; the running mean."""
    for seq, direct in integrated():
        rows, mean = (np.array([[f(s, t) if s <= t else F(0) for s in range(len(seq))] for t in range(len(seq))]) for f in (lambda s, t: F(3 * s + 2 * t - 4, 3), lambda s, t: F(1, t + 1)))
        require(world.expected_errors(seq.under(average=rows)).errors.tolist() == direct.averaged(rows).tolist(), "sums")
        require(world.expected_errors(seq.under(average="mean")).errors.tolist() == direct.averaged(mean).tolist(), "mean")
        grid = seq.under(average=np.stack([rows.astype(float), mean.astype(float), np.eye(len(seq))]))
        require(close(world.expected_errors(grid).errors, [direct.averaged(rows), direct.averaged(mean), direct.errors]) and grid.at(1).average.shape == mean.shape, "grids")
    (_, direct), x = integrated()[1], sympy.Symbol("x", real=True)
    seq = integrated()[1][0].under(average=[[1, 0], [1 - x, x]])
    made, right = world.expected_errors(seq).errors[1], direct.averaged(np.array([[F(1), F(0)], [F(2, 3), THIRD]]))[1]
    require([value.subs(x, sympy.Rational(1, 3)) for value in made] == right.tolist(), "symbols")
    blank = world.expected_errors(one_block(6, (6, 9), 0.5, gram=[[1, 0], [0, 1]]).under(average=np.eye(2)), outside="nan").errors
    require(bool(np.isnan(blank[0].astype(float)).all() and np.isfinite(blank[1].astype(float)).all()), "an estimate of weight 0 blanks nothing")
    refused(InputError, "an estimate that is still to come", lambda: seq.under(average=np.ones((2, 2))))
    one = one_block(5, (2, 3), HALF, gram=[[1, 0], [0, 1]]).under(average="mean")
    stored = replace(one, tasks=[one.tasks[0], replace(one.tasks[1], memory={0: 1})])
    for call in (lambda: world.expected_errors(stored), lambda: world.expected_errors(one).training_errors):
        refused(NoClosedForm, "averages of estimates here", call)


def check_definitions(world) -> None:
    for seq, direct in (integrated()[0], integrated()[5], integrated()[8]):
        law, e = world.expected_errors(seq), direct.errors
        tasks = len(seq)
        for t in range(-tasks, tasks):
            at = t % tasks
            require(law.generalization(t) == sum(e[at, i] for i in range(at + 1)) / (at + 1))
            require(law.error(t, -1) == e[at, tasks - 1] and law.error(0, t) == e[0, at])
            if at:
                require(law.deviation(t) == e[at, at - 1])
                require(law.forgetting(t) == sum(e[at, i] - e[i, i] for i in range(at)) / at)
        require(law.generalization() == law.generalization(tasks - 1))
        if tasks > 1:
            require(law.deviation() == law.deviation(tasks - 1) and law.forgetting() == law.forgetting(tasks - 1))
        for ask, first in ((law.deviation, 1), (law.forgetting, 1), (law.generalization, 0), (lambda t: law.error(t, 0), 0), (lambda t: law.error(0, t), 0)):
            refused(InputError, f"the sequence has tasks 0 to {tasks - 1}", ask, tasks)
            refused(InputError, f"the sequence has tasks 0 to {tasks - 1}", ask, -tasks - 1)
            if first:
                refused(InputError, "task 0, which has no earlier task", ask, 0)
    value = world.expected_errors(floating(integrated()[0][0])).deviation()
    require(np.ndim(value) == 0 and not isinstance(value, np.ndarray), "plain number")


def check_projections(world) -> None:
    for n, d in ((1, 1), (1, 2), (1, 4), (2, 4), (3, 4), (2, 5), (5, 4), (7, 4), (3, 1)):
        over, pole = n < d, abs(n - d) <= 1
        a = projection_moment(((1, 0), (0, 1)), n, d) if over else F(0)  # the entry (1, 1) of E[P v v' P] for v = e_0
        b = projection_moment(((0, 0), (0, 0)), n, d) - a if over else F(1)  # and the entry (0, 0), a + b
        k = None if pole else expected_noise_step(n, d)
        made = world.projections.exact_step_moments(F(n), F(d), over, pole)
        require(tuple(made) == (a, b, F(min(n, d), d), k, pole), "exact")
        made = world.projections.float_step_moments(n, d)
        require(close(list(made[:4]), [a, b, F(min(n, d), d), math.nan if pole else k]) and bool(made.pole) == pole, "float")
    empty = world.projections.float_step_moments(np.array([0, 0, 0]), np.array([1, 2, 9]))
    require(not np.any(empty.a) and not np.any(empty.b) and not np.any(empty.m) and not np.any(empty.k) and not np.any(empty.pole), "no samples")


def single(n, d, noise=HALF, **settings) -> TaskSequence:
    return TaskSequence({"a": d}, [Task(n, noise, {"a": "w"}, ("a",), **settings)], {"a": [[1]]})


def check_thresholds(world) -> None:
    for noise in (HALF, 0.5):
        for n, d in ((1, 1), (4, 5), (5, 5), (6, 5)):
            words = f"task 0: the expected error is infinite unless |n - d| >= 2; here n = {n} samples meet d = {d} "
            refused(DomainError, words, world.expected_errors, single(n, d, noise))
        for n, d in ((0, 1), (3, 5), (7, 5), (3, 1)):
            value = max(1 - F(n, d), F(0)) + (expected_noise_step(n, d) / 4 if n else 0)
            require(close(world.expected_errors(single(n, d, noise)).errors, value))
    for zero in (F(0), 0.0):
        for n in (4, 5, 6):
            require(close(world.expected_errors(single(n, 5, zero)).errors, max(1 - n / 5, 0)))
    refused(DomainError, "task 0", world.expected_errors, single(5, 5), outside="nan")
    refused(InputError, "outside is", world.expected_errors, single(2, 5), outside="ignore")
    blank = world.expected_errors(single(5, 5, 0.5), outside="nan")
    require(np.isnan(blank.errors).all() and np.isnan(blank.step_sizes).all() and close(blank.effective_noise, 0.25))


def check_grids(world) -> None:
    d, n = np.array([[5], [7]]), np.array([2, 3, 6, 0, 9])
    sigma = np.array([0.5, 1.0, 0.5, 1.0, 0.5])
    tasks = [Task(1, 0.5, {"a": "w"}, ("a",)), Task(n, sigma, {"a": "v"}, ("a",))]
    gram = [[2, 1], [1, 3]]
    seq = TaskSequence({"a": d}, tasks, {"a": gram})
    refused(DomainError, "task 1 at grid point (0, 2) (2 of 10 points)", world.expected_errors, seq)
    refused(DomainError, "here n = 6 samples meet d = 5 ", world.expected_errors, seq)
    law = world.expected_errors(seq, outside="nan")
    for row in range(2):
        for column in range(5):
            size, count, noise = int(d[row, 0]), int(n[column]), F(sigma[column])
            first = [2 - F(2, size) + F(1, 4) * expected_noise_step(1, size), F(1, size) * 2 - 2 * F(1, size) + 3 + F(1, 4) * expected_noise_step(1, size)]
            m = min(F(count, size), F(1))
            if count and abs(count - size) <= 1:
                last, step = [math.nan] * 2, math.nan
            else:
                extra = noise**2 * (expected_noise_step(count, size) if count else 0)
                last = [(1 - m) * first[0] + m * 3 + extra, (1 - m) * first[1] + extra]
                step = m * first[1] + extra
            require(close(law.errors[row, column], [first, last]), f"errors {row} {column}")
            require(close(law.step_sizes[row, column], [F(2, size) + F(1, 4) * expected_noise_step(1, size), step]), "steps")
    require(len(world.expected_errors(TaskSequence({"a": np.full((3, 5), 9)}, tasks[:1] * 2, {"a": [[1, 1], [1, 1]]}))) == 2, "length of a grid")
    whole = one_block(6, (2, 2), 1, gram=np.stack([np.eye(2, dtype=int)] * 3))
    require(world.expected_errors(whole).errors.shape == (3, 2, 2), "a grid of whole numbers")
    quiet = world.expected_errors(single(5, 5, np.array([0.0, 0.5])), outside="nan")
    require(quiet.errors[0, 0, 0] == 0 and np.isnan(quiet.errors[1, 0, 0]), "quiet point")
    scaled = world.expected_errors(single(9, 5, 0.5, scale=np.array([1.0, 0.5, 0.0])))
    require(close(scaled.errors[:, 0, 0], [5 / 12, 0.25 + 0.25 * 5 / 12, 1]), "grid of scales")


def check_blank_is_forgotten(world) -> None:
    tasks = [Task(5, 0.5, {"a": "u"}, ("a",)), Task(9, 0.5, {"a": "v"}, ("a",))]
    law = world.expected_errors(TaskSequence({"a": 5}, tasks, {"a": np.eye(2)}), outside="nan")
    require(np.isnan(law.errors[0]).all() and close(law.errors[1], [2 + 5 / 12, 5 / 12]))
    partial = world.expected_errors(TaskSequence({"a": 5}, [tasks[0], replace(tasks[1], scale=0.5)], {"a": np.eye(2)}), outside="nan")
    require(np.isnan(partial.errors).all())
    exact = TaskSequence({"a": 5}, [tasks[0], Task(5, 0.0, {"a": "v"}, ("a",))], {"a": np.eye(2)})
    require(world.expected_errors(exact, outside="nan").errors[1].tolist() == [2, 0], "n = d without noise")


def check_a_blank_stays_in_its_block(world) -> None:
    """Task 0 leaves a blank in block a, or not: b does not feel it, for want of samples, of a step, or of what spreads."""
    gram = {block: [[3.0, 1.0, 0.5], [1.0, 2.0, 0.0], [0.5, 0.0, 1.0]] for block in "ab"}

    def task(samples, name, train, **settings):
        return Task(samples, 0.5, dict.fromkeys("ab" if name != "w" else train, name), tuple(train), **settings)

    for middle in (task(0, "v", "ab"), task(0, "v", "b"), task(3, "v", "ab", scale=0), task(12, "v", "ab", scale={"a": 1, "b": 0.5})):
        sequences = (TaskSequence({"a": 5, "b": 4}, [task(n, "u", "a"), middle, task(2, "w", "b")], gram) for n in (5, 1))
        blank, known = (world.expected_errors(seq, outside="nan") for seq in sequences)
        require(np.isnan(blank.errors[0, 0]) and close(blank.errors[:, 2], known.errors[:, 2]))
        require(close(blank.training_errors[:, 2], known.training_errors[:, 2]))
        require(middle.samples == 12 or blank.step_sizes[1] == blank.update_magnitude[1] == 0)
        require(middle.samples > 0 or not blank.training_errors[:, 1].any())


@cache
def of_noise(shared: int, specific: int, *samples: int) -> F:
    """The deviation that task 0's label noise alone makes, if its shared parameters are frozen."""
    nothing = {"shared": [[0] * shared] * 2, "specific": [[0] * specific] * 2}
    return DirectRoute(frozen({"shared": shared, "specific": specific}, samples, (1, 0), nothing)).errors[1, 0]


def check_regimes(world) -> None:
    d, e, n, k, s = sympy.symbols("d e n k s", positive=True, integer=True)
    nothing = [[0, 0], [0, 0]]
    seq = frozen({"shared": d, "specific": e}, (n, k), (1, 0), gram={"shared": nothing, "specific": nothing})
    over = world.expected_errors(seq)
    require(over.conditions == (d + e - n > 1, e - k > 1), "conditions")
    values = {d: 4, e: 6, n: 5, k: 3}
    require(over.deviation().subs(values) == of_noise(4, 6, 5, 3), "overparameterized")
    under = world.expected_errors(seq, regime=("overparameterized", "underparameterized"))
    require(under.conditions == (d + e - n > 1, e - k < -1), "conditions of the second regime")
    require(under.deviation().subs({**values, k: 9}) == of_noise(4, 6, 5, 9), "underparameterized")
    first = world.expected_errors(single(n, d), regime="underparameterized")
    require(first.conditions == (d - n < -1,) and sympy.cancel(first.step_sizes[0] - 1 - d / (4 * (n - d - 1))) == 0, "one for all")
    scaled = world.expected_errors(single(n, d, scale=s))
    require(sympy.cancel(scaled.errors[0, 0] - (1 - (2 * s - s**2) * n / d + s**2 * n / (4 * (d - n - 1)))) == 0, "symbolic scale")
    refused(InputError, "regime is", world.expected_errors, single(2, 5), regime="over")
    refused(InputError, "regime is", world.expected_errors, single(2, 5), regime=("overparameterized",) * 2)
    many = world.expected_errors(single(7, 5), regime="underparameterized")
    require(many.errors[0, 0] == F(5, 4) and many.conditions == (), "numbers know their regime")
    half = world.expected_errors(single(7, 5, scale=sympy.Symbol("s", positive=True)))
    require(half.errors[0, 0].subs(sympy.Symbol("s", positive=True), HALF) == F(1, 4) + F(5, 16), "a symbolic scale is a partial step")


def check_symbols(world) -> None:
    sigma, x = sympy.Symbol("sigma", positive=True), sympy.Symbol("x", real=True)
    gram = {"shared": [[2, x], [x, 3]], "specific": [[1, HALF], [HALF, F(5, 4)]]}
    made = {"blocks": {"shared": 4, "specific": 5}, "samples": (4, 3)}
    law = world.expected_errors(frozen(**made, noise=(sigma, HALF), gram=gram))
    direct = DirectRoute(frozen(**made, noise=(THIRD, HALF), truth={name: GROWING[name] for name in made["blocks"]}))
    require(law.deviation().subs({sigma: THIRD, x: 1}) == direct.errors[1, 0] and law.conditions == (), "deviation")


def check_symbolic_thresholds(world) -> None:
    m, k = sympy.symbols("m k", positive=True, integer=True)
    for n in (m - 1, m, m + 1):
        refused(DomainError, "task 0", world.expected_errors, single(n, m))
    for n, value in ((m - 2, sympy.Rational(2, 5) + sympy.Rational(3, 4)), (m + 2, sympy.Rational(5, 4))):
        law = world.expected_errors(single(n, m))
        require(law.conditions == () and law.errors[0, 0].subs(m, 5) == value, "known difference")
    require(sympy.cancel(world.expected_errors(single(m, m + 1, 0)).errors[0, 0] - 1 / (m + 1)) == 0, "one below the threshold without noise")
    require(world.expected_errors(single(m + 1, m, 0)).errors[0, 0] == 0, "one above")
    require(world.expected_errors(single(m, m + k + 1)).conditions == (), "settled by assumptions")
    require(world.expected_errors(single(m, m + k)).conditions == (k > 1,), "not settled")
    require(world.expected_errors(single(m + k, m), regime="underparameterized").conditions == (-k < -1,), "not settled, other side")


def check_number_systems(world) -> None:
    s, x = sympy.Symbol("s", positive=True), sympy.Symbol("x", real=True)
    refused(InputError, "mixes the symbol s with the float 0.5", world.expected_errors, one_block(6, (2, 2), (s, 0.5), gram=[[1, 1], [1, 1]]))
    refused(InputError, "mixes the symbol s with a grid", world.expected_errors, one_block(6, (np.array([2, 3]), 2), s, gram=[[1, 1], [1, 1]]))
    refused(InputError, "mixes", world.expected_errors, one_block(6, (2, 2), s, gram=np.eye(2)))
    refused(InputError, "mixes", world.expected_errors, TaskSequence({"a": 2}, [Task(0, s, {"a": [1.0, 0.0]}, ("a",))]))
    quiet = world.expected_errors(TaskSequence({"a": 4}, [Task(4, 0, {"a": [x, 1, 0, 0]}, ("a",)), Task(2, 0, {"a": [0, 1, x, 0]}, ("a",))]))
    require([sympy.expand(e) for e in quiet.errors.ravel()] == [0, 2 * x**2, x**2, x**2], "symbols in vectors")
    nothing = world.expected_errors(TaskSequence({"a": s}, [Task(0, 0, {"a": Isotropic(0)}, ("a",))]))
    require(nothing.errors[0, 0] == 0, "no atoms")
    gram = [[2, s], [s, 3]]  # only an inner product is symbolic
    law = world.expected_errors(one_block(6, (2, 3), 0, gram=gram))
    require(sympy.expand(law.errors[0, 1] - (sympy.Rational(11, 3) - 2 * s / 3)) == 0, "a symbol off the diagonal")


def by_integration(*truths: list) -> list:
    return DirectRoute(one_block(6, (3,) * len(truths), HALF, truth=truths)).errors.tolist()


def check_truths(world) -> None:
    """Names, vectors, directions and grids of norms, all the same numbers."""
    grid = np.array([1.0, 2.0])
    unnamed = world.expected_errors(one_block(6, (3, 3), 0, truth=[Isotropic(1), Isotropic(1)]))
    require(unnamed.errors.tolist() == [[F(1, 2), F(3, 2)], [F(5, 4), F(3, 4)]], "directions of their own")
    gram = [[4, 6, 0, 0], [6, 9, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2]]
    expected = by_integration([2, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0])
    truths = [Isotropic(2, "v"), Isotropic(3, "v"), Isotropic(1), [1, 1, 0, 0, 0, 0]]
    require(world.expected_errors(one_block(6, (3,) * 4, HALF, truth=truths)).errors.tolist() == expected, "directions")
    require(world.expected_errors(one_block(6, (3,) * 4, HALF, gram=gram)).errors.tolist() == expected, "names")
    grids = [Isotropic(2 * grid, "v"), Isotropic(3.0, "v"), Isotropic(grid), [1.0, 1, 0, 0, 0, 0]]
    law = world.expected_errors(one_block(6, (3,) * 4, 0.5, truth=grids))
    require(law.errors.shape == (2, 4, 4) and close(law.errors[0], expected), "grids of norms")
    entries = [[4 * grid**2, 6, 0, 0], [6, 9, 0, 0], [0, 0, 1, 0], [0, 0, 0, 2]]
    require(close(world.expected_errors(one_block(6, (3,) * 4, HALF, gram=entries)).errors[0], expected), "grids in a gram matrix")
    plain = [[2.0, 0, 0], [3.0, 0, 0], [0, 1, 0], [0, 0, 2**0.5]]
    vectors = world.expected_errors(one_block(6, (3,) * 4, 0.5, truth=[v + [0, 0, 0] for v in plain]))
    require(close(vectors.errors, expected), "vectors")
    one = [[1, 0, 0, 0, 0, 0], [1.5, 0, 0, 0, 0, 0]]
    mixed = world.expected_errors(one_block(6, (3, 3), HALF, truth=one))
    require(close(mixed.errors, by_integration(one[0], [F(3, 2), *one[0][1:]])), "one vector of whole numbers")
    other = TaskSequence({"a": 6, "b": 2}, [Task(3, HALF, {"a": [1, 0, 2, 0, 0, 0]}, ("a",)), Task(4, HALF, {"b": [1, 1]}, ("b",))])
    require(world.expected_errors(other).errors.tolist() == [[F(23, 8), 2], [F(23, 8), F(1, 2)]], "blocks that not every task uses")


def check_weights(world) -> None:
    def weighted(n, **weights):
        return TaskSequence({"a": 3, "b": 4}, [Task(n, HALF, {"a": "u", "b": "v"}, ("a", "b"), weights=weights)], {"a": [[1]], "b": [[1]]})

    refused(NoClosedForm, "task 0 weighs its blocks unequally", world.expected_errors, weighted(3, a=3))
    refused(NoClosedForm, "task 0 weighs its blocks unequally", world.expected_errors, weighted(np.array([12, 3]), a=3))
    require(world.expected_errors(weighted(12, a=3)).errors[0, 0] == F(7, 16))
    for zero in (0, 0.0):
        exact = weighted(7, a=3)
        exact = replace(exact, tasks=[replace(exact.tasks[0], noise=zero)])
        require(world.expected_errors(exact).errors[0, 0] == 0, "n = d")
    require(world.expected_errors(weighted(3, a=3, b=3)).errors[0, 0] == 2 - F(6, 7) + F(1, 4))


def check_borders_of_number_systems(world) -> None:
    """Irrational scales, whole grids beside symbols, truths that cancel, regimes that cannot be."""
    s, m, k = sympy.Symbol("s", positive=True), *sympy.symbols("m k", positive=True, integer=True)

    def after_a_fit(shared: list) -> TaskSequence:
        """Task 0 finds its truth; task 1 has as many samples as parameters, and no noise but the shared block's error."""
        tasks = [Task(7, 0, {"a": "u_0", "b": "v_0"}, ("a", "b")), Task(3, 0, {"a": "u_1", "b": "v_1"}, ("b",))]
        return TaskSequence({"a": 4, "b": 3}, tasks, {"a": shared, "b": [[1, 0], [0, 1]]})

    plain, longer = (world.expected_errors(single(2, 6, **settings)).step_sizes[0] for settings in ({}, {"scale": sympy.sqrt(2)}))
    require(sympy.simplify(longer - 2 * plain) == 0, "an irrational scale")
    refused(InputError, "a grid of shape", world.expected_errors, one_block(6, (2, 2), s, gram=np.ones((5, 2, 2), dtype=int)))
    refused(InputError, "regime", lambda: world.expected_errors(single(2, 6), regime=None))
    for regime, n, d in (("overparameterized", m + k, m), ("underparameterized", m, m + k + 1)):
        refused(DomainError, "cannot be", lambda regime=regime, n=n, d=d: world.expected_errors(single(n, d), regime=regime))
    require(world.expected_errors(after_a_fit([[s, s], [s, s]])).errors[1, 1] == 0, "equal truths cancel")
    refused(DomainError, "infinite", world.expected_errors, after_a_fit([[s, -s], [-s, s]]))
    opposite = [[2, -1], [-1, 2]]
    numbers, symbols = (world.expected_errors(one_block(6, (2, 3), noise, gram=opposite)).errors[1, 0] for noise in (0, (0, s)))
    require(sympy.expand(symbols.subs(s, 0) - numbers) == 0, "an inner product of -1")


def check_other_conditions(world) -> None:
    seq = one_block(5, (2, 3), HALF, gram=[[1, 0], [0, 1]])
    replayed = replace(seq, tasks=[seq.tasks[0], replace(seq.tasks[1], rule=Ridge(1), memory={0: 1})])
    refused(NoClosedForm, "Ridge(lam=1.0) here: laws are those of standard normal features, the least step and", world.expected_errors, replayed)
    for other in (seq.under(Rademacher()), seq.under(Rademacher(), risk="features")):
        refused(NoClosedForm, "no exact law is known", world.expected_errors, other)
    for same in (seq.under(rule="qr"), seq.under(risk="features")):
        require(world.expected_errors(same).errors.tolist() == world.expected_errors(seq).errors.tolist())


LAW_CHECKS = (
    check_projections, check_averages, check_integrals_in_fractions, check_integrals_in_floats, check_thresholds, check_grids,
    check_blank_is_forgotten, check_a_blank_stays_in_its_block, check_truths, check_definitions, check_weights, check_number_systems, check_borders_of_number_systems, check_symbols, check_symbolic_thresholds, check_regimes, check_other_conditions,
)  # fmt: skip
