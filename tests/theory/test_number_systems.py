"""One law in floats, fractions, symbols and grids; sizes.

Regimes, conditions, thresholds, what is refused, and truths as names, vectors and directions are checks of
`law_battery`, which test_mutations.py runs on the code and on its mutants.
"""

from dataclasses import replace
from fractions import Fraction as F

import numpy as np
import sympy
from hypothesis import assume, given, settings, strategies as st
from law_battery import PARTS, close, floating
from strategies import noises, sequences

from driftlaw import FORMULAS, TaskSequence, expanding, expected_errors, one_block

# ---------------------------------------------------------------- floats and grids


@given(sequences())
def test_floats_equal_fractions(seq):
    exact, law = expected_errors(seq), expected_errors(floating(seq))
    for part in PARTS:
        assert getattr(law, part).dtype == np.float64 and close(getattr(law, part), getattr(exact, part))


@settings(max_examples=40)
@given(sequences(max_tasks=3), st.data())
def test_grids_equal_their_points(seq, data):
    """Counts, noise and scales of every task vary along one axis, dimensions and inner products along another."""
    counts, dims = 3, 2
    blocks = {b: np.array([[d], [d + data.draw(st.integers(0, 5))]]) for b, d in seq.blocks.items()}
    tasks = []
    for task in seq.tasks:
        sizes = [sum(int(blocks[b][row, 0]) for b in task.train) for row in range(dims)]
        allowed = [n for n in range(40) if n == 0 or all(abs(n - size) > 1 for size in sizes)]
        samples = np.array([data.draw(st.sampled_from(allowed)) for _ in range(counts)])
        noise = np.array([float(data.draw(noises)) for _ in range(counts)])
        scale = {b: np.array([1.0, 1.0, 0.5]) for b in task.train[:1]}
        tasks.append(replace(task, samples=samples, noise=noise, scale=scale))
    gram = {b: np.stack([g.values.astype(float), 2 * g.values.astype(float)])[:, None] for b, g in seq.gram.items()}
    grid = TaskSequence(blocks, tasks, gram)
    law = expected_errors(grid)
    assert law.errors.shape == (dims, counts, len(seq), len(seq)) and law.step_sizes.shape == (dims, counts, len(seq))
    for index in np.ndindex(dims, counts):
        point = expected_errors(grid.at(index))
        assert all(close(getattr(law, part)[index], getattr(point, part)) for part in PARTS)
        assert close(law.generalization()[index], point.generalization()) and close(law.error(-1, 0)[index], point.errors[-1, 0])


# ---------------------------------------------------------------- symbols


@settings(max_examples=15)
@given(sequences(max_tasks=2, max_blocks=2), st.data())
def test_symbols_substituted_equal_fractions(seq, data):
    """Dimensions, counts, scales, noise and inner products all symbolic, the regime as drawn."""
    values: dict[sympy.Symbol, F] = {}

    def symbol(name, value, **assumptions):
        values[sympy.Symbol(name, **assumptions)] = sympy.Rational(value)
        return sympy.Symbol(name, **assumptions)

    blocks = {b: symbol(f"d_{b}", d, positive=True, integer=True) for b, d in seq.blocks.items()}
    gram = {}
    for b, g in seq.gram.items():
        entries = {(i, j): symbol(f"g_{b}{i}{j}", g.values[i, j], real=True) for i in range(len(seq)) for j in range(i, len(seq))}
        gram[b] = [[entries[min(i, j), max(i, j)] for j in range(len(seq))] for i in range(len(seq))]
    tasks, regimes = [], []
    for t, task in enumerate(seq.tasks):
        n = symbol(f"n_{t}", task.samples, nonnegative=True, integer=True)
        scale = {b: s if s == 1 else symbol(f"s_{t}{b}", s, real=True) for b, s in task.scale.items()}
        tasks.append(replace(task, samples=n, noise=symbol(f"sigma_{t}", task.noise, nonnegative=True), scale=scale))
        regimes.append("overparameterized" if task.samples < seq.trained_dimension(t) else "underparameterized")
    law, exact = expected_errors(TaskSequence(blocks, tasks, gram), regime=regimes), expected_errors(seq)
    # A d of 1 makes E[P v v' P] of n < d = 0/0 at n = 0; only experiments without that case are substituted.
    assume(all(task.samples > 0 or seq.trained_dimension(t) > 1 for t, task in enumerate(seq.tasks)))
    for part in PARTS:
        assert [entry.subs(values) for entry in getattr(law, part).ravel()] == getattr(exact, part).ravel().tolist()


# ---------------------------------------------------------------- sizes


def test_two_hundred_tasks():
    """Truths in a plane, against Lin et al.'s closed forms."""
    angles = np.linspace(0, 3, 200)
    gram = np.cos(angles[:, None] - angles)
    law = expected_errors(one_block(300, (20,) * 200, 0.1, gram=gram))
    case = {"p": 300, "n": 20, "sigma": 0.1, "T": 200, "w": np.ones(200), "D": 2 - 2 * gram}
    assert law.errors.shape == (200, 200) and np.isclose(law.errors[-1, 0], FORMULAS["lin_first_error"](**case), rtol=1e-11)
    for quantity in ("forgetting", "generalization"):
        assert np.isclose(law.read(quantity), FORMULAS[f"lin_{quantity}"](**case), rtol=1e-11)


def test_a_hundred_thousand_grid_points_in_one_call():
    p_2 = np.arange(100_000) % 500 + 60
    seq = expanding(40, (60, p_2 - 59), (30, 20), (0.3, 0.5), gram={"shared": [[1, 1], [1, 1]], "specific": [[0, 0], [0, 0]]})
    law = expected_errors(seq)
    assert law.errors.shape == (100_000, 2, 2) and np.isfinite(law.errors).all()
    assert close(law.deviation()[12_345], expected_errors(seq.at(12_345)).deviation())
