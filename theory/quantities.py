"""What a sequence of tasks is judged by: one value that laws, samples, tail orders and sweeps all read alike.

A quantity is linear: weights on the errors ``errors[t, i]``, on the steps or on the updates. Its tail order is the
least one among what it weighs, its error scale that of the tasks whose errors it weighs.
"""

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from theory.errors import InputError
from theory.values import FrozenArray

ERRORS, STEPS, UPDATES, TRAINING = "errors", "step_sizes", "update_magnitude", "training_errors"
SOURCES = {ERRORS: 2, STEPS: 1, UPDATES: 1, TRAINING: 2}  # and their axes over tasks


@dataclass(frozen=True)
class Quantity:
    """A linear quantity of a sequence of T tasks.

    Parameters
    ----------
    name : str
        What to call it.
    weights : callable
        Maps T to the weights of all entries: shape (T, T) for "errors" and "training_errors", where entry [t, i]
        belongs to task i after training on task t, and (T,) otherwise.
    of : {"errors", "step_sizes", "update_magnitude", "training_errors"}
        What the weights belong to (`simulate.Simulation` says what each is).

    Examples
    --------
    The mean error along the way, on the task just trained:

    >>> import numpy as np
    >>> import driftlaw as dl
    >>> along = dl.Quantity("path mean", lambda T: np.eye(T) / T)
    >>> along.tasks(3)
    (0, 1, 2)
    >>> dl.expected_errors(dl.one_block(20, (5, 5), noise=0, gram=[[1, 1], [1, 1]])).read(along)
    Fraction(21, 32)
    """

    name: str
    weights: Callable[[int], Any]
    of: str = ERRORS

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise InputError(f"the quantity is called {self.name!r}; give it a name")
        if self.of not in SOURCES:
            raise InputError(f"the quantity {self.name!r} is of {self.of!r}; choose one of {', '.join(SOURCES)}")
        if not callable(self.weights):
            raise InputError(f"the weights of the quantity {self.name!r} are {self.weights!r}; give a function of the number of tasks")

    def __str__(self) -> str:
        return self.name

    def at(self, tasks: int) -> np.ndarray:
        """Return the weights in a sequence of ``tasks`` tasks.

        Raises
        ------
        InputError
            If they have another shape than the entries, are not finite numbers, or are all zero.
        """
        wanted = (tasks,) * SOURCES[self.of]
        weights = np.asarray(self.weights(tasks), dtype=object)
        if weights.shape != wanted:
            raise InputError(f"the weights of the quantity {self.name!r} have shape {weights.shape}; with {tasks} tasks the {self.of} have shape {wanted}")
        try:
            usable = np.isfinite(weights.astype(float)).all() and np.any(weights)
        except (TypeError, ValueError):
            usable = False
        if not usable:
            raise InputError(f"the weights of the quantity {self.name!r} are {weights.tolist()}; give finite numbers, not all zero")
        return weights

    def written_out(self, tasks: int) -> "Quantity":
        """Return the quantity with its weights for ``tasks`` tasks as numbers, which can be compared, hashed and sent."""
        return Quantity(self.name, _Weights(FrozenArray(self.at(tasks).astype(float))), self.of)

    def tasks(self, tasks: int) -> tuple[int, ...]:
        """Tasks whose errors, steps or updates are weighed, in a sequence of ``tasks`` tasks."""
        return tuple(sorted({int(place[-1]) for place in np.argwhere(self.at(tasks))}))

    def value(self, source: Any, total: Callable[[list[Any]], Any] = sum) -> Any:
        """Compute the quantity of anything with the array that ``of`` names, such as ``errors``.

        Parameters
        ----------
        source : theory.Law or other object
            Arrays may have further axes in front, such as a grid's or trials; they stay.
        total : callable
            How terms are added up.
        """
        entries = getattr(source, self.of)
        weights = self.at(entries.shape[-1])
        parts = _divisor(weights)
        terms = [_column(entries, weights * parts, i) for i in np.unique(np.argwhere(weights)[:, -1])]
        return total(terms) / parts

    def order(self, orders: Any) -> float:
        """Return the supremum of the finite moment orders of the quantity, from those of all entries."""
        entries = getattr(orders, self.of)
        return float(entries[self.at(entries.shape[-1]).astype(bool)].min())


@dataclass(frozen=True)
class _Weights:
    """Weights that were written out."""

    values: FrozenArray

    def __call__(self, tasks: int) -> np.ndarray:
        return self.values.values


def _divisor(weights: np.ndarray) -> int:
    """Return k where the largest weight is 1/k: the others are mostly multiples, and dividing in the end rounds once."""
    return max(round(1 / float(np.abs(weights).max())), 1)


def _column(entries: Any, weights: np.ndarray, i: int) -> Any:
    """Add up what is weighed of task ``i``, latest first."""
    places = [(i,)] if weights.ndim == 1 else [(t, i) for t in reversed(range(len(weights)))]
    return sum(entries[(..., *place)] * _number(weights[place]) for place in places if weights[place])


def _number(weight: Any) -> Any:
    """Keep the 1.0 of an array from turning exact entries into floats."""
    return int(weight) if weight == int(weight) else weight


def _entries(shape: int, of: Callable[[int], Iterable[tuple[tuple[int, ...], Any]]]) -> Callable[[int], np.ndarray]:
    def weights(tasks: int) -> np.ndarray:
        array = np.zeros((tasks,) * shape, dtype=object)
        for place, weight in of(tasks):
            array[place] += weight
        return array

    return weights


def deviation(t: int) -> Quantity:
    """E L_{t-1}(theta_t): the deviation of the estimate after task t from the previous task."""
    return Quantity(f"deviation[{t}]", _entries(2, lambda _: [((t, t - 1), 1)]))


def forgetting(t: int) -> Quantity:
    """Mean over i < t of E [L_i(theta_t) - L_i(theta_i)]."""
    share = Fraction(1, t)
    pairs = _entries(2, lambda _: [((s, i), share if s == t else -share) for i in range(t) for s in (t, i)])
    return Quantity(f"forgetting[{t}]", pairs)


def generalization(t: int) -> Quantity:
    """Mean over i <= t of E L_i(theta_t)."""
    return Quantity(f"generalization[{t}]", _entries(2, lambda _: [((t, i), Fraction(1, t + 1)) for i in range(t + 1)]))


def error(t: int, i: int) -> Quantity:
    """E L_i(theta_t): the excess risk of task i after training on task t."""
    return Quantity(f"error[{t},{i}]", _entries(2, lambda _: [((t, i), 1)]))


def step_size(t: int) -> Quantity:
    """E |theta_t - start_t|^2 over the blocks that task t trains."""
    return Quantity(f"step_size[{t}]", _entries(1, lambda _: [((t,), 1)]), STEPS)


def update_magnitude(t: int) -> Quantity:
    """E |theta_t - theta_{t-1}|^2 over all blocks."""
    return Quantity(f"update_magnitude[{t}]", _entries(1, lambda _: [((t,), 1)]), UPDATES)


def training_error(t: int, i: int) -> Quantity:
    """E |A_i' theta_t - y_i|^2: the squared residual of task i's own samples after training on task t, not divided by their number."""
    return Quantity(f"training_error[{t},{i}]", _entries(2, lambda _: [((t, i), 1)]), TRAINING)


def training_forgetting(t: int) -> Quantity:
    """Mean over i <= t of training_error[t,i]: as we understand it (the text was not at hand), the forgetting of Evron et al., arXiv 2205.09588."""
    return Quantity(f"training_forgetting[{t}]", _entries(2, lambda _: [((t, i), Fraction(1, t + 1)) for i in range(t + 1)]), TRAINING)


@dataclass(frozen=True)
class _Kind:
    """How a quantity is written, made, and whether it compares with earlier tasks and so needs t >= 1."""

    form: str
    make: Callable[..., Quantity]
    looks_back: bool = False


KINDS = {
    "deviation": _Kind("deviation[t]", deviation, True),
    "forgetting": _Kind("forgetting[t]", forgetting, True),
    "generalization": _Kind("generalization[t]", generalization),
    "error": _Kind("error[t,i]", error),
    "step_size": _Kind("step_size[t]", step_size),
    "update_magnitude": _Kind("update_magnitude[t]", update_magnitude),
    "training_error": _Kind("training_error[t,i]", training_error),
    "training_forgetting": _Kind("training_forgetting[t]", training_forgetting),
}
FORMS = tuple(kind.form for kind in KINDS.values())

_PATTERN = re.compile(r"\s*(\w+)\s*(?:\[([^\[\]]*)\])?\s*")


def parse_quantity(text: str | Quantity, tasks: int) -> Quantity:
    """Return the quantity that ``text`` names in a sequence of ``tasks`` tasks.

    Parameters
    ----------
    text : str or Quantity
        "deviation", "deviation[t]", "forgetting[t]", "generalization[t]", "error[t,i]", "step_size[t]",
        "update_magnitude[t]", "training_error[t,i]" or "training_forgetting[t]". Tasks count from 0; negative ones count from the end, and t = -1 if left out. A
        `Quantity` is returned as it is.
    tasks : int
        Number of tasks in the sequence.

    Raises
    ------
    InputError
        If the name is unknown, the tasks do not exist or are too few, or weights do not fit.

    Examples
    --------
    >>> import driftlaw as dl
    >>> str(dl.parse_quantity("forgetting", tasks=3))
    'forgetting[2]'
    >>> dl.parse_quantity("forgeting", tasks=3)
    Traceback (most recent call last):
        ...
    theory.errors.InputError: there is no quantity 'forgeting'; did you mean 'forgetting'? ...
    """
    if isinstance(text, Quantity):
        text.at(tasks)
        return text
    match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InputError(f"the quantity is {text!r}; give {_choices()}, a Quantity or a callable")
    name, inside = match.groups()
    if name not in KINDS:
        near = difflib.get_close_matches(name, KINDS, n=1, cutoff=0.5)
        guess = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"there is no quantity {name!r}; {guess}choose {_choices()}")
    kind = KINDS[name]
    entries = [] if inside is None else inside.split(",")
    wanted = kind.form.count(",") + 1
    if len(entries) != wanted and (entries or wanted > 1):
        raise InputError(f"the quantity {text!r} names {len(entries)} tasks; write it as {kind.form}")
    found = tuple(_task(entry, text, kind.form, tasks) for entry in entries or ["-1"])
    if kind.looks_back and found[0] == 0:
        raise InputError(f"the quantity {text!r} is about task 0, which has no earlier task (the sequence has {tasks}); choose t from 1 on")
    return kind.make(*found)


def _task(entry: str, text: str, form: str, tasks: int) -> int:
    if re.fullmatch(r"\s*-?\d+\s*", entry) is None:
        raise InputError(f"the quantity {text!r} has {entry.strip()!r} for a task; write it as {form} with whole numbers")
    t = int(entry)
    if not -tasks <= t < tasks:
        raise InputError(f"the quantity {text!r} asks for task {t}; the sequence has tasks 0 to {tasks - 1}")
    return t % tasks


def _choices() -> str:
    return ", ".join(map(repr, FORMS))


class Readings:
    """The quantities by name, for whatever reads a `Quantity`; ``t`` counts from 0, from the end if negative."""

    def read(self, quantity: str | Quantity) -> Any:
        """Return what is known of a quantity, given by name (see `parse_quantity`) or as a value."""
        raise NotImplementedError

    def deviation(self, t: int = -1) -> Any:
        """E L_{t-1}(theta_t): how far training on task t ends from the parameters of task t-1."""
        return self.read(f"deviation[{t}]")

    def forgetting(self, t: int = -1) -> Any:
        """Mean over i < t of E [L_i(theta_t) - L_i(theta_i)]."""
        return self.read(f"forgetting[{t}]")

    def generalization(self, t: int = -1) -> Any:
        """Mean over i <= t of E L_i(theta_t)."""
        return self.read(f"generalization[{t}]")

    def error(self, t: int, i: int) -> Any:
        """E L_i(theta_t)."""
        return self.read(f"error[{t},{i}]")
