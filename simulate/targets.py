"""Names of the quantities that a sequence of tasks is judged by, such as "forgetting" or "error[1,0]"."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

from theory.errors import InputError

# Quantity -> (how it is written, whether it compares with earlier tasks and so needs t >= 1).
QUANTITIES = {
    "deviation": ("deviation[t]", True),
    "forgetting": ("forgetting[t]", True),
    "generalization": ("generalization[t]", False),
    "error": ("error[t,i]", False),
    "step_size": ("step_size[t]", False),
    "update_magnitude": ("update_magnitude[t]", False),
}

_PATTERN = re.compile(r"\s*(\w+)\s*(?:\[([^\[\]]*)\])?\s*")


@dataclass(frozen=True)
class Target:
    """A quantity and the tasks it refers to.

    Parameters
    ----------
    quantity : str
        A key of `QUANTITIES`.
    tasks : tuple of int
        (t,), or (t, i) for "error"; counted from 0, not negative.
    """

    quantity: str
    tasks: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.quantity}[{','.join(map(str, self.tasks))}]"

    def of(self, law: Any) -> Any:
        """Return this quantity of a `theory.law.Law` or of anything else with its attributes."""
        if self.quantity == "error":
            return law.errors[(..., *self.tasks)]
        if self.quantity == "step_size":
            return law.step_sizes[(..., *self.tasks)]
        if self.quantity == "update_magnitude":
            return law.update_magnitude[(..., *self.tasks)]
        return getattr(law, self.quantity)(*self.tasks)


def parse_target(text: str, tasks: int) -> Target:
    """Return the `Target` that ``text`` names in a sequence of ``tasks`` tasks.

    Parameters
    ----------
    text : str
        "deviation", "deviation[t]", "forgetting[t]", "generalization[t]", "error[t,i]", "step_size[t]" or
        "update_magnitude[t]". Tasks count from 0; negative ones count from the end, and t = -1 if left out.
    tasks : int
        Number of tasks in the sequence.

    Raises
    ------
    InputError
        If the name is unknown, or the tasks do not exist or are too few for the quantity.
    """
    match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise InputError(f"the target is {text!r}; give {_choices()} or a callable")
    quantity, inside = match.groups()
    if quantity not in QUANTITIES:
        near = difflib.get_close_matches(quantity, QUANTITIES, n=1, cutoff=0.5)
        raise InputError(f"there is no target {quantity!r}; " + (f"did you mean {near[0]!r}? " if near else "") + f"choose {_choices()}")
    form, looks_back = QUANTITIES[quantity]
    entries = [] if inside is None else inside.split(",")
    wanted = form.count(",") + 1
    if len(entries) != wanted and (entries or wanted > 1):
        raise InputError(f"the target {text!r} names {len(entries)} tasks; write it as {form}")
    found = tuple(_task(entry, text, form, tasks) for entry in entries or ["-1"])
    if looks_back and found[0] == 0:
        raise InputError(f"the target {text!r} is about task 0, which has no earlier task (the sequence has {tasks}); choose t from 1 on")
    return Target(quantity, found)


def _task(entry: str, text: str, form: str, tasks: int) -> int:
    if re.fullmatch(r"\s*-?\d+\s*", entry) is None:
        raise InputError(f"the target {text!r} has {entry.strip()!r} for a task; write it as {form} with whole numbers")
    t = int(entry)
    if not -tasks <= t < tasks:
        raise InputError(f"the target {text!r} asks for task {t}; the sequence has tasks 0 to {tasks - 1}")
    return t % tasks


def _choices() -> str:
    return ", ".join(repr(form) for form, _ in QUANTITIES.values())
