"""Checks of `theory.quantities` whose right answers are written out entry by entry, away from the code."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
from law_battery import check_definitions, refused, require

from theory.errors import InputError

T = 4
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53)
ENTRIES = np.array([Fraction(prime, 7) for prime in PRIMES], dtype=object).reshape(T, T)
SOURCE = SimpleNamespace(errors=ENTRIES, step_sizes=ENTRIES[0], update_magnitude=ENTRIES[1], training_errors=ENTRIES[::-1])
ORDERS = SimpleNamespace(errors=np.array(PRIMES, float).reshape(T, T), step_sizes=np.array(PRIMES[:T], float),
                         update_magnitude=np.array(PRIMES[T : 2 * T], float), training_errors=np.array(PRIMES[::-1], float).reshape(T, T))  # fmt: skip
E = {(t, i): ENTRIES[t, i] for t in range(T) for i in range(T)}
WRITTEN = {  # name -> value, tasks that are weighed, order
    "deviation": (E[3, 2], (2,), 47.0),
    "deviation[1]": (E[1, 0], (0,), 11.0),
    "forgetting": ((E[3, 0] - E[0, 0] + E[3, 1] - E[1, 1] + E[3, 2] - E[2, 2]) / 3, (0, 1, 2), 2.0),
    "forgetting[-3]": (E[1, 0] - E[0, 0], (0,), 2.0),
    "generalization[1]": ((E[1, 0] + E[1, 1]) / 2, (0, 1), 11.0),
    "generalization[0]": (E[0, 0], (0,), 2.0),
    "error[2,-1]": (E[2, 3], (3,), 37.0),
    "error[ 0 , 3 ]": (E[0, 3], (3,), 7.0),
    "step_size": (E[0, 3], (3,), 7.0),
    "step_size[1]": (E[0, 1], (1,), 3.0),
    " update_magnitude[2] ": (E[1, 2], (2,), 17.0),
    "training_error[1,3]": (E[2, 3], (3,), 23.0),
    "training_forgetting[1]": ((E[2, 0] + E[2, 1]) / 2, (0, 1), 31.0),
}
WRONG = {  # name -> what the refusal says
    "forgeting": "did you mean 'forgetting'",
    "zzz": "there is no quantity 'zzz'; choose 'deviation[t]', 'forgetting[t]', 'generalization[t]', 'error[t,i]'",
    "error": "names 0 tasks; write it as error[t,i]",
    "error[1]": "names 1 tasks",
    "deviation[1,2]": "names 2 tasks",
    "deviation[x]": "has 'x' for a task",
    "deviation[4]": "asks for task 4; the sequence has tasks 0 to 3",
    "deviation[-5]": "asks for task -5",
    "deviation[0]": "task 0, which has no earlier task",
    "forgetting[-4]": "task 0, which has no earlier task",
    "two words": "the quantity is 'two words'",
}


def check_names(world) -> None:
    parse = world.quantities.parse_quantity
    for text, (value, tasks, order) in WRITTEN.items():
        found = parse(text, T)
        require(found.value(SOURCE) == value and found.tasks(T) == tasks and found.order(ORDERS) == order, text)
        require(parse(str(found), T).value(SOURCE) == value, text)
        floats = SimpleNamespace(**{name: np.asarray(part, float)[None] for name, part in vars(SOURCE).items()})
        by_trial = found.value(floats, lambda terms: np.stack(terms, 1).sum(1))
        require(by_trial.shape == (1,) and abs(by_trial[0] - float(value)) < 1e-14 * 53, text)
    require(parse("generalization", 1).at(1).tolist() == [[1]] and parse("step_size", 1).value(SOURCE) == E[0, 0])
    for text, words in WRONG.items():
        refused(InputError, words, parse, text, T)
    refused(InputError, "the quantity is None", parse, None, T)


def check_own_quantities(world) -> None:
    quantity, parse = world.quantities.Quantity, world.quantities.parse_quantity
    mean = quantity("path mean", lambda tasks: np.eye(tasks) / tasks)
    require(parse(mean, T) is mean and mean.tasks(T) == (0, 1, 2, 3) and mean.order(ORDERS) == 2.0)
    found = mean.value(SOURCE)
    require(found == (E[0, 0] + E[1, 1] + E[2, 2] + E[3, 3]) / 4 and isinstance(found, Fraction), "exact entries stay exact")
    uneven = quantity("uneven", lambda tasks: [0, Fraction(1, 3), 0, Fraction(-1, 2)], "update_magnitude")
    require(uneven.value(SOURCE) == E[1, 1] / 3 - E[1, 3] / 2 and uneven.tasks(T) == (1, 3) and uneven.order(ORDERS) == 13.0)
    large = quantity("large", lambda tasks: [3, 0, 0, 8], "step_sizes")
    require(large.value(SOURCE) == 3 * E[0, 0] + 8 * E[0, 3])
    mixed = quantity("mixed", lambda tasks: [[0.0] * tasks] * (tasks - 1) + [[0.25, 0, 0, 0.7]])
    require(abs(mixed.value(SOURCE) - float(E[3, 0]) / 4 - 0.7 * float(E[3, 3])) < 1e-13)
    for one in (uneven, mixed):
        fixed = one.written_out(T)
        require(str(fixed) == str(one) and fixed.of == one.of and fixed == one.written_out(T) and abs(fixed.value(SOURCE) - one.value(SOURCE)) < 1e-13)
    require(mean.written_out(T) != large.written_out(T) and len({mean.written_out(T), mean.written_out(T)}) == 1)
    for weights, words in (
        (lambda tasks: np.eye(3), "have shape (3, 3); with 4 tasks the errors have shape (4, 4)"),
        (lambda tasks: np.zeros((4, 4)), "not all zero"),
        (lambda tasks: np.diag([1, 1, 1, np.nan]), "give finite numbers"),
        (lambda tasks: [["a"] * 4] * 4, "give finite numbers"),
    ):
        refused(InputError, words, parse, quantity("bad", weights), T)
    refused(InputError, "give it a name", quantity, " ", lambda tasks: 1)
    refused(InputError, "give it a name", quantity, 3, lambda tasks: 1)
    refused(InputError, "is of 'error'; choose one of errors, step_sizes", quantity, "x", lambda tasks: 1, "error")
    refused(InputError, "give a function of the number of tasks", quantity, "x", np.eye(4))


QUANTITY_CHECKS = (check_names, check_own_quantities, check_definitions)
