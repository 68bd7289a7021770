"""Every option of runs, streams and strategies refuses what it cannot mean, and names it."""

import dataclasses
import math
import re

import pytest
from scaffold import assert_refused

from deep.strategies import STRATEGIES
from deep.streams import STREAMS
from deep.training.config import RunConfig

SUBJECTS = {"run": RunConfig, **STREAMS, **{name: kind for name, kind in STRATEGIES.items() if name != "scheduled"}}
FIELDS = [(kind, field) for kind, subject in SUBJECTS.items() if dataclasses.is_dataclass(subject) for field in dataclasses.fields(subject) if field.init]
NONSENSE = {"str": ("nonsense",), "bool": (2,), "int": (-1, 0, 1.5), "float": (math.nan, -1.5, 1.5)}
CASES = {(kind, field.name, bad) for kind, field in FIELDS for bad in NONSENSE.get(str(getattr(field.type, "__name__", field.type)).partition(" | ")[0], ())}
MEANT = {("run", name, 0) for name in ("order", "seed", "probe_examples")} | {("run", name, 1.5) for name in ("learning_rate", "weight_decay")}
MEANT |= {("rotated", "max_angle", 1.5), ("si", "damping", 1.5), ("lwf", "temperature", 1.5)}
MEANT |= {(name, "strength", 1.5) for name in ("ewc", "si", "lwf", "gem", "fast-gem", "replay")}
MEANT |= {("ntk-cl", "measured", 0), *(("ntk-cl", name, 1.5) for name in ("orthogonality_strength", "contrast_strength", "pull"))}


@pytest.mark.parametrize(("kind", "option", "bad"), sorted(CASES - MEANT, key=str))
def test_what_an_option_cannot_mean(kind, option, bad):
    assert_refused(lambda: SUBJECTS[kind](**{option: bad}), re.escape(repr(bad)))


def test_what_is_meant_is_taken():
    assert MEANT < CASES and all(SUBJECTS[kind](**{option: value}) for kind, option, value in MEANT)
