"""A balanced part of CIFAR-100 as a data set of one's own, and three studies on it: hybrid training with the paper's nine blocks, methods
where the head or everything trains, and NTK-CL on a frozen transformer.

    DRIFTLAW_IMAGES=FILE driftlaw deep study hybrid --load tests/bench/cifar_part.py --preset hybrid-cifar100-part --device cuda

FILE is what `python tests/bench/balanced_part.py` writes.
"""

import os
from dataclasses import replace
from pathlib import Path

from balanced_part import unpacked

from deep.data import DATASETS, Dataset
from deep.studies.design import Preset, Rule, StudyStream
from deep.studies.presets import PRESETS, units
from theory.errors import InputError

NAME = "cifar-100-part"


@DATASETS.register(name=NAME)
def part() -> Dataset:
    """Return the part in the file that the environment variable DRIFTLAW_IMAGES names."""
    if "DRIFTLAW_IMAGES" not in os.environ:
        raise InputError("DRIFTLAW_IMAGES is not set; set it to a file that `python tests/bench/balanced_part.py` has made")
    train, test = unpacked(Path(os.environ["DRIFTLAW_IMAGES"]).read_bytes())
    classes = tuple(f"class {label}" for label in range(int(train.labels.max()) + 1))
    return Dataset(NAME, classes, train, test, notes=(f"A balanced part of CIFAR-100: {len(train):,} training and {len(test):,} test images.",))


_LOOP = {"epochs": 10, "batch_size": 64, "learning_rate": 0.05, "precision": "bfloat16", "execution": "captured"}
_OPTIONS = {"tasks": 10, "validation_share": 0.1}
_NINE = StudyStream("split CIFAR-100, 10 tasks", f"split-{NAME}", _OPTIONS, network="paper-resnet", loop={**_LOOP, "momentum": 0.9}, published="split CIFAR-100, 10 tasks")
# With one head for all classes the tasks share what trains at the head, so that methods can differ there.
_EIGHTEEN = StudyStream("split CIFAR-100, one head", f"split-{NAME}", _OPTIONS, "domain", network="resnet18-20", loop=_LOOP)
_METHODS = {"ewc": (1.0, 10.0, 100.0), "si": (0.01, 0.1, 1.0), "lwf": (0.3, 1.0, 3.0)}
_FEW = {"train_examples": 20, "test_examples": 20, "validation_share": 0.5}
_UNITS = {"development": units(1, 100, 1), "confirmation": units(3, 1000, 3, first=1)}
HYBRID = Preset("hybrid-cifar100-part", (_NINE,), (Rule("threshold", tuple({"threshold": value, "few": 2} for value in (0.0, 0.1, 0.3))),), **_UNITS)
REGIMES = Preset(
    "regimes-cifar100-part", (_EIGHTEEN,), tuple(
        Rule(name, tuple({"depth": depth, "strength": value} for value in values) if values else ({"depth": depth},), method=method, regime=depth)
        for depth in (1, 5) for name, method, values in (("frozen", "fine-tuning", ()), *((name, name, values) for name, values in _METHODS.items()))
    ), study="regimes", **_UNITS,
)  # fmt: skip
_VIT = PRESETS["ntk-cl"]  # on classes that have not pretrained it
_NEW = replace(_VIT.streams[0], stream=f"split-{NAME}", options={**_OPTIONS, "classes": [50, 100], "class_order": "seeded"})
NTK_CL = replace(_VIT, name="ntk-cl-cifar100-part", streams=(_NEW,), **_UNITS)
for preset in (HYBRID, REGIMES, NTK_CL):
    stream, rules = preset.streams[0], tuple(replace(rule, grid=rule.grid[:1]) for rule in preset.rules[: 2 if preset is NTK_CL else None])
    network = stream.network if preset is NTK_CL else "convnet"
    small = replace(stream, network=network, options={**stream.options, "tasks": 5, **_FEW}, loop={"epochs": 1, "batch_size": 8, "learning_rate": 0.05})
    toy = replace(preset, name=f"{preset.name}-toy", streams=(small,), rules=rules, confirmation=units(2, 1000, 2, first=1))
    for made in (preset, toy):
        PRESETS.register(made)
