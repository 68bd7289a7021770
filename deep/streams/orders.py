"""Orders: number 0 is the identity, every further number a seeded permutation that differs from all before it."""

import math

from deep.streams.seeds import Role, generator
from theory.checks import whole
from theory.errors import InputError

ORDERS = 11  # the identity and ten seeded ones


def ordering(length: int, order: int, seed: int = 0) -> tuple[int, ...]:
    """Return permutation number ``order`` of 0..length-1.

    Parameters
    ----------
    length : int
        Number of things to order.
    order : int
        0 is the identity. The first orders do not depend on how many are asked for.
    seed : int

    Raises
    ------
    InputError
        If there are no ``order`` + 1 different permutations.
    """
    length, order = whole(length, "the number to order", 1), whole(order, "the order", 0)
    # 13! exceeds any count of orders that could be drawn one after another.
    if length < 13 and order >= math.factorial(length):
        known = f"there are only {math.factorial(length)} different orders, counted from 0"
        raise InputError(f"order {order} of {length} does not exist: {known}; choose a smaller order or more tasks")
    found = [tuple(range(length))]
    rng = generator(seed, Role.TASK_ORDER, length)
    while len(found) <= order:
        candidate = tuple(int(index) for index in rng.permutation(length))
        if candidate not in found:
            found.append(candidate)
    return found[order]
