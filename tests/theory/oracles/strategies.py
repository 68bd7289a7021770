"""Random experiments in exact numbers for Hypothesis."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations
from typing import Any

from hypothesis import strategies as st

from theory.problem import Task, TaskSequence

fractions = st.fractions(min_value=-3, max_value=3, max_denominator=4)
noises = st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(2, 3), Fraction(3, 2)])
scales = st.sampled_from([1, 1, 1, Fraction(1, 2), Fraction(5, 4), 0, -1])


def subsets(names: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of the names, in any order."""
    return st.sampled_from([some for count in range(len(names), 0, -1) for some in permutations(names, count)])


def sample_counts(dimension: int) -> st.SearchStrategy[int]:
    """Counts away from the interpolation threshold."""
    return st.sampled_from([n for n in range(2 * dimension + 4) if n == 0 or abs(n - dimension) >= 2])


def products(draw: st.DrawFn, tasks: int, size: int = 3) -> list[list[Fraction]]:
    """Gram matrix of random vectors of ``size`` entries."""
    vectors = [[draw(fractions) for _ in range(size)] for _ in range(tasks)]
    return [[sum((x * y for x, y in zip(left, right)), Fraction(0)) for right in vectors] for left in vectors]


@st.composite
def sequences(draw: st.DrawFn, max_tasks: int = 4, max_blocks: int = 3, max_dimension: int = 12, vectors: bool = False) -> TaskSequence:
    """Draw blocks, used and trained sets in any order, starts, scales, weights, counts on both sides of the threshold, and truths.

    Truths are given by exact inner products, or as vectors of whole numbers (for small dimensions).
    """
    names = draw(subsets("abc"[:max_blocks]))
    blocks = {name: draw(st.integers(1, max_dimension)) for name in names}
    count = draw(st.integers(1, max_tasks))
    tasks: list[Task] = []
    for t in range(count):
        used = draw(subsets(names))
        train = draw(subsets(used))
        truth: dict[str, Any] = {name: f"{name}_{t}" for name in used}
        if vectors:
            truth = {name: [draw(st.integers(-2, 2)) for _ in range(blocks[name])] for name in used}
        tasks.append(
            Task(
                samples=draw(sample_counts(sum(blocks[name] for name in train))),
                noise=draw(noises),
                truth=truth,
                train=train,
                start={name: draw(st.sampled_from(["previous", "previous", "zero"])) for name in train},
                scale={name: draw(scales) for name in train},
                weights=draw(st.sampled_from([None, dict.fromkeys(train, Fraction(3))])),
            )
        )
    gram = None if vectors else {name: products(draw, count) for name in names}
    return TaskSequence(blocks, tasks, gram)
