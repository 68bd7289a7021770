"""Every option of runs, streams and strategies refuses what it cannot mean, and names it."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest

from deep.strategies import names, strategy
from deep.streams import KINDS
from deep.training.config import RunConfig
from theory.errors import InputError

NONSENSE = {"str": ("nonsense",), "bool": (2,), "int": (-1, 0, 1.5), "float": (math.nan, -1.5, 1.5)}
MEANT = {("run", "order", 0), ("run", "seed", 0), ("run", "probe_examples", 0), *((kind, name, 1.5) for kind, name in (
    ("run", "learning_rate"), ("run", "weight_decay"), ("rotated", "max_angle"),
))}  # fmt: skip
SUBJECTS = {"run": RunConfig, **KINDS, **{name: type(strategy(name)) for name in names() if name != "scheduled"}}
FIELDS = [(kind, field) for kind, subject in SUBJECTS.items() if dataclasses.is_dataclass(subject) for field in dataclasses.fields(subject) if field.init]
CASES = [(kind, field.name, bad) for kind, field in FIELDS for bad in NONSENSE.get(field.type.removesuffix(" | None"), ())]


@pytest.mark.parametrize(("kind", "option", "bad"), [case for case in CASES if case not in MEANT])
def test_what_an_option_cannot_mean(kind, option, bad):
    with pytest.raises(InputError, match=re.escape(repr(bad))):
        SUBJECTS[kind](**{option: bad})
